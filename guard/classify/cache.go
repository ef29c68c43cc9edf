package classify

// known is what a word alone says, wherever it stands.
type known struct {
	hash               uint32 // of the folded word, scrambled
	published, written int16  // sums of the weights of its features; 0 while training
	count              uint8  // of them
	concept            concept
}

// wordCache remembers what words alone say. Entries are compared by the word
// itself, so what a text scores never depends on what was scored before.
type wordCache struct {
	lex     *lexicon
	weights *buckets // nil while training
	entries [1 << cacheBits]cachedWord
}

const (
	cacheBits   = 11
	longestHeld = 16 // bytes; longer words are rare and not held
)

// cachedWord is a word of which ASCII letters are folded, as two numbers, padded
// with zeros; no word at all in an entry that was not used.
type cachedWord struct {
	lo, hi uint64
	known
}

// entry is where the word of these bytes is, if it is held.
func (c *wordCache) entry(lo, hi uint64) *cachedWord {
	return &c.entries[(lo*0x9e3779b97f4a7c15^hi*0xc2b2ae3d27d4eb4f)>>(64-cacheBits)]
}

// fold is what any word says.
func (c *wordCache) fold(w string) known {
	if len(w) > longestHeld {
		return c.weigh(w)
	}
	var part [2]uint64
	for i := range len(w) {
		b := w[i]
		if byteKinds[b] == kLetter {
			b |= 0x20
		}
		part[i/8] |= uint64(b) << (i % 8 * 8)
	}
	e := c.entry(part[0], part[1])
	if e.lo != part[0] || e.hi != part[1] {
		*e = cachedWord{part[0], part[1], c.weigh(w)}
	}
	return e.known
}

// weigh computes what w says.
func (c *wordCache) weigh(w string) known {
	h := wordHash(w)
	k := known{hash: scramble(h), concept: c.lex.word(w, h)}
	if c.weights != nil {
		var buf [longestWord]uint32 // one feature for the word, one less than its bytes for its parts
		list := appendWord(buf[:0], w, k.hash)
		s := c.weights.of(list)
		k.published, k.written, k.count = int16(s.published), int16(s.written), uint8(len(list))
	}
	return k
}
