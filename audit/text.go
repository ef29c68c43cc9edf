package audit

import (
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Bounds of texts that agents, upstreams and policies choose, in bytes.
const (
	maxColumn = 512
	maxText   = 4 << 10 // of one text in a body: a reason, a cause, a name
)

// unsafeRune reports whether a rune could break a line, move a cursor or
// reorder what a reviewer reads: C0, DEL, C1, line and paragraph separators,
// and the bidirectional controls.
func unsafeRune(r rune) bool {
	switch {
	case r < 0x20, r >= 0x7f && r < 0xa0, r == 0x2028, r == 0x2029, r == 0x061c, r == 0x200e, r == 0x200f,
		r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0xfeff, r >= 0xe0000 && r <= 0xe007f:
		return true
	}
	return false
}

// column makes a text safe for a column: unsafe runes are shown as <U+000A>,
// and it is cut at [maxColumn].
func column(s string) string {
	if len(s) <= maxColumn && !needsEscape(s) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if b.Len() >= maxColumn {
			b.WriteString("…")
			break
		}
		if unsafeRune(r) {
			fmt.Fprintf(&b, "<U+%04X>", r)
		} else {
			b.WriteRune(r) // the range made U+FFFD of what is not UTF-8
		}
	}
	return b.String()
}

// clip bounds a text in the body. What is no whole rune at the end goes.
func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

func needsEscape(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf || s[i] < 0x20 || s[i] == 0x7f {
			return !utf8.ValidString(s) || strings.IndexFunc(s, unsafeRune) >= 0
		}
	}
	return false
}

// plain marks the bytes that stand for themselves inside a JSON string.
var plain = func() (t [256]bool) {
	for c := 0x20; c < 0x7f; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// eightPlain reports whether eight bytes are all plain. A byte is zero only where a
// subtraction of one from it borrows; that can only be wrong behind one that is zero.
//
//	"the arra" → true, "y\"],\"is" → false
func eightPlain(x uint64) bool {
	const ones = 0x0101010101010101
	quote, backslash, del := x^'"'*ones, x^'\\'*ones, x^0x7f*ones
	return (x|(x-0x20*ones)|(quote-ones)|(backslash-ones)|(del-ones))&(0x80*ones) == 0
}

// appendString appends a JSON string with every unsafe rune escaped.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		start := i
		for i < len(s) && plain[s[i]] {
			i++
		}
		dst = append(dst, s[start:i]...)
		if i == len(s) {
			break
		}
		if s[i] == '"' || s[i] == '\\' {
			dst = append(dst, '\\', s[i])
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		dst = appendRune(dst, r)
		i += size
	}
	return append(dst, '"')
}

func appendRune(dst []byte, r rune) []byte {
	if !unsafeRune(r) {
		return utf8.AppendRune(dst, r)
	}
	if r > 0xffff {
		r -= 0x10000
		return fmt.Appendf(dst, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
	}
	return fmt.Appendf(dst, `\u%04x`, r)
}

// appendLine appends valid JSON on one line: white space between tokens goes,
// unsafe runes inside strings are escaped, everything else is as it was.
func appendLine(dst, raw []byte) []byte {
	for i := 0; i < len(raw); {
		switch c := raw[i]; c {
		case ' ', '\t', '\r', '\n':
			i++
		case '"':
			end := i + 1
			dst = append(dst, '"')
			for end < len(raw) && raw[end] != '"' {
				dst, end = appendInside(dst, raw, end)
			}
			dst = append(dst, '"')
			i = end + 1
		default:
			dst = append(dst, c)
			i++
		}
	}
	return dst
}

// appendInside copies a run of plain bytes, an escape or a rune of a string.
func appendInside(dst, raw []byte, i int) ([]byte, int) {
	start := i
	for i+8 <= len(raw) && eightPlain(binary.LittleEndian.Uint64(raw[i:])) {
		i += 8
	}
	for i < len(raw) && plain[raw[i]] {
		i++
	}
	switch {
	case i > start || i == len(raw):
		return append(dst, raw[start:i]...), i
	case raw[i] == '\\' && i+1 < len(raw):
		return append(dst, raw[i:i+2]...), i + 2
	}
	r, size := utf8.DecodeRune(raw[i:])
	return appendRune(dst, r), i + size
}
