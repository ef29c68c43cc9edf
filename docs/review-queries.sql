-- Ten questions a reviewer asks. Each stands alone; run one with
--   sqlite3 -header -column 'file:toolward.db?mode=ro' "SELECT …"
-- Times are UTC. `calls` has a row per call; audit/schema.sql explains every column.

-- 1. What happened last?
SELECT time, agent, tool, outcome, code, ms FROM calls ORDER BY seq DESC LIMIT 50;

-- 2. What was refused or withheld today, and why?
SELECT time, agent, tool, code, reasons FROM calls
WHERE outcome IN ('refused', 'withheld') AND time >= date('now') ORDER BY seq DESC;

-- 3. Who calls what, and how does it end?
SELECT agent, tool, count(*) AS calls, sum(outcome = 'ok') AS ok, sum(outcome IN ('refused', 'withheld')) AS refused, round(avg(ms), 1) AS avg_ms
FROM calls GROUP BY agent, tool ORDER BY calls DESC;

-- 4. Which calls carried a credential, and by which detector?
SELECT c.time, c.agent, c.tool, f.value ->> '$.rule' AS rule, f.value ->> '$.stage' AS stage, f.value ->> '$.where' AS place, c.id
FROM calls AS c JOIN events AS e ON e.call = c.id JOIN json_each(e.body, '$.findings') AS f
WHERE f.value ->> '$.kind' IN ('secret', 'honeytoken') ORDER BY c.seq DESC;

-- 5. What did people decide?
SELECT d.time AS decided, d.body ->> '$.by.subject' AS decided_by, substr(d.type, 10) AS decision, a.body ->> '$.agent' AS agent,
  a.body ->> '$.tool' AS tool, a.bodies -> '$.args' AS args, d.body ->> '$.note' AS note
FROM timeline AS d JOIN timeline AS a ON a.type = 'approval.asked' AND a.body ->> '$.id' = d.body ->> '$.id'
WHERE d.type IN ('approval.approved', 'approval.denied', 'approval.revoked') ORDER BY d.seq DESC;

-- 6. Which calls have no outcome: in flight now, or when a gateway died?
SELECT time, agent, tool, outcome, id FROM calls WHERE outcome IN ('running', 'interrupted') ORDER BY seq DESC;

-- 7. What did one session do, in order? (here: the latest session)
SELECT time, tool, effect, outcome, labels FROM calls
WHERE session = (SELECT session FROM calls WHERE session IS NOT NULL ORDER BY seq DESC LIMIT 1) ORDER BY seq;

-- 8. Where would the shadow policy have decided otherwise?
SELECT time, agent, tool, effect, shadow, id FROM calls WHERE shadow IS NOT NULL AND shadow <> effect ORDER BY seq DESC;

-- 9. Which tools are slow?
SELECT tool, count(*) AS calls, round(avg(upstream_ms), 1) AS avg_ms, max(upstream_ms) AS worst_ms, sum(outcome = 'timeout') AS timeouts
FROM calls WHERE upstream_ms IS NOT NULL GROUP BY tool ORDER BY avg_ms DESC;

-- 10. What did the gateway itself do: starts, reloads, quarantines, checkpoints, prunes?
SELECT time, type, body FROM timeline WHERE call IS NULL ORDER BY seq DESC LIMIT 100;
