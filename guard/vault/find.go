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
	v.mu.Lock()
	s := v.session(a)
	if s == nil {
		v.mu.Unlock()
		return nil
	}
	if s.find == nil {
		s.find = s.finder()
	}
	find := s.find
	v.mu.Unlock()
	var found []Found
	find.Each(text, func(from, to int, token string) {
		kind, rule, _ := strings.Cut(token, " ")
		found = append(found, Found{[2]int{from, to}, gateway.FindingKind(kind), rule})
	})
	return found
}

// finder looks for what a session holds.
func (s *session) finder() *gateway.Scrubber {
	var values []gateway.Secret
	for _, e := range s.byID {
		if e.kept.Rule == gateway.RuleLookalike {
			continue
		}
		token := string(e.kept.Kind) + " " + e.kept.Rule
		for line := range strings.Lines(e.kept.Text) {
			if line = strings.Trim(line, " \t\r\n"); rare(line) && !strings.HasPrefix(line, "-----") {
				values = append(values, gateway.Secret{Text: line, Token: token})
			}
		}
		if rare(e.kept.Text) {
			values = append(values, gateway.Secret{Text: e.kept.Text, Token: token})
		}
	}
	return gateway.NewScrubber(values)
}

// rare reports whether a text is hardly anywhere by chance.
func rare(text string) bool {
	letters := func(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }
	return len(text) >= minFind && strings.TrimFunc(text, letters) != ""
}
