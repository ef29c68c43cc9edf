// Package reading finds every text that some bytes can be read as: themselves,
// and what is left when URL, HTML, JSON, C and quoted-printable escapes are
// undone, and base64, base32, base58, base85, uuencode, hex, binary, Morse code,
// lists of character codes, bits and bytes in invisible characters, gzip, zlib
// and bzip2 are decoded, in any nesting.
//
// It is made for finding copies and hidden payloads, not for decoding what is
// announced: encodings are read at every alignment and with every separator,
// because a copy may be cut, joined, or start in the middle of something. What
// comes out is a candidate; only a detector that recognises it can say that
// the text was meant. For a text as a model would read it, see guard/decode/normal.
//
// Work is linear in the text whatever it holds: the depth, the bytes decoded,
// the bytes of all readings and the compressed streams are bounded.
package reading

import (
	"bytes"
	"cmp"
	"io"
	"slices"

	"toolward/guard/decode/inflate"
	"toolward/guard/decode/sieve"
)

// View is one reading of a text, or of a part of it.
type View struct {
	Text  []byte
	Via   string // how it is encoded, outermost first: "base64>url"; "" for the text itself
	Depth int    // decodings it took

	origin []int32 // offset in the given text of each byte; nil if it is the text itself
	end    int     // offset where what it came from ends
	plain  bool    // nothing but escapes was undone
}

// At returns the offset in the given text of what byte i was read from. In
// encodings of several bytes at once it is near that.
func (v *View) At(i int) int {
	switch {
	case v.origin == nil:
		return i
	case i < len(v.origin):
		return int(v.origin[i])
	}
	return v.end
}

// Bounds on the readings of one text. All are counted in bytes, so that the
// time is linear in the text however it is nested.
const (
	maxDepth   = 5         // decodings within decodings
	maxGrowth  = 6         // bytes of all readings, as a multiple of the text …
	freeGrowth = 128 << 10 // … and what a short text may take beyond that
	maxPasses  = 16        // bytes put through some decoder, as a multiple of the text …
	freePasses = 256 << 10 // … and what a short text may take beyond that
	maxInflate = 64 << 10  // bytes from one compressed stream
	maxStreams = 16        // compressed streams, which may hold others or themselves
	minDecoded = 8         // shortest text that is a reading
	minStretch = 12        // the same among bytes that may be readable by chance
)

// Expander makes the views of a text. Its zero value is ready; its buffers are
// used again, so it is not safe for concurrent use.
type Expander struct {
	// Mostly leaves out readings by rare encodings that come from less than half of the
	// text: any but base64, base32, hexadecimal, binary and character codes.
	Mostly bool

	// Least leaves out what the usual encodings give in less than so many bytes, and what
	// that may hold in turn. Zero leaves out nothing.
	Least int

	views   []View
	budget  int // bytes of readings left
	work    int // bytes of decoding left …
	spare   int // … of so many
	streams int // compressed streams left
	cuts    []int

	zip inflate.Reader

	texts   []byte  // of views; what a view has stays where it is when this grows
	origins []int32 // likewise
	values  []byte  // of one region …
	stands  []int32 // … where they stand
	packed  []byte  // … and what they decode to

	narrow []byte // decoded bytes without the zeros among them

	own    []sieve.Block // memory for them
	blocks []sieve.Block // of the view that is looked at …
	hot    []uint64      // … where it may become a region …
	gains  []uint64      // … and by how much, of each eight bytes

	tried []extent // regions of the text itself

	bits []byte // of the characters of one region

	tokens [][]byte // of a list of numbers …
	places []int32  // … where they stand
	codes  []byte   // … and what they mean …
	square []byte   // … in a Polybius square
}

// Expand returns text and its other readings, the text itself first; they are
// valid until the next call. What would not fit the bounds is left out, and
// truncated is true. blocks are what [sieve.Read] says of the text; nil has it read. cuts
// are the offsets where another field starts, in order, for encodings that only decode as
// a whole; nil is none.
func (x *Expander) Expand(text []byte, blocks []sieve.Block, cuts []int) (views []View, truncated bool) {
	x.cuts, x.texts, x.origins, x.tried = cuts, x.texts[:0], x.origins[:0], x.tried[:0]
	x.views = append(x.views[:0], View{Text: text, end: len(text), plain: true})
	x.budget, x.work, x.streams = maxGrowth*len(text)+freeGrowth, maxPasses*len(text)+freePasses, maxStreams
	x.spare = x.work
	for i := 0; i < len(x.views); i++ {
		if x.views[i].Depth == maxDepth {
			continue
		}
		v := x.views[i] // a copy: add may move the slice
		if x.blocks = blocks; i > 0 || blocks == nil {
			x.own = sieve.Read(x.own, v.Text)
			x.blocks = x.own
		}
		x.unescape(&v)
		x.numbers(&v)
		x.morse(&v)
		x.invisible(&v)
		x.regions(&v, func(lo, hi int) {
			if i == 0 {
				x.tried = append(x.tried, extent{lo, hi})
			}
			if i == 0 || !x.wasTried(&v, lo, hi) {
				x.region(&v, lo, hi)
			}
		})
	}
	return x.views, x.budget < 0 || x.work < 0
}

