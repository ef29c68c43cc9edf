package fetch_test

import data.toolward
import data.toolward.lib.test

call(url) := test.call({"server": "web", "name": "fetch", "labels": ["external"]}, [], {"url": url})

effect(url) := d.effect if d := toolward.decision with input as call(url)

test_listed if {
	effect("https://pkg.go.dev/net/http") == "allow"
	effect("https://requests.readthedocs.io/en/latest/") == "allow"
}

test_others if {
	every u in ["https://evil.test/", "http://pkg.go.dev/", "https://pkg.go.dev@evil.test/", "https://169.254.169.254/latest/meta-data", "https://localhost/", "https://readthedocs.io.evil.test/", "file:///etc/passwd"] {
		effect(u) == "deny"
	}
}

test_pages_are_untrusted if {
	d := toolward.decision with input as call("https://pkg.go.dev/net/http")
	d.label == {"untrusted"}
}

test_copies_stay if {
	c := json.patch(call("https://pkg.go.dev/x"), [{"op": "replace", "path": "/guard/findings", "value": [{"kind": "provenance", "rule": "x"}]}])
	d := toolward.decision with input as c
	d.effect == "deny"
}
