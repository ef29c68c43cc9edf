package toolward.lib.test_test

import data.toolward.lib.test

read := test.call("files__read__all", "reader", {"path": "/srv/docs/a"})

test_call if {
	read.tool.server == "files"
	read.tool.name == "read__all"
	read.tool.wire == "files__read__all"
	read.call == {"id": "test", "time": "2026-01-05T12:00:00Z", "surface": "mcp", "protocol": "2025-11-25", "kind": "tool", "method": "tools/call"}
	read.agent.roles == ["reader"]
	read.args == {"path": "/srv/docs/a"}
}

test_agents if {
	test.call("a__b", [], {}).agent.roles == []
	test.call("a__b", ["x", "y"], {}).agent.roles == ["x", "y"]
	test.call("a__b", {"id": "ann", "claims": {"team": "t"}}, {}).agent == {"id": "ann", "issuer": "test", "roles": [], "scopes": [], "claims": {"team": "t"}}
}

test_tools if {
	test.call({"server": "s", "name": "n"}, [], {}).tool.wire == "s__n"
	test.call({"server": "s", "name": "u://x", "kind": "resource", "wire": "s__u"}, [], {}).call.method == "resources/read"
	test.call({"server": "s", "name": "n", "labels": ["external"]}, [], {}).tool.labels == ["external"]
}

test_allowed if {
	test.allowed(read) with data.gateway.allow as true
	not test.allowed(read)
	not test.denied(read) with data.gateway.allow as true
}

test_denied if {
	test.denied(read)
	not test.asked(read)
	"no way" in test.decision(read).reasons with data.gateway.deny as {"no way"}
}

test_asked if {
	test.asked(read) with data.gateway.approve as {"why"}
	not test.denied(read) with data.gateway.approve as {"why"}
}

test_after if {
	test.after(["private"], read).session == {"id": "test", "calls": 0, "labels": ["private"], "recent": []}
	test.denied(test.after(["private"], read)) with data.gateway.allow as true with data.gateway.deny as {"seen"}
}

test_result if {
	seen := test.result(read, {"content": []})
	seen.stage == "result"
	seen.args == read.args
	test.allowed(seen)
	test.denied(seen) with data.gateway.deny as {"no"}
}

# Whoever expects a refusal must not get it for a slip of the pen.
test_slips_are_undefined if {
	every call in [
		["files_read", [], {}],
		["__read", [], {}],
		["a__b", 5, {}],
		["a__b", [], "args"],
		["a__b", {"role": ["reader"]}, {}],
		["a__b", {"roles": "reader"}, {}],
		[{"server": "a", "tool": "b"}, [], {}],
		[{"server": "a", "name": "b", "label": []}, [], {}],
		[{"server": "a", "name": "b", "kind": "toool"}, [], {}],
	] {
		not denied(call)
	}
	not test.denied(object.union(read, {"session": {"label": ["private"]}}))
	not test.denied(object.remove(read, ["call"]))
	not test.denied(object.union(read, {"argument": {}}))
	not test.denied({"tool": read.tool})
}

denied(call) if test.denied(test.call(call[0], call[1], call[2]))
