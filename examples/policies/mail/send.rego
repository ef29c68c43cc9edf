# METADATA
# title: send_email
# description: |
#   Mail within the house is free; mail to others asks. After private and
#   untrusted data were read, the rule on labels refuses a mail that leaves the
#   house, and lets one within pass.
package tools.mail.send_email

import data.toolward.lib.mail

inside if {
	mail.all_within(input.args.to, {"example.com"})
	every field in ["cc", "bcc"] {
		no_outsiders(object.get(input.args, field, []))
	}
}

no_outsiders([])

no_outsiders(addresses) if mail.all_within(addresses, {"example.com"})

allow if {
	"assistant" in input.agent.roles
	inside
}

approve contains "mail to outsiders takes consent" if {
	"assistant" in input.agent.roles
	not inside
}

flow := "allow" if inside

deny contains "credentials are not mailed" if {
	input.stage == "request"
	some f in input.guard.findings
	f.kind in {"secret", "honeytoken"}
}
