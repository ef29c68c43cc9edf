package over_time_test

import data.toolward
import data.toolward.lib.test

call(server, tool, role, args) := object.union(
	test.call({"server": server, "name": tool}, role, args),
	{"call": {"time": "2026-11-24T12:00:00Z"}},
)

effect(asked, meters) := d.effect if d := toolward.decision with input as asked with input.meters as object.union(none, meters)

after(asked, history) := d.effect if d := toolward.decision with input as asked with input.history as history

# What meters say where nothing has happened.
none := {name: {"count": 0, "sum": 0, "amount": 1, "total": 1} | some name in [
	"refunds", "refunds_of_all", "refunded", "posts", "posts_of_a_day", "payments", "payments_of_a_month", "payee", "tokens",
	"tokens_of_all", "cost", "worked_on", "drafted", "deployed", "denials", "used", "exporting", "exporting_of_all", "booked",
	"denied_minute", "denied_hour", "denied_day",
]}

counted(count, sum, amount) := {"count": count, "sum": sum, "amount": amount, "total": sum + amount}

entry(name, value) := {"name": name, "value": value, "tool": "t", "time": "2026-11-24T11:00:00Z", "age_s": 60}

adds(asked) := {[m.name, object.get(m, "amount", 1), object.get(m, "key", "")] |
	some m in toolward.tally.meter with input as asked
}

remembers(asked) := {[m.name, m.value] | some m in toolward.tally.remember with input as asked}

refund(args) := call("shop", "refund", "clerk", args)

test_refunds_add_up if {
	asked := refund({"order": "o1", "amount": 10})
	adds(asked) == {["refunds", 10, ""], ["refunds_of_all", 10, ""], ["refunded", 1, "o1"]}
	effect(asked, {"refunds": counted(7, 990, 10)}) == "allow"
	effect(asked, {"refunds": counted(7, 990.01, 10)}) == "deny"
	effect(asked, {"refunds_of_all": counted(70, 4990, 10)}) == "allow"
	effect(asked, {"refunds_of_all": counted(70, 4991, 10)}) == "deny"
}

test_an_order_is_refunded_once if effect(refund({"order": "o1", "amount": 1}), {"refunded": counted(1, 1, 1)}) == "deny"

test_a_refund_is_well_formed if {
	every args in [{"order": "o1"}, {"amount": 1}, {"order": 7, "amount": 1}, {"order": "o1", "amount": 0}] {
		effect(refund(args), {}) == "deny"
	}
	effect(call("shop", "refund", "guest", {"order": "o1", "amount": 1}), {}) == "deny"
}

test_posts_an_hour_and_a_day if {
	asked := call("social", "post", "publisher", {})
	adds(asked) == {["posts", 1, ""], ["posts_of_a_day", 1, ""]}
	effect(asked, {"posts": counted(4, 4, 1), "posts_of_a_day": counted(19, 19, 1)}) == "allow"
	effect(asked, {"posts": counted(5, 5, 1)}) == "deny"
	effect(asked, {"posts_of_a_day": counted(20, 20, 1)}) == "deny"
}

test_velocity_of_payments if {
	asked := call("bank", "pay", "payer", {"to": "ann", "amount": 100})
	adds(asked) == {["payments", 100, ""], ["payments_of_a_month", 100, ""], ["payee", 1, "ann"]}
	effect(asked, {}) == "approve"
	known := {"payee": counted(1, 1, 1)}
	effect(asked, known) == "allow"
	effect(asked, object.union(known, {"payments": counted(3, 3, 100)})) == "approve"
	effect(asked, object.union(known, {"payments_of_a_month": counted(3, 60, 100)})) == "allow"
	effect(asked, object.union(known, {"payments_of_a_month": counted(3, 59, 100)})) == "approve"
	effect(asked, object.union(known, {"payments": counted(1, 9901, 100)})) == "deny"
}

test_budgets_of_models if {
	asked := call("models", "complete", "any", {"max_tokens": 1000})
	adds(asked) == {["tokens", 1000, ""], ["tokens_of_all", 1000, ""]}
	effect(asked, {}) == "allow"
	effect(asked, {"tokens": counted(9, 99001, 1000)}) == "deny"
	effect(asked, {"tokens_of_all": counted(9, 999001, 1000)}) == "deny"
	effect(asked, {"cost": counted(9, 49.99, 0)}) == "allow"
	effect(asked, {"cost": counted(9, 50, 0)}) == "deny"
}

