# METADATA
# title: Where data came from decides where it may go
# description: |
#   The default rule on labels. A principal that holds both private (it read
#   what is sensitive) and untrusted (it read what outsiders wrote) may be
#   carrying out an outsider's orders, so a call that leaves the house is
#   refused. To read once more from the server that all of the private data came
#   from tells nobody anything new, and may be done with a tool that says of itself
#   readOnlyHint and that openWorldHint is false. A policy relaxes this with a rule named flow, and the most specific
#   package that has one decides:
#
#   flow := "approve"    ask a person instead
#   flow := "allow"      let it pass
#   flow := "deny"       refuse, which is the default; so is any other value
package toolward.flow

# METADATA
# title: Deny
# description: Refuses an external call once the principal holds private and untrusted.
deny contains reason if {
	"external" in input.tool.labels
	leaks
	not relaxed
}

# METADATA
# title: Approve
# description: Asks a person where a policy says so.
approve contains reason if {
	"external" in input.tool.labels
	leaks
	mode == "approve"
}

reason := sprintf("this principal has read private and untrusted data, and %s sends data out", [input.tool.wire])

leaks if {
	input.stage == "request"
	"private" in input.session.labels
	"untrusted" in input.session.labels
	not reads_back
}

# A tool that says it only reads and reaches nothing else, of the one server that private
# data came from. That server has the data already.
reads_back if {
	input.tool.kind == "tool"
	input.tool.annotations.readOnlyHint == true
	input.tool.annotations.openWorldHint == false
	origins == {concat("", ["private:", input.tool.server])}
	not "toolward:too-many-labels" in input.session.labels
}

origins := {label | some label in input.session.labels; startswith(label, "private:")}

# A rule of its own: "not mode in …" would be undefined where mode is.
relaxed if mode in {"allow", "approve"}

mode := named_mode if {
	named_mode
} else := data.servers[input.tool.server].flow if {
	true
} else := data.gateway.flow

named_mode := data.tools[input.tool.server][input.tool.name].flow if input.tool.kind == "tool"

named_mode := data.prompts[input.tool.server][input.tool.name].flow if input.tool.kind == "prompt"

named_mode := data.resources[input.tool.server][input.tool.name].flow if input.tool.kind == "resource"
