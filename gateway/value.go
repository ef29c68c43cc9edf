package gateway

import (
	"encoding/json"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Decode turns checked JSON into the forms of [Args.Value]: that of a name which
// stands twice is the last. It is for values that [ParseObject] or [CheckJSON]
// accepted; of anything else it makes what it can, nil if nothing.
func Decode(raw json.RawMessage) any {
	r := reader{in: string(raw)}
	r.space()
	return r.value()
}

// DecodeMembers is [Decode] of a checked object, but for the members whose names are
// not among those wanted, which are passed over.
func DecodeMembers(object json.RawMessage, wanted map[string]bool) map[string]any {
	m := make(map[string]any, len(wanted))
	eachMember(object, func(n name, value json.RawMessage) bool {
		if wanted[string(n.b)] {
			m[n.String()] = Decode(value)
		}
		return true
	})
	return m
}

// reader decodes checked JSON. Its texts are parts of one copy of the whole but for
// those with escapes, and for short ones of a long value: whoever keeps a text, as
// policy does what it remembers, must not keep megabytes with it. It relies on
// balanced brackets, and stops at the end of the input whatever it finds.
type reader struct {
	in string
	at int
}

// maxPinned is how long a value is whose texts are all parts of it, in bytes.
const maxPinned = 4 << 10

// part is a text of the input for whoever may keep it.
func (r *reader) part(s string) string {
	if len(r.in) > maxPinned && len(s) < len(r.in)/4 {
		return strings.Clone(s)
	}
	return s
}

func (r *reader) space() {
	for r.at < len(r.in) {
		switch r.in[r.at] {
		case ' ', '\t', '\n', '\r':
			r.at++
		default:
			return
		}
	}
}

// on passes a character, if it stands here, and the space behind it.
func (r *reader) on(c byte) bool {
	if r.at == len(r.in) || r.in[r.at] != c {
		return false
	}
	r.at++
	r.space()
	return true
}

// value decodes the value that begins here and passes the space behind it.
func (r *reader) value() (v any) {
	if r.at == len(r.in) {
		return nil
	}
	switch c := r.in[r.at]; c {
	case '{':
		return r.object()
	case '[':
		return r.array()
	case '"':
		v = r.text()
	default:
		v = r.scalar(r.word())
	}
	r.space()
	return v
}

func (r *reader) object() map[string]any {
	r.on('{')
	m := map[string]any{}
	for r.at < len(r.in) && r.in[r.at] == '"' {
		name := r.text()
		r.space()
		r.on(':')
		m[name] = r.value()
		r.on(',')
	}
	r.on('}')
	return m
}

func (r *reader) array() []any {
	r.on('[')
	s := []any{}
	for r.at < len(r.in) && r.in[r.at] != ']' {
		before := r.at
		s = append(s, r.value())
		if !r.on(',') && r.at == before {
			break // never in checked JSON
		}
	}
	r.on(']')
	return s
}

// text is the string that begins here.
func (r *reader) text() string {
	start := r.at
	for r.at++; r.at < len(r.in); r.at++ {
		n := strings.IndexByte(r.in[r.at:], '"')
		if n < 0 {
			break
		}
		r.at += n
		slash := r.at - 1
		for r.in[slash] == '\\' {
			slash--
		}
		if (r.at-slash)%2 == 1 {
			r.at++
			return r.part(Unquote(r.in[start:r.at]))
		}
	}
	r.at = len(r.in)
	return ""
}

// word is the number or literal that begins here.
func (r *reader) word() string {
	start := r.at
	for r.at < len(r.in) {
		switch r.in[r.at] {
		case ',', ']', '}', ' ', '\t', '\n', '\r':
			return r.in[start:r.at]
		}
		r.at++
	}
	return r.in[start:]
}

func (r *reader) scalar(word string) any {
	switch word {
	case "true":
		return true
	case "false":
		return false
	case "null", "":
		return nil
	}
	return json.Number(r.part(word))
}

// Unquote is the text of a string of checked JSON. Without escapes it is a part of
// the string.
//
//	"caf\u00e9 \ud83d\ude00"   café 😀
func Unquote(quoted string) string {
	if len(quoted) < 2 {
		return ""
	}
	rest := quoted[1 : len(quoted)-1]
	slash := strings.IndexByte(rest, '\\')
	if slash < 0 {
		return rest
	}
	var b strings.Builder
	b.Grow(len(rest))
	for slash >= 0 && slash+1 < len(rest) {
		b.WriteString(rest[:slash])
		c := rest[slash+1]
		rest = rest[slash+2:]
		switch c {
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		case 'u':
			var r rune
			r, rest = unicodeEscape(rest)
			b.WriteRune(r)
			slash = strings.IndexByte(rest, '\\')
			continue
		}
		b.WriteByte(c)
		slash = strings.IndexByte(rest, '\\')
	}
	b.WriteString(rest)
	return b.String()
}

// unicodeEscape reads what stands behind \u: of a pair of surrogates both.
func unicodeEscape(s string) (rune, string) {
	high, rest := hex4(s)
	if !utf16.IsSurrogate(high) {
		return high, rest
	}
	if len(rest) < 2 || rest[:2] != `\u` {
		return utf8.RuneError, rest
	}
	low, after := hex4(rest[2:])
	if r := utf16.DecodeRune(high, low); r != utf8.RuneError {
		return r, after
	}
	return utf8.RuneError, rest
}

// hex4 reads four hexadecimal digits.
func hex4(s string) (rune, string) {
	if len(s) < 4 {
		return utf8.RuneError, ""
	}
	var r rune
	for i := range 4 {
		d := s[i]
		switch {
		case d >= '0' && d <= '9':
			r = r<<4 | rune(d-'0')
		case d|0x20 >= 'a' && d|0x20 <= 'f':
			r = r<<4 | rune(d|0x20-'a'+10)
		default:
			return utf8.RuneError, s
		}
	}
	return r, s[4:]
}