test_what_an_answer_costs_is_added if {
	asked := object.union(call("models", "complete", "any", {"max_tokens": 1}), {"stage": "result", "result": {"structuredContent": {"cost": 0.25}}})
	["cost", 0.25, ""] in adds(asked)
	effect(asked, {"cost": counted(9, 60, 0)}) == "allow"
}

test_nothing_goes_out_after_reading if {
	remembers(call("crm", "read_customer", "assistant", {})) == {["customer_read", true]}
	remembers(call("crm", "list", "assistant", {})) == set()
	after(call("crm", "read_customer", "assistant", {}), []) == "allow"
	send := call("web", "send", "assistant", {})
	after(send, []) == "allow"
	after(send, [entry("customer_read", true)]) == "deny"
	after(call("web", "read", "assistant", {}), [entry("customer_read", true)]) == "allow"
}

order(tool, args) := call("orders", tool, "buyer", args)

test_duties_are_separate if {
	adds(order("draft", {"order": "7"})) == {["worked_on", 1, "7"], ["drafted", 1, "7"]}
	adds(order("release", {"order": "7"})) == {["worked_on", 1, "7"], ["drafted", 1, "7"]}
	effect(order("draft", {"order": "7"}), {}) == "allow"
	effect(order("draft", {"order": "7"}), {"drafted": counted(1, 1, 1)}) == "deny"
	effect(order("release", {"order": "7"}), {}) == "deny"
	effect(order("release", {"order": "7"}), {"drafted": counted(1, 1, 1)}) == "allow"
	effect(order("release", {"order": "7"}), {"drafted": counted(1, 1, 1), "worked_on": counted(1, 1, 1)}) == "deny"
	effect(order("draft", {"order": 7}), {}) == "deny"
	effect(order("release", {}), {"drafted": counted(1, 1, 1)}) == "deny"
}

test_read_before_write if {
	remembers(call("wiki", "read", "editor", {"page": "home"})) == {["page_read", "home"]}
	write := call("wiki", "write", "editor", {"page": "home"})
	after(write, []) == "deny"
	after(write, [entry("page_read", "other")]) == "deny"
	after(write, [entry("page_read", "other"), entry("page_read", "home")]) == "allow"
}

test_tests_before_deployment if {
	run := call("ci", "test", "deployer", {"version": "v2"})
	after(run, []) == "allow"
	remembers(run) == set()
	remembers(object.union(run, {"stage": "result", "result": {"structuredContent": {"passed": true}}})) == {["tested", "v2"]}
	remembers(object.union(run, {"stage": "result", "result": {"structuredContent": {"passed": false}}})) == set()
	remembers(object.union(run, {"stage": "result", "result": {"isError": true, "structuredContent": {"passed": true}}})) == set()
	deploy := object.union(call("ci", "deploy", "deployer", {"version": "v2"}), {"meters": none})
	after(deploy, []) == "deny"
	after(deploy, [entry("tested", "v1")]) == "deny"
	after(deploy, [entry("tested", "v2")]) == "allow"
	again := object.union(deploy, {"meters": object.union(none, {"deployed": counted(1, 1, 1)})})
	after(again, [entry("tested", "v2")]) == "deny"
	adds(deploy) == {["deployed", 1, ""]}
}

test_a_pause_after_denials if {
	asked := call("vault", "open", "keeper", {"path": "team/x"})
	adds(asked) == {["denials", 1, ""]}
	effect(asked, {"denials": counted(2, 2, 0)}) == "allow"
	effect(asked, {"denials": counted(3, 3, 0)}) == "deny"
	effect(call("vault", "open", "keeper", {"path": "other/x"}), {}) == "deny"
}

test_first_use_asks if {
	asked := call("admin", "restart", "operator", {})
	adds(asked) == {["used", 1, "restart"]}
	effect(asked, {}) == "approve"
	effect(asked, {"used": counted(1, 1, 1)}) == "allow"
}

letter(to) := call("letters", "send", "writer", {"to": to})

recipients(count, keys) := {"recipients": {"count": count, "keys": keys, "sum": count, "amount": 1, "total": count + 1}}

test_recipients_a_day if {
	adds(letter("Ann@example.com")) == {["recipients", 1, "ann@example.com"]}
	effect(letter("ann"), recipients(0, 4)) == "allow"
	effect(letter("ann"), recipients(0, 5)) == "deny"
	effect(letter("ann"), recipients(7, 5)) == "allow"
	effect(letter(["ann", "ben"]), recipients(7, 5)) == "deny"
	effect(call("letters", "send", "writer", {}), recipients(0, 0)) == "deny"
	effect(call("letters", "read", "writer", {}), recipients(0, 5)) == "allow"
}

