package secret

import (
	"slices"
	"strings"

	"toolward/gateway"
)

// Credentials whose letters were moved: reversed, or each turned into another.
// Their prefixes are looked for moved in the same way, in the one pass over the
// text; what stands beside such a prefix is moved back and must be of its format.

// move is a way of moving letters.
type move struct {
	via       string
	backwards bool
	letters   [256]byte // what each is turned into by undoing it
}

// moves are those that are known. Each undoes itself.
var moves = [...]move{
	{"reversed", true, moved(func(c byte) byte { return c })},
	{"rot13", false, moved(func(c byte) byte { return turn(c, 13, 1) })},
	{"atbash", false, moved(func(c byte) byte { return turn(c, 25, -1) })},
	{"rot47", false, moved(func(c byte) byte {
		if c > ' ' && c < 0x7f {
			return '!' + (c-'!'+47)%94
		}
		return c
	})},
}

func moved(letter func(byte) byte) (letters [256]byte) {
	for i := range letters {
		letters[i] = letter(byte(i))
	}
	return letters
}

// turn is the letter that follows c by so many, or its mirror image.
func turn(c byte, by, sign int) byte {
	if l := c | 0x20; l < 'a' || l > 'z' {
		return c
	}
	return c&^0x1f | byte((26+by+sign*(int(c&0x1f)-1))%26+1)
}

// undo appends s moved back.
func (m *move) undo(dst []byte, s string) []byte {
	from := len(dst)
	for i := range len(s) {
		dst = append(dst, m.letters[s[i]])
	}
	if m.backwards {
		slices.Reverse(dst[from:])
	}
	return dst
}

const (
	maxMoved = 240 // the longest credential that is moved back, in bytes
	maxTries = 8   // such prefixes one after the other, after which it is none
)

// Of a literal, so many bytes are looked for, moved: fewer stand everywhere, and
// more make the machine larger for nothing.
const (
	minMoved        = 3
	maxMovedLiteral = 4
)

// scanMoved matches a format whose literal stands at s[start:end], moved.
func (c *scan) scanMoved(dst []gateway.Finding, t *trigger, s string, start, end int) []gateway.Finding {
	m := t.move
	if s[start:end] != t.moved {
		return dst // another case
	}
	if m.backwards && alnum[at(s, end)] || !m.backwards && m.via != "rot47" && start > 0 && alnum[s[start-1]] {
		return dst
	}
	if part := t.form[1:]; len(part) > 0 && part[0].set != nil { // most end here
		for n := range part[0].min {
			i := start + len(t.form[0].lit) + n
			if m.backwards {
				i = end - len(t.form[0].lit) - 1 - n
			}
			if i < 0 || i >= len(s) || !part[0].set[m.letters[s[i]]] {
				return dst
			}
		}
	}
	switch {
	case start > c.tried+maxMoved:
		c.tries = 0
	case start > c.tried:
		c.tries++
	}
	if c.tried = start; c.tries >= maxTries {
		return dst
	}
	from, to := start, end
	if m.backwards {
		for from > 0 && to-from < maxMoved && inMoved(s[from-1], m) {
			from--
		}
	} else {
		for to < len(s) && to-from < maxMoved && inMoved(s[to], m) {
			to++
		}
	}
	var buf [maxMoved + 64]byte
	token := string(m.undo(buf[:0], s[from:to]))
	n := c.movedForm(t, token)
	for k := minToken; n == 0 && m.via == "rot47" && k < len(token); k++ {
		if strings.IndexByte("\"'`&<,;:)]}|.\\", s[from+k]) >= 0 { // a letter in its alphabet, too
			n = c.movedForm(t, token[:k])
		}
	}
	if n == 0 {
		return dst
	}
	if m.backwards {
		from = to - n
	} else {
		to = from + n
	}
	f := finding("secret."+c.rules[t.rule].id, c.rules[t.rule].severity(), formScore, from, to, "")
	f.Via = m.via
	return append(dst, f)
}

// inMoved reports whether c may be part of a credential before it is moved back.
func inMoved(c byte, m *move) bool { return alphabets[b64tokenName][m.letters[c]] }

// movedForm returns how many bytes of s, from its start, are of t's format and
// random, 0 if they are not.
func (c *scan) movedForm(t *trigger, s string) int {
	var r runs
	stop := t.form.match(&r, s, 0)
	if stop < 0 {
		return 0
	}
	for s[stop-1] == '.' || s[stop-1] == '-' {
		stop--
	}
	body := s[min(stop, len(t.form[0].lit)):stop]
	if shapeOf(body).digit == 0 || rarity(body) < 6 || c.isPlaceholder(body) {
		return 0
	}
	if verify := c.rules[t.rule].verify; verify != nil && verify(s[:stop]) == 0 {
		return 0
	}
	return stop
}
