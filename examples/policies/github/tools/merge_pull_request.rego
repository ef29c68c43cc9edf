# METADATA
# title: merge_pull_request
# description: Only with a person's consent, and only for maintainers.
package tools.github.merge_pull_request

approve contains "merging takes consent" if "maintainer" in input.agent.roles
