package policy

import (
	"slices"
	"strings"

	"toolward/gateway"
)

// byLabels reports whether a rule is the default one on labels; see rego/flow.rego.
func byLabels(r gateway.Rule) bool { return r.Package == "toolward.flow" }

// whyLabelled says which calls brought the labels that the rule on them speaks of, and
// where a person can look and clear them: somebody who does not know that is locked out.
// It is said here and not by the rule, which would have to be asked anew for each
// session.
func whyLabelled(c *gateway.Call) []string {
	var said []string
	for _, label := range []string{gateway.LabelPrivate, gateway.LabelUntrusted} {
		i := slices.IndexFunc(c.Session.Since, func(s gateway.Since) bool { return s.Label == label })
		if i < 0 {
			continue
		}
		s := c.Session.Since[i]
		of := []string{}
		for _, text := range []string{s.Tool, s.Why} {
			if text != "" {
				of = append(of, text)
			}
		}
		line := label + " since call " + s.Call
		if len(of) > 0 {
			line += " (" + strings.Join(of, ": ") + ")"
		}
		said = append(said, line)
	}
	return append(said, "a person can look with `toolward sessions show "+c.Session.ID+"`, and take a label away with `toolward sessions clear`")
}
