package send_test

import data.toolward
import data.toolward.lib.test

call(to, labels) := test.after(labels, test.call(send, "assistant", {"to": to, "subject": "x", "body": "x"}))

send := {"server": "mail", "name": "send_email", "labels": ["external"]}

effect(to, labels) := d.effect if d := toolward.decision with input as call(to, labels)

test_inside_is_free if {
	effect(["a@example.com", "b@example.com"], []) == "allow"
	effect("a@example.com", ["private", "untrusted"]) == "allow"
}

test_outside_asks if {
	effect(["a@example.com", "b@other.test"], []) == "approve"
	effect([], []) == "approve"
	effect("Eve <eve@example.com>", []) == "approve"
}

test_outside_is_refused_after_private_and_untrusted if effect(["b@other.test"], ["private", "untrusted"]) == "deny"

test_copies_count if {
	c := json.patch(call(["a@example.com"], []), [{"op": "add", "path": "/args/bcc", "value": ["x@other.test"]}])
	d := toolward.decision with input as c
	d.effect == "approve"
	inside := json.patch(call(["a@example.com"], []), [{"op": "add", "path": "/args/cc", "value": ["b@example.com"]}])
	e := toolward.decision with input as inside
	e.effect == "allow"
}

test_credentials_stay if {
	c := json.patch(call(["a@example.com"], []), [{"op": "replace", "path": "/guard/findings", "value": [{"kind": "secret", "rule": "x"}]}])
	d := toolward.decision with input as c
	d.effect == "deny"
}
