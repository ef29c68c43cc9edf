package secret

import (
	"strings"

	"toolward/gateway"
)

// Credentials that are cut to pieces: strings, lines and markup with something
// between ("gh" + "p_…"). What stands between is left out.

// rejoined looks for formats in e.text, whose pieces stood apart.
func (c *scan) rejoined(dst []gateway.Finding, e *encoded, via string) []gateway.Finding {
	s := "" // e.text, when it is needed
	done, row := 0, 0
	for i, b := range e.text {
		next, hit := c.machine.Step(row, b)
		if row = next; !hit {
			continue
		}
		for _, n := range c.machine.Ends(row) {
			for k := range c.triggers[n] {
				t := &c.triggers[n][k]
				start := i + 1 - t.length
				if t.scan != formScanner || !t.telling || start < done || string(e.text[start:i+1]) != t.form[0].lit || !e.starts(start) {
					continue
				}
				if s == "" {
					s = string(e.text)
				}
				stop := c.pieceForm(e, t, s, start)
				if stop == 0 || e.place(stop-1)-e.place(start) == stop-1-start { // in one piece it is found by itself
					continue
				}
				done = stop
				r := &c.rules[t.rule]
				f := finding("secret."+r.id, r.severity(), formScore, e.place(start), e.place(stop-1)+1, t.form[0].lit)
				f.Via = via
				dst = append(dst, f)
			}
		}
	}
	return dst
}

// starts reports whether a credential may begin at e.text[i]: it begins a piece,
// or what is before is no letter.
func (e *encoded) starts(i int) bool {
	return i == 0 || !alnum[e.text[i-1]] || e.places[i] > e.places[i-1]+1
}

// pieceForm returns where a credential of t's format that starts at s[start] ends, 0
// if there is none: with one of the pieces.
func (c *scan) pieceForm(e *encoded, t *trigger, s string, start int) int {
	ends := func(i int) bool { return i == len(s) || i < len(s) && e.places[i] > e.places[i-1]+1 }
	longest := 0
	for _, part := range t.form {
		longest += len(part.lit) + part.max
	}
	for _, end := range [...]int{start + longest, len(s)} {
		if end <= start+openMax && ends(end) {
			if n := c.movedForm(t, s[start:end]); n > 0 {
				return start + n
			}
		}
	}
	tries := 0
	for end := start + minToken; end < len(s) && end-start <= longest && tries < maxPieces; end++ {
		if !ends(end) {
			continue
		}
		if n := c.movedForm(t, s[start:end]); n > 0 {
			return start + n
		}
		tries++
	}
	return 0
}

// rowFrom reads the row of groups that begins at s[start:end], if one does.
func (c *scan) rowFrom(dst []gateway.Finding, s string, start, end int) []gateway.Finding {
	p := end + 1 - start
	if p > longestGroup+1 || start < c.row || end+2*p >= len(s) || s[end+p] != s[end] || s[end+2*p] != s[end] {
		return dst
	}
	return c.readRow(dst, s, end, end+1, p)
}

// Bounds on what stands between pieces.
const (
	maxPieces   = 24
	maxJoint    = 48  // bytes of what is between two
	longestTag  = 32  // likewise
	maxRejoined = 320 // bytes of all, in each direction
)

// endsJoint has the bytes before the next piece.
var endsJoint = newAlphabet("\"'`>*/~\n\t ")

// joint returns the end of what joins two pieces at s[i:], i if nothing does:
// strings that follow one another or are joined by a sign, a line that is continued,
// emphasis, tags and comments.
func joint(s string, i int) int {
	n := i
	for n < len(s) && n-i < maxJoint {
		k := jointUnit(s, n)
		if k == n {
			break
		}
		n = k
	}
	if n == len(s) || !pieceByte[s[n]] {
		return i
	}
	return n
}

