package normal

import (
	mathbits "math/bits"
	"strconv"
	"strings"
	"unicode/utf8"

	"toolward/guard/decode/alphabet"
	"toolward/guard/decode/sieve"
)

// A series is a row of short groups of one kind that spell a text: letters set
// apart, numbers, Morse, code words. fewest is how many groups make one.
const fewest = 8

// group is the kind of a group.
type group uint8

const (
	noGroup   group = iota
	single          // one letter or digit
	number          // a decimal number up to three digits
	hexPair         // two hexadecimal digits, 0x allowed
	bits            // seven or eight binary digits
	morse           // dots and dashes
	codeWord        // Alfa, Bravo, …
	codePoint       // U+0041
)

var codeWords = func() map[string]byte {
	m := map[string]byte{}
	for i, w := range strings.Fields("alfa bravo charlie delta echo foxtrot golf hotel india juliett kilo lima mike november oscar papa quebec romeo sierra tango uniform victor whiskey xray yankee zulu") {
		m[w] = 'a' + byte(i)
	}
	m["alpha"], m["juliet"], m["x-ray"], m["whisky"] = 'a', 'j', 'x', 'w'
	return m
}()

// codeHeads has the first two letters of code words, the second by its low bits.
var codeHeads = func() (heads [256][32]bool) {
	for w := range codeWords {
		heads[w[0]][w[1]&31] = true
	}
	return heads
}()

// codeLetter is the letter that a code word in any case stands for, 0 if w is
// none.
func codeLetter(w string) byte {
	var folded [8]byte
	if len(w) > len(folded) || !codeHeads[w[0]|0x20][w[1]&31] {
		return 0
	}
	for i := range len(w) {
		folded[i] = w[i] | 0x20
	}
	return codeWords[string(folded[:len(w)])]
}

// span of a group in a view.
type span struct{ from, to int }

// series finds rows of groups in view i and adds what they spell. Of each fewest groups the
// last is looked at first: if it is of no kind, none of them is in a row that is long enough.
func (t *Text) series(i, depth int, blocks []sieve.Block) {
	src := t.Views[i].Text
	var kind, alt group // what all groups of the row are, and may also be
	row := t.work.row[:0]
	t.work.row = nil // views found on the way have rows of their own
	flush := func() {
		if len(row) >= fewest && kind != noGroup {
			t.spell(i, depth, row, kind)
			if alt != noGroup && alt != kind {
				t.spell(i, depth, row, alt)
			}
		}
		row, kind, alt = row[:0], noGroup, noGroup
	}
	groups := groups{blocks: blocks, before: 1}
	for n := fewest; n == fewest; {
		var starts [fewest]int
		for n = 0; n < fewest; n++ {
			if starts[n] = groups.next(); starts[n] >= len(src) {
				break
			}
		}
		if len(row) == 0 && (n < fewest || groups.kindless(src, starts[fewest-1])) {
			continue
		}
		for _, from := range starts[:n] {
			at := groups.end(src, from)
			k, a := noGroup, noGroup
			if at-from <= longestGroup {
				k, a = classify(src[from:at])
			}
			switch {
			case k == noGroup:
				if len(row) > 0 {
					flush()
				}
				continue
			case len(row) == 0:
				kind, alt = k, a
			case k == kind && a == alt:
			case k == kind || a == kind:
				alt = noGroup
			case k == alt || alt != noGroup && a == alt:
				kind, alt = alt, noGroup
			default:
				flush()
				kind, alt = k, a
			}
			row = append(row, span{from, at})
		}
	}
	flush()
	t.work.row = row[:0]
}

// longestGroup is the most bytes of a group that is of some kind.
const longestGroup = 10

// groups are what [sieve.Block.Apart] sets apart.
type groups struct {
	blocks []sieve.Block
	k      int    // the next block
	starts uint64 // in the one before it that are left
	before uint64 // whether its last byte sets apart
}

// next returns where the next group starts, behind the text if there is none.
func (g *groups) next() int {
	for g.starts == 0 {
		if g.k == len(g.blocks) {
			return 64 * g.k
		}
		apart := g.blocks[g.k].Apart
		g.starts = ^apart & (apart<<1 | g.before)
		g.before = apart >> 63
		g.k++
	}
	first := mathbits.TrailingZeros64(g.starts)
	g.starts &= g.starts - 1
	return 64*(g.k-1) + first
}

// end returns where the group ends that starts at src[from].
func (g *groups) end(src string, from int) int {
	return min(len(src), sieve.Next(g.blocks, from, func(b *sieve.Block) uint64 { return b.Apart }))
}

// kindless reports whether the group at src[from] is of no kind.
func (g *groups) kindless(src string, from int) bool {
	at := g.end(src, from)
	if at-from > longestGroup {
		return true
	}
	kind, _ := classify(src[from:at])
	return kind == noGroup
}

