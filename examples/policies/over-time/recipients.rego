# METADATA
# title: Recipients a day
# description: |
#   So many different ones: an agent writes to at most 5 different people a day, and
#   to those as often as it likes.
package servers.letters

meter contains {"name": "recipients", "key": lower(input.args.to), "window": "24h"} if input.tool.name == "send"

allow if "writer" in input.agent.roles

deny contains "at most 5 different recipients a day" if {
	input.tool.name == "send"
	input.meters.recipients.count == 0
	input.meters.recipients.keys >= 5
}

deny contains "a letter has one recipient" if {
	input.tool.name == "send"
	not addressed
}

addressed if is_string(input.args.to)
