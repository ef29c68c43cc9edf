package vault

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"net/url"
	"slices"
	"strings"

	"toolward/gateway"
)

// A tool that was given a value may give it back in another form: "convert", "hash",
// "search". What was put back in a call is looked for in its result in every form
// that a value has which is encoded or respelled as a whole.

// Echo finds what a call put back in what comes back of it. The zero Echo finds
// nothing.
type Echo struct{ find *gateway.Scrubber }

// NewEcho looks for what a call put back.
func NewEcho(restored []gateway.Restored) Echo {
	var forms []gateway.Secret
	for i := range restored {
		r := &restored[i]
		for _, form := range formsOf(r.Text()) {
			forms = append(forms, gateway.Secret{Text: form, Token: string(r.Kind) + " " + r.Rule})
		}
	}
	return Echo{gateway.NewScrubber(forms)}
}

// Find returns the places of a text that hold a form of a value, with all letters,
// digits and signs of encodings that they run into.
func (e Echo) Find(text string) []Found {
	var found []Found
	e.find.Each(text, func(from, to int, token string) {
		for from > 0 && encoded(text[from-1]) {
			from--
		}
		for to < len(text) && encoded(text[to]) {
			to++
		}
		if n := len(found); n > 0 && from < found[n-1].Span[1] {
			found[n-1].Span[1] = max(to, found[n-1].Span[1])
			return
		}
		kind, rule, _ := strings.Cut(token, " ")
		found = append(found, Found{[2]int{from, to}, gateway.FindingKind(kind), rule})
	})
	return found
}

func encoded(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.IndexByte("+/_-=%", c) >= 0
}

// maxForms bounds the values whose forms are looked for, in bytes.
const maxForms = 4 << 10

func formsOf(text string) []string {
	text = text[:min(len(text), maxForms)]
	backwards := []byte(text)
	slices.Reverse(backwards)
	quoted, _ := json.Marshal(text) // a string: cannot fail
	forms := []string{
		text, string(backwards), strings.ToUpper(text), strings.ToLower(text), rot13(text),
		hex.EncodeToString([]byte(text)), strings.ToUpper(hex.EncodeToString([]byte(text))),
		url.QueryEscape(text), url.PathEscape(text), strings.ToLower(url.QueryEscape(text)),
		strings.Trim(string(quoted), `"`), html.EscapeString(text),
	}
	for _, between := range []string{" ", "-", ".", "\n", ",", ", "} {
		forms = append(forms, strings.Join(strings.Split(text, ""), between))
	}
	for shift := range 3 { // the beginning and the end depend on what stands beside it
		all := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("x", shift) + text))
		if len(all) > 8+gateway.MinScrub {
			part := all[4 : len(all)-4]
			forms = append(forms, part, strings.NewReplacer("+", "-", "/", "_").Replace(part))
		}
	}
	return forms
}

func rot13(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return 'a' + (r-'a'+13)%26
		case r >= 'A' && r <= 'Z':
			return 'A' + (r-'A'+13)%26
		}
		return r
	}, s)
}
