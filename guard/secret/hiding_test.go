package secret_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"mime/quotedprintable"
	"strings"
	"unicode/utf16"
)

// tokens are made-up credentials of formats that differ in their letters: an
// underscore or hyphens in them, one case or two.
var tokens = []string{
	"ghp_" + madeToken + "Ab9Z",
	"sk-" + "proj-" + "Zk4Q-8vBnW2yL_7xRtC9mJdF3sGhK6pVq1TzXeY5uNaPwE0b",
	"AKIA" + "QX7MZB4KD2WTR5VN",
}

// hiding is a way to write a credential so that it does not look like one.
type hiding struct {
	name string
	hide func(string) string
}

var std = base64.StdEncoding.EncodeToString

func of(encode func([]byte) string, before, after string) func(string) string {
	return func(s string) string { return encode([]byte(before + s + after)) }
}

// transformations hide a credential.
var transformations = []hiding{
	{"plain", func(s string) string { return s }},

	// Characters that nobody sees, and others that look alike.
	{"zero-width space", between("\u200b")},
	{"zero-width joiner", between("\u200d")},
	{"word joiner", between("\u2060")},
	{"soft hyphen", between("\u00ad")},
	{"byte order mark", between("\ufeff")},
	{"left-to-right mark", between("\u200e")},
	{"variation selector", between("\ufe0f")},
	{"invisible times", between("\u2062")},
	{"bidi isolate", func(s string) string { return "\u2068" + s[:12] + "\u2069" + s[12:] }},
	{"combining strokes", between("\u0336")},
	{"ANSI colour inside", func(s string) string { return s[:9] + "\x1b[1;31m" + s[9:] + "\x1b[0m" }},
	{"ANSI colour in each", between("\x1b[32m")},
	{"fullwidth", each(func(r rune) string { return string(r - '!' + '\uff01') })},
	{"mathematical", each(mathematical)},
	{"homoglyphs", func(s string) string {
		return strings.NewReplacer("p", "р", "a", "а", "e", "е", "o", "о", "c", "с", "A", "А", "K", "К", "x", "х").Replace(s)
	}},
	{"tag characters", each(func(r rune) string { return string(0xe0000 + r) })},
	{"bytes in variation selectors", func(s string) string {
		return "x" + each(func(r rune) string { return string(0xe0100 + r - 16) })(s)
	}},
	{"bits in zero-width characters", func(s string) string {
		return "a" + strings.NewReplacer("0", "\u200b", "1", "\u200c").Replace(eachByte("%08b", "")(s)) + "b"
	}},

	// Escapes.
	{"URL escapes of all", eachByte("%%%02X", "")},
	{"URL escapes twice", eachByte("%%25%02x", "")},
	{"URL escapes three times", eachByte("%%2525%02x", "")},
	{"JSON escapes", eachByte(`\u%04x`, "")},
	{"JSON escapes twice", eachByte(`\\u%04x`, "")},
	{"backslash x", eachByte(`\x%02x`, "")},
	{"backslash u braces", eachByte(`\u{%x}`, "")},
	{"octal escapes", eachByte(`\%03o`, "")},
	{"HTML decimal", eachByte("&#%d;", "")},
	{"HTML hexadecimal", eachByte("&#x%x;", "")},
	{"HTML decimal in URL escapes", func(s string) string { return inURL(eachByte("&#%d;", "")(s)) }},
	{"quoted-printable", eachByte("=%02X", "")},
	{"quoted-printable, broken lines", func(s string) string {
		var b strings.Builder
		w := quotedprintable.NewWriter(&b)
		io.WriteString(w, strings.Repeat("the value is ", 5)+s)
		w.Close()
		return b.String()
	}},
	{"MIME header, base64", func(s string) string { return "=?utf-8?B?" + std([]byte(s)) + "?=" }},
	{"MIME header, Q", func(s string) string { return "=?utf-8?Q?" + eachByte("=%02X", "")(s) + "?=" }},

	// Encodings.
	{"base64", of(std, "", "")},
	{"base64, no padding", of(base64.RawStdEncoding.EncodeToString, "", "")},
	{"base64url, no padding", of(base64.RawURLEncoding.EncodeToString, "", "")},
	{"base64 behind one byte", of(std, "x=", "")},
	{"base64 behind two bytes", of(std, ":", "")},
	{"base64 behind binary", of(std, "\x00\xff\x10\x9c\x07\x81\xfe", "\xff\x00\x17\x99\x80")},
	{"base64 behind a line", of(std, "user: jo\nvalue: ", "\nrole: admin\n")},
	{"base64 of JSON", of(std, `{"user":"jo","value":"`, `","role":"admin"}`)},
	{"base64 joined to letters", func(s string) string { return "zQ7" + std([]byte(s)) + "Xy" }},
	{"base64 without its first letter", func(s string) string { return std([]byte("id " + s))[1:] }},
	{"base64 in lines of 76", wrapped(76, "\r\n")},
	{"base64 in lines of 64", wrapped(64, "\n")},
	{"base64 in lines of 20", wrapped(20, "\n")},
	{"base64, folded YAML", wrapped(40, "\n      ")},
	{"base64, escaped line ends", wrapped(48, `\n`)},
	{"base64 in strings", wrapped(32, "\" +\n    \"")},
	{"base64 twice", func(s string) string { return std([]byte(std([]byte(s)))) }},
	{"base64 three times", func(s string) string { return std([]byte(std([]byte(std([]byte(s)))))) }},
	{"base64 of hex", func(s string) string { return std([]byte(hex.EncodeToString([]byte(s)))) }},
	{"base64 of URL escapes", func(s string) string { return std([]byte(eachByte("%%%02x", "")(s))) }},
	{"base64 of gzip", func(s string) string { return std(zipped(s)) }},
	{"base64 of zlib", func(s string) string { return std(deflated(s)) }},
	{"base64 of UTF-16", func(s string) string { return std(utf16le(s)) }},
	{"base64 of UTF-16, big end first", func(s string) string { return std(append([]byte{0}, utf16le(s)...)) }},
	{"base64 of UTF-16 among bytes", func(s string) string {
		return std([]byte("\x9c\xe1\x83" + string(utf16le(s)) + "\xff" + strings.Repeat("\x8f\x11\xa3", 60)))
	}},
	{"hex of UTF-16 behind text", func(s string) string {
		return hex.EncodeToString([]byte("\x02" + strings.Repeat("some more of the words ", 12) + "\x00" + string(utf16le(" "+s+" "))))
	}},
	{"base64 in URL escapes", func(s string) string { return eachByte("%%%02x", "")(std([]byte(s))) }},
	{"base64 with zero-width spaces", func(s string) string { return between("\u200b")(std([]byte(s))) }},
	{"hex", of(hex.EncodeToString, "", "")},
	{"hex capitals", func(s string) string { return strings.ToUpper(hex.EncodeToString([]byte(s))) }},
	{"hex behind bytes", of(hex.EncodeToString, "\x02\xfe\x81", "\xfe\x00\x93")},
	{"hex at an odd place", func(s string) string { return "7" + hex.EncodeToString([]byte(s)) }},
	{"hex twice", func(s string) string { return hex.EncodeToString([]byte(hex.EncodeToString([]byte(s)))) }},
	{"hex, 0x", func(s string) string { return "0x" + hex.EncodeToString([]byte(s)) }},
	{"hex of gzip", func(s string) string { return hex.EncodeToString(zipped(s)) }},
}

