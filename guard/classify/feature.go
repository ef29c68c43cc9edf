package classify

// Namespaces keep features of different kinds apart.
const (
	nsWord = iota + 1
	nsPair
	nsTriple
	nsGram
	nsConcept
	nsConceptPair
	nsConceptTriple
	nsOpening
	nsOpeningPair
	nsSurface
	nsShape
	nsSkip
	nsAfterConcept
	nsBeforeConcept
)

// mix makes a feature of a namespace and up to two values.
func mix(ns, a, b uint32) uint32 {
	h := ns*0x9e3779b1 ^ a*0x85ebca6b
	h ^= h >> 15
	h = (h + b) * 0xc2b2ae35
	return h ^ h>>13
}

// features are listed for training, and summed up to judge.
type features struct {
	list    []uint32
	weights *[1 << Bits]int8 // nil: they are listed
	sum     int32            // of their weights
	count   int32            // of them, listed or not
}

func (f *features) add(x uint32) {
	f.count++
	if f.weights != nil {
		f.sum += int32(f.weights[bucket(x)])
	} else {
		f.list = append(f.list, x)
	}
}

// extractor turns sentences into features.
type extractor struct {
	lex   *lexicon
	tok   tokenizer
	feats features
	parts []part // by sentence
	words int    // bytes of words of two letters and more
}

// part is the features of a sentence: those of the list before end and after that
// of the sentence before, or their sum and number.
type part struct {
	end   int
	sum   int32
	count int32
}

func newExtractor(lex *lexicon, weights *[1 << Bits]int8) extractor {
	return extractor{lex: lex, tok: tokenizer{words: &wordCache{lex: lex, weights: weights}}, feats: features{weights: weights}}
}

// shapeConcept makes tokens that are no words take part in the sequence of
// concepts: "send" and an address belong together.
var shapeConcept = [...]concept{numberToken: 59, emailToken: 60, urlToken: 61, pathToken: 62, identToken: 63}

// run reads s and leaves the features of each of its sentences.
func (x *extractor) run(s string, surface Surface) {
	x.tok.run(s)
	x.feats.list, x.parts, x.words = x.feats.list[:0], x.parts[:0], 0
	for _, sent := range x.tok.sents {
		x.feats.sum, x.feats.count = 0, 0
		x.sentence(s, x.tok.tokens[sent.first:sent.last], surface)
		x.parts = append(x.parts, part{len(x.feats.list), x.feats.sum, x.feats.count})
	}
}

func (x *extractor) sentence(s string, toks []token, surface Surface) {
	var seen uint64    // concepts that occurred
	var w1, w2 uint32  // the words before
	var c1, c2 concept // the concepts before
	words, uppers, opened := 0, 0, false
	f := &x.feats
	for i := range toks {
		t := &toks[i]
		var c concept
		h := t.hash
		switch t.shape {
		case wordToken:
			words++
			if t.upper {
				uppers++
			}
			if n := int(t.end - t.start); n > 1 {
				x.words += n
			}
			c = t.concept
			if f.weights != nil {
				f.sum, f.count = f.sum+t.sum, f.count+int32(t.count)
			} else {
				f.word(s[t.start:t.end], h)
			}
			f.add(mix(nsPair, w1, h))
			f.add(mix(nsSkip, w2, h))
			// A word beside what its neighbours do, whichever words they are.
			f.add(mix(nsAfterConcept, h, uint32(c1)))
			f.add(mix(nsAfterConcept, h, uint32(c2)|0x100))
			if c != 0 {
				f.add(mix(nsBeforeConcept, w1, uint32(c)))
			}
		case cjkToken:
			words++
			x.words += int(t.end - t.start)
			c = x.lex.cjk(s, int(t.start))
			f.add(mix(nsWord, h, 0))
			f.add(mix(nsPair, w1, h))
			f.add(mix(nsTriple, w2, w1*31+h))
		case markToken:
			f.add(mix(nsPair, w1, h))
		default:
			c = shapeConcept[t.shape]
			h = uint32(c) * 0x01000193
			if t.shape == pathToken || t.shape == identToken {
				f.add(mix(nsWord, t.hash, 0))
			}
		}
		if t.shape != markToken && !opened {
			opened = true
			f.add(mix(nsOpening, h, 0))
			f.add(mix(nsOpeningPair, uint32(c), 0))
		}
		w2, w1 = w1, h
		if c == 0 || c == c1 && t.shape != wordToken {
			continue
		}
		if seen>>c&1 == 0 {
			seen |= 1 << c
			f.add(mix(nsConcept, uint32(c), 0))
			f.add(mix(nsSurface, uint32(c), uint32(surface)))
		}
		f.add(mix(nsConceptPair, uint32(c1), uint32(c)))
		f.add(mix(nsConceptTriple, uint32(c2)<<8|uint32(c1), uint32(c)))
		f.add(mix(nsConceptPair, uint32(c2)|0x100, uint32(c)))
		c2, c1 = c1, c
	}
	if words >= 3 && uppers*2 >= words {
		f.add(mix(nsShape, 1, 0))
	}
}

// word adds what a word alone has: itself, and its 4-grams with its ends, folded:
// they carry over to inflections, misspellings and related languages.
func (f *features) word(w string, hash uint32) {
	f.add(mix(nsWord, hash, 0))
	if len(w) < 4 || len(w) > 40 {
		return
	}
	h := uint32('^')
	for i := range len(w) {
		c := w[i]
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		h = h<<8 | uint32(c)
		if i >= 2 {
			f.add(mix(nsGram, h, 0))
		}
	}
	f.add(mix(nsGram, h<<8|'$', 0))
}
