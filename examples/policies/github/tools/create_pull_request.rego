# METADATA
# title: create_pull_request
# description: Developers propose; people merge.
package tools.github.create_pull_request

allow if "developer" in input.agent.roles