func between(sep string) func(string) string {
	return func(s string) string { return strings.Join(strings.Split(s, ""), sep) }
}

func every(s string, n int, sep string) string {
	var b strings.Builder
	for i := 0; i < len(s); i += n {
		if i > 0 {
			b.WriteString(sep)
		}
		b.WriteString(s[i:min(i+n, len(s))])
	}
	return b.String()
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

func eachByte(format, sep string) func(string) string {
	return func(s string) string {
		var parts []string
		for i := range len(s) {
			parts = append(parts, fmt.Sprintf(format, s[i]))
		}
		return strings.Join(parts, sep)
	}
}

// wrapped is base64 of a text with the credential in its middle, in lines.
func wrapped(width int, sep string) func(string) string {
	return func(s string) string {
		return every(std([]byte("the settings of the service:\n"+s+"\nand so on, for all of them\n")), width, sep)
	}
}

func mathematical(r rune) string {
	switch {
	case 'a' <= r && r <= 'z':
		return string(r - 'a' + 0x1d5ba)
	case 'A' <= r && r <= 'Z':
		return string(r - 'A' + 0x1d5a0)
	case '0' <= r && r <= '9':
		return string(r - '0' + 0x1d7e2)
	}
	return string(r)
}

func backwards(s string) string {
	r := []rune(s)
	for i, j := 0, len(r)-1; i < j; i, j = i+1, j-1 {
		r[i], r[j] = r[j], r[i]
	}
	return string(r)
}

func rot13(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z':
			return 'a' + (r-'a'+13)%26
		case 'A' <= r && r <= 'Z':
			return 'A' + (r-'A'+13)%26
		}
		return r
	}, s)
}

func zipped(s string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	io.WriteString(w, s)
	w.Close()
	return b.Bytes()
}

func deflated(s string) []byte {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	io.WriteString(w, s)
	w.Close()
	return b.Bytes()
}

func utf16le(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return b
}
