# METADATA
# title: Separation of duties
# description: |
#   Who drafts an order does not release it. Both calls add to one meter under the
#   order's number, so the one that comes second sees the first. It counts per
#   agent: a new session is no other person.
package servers.orders

meter contains {"name": "worked_on", "key": input.args.order, "window": "30d"} if input.tool.name in {"draft", "release"}

allow if "buyer" in input.agent.roles

deny contains "another agent releases what this one drafted" if {
	input.tool.name == "release"
	input.meters.worked_on.count > 0
}

deny contains "an order has a number" if not numbered

# A rule of its own, because a function of what is not there is not false but nothing.
numbered if is_string(input.args.order)
