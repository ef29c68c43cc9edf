package main

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"unicode/utf16"
)

// method is a way to hide a text.
type method struct {
	name    string
	encoded bool // not readable without decoding
	apply   func(*rand.Rand, string) string
}

// everyday are the encodings that ordinary text comes in, too.
var everyday = []method{
	{"base64", true, func(_ *rand.Rand, s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }},
	{"base64 value", true, func(_ *rand.Rand, s string) string {
		return `{"content": "` + base64.StdEncoding.EncodeToString([]byte(s)) + `", "encoding": "base64"}`
	}},
	{"query", true, func(_ *rand.Rand, s string) string { return "GET /search?q=" + url.QueryEscape(s) + " 200" }},
	{"path escape", true, func(_ *rand.Rand, s string) string { return "https://example.com/?text=" + url.PathEscape(s) }},
	{"html comment", false, func(_ *rand.Rand, s string) string { return "<!-- " + s + " -->" }},
	{"html page", false, func(_ *rand.Rand, s string) string {
		return "<html><body><h1>Page</h1><p>" + strings.NewReplacer("<", "&lt;", "&", "&amp;", "'", "&#39;", `"`, "&quot;").Replace(s) + "</p></body></html>"
	}},
	{"ansi log", false, func(r *rand.Rand, s string) string {
		return "\x1b[" + fmt.Sprint(31+r.IntN(6)) + "mINFO\x1b[0m " + s
	}},
	{"json escapes", true, func(_ *rand.Rand, s string) string { return fmt.Sprintf("%+q", s) }},
	{"title", false, func(_ *rand.Rand, s string) string {
		return `<img src="a.png" alt="` + strings.ReplaceAll(s, `"`, "&quot;") + `">`
	}},
	{"hidden menu", false, func(_ *rand.Rand, s string) string { return `<div style="display:none">` + s + `</div>` }},
}

// methods hide attacks.
var methods = append([]method{
	{"hex", true, func(_ *rand.Rand, s string) string { return hex.EncodeToString([]byte(s)) }},
	{"0xhex", true, func(_ *rand.Rand, s string) string { return "0x" + hex.EncodeToString([]byte(s)) }},
	{"url base64", true, func(_ *rand.Rand, s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }},
	{"double base64", true, func(_ *rand.Rand, s string) string {
		return base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString([]byte(s))))
	}},
	{"escapes of letters", true, func(r *rand.Rand, s string) string {
		return each(s, func(c rune) string {
			if r.IntN(3) > 0 {
				return fmt.Sprintf("%%%02X", c)
			}
			return string(c)
		})
	}},
	{"entities", true, func(r *rand.Rand, s string) string {
		return each(s, func(c rune) string {
			return pick(r, []string{string(c), fmt.Sprintf("&#%d;", c), fmt.Sprintf("&#x%x;", c)})
		})
	}},
	{"zero width", false, func(r *rand.Rand, s string) string {
		return each(s, func(c rune) string { return string(c) + pick(r, []string{"", "\u200b", "\u200d", "\u2060", "\ufeff"}) })
	}},
	{"full width", false, func(_ *rand.Rand, s string) string { return shift(s, 0xff01-'!', '!', '~') }},
	{"math", false, func(_ *rand.Rand, s string) string {
		return shift(shift(s, 0x1d400-'A', 'A', 'Z'), 0x1d41a-'a', 'a', 'z')
	}},
	{"tags", true, func(_ *rand.Rand, s string) string { return shift(s, 0xe0000, ' ', '~') }},
	{"override", true, func(_ *rand.Rand, s string) string { return "\u202e" + reversed(s) + "\u202c" }},
	{"homoglyphs", false, func(r *rand.Rand, s string) string {
		return each(s, func(c rune) string {
			if i := strings.IndexRune("aeopcxyis", c); i >= 0 && r.IntN(3) > 0 {
				return string([]rune("аеорсхуіѕ")[i])
			}
			return string(c)
		})
	}},
	{"concealed", false, func(_ *rand.Rand, s string) string { return "\x1b[8m" + s + "\x1b[0m" }},
	{"display none", false, func(r *rand.Rand, s string) string {
		return pick(r, []string{`<div style="display:none">`, `<span style="font-size:0">`, `<p style="color:#fff;background:#fff">`, `<div style="opacity:0">`, `<div hidden>`}) + s + "</div>"
	}},
	{"spaced", true, func(_ *rand.Rand, s string) string {
		return strings.TrimSpace(each(s, func(c rune) string { return string(c) + " " }))
	}},
	{"reversed", true, func(_ *rand.Rand, s string) string { return reversed(s) }},
	{"rot13", true, func(_ *rand.Rand, s string) string { return rot(s, 13) }},
	{"leet", true, func(r *rand.Rand, s string) string {
		return each(s, func(c rune) string {
			if i := strings.IndexRune("aeiost", c); i >= 0 && r.IntN(5) > 0 {
				return "431057"[i : i+1]
			}
			return string(c)
		})
	}},
	{"unicode escapes", true, func(_ *rand.Rand, s string) string {
		return each(s, func(c rune) string {
			if c > 0xffff {
				a, b := utf16.EncodeRune(c)
				return fmt.Sprintf(`\u%04x\u%04x`, a, b)
			}
			return fmt.Sprintf(`\u%04x`, c)
		})
	}},
}, everyday...)

func each(s string, f func(rune) string) string {
	var b strings.Builder
	for _, c := range s {
		b.WriteString(f(c))
	}
	return b.String()
}

func shift(s string, by, from, to rune) string {
	return each(s, func(c rune) string {
		if c >= from && c <= to {
			return string(c + by)
		}
		return string(c)
	})
}

func reversed(s string) string {
	r := []rune(s)
	for i, j := 0, len(r)-1; i < j; i, j = i+1, j-1 {
		r[i], r[j] = r[j], r[i]
	}
	return string(r)
}

func rot(s string, n rune) string {
	return each(s, func(c rune) string {
		switch {
		case c >= 'a' && c <= 'z':
			return string('a' + (c-'a'+n)%26)
		case c >= 'A' && c <= 'Z':
			return string('A' + (c-'A'+n)%26)
		}
		return string(c)
	})
}
