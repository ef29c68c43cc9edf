package toolward_test

import data.toolward

call := {
	"stage": "request",
	"call": {"kind": "tool"},
	"agent": {"id": "alice", "roles": []},
	"session": {"labels": []},
	"tool": {"kind": "tool", "server": "files", "name": "read", "wire": "files__read", "labels": []},
	"args": {},
	"guard": {"score": 0, "findings": []},
}

test_no_rule_no_call if {
	d := toolward.decision with input as call
	d.effect == "deny"
	d.reasons == {"no policy rule allows this call of files__read"}
}

test_any_of_three_allows if {
	d1 := toolward.decision with input as call with data.tools.files.read.allow as true
	d2 := toolward.decision with input as call with data.servers.files.allow as true
	d3 := toolward.decision with input as call with data.gateway.allow as true
	every d in [d1, d2, d3] {
		d.effect == "allow"
	}
}

test_only_true_allows if {
	every value in [false, null, 0, 1, "true", "", [], [true], {"a": true}, {true}] {
		d := toolward.decision with input as call with data.tools.files.read.allow as value
		d.effect == "deny"
	}
}

test_others_do_not_allow if {
	d1 := toolward.decision with input as call with data.tools.files.write.allow as true
	d2 := toolward.decision with input as call with data.tools.other.read.allow as true
	d3 := toolward.decision with input as call with data.servers.other.allow as true
	d4 := toolward.decision with input as call with data.prompts.files.read.allow as true
	d5 := toolward.decision with input as call with data.resources.files.read.allow as true
	d6 := toolward.decision with input as call with data.reverse.files.allow as true
	every d in [d1, d2, d3, d4, d5, d6] {
		d.effect == "deny"
	}
}

test_deny_overrides if {
	d1 := toolward.decision with input as call with data.gateway.allow as true with data.tools.files.read.deny as {"a"}
	d2 := toolward.decision with input as call with data.tools.files.read.allow as true with data.gateway.deny as {"a"}
	d3 := toolward.decision with input as call with data.tools.files.read.approve as {"b"} with data.servers.files.deny as {"a"}
	every d in [d1, d2, d3] {
		d == {"effect": "deny", "reasons": {"a"}}
	}
}

test_approve_is_before_allow if {
	d := toolward.decision with input as call with data.gateway.allow as true with data.servers.files.approve as {"ask"}
	d.effect == "approve"
	d.reasons == {"ask"}
}

test_sets_are_united if {
	d := toolward.decision with input as call
		with data.gateway.allow as true
		with data.gateway.redact as {"args.a"}
		with data.servers.files.redact as {"args.b"}
		with data.tools.files.read.redact as {"args.c"}
		with data.gateway.label as {"x"}
		with data.tools.files.read.label as {"y"}
		with data.gateway.reveal as {"args.d"}
		with data.servers.files.reveal as {"args.e"}
		with data.tools.files.read.reveal as {"args.f"}
	d.redact == {"args.a", "args.b", "args.c"}
	d.reveal == {"args.d", "args.e", "args.f"}
	d.label == {"x", "y"}
}

test_a_result_needs_no_allow if {
	d := toolward.decision with input as object.union(call, {"stage": "result", "result": {}})
	d.effect == "allow"
}

test_a_result_can_be_withheld if {
	d := toolward.decision with input as object.union(call, {"stage": "result", "result": {}})
		with data.gateway.deny as {"a"}
	d == {"effect": "deny", "reasons": {"a"}}
}

test_prompts_and_resources_have_their_packages if {
	prompt := object.union(call, {"tool": {"kind": "prompt"}})
	resource := object.union(call, {"tool": {"kind": "resource", "name": "file:///a"}})
	d1 := toolward.decision with input as prompt with data.prompts.files.read.allow as true
	d2 := toolward.decision with input as resource with data.resources.files as {"file:///a": {"allow": true}}
	d1.effect == "allow"
	d2.effect == "allow"
	d3 := toolward.decision with input as prompt with data.tools.files.read.allow as true
	d3.effect == "deny"
}

test_visible_if_allowed_or_asked if {
	toolward.visible with input as call with data.gateway.allow as true
	toolward.visible with input as call with data.gateway.approve as {"ask"}
	not toolward.visible with input as call
	not toolward.visible with input as call with data.gateway.allow as true with data.gateway.deny as {"a"}
}

test_a_suspected_injection_makes_the_session_untrusted if {
	suspected := object.union(call, {"stage": "result", "result": {}, "guard": {"findings": [{"kind": "injection", "action": "policy"}]}})
	d := toolward.decision with input as suspected
	d == {"effect": "allow", "reasons": set(), "redact": set(), "label": {"untrusted"}}
	every finding in [{"kind": "pii", "action": "policy"}, {"kind": "injection", "action": "observe"}] {
		other := object.union(call, {"stage": "result", "result": {}, "guard": {"findings": [finding]}})
		e := toolward.decision with input as other
		e.label == set()
	}
}
