# METADATA
# title: What was read of customers
# description: A call that reads a customer leaves a note for four hours.
package servers.crm

allow if "assistant" in input.agent.roles

remember contains {"name": "customer_read", "value": true, "for": "4h"} if input.tool.name == "read_customer"
