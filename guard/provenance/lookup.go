package provenance

import (
	"strconv"

	"toolward/guard/decode/reading"
)

// maxCiphered bounds the symbols that all Caesar shifts and Atbash are tried
// on; ROT13 is tried on all. Encoded files look enciphered as a whole.
const maxCiphered = 8 << 10

// chain is a growing copy: hits whose distance is the same in the result and here.
type chain struct {
	call, shift  int // shift is place in the result minus place here, modulo places
	start, reach int // symbols
	last         int // where the last hit starts
	hits         int
	entity       bool
}

// found is a finished chain in bytes of the given text.
type found struct {
	call, place int
	lo, hi      int
	length      int
	via         string
	depth       int
	entity      bool
	words       bool // its words are in another order
}

// view looks up one reading, in every order that its symbols may have.
func (c *checker) view(v *reading.View) {
	c.syms, c.offs = appendSymbols(c.syms[:0], c.offs[:0], v.Text)
	if len(c.syms) < gram {
		return
	}
	k := c.s.keys
	c.pass(v, "", c.syms, c.offs, &k.plain)
	thorough := v.Depth <= 2 && !c.brief
	strange := c.substituted(v, thorough)
	if thorough {
		if strange || len(v.Text) <= shortView {
			c.skipping(v)
		}
		c.words(v)
	}
	reverse(c.syms)
	reverse(c.offs)
	c.pass(v, "reversed", c.syms, c.offs, &k.plain)
}

// strangePart is the symbols in a part that does not look like text, what is
// around it included, that are no accident.
const strangePart = cipherBlock + 5*gram

// shortView is the length up to which a text is looked at in every order
// whatever its letters are like.
const shortView = 512

// substituted looks up the parts that do not look like text under ROT13 and, if
// thorough, every other shift and Atbash. It reports whether there are any.
func (c *checker) substituted(v *reading.View, thorough bool) (strange bool) {
	k := c.s.keys
	enciphered(c.syms, func(lo, hi int) {
		strange = strange || hi-lo > strangePart
		c.pass(v, caesarNames[13], c.syms[lo:hi], c.offs[lo:hi], &k.caesar[13])
		if c.ciphered += hi - lo; !thorough || c.ciphered > maxCiphered {
			return
		}
		for shift := 1; shift < len(k.caesar); shift++ {
			if shift != 13 {
				c.pass(v, caesarNames[shift], c.syms[lo:hi], c.offs[lo:hi], &k.caesar[shift])
			}
		}
		c.pass(v, "atbash", c.syms[lo:hi], c.offs[lo:hi], &k.atbash)
	})
	return strange
}

// skipping looks up every second character, and what ROT47 was applied to.
func (c *checker) skipping(v *reading.View) {
	k := c.s.keys
	c.turned, c.from = rotated(c.turned[:0], c.from[:0], v.Text)
	c.pass(v, "rot47", c.turned, c.from, &k.plain)
	for first := range 2 {
		c.turned, c.from = alternate(c.turned[:0], c.from[:0], v.Text, first)
		c.pass(v, "interleaved", c.turned, c.from, &k.plain)
	}
}

// words looks up the words in reverse order, and each word reversed.
func (c *checker) words(v *reading.View) {
	k := c.s.keys
	c.turned, c.from = wordsReversed(c.turned[:0], c.from[:0], c.syms, c.offs, v.Text, c.cutsOf(v))
	for i, n := range c.from {
		c.from[i] = c.offs[n]
	}
	c.pass(v, "words-reversed", c.turned, c.from, &k.plain)
	reverse(c.turned) // each word is reversed, their order is not
	reverse(c.from)
	c.pass(v, "reversed-words", c.turned, c.from, &k.plain)
}

var caesarNames = func() (names [26]string) {
	for i := range names {
		names[i] = "caesar" + strconv.Itoa(i)
	}
	names[13] = "rot13"
	return names
}()

// cutsOf are the places where another field starts in the text itself; in what
// was decoded they are not known.
func (c *checker) cutsOf(v *reading.View) []int {
	if v.Depth > 0 {
		return nil
	}
	return c.cuts
}

// pass looks up symbols in one order; offs are their offsets in the view. It
// hashes as appendGrams does, and keeps nothing: hardly any gram passes the filter.
func (c *checker) pass(v *reading.View, name string, syms []symbol, offs []int32, r *ring) {
	if len(syms) < gram {
		return
	}
	c.open, c.order, c.ring = c.open[:0], syms, r
	k, t := c.s.keys, &c.p.table
	filter, last := t.filter, uint64(len(t.filter)-1)
	var h uint64
	for _, s := range syms[:gram-1] {
		h = h*base + r.in[s]
	}
	for i, s := range syms[gram-1:] {
		h = h*base + r.in[s]
		tag := tagOf(k.finish(h))
		if filter[tag>>7&last]>>(tag>>1&63)&1 != 0 { // hardly ever; see table.bit
			for _, e := range t.bucket(tag) {
				if e.tag() == tag {
					c.hit(e, i)
				}
			}
		}
		h -= r.last[syms[i]]
	}
	if len(c.open) > 0 {
		c.finish(v, name, syms, offs)
	}
}