// extent is the bytes from lo to before hi.
type extent struct{ lo, hi int }

// wasTried reports whether a region of v stands as it is in the text itself, and was a
// region there: undoing the escapes of a text leaves nearly all of it unchanged.
func (x *Expander) wasTried(v *View, lo, hi int) bool {
	e := extent{v.At(lo), v.At(hi-1) + 1}
	if !v.plain || e.hi-e.lo != hi-lo {
		return false
	}
	_, was := slices.BinarySearchFunc(x.tried, e, func(t, e extent) int { return cmp.Or(cmp.Compare(t.lo, e.lo), cmp.Compare(t.hi, e.hi)) })
	return was && bytes.Equal(v.Text[lo:hi], x.views[0].Text[e.lo:e.hi])
}

// pay takes the work of decoding n bytes from the budget, if it is there.
func (x *Expander) pay(n int) bool {
	if x.work < n {
		x.spare, x.work = x.spare-x.work-1, -1 // nothing is tried that is shorter, either
		return false
	}
	x.work -= n
	return true
}

// Spent is the work of the last Expand: bytes decoded and bytes of readings.
// Who reads many texts bounds the sum, since each may take a little for free.
func (x *Expander) Spent() int {
	n := x.spare - x.work
	for i := range x.views[1:] {
		n += len(x.views[1+i].Text)
	}
	return n
}

// add appends a view of bytes [lo,hi) of v. origin maps into v and is
// rewritten to map into the given text; nil means that only the extent is known.
func (x *Expander) add(v *View, text []byte, via string, lo, hi int, origin []int32) {
	if len(text) < minDecoded || x.budget < 0 {
		return
	}
	x.budget -= len(text)
	if x.budget < 0 {
		return
	}
	if v.Via != "" {
		via = v.Via + ">" + via
	}
	end := v.At(hi-1) + 1
	if origin == nil {
		from := len(x.origins)
		x.origins = slices.Grow(x.origins, len(text))[:from+len(text)]
		origin = x.origins[from:len(x.origins):len(x.origins)]
		for i := range origin { // spread over the extent
			origin[i] = int32(v.At(lo + i*(hi-lo)/len(text)))
		}
	} else if v.origin != nil {
		for i := range origin {
			origin[i] = int32(v.At(int(origin[i])))
		}
	}
	x.views = append(x.views, View{Text: text, Via: via, Depth: v.Depth + 1, origin: origin, end: end})
}

// keep copies decoded bytes to where views have theirs.
func (x *Expander) keep(b []byte) []byte {
	from := len(x.texts)
	x.texts = append(x.texts, b...)
	return x.texts[from:len(x.texts):len(x.texts)]
}

// stretches adds the parts of decoded bytes that are readable text, and what
// compressed streams among them hold. place maps an offset in decoded to one
// in v; it may run backwards.
func (x *Expander) stretches(v *View, decoded []byte, via string, place func(int) int) {
	zeros := bytes.Count(decoded, zero)
	switch {
	case len(decoded)-zeros < minStretch:
		return
	case zeros > len(decoded)/4: // UTF-16 or UTF-32
		x.narrowed(v, decoded, via, place)
		return
	case zeros > 0: // in a part of it
		for i, n := wide(decoded, 0); n > 0; i, n = wide(decoded, i+n) {
			x.narrowed(v, decoded[i:i+n], via, func(k int) int { return place(i + k) })
		}
	}
	for i, n := stretch(decoded, 0); n > 0; i, n = stretch(decoded, i+n+1) {
		lo, hi := place(i), place(i+n-1)
		x.add(v, x.keep(decoded[i:i+n]), via, min(lo, hi), max(lo, hi)+1, nil)
	}
	for _, first := range inflate.Magics {
		for i := bytes.IndexByte(decoded, first); i >= 0 && i+1 < len(decoded); {
			x.stream(v, decoded, i, via, place)
			n := bytes.IndexByte(decoded[i+1:], first)
			if n < 0 {
				break
			}
			i += 1 + n
		}
	}
}

