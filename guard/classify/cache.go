package classify

// wordCache remembers what a word alone contributes: its weight, that of its
// parts, and its concept. Entries are compared by the word itself, so what a
// text scores never depends on what was scored before.
type wordCache struct {
	entries [cacheSize]cachedWord
}

const (
	cacheSize   = 2048
	longestHeld = 15 // longer words are rare and not held
)

type cachedWord struct {
	word    [longestHeld]byte
	size    uint8 // 0: empty
	concept concept
	count   uint8 // features
	sum     int32 // of their weights
}

// lookup returns the contribution of the word t, from the cache if it is
// there.
func (x *extractor) lookup(s string, t *token) (sum int32, count int, c concept) {
	w := s[t.start:t.end]
	if len(w) > longestHeld {
		return x.weigh(w, t, s)
	}
	e := &x.cache.entries[(t.hash^t.hash>>15)%cacheSize]
	if int(e.size) == len(w) && string(e.word[:e.size]) == w {
		return e.sum, int(e.count), e.concept
	}
	sum, count, c = x.weigh(w, t, s)
	e.size, e.concept, e.count, e.sum = uint8(len(w)), c, uint8(count), sum
	copy(e.word[:], w)
	return sum, count, c
}

// weigh computes what lookup returns.
func (x *extractor) weigh(w string, t *token, s string) (sum int32, count int, c concept) {
	from := len(x.feats)
	x.wordFeats(w, t)
	for _, f := range x.feats[from:] {
		sum += int32(x.weights[bucket(f)])
	}
	count = len(x.feats) - from
	x.feats = x.feats[:from]
	return sum, count, x.lex.word(t, s)
}
