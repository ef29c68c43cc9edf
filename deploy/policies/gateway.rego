# METADATA
# title: What every call meets
# description: >-
#   Nothing is allowed yet. `toolward policy init DIR` writes rules for each tool of
#   your servers; docs/policy.md is the manual.
package gateway

# deny contains "not on weekends" if time.weekday(input.call.time_ns) in {"Saturday", "Sunday"}
