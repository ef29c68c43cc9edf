package upstream

import (
	"errors"
	"regexp"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// portablePattern compiles a pattern that means the same to Go and to a browser.
func portablePattern(s string) (jsonschema.Regexp, error) {
	if !ecma(s) {
		return nil, errors.New("not a portable pattern")
	}
	return regexp.Compile(s)
}

// ecma reports whether a pattern is valid both in RE2 and as an ECMAScript
// regular expression with the flag u, where an escape without a meaning is an
// error (ECMA-262 §22.2.1):
//
//	^[\w.-]+$   yes
//	\d{3}\-\d   no: nothing is escaped by \- outside of a class
//	(?P<x>a)    no
//
// What only one of them takes (look-ahead, back references) is "no" too.
func ecma(pattern string) bool {
	if _, err := regexp.Compile(pattern); err != nil {
		return false
	}
	e := escapes{s: pattern}
	for e.i < len(e.s) {
		if !e.next() {
			return false
		}
	}
	return true
}

// escapes goes over a pattern that RE2 accepts.
type escapes struct {
	s       string
	i       int
	class   bool // inside [ ]
	counted bool // inside { }
	group   bool // the item before was a class escape, which begins no range
}

func (e *escapes) next() bool {
	rest := e.s[e.i:]
	after := e.group
	e.group = false
	switch c := rest[0]; {
	case c == '\\':
		return e.escape(rest)
	case e.class:
		switch {
		case c == ']':
			e.class = false
		case strings.HasPrefix(rest, "[:"): // a POSIX class, which u does not know
			return false
		case c == '-' && len(rest) > 1 && rest[1] != ']' && (after || strings.HasPrefix(rest[1:], `\`)):
			return false // \w-z: in doubt, no
		}
	case c == '[':
		e.class = true
		if strings.HasPrefix(rest, "[]") || strings.HasPrefix(rest, "[^]") {
			return false // RE2 takes the bracket as a member
		}
	case c == '{':
		if !counted.MatchString(rest) {
			return false
		}
		e.counted = true
	case c == '}':
		if !e.counted {
			return false
		}
		e.counted = false
	case c == ']':
		return false
	case strings.HasPrefix(rest, "(?"):
		if !groups.MatchString(rest) {
			return false
		}
	}
	e.i++
	return true
}

func (e *escapes) escape(rest string) bool {
	m := escaped.FindString(rest)
	if m == "" && e.class {
		m = escapedInClass.FindString(rest)
	}
	if m == "" || e.class && (m == `\b` || m == `\B`) {
		return false
	}
	e.group = strings.ContainsAny(m[1:2], "dDsSwWpP")
	e.i += len(m)
	return true
}

var (
	counted        = regexp.MustCompile(`^\{\d+(,\d*)?\}`)
	groups         = regexp.MustCompile(`^\(\?(:|<[A-Za-z]\w*>)`)
	escaped        = regexp.MustCompile(`^\\([\^$\\.*+?()\[\]{}|/dDwWsSbBfnrtv]|x[0-9A-Fa-f]{2}|[pP]\{(L|Lu|Ll|Lt|Lm|Lo|M|N|Nd|P|S|Z)\})`)
	escapedInClass = regexp.MustCompile(`^\\-`)
)
