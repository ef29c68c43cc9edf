# METADATA
# title: URLs
# description: |
#   Says which host a URL leads to, for those URLs that every client reads
#   alike. Credentials, ports, IP addresses, escapes in the host, backslashes
#   and anything but ASCII make a URL one that nothing is said about. A name can
#   still resolve to an inside address: the upstream must check what it
#   connects to.
package toolward.lib.url

# METADATA
# title: Host
# description: The host of a plain https URL, in lower case. Undefined otherwise.
host(url) := lower(found[0][1]) if {
	is_string(url)
	found := regex.find_all_string_submatch_n(`^(?i:https)://([A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)+)(?:[/?#][!-\[\]-~]*)?$`, url, 1)
	not regex.match(`\.(0[xX][0-9a-fA-F]*|[0-9]+)$`, found[0][1])
}

# METADATA
# title: On any
# description: True if the URL's host is one of hosts, or below one that is written with a leading dot, as ".example.com".
on_any(url, hosts) if host(url) in hosts

on_any(url, hosts) if {
	some suffix in hosts
	startswith(suffix, ".")
	endswith(host(url), lower(suffix))
}
