package provenance

import "bytes"

// A view is one reading of the text that was given: itself, or what some
// decoding makes of it or of a part of it.
type view struct {
	text   []byte
	via    string
	depth  int
	origin []int32 // offset in the given text of each byte of text; nil if text is text[lo:hi] of it, byte for byte
	lo, hi int     // the part of the given text that this came from
}

// at returns where byte i of the view came from.
func (v *view) at(i int) int {
	switch {
	case v.origin == nil:
		return v.lo + i
	case i < len(v.origin):
		return int(v.origin[i])
	}
	return v.hi
}

// Bounds on the readings of one text. All are counted in bytes, so that the
// time is linear in the text however it is nested.
const (
	maxDepth   = 5         // decodings within decodings
	maxGrowth  = 6         // bytes of all readings, as a multiple of the text …
	freeGrowth = 128 << 10 // … and what a short text may take beyond that
	maxPasses  = 24        // bytes put through some decoder, as a multiple of the text …
	freePasses = 256 << 10 // … and what a short text may take beyond that
	maxInflate = 64 << 10  // bytes from one compressed stream
	maxStreams = 16        // compressed streams, which may hold others or themselves
	minDecoded = gram      // shortest text that is a reading
	minStretch = 12        // the same among bytes that may be readable by chance
)

// expander makes the views of a text.
type expander struct {
	views   []view
	budget  int // bytes of readings left
	work    int // bytes of decoding left
	streams int // compressed streams left
	cuts    []int
	sieve   sieve
}

// expand returns text and its other readings, the text itself first. What
// would not fit the bounds is left out, and truncated is true. cuts are the
// places where another field starts, in order.
func (x *expander) expand(text []byte, cuts []int) (views []view, truncated bool) {
	x.cuts = cuts
	x.views = append(x.views[:0], view{text: text, hi: len(text)})
	x.budget, x.work, x.streams = maxGrowth*len(text)+freeGrowth, maxPasses*len(text)+freePasses, maxStreams
	for i := 0; i < len(x.views); i++ {
		if x.views[i].depth == maxDepth {
			continue
		}
		v := x.views[i] // a copy: add may move the slice
		x.unescape(&v)
		x.numbers(&v)
		x.sieve.regions(v.text, func(lo, hi int) { x.region(&v, lo, hi) })
	}
	return x.views, x.budget < 0 || x.work < 0
}

// add appends a view of bytes [lo,hi) of v. origin maps into v and is
// rewritten to map into the given text; nil means that only the extent is known.
func (x *expander) add(v *view, text []byte, via string, lo, hi int, origin []int32) {
	if len(text) < minDecoded || x.budget < 0 {
		return
	}
	x.budget -= len(text)
	if x.budget < 0 {
		return
	}
	if v.via != "" {
		via = v.via + ">" + via
	}
	from, to := v.at(lo), v.at(hi-1)+1
	if origin == nil {
		origin = make([]int32, len(text))
		for i := range origin { // spread over the extent
			origin[i] = int32(v.at(lo + i*(hi-lo)/len(text)))
		}
	} else if v.origin != nil || v.lo != 0 {
		for i := range origin {
			origin[i] = int32(v.at(int(origin[i])))
		}
	}
	x.views = append(x.views, view{text: text, via: via, depth: v.depth + 1, origin: origin, lo: from, hi: max(to, from+1)})
}

// stretches adds the parts of decoded bytes that are readable text, and what
// compressed streams among them hold. place maps an offset in decoded to one
// in v; it may run backwards.
func (x *expander) stretches(v *view, decoded []byte, via string, place func(int) int) {
	if zeros := bytes.Count(decoded, []byte{0}); zeros > len(decoded)/4 { // UTF-16 or UTF-32
		x.stretches(v, bytes.ReplaceAll(decoded, []byte{0}, nil), via+">utf-16", func(i int) int { return place(min(2*i, len(decoded)-1)) })
		return
	}
	for i := 0; i < len(decoded); {
		n := readable(decoded[i:])
		if n >= minStretch {
			lo, hi := place(i), place(i+n-1)
			x.add(v, bytes.Clone(decoded[i:i+n]), via, min(lo, hi), max(lo, hi)+1, nil)
		}
		for j := max(i, i+n-1); j <= i+n && j < len(decoded); j++ {
			if data, name := x.inflate(decoded[j:]); data != nil {
				x.stretches(v, data, via+">"+name, func(int) int { return place(j) })
			}
		}
		i += n + 1
	}
}

// readable returns the length of the text that b starts with: printable ASCII,
// line ends and tabs, and well-formed UTF-8.
func readable(b []byte) int {
	i := 0
	for i < len(b) {
		c := b[i]
		switch {
		case c >= 0x20 && c < 0x7f, c == '\n', c == '\r', c == '\t':
			i++
		case c >= 0xc3 && c < 0xf0 && i+1 < len(b) && b[i+1]&0xc0 == 0x80:
			size := 2
			if c >= 0xe0 {
				size = 3
			}
			if i+size > len(b) || size == 3 && b[i+2]&0xc0 != 0x80 {
				return i
			}
			i += size
		default:
			return i
		}
	}
	return i
}
