# METADATA
# title: Tests in a line
# description: |
#   Makes the input of a call that nobody made, complete, and asks what is decided about
#   it. For tests: a rule that used this to decide would ask itself, which does not load.
#
#     test_readers_read if test.allowed(test.call("files__read", "reader", {"path": "/srv/docs/a"}))
#
#   A tool, an agent or a call with a member that policies never see is undefined, so
#   that a test with a slip of the pen fails, also where it expects a refusal.
package toolward.lib.test

# METADATA
# title: Call
# description: |
#   A call before it is made. tool is a wire name, or an object of what is known of it
#   (server and name at least). agent is a role, a list of roles ([] has none), or an
#   object such as {"id": "ann", "roles": ["reader"], "claims": {"team": "a"}}.
call(tool, agent, args) := {
	"stage": "request",
	"call": {
		"id": "test", "time": "2026-01-05T12:00:00Z", "surface": "mcp", "protocol": "2025-11-25",
		"kind": about.kind, "method": methods[about.kind],
	},
	"agent": agent_of(agent),
	"session": {"id": "test", "calls": 0, "labels": [], "recent": []},
	"tool": about,
	"args": args,
	"guard": {"score": 0, "findings": []},
	"meters": {},
	"history": [],
} if {
	is_object(args)
	about := tool_of(tool)
}

# METADATA
# title: After
# description: A call in a session that has read what these labels say.
after(labels, asked) := object.union(asked, {"session": {"labels": labels}})

# METADATA
# title: Result
# description: The same call when its result has come.
result(asked, answer) := object.union(asked, {"stage": "result", "result": answer})

# METADATA
# title: Decision
# description: What is decided about a call, as the gateway asks it.
decision(asked) := d if {
	whole(asked)
	d := data.toolward.decision with input as asked
}

# METADATA
# title: Allowed
# description: The call is made, or the result is seen.
allowed(asked) if decision(asked).effect == "allow"

# METADATA
# title: Asked
# description: A person has to consent first.
asked(made) if decision(made).effect == "approve"

# METADATA
# title: Denied
# description: The call is refused, or the result withheld.
denied(asked) if decision(asked).effect == "deny"

methods := {"tool": "tools/call", "prompt": "prompts/get", "resource": "resources/read"}

nobody := {"id": "tester", "issuer": "test", "roles": [], "scopes": [], "claims": {}}

nothing := {"kind": "tool", "labels": [], "annotations": {}, "fingerprint": "", "pinned": true}

agent_of(agent) := object.union(nobody, {"roles": [agent]}) if is_string(agent)

agent_of(agent) := object.union(nobody, {"roles": agent}) if is_array(agent)

agent_of(agent) := object.union(nobody, agent) if is_object(agent)

# files__read__all -> files, read__all: the name of a server holds no "__".
tool_of(tool) := object.union(nothing, {"server": substring(tool, 0, at), "name": substring(tool, at + 2, -1), "wire": tool}) if {
	is_string(tool)
	at := indexof(tool, "__")
	at > 0
}

tool_of(tool) := object.union({"wire": sprintf("%s__%s", [tool.server, tool.name])}, object.union(nothing, tool)) if is_object(tool)

# It has the members that a call has, and no other.
whole(asked) if {
	object.keys(asked) - {"result"} == {"stage", "call", "agent", "session", "tool", "args", "guard", "meters", "history"}
	object.keys(asked.agent) == object.keys(nobody)
	object.keys(asked.tool) == object.keys(nothing) | {"server", "name", "wire"}
	object.keys(asked.session) == {"id", "calls", "labels", "recent"}
	is_array(asked.agent.roles)
	is_array(asked.session.labels)
}
