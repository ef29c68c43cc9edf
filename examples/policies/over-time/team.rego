# METADATA
# title: A team's budget
# description: |
#   A shared budget: agents whose tokens name the same team spend 500 a day together.
#   Who names no team spends nothing. The issuer says what team it is, so take this
#   only with issuers that check it.
package servers.travel

meter contains {"name": "booked", "per": "all", "key": input.agent.claims.team, "amount": input.args.price, "window": "24h"}

allow if {
	is_string(input.agent.claims.team)
	input.args.price > 0
}

deny contains "more than 500 a day by the team" if input.meters.booked.total > 500
