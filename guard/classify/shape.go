package classify

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// endsCompound has the bytes that a token with punctuation inside ends before.
var endsCompound = func() (set [256]bool) {
	for c := range set {
		set[c] = byteKinds[c] == kSpace || strings.IndexByte("\"'<>`)|,;}]{[(", byte(c)) >= 0
	}
	return set
}()

// compound reads on to the end of a token with punctuation inside.
func (t *tokenizer) compound(s string, start, i int) int {
	at, scheme, slash := false, false, false
	for i < len(s) && i-start < 512 && !endsCompound[s[i]] {
		if byteKinds[s[i]] == kPunct {
			switch s[i] {
			case '@':
				at = true
			case ':':
				scheme = scheme || i+2 < len(s) && s[i+1] == '/' && s[i+2] == '/'
			case '/', '\\':
				slash = true
			}
		}
		i++
	}
	for i > start+1 && (s[i-1] == '.' || s[i-1] == ':' || s[i-1] == '?' || s[i-1] == '!') {
		i--
	}
	sh := identToken
	switch {
	case scheme:
		sh = urlToken
	case at:
		sh = emailToken
	case slash:
		sh = pathToken
	case allDigits(s[start:i]):
		sh = numberToken
	}
	t.add(start, i, foldHash(s[start:i]), sh)
	return i
}

func allDigits(s string) bool {
	for i := range len(s) {
		if byteKinds[s[i]] == kLetter || byteKinds[s[i]] == kWide {
			return false
		}
	}
	return true
}

// path measures a path that starts with / or ~ at s[i:], 0 if there is none.
func path(s string, i int) int {
	if i > 0 && byteKinds[s[i-1]] != kSpace && s[i-1] != '"' && s[i-1] != '\'' && s[i-1] != '`' && s[i-1] != '(' && s[i-1] != '=' && s[i-1] != ':' {
		return 0
	}
	j := i + 1
	if s[i] == '~' && (j >= len(s) || s[j] != '/') {
		return 0
	}
	for j < len(s) && j-i < 512 && (byteKinds[s[j]] == kLetter || byteKinds[s[j]] == kDigit || s[j] == '/' || s[j] == '.' || s[j] == '_' || s[j] == '-') {
		j++
	}
	for j > i && s[j-1] == '.' {
		j--
	}
	if j-i < 4 {
		return 0
	}
	return j - i
}

// folded is every byte as foldHash has it: letters small, each digit as 0.
var folded = func() (fold [256]byte) {
	for i := range fold {
		c := byte(i)
		switch byteKinds[c] {
		case kLetter:
			c |= 0x20
		case kDigit:
			c = '0'
		}
		fold[i] = c
	}
	return fold
}()

func foldHash(s string) uint32 {
	h := uint32(hashSeed)
	for i := range len(s) {
		h = (h ^ uint32(folded[s[i]])) * hashPrime
	}
	return h
}

// wordHash is the hash of a folded word: small letters without diacritics, every
// digit as 0, no apostrophes.
func wordHash(w string) uint32 {
	h := uint32(hashSeed)
	for i := 0; i < len(w); {
		c := w[i]
		switch byteKinds[c] {
		case kWide:
			r, n := utf8.DecodeRuneInString(w[i:])
			h = hashRune(h, r)
			i += n
			continue
		case kLetter:
			h = (h ^ uint32(c|0x20)) * hashPrime
		case kDigit:
			h = (h ^ '0') * hashPrime
		}
		i++
	}
	return h
}

// noSpaces reports whether r belongs to a script that does not put spaces
// between words.
func noSpaces(r rune) bool {
	return r >= 0x3040 && r <= 0x30ff || r >= 0x3400 && r <= 0x9fff || r >= 0x0e00 && r <= 0x0eff || r >= 0x1780 && r <= 0x17ff || r >= 0x1000 && r <= 0x109f || r >= 0x20000 && r <= 0x3ffff
}

// foldRune is r in lower case without its diacritics.
func foldRune(r rune) rune {
	if b := latinBase(r); b != 0 {
		return rune(b)
	}
	return unicode.ToLower(r)
}

// latinBase is the ASCII letter under a Latin letter with a diacritic, 0 if
// there is none.
func latinBase(r rune) byte {
	const base = "aaaaaaaceeeeiiiidnooooo/ouuuuyts" + "aaaaaaaceeeeiiiidnooooo/ouuuuyty" + // U+00C0
		"aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiiiiijjkkklllllllllln" + // U+0100
		"nnnnnnnnoooooooorrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs"
	if r < 0xc0 || int(r-0xc0) >= len(base) || base[r-0xc0] == '/' {
		return 0
	}
	return base[r-0xc0]
}
