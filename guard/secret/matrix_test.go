package secret_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"toolward/guard/normal"
	"toolward/guard/secret"
)

// hiding is a way to write a credential so that it does not look like one.
type hiding struct {
	name string
	hide func(string) string
}

// transformations hide a credential; guard/normal takes them off before the detector reads.
var transformations = []hiding{
	{"plain", func(s string) string { return s }},
	{"zero-width space", between("\u200b")},
	{"zero-width joiner", between("\u200d")},
	{"word joiner", between("\u2060")},
	{"soft hyphen", between("\u00ad")},
	{"byte order mark", between("\ufeff")},
	{"left-to-right mark", between("\u200e")},
	{"ANSI colour inside", func(s string) string { return s[:9] + "\x1b[1;31m" + s[9:] + "\x1b[0m" }},
	{"fullwidth", each(func(r rune) string { return string(r - '!' + '\uff01') })},
	{"mathematical", each(func(r rune) string {
		switch {
		case 'a' <= r && r <= 'z':
			return string(r - 'a' + 0x1d5ba)
		case 'A' <= r && r <= 'Z':
			return string(r - 'A' + 0x1d5a0)
		case '0' <= r && r <= '9':
			return string(r - '0' + 0x1d7e2)
		}
		return string(r)
	})},
	{"variation selector", between("\ufe0f")},
	{"invisible times", between("\u2062")},
	{"bidi isolate", func(s string) string { return "\u2068" + s[:20] + "\u2069" + s[20:] }},
	{"URL escapes of all", each(func(r rune) string { return fmt.Sprintf("%%%02X", r) })},
	{"URL escapes twice", each(func(r rune) string { return fmt.Sprintf("%%25%02x", r) })},
	{"JSON escapes", each(func(r rune) string { return fmt.Sprintf(`\u%04x`, r) })},
	{"backslash x", each(func(r rune) string { return fmt.Sprintf(`\x%02x`, r) })},
	{"HTML decimal", each(func(r rune) string { return fmt.Sprintf("&#%d;", r) })},
	{"HTML hexadecimal", each(func(r rune) string { return fmt.Sprintf("&#x%x;", r) })},
	{"tag characters", each(func(r rune) string { return string(0xe0000 + r) })},
}

// encodings turn it into letters of another alphabet.
var encodings = []hiding{
	{"base64", func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }},
	{"base64url, no padding", func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }},
	{"base64 twice", func(s string) string {
		return base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString([]byte(s))))
	}},
	{"base64 of gzip", func(s string) string {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, _ = w.Write([]byte(s))
		_ = w.Close()
		return base64.StdEncoding.EncodeToString(b.Bytes())
	}},
	{"base32", func(s string) string { return base32.StdEncoding.EncodeToString([]byte(s)) }},
	{"hex", func(s string) string { return hex.EncodeToString([]byte(s)) }},
	{"hex capitals", func(s string) string { return strings.ToUpper(hex.EncodeToString([]byte(s))) }},
}

// placements are where tool traffic has a credential. Where it is joined, other
// letters of an encoding's alphabet touch it (an equals sign before base64, a
// full stop after it), so that encoded text has no visible ends.
var placements = []struct {
	name, format string
	joined       bool
}{
	{"alone", "%s", false},
	{"JSON string", `{"service": "billing", "credentials": {"value": "%s"}, "retries": 3}`, false},
	{"JSON in JSON", `{"content": "{\"token\": \"%s\"}"}`, false},
	{"YAML", "services:\n  app:\n    environment:\n      - SECRET=%s\n    ports: [80]", false},
	{"env file", "# .env\nNODE_ENV=production\nTOKEN=%s\nLOG_LEVEL=info", true},
	{"TOML", "[auth]\ntoken = '%s'\n", false},
	{"curl", `curl -s -H "Authorization: token %s" https://api.example.com/v2/items`, false},
	{"URL query", "https://api.example.com/v2/items?limit=5&access_token=%s&page=2", true},
	{"log line", "2026-09-18T10:22:31Z WARN auth retry with %s failed: 401", false},
	{"Markdown table", "| name | token |\n| --- | --- |\n| deploy | %s |", false},
	{"Markdown code", "Use `%s` for the deploy.\n", false},
	{"source code", `const client = new Client({ key: "%s" }); // rotate`, false},
	{"mail", "Hi team,\n\nFor the record the credential is %s.\n\nBest,\nJo", true},
	{"XML", "<config><token>%s</token></config>", false},
	{"shell export", "export GH_TOKEN=\"%s\"\nmake deploy", false},
	{"chat", "jo: here you go %s :) delete it later", false},
}

func between(sep string) func(string) string {
	return func(s string) string { return strings.Join(strings.Split(s, ""), sep) }
}

func each(write func(rune) string) func(string) string {
	return func(s string) string {
		var b strings.Builder
		for _, r := range s {
			b.WriteString(write(r))
		}
		return b.String()
	}
}

// TestHiddenCredentialsAreFoundEverywhere is the matrix of transformations by
// placements. In each cell some view of the normalised text must give up the
// credential, and its span in the raw text must lie over the hidden one.
func TestHiddenCredentialsAreFoundEverywhere(t *testing.T) {
	for _, tr := range transformations {
		for _, p := range placements {
			findHidden(t, tr, p.name, p.format)
		}
	}
}

// TestEncodedCredentialsAreFound is the matrix of encodings by the placements
// where encoded text has visible ends.
func TestEncodedCredentialsAreFound(t *testing.T) {
	for _, tr := range encodings {
		for _, p := range placements {
			if !p.joined {
				findHidden(t, tr, p.name, p.format)
			}
		}
	}
}

func findHidden(t *testing.T, tr hiding, place, format string) {
	t.Helper()
	const token = "ghp_" + madeToken + "Ab9Z"
	hidden := tr.hide(token)
	text := fmt.Sprintf(format, hidden)
	at := strings.Index(text, hidden)
	norm := normal.New(normal.Options{}).Normalize(text)
	defer norm.Release()
	d := newDetector(t, secret.Options{})
	for i := range norm.Views {
		v := &norm.Views[i]
		for _, f := range d.Scan(nil, "", v.Text) {
			span := v.Raw(f.Span[0], f.Span[1])
			if f.Rule == "secret.github-pat" && v.Text[f.Span[0]:f.Span[1]] == token && span[0] < at+len(hidden) && span[1] > at {
				return
			}
		}
	}
	t.Errorf("%s in %s: not found in %q", tr.name, place, text)
}