// follows reports whether the gram at symbol i is the one that ext was made of.
func (c *checker) follows(i int, ext uint16) bool {
	return i+gram <= len(c.order) && extOf(c.s.keys.gram(c.order[i:i+gram], c.ring)) == ext
}

// hit extends the chain that entry e, seen at gram i, belongs to.
func (c *checker) hit(e entry, i int) {
	if e.place() >= entityPlace {
		if n := e.place() - entityPlace + minEntity; c.follows(i+n-gram, e.ext()) {
			c.open = append(c.open, chain{call: e.call(), start: i, reach: i + n, entity: true})
		}
		return
	}
	reach := i + gram
	if c.follows(i+gram, e.ext()) {
		reach += gram
	}
	shift := (e.place() - i%places + places) % places
	slack := max(gram, c.p.calls[e.call()].window)
	for j := len(c.open) - 1; j >= max(0, len(c.open)-64); j-- {
		o := &c.open[j]
		if o.call == e.call() && o.shift == shift && !o.entity && i <= o.reach+slack {
			o.reach, o.last = max(o.reach, reach), i
			o.hits++
			return
		}
	}
	c.open = append(c.open, chain{call: e.call(), shift: shift, start: i, last: i, reach: reach, hits: 1})
}

// finish turns the chains of a pass into copies and pieces, in bytes of the given text.
func (c *checker) finish(v *reading.View, name string, syms []symbol, offs []int32) {
	via := v.Via
	if name != "" && via != "" {
		via += ">"
	}
	via += name
	for _, o := range c.open {
		if dull(syms[o.start:o.reach]) || !o.entity && !c.whole(o, syms) {
			continue
		}
		a, b := int(offs[o.start]), int(offs[o.reach-1])
		f := found{
			call: o.call, place: (o.shift + o.start) % places, length: o.reach - o.start,
			lo: v.At(min(a, b)), hi: v.At(max(a, b)) + 1, via: via, depth: v.Depth, entity: o.entity,
			words: name == "words-reversed" || name == "reversed-words",
		}
		switch {
		case f.words && f.length < c.s.opts.MinRun+2: // a few words in another order are other words
		case f.entity || f.length >= c.s.opts.MinRun && !everyday(syms[o.start:o.reach]):
			if len(c.found) == maxFound {
				c.truncated = true
				return
			}
			c.found = append(c.found, f)
		case len(c.pieces) < maxPieces:
			c.pieces = append(c.pieces, f)
		}
	}
}

// longRun is the length from which a copy is one whatever it says.
const longRun = 24

// everyday reports whether a short run is the name of a field and a date, as
// all tools write them: nothing of it is rare.
func everyday(syms []symbol) bool {
	if len(syms) >= longRun {
		return false
	}
	names, numbers := 0, 0
	for i := 0; i < len(syms); {
		n := 1
		for _, name := range fieldNames {
			if i == 0 {
				name = name[cutName(syms, name):]
			}
			if startsWith(syms[i:], name) {
				n = len(name)
				names += n
				break
			}
		}
		if n == 1 && syms[i] >= digit0 && syms[i] < digit0+10 {
			numbers++
		}
		i += n
	}
	const dateAndTime = 14
	return names > 0 && len(syms)-names-min(numbers, dateAndTime) < gram
}

// fieldNames are names that dates and texts stand under in many tools' results.
var fieldNames = func() (names [][]symbol) {
	for _, n := range []string{"timestamp", "description", "created", "updated", "modified", "published", "datetime", "startdate", "enddate", "starttime", "endtime", "duedate",
		"dateofbirth", "date", "time", "status", "title", "subject", "content", "message", "name", "type", "at", "from", "id"} {
		syms, _ := appendSymbols(nil, nil, []byte(n))
		names = append(names, syms)
	}
	return names
}()

// cutName is how much of a name is missing at the start of a run, which may
// begin inside it.
func cutName(syms, name []symbol) int {
	for cut := range max(0, len(name)-3) {
		if startsWith(syms, name[cut:]) {
			return cut
		}
	}
	return 0
}

func startsWith(syms, prefix []symbol) bool {
	return len(syms) >= len(prefix) && string(syms[:len(prefix)]) == string(prefix)
}

// whole reports whether a chain has the hits that a run of its length must
// have, if it is short up to its end, less some for fingerprints that were not
// kept. It tells a run from a few grams whose follow-up agrees by chance.
func (c *checker) whole(o chain, syms []symbol) bool {
	window, length := c.p.calls[o.call].window, o.reach-o.start
	if o.hits*2*window < length-gram {
		return false
	}
	end := o.reach - gram
	for end > o.last && dull(syms[end:end+gram]) {
		end--
	}
	return length >= longRun || end-o.last <= 2*window
}

func reverse[T any](s []T) {
	for i, j := 0, len(s)-1; i < j; i, j = i+1, j-1 {
		s[i], s[j] = s[j], s[i]
	}
}
