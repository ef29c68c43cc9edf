package normal

import (
	mathbits "math/bits"
	"strings"

	"toolward/guard/decode/sieve"
)

// Words that are cut by signs: "i.g.n.o.r.e", "ig-no-re", "ig<b></b>nore". A
// word counts when its pieces have at most pieceLength letters and one sign
// stands between them pieceCount times, or when a tag stands in it.
const (
	pieceLength = 3
	pieceCount  = 2
	splitWords  = 3  // so many words make a text
	splitGap    = 48 // bytes between two of them
)

// splits has the signs that words are cut by.
var splits = func() (set [256]bool) {
	for _, c := range []byte(".-*_~^+/\\`'=:#") {
		set[c] = true
	}
	return set
}()

// split finds rows of words cut by signs in view i and adds them joined.
func (t *Text) split(i, depth int, blocks []sieve.Block) {
	src := t.Views[i].Text
	first, last, words := 0, 0, 0
	flush := func() {
		if words >= splitWords {
			v := &t.Views[i]
			first, last := surroundings(v.Text, first, last)
			t.add(strings.ToValidUTF8(joinPieces(v.Text[first:last]), ""), join(v.Via, "split-words"), v.Raw(first, last), depth+1)
		}
		words = 0
	}
	next := 1
	for k := range blocks {
		b := &blocks[k]
		before, behind := b.Letter()<<1, b.Letter()>>1
		if k > 0 {
			before |= blocks[k-1].Letter() >> 63
		}
		if k+1 < len(blocks) {
			behind |= blocks[k+1].Letter() << 63
		}
		for cuts := b.Cut & before; cuts != 0; cuts &= cuts - 1 {
			at := 64*k + mathbits.TrailingZeros64(cuts)
			if at < next || at+1 >= len(src) || cuts&-cuts&behind == 0 && src[at] != '<' {
				continue
			}
			from, to := cutWord(src, at)
			if to == 0 {
				continue
			}
			if words > 0 && from-last > splitGap {
				flush()
			}
			if words == 0 {
				first = from
			}
			words, last, next = words+1, to, to+1
		}
	}
	flush()
}

// surroundings widens src[first:last] to its line or value: not every word of
// a text need be cut.
func surroundings(src string, first, last int) (int, int) {
	const most = 160
	for n := 0; n < most && first > 0 && src[first-1] != '\n' && src[first-1] != '"'; n++ {
		first--
	}
	for n := 0; n < most && last < len(src) && src[last] != '\n' && src[last] != '"'; n++ {
		last++
	}
	return first, last
}

// cutWord returns the bounds of the cut word whose first cut is at src[at], 0
// and 0 if it is none.
func cutWord(src string, at int) (from, to int) {
	from = at
	for from > 0 && at-from <= pieceLength && letterIndex[src[from-1]] != 26 {
		from--
	}
	if src[at] == '<' { // empty elements and comments inside a word
		end := skipTags(src, at)
		if end == at || end >= len(src) || letterIndex[src[end]] == 26 {
			return 0, 0
		}
		return from, end + 1
	}
	if at-from > pieceLength {
		return 0, 0
	}
	sign, cuts := src[at], 0
	for at < len(src) && src[at] == sign {
		k := at + 1
		for k < len(src) && k-at <= pieceLength+1 && letterIndex[src[k]] != 26 {
			k++
		}
		if k == at+1 || k-at > pieceLength+1 {
			break
		}
		at, cuts = k, cuts+1
	}
	if cuts < pieceCount {
		return 0, 0
	}
	return from, at
}

// skipTags returns the end of the tags and comments at src[at].
func skipTags(src string, at int) int {
	for at < len(src) && src[at] == '<' {
		end := strings.IndexByte(src[at:min(len(src), at+128)], '>')
		if end < 0 {
			return at
		}
		at += end + 1
	}
	return at
}

// joinPieces drops signs and tags between letters.
func joinPieces(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if i > 0 && letterIndex[s[i-1]] != 26 {
			if s[i] == '<' {
				if end := skipTags(s, i); end > i {
					i = end - 1
					continue
				}
			}
			if splits[s[i]] && i+1 < len(s) && letterIndex[s[i+1]] != 26 {
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
