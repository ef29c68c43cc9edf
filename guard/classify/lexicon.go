package classify

import (
	_ "embed"
	"strings"
	"unicode/utf8"
)

//go:embed lexicon.txt
var lexiconText string

// concept is what a word does in an order to a model: an index into
// lexicon.names, 0 for none; below 64.
type concept uint8

// lexicon maps words to concepts.
type lexicon struct {
	names []string           // by concept
	words map[uint32]concept // by hash of the whole folded word
	stems map[uint32]concept // by hash of its beginning
	chars map[string]concept // words of scripts without spaces, by text
	least int                // shortest stem in bytes
	most  int                // longest stem
	stem  filter             // of hashes of stems
	first filter             // of first characters of chars
}

// filter says of most numbers that are not in a set that they are not, at once:
// most beginnings of most words are no stems.
type filter [1 << 14 / 64]uint64

func (f *filter) at(x uint32) (*uint64, uint64) {
	x = x * 0x9e3779b1 >> (32 - 14)
	return &f[x/64], 1 << (x % 64)
}

func (f *filter) put(x uint32) {
	w, bit := f.at(x)
	*w |= bit
}

func (f *filter) may(x uint32) bool {
	w, bit := f.at(x)
	return *w&bit != 0
}

// newLexicon reads the word list.
func newLexicon(text string) *lexicon {
	l := &lexicon{names: []string{""}, words: map[uint32]concept{}, stems: map[uint32]concept{}, chars: map[string]concept{}, least: 99}
	ids := map[string]concept{}
	for line := range strings.Lines(text) {
		name, list, ok := strings.Cut(line, ":")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		id, ok := ids[name]
		if !ok {
			id = concept(len(l.names))
			ids[name], l.names = id, append(l.names, name)
		}
		for _, w := range strings.Fields(list) {
			l.add(w, id)
		}
	}
	return l
}

func (l *lexicon) add(w string, id concept) {
	if r, _ := utf8.DecodeRuneInString(w); noSpaces(r) {
		if _, ok := l.chars[w]; !ok {
			l.chars[w] = id
			l.first.put(uint32(r))
		}
		return
	}
	m := l.words
	stem, isStem := strings.CutSuffix(w, "*")
	// Korean puts its particles behind the word.
	if r, _ := utf8.DecodeRuneInString(w); isStem || r >= 0xac00 && r <= 0xd7a3 {
		m, isStem = l.stems, true
		l.least, l.most = min(l.least, len(stem)), max(l.most, len(stem))
	}
	h := uint32(hashSeed)
	for _, r := range stem {
		h = hashRune(h, r)
	}
	if _, ok := m[h]; !ok {
		m[h] = id
	}
	if isStem {
		l.stem.put(h)
	}
}

// hashRune extends the hash of a folded word by one character, as the
// tokenizer does.
func hashRune(h uint32, r rune) uint32 {
	switch {
	case r >= '0' && r <= '9':
		return (h ^ '0') * hashPrime
	case r < utf8.RuneSelf:
		return (h ^ uint32(byte(r)|0x20)) * hashPrime
	}
	var buf [utf8.UTFMax]byte
	for _, b := range buf[:utf8.EncodeRune(buf[:], foldRune(r))] {
		h = (h ^ uint32(b)) * hashPrime
	}
	return h
}

// word finds the concept of a word, of which hash is the hash.
func (l *lexicon) word(w string, hash uint32) concept {
	if c, ok := l.words[hash]; ok {
		return c
	}
	if len(w) <= l.least {
		if c, ok := l.stems[hash]; ok {
			return c
		}
		return 0
	}
	h := uint32(hashSeed)
	var found concept
	for i := 0; i < len(w) && i < l.most; {
		r, size := utf8.DecodeRuneInString(w[i:])
		if r != '\'' {
			h = hashRune(h, r)
		}
		i += size
		if i >= l.least && l.stem.may(h) {
			if c, ok := l.stems[h]; ok {
				found = c
			}
		}
	}
	return found
}

// cjk finds the concept of the longest word that starts at s[at:], in a script
// without spaces.
func (l *lexicon) cjk(s string, at int) concept {
	var found concept
	if r, _ := utf8.DecodeRuneInString(s[at:]); !l.first.may(uint32(r)) {
		return 0
	}
	end := at
	for n := 0; n < 6 && end < len(s); n++ {
		_, size := utf8.DecodeRuneInString(s[end:])
		end += size
		if c, ok := l.chars[s[at:end]]; ok {
			found = c
		}
	}
	return found
}
