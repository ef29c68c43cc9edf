# METADATA
# title: Read before write
# description: |
#   A sequence: a page is written only by a session that has read it within the last
#   half hour.
package servers.wiki

allow if "editor" in input.agent.roles

remember contains {"name": "page_read", "value": input.args.page, "for": "30m"} if input.tool.name == "read"

deny contains "read the page before you write it" if {
	input.tool.name == "write"
	not was_read
}

was_read if {
	some e in input.history
	e.name == "page_read"
	e.value == input.args.page
}
