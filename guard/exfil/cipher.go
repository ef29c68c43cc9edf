package exfil

import (
	"math/bits"
	"strconv"
	"strings"

	"toolward/gateway"
	"toolward/guard/decode/sieve"
)

// files are members that hold encoded files by design.
var files = set("content", "contents", "data", "file", "blob", "bytes", "base64", "b64", "image", "attachment", "attachments", "body_base64", "payload_base64", "raw",
	"media", "archive", "certificate", "cert", "key", "public_key", "patch", "binary", "token", "jwt", "authorization", "signature", "id", "cursor", "state", "nonce", "hash", "etag", "metadata")

// enciphered finds text that is readable only after decoding.
func (s *scan) enciphered() {
	text, blocks := s.beside()
	if len(text) < minPayload {
		return
	}
	if len(text) > 6*minPayload { // what is shorter than that is no finding
		s.x.Least = 2 * minPayload
	}
	via, n := s.decoded(text, blocks)
	s.x.Least = 0
	if n >= 2*minPayload || n >= minPayload && n*3 >= len(text) {
		severity, score := gateway.SeverityMedium, 0.6
		if files[strings.ToLower(s.t.Name)] && via == "base64" && !strings.ContainsRune(text, ' ') || jwt(text) {
			severity, score = gateway.SeverityLow, 0.2
		}
		s.add(RuleEncipher, severity, score, 0, len(s.text), via)
		return
	}
	if escaped(text) {
		if plain := unescape(text); looks(plain) >= words {
			s.add(RuleEncipher, gateway.SeverityLow, 0.5, 0, len(s.text), "escapes")
			return
		}
	}
	if strings.Count(text, `\\\"`) >= 2 { // JSON in a string of JSON in a string
		s.add(RuleEncipher, gateway.SeverityLow, 0.5, 0, len(s.text), "json>json")
		return
	}
	if len(text) <= 8<<10 {
		if via := s.cipher(text, blocks); via != "" {
			s.add(RuleEncipher, gateway.SeverityMedium, 0.7, 0, len(s.text), via)
		}
	}
}

// beside is the text without its URLs, which were judged as such, and its blocks.
func (s *scan) beside() (string, []sieve.Block) {
	text := s.text
	if len(s.links) == 0 {
		if s.t.Blocks != nil {
			return text, s.t.Blocks
		}
	} else {
		var b strings.Builder
		at := 0
		for _, l := range s.links {
			b.WriteString(s.text[at:l.lo])
			at = l.hi
		}
		b.WriteString(s.text[at:])
		text = b.String()
	}
	s.blocks = sieve.Read(s.blocks, text)
	return text, s.blocks
}

// common are short words that hardly any English text of a few lines lacks.
var common = packed("the", "and", "of", "to", "in", "is", "for", "on", "with", "that", "this", "are", "was", "from", "you", "your", "have", "has", "not", "by", "at", "it", "as", "be", "my", "me", "all", "or")

// mayBeCommon is false for most words that are not common, by their hash, and
// mayBePattern for most patterns that no common word has.
var mayBeCommon, mayBePattern = func() (words, patterns [1 << 12]bool) {
	for w := range common {
		words[w.hash()], patterns[w.pattern().hash()] = true, true
	}
	return words, patterns
}()

func (w short) hash() uint32 { return uint32(w) * 0x9e3779b1 >> 20 }

func (w short) common() bool { return mayBeCommon[w.hash()] && common[w] }

// short is a word of at most four letters, lower case, the last one lowest.
type short uint32

func packed(words ...string) map[short]bool {
	m := map[short]bool{}
	for _, w := range words {
		var p short
		for i := range len(w) {
			p = p<<8 | short(w[i])
		}
		m[p] = true
	}
	return m
}

// maxWords is how many words of a text are looked at for ciphers.
const maxWords = 400

// shortWords adds to words the runs of two to four ASCII letters among the first
// maxWords runs of s, and returns them and the number of runs.
func shortWords(words []short, s string, blocks []sieve.Block) ([]short, int) {
	n, before := 0, uint64(0)
	for k := range blocks {
		letters := blocks[k].Letter()
		starts := letters &^ (letters<<1 | before)
		before = letters >> 63
		more := bits.OnesCount64(starts)
		for ; n+more > maxWords; more-- {
			starts &^= 1 << (63 - bits.LeadingZeros64(starts))
		}
		n += more
		behind := uint64(0) // the letters that follow
		if k+1 < len(blocks) {
			behind = blocks[k+1].Letter()
		}
		second, third := letters>>1|behind<<63, letters>>2|behind<<62
		fourth, fifth := letters>>3|behind<<61, letters>>4|behind<<60
		for starts &= second &^ (third & fourth & fifth); starts != 0; starts &= starts - 1 {
			bit, at := starts&-starts, 64*k+bits.TrailingZeros64(starts)
			word := short(s[at]|0x20)<<8 | short(s[at+1]|0x20)
			if third&bit != 0 {
				word = word<<8 | short(s[at+2]|0x20)
				if fourth&bit != 0 {
					word = word<<8 | short(s[at+3]|0x20)
				}
			}
			words = append(words, word)
		}
		if n == maxWords {
			break
		}
	}
	return words, n
}

