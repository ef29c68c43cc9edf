package toolward.lib.url_test

import data.toolward.lib.url

test_host if {
	url.host("https://Docs.Example.com/a?b=c#d") == "docs.example.com"
	url.host("HTTPS://example.com") == "example.com"
}

# Ways in which parsers have been told different hosts.
test_ambiguous_urls_have_no_host if {
	every u in [
		"http://example.com", "https://example.com@evil.test/", "https://example.com:8443/", "https://127.0.0.1/", "https://2130706433/",
		"https://0x7f.0.0.1/", "https://[::1]/", "https://localhost/", "https://example.com\\@evil.test/", "https://example.com%2eevil.test/",
		"https:/example.com", "//example.com", "https://exa\u2024mple.com/", "https://example.com\n.evil.test/", "https://-a.com/", "https://a..com/",
		"https://example.com/\u202e", "javascript:alert(1)", "", "https://evil.test\u0000.example.com/", "https://a.0x1", "https://example.com ",
	] {
		not url.host(u)
	}
	not url.host(null)
}

test_on_any if {
	url.on_any("https://a.example.com/x", {".example.com"})
	url.on_any("https://example.com/x", {"example.com"})
	not url.on_any("https://example.com/x", {".example.com"})
	not url.on_any("https://badexample.com/x", {".example.com", "example.com"})
	not url.on_any("https://example.com.evil.test/x", {".example.com", "example.com"})
}
