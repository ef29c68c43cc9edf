# METADATA
# title: Which role reaches which directory
# description: From data.file_access, shared by the rules of all file tools.
package access

import data.toolward.lib.path

# METADATA
# title: Paths
# description: Every path that a call names, whatever the tool calls it.
paths contains input.args.path

paths contains input.args.source

paths contains input.args.destination

paths contains p if some p in input.args.paths

# METADATA
# title: Within
# description: True if the call names paths, and one of the agent's roles reaches all of them.
within(roles) if {
	count(paths) > 0
	some role in roles
	role in input.agent.roles
	every p in paths {
		path.under_any(p, data.file_access[role])
	}
}
