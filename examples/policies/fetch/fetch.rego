# METADATA
# title: fetch
# description: |
#   Pages of listed hosts only, over https. A URL can carry data out in its
#   path and query, so the tool is labelled external; what it returns is
#   untrusted.
package tools.web.fetch

import data.toolward.lib.url

hosts := {"docs.python.org", ".readthedocs.io", "pkg.go.dev"}

allow if url.on_any(input.args.url, hosts)

deny contains "only https URLs of listed hosts are fetched" if not url.on_any(input.args.url, hosts)

deny contains "the URL copies what a private tool returned" if {
	input.stage == "request"
	some f in input.guard.findings
	f.kind in {"provenance", "exfil", "secret", "honeytoken"}
}

label contains "untrusted"
