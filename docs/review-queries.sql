-- Twenty-five questions a reviewer asks. Each stands alone; run one with
--   sqlite3 -header -column 'file:toolward.db?mode=ro' "SELECT …"
-- Times are UTC. `calls` has a row per call; audit/schema/schema.sql explains every column and view.
-- docs/audit.md has the command that answers the same question, by number.

-- 1. What did an agent do today?
SELECT time, tool, outcome, code, args FROM calls WHERE agent = 'ann' AND time >= date('now') ORDER BY seq DESC LIMIT 50;

-- 2. Who let a call pass: which roles, which rules, which person? (here: the latest that policy judged)
SELECT time, agent, roles, tool, effect, rules, revision, approval, decided_by FROM calls WHERE effect IS NOT NULL ORDER BY seq DESC LIMIT 1;

-- 3. What data left: calls of tools that reach outside, made in sessions that had seen private data?
SELECT time, agent, tool, outcome, args_bytes, session_labels, id FROM calls
WHERE EXISTS (SELECT 1 FROM json_each(tool_labels) WHERE value = 'external') AND EXISTS (SELECT 1 FROM json_each(session_labels) WHERE value = 'private')
  AND outcome <> 'refused' ORDER BY seq DESC LIMIT 50;

-- 4. Which refusals are more than in the day before? (to the hour)
SELECT code, sum(iif(hour >= strftime('%Y-%m-%dT%H', 'now', '-1 day'), calls, 0)) AS calls, sum(iif(hour < strftime('%Y-%m-%dT%H', 'now', '-1 day'), calls, 0)) AS before
FROM hourly WHERE outcome = 'refused' AND hour >= strftime('%Y-%m-%dT%H', 'now', '-2 day') GROUP BY code ORDER BY calls - before DESC;

-- 5. Which tools does an agent use with its roles, and since when no more?
SELECT agent, roles, tool, calls, refused, last FROM grants ORDER BY last, agent;

-- 6. Who talks most, in calls and bytes?
SELECT agent, tool, count(*) AS calls, coalesce(sum(args_bytes), 0) AS sent, coalesce(sum(result_bytes), 0) AS got FROM calls GROUP BY agent, tool ORDER BY sent DESC;

-- 7. What did one session do, in order?
SELECT time, tool, effect, outcome, code, session_labels, labels FROM calls WHERE session_name = 's-4711' ORDER BY seq;

-- 8. Which call brought what leaked?
SELECT time, source, source_tool, sink, sink_tool, outcome, place, via, severity FROM flows ORDER BY seq DESC;

-- 9. Which revisions of the policy decided, when, and what do they say?
SELECT revision, first, last, calls, denied, loaded, files FROM policies ORDER BY first;

-- 10. What did people decide, when, why, and who were they?
SELECT time, type, person, issuer, about, note FROM people ORDER BY seq DESC;

-- 11. Which tools are slow, and which fail?
SELECT server, tool, calls, refused, errors, failed, timeouts, p50_ms, p95_ms FROM tools ORDER BY p95_ms DESC;

-- 12. What had the agent read when it did this?
SELECT time, tool, outcome, shown, labels FROM calls WHERE session = (SELECT session FROM calls WHERE id = '01a20cb2-b175-7aaa-8aaa-aaaaaaaaaaaa')
  AND seq < (SELECT seq FROM calls WHERE id = '01a20cb2-b175-7aaa-8aaa-aaaaaaaaaaaa') ORDER BY seq;

-- 13. Who calls at hours at which it seldom does?
SELECT agent, hour_of_day, calls, days FROM habits ORDER BY calls LIMIT 50;

-- 14. When did an agent use a tool for the first time?
SELECT first, agent, roles, tool, calls FROM grants ORDER BY first DESC;

-- 15. Where did a credential go? (its hash: toolward audit hash)
SELECT time, agent, tool, outcome, id FROM calls WHERE instr(args, 'hmac:9f2c41d07a55e1b3') OR instr(result, 'hmac:9f2c41d07a55e1b3') ORDER BY seq DESC;

-- 16. Which definitions changed, and who accepted them?
SELECT time, type, server, name, accepted_by, reason, definition, was FROM definitions ORDER BY seq DESC;

-- 17. Which calls have no outcome: in flight now, or when a gateway died?
SELECT time, agent, tool, outcome, id FROM calls WHERE outcome IN ('running', 'interrupted') ORDER BY seq DESC;

-- 18. From which addresses does each agent come?
SELECT agent, peer, calls, first, last FROM peers ORDER BY agent, calls DESC;

-- 19. Which upstream fails, hour by hour?
SELECT hour, server, sum(calls) AS calls FROM hourly WHERE outcome IN ('failed', 'timeout', 'error') GROUP BY hour, server ORDER BY hour, calls DESC;

-- 20. Which roles did an agent have, and when?
SELECT agent, issuer, roles, first, last FROM identities ORDER BY agent, first;

-- 21. Who read what about one subject? (here: where the argument n is 1)
SELECT time, agent, tool, outcome, id FROM calls WHERE args ->> '$.n' = 1 ORDER BY seq DESC;

-- 22. Where did guard see orders, credentials or personal data, and was it stopped?
SELECT time, call, agent, tool, stage, kind, rule, severity, action, outcome FROM findings ORDER BY seq DESC LIMIT 50;

-- 23. Where would the shadow policy have decided otherwise?
SELECT time, agent, tool, effect, shadow, id FROM calls WHERE shadow <> effect OR result_shadow <> result_effect ORDER BY seq DESC;

-- 24. Who is limited or refused most, and for what?
SELECT agent, code, sum(calls) AS calls FROM hourly WHERE outcome = 'refused' GROUP BY agent, code ORDER BY calls DESC;

-- 25. What did the gateway itself do: starts, reloads, quarantines, checkpoints, prunes?
SELECT seq, type, body FROM timeline WHERE call IS NULL ORDER BY seq DESC LIMIT 50;
