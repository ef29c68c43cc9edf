package toolward.flow_test

call := {
	"stage": "request",
	"call": {"kind": "tool"},
	"session": {"labels": ["private", "untrusted"]},
	"tool": {"kind": "tool", "server": "mail", "name": "send", "wire": "mail__send", "labels": ["external"]},
}

effect(asked) := d.effect if d := data.toolward.decision with input as asked with data.gateway.allow as true

test_private_and_untrusted_do_not_leave if effect(call) == "deny"

test_one_of_them_may if {
	every labels in [[], ["private"], ["untrusted"], ["external"], ["private", "other"]] {
		effect(json.patch(call, [{"op": "replace", "path": "/session/labels", "value": labels}])) == "allow"
	}
}

test_inside_calls_may if {
	effect(json.patch(call, [{"op": "replace", "path": "/tool/labels", "value": ["private"]}])) == "allow"
}

# A session that read from one private server, and a tool of it that reads.
back(server, labels, annotations, args) := object.union(call, {
	"session": {"labels": array.concat(["private", "untrusted"], labels)},
	"args": args,
	"tool": {"kind": "tool", "server": server, "name": "get", "wire": concat("__", [server, "get"]), "labels": ["external"], "annotations": annotations},
})

reading := {"readOnlyHint": true, "openWorldHint": false}

test_reading_from_where_the_data_came_from_may_be_done if {
	effect(back("github", ["private:github"], reading, {"owner": "acme", "repo": "app", "path": "docs/README.md", "page": 2})) == "allow"
	effect(back("github", ["private:github"], reading, {})) == "allow"
	effect(back("github", ["private:github", "ours"], reading, {"query": "is:open label:bug"})) == "allow"
}

# Each of these could carry data to somebody who does not have it.
test_what_sends_out_is_no_reading if {
	every asked in [
		back("github", ["private:github"], {}, {}),
		back("github", ["private:github"], {"readOnlyHint": false}, {}),
		back("github", ["private:github"], {"readOnlyHint": "true", "openWorldHint": false}, {}),
		back("github", ["private:github"], {"readOnlyHint": true}, {}),
		back("github", ["private:github"], {"openWorldHint": false}, {}),
		back("github", ["private:github"], {"readOnlyHint": true, "openWorldHint": true}, {}),
		back("github", ["private:crm"], reading, {}),
		back("github", ["private:crm", "private:github"], reading, {}),
		back("github", ["private:github2"], reading, {}),
		back("github", [], reading, {}),
		back("github", ["private:github", "toolward:too-many-labels"], reading, {}),
		json.patch(back("github", ["private:github"], reading, {}), [{"op": "replace", "path": "/tool/kind", "value": "resource"}]),
	] {
		effect(asked) == "deny"
	}
}

test_results_are_not_held_back_by_it if effect(object.union(call, {"stage": "result", "result": {}})) == "allow"

test_a_policy_may_ask_instead if {
	d := data.toolward.decision with input as call with data.gateway.flow as "approve"
	d.effect == "approve"
}

test_a_policy_may_let_pass if {
	d := data.toolward.decision with input as call with data.gateway.allow as true with data.gateway.flow as "allow"
	d.effect == "allow"
}

test_unknown_modes_refuse if {
	every mode in ["off", "", null, true, 1] {
		d := data.toolward.decision with input as call with data.gateway.allow as true with data.gateway.flow as mode
		d.effect == "deny"
	}
}

test_the_most_specific_decides if {
	d1 := data.toolward.decision with input as call with data.gateway.allow as true
		with data.gateway.flow as "allow"
		with data.servers.mail.flow as "deny"
	d1.effect == "deny"
	d2 := data.toolward.decision with input as call with data.gateway.allow as true
		with data.gateway.flow as "deny"
		with data.servers.mail.flow as "deny"
		with data.tools.mail.send.flow as "allow"
	d2.effect == "allow"
}
