package gateway

import (
	"regexp"
	"strings"
)

// StandsIn reports whether a text is what documentation writes where a person is to put
// a token or key of theirs. It is meant for what cannot be right otherwise, so it takes
// only what no generator of secrets writes.
//
//	"PASTE-A-TOKEN-HERE", "<your api key>", "YOUR_TOKEN", "Bearer GITHUB_TOKEN", "ghp_xxxxxxxx", "sk-…"
func StandsIn(text string) bool {
	text = strings.TrimSpace(text)
	if scheme, rest, ok := strings.Cut(text, " "); ok && schemes.MatchString(scheme) {
		text = strings.TrimSpace(rest)
	}
	if text == "" || len(text) > 80 {
		return false
	}
	return told.MatchString(text) || orders(text)
}

var (
	schemes = regexp.MustCompile(`^(?i:bearer|basic|token|apikey|key)$`)

	// told are the forms: in brackets, a variable's name, all x or dots behind a prefix.
	told = regexp.MustCompile(`^(<[A-Za-z][A-Za-z0-9 _.'-]*>|\{\{? *[A-Za-z][A-Za-z0-9 _.-]* *\}?\}|\[[A-Za-z][A-Za-z _-]*\]` +
		`|([A-Z]+_)*(TOKEN|API_?KEY|KEY|SECRET|PASSWORD)` +
		`|([A-Za-z]{2,10}[-_]){0,3}(x{4,}|X{4,}|\*{3,})|([A-Za-z]{2,10}[-_]){1,3}(\.{3}|…))$`)

	letters = regexp.MustCompile(`^[A-Za-z]+([-_ .][A-Za-z]+)*$`)
	parts   = regexp.MustCompile(`[-_ .]+`)
)

// orders reports whether the words tell a person what to do: "insert your key here",
// "change-me".
func orders(text string) bool {
	if !letters.MatchString(text) {
		return false
	}
	verb, thing := false, false
	for _, w := range parts.Split(strings.ToLower(text), -1) {
		switch w {
		case "changeme", "replaceme":
			return true
		case "your", "my", "paste", "insert", "put", "enter", "replace", "change", "add", "here", "some", "example":
			verb = true
		}
		switch w {
		case "token", "tokens", "key", "apikey", "secret", "password", "pat", "jwt", "credential", "credentials", "value", "me", "it", "this":
			thing = true
		}
	}
	return verb && thing
}
