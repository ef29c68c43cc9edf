package provenance

import "slices"

// settle makes matches of what the views of a text gave.
func (c *checker) settle(t text, skip int) {
	c.divide(t)
	slices.SortStableFunc(c.found, func(a, b found) int {
		if a.length != b.length {
			return b.length - a.length
		}
		return a.depth - b.depth
	})
	from := len(c.matches)
	kept := c.found[:0]
	for _, f := range c.found {
		// What another one covers for the most part is the same copy read
		// otherwise; all of it is to be redacted.
		same := slices.IndexFunc(kept, func(g found) bool { return overlap(f, g)*2 > f.hi-f.lo })
		if same < 0 {
			kept = append(kept, f)
			continue
		}
		kept[same].lo, kept[same].hi = min(kept[same].lo, f.lo), max(kept[same].hi, f.hi)
	}
	for _, f := range kept {
		f.lo = max(f.lo, skip)
		c.emit(t, f, false)
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

// divide makes of a copy with words in another order one for each field that
// holds enough of it: several short values are no text in another order.
func (c *checker) divide(t text) {
	for i, n := 0, len(c.found); i < n; i++ {
		f := c.found[i]
		first, last := t.field(f.lo), t.field(f.hi-1)
		if !f.words || first == last {
			continue
		}
		c.found[i].length = 0 // replaced by its parts
		for k := first; k <= last; k++ {
			part := f
			part.lo = max(f.lo, t.starts[k])
			if k < last {
				part.hi = t.starts[k+1]
			}
			part.length = 0
			for _, b := range t.text[part.lo:part.hi] {
				if alnum(b) {
					part.length++
				}
			}
			if part.length >= c.s.opts.MinRun+2 {
				c.found = append(c.found, part)
			}
		}
	}
	c.found = slices.DeleteFunc(c.found, func(f found) bool { return f.length == 0 })
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
