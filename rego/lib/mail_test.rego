package toolward.lib.mail_test

import data.toolward.lib.mail

test_domain if mail.domain("a.b+c@Example.com") == "example.com"

test_ambiguous_addresses if {
	every a in ["a@b@example.com", "Eve <eve@evil.test>", "a@example.com,eve@evil.test", "\"a\"@example.com", "a@example.com ", "a@example.com\neve@evil.test", "@example.com", "a@localhost", "a@example.com(x)", ""] {
		not mail.domain(a)
	}
}

test_all_within if {
	mail.all_within("a@example.com", {"example.com"})
	mail.all_within(["a@example.com", "b@example.com"], {"example.com"})
	not mail.all_within(["a@example.com", "b@evil.test"], {"example.com"})
	not mail.all_within([], {"example.com"})
	not mail.all_within(null, {"example.com"})
	not mail.all_within(["a@sub.example.com"], {"example.com"})
}
