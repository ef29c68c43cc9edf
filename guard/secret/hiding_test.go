package secret_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"math/big"
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
	fits func(string) bool // nil: it can be undone whatever the credential
}

var std = base64.StdEncoding.EncodeToString

func of(encode func([]byte) string, before, after string) func(string) string {
	return func(s string) string { return encode([]byte(before + s + after)) }
}

// transformations hide a credential.
var transformations = []hiding{
	{"plain", func(s string) string { return s }, nil},

	// Characters that nobody sees, and others that look alike.
	{"zero-width space", between("\u200b"), nil},
	{"zero-width joiner", between("\u200d"), nil},
	{"word joiner", between("\u2060"), nil},
	{"soft hyphen", between("\u00ad"), nil},
	{"byte order mark", between("\ufeff"), nil},
	{"left-to-right mark", between("\u200e"), nil},
	{"variation selector", between("\ufe0f"), nil},
	{"invisible times", between("\u2062"), nil},
	{"bidi isolate", func(s string) string { return "\u2068" + s[:12] + "\u2069" + s[12:] }, nil},
	{"combining strokes", between("\u0336"), nil},
	{"ANSI colour inside", func(s string) string { return s[:9] + "\x1b[1;31m" + s[9:] + "\x1b[0m" }, nil},
	{"ANSI colour in each", between("\x1b[32m"), nil},
	{"fullwidth", each(func(r rune) string { return string(r - '!' + '\uff01') }), nil},
	{"mathematical", each(mathematical), nil},
	{"homoglyphs", func(s string) string {
		return strings.NewReplacer("p", "р", "a", "а", "e", "е", "o", "о", "c", "с", "A", "А", "K", "К", "x", "х").Replace(s)
	}, nil},
	{"tag characters", each(func(r rune) string { return string(0xe0000 + r) }), nil},
	{"bytes in variation selectors", func(s string) string {
		return "x" + each(func(r rune) string { return string(0xe0100 + r - 16) })(s)
	}, nil},
	{"bits in zero-width characters", func(s string) string {
		return "a" + strings.NewReplacer("0", "\u200b", "1", "\u200c").Replace(eachByte("%08b", "")(s)) + "b"
	}, nil},

	// Escapes.
	{"URL escapes of all", eachByte("%%%02X", ""), nil},
	{"URL escapes twice", eachByte("%%25%02x", ""), nil},
	{"URL escapes three times", eachByte("%%2525%02x", ""), nil},
	{"JSON escapes", eachByte(`\u%04x`, ""), nil},
	{"JSON escapes twice", eachByte(`\\u%04x`, ""), nil},
	{"backslash x", eachByte(`\x%02x`, ""), nil},
	{"backslash u braces", eachByte(`\u{%x}`, ""), nil},
	{"octal escapes", eachByte(`\%03o`, ""), nil},
	{"HTML decimal", eachByte("&#%d;", ""), nil},
	{"HTML hexadecimal", eachByte("&#x%x;", ""), nil},
	{"HTML decimal in URL escapes", func(s string) string { return inURL(eachByte("&#%d;", "")(s)) }, nil},
	{"quoted-printable", eachByte("=%02X", ""), nil},
	{"quoted-printable, broken lines", func(s string) string {
		var b strings.Builder
		w := quotedprintable.NewWriter(&b)
		io.WriteString(w, strings.Repeat("the value is ", 5)+s)
		w.Close()
		return b.String()
	}, nil},
	{"MIME header, base64", func(s string) string { return "=?utf-8?B?" + std([]byte(s)) + "?=" }, nil},
	{"MIME header, Q", func(s string) string { return "=?utf-8?Q?" + eachByte("=%02X", "")(s) + "?=" }, nil},

	// Encodings.
	{"base64", of(std, "", ""), nil},
	{"base64, no padding", of(base64.RawStdEncoding.EncodeToString, "", ""), nil},
	{"base64url, no padding", of(base64.RawURLEncoding.EncodeToString, "", ""), nil},
	{"base64 behind one byte", of(std, "x=", ""), nil},
	{"base64 behind two bytes", of(std, ":", ""), nil},
	{"base64 behind binary", of(std, "\x00\xff\x10\x9c\x07\x81\xfe", "\xff\x00\x17\x99\x80"), nil},
	{"base64 behind a line", of(std, "user: jo\nvalue: ", "\nrole: admin\n"), nil},
	{"base64 of JSON", of(std, `{"user":"jo","value":"`, `","role":"admin"}`), nil},
	{"base64 joined to letters", func(s string) string { return "zQ7" + std([]byte(s)) + "Xy" }, nil},
	{"base64 without its first letter", func(s string) string { return std([]byte("id " + s))[1:] }, nil},
	{"base64 in lines of 76", wrapped(76, "\r\n"), nil},
	{"base64 in lines of 64", wrapped(64, "\n"), nil},
	{"base64 in lines of 20", wrapped(20, "\n"), nil},
	{"base64, folded YAML", wrapped(40, "\n      "), nil},
	{"base64, escaped line ends", wrapped(48, `\n`), nil},
	{"base64 in strings", wrapped(32, "\" +\n    \""), nil},
	{"base64 in groups of 4", func(s string) string { return every(std([]byte(s)), 4, " ") }, nil},
	{"base64 twice", func(s string) string { return std([]byte(std([]byte(s)))) }, nil},
	{"base64 three times", func(s string) string { return std([]byte(std([]byte(std([]byte(s)))))) }, nil},
	{"base64 of hex", func(s string) string { return std([]byte(hex.EncodeToString([]byte(s)))) }, nil},
	{"base64 of URL escapes", func(s string) string { return std([]byte(eachByte("%%%02x", "")(s))) }, nil},
	{"base64 of gzip", func(s string) string { return std(zipped(s)) }, nil},
	{"base64 of zlib", func(s string) string { return std(deflated(s)) }, nil},
	{"base64 of UTF-16", func(s string) string { return std(utf16le(s)) }, nil},
	{"base64 of UTF-16, big end first", func(s string) string { return std(append([]byte{0}, utf16le(s)...)) }, nil},
	{"base64 of reversed", func(s string) string { return std([]byte(backwards(s))) }, nil},
	{"base64 of ROT13", func(s string) string { return std([]byte(rot13(s))) }, nil},
	{"base64 reversed", func(s string) string { return backwards(std([]byte(s))) }, nil},
	{"base64 in URL escapes", func(s string) string { return eachByte("%%%02x", "")(std([]byte(s))) }, nil},
	{"base64 with zero-width spaces", func(s string) string { return between("\u200b")(std([]byte(s))) }, nil},
	{"base32", of(base32.StdEncoding.EncodeToString, "", ""), nil},
	{"base32, small letters", func(s string) string { return strings.ToLower(of(base32NoPad, "", "")(s)) }, nil},
	{"base32 behind bytes", of(base32NoPad, "ab:", ""), nil},
	{"base32hex", of(base32.HexEncoding.EncodeToString, "", ""), nil},
	{"base58", base58, nil},
	{"hex", of(hex.EncodeToString, "", ""), nil},
	{"hex capitals", func(s string) string { return strings.ToUpper(hex.EncodeToString([]byte(s))) }, nil},
	{"hex behind bytes", of(hex.EncodeToString, "\x02\xfe\x81", "\xfe\x00\x93"), nil},
	{"hex at an odd place", func(s string) string { return "7" + hex.EncodeToString([]byte(s)) }, nil},
	{"hex twice", func(s string) string { return hex.EncodeToString([]byte(hex.EncodeToString([]byte(s)))) }, nil},
	{"hex, 0x", func(s string) string { return "0x" + hex.EncodeToString([]byte(s)) }, nil},
	{"hex with spaces", eachByte("%02x", " "), nil},
	{"hex with colons", eachByte("%02X", ":"), nil},
	{"hex with hyphens", eachByte("%02x", "-"), nil},
	{"hex list", eachByte("0x%02x", ", "), nil},
	{"hex of gzip", func(s string) string { return hex.EncodeToString(zipped(s)) }, nil},
	{"decimal codes", eachByte("%d", " "), nil},
	{"decimal list", eachByte("%d", ","), nil},
	{"octal codes", eachByte("%03o", " "), nil},
	{"binary", eachByte("%08b", ""), nil},
	{"binary groups", eachByte("%08b", " "), nil},
	{"reversed", backwards, nil},
	{"ROT13", rot13, nil},
	{"ROT47", rot47, nil},
	{"spaced", between(" "), nil},
	{"dotted", between("."), nil},
	{"hyphened", between("-"), func(s string) bool { return !strings.Contains(s, "-") }},
	{"spaced in groups", func(s string) string { return every(s, 5, " ") }, nil},
	{"one letter a line", between("\n"), nil},
	{"strings joined by plus", func(s string) string { return s[:2] + `" + "` + s[2:9] + `" + "` + s[9:] }, nil},
	{"quotes joined by dots", func(s string) string { return s[:5] + `' . '` + s[5:11] + `'.'` + s[11:] }, nil},
	{"strings side by side", func(s string) string { return s[:7] + "\"\n    \"" + s[7:] }, nil},
	{"list of pieces", func(s string) string { return s[:4] + `", "` + s[4:9] + `", "` + s[9:] }, nil},
	{"SQL concatenation", func(s string) string { return s[:6] + "' || '" + s[6:] }, nil},
	{"line continued", func(s string) string { return s[:8] + "\\\n" + s[8:] }, nil},
	{"broken line", func(s string) string { return s[:11] + "\n  " + s[11:] }, nil},
	{"Markdown emphasis", func(s string) string { return s[:5] + "**" + s[5:12] + "**" + s[12:] }, nil},
	{"Markdown code", func(s string) string { return s[:5] + "``" + s[5:] }, nil},
	{"tags inside", func(s string) string { return s[:3] + "<b></b>" + s[3:12] + "<!-- -->" + s[12:] }, nil},
	{"comment inside", func(s string) string { return s[:10] + "/**/" + s[10:] }, nil},
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

func rot47(s string) string {
	return strings.Map(func(r rune) rune {
		if r > ' ' && r < 0x7f {
			return '!' + (r-'!'+47)%94
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

func base32NoPad(b []byte) string {
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b)
}

func base58(s string) string {
	const alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
	n, radix, d := new(big.Int).SetBytes([]byte(s)), big.NewInt(58), new(big.Int)
	var out []byte
	for n.Sign() > 0 {
		n.DivMod(n, radix, d)
		out = append(out, alphabet[d.Int64()])
	}
	return backwards(string(out))
}