// narrowed is stretches of decoded bytes without the zeros among them.
func (x *Expander) narrowed(v *View, decoded []byte, via string, place func(int) int) {
	x.narrow = x.narrow[:0]
	for _, b := range decoded {
		if b != 0 {
			x.narrow = append(x.narrow, b)
		}
	}
	if _, n := stretch(x.narrow, 0); n == 0 && !mayBePacked(x.narrow) {
		return // as of nearly all lists of numbers
	}
	letters, origin := slices.Clone(x.narrow), make([]int32, 0, len(x.narrow)) // views come to lie in x's own
	for i, b := range decoded {
		if b != 0 {
			origin = append(origin, int32(i))
		}
	}
	x.stretches(v, letters, via+">utf-16", func(i int) int { return place(int(origin[i])) })
}

// wide returns the first part of b from i on that is readable but for zeros between its
// bytes, and its length; 0 if there is none with minStretch bytes beside them.
//
//	… 9c e1 "k" 00 "e" 00 "y" 00 … 83
//	        the part, to its last letter
func wide(b []byte, i int) (start, n int) {
	for i < len(b) {
		if b[i] == 0 || !inReadable(b, i) {
			i++
			continue
		}
		start = i
		letters, behind := 0, 0 // and where the last of them ends
		for ; i < len(b) && (b[i] == 0 || inReadable(b, i)); i++ {
			if b[i] != 0 {
				letters, behind = letters+1, i+1
			}
		}
		if letters >= minStretch && letters < behind-start {
			return start, behind - start
		}
	}
	return len(b), 0
}

// mayBePacked reports whether a compressed stream may begin in b.
func mayBePacked(b []byte) bool {
	for _, first := range inflate.Magics {
		for i := bytes.IndexByte(b, first); i >= 0 && i+1 < len(b); {
			if inflate.Format(b[i:]) != "" {
				return true
			}
			n := bytes.IndexByte(b[i+1:], first)
			if n < 0 {
				break
			}
			i += 1 + n
		}
	}
	return false
}

var zero = []byte{0}

// stretch returns the first run of at least minStretch readable bytes from i on,
// and its length; 0 if there is none. What was decoded from something else is
// hardly ever readable, so a run is looked for by its last bytes first:
//
//	from ù=Lq0kÈ… the twelfth byte, and the next twelfth behind the one that cannot be text
func stretch(b []byte, i int) (start, n int) {
	for i+minStretch <= len(b) {
		k := i + minStretch - 1
		for k >= i && inReadable(b, k) {
			k--
		}
		if k >= i {
			i = k + 1
			continue
		}
		if n := readable(b[i:]); n >= minStretch {
			return i, n
		} else {
			i += n + 1
		}
	}
	return len(b), 0
}

// inReadable reports whether byte k may be within readable text, judged by the
// bytes beside it.
func inReadable(b []byte, k int) bool {
	switch c := b[k]; {
	case c < 0x80:
		return printable[c]
	case c < 0xc0: // goes on with a character
		return k > 0 && b[k-1] >= 0x80
	default: // begins one
		return c >= 0xc3 && c < 0xf0 && (k+1 == len(b) || b[k+1]&0xc0 == 0x80)
	}
}

// stream adds what the compressed stream holds that starts at decoded[at], if
// one does. One that is cut short gives what it has.
func (x *Expander) stream(v *View, decoded []byte, at int, via string, place func(int) int) {
	format := inflate.Format(decoded[at:])
	if format == "" || x.streams == 0 {
		return
	}
	x.streams--
	r, err := x.zip.Open(decoded[at:], format)
	if err != nil {
		return
	}
	if data, _ := io.ReadAll(io.LimitReader(r, maxInflate)); len(data) >= minDecoded {
		x.stretches(v, data, via+">"+format, func(int) int { return place(at) })
	}
}

// readable returns the length of the text that b starts with: printable ASCII,
// line ends and tabs, and well-formed UTF-8.
func readable(b []byte) int {
	i := 0
	for i < len(b) {
		c := b[i]
		switch {
		case printable[c]:
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

// printable are the bytes of ASCII that text has.
var printable = func() (p [256]bool) {
	for c := ' '; c <= '~'; c++ {
		p[c] = true
	}
	p['\n'], p['\r'], p['\t'] = true, true, true
	return p
}()