// cipher names the simple cipher that turns s into English: swapped case, a
// Caesar shift, Atbash, or reversal. "" if there is none, or if s is English already.
func (c *scan) cipher(s string, blocks []sieve.Block) string {
	if swapped(s, blocks) {
		return "swapped-case"
	}
	if strings.Count(s, " ") < 4 {
		return ""
	}
	words, n := shortWords(c.words[:0], s, blocks)
	c.words = words
	plain, need := 0, max(3, n/7)
	for _, w := range words {
		if w.common() {
			plain++
		}
	}
	if n < 5 || plain > need/3 {
		return ""
	}
	var shifts [26]int // words that each shift makes common ones
	for _, w := range words {
		p := w.pattern()
		if !mayBePattern[p.hash()] {
			continue
		}
		for _, first := range byPattern[p] {
			shifts[(first+26-w.first())%26]++
		}
	}
	for i, n := range shifts[1:] {
		shift := i + 1
		if n >= need && hits(words, func(b byte) byte { return 'a' + (b-'a'+byte(shift))%26 }) >= need {
			if shift == 13 {
				return "rot13"
			}
			return "caesar" + strconv.Itoa(26-shift)
		}
	}
	if hits(words, func(b byte) byte { return 'z' - (b - 'a') }) >= need {
		return "atbash"
	}
	for i := range words {
		words[i] = words[i].reversed()
	}
	if hits(words, func(b byte) byte { return b }) >= need {
		return "reversed"
	}
	return ""
}

// byPattern has the first letters of the common words of a pattern.
var byPattern = func() map[short][]byte {
	m := map[short][]byte{}
	for w := range common {
		m[w.pattern()] = append(m[w.pattern()], w.first())
	}
	return m
}()

// first is the word's first letter.
func (w short) first() byte {
	for w > 0xff {
		w >>= 8
	}
	return byte(w)
}

// pattern is the word shifted to begin with an a, which every shift of it has in
// common: "bc" and "xy" are "ab".
func (w short) pattern() short {
	by, p := w.first()-'a', short(0)
	for at := 0; w>>at > 0; at += 8 {
		c := byte(w>>at) - by
		if c < 'a' {
			c += 26
		}
		p |= short(c) << at
	}
	return p
}

func (w short) reversed() short {
	var r short
	for ; w > 0; w >>= 8 {
		r = r<<8 | w&0xff
	}
	return r
}

// swapped reports whether the case of a text was turned round: "tHE rOBOT".
func swapped(s string, blocks []sieve.Block) bool {
	if !turns(blocks) {
		return false
	}
	n, all := 0, 0
	for word := range strings.FieldsSeq(s) {
		if len(word) < 3 || !letter(word[0]) || !letter(word[1]) || !letter(word[2]) {
			continue
		}
		all++
		if word[0] >= 'a' && word[1] <= 'Z' && word[2] <= 'Z' {
			n++
		}
	}
	return n >= 2 && n*4 >= all
}

// turns reports whether two small letters stand before two capitals each, which two words
// of swapped case need.
func turns(blocks []sieve.Block) bool {
	n := 0
	for k := range blocks {
		b, behind := &blocks[k], uint64(0)
		if k+1 < len(blocks) {
			behind = blocks[k+1].Upper
		}
		n += bits.OnesCount64(b.Lower & (b.Upper>>1 | behind<<63) & (b.Upper>>2 | behind<<62))
	}
	return n >= 2
}

// hits counts the common words among deciphered ones; one alone, however often, counts for
// none: "target_object_id … object_id … stove_id" has "to" for "id".
func hits(words []short, f func(byte) byte) int {
	n, first, different := 0, short(0), false
	for _, w := range words {
		var plain short
		for at := 0; w>>at > 0; at += 8 {
			plain |= short(f(byte(w>>at))) << at
		}
		if plain.common() {
			if n++; n == 1 {
				first = plain
			}
			different = different || plain != first
		}
	}
	if !different {
		return 0
	}
	return n
}

// escaped reports whether a text holds, outside URLs, escapes of characters
// that need none: spaces and letters, in the way of URLs or HTML.
func escaped(s string) bool {
	return strings.Count(s, "%20")+strings.Count(s, "%0A")+strings.Count(s, "&#32;")+strings.Count(s, "&#x20;") >= 2 ||
		strings.Count(s, "&#") >= 6 && strings.Count(s, "&#")*12 > len(s)
}
