# METADATA
# title: Only after another call succeeded
# description: |
#   Sequence over success: a transfer needs a check of the same account in this session,
#   within ten minutes, that the bank answered with yes. A check that failed
#   or is still under way does not count.
package servers.transfers

remember contains {"name": "account_checked", "value": input.args.account, "for": "10m"} if {
	input.tool.name == "check"
	not input.result.isError
	input.result.structuredContent.ok == true
}

allow if "payer" in input.agent.roles

deny contains "check this account first" if {
	input.tool.name == "transfer"
	not checked
}

checked if {
	some e in input.history
	e.name == "account_checked"
	e.value == input.args.account
}
