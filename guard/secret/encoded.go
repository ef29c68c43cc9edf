package secret

import (
	"slices"
	"strings"

	"toolward/gateway"
	"toolward/guard/decode/reading"
)

// Credentials that are encoded inside something longer: in the middle of a
// base64 text, behind NAME=, in a URL, before a full stop. guard/decode/normal decodes
// what is encoded as a whole; here every alignment of every long run is tried
// for so many bytes of text in a row as chance does not give.
const (
	minEncoded  = 20       // shortest run that is decoded
	minReadable = 14       // bytes of text in a row that are looked at
	maxChunk    = 16 << 10 // bytes of a run that are decoded at once …
	overlap     = 1 << 10  // … and how much of it is decoded with the next, too
	maxDepth    = 4        // encodings within encodings
)

// Bounds on the work for one text, in bytes as a multiple of it, and what a
// short text may take beyond that: for all that is decoded, and for that in
// which every other way of writing is tried too.
const (
	maxDecoded  = 4
	maxThorough = 1
	freeWork    = 32 << 10
)

// encoded is a run that may be encoded, without the line ends in it.
type encoded struct {
	text   []byte
	base   int     // of the first byte in the whole text
	places []int32 // where each byte stands behind base; nil if one after the other

	lines  []int32 // places, to be used again
	values []uint8 // of text in some alphabet
	bytes  []byte  // decoded
	x      reading.Expander
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

// decodeRun looks for text in e by every encoding.
func (c *scan) decodeRun(dst []gateway.Finding, e *encoded) []gateway.Finding {
	if textInBase64(e.text) {
		dst = c.decodeBase64(dst, e)
	}
	for from, to := nextHex(e.text, 0); from < len(e.text); from, to = nextHex(e.text, to) {
		dst = c.decodeHex(dst, e, from, to)
	}
	if streams(e.text) {
		dst = c.nested(dst, e, string(e.text), "", func(int, int) (int, int) { return 0, len(e.text) })
	}
	return dst
}

// isText has the bytes that text is made of. Zero is one of them, as UTF-16 has it.
var isText = func() (set [256]bool) {
	for c := byte(' '); c <= '~'; c++ {
		set[c] = true
	}
	set['\n'], set['\r'], set['\t'], set[0] = true, true, true, true
	return set
}()

// sextet has the value of each letter of base64, either alphabet.
var sextet = func() (value [256]uint8) {
	for i, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") {
		value[c] = uint8(i)
	}
	value['+'], value['-'], value['/'], value['_'] = 62, 62, 63, 63
	return value
}()

// pairText says for two neighbours of base64 which of the bytes that they may
// have between them are text: bit k for byte k of a group.
var pairText = func() (set [1 << 12]uint8) {
	for a := range 64 {
		for b := range 64 {
			for k, v := range [3]byte{byte(a<<2 | b>>4), byte(a<<4 | b>>2), byte(a<<6 | b)} {
				if isText[v] {
					set[a<<6|b] |= 1 << k
				}
			}
		}
	}
	return set
}()

// decodeBase64 follows the four alignments at once, and decodes where one has text
// for long enough.
func (c *scan) decodeBase64(dst []gateway.Finding, e *encoded) []gateway.Finding {
	e.values = slices.Grow(e.values[:0], len(e.text))[:len(e.text)]
	for i, b := range e.text {
		e.values[i] = sextet[b]
	}
	var length [4]int // bytes of text so far, of the groups that begin at this place modulo 4
	for i := range len(e.values) - 1 {
		m := pairText[int(e.values[i])<<6|int(e.values[i+1])]
		for k := range 3 {
			at := (i - k) & 3
			switch {
			case m>>k&1 != 0:
				length[at]++
			case length[at] < minReadable:
				length[at] = 0
			default:
				dst = c.base64Text(dst, e, at, (i-k)/4*3+k, length[at])
				length[at] = 0
			}
		}
	}
	for at, n := range length {
		if chars := len(e.values) - at; n >= minReadable {
			dst = c.base64Text(dst, e, at, chars/4*3+max(0, chars%4-1), n)
		}
	}
	return dst
}

