# METADATA
# title: Nothing goes out after that
# description: |
#   Not after that: once the session has read of a customer, it sends nothing to the
#   world for four hours. (Where a tool's labels say what it is, the rule on labels
#   does this without a rule here.)
package servers.web

allow if "assistant" in input.agent.roles

deny contains "no sending within four hours of reading of a customer" if {
	input.tool.name == "send"
	some e in input.history
	e.name == "customer_read"
}
