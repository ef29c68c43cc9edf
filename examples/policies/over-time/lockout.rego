# METADATA
# title: A pause after denials
# description: |
#   A cool-down: an agent that was denied three times within ten minutes gets nothing
#   of this server until ten minutes have passed since; who goes on trying waits
#   longer. Policy, guard and people deny; a result that is withheld counts too.
package servers.vault

import data.toolward.lib.path

meter contains {"name": "denials", "on": "denied", "window": "10m"}

allow if {
	"keeper" in input.agent.roles
	path.relative(input.args.path) # team/../else starts with team/
	startswith(input.args.path, "team/")
}

deny contains "denied three times within ten minutes: wait" if input.meters.denials.count >= 3
