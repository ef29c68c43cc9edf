-- Twenty-five questions a reviewer asks. Each stands alone; run one with
--   sqlite3 -header -column 'file:toolward.db?mode=ro' "SELECT …"
-- Times are UTC. `calls` has a row per call; audit/schema.sql explains every column and view.

-- 1. What did an agent do today?
SELECT time, tool, outcome, code, args FROM calls WHERE agent = 'ann' AND time >= date('now') ORDER BY seq DESC LIMIT 100;

-- 2. Who let a call pass: which roles, which rules, which person? (here: the latest)
SELECT time, agent, roles, tool, effect, rules, revision, approval FROM calls WHERE effect IS NOT NULL ORDER BY seq DESC LIMIT 1;

-- 3. What data left: calls of tools that reach outside, in sessions that had seen private data?
SELECT time, agent, tool, outcome, args_bytes, session_labels, id FROM calls
WHERE EXISTS (SELECT 1 FROM json_each(tool_labels) WHERE value IN ('external', 'private')) ORDER BY seq DESC LIMIT 100;

-- 4. Which refusals are more than in the day before?
SELECT code, sum(hour >= strftime('%Y-%m-%dT%H', 'now', '-1 day')) AS now_hours, sum(iif(hour >= strftime('%Y-%m-%dT%H', 'now', '-1 day'), calls, 0)) AS today,
  sum(iif(hour < strftime('%Y-%m-%dT%H', 'now', '-1 day'), calls, 0)) AS before
FROM hourly WHERE code <> '' AND hour >= strftime('%Y-%m-%dT%H', 'now', '-2 day') GROUP BY code ORDER BY today - before DESC;

-- 5. Which tools does an agent use with its roles, and since when no more?
SELECT agent, roles, tool, calls, refused, last FROM grants ORDER BY last, agent;

-- 6. Who talks most, in calls and bytes?
SELECT agent, count(*) AS calls, sum(args_bytes) AS sent, sum(result_bytes) AS got FROM calls GROUP BY agent ORDER BY calls DESC;

-- 7. What did one session do, in order? (here: the latest)
SELECT time, tool, effect, outcome, code, session_labels, labels FROM calls
WHERE session = (SELECT session FROM calls WHERE session IS NOT NULL ORDER BY seq DESC LIMIT 1) ORDER BY seq;

-- 8. Which call brought what leaked?
SELECT time, source, source_tool, sink, sink_tool, outcome, place, via, severity FROM flows ORDER BY seq DESC;

-- 9. Which revisions of the policy decided, and when?
SELECT revision, first, last, calls, denied FROM policies ORDER BY first;

-- 10. What did people decide, when, why, and who were they?
SELECT time, type, person, issuer, about, note FROM people ORDER BY seq DESC;

-- 11. Which tools are slow?
SELECT tool, count(*) AS calls, round(avg(upstream_ms), 1) AS avg_ms, max(upstream_ms) AS worst_ms, sum(outcome = 'timeout') AS timeouts
FROM calls WHERE upstream_ms IS NOT NULL GROUP BY tool ORDER BY avg_ms DESC;

-- 12. What had the agent read when it did this? (here: before the latest refusal)
SELECT b.time, b.tool, b.outcome, b.shown, b.labels FROM calls AS b
JOIN (SELECT seq, session FROM calls WHERE outcome = 'refused' AND session IS NOT NULL ORDER BY seq DESC LIMIT 1) AS x ON b.session = x.session AND b.seq < x.seq ORDER BY b.seq;

-- 13. Who calls at hours at which it seldom does?
SELECT agent, strftime('%H', hour) AS hour_of_day, sum(calls) AS calls FROM hourly GROUP BY agent, hour_of_day ORDER BY calls LIMIT 50;

-- 14. When did an agent use a tool for the first time?
SELECT min(first) AS first, agent, tool, sum(calls) AS calls FROM grants GROUP BY agent, tool ORDER BY first DESC;

-- 15. Where did a credential go? (its hash: toolward audit hash)
SELECT time, agent, tool, outcome, id FROM calls WHERE instr(args, 'hmac:') OR instr(result, 'hmac:') ORDER BY seq;

-- 16. Which definitions changed, and who accepted them?
SELECT time, type, server, name, accepted_by, reason, definition, was FROM definitions ORDER BY seq DESC;

-- 17. Which calls have no outcome: in flight now, or when a gateway died?
SELECT time, agent, tool, outcome, id FROM calls WHERE outcome IN ('running', 'interrupted') ORDER BY seq DESC;

-- 18. From which addresses does each agent come?
SELECT agent, peer, count(*) AS calls, min(time) AS first, max(time) AS last FROM calls GROUP BY agent, peer ORDER BY agent, calls DESC;

-- 19. Which upstream fails, hour by hour?
SELECT hour, server, sum(calls) AS calls, sum(iif(outcome IN ('timeout', 'failed', 'error'), calls, 0)) AS bad FROM hourly GROUP BY hour, server ORDER BY hour DESC, bad DESC;

-- 20. Which roles did an agent have, and when?
SELECT agent, roles, min(first) AS first, max(last) AS last FROM grants GROUP BY agent, roles ORDER BY agent, first;

-- 21. Who read what about one subject? (here: where the argument n is 1)
SELECT time, agent, tool, outcome, id FROM calls WHERE args ->> '$.n' = 1 ORDER BY seq DESC;

-- 22. Where did guard see orders, credentials or personal data, and was it stopped?
SELECT time, call, agent, tool, stage, kind, rule, severity, action, outcome FROM findings ORDER BY seq DESC;

-- 23. Where would the shadow policy have decided otherwise?
SELECT time, agent, tool, effect, shadow, id FROM calls WHERE shadow IS NOT NULL AND shadow <> effect ORDER BY seq DESC;

-- 24. Who is limited or refused most, and for what?
SELECT agent, code, sum(calls) AS calls FROM hourly WHERE outcome = 'refused' GROUP BY agent, code ORDER BY calls DESC;

-- 25. What did the gateway itself do: starts, reloads, quarantines, checkpoints, prunes?
SELECT time, type, body FROM timeline WHERE call IS NULL ORDER BY seq DESC LIMIT 100;
