package gateway

import (
	"cmp"
	"math/bits"
	"slices"
	"sort"
	"strings"
)

const (
	// MinScrub is the shortest value that is looked for in other texts, in bytes.
	// Shorter ones would blot out innocent words.
	MinScrub = 6
	// maxStem is how much of a value's beginning is looked for. Where it
	// stands, the value goes as far as the text follows it: whoever quotes half
	// of a long secret has quoted enough.
	maxStem = 64
)

// Secret is a value that must not be written, and what is written instead.
type Secret struct{ Text, Token string }

// Scrubber takes values out of texts: what a call hides out of all that is
// written about it, and the gateway's own credentials out of what it logs. Both
// are an attacker's, and so the work for a text is bounded by its length, times
// the logarithm of how many values there are: libraries' searches for one long,
// periodic value, or for many that begin alike, are not. The nil Scrubber takes
// nothing out. It is safe for concurrent use.
type Scrubber struct {
	secrets []Secret // sorted by text, each once
	stems   []stem   // sorted by text, each once
	begins  []uint64 // a bit for each hash of four bytes that a stem begins with
	shift   uint     // of hashes
}

// beginBits are how many bits there are for each stem at least: of 32 places where no value
// begins, one is looked at.
const beginBits = 32

// mark notes what the stems begin with.
func (s *Scrubber) mark() {
	size := max(6, bits.Len(uint(len(s.stems)*beginBits-1)))
	s.begins, s.shift = make([]uint64, 1<<(size-6)), uint(32-size)
	for i := range s.stems {
		h := s.hash(s.stems[i].text, 0)
		s.begins[h>>6] |= 1 << (h & 63)
	}
}

// hash is of the four bytes at i, Knuth's multiplicative (The Art of Computer Programming 3, §6.4).
func (s *Scrubber) hash(text string, i int) uint32 {
	four := uint32(text[i]) | uint32(text[i+1])<<8 | uint32(text[i+2])<<16 | uint32(text[i+3])<<24
	return four * 2654435769 >> s.shift
}

// next is where a value may begin at or after i; the length of the text if nowhere.
// Nearly all of a text is read by this loop alone.
func (s *Scrubber) next(text string, i int) int {
	if i+MinScrub > len(text) {
		return len(text)
	}
	begins, shift := s.begins, s.shift&31
	four := uint32(text[i])<<8 | uint32(text[i+1])<<16 | uint32(text[i+2])<<24
	for _, c := range []byte(text[i+3 : len(text)-MinScrub+4]) {
		four = four>>8 | uint32(c)<<24
		if h := four * 2654435769 >> shift; begins[h>>6]>>(h&63)&1 != 0 {
			return i
		}
		i++
	}
	return len(text)
}

// stem is the beginning of one or more values.
type stem struct {
	text     string
	from, to int // the values that begin with it, of those that are no shorter
	shorter  int // the longest other stem that it begins with, -1 for none
}

// NewScrubber looks for each value of at least [MinScrub] bytes. Of several
// tokens for one value the first stands.
func NewScrubber(secrets []Secret) *Scrubber {
	s := &Scrubber{secrets: slices.Clone(secrets)}
	s.secrets = slices.DeleteFunc(s.secrets, func(v Secret) bool { return len(v.Text) < MinScrub })
	slices.SortStableFunc(s.secrets, func(a, b Secret) int { return cmp.Compare(a.Text, b.Text) })
	s.secrets = slices.CompactFunc(s.secrets, func(a, b Secret) bool { return a.Text == b.Text })
	var open []int // stems that the next one may begin with, longest last
	for i, v := range s.secrets {
		text := v.Text[:min(len(v.Text), maxStem)]
		if n := len(s.stems); n > 0 && s.stems[n-1].text == text {
			s.stems[n-1].to = i + 1
			continue
		}
		for len(open) > 0 && !strings.HasPrefix(text, s.stems[open[len(open)-1]].text) {
			open = open[:len(open)-1]
		}
		shorter := -1
		if len(open) > 0 {
			shorter = open[len(open)-1]
		}
		open = append(open, len(s.stems))
		s.stems = append(s.stems, stem{text, i, i + 1, shorter})
	}
	if len(s.stems) > 0 {
		s.mark()
	}
	return s
}

// Replace returns the beginning of a text, at most bytes of it or a token more,
// with a token in place of each value.
//
//	"the key is sk-1234567, and", secret "sk-1234567" → "the key is [hmac:…], and"
func (s *Scrubber) Replace(text string, most int) string {
	if s == nil || len(s.secrets) == 0 {
		return text
	}
	var b strings.Builder
	done := 0
	clipped := strings.Contains(text, clipMark)
	for i := s.next(text, 0); i < len(text) && b.Len()+i-done <= most; i = s.next(text, i) {
		n, token := s.match(text[i:])
		if n == 0 && clipped {
			n, token = s.matchClipped(text[i:])
		}
		if n == 0 {
			i++
			continue
		}
		b.WriteString(text[done:i])
		b.WriteString(token)
		i += n
		done = i
	}
	if done == 0 {
		return text
	}
	b.WriteString(text[done:min(len(text), done+max(0, most+1-b.Len()))])
	return b.String()
}

// Each calls visit with each place of a text where a value stands, in order, and its
// token. Of a value of more than 64 bytes the beginning is enough: the place goes as
// far as the text follows it.
func (s *Scrubber) Each(text string, visit func(from, to int, token string)) {
	if s == nil || len(s.secrets) == 0 {
		return
	}
	for i := s.next(text, 0); i < len(text); i = s.next(text, i) {
		n, token := s.match(text[i:])
		if n == 0 {
			i++
			continue
		}
		visit(i, i+n, token)
		i += n
	}
}

// match is how far a text begins with a value, and the value's token; 0 if it
// does not.
func (s *Scrubber) match(text string) (n int, token string) {
	window := text[:min(len(text), maxStem)]
	at := sort.Search(len(s.stems), func(i int) bool { return s.stems[i].text > window }) - 1
	// Whatever the window begins with, the stem that sorts right before it
	// begins with as well.
	for at >= 0 && !strings.HasPrefix(window, s.stems[at].text) {
		at = s.stems[at].shorter
	}
	if at < 0 {
		return 0, ""
	}
	st := s.stems[at]
	if len(st.text) < maxStem {
		return len(st.text), s.secrets[st.from].Token
	}
	// Of the values with this stem, one of the two that the text sorts between
	// follows it furthest.
	same := s.secrets[st.from:st.to]
	next := sort.Search(len(same), func(i int) bool { return same[i].Text > text })
	for _, v := range same[max(0, next-1):min(len(same), next+1)] {
		if l := common(v.Text, text); l > n {
			n, token = l, v.Token
		}
	}
	return n, token
}

// clipMark is what stands where a text was clipped, a value in it perhaps.
const clipMark = "…"

// matchClipped is match for the beginning of a value that a clip ends.
//
//	"the method no/sk-1234…", secret "sk-1234567" → "the method no/[hmac:…]…"
func (s *Scrubber) matchClipped(text string) (n int, token string) {
	n = strings.Index(text[:min(len(text), maxStem+len(clipMark))], clipMark)
	if n < MinScrub {
		return 0, ""
	}
	at := sort.Search(len(s.secrets), func(i int) bool { return s.secrets[i].Text >= text[:n] })
	if at == len(s.secrets) || !strings.HasPrefix(s.secrets[at].Text, text[:n]) {
		return 0, ""
	}
	return n, s.secrets[at].Token
}

// common is the length of what two texts both begin with.
func common(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}
