package toolward.reverse_test

import data.toolward.reverse

ask := {
	"stage": "request",
	"call": {"kind": "elicitation"},
	"tool": {"kind": "tool", "server": "files", "name": "read", "wire": "files__read", "labels": []},
	"args": {"message": "which one?"},
}

test_nobody_else_allows if {
	d := reverse.decision with input as ask
		with data.gateway.allow as true
		with data.servers.files.allow as true
		with data.tools.files.read.allow as true
	d.effect == "deny"
	d.reasons == {"no rule of package reverse.files allows elicitation"}
}

test_its_package_allows if {
	d := reverse.decision with input as ask with data.reverse.files.allow as true
	d.effect == "allow"
}

test_everybody_may_deny if {
	d1 := reverse.decision with input as ask with data.reverse.files.allow as true with data.gateway.deny as {"a"}
	d2 := reverse.decision with input as ask with data.reverse.files.allow as true with data.servers.files.deny as {"a"}
	d3 := reverse.decision with input as ask with data.reverse.files.allow as true with data.reverse.files.deny as {"a"}
	every d in [d1, d2, d3] {
		d.effect == "deny"
	}
}

test_a_person_may_be_asked if {
	d := reverse.decision with input as ask with data.reverse.files.approve as {"a"}
	d.effect == "approve"
}

test_notifications_need_no_rule if {
	d := reverse.decision with input as note
	d.effect == "allow"
}

note := object.union(ask, {"stage": "result", "call": {"kind": "notification"}, "result": {"message": "half done"}})

test_notifications_meet_the_rules_of_their_tool if {
	d1 := reverse.decision with input as note with data.tools.files.read.deny as {"a"}
	d1.effect == "deny"
	d2 := reverse.decision with input as note
		with data.tools.files.read.label as {"x"}
		with data.tools.files.read.redact as {"result.message"}
	d2.label == {"x"}
	d2.redact == {"result.message"}
}

test_questions_do_not_meet_them if {
	d := reverse.decision with input as ask with data.reverse.files.allow as true with data.tools.files.read.deny as {"a"}
	d.effect == "allow"
}

test_answers_can_be_redacted if {
	d := reverse.decision with input as object.union(ask, {"stage": "result", "result": {}})
		with data.gateway.redact as {"result.content"}
		with data.reverse.files.label as {"x"}
	d.effect == "allow"
	d.redact == {"result.content"}
	d.label == {"x"}
}
