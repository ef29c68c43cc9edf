package config

import "strings"

// Hidden is a value of the configuration that must not be shown, and what is
// shown for it.
type Hidden struct {
	Value string
	Shown string // "${NAME}" if a variable brought it, else asterisks
}

// Hidden are the values that neither log nor record nor terminal may show: of
// fields that hold a secret, of a URL's query, of arguments that a process is
// given as a secret, and of every variable that has a part in one of these or in a
// URL. What is no secret among them, a host's name, is shown by its variable's. Of
// several for one value the first stands.
func (c *Config) Hidden() []Hidden { return c.hidden }

// hide notes what a field holds: what variables brought, and the values named.
//
//	headers.Authorization: Bearer ${TOKEN}  → the value of TOKEN as ${TOKEN}
//	headers.Authorization: Bearer abc-123   → abc-123 and Bearer abc-123 as ****
func (d *decoder) hide(path string, values ...string) {
	d.hidden = append(d.hidden, d.values[path]...)
	for _, v := range values {
		d.hidden = append(d.hidden, Hidden{v, mask})
		if _, behind, ok := strings.Cut(v, " "); ok { // the scheme
			d.hidden = append(d.hidden, Hidden{behind, mask})
		}
		if _, behind, ok := strings.Cut(v, ":"); ok { // a user's name
			d.hidden = append(d.hidden, Hidden{behind, mask})
		}
	}
}
