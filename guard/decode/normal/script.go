package normal

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// word is a decision about the letters of one word.
type word struct {
	end   int
	mixed bool
}

// longestWord is how far mixed looks to either side, in bytes.
const longestWord = 64

// lookalike reports whether r belongs to a script whose letters are used in
// place of Latin ones.
func lookalike(r rune) bool {
	return r >= 0x250 && r <= 0x2af || r >= 0x370 && r <= 0x58f || r >= 0x13a0 && r <= 0x13fd ||
		r >= 0x1d00 && r <= 0x1d2b || r >= 0x2c80 && r <= 0x2cff || r >= 0xa4d0 && r <= 0xa4ff || r >= 0xab70 && r <= 0xabbf ||
		r == 0x131 || r == 0x1dd || r == 0x183 || r == 0xa730 || r == 0xa731
}

// mixed reports whether the word at p.at mixes Latin letters with look-alikes,
// or consists of look-alikes only and stands beside a Latin word.
func (p *pass) mixed() bool {
	if p.at < p.word.end {
		return p.word.mixed
	}
	from, to := p.at, p.at
	var latin, all = false, true
	see := func(r rune) {
		switch {
		case r < utf8.RuneSelf:
			latin = true
		case !invisible(r) && skeleton(r) == "":
			all = false
		}
	}
	for p.at-from < longestWord {
		r, n := utf8.DecodeLastRuneInString(p.src[:from])
		if n == 0 || !isLetter(r) && !invisible(r) {
			break
		}
		see(r)
		from -= n
	}
	for to-p.at < longestWord && to < len(p.src) {
		r, n := utf8.DecodeRuneInString(p.src[to:])
		if !isLetter(r) && !invisible(r) {
			break
		}
		see(r)
		to += n
	}
	if !latin && all {
		latin = from > 1 && letter(p.src[from-2]) || to+1 < len(p.src) && letter(p.src[to+1])
	}
	first, _ := utf8.DecodeRuneInString(p.src[p.at:])
	latin = latin || all && smallCapital(first) && to-from >= 6
	p.word = word{end: max(to, p.at+1), mixed: latin}
	return latin
}

// smallCapital reports whether r is a capital in the size of a small letter.
// Phonetic notation has single ones; words of nothing else are Latin words.
func smallCapital(r rune) bool {
	return r >= 0x1d00 && r <= 0x1d22 || r == 0xa730 || r == 0xa731 || r == 0x262 || r == 0x26a || r == 0x274 || r == 0x280 || r == 0x28f || r == 0x299 || r == 0x29c || r == 0x29f
}

// skeletons pairs look-alikes with the letters they stand for, after Unicode's
// confusables (UTS #39) for lower and upper case, small capitals included.
var skeletons = func() map[rune]string {
	m := map[rune]string{}
	for _, row := range []struct{ from, to string }{
		{"аАвВсСԁеЕѐёғһНніІїјЈкКӏӀмМпоОрРԛԚгѕЅтТуУүҮѵѴԝԜшхХьиядэц", "aAbBcCdeEeefhHhiIijJkKlImMnoOpPqQrsStTyYyYvVwWwxXbnrdeu"},
		{"αΑβΒϲϹδεΕΖηΗιΙκΚΜνΝοΟρΡσςτΤυΥχΧωγϳϝΛθπ", "aAbBcCdeEZnHiIkKMvNoOpPoctTuYxXwyjfAon"},
		{"օՕոսՍհյզցՏալռգճ", "oOnuUhjqgSwlnqx"},
		{"ᎠᎡᎢᎥᎪᎫᎳᎷᎻᎽᏀᏃᏚᏟᏢᏦᏴᎬᏙᏞᏏᏧ", "DRTiAJWMHYGZSCPKBEVLbd"},
		{"ꓐꓑꓓꓔꓖꓗꓙꓚꓜꓝꓟꓠꓡꓢꓣꓦꓧꓪꓫꓬꓮꓰꓲꓳꓴ", "BPDTGKJCZFMNLSRVHWXYAEIOU"},
		{"ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ", "abcdefghijklmnoprstuvwyz"},
		{"ɑɡɩʋıⲟⲣⲥɗɓƙ", "agiviopcdbk"},
	} {
		to := row.to
		for _, r := range row.from {
			m[r], to = to[:1], to[1:]
		}
	}
	return m
}()

func skeleton(r rune) string { return skeletons[r] }