// base64Text decodes the n bytes before byte last of the groups that begin at
// values[start:].
func (c *scan) base64Text(dst []gateway.Finding, e *encoded, start, last, n int) []gateway.Finding {
	first := max(0, last-n)
	text := e.bytes[:0]
	for b := first; b < last; b++ {
		v, k := e.values[start+b/3*4+b%3:], b%3*2
		text = append(text, v[0]<<(2+k)|v[1]>>(4-k))
	}
	e.bytes = text
	return c.readable(dst, e, text, "base64", func(from, to int) (int, int) {
		return start + (first+from)/3*4 + (first+from)%3, start + (first+to-1)/3*4 + (first+to-1)%3 + 2
	})
}

// stretches scans the parts of decoded bytes that are text.
func (c *scan) stretches(dst []gateway.Finding, e *encoded, decoded []byte, via string, place func(from, to int) (int, int)) []gateway.Finding {
	for i := 0; i < len(decoded); {
		k := i
		for k < len(decoded) && isText[decoded[k]] {
			k++
		}
		if k-i >= minReadable {
			start := i
			dst = c.readable(dst, e, decoded[i:k], via, func(from, to int) (int, int) { return place(start+from, start+to) })
		}
		i = k + 1
	}
	return dst
}

// readable scans a text that was decoded; place says which part of the run bytes
// from to to of it were.
func (c *scan) readable(dst []gateway.Finding, e *encoded, text []byte, via string, place func(from, to int) (int, int)) []gateway.Finding {
	narrow := strings.ReplaceAll(string(text), "\x00", "")
	if len(narrow) < minReadable {
		return dst
	}
	if len(narrow) < len(text) {
		lo, hi := place(0, len(text))
		return c.nested(dst, e, narrow, via+">utf-16", func(int, int) (int, int) { return lo, hi })
	}
	return c.nested(dst, e, narrow, via, place)
}

// nested scans text that was decoded, and what it holds in turn. With no via it
// is the run itself, and only what it holds is scanned.
func (c *scan) nested(dst []gateway.Finding, e *encoded, text, via string, place func(from, to int) (int, int)) []gateway.Finding {
	from := len(dst)
	if c.work += len(text); c.work > maxDecoded*c.whole+freeWork {
		return dst
	}
	if via != "" {
		dst = c.within(dst, text, c.depth+1)
	}
	direct := len(dst)
	if c.thorough < maxThorough*c.whole+freeWork {
		views, _ := e.x.Expand([]byte(text), nil, nil)
		c.thorough += len(text) + e.x.Spent()
		for i := range views[1:] {
			v := &views[1+i]
			before := len(dst)
			dst = c.within(dst, string(v.Text), maxDepth)
			for k := before; k < len(dst); k++ {
				dst[k].Via = joinVia(v.Via, dst[k].Via)
			}
		}
	}
	kept := from
	for k := from; k < len(dst); k++ {
		f := dst[k]
		if f.Score < sureScore {
			continue
		}
		lo, hi := 0, len(text)
		if k < direct {
			lo, hi = f.Span[0], f.Span[1]
		}
		lo, hi = place(lo, hi)
		f.Span, f.Via = [2]int{e.place(lo), e.place(hi-1) + 1}, joinVia(via, f.Via)
		dst[kept] = f
		kept++
	}
	return dst[:kept]
}

// within reads a text that was decoded.
func (c *scan) within(dst []gateway.Finding, text string, depth int) []gateway.Finding {
	sub := scan{Detector: c.Detector, key: c.key, depth: depth, whole: c.whole, work: c.work, thorough: c.thorough}
	dst = sub.read(dst, text)
	c.work, c.thorough = sub.work, sub.thorough
	return dst
}

func joinVia(outer, inner string) string {
	if outer == "" || inner == "" {
		return outer + inner
	}
	return outer + ">" + inner
}

// sureScore is the confidence that a credential needs in what was decoded:
// chance writes what looks like one there.
const sureScore = 0.7
