package normal

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// invisible reports whether r has no width of its own: Unicode's
// Default_Ignorable_Code_Point, C1 controls and interlinear annotation.
func invisible(r rune) bool {
	switch {
	case r >= 0x80 && r < 0xa0, r == 0xad, r == 0x34f, r == 0x61c:
		return true
	case r < 0x115f:
		return false
	case r == 0x115f, r == 0x1160, r == 0x17b4, r == 0x17b5, r >= 0x180b && r <= 0x180f,
		r >= 0x200b && r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2060 && r <= 0x206f,
		r == 0x3164, r >= 0xfe00 && r <= 0xfe0f, r == 0xfeff, r == 0xffa0, r >= 0xfff9 && r <= 0xfffb,
		r >= 0x1bca0 && r <= 0x1bca3, r >= 0x1d173 && r <= 0x1d17a, r >= 0xe0000 && r <= 0xe0fff:
		return true
	}
	return false
}

func selector(r rune) bool {
	return r >= 0xfe00 && r <= 0xfe0f || r >= 0xe0100 && r <= 0xe01ef
}

// carrier collects what invisible characters spell, across the visible ones
// between them.
type carrier struct {
	buf      []byte
	from, to int
}

// gap is how many bytes may lie between two characters of one carrier.
const gap = 96

// hidden handles an invisible character at p.at and those right behind it.
func (p *pass) hidden(r rune, n int) {
	switch {
	case r == 0x9b:
		p.sequence(p.at + n)
		return
	case r == 0x202e || r == 0x202d:
		p.override(r, n)
	case r > 0xe0000 && r <= 0xe007f:
		p.tags()
		return
	case selector(r):
		p.selectors()
		return
	case r >= 0x2066 && r <= 0x2068 || r == 0x202a || r == 0x202b:
		p.isolate(n)
	default:
		p.zeroWidth(r, n)
	}
	p.replace("", p.at+n)
}

// before is the character in front of src[at], 0 at the start.
func (p *pass) before(at int) rune {
	if at == 0 {
		return 0
	}
	r, _ := utf8.DecodeLastRuneInString(p.src[:at])
	return r
}

// collect adds b to a carrier, starting it anew when it is far from its last.
func (p *pass) collect(c *carrier, b byte, from, to int, flush func(*carrier)) {
	if len(c.buf) > 0 && from-c.to > gap {
		flush(c)
	}
	if len(c.buf) == 0 {
		c.from = from
	}
	c.buf, c.to = append(c.buf, b), to
}

// tags handles a run of tag characters: an emoji flag (UTS #51 ED-14a), or
// hidden ASCII.
func (p *pass) tags() {
	from, at := p.at, p.at
	for at < len(p.src) {
		r, n := utf8.DecodeRuneInString(p.src[at:])
		if r < 0xe0000 || r > 0xe007f {
			break
		}
		at += n
	}
	last, _ := utf8.DecodeLastRuneInString(p.src[:at])
	if p.before(from) == 0x1f3f4 && last == 0xe007f && at-from <= 4*8 {
		p.replace("", at)
		return
	}
	for i := from; i < at; {
		r, n := utf8.DecodeRuneInString(p.src[i:])
		if r > 0xe0000 && r < 0xe007f {
			b := byte(r - 0xe0000)
			if b < ' ' {
				b = ' '
			}
			p.collect(&p.tagged, b, i, i+n, p.flushTags)
		}
		i += n
	}
	p.replace("", at)
}

func (p *pass) flushTags(c *carrier) {
	if len(c.buf) > 0 {
		p.mark(Tags, c.from, c.to, len(c.buf))
		p.later(string(c.buf), "tag-characters", c.from, c.to)
		c.buf = c.buf[:0]
	}
}

// selectors handles a run of variation selectors. One behind a character that
// can have variants is ordinary; all others carry a byte each.
func (p *pass) selectors() {
	from, at, count := p.at, p.at, 0
	for at < len(p.src) {
		r, n := utf8.DecodeRuneInString(p.src[at:])
		if !selector(r) {
			break
		}
		at, count = at+n, count+1
	}
	base := p.before(from)
	if count == 1 && (base > 0x200d || base == '#' || base == '*' || base == 0xa9 || base == 0xae || base >= '0' && base <= '9') {
		p.replace("", at)
		return
	}
	for i := from; i < at; {
		r, n := utf8.DecodeRuneInString(p.src[i:])
		b := byte(r - 0xfe00)
		if r >= 0xe0100 {
			b = byte(r - 0xe0100 + 16)
		}
		p.collect(&p.selected, b, i, i+n, p.flushSelectors)
		i += n
	}
	p.replace("", at)
}

func (p *pass) flushSelectors(c *carrier) {
	if len(c.buf) > 1 {
		p.mark(Selectors, c.from, c.to, len(c.buf))
		p.later(strings.ToValidUTF8(string(c.buf), ""), "variation-selectors", c.from, c.to)
	}
	c.buf = c.buf[:0]
}

