package policy

import (
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode/utf8"
)

// pattern is a regular expression, with a text that stands in whatever it matches:
//
//	(?i)\bcase-[0-9]+-closed\b   →   "-clo", in either case
//
// To find that there is no such text takes a hundredth of what the engine takes to
// go through all of it.
type pattern struct {
	re     *regexp.Regexp
	needle string
	fold   bool // needle is in lower case, and the text may have either
	anchor int  // with fold, the byte of needle that is looked for first
}

func newPattern(expr string) (*pattern, error) {
	re, err := regexp.Compile(expr)
	if err != nil {
		return nil, err
	}
	tree, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return nil, err
	}
	p := &pattern{re: re}
	p.require(tree)
	for i := range len(p.needle) {
		if !isLetter(p.needle[i]) {
			p.anchor = i
			break
		}
	}
	return p, nil
}

// require keeps the longest text that what matches has to have.
func (p *pattern) require(tree *syntax.Regexp) {
	switch tree.Op {
	case syntax.OpLiteral:
		fold := tree.Flags&syntax.FoldCase != 0
		run := ""
		for _, r := range tree.Rune {
			if fold && !foldsInASCII(r) || r == utf8.RuneError { // which a byte that is no UTF-8 matches too
				run = ""
				continue
			}
			if run += string(r); len(run) > len(p.needle) {
				p.needle, p.fold = run, fold
			}
		}
		if p.fold {
			p.needle = strings.ToLower(p.needle)
		}
	case syntax.OpConcat, syntax.OpCapture, syntax.OpPlus:
		for _, sub := range tree.Sub {
			p.require(sub)
		}
	case syntax.OpRepeat:
		if tree.Min > 0 {
			p.require(tree.Sub[0])
		}
	}
}

// foldsInASCII reports whether a character is the same as ASCII ones at most if
// case does not count: k is also the Kelvin sign, and s the long s.
func foldsInASCII(r rune) bool {
	return r < 0x80 && r|0x20 != 'k' && r|0x20 != 's'
}

func (p *pattern) match(s string) bool {
	if !p.fold && !strings.Contains(s, p.needle) || p.fold && !p.hasFolded(s) {
		return false
	}
	return p.re.MatchString(s)
}

func (p *pattern) hasFolded(s string) bool {
	c := p.needle[p.anchor]
	for at := p.anchor; at < len(s); at++ {
		if isLetter(c) {
			for at < len(s) && s[at]|0x20 != c {
				at++
			}
		} else if next := strings.IndexByte(s[at:], c); next >= 0 {
			at += next
		} else {
			return false
		}
		if start := at - p.anchor; start+len(p.needle) <= len(s) && sameFolded(s[start:start+len(p.needle)], p.needle) {
			return true
		}
	}
	return false
}

// sameFolded compares with a text in lower case.
func sameFolded(s, lower string) bool {
	for i := range len(s) {
		if c := s[i]; c != lower[i] && !(isLetter(c) && c|0x20 == lower[i]) {
			return false
		}
	}
	return true
}
