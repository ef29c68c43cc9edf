# METADATA
# title: What was drafted
# description: A draft is known for 30 days, and made once.
package tools.orders.draft

meter contains {"name": "drafted", "per": "all", "key": input.args.order, "window": "30d"}

deny contains "this order was drafted" if input.meters.drafted.count > 0
