package query_test

import data.toolward
import data.toolward.lib.test

call(role, sql) := test.call("db__query", role, {"sql": sql})

effect(role, sql) := d.effect if d := toolward.decision with input as call(role, sql)

test_analysts_read if {
	effect("analyst", "select * from orders where id = 7 limit 10") == "allow"
	effect("analyst", "select o.id from orders o join customers c on c.id = o.customer limit 1000") == "allow"
}

test_others_do_not if effect("guest", "select * from orders limit 10") == "deny"

test_everything_else_is_refused if {
	every q in [
		"select * from orders", "select * from orders limit 1001", "select * from salaries limit 1", "delete from orders", "select 1; drop table orders",
		"select * from orders, salaries limit 1", "select * from orders where id in (select id from salaries) limit 1", "select * from \"salaries\" limit 1",
		"select pg_read_file('/etc/passwd') limit 1", "select * from orders limit 10 -- x", "update orders set a = 1", "select * into x from orders limit 1",
		"select * from information_schema.tables limit 1",
	] {
		effect("analyst", q) == "deny"
	}
}

test_the_agent_hears_why if {
	d := toolward.decision with input as call("analyst", "select * from salaries limit 1")
	d.reasons == {"table salaries is not for agents"}
	e := toolward.decision with input as call("analyst", "select * from orders")
	e.reasons == {"end the query with LIMIT 1000 or less"}
}

test_contact_data_is_taken_out if {
	result := {"stage": "result", "result": {"structuredContent": {"rows": [{"email": "a@example.com"}]}}}
	d := toolward.decision with input as object.union(call("analyst", "select * from customers limit 1"), result)
	d.redact == {"result.structuredContent.rows[*].email", "result.structuredContent.rows[*].phone"}
	s := toolward.decision with input as object.union(call("support", "select * from customers limit 1"), result)
	s.redact == set()
}
