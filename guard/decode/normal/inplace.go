package normal

import (
	"unicode/utf8"

	"toolward/guard/decode/escape"
	"toolward/guard/decode/inflate"
	"toolward/guard/decode/sieve"
)

// worker holds the buffers that one Text reuses.
type worker struct {
	rw      rewriter
	scratch []byte
	row     []span
	zip     inflate.Reader
}

// class says what a byte may start.
type class uint8

const (
	plain    class = iota
	escaping       // & % \
	control        // below space, except tab and line ends; ESC; DEL
	wide           // part of a character beyond ASCII
)

// classes has the class of each byte.
var classes = func() (c [256]class) {
	for i := range c {
		switch {
		case i == '&' || i == '%' || i == '\\':
			c[i] = escaping
		case i >= 0x80:
			c[i] = wide
		case i < ' ' && i != '\t' && i != '\n' && i != '\r' || i == 0x7f:
			c[i] = control
		}
	}
	return c
}()

// inPlace makes Views[0] from Raw.
func (t *Text) inPlace() {
	v := View{Text: t.Raw, Span: [2]int{0, len(t.Raw)}, exact: true}
	t.Views = append(t.Views, v)
	t.blocks = sieve.Read(t.blocks, t.Raw)
	t.settle(0, 0, t.blocks)
}

// rounds bounds how often escapes are undone in escapes. JSON in JSON in JSON
// takes three of its own, and two for what was escaped twice within.
const rounds = 6

// settle undoes in place whatever can be undone in view i, round after round:
// an escape may hide another (%2569, &amp;#105;), or an invisible character.
// blocks are those of the view.
func (t *Text) settle(i, depth int, blocks []sieve.Block) {
	for range rounds {
		v := &t.Views[i]
		at := sieve.Next(blocks, 0, special)
		if at >= len(v.Text) {
			return
		}
		p := pass{t: t, v: v, src: v.Text, w: &t.work.rw, at: at, blocks: blocks}
		p.w.out, p.w.segs = p.w.out[:0], p.w.segs[:0]
		p.run()
		if !p.changed {
			return
		}
		out := View{Text: string(p.w.out), Via: v.Via, Span: v.Span}
		out.segs = v.compose(p.w.segs, len(out.Text))
		if v.segs == nil && v.exact { // compose works in the reused buffer there
			out.segs = append([]seg(nil), out.segs...)
		}
		t.Views[i] = out
		for _, b := range p.pending {
			t.add(b.text, join(out.Via, b.via), b.span, depth+1)
		}
		if !p.again {
			return
		}
		blocks = t.look(i, depth)
	}
}

// special has the bytes that are not plain.
func special(b *sieve.Block) uint64 { return b.Special }

// pass is one rewriting of a view.
type pass struct {
	t       *Text
	v       *View
	src     string
	blocks  []sieve.Block // of src
	w       *rewriter
	at      int // next byte to look at
	kept    int // everything before is written or dropped
	changed bool
	again   bool // something was unescaped: look once more
	pending []pending

	word  word // decision about the word that at is in
	style style

	tagged, selected, bits carrier
}

// pending is a decoding found on the way, added when the pass is over.
type pending struct {
	text, via string
	span      [2]int
}

// later remembers a decoding of src[from:to].
func (p *pass) later(text, via string, from, to int) {
	if len(p.pending) > p.t.views {
		p.t.mark(Truncated, p.v.Raw(from, to), 1)
		return
	}
	p.pending = append(p.pending, pending{text, via, p.v.Raw(from, to)})
}

func (p *pass) run() {
	for p.at < len(p.src) {
		switch classes[p.src[p.at]] {
		case plain:
			p.at = min(len(p.src), sieve.Next(p.blocks, p.at+1, special))
		case escaping:
			p.escape()
		case control:
			p.control()
		case wide:
			p.wide()
		}
	}
	if p.style.hidden {
		p.conceal(p.style.from, len(p.src))
	}
	p.flushTags(&p.tagged)
	p.flushSelectors(&p.selected)
	p.flushBits(&p.bits)
	if p.changed {
		p.w.keep(p.src, p.kept, len(p.src))
	}
}

// replace writes s in place of src[p.at:to] and goes on behind it.
func (p *pass) replace(s string, to int) {
	p.w.keep(p.src, p.kept, p.at)
	p.w.put(s, p.at, to)
	p.kept, p.at, p.changed = to, to, true
}

// mark notes src[from:to], joined with the mark before it if that is of the
// same kind and near.
func (p *pass) mark(k Kind, from, to, count int) {
	p.t.mark(k, p.v.Raw(from, to), count)
}

// near is the distance in bytes within which marks of a kind are one mark.
const near = 64

// mostMarks is how many marks of a kind are kept: of the others one may be all
// that tells of an order.
const mostMarks = 4096

func (t *Text) mark(k Kind, span [2]int, count int) {
	if k == Truncated && t.marked[k] > 0 { // it is one for the whole text
		m := &t.Marks[t.truncated]
		m.Span = [2]int{min(m.Span[0], span[0]), max(m.Span[1], span[1])}
		m.Count += count
		return
	}
	for i := len(t.Marks) - 1; i >= 0 && i >= len(t.Marks)-4; i-- {
		m := &t.Marks[i]
		if m.Kind == k && span[0] <= m.Span[1]+near && span[1] >= m.Span[0]-near {
			m.Span = [2]int{min(m.Span[0], span[0]), max(m.Span[1], span[1])}
			m.Count += count
			return
		}
	}
	if t.marked[k] < mostMarks {
		if t.marked[k]++; k == Truncated {
			t.truncated = len(t.Marks)
		}
		t.Marks = append(t.Marks, Mark{k, span, count})
	}
}

// escape undoes one escape at p.at, or steps over what is none.
func (p *pass) escape() {
	s, n := "", 0
	switch p.src[p.at] {
	case '&':
		s, n = escape.HTML(p.src[p.at:])
	case '%':
		s, n = escape.URL(p.src[p.at:])
	case '\\':
		s, n = escape.Backslash(p.src[p.at:])
	}
	if n == 0 {
		p.at++
		return
	}
	if len(s) == 1 && (letter(s[0]) || s[0] >= '0' && s[0] <= '9') {
		p.mark(Escaped, p.at, p.at+n, 1) // nobody needs to escape a letter
	}
	if len(s) > 0 && classes[s[0]] != plain {
		p.again = true
	}
	p.replace(s, p.at+n)
	// The escape may have made the start of another with what follows:
	// "&#92;u0069", "%26#105;".
	if len(s) > 0 && classes[s[len(s)-1]] == escaping {
		p.again = true
	}
}

func letter(b byte) bool { return b|0x20 >= 'a' && b|0x20 <= 'z' }

// wide handles one character beyond ASCII at p.at.
func (p *pass) wide() {
	r, n := utf8.DecodeRuneInString(p.src[p.at:])
	switch {
	case r == utf8.RuneError && n == 1:
		p.at++ // not UTF-8: left as it is
	case invisible(r):
		p.hidden(r, n)
	case combining(r):
		p.combining(n)
	case lookalike(r) && p.mixed():
		if s := skeleton(r); s != "" {
			p.mark(Homoglyph, p.at, p.at+n, 1)
			p.replace(s, p.at+n)
			return
		}
		p.at += n
	case stable(r):
		p.at += n
	default:
		s := p.fold(r, n)
		if s == p.src[p.at:p.at+n] {
			p.at += n
			return
		}
		p.replace(s, p.at+n)
	}
}
