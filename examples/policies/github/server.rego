# METADATA
# title: All tools of github/github-mcp-server
# description: |
#   Developers read everywhere and write in their organisations' repositories.
#   What strangers can write (issues, comments, pull requests, code of others)
#   is labelled untrusted; what is sent outside the organisations is refused,
#   because a public issue is a way out for data.
package servers.github

ours if lower(input.args.owner) in data.github.organisations

reads if regex.match(`^(get|list|search)_`, input.tool.name)

reads if endswith(input.tool.name, "_read")

allow if {
	reads
	"developer" in input.agent.roles
}

deny contains "only repositories of our organisations may be written to" if {
	not reads
	not ours
}

# What a session has read of ours and of outsiders, it may go on reading; a person looks
# at what it then writes. The library lets tools pass that say they only read, and reach
# nothing else; these are known to.
flow := "allow" if reads

flow := "approve" if not reads

# Everything that anybody can write.
label contains "untrusted" if {
	reads
	not ours
}

label contains "untrusted" if regex.match(`(issue|comment|pull_request|discussion|notification|search)`, input.tool.name)

label contains "private" if {
	reads
	ours
}

# Credentials stay out of issues, comments and commits.
deny contains "the arguments hold a credential" if {
	input.stage == "request"
	some f in input.guard.findings
	f.kind == "secret"
}