test_one_export_at_a_time if {
	asked := call("exports", "run", "analyst", {})
	adds(asked) == {["exporting", 1, ""], ["exporting_of_all", 1, ""]}
	effect(asked, {}) == "allow"
	effect(asked, {"exporting": counted(1, 1, 1)}) == "deny"
	effect(asked, {"exporting_of_all": counted(1, 1, 1)}) == "allow"
	effect(asked, {"exporting_of_all": counted(2, 2, 1)}) == "deny"
}

trip(claims, price) := object.union(call("travel", "book", "any", {"price": price}), {"agent": {"claims": claims}})

test_a_budget_of_a_team if {
	asked := trip({"team": "north"}, 100)
	adds(asked) == {["booked", 100, "north"]}
	effect(asked, {"booked": counted(3, 400, 100)}) == "allow"
	effect(asked, {"booked": counted(3, 400.01, 100)}) == "deny"
	effect(trip({}, 100), {}) == "deny"
	effect(trip({"team": ["north"]}, 100), {}) == "deny"
	effect(trip({"team": "north"}, 0), {}) == "deny"
}

test_pauses_grow if {
	asked := call("safe", "open", "any", {"code": "4711"})
	adds(asked) == {["denied_minute", 1, ""], ["denied_hour", 1, ""], ["denied_day", 1, ""]}
	effect(asked, {}) == "allow"
	effect(asked, {"denied_minute": counted(2, 2, 0), "denied_hour": counted(5, 5, 0), "denied_day": counted(8, 8, 0)}) == "allow"
	effect(asked, {"denied_minute": counted(3, 3, 0)}) == "deny"
	effect(asked, {"denied_hour": counted(6, 6, 0)}) == "deny"
	effect(asked, {"denied_day": counted(9, 9, 0)}) == "deny"
	effect(call("safe", "open", "any", {"code": "0815"}), {}) == "deny"
}

checking(result) := object.union(call("transfers", "check", "payer", {"account": "7"}), {"stage": "result", "result": result})

test_only_after_a_check_that_succeeded if {
	remembers(call("transfers", "check", "payer", {"account": "7"})) == set()
	remembers(checking({"structuredContent": {"ok": true}})) == {["account_checked", "7"]}
	remembers(checking({"structuredContent": {"ok": false}})) == set()
	remembers(checking({"isError": true, "structuredContent": {"ok": true}})) == set()
	remembers(checking({"code": -32603, "message": "down"})) == set()
	transfer := call("transfers", "transfer", "payer", {"account": "7"})
	after(transfer, []) == "deny"
	after(transfer, [entry("account_checked", "8")]) == "deny"
	after(transfer, [entry("account_checked", "7")]) == "allow"
	after(call("transfers", "check", "payer", {"account": "7"}), []) == "allow"
}

phone(time) := d.effect if {
	asked := object.union(call("phone", "call", "caller", {}), {"call": {"time": time}})
	d := toolward.decision with input as asked
}

# The night of 29 March 2026 has an hour less, that of 25 October one more.
test_quiet_hours if {
	phone("2026-11-24T20:59:59Z") == "allow"
	phone("2026-11-24T21:00:00Z") == "deny"
	phone("2026-11-24T23:30:00Z") == "deny"
	phone("2026-11-25T05:59:59Z") == "deny"
	phone("2026-11-25T06:00:00Z") == "allow"
	phone("2026-03-29T04:59:59Z") == "deny"
	phone("2026-03-29T05:00:00Z") == "allow"
	phone("2026-10-25T05:59:59Z") == "deny"
	phone("2026-10-25T06:00:00Z") == "allow"
}

at(time) := d.effect if {
	asked := object.union(call("payroll", "run", "payroll", {}), {"call": {"time": time}})
	d := toolward.decision with input as asked
}

# Berlin is an hour ahead of UTC in winter and two in summer.
test_business_hours if {
	at("2026-11-24T07:59:59Z") == "approve"
	at("2026-11-24T08:00:00Z") == "allow"
	at("2026-11-24T15:59:59Z") == "allow"
	at("2026-11-24T16:00:00Z") == "approve"
	at("2026-07-01T07:00:00Z") == "allow"
	at("2026-11-28T12:00:00Z") == "approve"
	at("2026-11-29T12:00:00Z") == "approve"
}
