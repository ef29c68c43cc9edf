package normal

import "sort"

// seg maps a piece of a view to a piece of Raw. A piece of equal length on
// both sides maps byte by byte; any other maps as a whole.
type seg struct {
	at     int32 // where it starts in the view; it ends where the next starts
	raw    int32 // where it starts in Raw
	rawLen int32
}

// Raw returns the span of [Text.Raw] that Text[start:end] was made from. In a
// decoding that has no finer map (base64, ciphers) that is all of its Span.
func (v *View) Raw(start, end int) [2]int {
	if v.segs == nil {
		if v.exact {
			return [2]int{v.Span[0] + start, v.Span[0] + end}
		}
		return v.Span
	}
	if end <= start {
		p := v.rawAt(start, false)
		return [2]int{p, p}
	}
	return [2]int{v.rawAt(start, false), v.rawAt(end-1, true)}
}

// rawAt maps one byte of the view: to where its source starts, or ends.
func (v *View) rawAt(at int, end bool) int {
	i := sort.Search(len(v.segs), func(i int) bool { return int(v.segs[i].at) > at }) - 1
	if i < 0 {
		return v.Span[0]
	}
	s := v.segs[i]
	next := int32(len(v.Text))
	if i+1 < len(v.segs) {
		next = v.segs[i+1].at
	}
	if next-s.at == s.rawLen {
		p := int(s.raw) + at - int(s.at)
		if end {
			p++
		}
		return p
	}
	if end {
		return int(s.raw + s.rawLen)
	}
	return int(s.raw)
}

// rewriter builds a view's text and its map at once. Its sources are spans of
// the view that is being rewritten.
type rewriter struct {
	out  []byte
	segs []seg
}

// keep copies src[from:to] unchanged.
func (w *rewriter) keep(src string, from, to int) {
	if from == to {
		return
	}
	w.segs = append(w.segs, seg{int32(len(w.out)), int32(from), int32(to - from)})
	w.out = append(w.out, src[from:to]...)
}

// put writes s in place of src[from:to]; an empty s drops that span.
func (w *rewriter) put(s string, from, to int) {
	if len(s) == 0 {
		return
	}
	w.segs = append(w.segs, seg{int32(len(w.out)), int32(from), int32(to - from)})
	w.out = append(w.out, s...)
}

// compose replaces the sources of segs, which are offsets in v, by offsets in
// Raw.
func (v *View) compose(segs []seg, length int) []seg {
	if v.segs == nil && v.exact {
		for i := range segs {
			segs[i].raw += int32(v.Span[0])
		}
		return segs
	}
	if v.segs == nil {
		return nil
	}
	// Both maps ascend, so one walk over v's would do; a piece that is
	// identical on both sides of segs is split at v's boundaries.
	out := make([]seg, 0, len(segs)+len(v.segs))
	for i, s := range segs {
		n := int32(length)
		if i+1 < len(segs) {
			n = segs[i+1].at
		}
		n -= s.at
		if n != s.rawLen {
			r := v.Raw(int(s.raw), int(s.raw+s.rawLen))
			out = append(out, seg{s.at, int32(r[0]), int32(r[1] - r[0])})
			continue
		}
		out = v.split(out, s)
	}
	return out
}

// split appends the identical piece s, cut wherever v's own map has a cut.
func (v *View) split(out []seg, s seg) []seg {
	i := sort.Search(len(v.segs), func(i int) bool { return v.segs[i].at > s.raw }) - 1
	for at, end := s.raw, s.raw+s.rawLen; at < end; i++ {
		next := int32(len(v.Text))
		if i+1 < len(v.segs) {
			next = v.segs[i+1].at
		}
		to := min(next, end)
		r := v.Raw(int(at), int(to))
		out = append(out, seg{s.at + at - s.raw, int32(r[0]), int32(r[1] - r[0])})
		at = to
	}
	return out
}
