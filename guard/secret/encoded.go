package secret

import (
	"strings"

	"toolward/gateway"
	"toolward/guard/decode/reading"
)

// Credentials that are encoded inside something longer: in the middle of a
// base64 text, behind NAME=, in a URL, before a full stop. guard/decode/normal decodes
// what is encoded as a whole; here guard/decode/reading tries every alignment of the long
// runs that may be text.
const (
	minEncoded  = 20       // shortest run that is decoded
	minReadable = 14       // bytes of text in a row that are looked at
	maxChunk    = 16 << 10 // bytes of a run that are decoded at once …
	overlap     = 1 << 10  // … and how much of it is decoded with the next, too
	maxDepth    = 4        // encodings within encodings whose runs are told apart
)

// Bounds on the work for one text: bytes decoded, as a multiple of it, and what a short
// text may take beyond that. It is more than guard/decode/reading spends on any long run,
// so that none before a credential uses up what that needs.
const (
	maxWork  = 24
	freeWork = 256 << 10
)

// encoded is a run that may be encoded, without the line ends in it.
type encoded struct {
	text   []byte
	base   int     // of the first byte in the whole text
	places []int32 // where each byte stands behind base; nil if one after the other

	lines []int32 // places, to be used again
	x     reading.Expander
}

// place returns where byte i of the run stands.
func (e *encoded) place(i int) int {
	if e.places != nil {
		return e.base + int(e.places[i])
	}
	return e.base + i
}

// scanEncoded decodes the run s[a:b], and it together with the lines that may be
// its continuation.
func (c *scan) scanEncoded(dst []gateway.Finding, s string, a, b int) []gateway.Finding {
	likely, lines := promising(s[a:b]), a >= c.decoded && joined(s, b)
	if !likely && !lines {
		return dst
	}
	e := c.pool.Get().(*encoded)
	for next := a; likely && next >= 0; {
		_, next = e.gather(s, next, false)
		dst = c.decodeRun(dst, e)
	}
	for next := a; lines && next >= 0; {
		if c.decoded, next = e.gather(s, next, true); promising(e.text) {
			dst = c.decodeRun(dst, e)
		}
	}
	c.pool.Put(e)
	return dst
}

// joined reports whether the run that ends at s[b] goes on in the next line.
func joined(s string, b int) bool {
	n := lineEnd(s, b)
	return n > 0 && b+n < len(s) && tokenRun[s[b+n]]
}

// gather takes in the run at s[from:], and with all those that follow it on the
// next lines. It returns where the last one ends, and where to go on if that was too
// much at once, -1 if nothing is left.
func (e *encoded) gather(s string, from int, all bool) (end, next int) {
	e.text, e.places, e.base = e.text[:0], nil, from
	var lines []int32 // places, once there are several lines
	defer func() {
		if lines != nil {
			e.lines = lines
		}
	}()
	for i := from; ; {
		start := i
		for i < len(s) && tokenRun[s[i]] && len(e.text) < maxChunk {
			e.text = append(e.text, s[i])
			i++
		}
		if lines != nil {
			for k := start; k < i; k++ {
				lines = append(lines, int32(k-from))
			}
		}
		if len(e.text) == maxChunk {
			e.places = lines
			return i, max(i-overlap, from+1)
		}
		n := lineEnd(s, i)
		if !all || n == 0 || i+n >= len(s) || !tokenRun[s[i+n]] {
			e.places = lines
			return i, -1
		}
		if lines == nil {
			lines = e.lines[:0]
			for k := from; k < i; k++ {
				lines = append(lines, int32(k-from))
			}
		}
		i += n
	}
}

// lineEnd returns the length of what parts two lines of one value at s[i:]: a
// line end, quotes or signs around it, and the next line's indentation; 0 if
// there is none.
func lineEnd(s string, i int) int {
	n, broken := 0, false
	for i+n < len(s) && n < 32 {
		switch s[i+n] {
		case '\n':
			broken = true
		case ' ', '\t', '\r', '"', '\'', '`', '+', '\\', '>', '#', '|', ',', '.':
		default:
			if broken {
				return n
			}
			return 0
		}
		n++
	}
	return 0
}

// decodeRun scans what e can be read as, and what the hexadecimal digits among it can.
func (c *scan) decodeRun(dst []gateway.Finding, e *encoded) []gateway.Finding {
	dst = c.decodePart(dst, e, 0, len(e.text))
	for from, to := nextHex(e.text, 0); from < len(e.text); from, to = nextHex(e.text, to) {
		if to-from < len(e.text) {
			dst = c.decodePart(dst, e, from, to)
		}
	}
	return dst
}

// decodePart scans what e.text[a:b] can be read as.
func (c *scan) decodePart(dst []gateway.Finding, e *encoded, a, b int) []gateway.Finding {
	if c.work > maxWork*c.whole+freeWork {
		return dst
	}
	views, _ := e.x.Expand(e.text[a:b], nil, nil)
	c.work += b - a + e.x.Spent()
	kept := len(dst)
	for i := range views[1:] {
		v := &views[1+i]
		if len(v.Text) < minReadable {
			continue
		}
		sub := scan{Detector: c.Detector, key: c.key, depth: maxDepth, whole: c.whole, work: c.work}
		if v.Depth == 1 { // what is encoded in it may end at a space, over which guard/decode/reading goes on
			sub.depth = c.depth + 1
		}
		dst = sub.read(dst, string(v.Text))
		c.work = sub.work
		for _, f := range dst[kept:] {
			if f.Score < sureScore {
				continue
			}
			lo, hi := a, b
			if v.Depth == 1 && !strings.Contains(v.Via, ">") { // what is packed or turned round does not say where it was
				lo, hi = max(a, a+v.At(f.Span[0])-group), min(b, a+v.At(f.Span[1]-1)+group)
			}
			f.Span, f.Via = [2]int{e.place(lo), e.place(hi-1) + 1}, joinVia(v.Via, f.Via)
			dst[kept] = f
			kept++
		}
		dst = dst[:kept]
	}
	return dst
}

// group is the most letters that encodings write some bytes in together; which of them
// stand for one of those is not known.
const group = 8

func joinVia(outer, inner string) string {
	if outer == "" || inner == "" {
		return outer + inner
	}
	return outer + ">" + inner
}

// sureScore is the confidence that a credential needs in what was decoded:
// chance writes what looks like one there.
const sureScore = 0.7
