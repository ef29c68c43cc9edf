# METADATA
# title: issue_write
# description: Opens and changes issues in our repositories.
package tools.github.issue_write

allow if "developer" in input.agent.roles

approve contains "closing an issue takes consent" if {
	"developer" in input.agent.roles
	input.args.state == "closed"
}