// stable reports whether folding leaves r alone: the blocks that ordinary text
// is made of.
func stable(r rune) bool {
	switch {
	case r < 0x100:
		return r >= 0xc0 || r == 0xb0 || r == 0xa3 || r == 0xa7
	case r < 0x250:
		return r != 0x17f && (r < 0x132 || r > 0x149) && (r < 0x1c4 || r > 0x1f3)
	case r >= 0x388 && r <= 0x3ce, r >= 0x400 && r <= 0x586, r >= 0x5d0 && r <= 0x674, r >= 0x679 && r <= 0x6ff,
		r >= 0x904 && r <= 0x957, r >= 0x2500 && r <= 0x27bf, r >= 0x3041 && r <= 0x309a, r >= 0x30a1 && r <= 0x30fe,
		r >= 0x3400 && r <= 0x9fff, r >= 0xac00 && r <= 0xd7a3, r >= 0x1f300 && r <= 0x1faff:
		return true
	}
	return false
}

// braille is the cell of each letter, as the low byte of its character.
const braille = "\x01\x03\x09\x19\x11\x0b\x1b\x13\x0a\x1a\x05\x07\x0d\x1d\x15\x0f\x1f\x17\x0e\x1e\x25\x27\x3a\x2d\x3d\x35"

// Letters, of which one is a string without an allocation.
const (
	capitals = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	smalls   = "abcdefghijklmnopqrstuvwxyz"
)

// fold returns the plain form of the character at p.at: NFKC, ASCII
// punctuation and spaces, letters in boxes and circles.
func (p *pass) fold(r rune, n int) string {
	switch {
	case r >= 0x2018 && r <= 0x201b || r == 0x2032 || r == 0xb4:
		return "'"
	case r >= 0x201c && r <= 0x201f || r == 0x2033 || r == 0xab || r == 0xbb:
		return `"`
	case r >= 0x2010 && r <= 0x2015 || r == 0x2212:
		return "-"
	case r == 0x2028 || r == 0x2029 || r == 0x85:
		return "\n"
	case r == 0xa0 || r >= 0x2000 && r <= 0x200a || r == 0x202f || r == 0x205f || r == 0x3000 || r == 0x1680 || r == 0x2800:
		return " "
	case r >= 0x1f150 && r <= 0x1f169:
		return capitals[r-0x1f150 : r-0x1f150+1]
	case r >= 0x1f170 && r <= 0x1f189:
		return capitals[r-0x1f170 : r-0x1f170+1]
	case r >= 0x2801 && r <= 0x283f:
		if k := strings.IndexByte(braille, byte(r-0x2800)); k >= 0 {
			return smalls[k : k+1]
		}
	case r >= 0x1f1e6 && r <= 0x1f1ff:
		if p.flag() {
			return p.src[p.at : p.at+n]
		}
		return smalls[r-0x1f1e6 : r-0x1f1e6+1]
	}
	p.t.work.scratch = norm.NFKC.AppendString(p.t.work.scratch[:0], p.src[p.at:p.at+n])
	if string(p.t.work.scratch) == p.src[p.at:p.at+n] {
		return p.src[p.at : p.at+n]
	}
	return string(p.t.work.scratch)
}

// flag reports whether the regional indicator at p.at is half of a flag: it
// stands in a row of two or four. Other rows spell letters.
func (p *pass) flag() bool {
	const size = len("\U0001f1e6")
	indicator := func(s string) bool { return strings.HasPrefix(s, "\xf0\x9f\x87") && s[3] >= 0xa6 }
	from, to := p.at, p.at+size
	for from >= size && p.at-from < 5*size && indicator(p.src[from-size:from]) {
		from -= size
	}
	for to+size <= len(p.src) && to-p.at < 6*size && indicator(p.src[to:to+size]) {
		to += size
	}
	row := (to - from) / size
	return row == 2 || row == 4
}

// combining handles a row of combining marks at p.at: composed with the letter
// before it if that is a letter of some language, dropped otherwise.
func (p *pass) combining(n int) {
	end, count := p.at+n, 1
	for end < len(p.src) {
		r, size := utf8.DecodeRuneInString(p.src[end:])
		if !combining(r) {
			break
		}
		end, count = end+size, count+1
	}
	if base := p.at - 1; count <= 2 && base >= p.kept && letter(p.src[base]) {
		one := norm.NFC.String(p.src[base:end])
		if utf8.RuneCountInString(one) == 1 {
			p.at = base
			p.replace(one, end)
			return
		}
	}
	if !strings.HasPrefix(p.src[p.at:], "\u20e3") { // a keycap emoji is none
		p.mark(Stacked, p.at, end, count)
	}
	p.replace("", end)
}
