# METADATA
# title: The budget of models
# description: |
#   A budget: what an agent asks models for is reserved when it asks, and of all
#   agents together. What the answers cost is added when they are there: the call
#   that takes it past the limit still runs, the next one does not.
package servers.models

meter contains {"name": "tokens", "amount": input.args.max_tokens, "window": "24h"}

meter contains {"name": "tokens_of_all", "per": "all", "amount": input.args.max_tokens, "window": "24h"}

meter contains {"name": "cost", "amount": input.result.structuredContent.cost, "window": "30d"}

allow if input.args.max_tokens > 0

deny contains "more than 100000 tokens a day" if input.meters.tokens.total > 100000

deny contains "more than 1000000 tokens a day by all agents" if input.meters.tokens_of_all.total > 1000000

deny contains "the agent's 50 a month are spent" if {
	input.stage == "request"
	input.meters.cost.sum >= 50
}
