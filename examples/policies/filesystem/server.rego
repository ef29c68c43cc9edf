# METADATA
# title: All tools of @modelcontextprotocol/server-filesystem
# description: |
#   Reading is a matter of role and directory. Writing has a file per tool in
#   tools/. A tool that is not named anywhere is refused.
package servers.files

import data.access
import data.toolward.lib.path

reading := {
	"read_file", "read_text_file", "read_media_file", "read_multiple_files", "list_directory",
	"list_directory_with_sizes", "directory_tree", "search_files", "get_file_info",
}

allow if {
	input.tool.name in reading
	access.within({"reader", "editor", "auditor"})
}

# It takes no path and tells only the server's own roots.
allow if {
	input.tool.name == "list_allowed_directories"
	"reader" in input.agent.roles
}

# A path that could mean two places would be refused for not being under any
# root; saying why helps the agent to write it otherwise.
deny contains "write the path in full, without .., ~, escapes or unusual characters" if {
	some p in access.paths
	not path.plain(p)
}

deny contains "hidden files and directories are not for agents" if {
	some p in access.paths
	path.hidden(p)
}

deny contains "keys and credentials are not for agents" if {
	some p in access.paths
	path.extension(p) in {"pem", "key", "p12", "pfx", "kdbx"}
}

# What guard finds in a file's text on its way to the agent.
deny contains "the file holds a private key" if {
	input.stage == "result"
	some f in input.guard.findings
	f.kind == "secret"
	contains(f.rule, "private-key")
}

label contains "private" if {
	some p in access.paths
	path.under(p, "/srv/records")
}
