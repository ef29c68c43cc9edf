package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"toolward/gateway"
)

// terminal is where every command writes. What agents and upstreams choose
// reaches people through it, so it obeys nothing: a character that moves the
// cursor, hides or reorders text, or is not seen at all is written as \uXXXX. In
// JSON, where such a character can only stand in a string, that is the same value.
// It shows none of the gateway's own credentials either, once it knows them.
type terminal struct {
	w    io.Writer
	rest []byte // of a character that is not complete yet
	own  atomic.Pointer[gateway.Scrubber]
}

// Write implements [io.Writer]. It takes all of p, also where p ends inside a
// character.
func (t *terminal) Write(p []byte) (int, error) {
	in := append(t.rest, p...)
	if own := t.own.Load(); own != nil { // whoever prints writes whole lines
		in = []byte(own.Replace(string(in), math.MaxInt32))
	}
	var out strings.Builder
	out.Grow(len(in))
	for len(in) > 0 {
		if in[0] < utf8.RuneSelf && !obeyed(rune(in[0])) {
			out.WriteByte(in[0])
			in = in[1:]
			continue
		}
		r, n := utf8.DecodeRune(in)
		switch {
		case r == '\r' && (len(in) == 1 || in[1] == '\n'): // the end of a line of CSV (RFC 4180 §2.1); alone it would go back in the line
			if len(in) > 1 {
				out.WriteString("\r\n")
				in = in[2:]
				continue
			}
			fallthrough
		case r == utf8.RuneError && n == 1 && !utf8.FullRune(in):
			t.rest = slices.Clone(in)
			_, err := io.WriteString(t.w, out.String())
			return len(p), err
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&out, `\x%02x`, in[0])
		case r != '\n' && r != '\t' && obeyed(r):
			out.WriteString(escape(r))
		default:
			out.WriteRune(r)
		}
		in = in[n:]
	}
	t.rest = nil
	_, err := io.WriteString(t.w, out.String())
	return len(p), err
}

// escape is a character as JSON, and most languages, write it in ASCII.
func escape(r rune) string {
	if r1, r2 := utf16.EncodeRune(r); r1 != unicode.ReplacementChar {
		return fmt.Sprintf(`\u%04x\u%04x`, r1, r2)
	}
	return fmt.Sprintf(`\u%04x`, r)
}

// blank are letters and symbols without ink.
var blank = []rune{0x034f, 0x115f, 0x1160, 0x17b4, 0x17b5, 0x2800, 0x3164, 0xffa0}

// obeyed reports whether a terminal would do something else with a character
// than draw it: C0 and C1, format characters (the bidirectional ones, zero
// width, tags), line separators, and what has no ink.
func obeyed(r rune) bool {
	return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) || slices.Contains(blank, r)
}

// printable is a text as one cell or one line of a command's output.
func printable(s string) string {
	if strings.IndexFunc(s, obeyed) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if obeyed(r) {
			b.WriteString(escape(r))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}
