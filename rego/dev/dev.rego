# METADATA
# title: The policy of a gateway without configuration
# description: |
#   Allows everything to everybody. It is for trying toolward out on one's own
#   machine with the demo upstream, and is in force only while no policy path
#   is configured.
package gateway

# METADATA
# title: Allow
# description: Every call is allowed; the rule on labels still holds.
allow := true
