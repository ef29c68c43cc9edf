package vault

import (
	"strings"

	"toolward/gateway"
)

// minFind is how long a value is, in bytes, that is looked for in other texts.
// Shorter ones are words, and words without a digit or sign are: to blot out
// "development" wherever it stands, because it was a password once, helps nobody.
const minFind = 8

// Found is a place in a text that holds a value, or the first part of a long one.
type Found struct {
	Span [2]int
	Kind gateway.FindingKind
	Rule string
}

// Find finds what is kept for an agent in a text that comes back, of whatever server.
// The lines of a value of several are found one by one. The work is bounded by the
// length of the text, times the logarithm of how much is kept.
func (v *Vault) Find(a *gateway.Agent, text string) []Found {
	var found []Found
	v.finder(a).Each(text, func(from, to int, token string) {
		kind, rule, _ := strings.Cut(token, " ")
		found = append(found, Found{[2]int{from, to}, gateway.FindingKind(kind), rule})
	})
	return found
}

// finder looks for what an agent's session holds; nil if there is nothing. It is made
// without the lock, which all sessions share: of a session with many values that takes
// milliseconds.
func (v *Vault) finder(a *gateway.Agent) *gateway.Scrubber {
	v.mu.Lock()
	s := v.session(a)
	if s == nil || s.find != nil {
		defer v.mu.Unlock()
		if s == nil {
			return nil
		}
		return s.find
	}
	all, change := make([]gateway.Kept, 0, len(s.byID)), s.change
	for _, e := range s.byID {
		all = append(all, e.kept)
	}
	v.mu.Unlock()
	find := newFinder(all)
	v.mu.Lock()
	defer v.mu.Unlock()
	if s.change == change { // else the next one makes it anew
		s.find = find
	}
	return find
}

// newFinder looks for values, and for each line of those of several.
func newFinder(all []gateway.Kept) *gateway.Scrubber {
	var values []gateway.Secret
	for i := range all {
		kept := &all[i]
		if kept.Rule == gateway.RuleLookalike {
			continue
		}
		token := string(kept.Kind) + " " + kept.Rule
		for line := range strings.Lines(kept.Text) {
			if line = strings.Trim(line, " \t\r\n"); rare(line) && !strings.HasPrefix(line, "-----") {
				values = append(values, gateway.Secret{Text: line, Token: token})
			}
		}
		if rare(kept.Text) {
			values = append(values, gateway.Secret{Text: kept.Text, Token: token})
		}
	}
	return gateway.NewScrubber(values)
}

// rare reports whether a text is hardly anywhere by chance.
func rare(text string) bool {
	letters := func(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }
	return len(text) >= minFind && strings.TrimFunc(text, letters) != ""
}
