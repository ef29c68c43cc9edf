# METADATA
# title: The decision about a call
# description: |
#   Composes what the packages of an operator say into one decision. Three
#   packages speak about a call: the named one (tools.SERVER.TOOL, or
#   prompts.SERVER.PROMPT, or resources.SERVER.URI), servers.SERVER and gateway.
#   Deny overrides; else approve; else allow, from any of the three; else the
#   call is refused. On a result nothing is left to allow: it passes unless a
#   deny rule withholds it.
package toolward

import data.toolward.flow

# METADATA
# title: Decision
# description: |
#   The effect (allow, approve, deny), the reasons for it, the places to redact
#   or reveal and the labels to add. Go asks for this rule and nothing else.
# entrypoint: true
decision := {"effect": "deny", "reasons": deny} if {
	deny != set()
} else := {"effect": "allow", "reasons": set(), "redact": redact, "label": label} if {
	input.stage == "result"
} else := {"effect": "approve", "reasons": approve, "redact": redact, "reveal": reveal, "label": label} if {
	approve != set()
} else := {"effect": "allow", "reasons": set(), "redact": redact, "reveal": reveal, "label": label} if {
	allow
} else := {"effect": "deny", "reasons": {unruled}}

unruled := sprintf("no policy rule allows this call of %s", [input.tool.wire])

# METADATA
# title: Visible
# description: |
#   True if the call could be allowed, or approved by a person. It is partially
#   evaluated with arguments, guard, session and call unknown: an agent sees a
#   tool if something remains.
# entrypoint: true
visible if {
	not denied
	permitted
}

denied if some _ in deny

permitted if allow

permitted if some _ in approve

# METADATA
# title: Allow
# description: Only the value true allows. A rule that yields 1, "yes" or null does not.
allow if {
	input.tool.kind == "tool"
	data.tools[input.tool.server][input.tool.name].allow == true
}

allow if {
	input.tool.kind == "prompt"
	data.prompts[input.tool.server][input.tool.name].allow == true
}

allow if {
	input.tool.kind == "resource"
	data.resources[input.tool.server][input.tool.name].allow == true
}

allow if data.servers[input.tool.server].allow == true

allow if data.gateway.allow == true

# METADATA
# title: Deny
# description: The reasons to refuse the call, or on a result to withhold it.
deny contains reason if {
	"external" in input.tool.labels
	some reason in flow.deny
}

deny contains reason if {
	input.tool.kind == "tool"
	some reason in data.tools[input.tool.server][input.tool.name].deny
}

deny contains reason if {
	input.tool.kind == "prompt"
	some reason in data.prompts[input.tool.server][input.tool.name].deny
}

deny contains reason if {
	input.tool.kind == "resource"
	some reason in data.resources[input.tool.server][input.tool.name].deny
}

deny contains reason if some reason in data.servers[input.tool.server].deny

deny contains reason if some reason in data.gateway.deny

# METADATA
# title: Approve
# description: The reasons to ask a person first.
approve contains reason if {
	"external" in input.tool.labels
	some reason in flow.approve
}

approve contains reason if {
	input.tool.kind == "tool"
	some reason in data.tools[input.tool.server][input.tool.name].approve
}

approve contains reason if {
	input.tool.kind == "prompt"
	some reason in data.prompts[input.tool.server][input.tool.name].approve
}

approve contains reason if {
	input.tool.kind == "resource"
	some reason in data.resources[input.tool.server][input.tool.name].approve
}

approve contains reason if some reason in data.servers[input.tool.server].approve

approve contains reason if some reason in data.gateway.approve

# METADATA
# title: Redact
# description: Places to take out, as paths that start with args or result.
redact contains place if {
	input.tool.kind == "tool"
	some place in data.tools[input.tool.server][input.tool.name].redact
}

redact contains place if {
	input.tool.kind == "prompt"
	some place in data.prompts[input.tool.server][input.tool.name].redact
}

redact contains place if {
	input.tool.kind == "resource"
	some place in data.resources[input.tool.server][input.tool.name].redact
}

redact contains place if some place in data.servers[input.tool.server].redact

redact contains place if some place in data.gateway.redact

# METADATA
# title: Reveal
# description: |
#   Places in args where values that the agent carries as placeholders
#   (input.restored) are put back, whosever they are and wherever the tool sends
#   them.
reveal contains place if {
	input.tool.kind == "tool"
	some place in data.tools[input.tool.server][input.tool.name].reveal
}

reveal contains place if some place in data.servers[input.tool.server].reveal

reveal contains place if some place in data.gateway.reveal

# METADATA
# title: Label
# description: Labels that the call adds to its principal's session.
label contains name if {
	input.tool.kind == "tool"
	some name in data.tools[input.tool.server][input.tool.name].label
}

label contains name if {
	input.tool.kind == "prompt"
	some name in data.prompts[input.tool.server][input.tool.name].label
}

label contains name if {
	input.tool.kind == "resource"
	some name in data.resources[input.tool.server][input.tool.name].label
}

label contains name if some name in data.servers[input.tool.server].label

label contains name if some name in data.gateway.label

# METADATA
# title: Label what may give orders
# description: |
#   A result in which guard suspects an injection that it did not block makes
#   the principal's session untrusted: from then on the rule on labels
#   (flow.rego) keeps it from sending private data out. What is only to be
#   observed changes nothing.
label contains "untrusted" if {
	input.stage == "result"
	some finding in input.guard.findings
	finding.kind == "injection"
	finding.action != "observe"
}

# METADATA
# title: Tally
# description: |
#   What a stage of a call adds to meters and to the history of its session. It is
#   asked before the decision, and only of policies that have such rules.
# entrypoint: true
tally := {"meter": meter, "remember": remember}

# METADATA
# title: Meter
# description: What the call counts for.
meter contains entry if {
	input.tool.kind == "tool"
	some entry in data.tools[input.tool.server][input.tool.name].meter
}

meter contains entry if {
	input.tool.kind == "prompt"
	some entry in data.prompts[input.tool.server][input.tool.name].meter
}

meter contains entry if {
	input.tool.kind == "resource"
	some entry in data.resources[input.tool.server][input.tool.name].meter
}

meter contains entry if some entry in data.servers[input.tool.server].meter

meter contains entry if some entry in data.gateway.meter

# METADATA
# title: Remember
# description: What is to be known of the call later.
remember contains entry if {
	input.tool.kind == "tool"
	some entry in data.tools[input.tool.server][input.tool.name].remember
}

remember contains entry if {
	input.tool.kind == "prompt"
	some entry in data.prompts[input.tool.server][input.tool.name].remember
}

remember contains entry if {
	input.tool.kind == "resource"
	some entry in data.resources[input.tool.server][input.tool.name].remember
}

remember contains entry if some entry in data.servers[input.tool.server].remember

remember contains entry if some entry in data.gateway.remember
