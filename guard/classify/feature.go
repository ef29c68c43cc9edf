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

// extractor turns sentences into features.
type extractor struct {
	lex   *lexicon
	tok   tokenizer
	feats []uint32
	ends  []int32 // feats of sentence i end at ends[i]

	// For judging: what words alone contribute is summed at once, not listed.
	weights []int8
	cache   *wordCache
	known   []known // by sentence
}

// known is the sum of weights of features that are not listed, and their
// number.
type known struct {
	sum   int32
	count int32
}

// shapeConcept makes tokens that are no words take part in the sequence of
// concepts: "send" and an address belong together.
var shapeConcept = [...]concept{numberToken: 59, emailToken: 60, urlToken: 61, pathToken: 62, identToken: 63}

// run reads s and leaves the features of each of its sentences.
func (x *extractor) run(s string, surface Surface) {
	x.tok.run(s)
	x.feats, x.ends, x.known = x.feats[:0], x.ends[:0], x.known[:0]
	for _, sent := range x.tok.sents {
		x.sentence(s, x.tok.tokens[sent.first:sent.last], surface)
		x.ends = append(x.ends, int32(len(x.feats)))
	}
}

func (x *extractor) sentence(s string, toks []token, surface Surface) {
	var seen uint64    // concepts that occurred
	var w1, w2 uint32  // the words before
	var c1, c2 concept // the concepts before
	words, uppers, opened := 0, 0, false
	var sum known
	emit := func(f uint32) { x.feats = append(x.feats, f) }
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
			if x.cache != nil {
				weight, count, what := x.lookup(s, t)
				sum.sum, sum.count, c = sum.sum+weight, sum.count+int32(count), what
			} else {
				x.wordFeats(s[t.start:t.end], t)
				c = x.lex.word(t, s)
			}
			emit(mix(nsPair, w1, h))
			emit(mix(nsSkip, w2, h))
			// A word beside what its neighbours do, whichever words they are.
			emit(mix(nsAfterConcept, h, uint32(c1)))
			emit(mix(nsAfterConcept, h, uint32(c2)|0x100))
			if c != 0 {
				emit(mix(nsBeforeConcept, w1, uint32(c)))
			}
		case cjkToken:
			words++
			c = x.lex.cjk(s, int(t.start))
			emit(mix(nsWord, h, 0))
			emit(mix(nsPair, w1, h))
			emit(mix(nsTriple, w2, w1*31+h))
		case markToken:
			emit(mix(nsPair, w1, h))
		default:
			c = shapeConcept[t.shape]
			h = uint32(c) * 0x01000193
			if t.shape == pathToken || t.shape == identToken {
				emit(mix(nsWord, t.hash, 0))
			}
		}
		if t.shape != markToken && !opened {
			opened = true
			emit(mix(nsOpening, h, 0))
			emit(mix(nsOpeningPair, uint32(c), 0))
		}
		w2, w1 = w1, h
		if c == 0 || c == c1 && t.shape != wordToken {
			continue
		}
		if seen>>c&1 == 0 {
			seen |= 1 << c
			emit(mix(nsConcept, uint32(c), 0))
			emit(mix(nsSurface, uint32(c), uint32(surface)))
		}
		emit(mix(nsConceptPair, uint32(c1), uint32(c)))
		emit(mix(nsConceptTriple, uint32(c2)<<8|uint32(c1), uint32(c)))
		emit(mix(nsConceptPair, uint32(c2)|0x100, uint32(c)))
		c2, c1 = c1, c
	}
	if words >= 3 && uppers*2 >= words {
		emit(mix(nsShape, 1, 0))
	}
	x.known = append(x.known, sum)
}

// wordFeats lists the features of a word alone.
func (x *extractor) wordFeats(w string, t *token) {
	x.feats = append(x.feats, mix(nsWord, t.hash, 0))
	x.grams(w)
}

// grams lists the 4-grams of a word with its ends, folded: they carry over to
// inflections, misspellings and related languages.
func (x *extractor) grams(w string) {
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
			x.feats = append(x.feats, mix(nsGram, h, 0))
		}
	}
	x.feats = append(x.feats, mix(nsGram, h<<8|'$', 0))
}