// classify says what a group is, and what else it may be.
func classify(w string) (kind, alt group) {
	c := w[0]
	if c == '.' || c == '-' || c >= 0x80 {
		if isMorse(w) {
			return morse, noGroup
		}
		return noGroup, noGroup
	}
	if letter(c) {
		switch n := len(w); {
		case n >= 6 && w[1] == '+' && c|0x20 == 'u':
			if _, ok := pointed(w); ok {
				return codePoint, noGroup
			}
		case n == 1:
			return single, noGroup
		case n == 2 && hexValue[c] >= 0 && hexValue[w[1]] >= 0:
			return hexPair, noGroup
		case n >= 4 && codeLetter(w) != 0:
			return codeWord, noGroup
		}
		return noGroup, noGroup
	}
	digits, hex, binary := 0, 0, 0
	for k := range len(w) {
		if w[k] >= '0' && w[k] <= '9' {
			digits++
		}
		if w[k] == '0' || w[k] == '1' {
			binary++
		}
		if hexValue[w[k]] >= 0 {
			hex++
		}
	}
	switch n := len(w); {
	case binary == n && (n == 7 || n == 8):
		return bits, noGroup
	case n == 1 && digits == 1:
		return number, single
	case n == 2 && digits == 2:
		return number, hexPair
	case n <= 3 && digits == n:
		return number, noGroup
	case n == 2 && hex == 2, n == 4 && c == '0' && w[1] == 'x':
		return hexPair, noGroup
	}
	return noGroup, noGroup
}

// pointed is the character that a code point names.
//
//	U+0041 is 'A'
func pointed(w string) (rune, bool) {
	r, err := strconv.ParseUint(w[2:], 16, 21)
	return rune(r), err == nil && len(w) <= 8 && utf8.ValidRune(rune(r))
}

// spell adds what a row of groups says, if that is text.
func (t *Text) spell(i, depth int, row []span, kind group) {
	v := &t.Views[i]
	var out []byte
	name := ""
	switch kind {
	case single:
		name, out = "spaced", joinSingles(v.Text, row)
	case number:
		name, out = numbers(v.Text, row)
	case hexPair:
		name = "hex"
		for _, g := range row {
			w := v.Text[g.from:g.to]
			out = append(out, byte(hexValue[w[len(w)-2]])<<4|byte(hexValue[w[len(w)-1]]))
		}
	case bits:
		name = "binary"
		for _, g := range row {
			b := byte(0)
			for _, c := range []byte(v.Text[g.from:g.to]) {
				b = b<<1 | (c - '0')
			}
			out = append(out, b)
		}
	case codePoint:
		name = "code-points"
		for _, g := range row {
			r, _ := pointed(v.Text[g.from:g.to]) // classify saw that it is one
			out = utf8.AppendRune(out, r)
		}
	case morse:
		name, out = "morse", fromMorse(v.Text, row)
	case codeWord:
		name = "spelling-alphabet"
		for k, g := range row {
			if k > 0 && strings.ContainsAny(v.Text[row[k-1].to:g.from], "\n/|,") {
				out = append(out, ' ')
			}
			out = append(out, codeLetter(v.Text[g.from:g.to]))
		}
	}
	if printable(out) {
		t.add(string(out), join(v.Via, name), v.Raw(row[0].from, row[len(row)-1].to), depth+1)
	}
}

// joinSingles joins letters that stand apart. Where most gaps are of one
// width, a wider one is a space between words.
func joinSingles(src string, row []span) []byte {
	widths := map[int]int{}
	for k := 1; k < len(row); k++ {
		widths[row[k].from-row[k-1].to]++
	}
	usual := 1
	for w, n := range widths {
		if n > widths[usual] || n == widths[usual] && w < usual {
			usual = w
		}
	}
	var out []byte
	for k, g := range row {
		if k > 0 && g.from-row[k-1].to > usual {
			out = append(out, ' ')
		}
		out = append(out, src[g.from:g.to]...)
	}
	return out
}

// numbers reads decimal or octal character codes.
func numbers(src string, row []span) (string, []byte) {
	high, octals := 0, true
	var values []int
	for _, g := range row {
		n := 0
		for _, c := range []byte(src[g.from:g.to]) {
			n = n*10 + int(c-'0')
			octals = octals && c < '8'
		}
		values, high = append(values, n), max(high, n)
	}
	name := "decimal"
	if octals = octals && high >= 100; octals {
		name = "octal"
	}
	var out []byte
	for _, n := range values {
		if octals {
			n = n/100*64 + n/10%10*8 + n%10
		}
		out = append(out, byte(n))
	}
	return name, out
}

func isMorse(w string) bool {
	return strings.Trim(w, ".-·•−–") == "" && len(w) <= 10
}

func fromMorse(src string, row []span) []byte {
	plain := strings.NewReplacer("·", ".", "•", ".", "−", "-", "–", "-")
	var out []byte
	for k, g := range row {
		if k > 0 && g.from-row[k-1].to > 1 {
			out = append(out, ' ')
		}
		c, ok := alphabet.Morse[plain.Replace(src[g.from:g.to])]
		if !ok {
			return nil
		}
		out = append(out, c)
	}
	return out
}
