# METADATA
# title: Mail addresses
# description: Says which domain an address belongs to, for addresses that every reader takes alike.
package toolward.lib.mail

# METADATA
# title: Domain
# description: The domain of one plain address, in lower case. Undefined for display names, lists, quotes and comments.
domain(address) := lower(found[0][1]) if {
	is_string(address)
	found := regex.find_all_string_submatch_n(`^[A-Za-z0-9._+-]+@((?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,})$`, address, 1)
}

# METADATA
# title: All within
# description: True if addresses, one string or a list, is not empty and each one's domain is one of domains.
all_within(addresses, domains) if {
	is_string(addresses)
	domain(addresses) in domains
}

all_within(addresses, domains) if {
	is_array(addresses)
	count(addresses) > 0
	every address in addresses {
		domain(address) in domains
	}
}
