-- The audit database of toolward. Plain sqlite3 reads it; open it with mode=ro:
--   sqlite3 'file:toolward.db?mode=ro' 'SELECT time, agent, tool, outcome FROM calls ORDER BY seq DESC LIMIT 20'
-- PRAGMA application_id is 0x746f6f6c ("tool"), PRAGMA user_version is the version of this schema.

-- events is the record. Rows are only ever appended; the triggers below refuse
-- everything else, and the chain of hashes shows what got past them.
CREATE TABLE events (
  seq          INTEGER PRIMARY KEY CHECK (seq > 0),  -- 1, 2, 3 … without a gap; the order of events
  time_unix_ms INTEGER NOT NULL,     -- UTC. Of call.attempt and call.refusal: when the request was read. Of others: when it was recorded
  type         TEXT NOT NULL,        -- call.attempt, call.outcome, call.refusal; what the gateway did: audit.open, policy.reload …
  call         ANY,                  -- ID of the call (UUIDv7); in call.outcome the seq of its call.attempt, where there is one; NULL in the gateway's own events
  agent        TEXT,                 -- the agent's ID, as its token names it; NULL in call.outcome and before anyone was known
  server       TEXT,                 -- the upstream's name in toolward.yaml
  tool         TEXT,                 -- server__name, or what the agent asked for if there is no such tool
  kind         TEXT,                 -- tool, prompt, resource, completion, task, list, sampling, elicitation, roots, notification, lifecycle
  effect       TEXT,                 -- what policy decided: allow, approve, deny; NULL if it was not asked. Of call.outcome: about the result
  code         TEXT,                 -- why it was refused or withheld (a closed list: docs/audit.md); NULL if it was not
  session      TEXT,                 -- joins the calls of one principal or token session; NULL in call.outcome and before anyone was known
  outcome      TEXT,                 -- of call.outcome and call.refusal: ok, error (the tool's own), refused, withheld, timeout, cancelled, failed
  us           INTEGER,              -- of the same: microseconds from reading the request to recording the answer
  bytes        INTEGER,              -- of call.attempt and call.refusal: of the arguments, as they came; of call.outcome: of the result
  who          BLOB,                 -- digest of a row of interned: surface, peer, what the agent's program said of itself, agent with roles and claims
  what         BLOB,                 -- likewise: method, tool, what the session had seen before, the rules that decided; of call.outcome: those on the result
  body         TEXT NOT NULL CHECK (json_valid(body)),  -- everything else, one line of JSON
  digest       BLOB,                 -- 16 bytes of SHA-256 over salt and texts of its row in bodies; NULL if it never had one
  hash         BLOB NOT NULL CHECK (length(hash) = 32), -- SHA-256 of the row before it and of this row (package doc of audit)
  mac          BLOB NOT NULL CHECK (length(mac) = 16)   -- of hash, by the gateway's key: nobody else wrote this row
) STRICT;

-- bodies is what may go before its event does: the event has the digest of the
-- row, so that what is here cannot be exchanged, and what is not here breaks no chain.
CREATE TABLE bodies (
  seq  INTEGER PRIMARY KEY,          -- of the event
  salt BLOB NOT NULL,
  text TEXT,                         -- JSON: of call.attempt and call.refusal: the arguments; of call.outcome: the result; of others: what they keep here
  beside TEXT CHECK (json_valid(beside))  -- object: beside, what was sent with the arguments; said, by the upstream during the call; remembered, what policy keeps of the call
) STRICT;

-- interned is what many events have in common. They name it by its digest, in who
-- and what (the first 16 bytes of SHA-256 over salt and text).
CREATE TABLE interned (
  digest BLOB PRIMARY KEY,
  salt   BLOB NOT NULL,
  text   TEXT NOT NULL CHECK (json_valid(text)),
  last   INTEGER NOT NULL            -- an event that uses it; none does after this number and 10,000 more
) STRICT, WITHOUT ROWID;

-- What can go with a prune.
CREATE INDEX interned_last ON interned (last);
-- Sessions by the name that tokens give them.
CREATE INDEX interned_session ON interned (text ->> '$.agent.session');

CREATE INDEX events_call  ON events (call) WHERE call IS NOT NULL;
CREATE INDEX events_session ON events (session) WHERE session IS NOT NULL;
CREATE INDEX events_own   ON events (type) WHERE call IS NULL;
-- Questions to people, by their ID.
CREATE INDEX events_about ON events (body ->> '$.id', type) WHERE call IS NULL AND body ->> '$.id' IS NOT NULL;

CREATE TRIGGER bodies_follow AFTER DELETE ON events
BEGIN DELETE FROM bodies WHERE seq = old.seq; END;

-- What follows is derived from the events, and made in the transaction that records
-- them, so that nobody who looks for calls has to read them all. facets are the
-- combinations of what calls are filtered by, '' for NULL.
CREATE TABLE facets (
  id      INTEGER PRIMARY KEY,
  agent   TEXT NOT NULL,
  server  TEXT NOT NULL,
  tool    TEXT NOT NULL,
  kind    TEXT NOT NULL,
  effect  TEXT NOT NULL,
  outcome TEXT NOT NULL,             -- '' while there is none: running, or interrupted
  code    TEXT NOT NULL,
  mark    TEXT NOT NULL CHECK (json_valid(mark)), -- object: issuer, peer, roles, labels (of tool, session and result), revision, findings (kinds), rules, differs (from the shadow policy)
  UNIQUE (agent, tool, outcome, code, server, kind, effect, mark)
) STRICT;

-- counts says how many calls of a facet there are among the first events 4096 * span to 4096 * span + 4095.
CREATE TABLE counts (
  span  INTEGER NOT NULL,
  hour  INTEGER NOT NULL,            -- when the requests were read: milliseconds / 3600000
  facet INTEGER NOT NULL,
  slot  INTEGER NOT NULL,            -- how long they took: at most 2 to the power of (slot - 1) / 4 microseconds; 0 while there is no outcome
  calls INTEGER NOT NULL,
  first INTEGER NOT NULL,            -- seq of the first of them, or one before
  last  INTEGER NOT NULL,            -- seq of the last of them, or one after
  PRIMARY KEY (span, hour, facet, slot)
) STRICT, WITHOUT ROWID;

CREATE INDEX counts_facet ON counts (facet, span);

-- hours says in which spans the calls of an hour are; and of spans in which every call has ended, what they have in common.
CREATE TABLE hours (
  hour  INTEGER NOT NULL,
  span  INTEGER NOT NULL,
  first INTEGER,                     -- time_unix_ms of the earliest of these calls; NULL while they are not in hour_counts and day_counts
  last  INTEGER,                     -- of the latest
  slot  INTEGER,                     -- of the longest
  found INTEGER NOT NULL DEFAULT 0,  -- 1: words has the span
  PRIMARY KEY (hour, span)
) STRICT, WITHOUT ROWID;

CREATE INDEX hours_due ON hours (span) WHERE found = 0;

-- hour_counts and day_counts are sums of counts over the spans that hours has a first of. slot is that of the longest.
CREATE TABLE hour_counts (hour INTEGER NOT NULL, facet INTEGER NOT NULL, calls INTEGER NOT NULL, slot INTEGER NOT NULL, PRIMARY KEY (hour, facet)) STRICT, WITHOUT ROWID;

-- day is hour / 24.
CREATE TABLE day_counts (day INTEGER NOT NULL, facet INTEGER NOT NULL, slot INTEGER NOT NULL, calls INTEGER NOT NULL, PRIMARY KEY (day, facet, slot)) STRICT, WITHOUT ROWID;

-- words are filters that say which words are not in the texts of the calls that begin in a span.
CREATE TABLE words (block INTEGER NOT NULL, span INTEGER NOT NULL, bits BLOB NOT NULL, PRIMARY KEY (block, span)) STRICT, WITHOUT ROWID;

-- sources says which calls carry a copy of a result, by the call that brought it.
CREATE TABLE sources (source TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (source, seq)) STRICT, WITHOUT ROWID;

-- What can go with a prune.
CREATE INDEX sources_seq ON sources (seq);

CREATE TRIGGER events_refuse_update BEFORE UPDATE ON events
BEGIN SELECT raise(ABORT, 'events are never changed'); END;

-- Rows go only after an audit.prune event says up to where, and signs the hash
-- that the rest is chained to.
CREATE TRIGGER events_refuse_delete BEFORE DELETE ON events
WHEN old.seq > coalesce((SELECT json_extract(body, '$.through') FROM events
                         WHERE type = 'audit.prune' AND call IS NULL ORDER BY seq DESC LIMIT 1), 0)
BEGIN SELECT raise(ABORT, 'events are removed by toolward audit prune only'); END;

-- REPLACE deletes without firing delete triggers, so it is refused as an insert.
CREATE TRIGGER events_refuse_replace BEFORE INSERT ON events
WHEN EXISTS (SELECT 1 FROM events WHERE seq = new.seq)
BEGIN SELECT raise(ABORT, 'events are never replaced'); END;

-- timeline is events with a time that people can read. (A generated column would
-- be computed at every insert.)
CREATE VIEW timeline AS
SELECT e.seq, strftime('%Y-%m-%dT%H:%M:%fZ', e.time_unix_ms / 1000.0, 'unixepoch') AS time, e.type, coalesce(a.call, e.call) AS call, e.agent, e.server, e.tool, e.kind,
  e.effect, e.code, e.session, e.outcome, e.us / 1000.0 AS ms, e.bytes, e.body, b.text AS bodies, b.beside
FROM events e LEFT JOIN bodies b ON b.seq = e.seq LEFT JOIN events a ON a.seq = e.call;

-- calls has one row per call: what was asked, what was decided, what became of it.
CREATE VIEW calls AS
SELECT
  a.seq                                       AS seq,           -- of its first event; orders calls
  a.call                                      AS id,            -- UUIDv7, shown to the agent in refusals
  strftime('%Y-%m-%dT%H:%M:%fZ', a.time_unix_ms / 1000.0, 'unixepoch') AS time, -- when the request was read, ISO 8601, UTC
  a.time_unix_ms                              AS time_unix_ms,
  strftime('%Y-%m-%dT%H:%M:%fZ', o.time_unix_ms / 1000.0, 'unixepoch') AS finished, -- when the outcome was recorded; NULL if refused or unfinished
  coalesce(o.seq, iif(a.type = 'call.refusal', a.seq, NULL)) AS ended_seq, -- of its last event; orders what ended
  who.text ->> '$.surface'                    AS surface,       -- mcp, sse, stdio, rest, cli
  who.text ->> '$.protocol'                   AS protocol,      -- MCP revision
  who.text ->> '$.peer'                       AS peer,          -- the agent's network address
  a.agent                                     AS agent,
  who.text ->> '$.agent.issuer'               AS issuer,        -- who vouches for the agent
  who.text -> '$.agent.roles'                 AS roles,         -- JSON array
  who.text -> '$.agent.scopes'                AS scopes,        -- JSON array
  who.text ->> '$.agent.claims.jti'           AS token_id,      -- of the token (its jti)
  a.session                                   AS session,       -- joins the calls of one principal or token session
  who.text ->> '$.agent.session'              AS session_name,  -- the token's sid
  what.text -> '$.seen'                       AS session_labels, -- JSON array: what the session had seen before the call
  a.body ->> '$.parent'                       AS parent,        -- of what an upstream asked: the call that caused it
  a.server                                    AS server,
  what.text ->> '$.endpoint'                  AS endpoint,      -- of /mcp/{server}: that server
  a.tool                                      AS tool,
  what.text -> '$.tool.labels'                AS tool_labels,   -- JSON array
  what.text -> '$.tool.annotations'           AS tool_annotations, -- JSON object: what its server says of the tool
  a.kind                                      AS kind,
  what.text ->> '$.method'                    AS method,        -- the MCP method
  a.effect                                    AS effect,        -- allow, approve, deny; NULL if policy was not asked
  coalesce(o.code, a.code)                    AS code,
  CASE WHEN coalesce(o.outcome, a.outcome) IS NOT NULL THEN coalesce(o.outcome, a.outcome)
       WHEN a.seq < (SELECT max(seq) FROM events WHERE type IN ('audit.open', 'audit.recover') AND call IS NULL) THEN 'interrupted'
       ELSE 'running' END                     AS outcome,       -- ok, error (the tool's own), refused, withheld, timeout, cancelled, failed, interrupted, running
  coalesce(o.body ->> '$.refusal.step', a.body ->> '$.refusal.step') AS step,  -- of the pipeline that refused it or withheld the result
  coalesce(o.body -> '$.refusal.reasons', a.body -> '$.refusal.reasons', a.body -> '$.reasons') AS reasons, -- JSON array of texts
  coalesce(o.body ->> '$.refusal.remedy', a.body ->> '$.refusal.remedy') AS remedy, -- what the agent's people can do
  coalesce(o.body ->> '$.refusal.cause', a.body ->> '$.refusal.cause') AS cause,  -- the fault behind it, which the agent was not told
  a.body ->> '$.refusal.scope'                AS scope,         -- that the token lacked
  coalesce(a.body ->> '$.approval', a.body ->> '$.refusal.approval') AS approval, -- the question that a person was asked
  (SELECT d.body ->> '$.by.subject' FROM events d WHERE d.body ->> '$.id' = coalesce(a.body ->> '$.approval', a.body ->> '$.refusal.approval')
     AND d.type IN ('approval.approved', 'approval.denied') AND d.call IS NULL ORDER BY d.seq DESC LIMIT 1) AS decided_by, -- the person who answered it
  what.text -> '$.rules'                      AS rules,         -- JSON array: the policy rules that fired
  what.text ->> '$.revision'                  AS revision,      -- of the policy
  what.text ->> '$.shadow'                    AS shadow,        -- what the shadow policy would have decided
  o.effect                                    AS result_effect, -- what policy decided about the result: allow, deny
  ruling.text -> '$.rules'                    AS result_rules,
  ruling.text ->> '$.shadow'                  AS result_shadow,
  a.body -> '$.findings'                      AS findings,      -- JSON array: what guard saw in the arguments
  o.body -> '$.findings'                      AS result_findings,
  (SELECT nullif(json_group_array(DISTINCT value ->> '$.kind'), '[]') FROM (SELECT value FROM json_each(a.body, '$.findings') UNION ALL SELECT value FROM json_each(o.body, '$.findings'))) AS finding_kinds, -- JSON array
  (SELECT nullif(json_group_array(DISTINCT value ->> '$.from'), '[]') FROM json_each(a.body, '$.findings') WHERE value ->> '$.from' IS NOT NULL) AS from_calls, -- JSON array: the calls whose results the arguments copy
  a.body ->> '$.score'                        AS score,         -- injection probability, 0 to 1
  what.text ->> '$.tool.fingerprint'          AS fingerprint,   -- of the tool's definition
  ab.text                                     AS args,          -- JSON object, secrets replaced; NULL with bodies: digest or none, and when it is gone
  a.bytes                                     AS args_bytes,
  a.body ->> '$.args_digest'                  AS args_digest,   -- keyed hash; with bodies: digest, and where a body was cut
  ab.beside -> '$.beside'                     AS beside,        -- JSON object: what was sent beside the arguments (_meta, task, inputResponses), secrets replaced
  a.body -> '$.dropped'                       AS dropped,       -- JSON array: names of members of params that the method does not have; they were not sent
  ob.text                                     AS result,        -- JSON, secrets replaced
  o.bytes                                     AS result_bytes,
  o.body ->> '$.result_digest'                AS result_digest,
  CASE WHEN o.outcome IN ('ok', 'error') THEN iif(o.body ->> '$.redacted', 'redacted', 'all') ELSE 'nothing' END AS shown, -- of the result, to the agent
  what.text ->> '$.redact[0]' IS NOT NULL OR coalesce(o.body ->> '$.redacted', 0) OR EXISTS (SELECT 1 FROM json_each(a.body, '$.findings') WHERE value ->> '$.action' = 'redact') AS redacted, -- 1: parts of arguments or result were replaced
  o.body -> '$.said'                          AS said,          -- JSON object: what the upstream said during the call (progress, log messages): sent and withheld, in number
  ob.beside -> '$.said'                       AS said_first,    -- JSON array: the first of them
  o.body -> '$.labels'                        AS labels,        -- JSON array: what the result, or what was said during the call, added to the session
  a.body ->> '$.trace'                        AS trace_id,      -- W3C trace that the call is part of, the agent's if it sent one; NULL where traces are not exported
  coalesce(o.us, a.us) / 1000.0               AS ms,            -- from reading the request to recording the answer; NULL while running
  o.body ->> '$.us[5]' / 1000.0         AS upstream_ms,   -- in the upstream alone
  coalesce(o.body ->> '$.us[0]', a.body ->> '$.us[0]') / 1000.0     AS limit_ms,
  coalesce(o.body ->> '$.us[1]', a.body ->> '$.us[1]') / 1000.0     AS guard_ms,
  coalesce(o.body ->> '$.us[2]', a.body ->> '$.us[2]') / 1000.0   AS policy_ms,
  coalesce(o.body ->> '$.us[3]', a.body ->> '$.us[3]') / 1000.0 AS approve_ms,  -- waiting for a person
  o.body ->> '$.us[4]' / 1000.0           AS record_ms      -- until the attempt was on disk
FROM events a
-- In the order in which they cost: a call that is not asked for is known by its events, and its texts are not read.
LEFT JOIN events o      ON o.call = +a.seq AND o.type = 'call.outcome' AND a.type = 'call.attempt'
LEFT JOIN interned who  ON who.digest = a.who
LEFT JOIN interned what ON what.digest = a.what
LEFT JOIN interned ruling ON ruling.digest = o.what
LEFT JOIN bodies ab     ON ab.seq = a.seq
LEFT JOIN bodies ob     ON ob.seq = o.seq
WHERE a.call IS NOT NULL AND a.type IN ('call.attempt', 'call.refusal');

-- findings has a row for each thing that guard saw in a call.
CREATE VIEW findings AS
SELECT c.seq, c.time, c.id AS call, c.agent, c.tool, c.outcome, f.value ->> '$.stage' AS stage, f.value ->> '$.kind' AS kind, f.value ->> '$.rule' AS rule,
  f.value ->> '$.severity' AS severity, f.value ->> '$.where' AS place, f.value ->> '$.via' AS via, f.value ->> '$.from' AS source, f.value ->> '$.action' AS action
FROM calls c JOIN json_each(c.findings) f
UNION ALL
SELECT c.seq, c.time, c.id, c.agent, c.tool, c.outcome, f.value ->> '$.stage', f.value ->> '$.kind', f.value ->> '$.rule',
  f.value ->> '$.severity', f.value ->> '$.where', f.value ->> '$.via', f.value ->> '$.from', f.value ->> '$.action'
FROM calls c JOIN json_each(c.result_findings) f;

-- flows says which data went where: what a call brought, and the call whose arguments copy it.
CREATE VIEW flows AS
SELECT sink.seq, sink.time, sink.agent, sink.session, s.source, src.tool AS source_tool, sink.id AS sink, sink.tool AS sink_tool, sink.outcome, sink.code,
  f.value ->> '$.where' AS place, f.value ->> '$.via' AS via, f.value ->> '$.severity' AS severity
FROM sources s JOIN calls sink ON sink.seq = s.seq JOIN json_each(sink.findings) f ON f.value ->> '$.from' = s.source
LEFT JOIN events src ON src.call = s.source AND src.type = 'call.attempt';

-- sessions has a row for each principal or token session.
CREATE VIEW sessions AS
SELECT session, max(agent) AS agent, max(session_name) AS name, min(time) AS first, max(time) AS last, count(*) AS calls,
  sum(outcome IN ('refused', 'withheld')) AS refused,
  (SELECT nullif(json_group_array(label), '[]') FROM (SELECT DISTINCT l.value AS label FROM calls s, json_each(s.session_labels) l WHERE s.session = c.session
     UNION SELECT l.value FROM calls s, json_each(s.labels) l WHERE s.session = c.session ORDER BY 1)) AS labels -- JSON array: all that it ever had
FROM calls c WHERE session IS NOT NULL GROUP BY session;

-- meters has a row for each time that a call added to a meter of policy. (What counts now: toolward meters list.)
CREATE VIEW meters AS
SELECT e.seq, strftime('%Y-%m-%dT%H:%M:%fZ', e.time_unix_ms / 1000.0, 'unixepoch') AS time, e.time_unix_ms, a.call, a.agent, a.session, a.tool,
  iif(e.type = 'call.outcome', 'result', 'request') AS stage,
  m.value ->> '$.name' AS name, m.value ->> '$.per' AS per, m.value ->> '$.of' AS of, -- for whom it counts: a digest of the agent, a session, a tool
  m.value ->> '$.key' AS key,                    -- its token: toolward audit hash
  m.value ->> '$.amount' AS amount, m.value ->> '$.window' / 1e9 AS window_s
FROM events e JOIN json_each(e.body, '$.adds.meters') m JOIN events a ON a.seq = iif(e.type = 'call.outcome', e.call, e.seq)
WHERE e.type IN ('call.attempt', 'call.outcome') AND e.call IS NOT NULL;

-- people is what persons decided: approvals, blocks, labels, meters, definitions, exceptions, tokens, clients let in, logins, erasures, prunes. What was
-- pinned on first use, nobody accepted.
CREATE VIEW people AS
SELECT seq, strftime('%Y-%m-%dT%H:%M:%fZ', time_unix_ms / 1000.0, 'unixepoch') AS time, type,
  coalesce(body ->> '$.by.subject', iif(json_type(body, '$.by') = 'text', body ->> '$.by', NULL)) AS person, body ->> '$.by.issuer' AS issuer,
  coalesce(body ->> '$.id', body ->> '$.name', body ->> '$.subject', body ->> '$.server', body ->> '$.session', body ->> '$.agent', body ->> '$.call') AS about,
  coalesce(body ->> '$.note', body ->> '$.reason', body ->> '$.why') AS note, body
FROM events WHERE call IS NULL AND type IN ('approval.approved', 'approval.denied', 'approval.revoked', 'pin.accepted', 'block.added', 'block.lifted',
  'session.cleared', 'meter.reset', 'guard.excepted', 'guard.exception_removed', 'token.minted', 'token.created', 'token.revoked', 'grant.given', 'grant.revoked', 'upstream.login', 'audit.erase', 'audit.prune', 'audit.segment', 'audit.keys')
  AND body ->> '$.by' IS NOT NULL;

-- approvals has a row for each question to a person: what became of it, and who decided.
CREATE VIEW approvals AS
SELECT q.seq, strftime('%Y-%m-%dT%H:%M:%fZ', q.time_unix_ms / 1000.0, 'unixepoch') AS asked, q.body ->> '$.id' AS id, q.body ->> '$.call' AS call,
  q.body ->> '$.agent' AS agent, q.body ->> '$.tool' AS tool, qb.text -> '$.args' AS args, q.body -> '$.reasons' AS reasons,
  substr(d.type, 10) AS decision, strftime('%Y-%m-%dT%H:%M:%fZ', d.time_unix_ms / 1000.0, 'unixepoch') AS decided, d.body ->> '$.by.subject' AS decided_by,
  d.body ->> '$.by.issuer' AS vouched_by, d.body ->> '$.note' AS note, substr(u.type, 10) AS ended, u.body ->> '$.call' AS used_by, -- ended: used, revoked, expired
  u.body ->> '$.by.subject' AS revoked_by
FROM events q
LEFT JOIN bodies qb ON qb.seq = q.seq
LEFT JOIN events d ON d.type IN ('approval.approved', 'approval.denied') AND d.call IS NULL AND d.body ->> '$.id' = q.body ->> '$.id'
LEFT JOIN events u ON u.type IN ('approval.used', 'approval.revoked', 'approval.expired') AND u.call IS NULL AND u.body ->> '$.id' = q.body ->> '$.id'
WHERE q.type = 'approval.asked' AND q.call IS NULL;

-- definitions is what people, or first use, accepted of what upstreams offer, and what was held back.
CREATE VIEW definitions AS
SELECT e.seq, strftime('%Y-%m-%dT%H:%M:%fZ', time_unix_ms / 1000.0, 'unixepoch') AS time, type, body ->> '$.server' AS server, body ->> '$.kind' AS kind,
  body ->> '$.name' AS name, body ->> '$.fingerprint' AS fingerprint, body ->> '$.by.subject' AS accepted_by, body ->> '$.by.issuer' AS vouched_by,
  body ->> '$.note' AS note, body ->> '$.reason' AS reason, coalesce(body -> '$.definition', text -> '$.definition') AS definition, coalesce(body -> '$.was', text -> '$.was') AS was
FROM events e LEFT JOIN bodies b ON b.seq = e.seq WHERE call IS NULL AND type IN ('pin.accepted', 'tool.quarantined');

-- sums is counts by the hour, with the longest slot only.
CREATE VIEW sums AS
SELECT hour, facet, calls, slot FROM hour_counts
UNION ALL SELECT c.hour, c.facet, c.calls, c.slot FROM hours h CROSS JOIN counts c ON c.span = h.span AND c.hour = h.hour WHERE h.found = 0 AND h.first IS NULL;

-- paces is counts by the day.
CREATE VIEW paces AS
SELECT day, facet, slot, calls FROM day_counts
UNION ALL SELECT c.hour / 24, c.facet, c.slot, c.calls FROM hours h CROSS JOIN counts c ON c.span = h.span AND c.hour = h.hour WHERE h.found = 0 AND h.first IS NULL;

-- totals is how many calls there are of each facet, from which hour to which.
CREATE VIEW totals AS
SELECT f.*, t.calls, t.first, t.last FROM (SELECT facet, sum(calls) AS calls, min(hour) AS first, max(hour) AS last FROM sums WHERE calls > 0 GROUP BY facet) t JOIN facets f ON f.id = t.facet;

-- policies is which revision decided from when to when, to the hour, and its text as it was put in force last.
CREATE VIEW policies AS
SELECT used.*, strftime('%Y-%m-%dT%H:%M:%fZ', coalesce(e.body ->> '$.time_unix_ms', e.time_unix_ms) / 1000.0, 'unixepoch') AS loaded, e.seq AS loaded_seq, coalesce(e.body -> '$.digests', e.body -> '$.body.digests') AS digests,
  b.text -> '$.files' AS files           -- JSON array: name and text
FROM (
  SELECT mark ->> '$.revision' AS revision, strftime('%Y-%m-%dT%HZ', min(t.first) * 3600, 'unixepoch') AS first, strftime('%Y-%m-%dT%HZ', max(t.last) * 3600, 'unixepoch') AS last,
    sum(calls) AS calls, sum(iif(effect = 'deny', calls, 0)) AS denied
  FROM totals t WHERE mark ->> '$.revision' IS NOT NULL GROUP BY 1) used
LEFT JOIN events e ON e.seq = (SELECT max(l.seq) FROM events l WHERE l.call IS NULL AND (l.type = 'policy.loaded' AND l.body ->> '$.revision' = used.revision
  OR l.type = 'audit.kept' AND l.body ->> '$.body.revision' = used.revision))
LEFT JOIN bodies b ON b.seq = e.seq;

-- grants is what agents used with which roles, to the hour.
CREATE VIEW grants AS
SELECT agent, mark -> '$.roles' AS roles, server, tool, sum(calls) AS calls, sum(iif(outcome = 'refused', calls, 0)) AS refused,
  strftime('%Y-%m-%dT%HZ', min(t.first) * 3600, 'unixepoch') AS first, strftime('%Y-%m-%dT%HZ', max(t.last) * 3600, 'unixepoch') AS last
FROM totals t GROUP BY agent, roles, server, tool;

-- slots says how long the calls of a slot took at most.
CREATE VIEW slots AS
WITH RECURSIVE top(slot, us) AS (SELECT 0, 0.8408964152537145 UNION ALL SELECT slot + 1, us * 1.189207115002721 FROM top WHERE slot < 200)
SELECT slot, us / 1000.0 AS ms FROM top;

-- identities is which roles an agent had, and who vouched for it, to the hour.
CREATE VIEW identities AS
SELECT agent, coalesce(mark ->> '$.issuer', '') AS issuer, mark -> '$.roles' AS roles, sum(calls) AS calls,
  strftime('%Y-%m-%dT%HZ', min(t.first) * 3600, 'unixepoch') AS first, strftime('%Y-%m-%dT%HZ', max(t.last) * 3600, 'unixepoch') AS last
FROM totals t WHERE agent <> '' GROUP BY 1, 2, 3;

-- hourly counts calls by hour.
CREATE VIEW hourly AS
SELECT strftime('%Y-%m-%dT%H:00:00Z', hour * 3600, 'unixepoch') AS hour, agent, server, tool, outcome, code, sum(calls) AS calls,
  max(iif(sums.slot > 0, slots.ms, NULL)) AS most_ms
FROM sums JOIN facets ON id = facet JOIN slots ON slots.slot = sums.slot
WHERE calls > 0 GROUP BY sums.hour, agent, server, tool, outcome, code;

-- habits is at which hours of the day (UTC) an agent calls.
CREATE VIEW habits AS
SELECT agent, hour % 24 AS hour_of_day, sum(calls) AS calls, count(DISTINCT hour / 24) AS days, strftime('%Y-%m-%dT%HZ', max(hour) * 3600, 'unixepoch') AS last
FROM sums JOIN facets ON id = facet WHERE calls > 0 AND agent <> '' GROUP BY agent, hour_of_day;

-- peers is from which network addresses an agent called, to the hour. An agent '' is nobody who is known.
CREATE VIEW peers AS
SELECT agent, coalesce(mark ->> '$.peer', '') AS peer, sum(calls) AS calls, sum(iif(outcome = 'refused', calls, 0)) AS refused,
  strftime('%Y-%m-%dT%HZ', min(t.first) * 3600, 'unixepoch') AS first, strftime('%Y-%m-%dT%HZ', max(t.last) * 3600, 'unixepoch') AS last
FROM totals t GROUP BY 1, 2;

-- tools is how the calls of each tool ended, and how long those took that were made: up to a fifth less than it says.
CREATE VIEW tools AS
WITH n AS (SELECT server, tool, outcome, p.slot, sum(calls) AS calls FROM (SELECT facet, slot, sum(calls) AS calls FROM paces GROUP BY 1, 2) p JOIN facets ON id = facet WHERE calls > 0 GROUP BY 1, 2, 3, 4),
  made AS (SELECT server, tool, slot, sum(sum(calls)) OVER (PARTITION BY server, tool ORDER BY slot) AS upto, sum(sum(calls)) OVER (PARTITION BY server, tool) AS whole
           FROM n WHERE slot > 0 AND outcome <> 'refused' GROUP BY server, tool, slot),
  q AS (SELECT server, tool, min(iif(upto >= whole * 0.5, ms, NULL)) AS p50_ms, min(iif(upto >= whole * 0.95, ms, NULL)) AS p95_ms, max(ms) AS most_ms
        FROM made JOIN slots ON slots.slot = made.slot GROUP BY server, tool)
SELECT n.server, n.tool, sum(calls) AS calls, sum(iif(outcome = 'refused', calls, 0)) AS refused, sum(iif(outcome = 'error', calls, 0)) AS errors,
  sum(iif(outcome = 'failed', calls, 0)) AS failed, sum(iif(outcome = 'timeout', calls, 0)) AS timeouts, p50_ms, p95_ms, most_ms
FROM n LEFT JOIN q ON q.server = n.server AND q.tool = n.tool GROUP BY n.server, n.tool;

-- traffic is how much agents sent to tools and got from them, in bytes. It reads every call.
CREATE VIEW traffic AS
SELECT agent, server, tool, count(*) AS calls, coalesce(sum(args_bytes), 0) AS sent, coalesce(sum(result_bytes), 0) AS got, min(time) AS first, max(time) AS last
FROM calls GROUP BY agent, server, tool;
