# METADATA
# title: One at a time
# description: |
#   Concurrency: one export of an agent at a time, and two of all agents. A call that
#   waits for a person is under way too.
package servers.exports

meter contains {"name": "exporting", "on": "running"}

meter contains {"name": "exporting_of_all", "per": "all", "on": "running"}

allow if "analyst" in input.agent.roles

deny contains "one export at a time" if input.meters.exporting.count > 0

deny contains "two exports at a time of all agents" if input.meters.exporting_of_all.count > 1
