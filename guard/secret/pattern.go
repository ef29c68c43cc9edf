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

// alphabetNames are the letters that name an alphabet in a pattern; an
// alphabet's number is its place here.
const alphabetNames = "dhHluwkbBjcq"

// alphabets are what credential formats are made of.
var alphabets = [len(alphabetNames)]*alphabet{
	newAlphabet("0-9"),
	newAlphabet("0-9a-f"),
	newAlphabet("0-9a-fA-F"),
	newAlphabet("0-9a-z"),
	newAlphabet("0-9A-Z"),
	newAlphabet("0-9A-Za-z"),
	newAlphabet("0-9A-Za-z_-"),      // base64url
	newAlphabet("0-9A-Za-z+/="),     // base64
	newAlphabet("0-9A-Za-z+/=_.~-"), // RFC 6750 §2.1 b64token
	newAlphabet("0-9A-Za-z_.-"),     // dotted base64url
	newAlphabet("0-9A-Za-z./"),      // crypt(5)
	newAlphabet("0-9A-Za-z%+/="),    // base64 in a query
}

var (
	lowers  = alphabets[3]
	alnum   = alphabets[5]
	urlsafe = alphabets[6]
	base64s = alphabets[7]
)

// b64tokenName is the number of the alphabet of RFC 6750.
const b64tokenName = 8

// part is a literal, or min to max bytes of an alphabet.
type part struct {
	lit      string
	set      *alphabet // nil for a literal
	name     int       // the alphabet's number
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
		if i+1 >= len(text) || text[i+1] != '{' || strings.IndexByte(alphabetNames, text[i]) < 0 {
			return nil, fmt.Errorf("pattern %q: want an alphabet and {n} at byte %d", text, i)
		}
		end := strings.IndexByte(text[i:], '}')
		if end < 0 {
			return nil, fmt.Errorf("pattern %q: no closing brace", text)
		}
		low, high, ranged := strings.Cut(text[i+2:i+end], ",")
		name := strings.IndexByte(alphabetNames, text[i])
		part := part{set: alphabets[name], name: name}
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

// runs remembers where the last run of each alphabet ended, so that planted
// prefixes inside one long run do not make it be read again and again.
type runs [len(alphabets)]struct{ from, to int }

// end returns where the run of the alphabet that holds s[i:] ends, but looks no
// further than most bytes ahead.
func (r *runs) end(name int, s string, i, most int) int {
	known := &r[name]
	if i < known.from || i > known.to {
		known.from, known.to = i, i
	}
	set := alphabets[name]
	for known.to < len(s) && known.to-i <= most && set[s[known.to]] {
		known.to++
	}
	return min(known.to, i+most)
}

// match returns where the pattern that starts at s[start] ends, or -1. A format
// that goes on in its own alphabet is another, longer thing and does not match.
func (p pattern) match(r *runs, s string, start int) int {
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
		end := r.end(part.name, s, i, part.max)
		if end-i < part.min {
			return -1
		}
		i = end
		last = part.set
	}
	if last != nil && i < len(s) && last[s[i]] && (alnum[s[i]] || s[i] == '_' || i+1 < len(s) && alnum[s[i+1]]) {
		return -1
	}
	return i
}
