# METADATA
# title: The decision about what an upstream asks
# description: |
#   Sampling, elicitation and roots travel from an upstream to the agent whose
#   call caused them. Being allowed to call an upstream does not allow it to
#   drive the agent's model, so only package reverse.SERVER can allow that.
#   Deny rules of servers.SERVER and gateway hold here too. Notifications (log
#   messages, progress, the state of tasks) belong to a call that was allowed and
#   are asked about on stage result, like the result of the call's tool and with
#   its rules: deny withholds them, label labels the session before they are read.
package toolward.reverse

# METADATA
# title: Decision
# description: As data.toolward.decision, for calls of a reverse kind.
# entrypoint: true
decision := {"effect": "deny", "reasons": deny} if {
	deny != set()
} else := {"effect": "allow", "reasons": set(), "redact": redact, "label": label} if {
	input.stage == "result"
} else := {"effect": "approve", "reasons": approve, "redact": redact, "label": label} if {
	approve != set()
} else := {"effect": "allow", "reasons": set(), "redact": redact, "label": label} if {
	allow
} else := {"effect": "deny", "reasons": {unruled}}

unruled := sprintf("no rule of package reverse.%s allows %s", [input.tool.server, input.call.kind])

allow if data.reverse[input.tool.server].allow == true

deny contains reason if some reason in data.reverse[input.tool.server].deny

deny contains reason if some reason in data.servers[input.tool.server].deny

deny contains reason if {
	input.call.kind == "notification"
	some reason in data.toolward.deny
}

deny contains reason if some reason in data.gateway.deny

approve contains reason if some reason in data.reverse[input.tool.server].approve

redact contains place if some place in data.reverse[input.tool.server].redact

redact contains place if some place in data.servers[input.tool.server].redact

redact contains place if {
	input.call.kind == "notification"
	some place in data.toolward.redact
}

redact contains place if some place in data.gateway.redact

label contains name if some name in data.reverse[input.tool.server].label

label contains name if some name in data.servers[input.tool.server].label

label contains name if {
	input.call.kind == "notification"
	some name in data.toolward.label
}

label contains name if some name in data.gateway.label
