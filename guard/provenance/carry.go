package provenance

import (
	"bytes"
	"math/bits"
	"slices"
)

// carry holds the ends of short values that were sent before, by where they
// stood, so that what is cut over several calls is whole again. It holds
// arguments, which the audit holds too, and never results.
type carry struct {
	tails [carried]tail
	next  int
}

const (
	carried   = 32 // fields of which a tail is kept
	tailSize  = 64 // bytes of each
	shortText = 48 // a longer value holds enough to be found alone
)

type tail struct {
	where uint64 // hash of the pointer, 0 if unused
	n     int
	text  [tailSize]byte
}

// join returns what was sent at a place before, followed by text, and
// remembers the end of that. It returns nil where nothing was sent before, or
// the same: a constant is no part of anything.
func (c *carry) join(where uint64, text string) []byte {
	var t *tail
	for i := range c.tails {
		if c.tails[i].where == where {
			t = &c.tails[i]
		}
	}
	if t == nil {
		t = &c.tails[c.next]
		c.next = (c.next + 1) % carried
		*t = tail{where: where}
	}
	if bytes.HasSuffix(t.text[:t.n], []byte(text)) {
		return nil
	}
	whole := append(bytes.Clone(t.text[:t.n]), text...)
	t.n = copy(t.text[:], whole[max(0, len(whole)-tailSize):])
	if len(whole) == len(text) {
		return nil
	}
	return whole
}

// across looks for copies that were cut over this call and earlier ones.
func (c *checker) across(fields []Field) {
	c.brief = true
	short := 0
	for i, f := range fields {
		if f.Key || f.Text == "" || len(f.Text) > shortText {
			continue
		}
		if short++; short > carried {
			return // more than there are tails
		}
		whole := c.p.carry.join(c.s.keys.hash(f.Where), f.Text)
		if len(whole) < gram {
			continue
		}
		before := len(whole) - len(f.Text)
		c.readings(whole, []int{0, before})
		// What lies in the tail alone was reported when it was sent, and what
		// lies in the new text alone is found without it.
		c.found = slices.DeleteFunc(c.found, func(f found) bool { return f.hi <= before || f.lo >= before })
		c.pieces = c.pieces[:0]
		c.settle(text{text: whole, fields: []int{i, i}, starts: []int{0, before}}, before)
	}
}

// hash is a keyed hash of a pointer, never 0.
func (k *keys) hash(s string) uint64 {
	h := k.mix
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * base
		h ^= h >> 29
	}
	return h | 1
}

// Pieces count as a copy when one call holds, or later calls together held, so
// many letters and digits of one result in so many separate places. Unrelated
// texts of the same kind share two at most: "description", "timestamp".
const (
	manyPieces    = 3
	enoughPieces  = 30
	enoughCovered = 12 // parts of a result, of 16 letters and digits each, over several calls
)

// sum adds up what is too short to be a copy by itself.
func (c *checker) sum(t text) {
	slices.SortStableFunc(c.pieces, func(a, b found) int {
		if a.call != b.call {
			return a.call - b.call
		}
		return b.length - a.length
	})
	for len(c.pieces) > 0 {
		n := 1
		for n < len(c.pieces) && c.pieces[n].call == c.pieces[0].call {
			n++
		}
		c.total(t, c.pieces[:n])
		c.pieces = c.pieces[n:]
	}
}

// total adds up the pieces of one result.
func (c *checker) total(t text, pieces []found) {
	var kept []found
	length, lo, hi := 0, len(t.text), 0
	for _, f := range pieces {
		if slices.ContainsFunc(kept, func(g found) bool { return overlap(f, g) > 0 || near(f.place, g.place) }) {
			continue
		}
		kept = append(kept, f)
		length += f.length
		lo, hi = min(lo, f.lo), max(hi, f.hi)
	}
	if len(kept) == 0 {
		return
	}
	from := &c.p.calls[kept[0].call]
	for _, f := range kept {
		from.covered |= 1 << (f.place / 16)
	}
	if len(kept) >= manyPieces && length >= enoughPieces || bits.OnesCount64(from.covered) >= enoughCovered {
		f := kept[0]
		f.lo, f.hi, f.length = lo, hi, length
		c.emit(t, f, true)
		from.covered = 0
	}
}

// near reports whether two places of a result are in one run.
func near(a, b int) bool { return max(a-b, b-a) < gram }
