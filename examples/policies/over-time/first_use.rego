# METADATA
# title: The first use of a tool
# description: |
#   Approval at first use: a person looks at an agent's first call of each tool, and
#   again once it was not used for 90 days.
package servers.admin

meter contains {"name": "used", "key": input.tool.name, "window": "90d"}

allow if "operator" in input.agent.roles

approve contains "this agent's first use of the tool" if input.meters.used.count == 0
