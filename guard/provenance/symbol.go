package provenance

import (
	"slices"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// A symbol stands for one letter or digit: 0 to 25 for a to z, 26 to 35 for 0
// to 9, and from 64 on for what other scripts have. Ideographs, which carry
// more than a letter, are two symbols.
type symbol = byte

const (
	digit0  symbol = 26
	noneSym symbol = 63 // not a letter or digit
	foreign symbol = 64
)

// asciiSymbol has the symbol of each ASCII character.
var asciiSymbol = func() (t [128]symbol) {
	for i := range t {
		switch {
		case i >= 'a' && i <= 'z':
			t[i] = symbol(i - 'a')
		case i >= 'A' && i <= 'Z':
			t[i] = symbol(i - 'A')
		case i >= '0' && i <= '9':
			t[i] = digit0 + symbol(i-'0')
		default:
			t[i] = noneSym
		}
	}
	return t
}()

// lookalikes are the letters of other scripts that are drawn like Latin ones.
var lookalikes = map[rune]byte{
	'а': 'a', 'в': 'b', 'с': 'c', 'ԁ': 'd', 'е': 'e', 'ғ': 'f', 'һ': 'h', 'н': 'h', 'і': 'i', 'ј': 'j', 'к': 'k', 'ӏ': 'l', 'м': 'm', 'п': 'n', 'о': 'o', 'р': 'p', 'ԛ': 'q', 'г': 'r',
	'ѕ': 's', 'т': 't', 'ц': 'u', 'ѵ': 'v', 'ԝ': 'w', 'х': 'x', 'у': 'y', 'α': 'a', 'β': 'b', 'ϲ': 'c', 'ε': 'e', 'η': 'n', 'ι': 'i', 'κ': 'k', 'μ': 'm', 'ν': 'v', 'ο': 'o', 'ρ': 'p',
	'τ': 't', 'υ': 'u', 'χ': 'x', 'γ': 'y', 'ζ': 'z', 'ı': 'i', 'ɑ': 'a', 'ɡ': 'g', 'ʟ': 'l', 'ո': 'n', 'օ': 'o', 'ս': 'u', 'ց': 'g', 'հ': 'h', 'ᴀ': 'a', 'ʙ': 'b', 'ᴄ': 'c', 'ᴅ': 'd',
	'ᴇ': 'e', 'ɢ': 'g', 'ʜ': 'h', 'ɪ': 'i', 'ᴊ': 'j', 'ᴋ': 'k', 'ᴍ': 'm', 'ɴ': 'n', 'ᴏ': 'o', 'ᴘ': 'p', 'ʀ': 'r', 'ꜱ': 's', 'ᴛ': 't', 'ᴜ': 'u', 'ᴠ': 'v', 'ᴡ': 'w', 'ʏ': 'y', 'ᴢ': 'z',
	'ø': 'o', 'ł': 'l', 'đ': 'd', 'ß': 's', 'æ': 'a', 'œ': 'o', 'þ': 'p', 'ð': 'd',
}

// appendSymbols adds the symbols of text to syms, and the offset in text of
// each one's character to offs.
func appendSymbols(syms []symbol, offs []int32, text []byte) ([]symbol, []int32) {
	syms, offs = slices.Grow(syms, len(text)), slices.Grow(offs, len(text))
	for i := 0; i < len(text); {
		if b := text[i]; b < utf8.RuneSelf {
			if s := asciiSymbol[b]; s != noneSym {
				syms, offs = append(syms, s), append(offs, int32(i))
			}
			i++
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		before := len(syms)
		syms = appendRune(syms, r, text[i:i+size])
		for range len(syms) - before {
			offs = append(offs, int32(i))
		}
		i += size
	}
	return syms, offs
}

// appendRune adds the symbols of a character beyond ASCII.
func appendRune(syms []symbol, r rune, enc []byte) []symbol {
	switch {
	case r == utf8.RuneError:
		return syms
	case r >= 0xe0020 && r <= 0xe007e: // tag characters mirror ASCII
		return appendASCII(syms, byte(r-0xe0000))
	case r >= 0x1f1e6 && r <= 0x1f1ff: // regional indicators
		return append(syms, symbol(r-0x1f1e6))
	case r >= 0x1f150 && r <= 0x1f169, r >= 0x1f170 && r <= 0x1f189: // white on black, in circles and squares
		return append(syms, symbol((r-0x1f150)%32))
	}
	if d := norm.NFKD.Properties(enc).Decomposition(); d != nil && r < 0xac00 || d != nil && r > 0xd7a3 {
		for _, c := range string(d) {
			if c < utf8.RuneSelf {
				syms = appendASCII(syms, byte(c))
			} else if c != r {
				syms = appendLetter(syms, c)
			}
		}
		return syms
	}
	return appendLetter(syms, r)
}

func appendASCII(syms []symbol, b byte) []symbol {
	if s := asciiSymbol[b&0x7f]; s != noneSym {
		return append(syms, s)
	}
	return syms
}

func appendLetter(syms []symbol, r rune) []symbol {
	if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
		return syms
	}
	r = unicode.ToLower(r)
	if l, ok := lookalikes[r]; ok {
		return append(syms, symbol(l-'a'))
	}
	h := uint32(r) * 2654435761
	syms = append(syms, foreign+symbol(h>>24)%192)
	if r >= 0x2e80 {
		syms = append(syms, foreign+symbol(h>>16)%192)
	}
	return syms
}

const gram = 8 // symbols in a fingerprint

// keys turn symbols into hashes. They are random for each Store.
type keys struct {
	plain  ring
	caesar [26]ring // of text whose letters were moved on by so many places
	atbash ring     // of text in the mirrored alphabet
	mix    uint64
}

// ring is what symbols add to a polynomial rolling hash mod 2^64 when they
// enter the window, and what they still weigh when they are the oldest in it.
type ring struct{ in, last [256]uint64 }

const base = 0x9e3779b97f4a7c17 // odd, and 7 mod 8, so that its powers differ

func newKeys(seed uint64) *keys {
	k := &keys{mix: splitmix(&seed) | 1}
	var value [256]uint64
	for i := range value {
		value[i] = splitmix(&seed)
	}
	// One value for letters and the digits that imitate them.
	for _, same := range []string{"o0", "il1", "e3", "a4", "s5", "t7", "b8", "g69", "z2"} {
		for i := 1; i < len(same); i++ {
			value[asciiSymbol[same[i]]] = value[asciiSymbol[same[0]]]
		}
	}
	power := uint64(1)
	for range gram - 1 {
		power *= base
	}
	fill := func(r *ring, letter func(int) int) {
		for i := range value {
			from := i
			if i < 26 {
				from = letter(i)
			}
			r.in[i], r.last[i] = value[from], value[from]*power
		}
	}
	fill(&k.plain, func(i int) int { return i })
	fill(&k.atbash, func(i int) int { return 25 - i })
	for shift := range k.caesar {
		fill(&k.caesar[shift], func(i int) int { return (i - shift + 26) % 26 })
	}
	return k
}

func splitmix(s *uint64) uint64 {
	*s += 0x9e3779b97f4a7c15
	z := *s
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// finish spreads a polynomial over all bits of the hash.
func (k *keys) finish(h uint64) uint64 {
	h = (h ^ h>>32) * k.mix
	return (h ^ h>>29) * base
}

// gram is the hash of one gram.
func (k *keys) gram(syms []symbol, r *ring) uint64 {
	var h uint64
	for _, s := range syms {
		h = h*base + r.in[s]
	}
	return k.finish(h)
}

// appendGrams adds the hash of every window of [gram] symbols.
func (k *keys) appendGrams(dst []uint64, syms []symbol, r *ring) []uint64 {
	if len(syms) < gram {
		return dst
	}
	var h uint64
	for _, s := range syms[:gram-1] {
		h = h*base + r.in[s]
	}
	dst = slices.Grow(dst, len(syms))
	for i, s := range syms[gram-1:] {
		h = h*base + r.in[s]
		dst = append(dst, k.finish(h))
		h -= r.last[syms[i]]
	}
	return dst
}

// winnow calls pick for every hash whose lower half is the smallest of some
// window of w neighbours, the last of equals. Every w neighbours hold at least
// one. The upper half, which tags are made of, keeps its even distribution.
func winnow(hashes []uint64, w int, pick func(i int)) {
	w = min(w, len(hashes))
	if w < 1 {
		return
	}
	least, picked := -1, -1
	for end := w - 1; end < len(hashes); end++ {
		if least < end-w+1 { // the least left the window: look again
			least = end - w + 1
			for i := least + 1; i <= end; i++ {
				if uint32(hashes[i]) <= uint32(hashes[least]) {
					least = i
				}
			}
		} else if uint32(hashes[end]) <= uint32(hashes[least]) {
			least = end
		}
		if least != picked {
			picked = least
			pick(least)
		}
	}
}
