# METADATA
# title: shop__refund
# description: |
#   A sum: an agent gives back at most 1000 a day, all agents together at most
#   5000, and no order twice.
package tools.shop.refund

meter contains {"name": "refunds", "amount": input.args.amount, "window": "24h"}

meter contains {"name": "refunds_of_all", "per": "all", "amount": input.args.amount, "window": "24h"}

meter contains {"name": "refunded", "per": "all", "key": input.args.order, "window": "90d"}

allow if "clerk" in input.agent.roles

deny contains "more than 1000 a day" if input.meters.refunds.total > 1000

deny contains "more than 5000 a day by all agents" if input.meters.refunds_of_all.total > 5000

deny contains "this order was refunded" if input.meters.refunded.count > 0

deny contains "a refund names its order and an amount above 0" if not well_formed

well_formed if {
	is_string(input.args.order)
	input.args.amount > 0
}
