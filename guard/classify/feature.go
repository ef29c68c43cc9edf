package classify

import "math/bits"

// A feature is a number whose upper bits are its bucket. What a token is, a word, a
// sign or a concept, is a number that looks like chance already, so a feature of two
// is their sum, each turned by as many bits as say where it stands.
const (
	turnFirst  = 10 // the token before
	turnSecond = 21 // the one before that
	turnOpens  = 15 // the first of a sentence
)

// Numbers that keep features of different kinds apart.
var (
	conceptSeed = seeds(1)
	besideSeed  = seeds(2) // of the concept before a word
	beyondSeed  = seeds(3) // … the one before that
	behindSeed  = seeds(4) // … the one behind it
	shapeSeed   = seeds(5) // of a token that is no word, by its concept
	surfaceSeed = seeds(6)
	opensSeed   = seeds(7) // of the concept that a sentence begins with
	capitals    = scramble(8)
)

func seeds(kind uint32) (s [64]uint32) {
	for i := range s {
		s[i] = scramble(kind<<8 | uint32(i))
	}
	return s
}

// scramble makes of a number one that looks like chance.
func scramble(h uint32) uint32 {
	h ^= 0x9e3779b9
	h = (h ^ h>>16) * 0x85ebca6b
	h = (h ^ h>>13) * 0xc2b2ae35
	return h ^ h>>16
}

// sums are the weights of some features, by set of weights.
type sums struct{ published, written int32 }

func (s *sums) add(t sums) {
	s.published += t.published
	s.written += t.written
}

// buckets are the weights of each bucket, of each set.
type buckets [1 << Bits]struct{ published, written int8 }

// of adds up the weights of features.
func (b *buckets) of(features []uint32) (s sums) {
	for _, f := range features {
		w := &b[bucket(f)]
		s.published += int32(w.published)
		s.written += int32(w.written)
	}
	return s
}

// extractor turns sentences into features: they are listed for training, and summed
// up to judge.
type extractor struct {
	lex     *lexicon
	weights *buckets // nil: features are listed
	tok     tokenizer
	list    []uint32 // features of all sentences, or but for those of words alone of the last
	parts   []part   // by sentence
	words   int      // bytes of words of two letters and more
}

// part is the features of a sentence: those of the list before end and after that
// of the sentence before, or their sums and number.
type part struct {
	end   int
	sums  sums
	count int32
}

func newExtractor(lex *lexicon, weights *buckets) extractor {
	return extractor{lex: lex, weights: weights, tok: tokenizer{words: &wordCache{lex: lex, weights: weights}}}
}

// shapeConcept makes tokens that are no words take part in the sequence of
// concepts: "send" and an address belong together.
var shapeConcept = [...]concept{numberToken: 59, emailToken: 60, urlToken: 61, pathToken: 62, identToken: 63}

// run reads s and leaves the features of each of its sentences.
func (x *extractor) run(s string, surface Surface) {
	x.tok.run(s)
	x.list, x.parts, x.words = x.list[:0], x.parts[:0], 0
	for _, sent := range x.tok.sents {
		x.sentence(s, x.tok.tokens[sent.first:sent.last], surface)
	}
}

func (x *extractor) sentence(s string, toks []token, surface Surface) {
	if x.weights != nil {
		x.list = x.list[:0]
	}
	p := x.alone(s, toks)
	x.together(s, toks, surface)
	if x.weights != nil {
		p.sums.add(x.weights.of(x.list))
	}
	p.end = len(x.list)
	p.count += int32(len(x.list))
	x.parts = append(x.parts, p)
}

// alone adds what each word of a sentence has alone, and what they are like.
func (x *extractor) alone(s string, toks []token) part {
	words, uppers, size, first := 0, 0, 0, -1
	var published, written, count int32
	for i := range toks {
		t := &toks[i]
		if t.shape == markToken {
			continue
		}
		if first < 0 {
			first = i
		}
		if t.shape == wordToken {
			if t.upper {
				uppers++
			}
			words++
			if n := int(t.end - t.start); n > 1 {
				size += n
			}
			published += int32(t.published)
			written += int32(t.written)
			count += int32(t.count)
		} else if t.shape == cjkToken {
			words++
			size += int(t.end - t.start)
		}
	}
	if x.weights == nil {
		for i := range toks {
			if t := &toks[i]; t.shape == wordToken {
				x.list = appendWord(x.list, s[t.start:t.end], t.hash)
			}
		}
	}
	x.words += size
	if words >= 3 && uppers*2 >= words {
		x.list = append(x.list, capitals)
	}
	if first >= 0 {
		h, c := x.says(s, &toks[first])
		x.list = append(x.list, bits.RotateLeft32(h, turnOpens), opensSeed[c&63])
	}
	return part{sums: sums{published, written}, count: count}
}

// says is what stands for a token in pairs, and its concept.
func (x *extractor) says(s string, t *token) (uint32, concept) {
	switch t.shape {
	case wordToken:
		return t.hash, t.concept
	case cjkToken:
		return t.hash, x.lex.cjk(s, int(t.start))
	case markToken:
		return t.hash, 0
	}
	c := shapeConcept[t.shape]
	return shapeSeed[c&63], c
}

// together adds what the tokens of a sentence have with those before them.
func (x *extractor) together(s string, toks []token, surface Surface) {
	var seen uint64    // concepts that occurred
	var w1, w2 uint32  // the words before
	var c1, c2 concept // the concepts before
	list := x.list
	for i := range toks {
		t := &toks[i]
		first := bits.RotateLeft32(w1, turnFirst)
		if t.shape == markToken {
			list = append(list, first+t.hash)
			w2, w1 = w1, t.hash
			continue
		}
		h, c := t.hash, t.concept
		if t.shape == wordToken {
			list = append(list, first+h, bits.RotateLeft32(w2, turnSecond)+h,
				// A word beside what its neighbours do, whichever words they are.
				h+besideSeed[c1&63], h+beyondSeed[c2&63])
			if c != 0 {
				list = append(list, first+behindSeed[c&63])
			}
		} else {
			h, c = x.says(s, t)
			switch t.shape {
			case cjkToken:
				list = append(list, h, first+h, bits.RotateLeft32(w2, turnSecond)+first+h)
			case pathToken, identToken:
				list = append(list, t.hash)
			}
		}
		w2, w1 = w1, h
		if c == 0 || c == c1 && t.shape != wordToken {
			continue
		}
		k := conceptSeed[c&63]
		if seen>>(c&63)&1 == 0 {
			seen |= 1 << (c & 63)
			list = append(list, k, k+surfaceSeed[surface&63])
		}
		one, two := bits.RotateLeft32(conceptSeed[c1&63], turnFirst), bits.RotateLeft32(conceptSeed[c2&63], turnSecond)
		list = append(list, one+k, two+k, two+one+k)
		c2, c1 = c1, c
	}
	x.list = list
}

// appendWord appends what a word alone has: itself, and its 4-grams with its ends,
// folded: they carry over to inflections, misspellings and related languages.
func appendWord(list []uint32, w string, hash uint32) []uint32 {
	list = append(list, hash)
	if len(w) < 4 || len(w) > longestWord {
		return list
	}
	h := uint32('^')
	for i := range len(w) {
		c := w[i]
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		h = h<<8 | uint32(c)
		if i >= 2 {
			list = append(list, scramble(h))
		}
	}
	return append(list, scramble(h<<8|'$'))
}

// longestWord is how long a word may be whose parts are features, in bytes.
const longestWord = 40
