package secret

import (
	"fmt"
	"strconv"
	"strings"
)

// alphabet is a set of bytes.
type alphabet [256]bool

func newAlphabet(ranges string) *alphabet {
	var a alphabet
	for i := 0; i < len(ranges); i++ {
		if i+2 < len(ranges) && ranges[i+1] == '-' {
			for c := int(ranges[i]); c <= int(ranges[i+2]); c++ {
				a[c] = true
			}
			i += 2
			continue
		}
		a[ranges[i]] = true
	}
	return &a
}

// The alphabets that credential formats are made of, by the letter that names
// them in a pattern.
var alphabets = map[byte]*alphabet{
	'd': newAlphabet("0-9"),
	'h': newAlphabet("0-9a-f"),
	'H': newAlphabet("0-9a-fA-F"),
	'l': newAlphabet("0-9a-z"),
	'u': newAlphabet("0-9A-Z"),
	'w': newAlphabet("0-9A-Za-z"),
	'k': newAlphabet("0-9A-Za-z_-"),      // base64url
	'b': newAlphabet("0-9A-Za-z+/="),     // base64
	'B': newAlphabet("0-9A-Za-z+/=_.~-"), // RFC 6750 §2.1 b64token
	'j': newAlphabet("0-9A-Za-z_.-"),     // dotted base64url
}

var (
	alnum   = alphabets['w']
	base64s = alphabets['b']
	urlsafe = alphabets['k']
)

// part is a literal, or min to max bytes of an alphabet.
type part struct {
	lit      string
	set      *alphabet
	min, max int
}

// pattern is a credential's format: literals and counted alphabets one after
// another. It is a subset of regular expressions that needs no backtracking:
// each part takes as much as it can. See [compile] for the syntax.
type pattern []part

// openMax bounds a part written {n,}. Nothing that is longer is a credential
// of a listed format, and the bound keeps planted prefixes linear.
const openMax = 512

// compile parses a pattern: any byte stands for itself except \x, which is the
// alphabet of that letter and must be followed by {n}, {n,m} or {n,}.
func compile(text string) (pattern, error) {
	var p pattern
	var lit strings.Builder
	flush := func() {
		if lit.Len() > 0 {
			p = append(p, part{lit: lit.String()})
			lit.Reset()
		}
	}
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			lit.WriteByte(text[i])
			continue
		}
		flush()
		i++
		if i+1 >= len(text) || text[i+1] != '{' || alphabets[text[i]] == nil {
			return nil, fmt.Errorf("pattern %q: want an alphabet and {n} at byte %d", text, i)
		}
		end := strings.IndexByte(text[i:], '}')
		if end < 0 {
			return nil, fmt.Errorf("pattern %q: no closing brace", text)
		}
		low, high, ranged := strings.Cut(text[i+2:i+end], ",")
		part := part{set: alphabets[text[i]]}
		var err error
		if part.min, err = strconv.Atoi(low); err != nil {
			return nil, fmt.Errorf("pattern %q: %w", text, err)
		}
		switch part.max = part.min; {
		case ranged && high == "":
			part.max = openMax
		case ranged:
			if part.max, err = strconv.Atoi(high); err != nil {
				return nil, fmt.Errorf("pattern %q: %w", text, err)
			}
		}
		p = append(p, part)
		i += end
	}
	flush()
	return p, nil
}

// match returns where the pattern that starts at s[start] ends, or -1. A format
// that goes on in its own alphabet is another, longer thing and does not match.
func (p pattern) match(s string, start int) int {
	i := start
	var last *alphabet
	for _, part := range p {
		if part.set == nil {
			if !strings.HasPrefix(s[i:], part.lit) {
				return -1
			}
			i += len(part.lit)
			last = nil
			continue
		}
		n := 0
		for n < part.max && i+n < len(s) && part.set[s[i+n]] {
			n++
		}
		if n < part.min {
			return -1
		}
		i += n
		last = part.set
	}
	if last != nil && i < len(s) && last[s[i]] && s[i] != '=' && s[i] != '.' && s[i] != '-' {
		return -1
	}
	return i
}

// literal is the pattern's leading literal, "" if it starts with an alphabet.
func (p pattern) literal() string {
	if len(p) == 0 {
		return ""
	}
	return p[0].lit
}