// jointUnit returns the end of one thing that joins pieces at s[i:], i if there
// is none.
func jointUnit(s string, i int) int {
	switch c := s[i]; {
	case c == '<':
		return closing(s, i, ">")
	case c == '/' && at(s, i+1) == '*':
		return closing(s, i, "*/")
	case c == '*' || c == '~', c == '`' && at(s, i+1) == '`':
		n := i
		for n < len(s) && n-i < 3 && s[n] == c {
			n++
		}
		return n
	case c == '=' && lineBreak(s, i+1) > i+1:
		return lineBreak(s, i+1)
	case c == '\\' && lineBreak(s, i+1) > i+1:
		return indented(s, lineBreak(s, i+1))
	case lineBreak(s, i) > i:
		return indented(s, lineBreak(s, i))
	case c == '"' || c == '\'' || c == '`' || c == '\\':
		return nextString(s, i)
	}
	return i
}

func closing(s string, i int, mark string) int {
	k := strings.Index(s[i:min(len(s), i+longestTag)], mark)
	if k < 0 {
		return i
	}
	return i + k + len(mark)
}

func lineBreak(s string, i int) int {
	if at(s, i) == '\r' && at(s, i+1) == '\n' {
		return i + 2
	}
	if at(s, i) == '\n' {
		return i + 1
	}
	return i
}

func indented(s string, i int) int {
	n := i
	for n < len(s) && n-i < maxJoint && (s[n] == ' ' || s[n] == '\t' || s[n] == '>' || s[n] == '#') {
		n++
	}
	return n
}

// nextString returns where the string begins that follows the one that ends at
// s[i:], i if none does.
func nextString(s string, i int) int {
	n := i
	for n < len(s) && s[n] == '\\' {
		n++
	}
	quote := at(s, n)
	if quote != '"' && quote != '\'' && quote != '`' {
		return i
	}
	for n++; n < len(s) && n-i < maxJoint; n++ {
		switch c := s[n]; {
		case c == quote:
			return n + 1
		case strings.IndexByte(" \t\r\n+.,|&\\", c) < 0:
			return i
		}
	}
	return i
}

// pieceByte has what pieces are made of.
var pieceByte = newAlphabet("0-9A-Za-z_.-")

// scanPieces reads the pieces around the joint s[i:] as one.
func (c *scan) scanPieces(dst []gateway.Finding, s string, i int) []gateway.Finding {
	if i < c.pieces {
		return dst
	}
	// Back over pieces, each of which ends where a joint begins.
	first := i
	for n := 0; n < maxPieces && i-first < maxRejoined; n++ {
		piece := first
		for piece > c.pieces && pieceByte[s[piece-1]] {
			piece--
		}
		if piece == first {
			break
		}
		first = piece
		before := piece
		for before > c.pieces && piece-before < maxJoint && !pieceByte[s[before-1]] {
			before--
		}
		if before == c.pieces || before == piece || joint(s, before) != piece {
			break
		}
		first = before
	}
	for first < i && !pieceByte[s[first]] {
		first++
	}
	e := c.pool.Get().(*encoded)
	e.text, e.base, e.places = e.text[:0], first, e.lines[:0]
	at := first
	for len(e.text) < maxRejoined {
		for at < len(s) && pieceByte[s[at]] && len(e.text) < maxRejoined {
			e.text, e.places = append(e.text, s[at]), append(e.places, int32(at-first))
			at++
		}
		next := joint(s, at)
		if next == at {
			break
		}
		at = next
	}
	c.pieces = max(at, i+1)
	if len(e.text) >= minToken {
		dst = c.rejoined(dst, e, "pieces")
	}
	e.lines = e.places
	c.pool.Put(e)
	return dst
}

// joinedBefore reads the pieces before the run s[a:], if it is one of several.
func (c *scan) joinedBefore(dst []gateway.Finding, s string, a int) []gateway.Finding {
	i := a
	for i > c.pieces && a-i < maxJoint && !pieceByte[s[i-1]] {
		i--
	}
	if i == c.pieces || i == a || joint(s, i) != a {
		return dst
	}
	return c.scanPieces(dst, s, i)
}

// joints are what strings are joined by, and what is put into a word to part it,
// where it is not what every text has.
var joints = []string{`"+`, `" +`, `'+`, `' +`, `".`, `" .`, `'.`, `' .`, `" ||`, `' ||`, "\"\n", "'\n", "\\\n", "=\n", "=\r\n", "**", "``", "/*", "<!--", "<b>", "<i>", "<wbr", "<span"}
