# METADATA
# title: What was drafted
# description: Nothing is released that nobody drafted, by whomever.
package tools.orders.release

meter contains {"name": "drafted", "per": "all", "key": input.args.order, "window": "30d"}

deny contains "nobody drafted this order" if input.meters.drafted.count == 0
