package provenance

import "slices"

// settle makes matches of what the views of a text gave.
func (c *checker) settle(t text, skip int) {
	slices.SortStableFunc(c.found, func(a, b found) int {
		if a.length != b.length {
			return b.length - a.length
		}
		return a.depth - b.depth
	})
	from := len(c.matches)
	for i, f := range c.found {
		if f.words && !c.within(&f, t) {
			continue // several short values, not one text in another order
		}
		if !slices.ContainsFunc(c.found[:i], func(g found) bool { return g.lo <= f.lo && f.hi <= g.hi || overlap(f, g)*2 > f.hi-f.lo }) {
			f.lo = max(f.lo, skip)
			c.emit(t, f, false)
		}
	}
	c.sum(t)
	slices.SortStableFunc(c.matches[from:], func(a, b Match) int {
		if a.Field != b.Field {
			return a.Field - b.Field
		}
		return a.Span[0] - b.Span[0]
	})
	c.found, c.pieces = c.found[:0], c.pieces[:0]
}

// within cuts a copy with words in another order down to the field that holds
// most of it, and reports whether enough is left.
func (c *checker) within(f *found, t text) bool {
	first, last := t.field(f.lo), t.field(f.hi-1)
	if first == last {
		return true
	}
	lo, hi := f.lo, f.lo
	for i := first; i <= last; i++ {
		from, to := max(f.lo, t.starts[i]), f.hi
		if i < last {
			to = t.starts[i+1]
		}
		if to-from > hi-lo {
			lo, hi = from, to
		}
	}
	f.lo, f.hi, f.length = lo, hi, 0
	for _, b := range t.text[lo:hi] {
		if alnum(b) {
			f.length++
		}
	}
	return f.length >= c.s.opts.MinRun+2
}

func overlap(a, b found) int { return min(a.hi, b.hi) - max(a.lo, b.lo) }

// spill is how far the extent of a decoded copy may reach into a neighbouring
// field: what an encoding's group of characters shares with it.
const spill = 2

// grow takes in the rest of the words that a copy begins and ends in: the
// first and last letters of a run are not always among its fingerprints, and
// an encoded copy shares its first and last characters with what is beside it.
func grow(text []byte, lo, hi, least, most int) (int, int) {
	for n := 0; n < gram && lo > least && (alnum(text[lo-1]) || text[lo-1] >= 0x80); n++ {
		lo--
	}
	for n := 0; n < gram && hi < most && (alnum(text[hi]) || text[hi] == '=' || text[hi] >= 0x80); n++ {
		hi++
	}
	return lo, hi
}

// emit adds a match for each field that a copy stands in.
func (c *checker) emit(t text, f found, pieces bool) {
	for i, start := range t.starts {
		end := len(t.text)
		if i+1 < len(t.starts) {
			end = t.starts[i+1]
		}
		lo, hi := max(f.lo, start), min(f.hi, end)
		if lo >= hi || hi-lo <= spill && f.hi-f.lo > 4*spill {
			continue
		}
		lo, hi = grow(t.text, lo, hi, start, end)
		c.matches = append(c.matches, Match{
			Field: t.fields[i], Span: [2]int{lo - start, hi - start}, From: c.p.calls[f.call].id,
			Length: f.length, Via: f.via, Pieces: pieces, Entity: f.entity,
		})
	}
}