// override handles the start of a right-to-left or left-to-right override.
// What a person sees under the first is the text in reverse.
func (p *pass) override(r rune, n int) {
	text := p.src[p.at+n:]
	if end := strings.IndexAny(text, "\u202c\u202d\u202e\u2069\n"); end >= 0 {
		text = text[:end]
	}
	if len(text) > maxString {
		text = text[:maxString]
	}
	p.mark(Bidi, p.at, p.at+n+len(text), 1)
	if r == 0x202e && len(text) > 3 {
		p.later(reverse(text), "bidi", p.at+n, p.at+n+len(text))
	}
}

// isolate marks a directional embedding or isolate around text that has no
// right-to-left letter: nobody needs one there.
func (p *pass) isolate(n int) {
	text := p.src[p.at+n:]
	if len(text) > 64 {
		text = text[:64]
	}
	if end := strings.IndexAny(text, "\u202c\u2069\n"); end >= 0 {
		text = text[:end]
	}
	if strings.IndexFunc(text, rightToLeft) < 0 && strings.IndexFunc(p.src[max(0, p.at-64):p.at], rightToLeft) < 0 {
		p.mark(Control, p.at, p.at+n+len(text), 1)
	}
}

func rightToLeft(r rune) bool {
	return r >= 0x590 && r <= 0x8ff || r >= 0xfb1d && r <= 0xfdff || r >= 0xfe70 && r <= 0xfefe || r >= 0x10800 && r <= 0x10fff || r >= 0x1e800 && r <= 0x1efff
}

// zeroWidth notes one invisible character: inside a Latin word it is a mark,
// and a long row of two of them may be bits.
func (p *pass) zeroWidth(r rune, n int) {
	to := p.at + n
	if prev := p.before(p.at); prev < utf8.RuneSelf && prev > 0 && to < len(p.src) && letter(byte(prev)) && letter(p.src[to]) && r != 0xad {
		p.mark(ZeroWidth, p.at, to, 1)
	}
	var id byte
	switch {
	case r >= 0x200b && r <= 0x200f:
		id = byte(r - 0x200b)
	case r >= 0x2060 && r <= 0x206f:
		id = byte(r-0x2060) + 8
	case r == 0xfeff:
		id = 24
	case r == 0x180e:
		id = 25
	default:
		return
	}
	p.collect(&p.bits, id, p.at, to, p.flushBits)
}

// flushBits reads a row of invisible characters as bits: the two most frequent
// ones are 0 and 1, any third separates.
func (p *pass) flushBits(c *carrier) {
	defer func() { c.buf = c.buf[:0] }()
	if len(c.buf) < 32 {
		return
	}
	var count [32]int
	for _, b := range c.buf {
		count[b]++
	}
	first, second := 0, -1
	for i := range count {
		if count[i] > count[first] {
			first = i
		}
	}
	for i := range count {
		if i != first && count[i] > 0 && (second < 0 || count[i] > count[second]) {
			second = i
		}
	}
	if second < 0 || count[first]+count[second] < 32 {
		return
	}
	var bits []byte
	for _, b := range c.buf {
		switch int(b) {
		case first:
			bits = append(bits, 0)
		case second:
			bits = append(bits, 1)
		}
	}
	if text := bitText(bits); text != "" {
		p.mark(ZeroWidth, c.from, c.to, len(c.buf))
		p.later(text, "zero-width", c.from, c.to)
	}
}

// bitText reads bits as ASCII in 8 or 7 bits, either value being 1, and
// returns the reading that is text, "" if none is.
func bitText(bits []byte) string {
	for _, width := range []int{8, 7} {
		for flip := byte(0); flip < 2; flip++ {
			out := make([]byte, 0, len(bits)/width)
			for i := 0; i+width <= len(bits); i += width {
				var b byte
				for _, bit := range bits[i : i+width] {
					b = b<<1 | bit ^ flip
				}
				out = append(out, b)
			}
			if printable(out) {
				return string(out)
			}
		}
	}
	return ""
}

func reverse(s string) string {
	out := make([]byte, 0, len(s))
	for len(s) > 0 {
		_, n := utf8.DecodeLastRuneInString(s)
		out = append(out, s[len(s)-n:]...)
		s = s[:len(s)-n]
	}
	return string(out)
}

// combining reports whether r is a mark on the letter before it, in the blocks
// that serve no script of their own.
func combining(r rune) bool {
	return r >= 0x300 && r <= 0x36f || r >= 0x483 && r <= 0x489 || r >= 0x1ab0 && r <= 0x1aff ||
		r >= 0x1dc0 && r <= 0x1dff || r >= 0x20d0 && r <= 0x20ff || r >= 0xfe20 && r <= 0xfe2f
}

func isLetter(r rune) bool {
	if r < utf8.RuneSelf {
		return letter(byte(r))
	}
	return unicode.IsLetter(r)
}
