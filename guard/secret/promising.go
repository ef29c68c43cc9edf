package secret

import "strings"

// The looks at a run that tell, without decoding it, whether it may be text in
// some encoding. Names, paths and hashes end here, so these are what clean
// traffic costs: a few loads for every four letters.

// promising reports whether a run may have text in it in any encoding.
func promising[T string | []byte](run T) bool {
	if textInBase64(run) {
		return true
	}
	for from := 0; from < len(run); {
		to, k := word(run, from)
		switch {
		case to-from < minEncoded || k&hasDigit == 0:
		case k&noHex == 0:
			if textInHex(run[from:to]) || binary(run[from:to]) {
				return true
			}
		case k&(hasLower|hasUpper) != hasLower|hasUpper && (k&noBase32 == 0 || k&noBase32Hex == 0 || k&noCrockford == 0):
			return true
		case k&noBase58 == 0 && to-from <= longestBase58, textInHex(run[from:to]):
			return true
		}
		from = to + 1
	}
	return streams(run)
}

// kind is a set of what the letters of a word are, and of the alphabets that
// they are not in.
type kind uint8

const (
	hasLower kind = 1 << iota
	hasUpper
	hasDigit
	noHex
	noBase32
	noBase32Hex
	noCrockford
	noBase58
)

var kindOf = func() (kinds [256]kind) {
	for i := range kinds {
		c, k := byte(i), kind(0)
		switch {
		case 'a' <= c && c <= 'z':
			k = hasLower
		case 'A' <= c && c <= 'Z':
			k = hasUpper
		case '0' <= c && c <= '9':
			k = hasDigit
		default:
			continue
		}
		if k == hasUpper {
			c |= 0x20
		}
		for not, letters := range map[kind]string{noHex: "ghijklmnopqrstuvwxyz", noBase32: "0189", noBase32Hex: "wxyz", noCrockford: "ilou"} {
			if strings.IndexByte(letters, c) >= 0 {
				k |= not
			}
		}
		if strings.IndexByte("0OIl", byte(i)) >= 0 {
			k |= noBase58
		}
		kinds[i] = k
	}
	return kinds
}()

// word returns the end of the letters and digits at run[from:], and what they are.
func word[T string | []byte](run T, from int) (to int, k kind) {
	for to = from; to < len(run) && alnum[run[to]]; to++ {
		k |= kindOf[run[to]]
	}
	return to, k
}

// inText says whether a letter of base64 may be the first, second and third of a
// group that is text: of its three bytes the highest bits are in those. A
// byte of text is from 0x20 to 0x7e, a line end, a tab or zero; with the fourth
// bit, a group that it begins is not one of zeros.
var inText = func() (set [256]uint8) {
	for i := range 256 {
		v := sextet[i]
		if !tokenRun[i] {
			continue
		}
		if v >= 8 && v < 32 || v == 0 || v == 2 || v == 3 {
			set[i] |= 1
		}
		if v >= 8 {
			set[i] |= 8
		}
		if v&15 >= 2 && v&15 < 8 || v&15 == 0 {
			set[i] |= 2
		}
		if v&3 < 2 {
			set[i] |= 4
		}
	}
	return set
}()

// wholeGroups is how many groups of base64 in a row are whole in minReadable
// bytes.
const wholeGroups = (minReadable - 2) / 3

// textInBase64 reports whether so many groups in a row, at any alignment, may be
// text, read forwards or backwards. One of so many is looked at first.
func textInBase64[T string | []byte](run T) bool {
	for first := 4 * (wholeGroups - 1); first < len(run); first += 4 * wholeGroups {
		for p := first; p < first+4 && p+4 <= len(run); p++ {
			if inText[run[p]]&1 != 0 && inText[run[p+1]]&2 != 0 && groupsOfText(run, p, 0, 1) >= wholeGroups {
				return true
			}
			if inText[run[p+3]]&1 != 0 && inText[run[p+2]]&2 != 0 && groupsOfText(run, p, 3, -1) >= wholeGroups {
				return true
			}
		}
	}
	return false
}

// groupsOfText counts the groups in a row that may be text around the one at
// run[p:p+4], whose first letter is at run[p+at] and the next ones in the direction
// of step.
func groupsOfText[T string | []byte](run T, p, at, step int) int {
	n, zeros := 0, 0
	for i := p; i >= 0 && n < wholeGroups; i -= 4 {
		first := inText[run[i+at]]
		if first&1 == 0 || inText[run[i+at+step]]&2 == 0 || inText[run[i+at+2*step]]&4 == 0 {
			break
		}
		if n++; first&8 == 0 {
			zeros++
		}
	}
	for i := p + 4; n > 0 && i+4 <= len(run) && n < wholeGroups; i += 4 {
		first := inText[run[i+at]]
		if first&1 == 0 || inText[run[i+at+step]]&2 == 0 || inText[run[i+at+2*step]]&4 == 0 {
			break
		}
		if n++; first&8 == 0 {
			zeros++
		}
	}
	if zeros*2 > n {
		return 0
	}
	return n
}

// textInHex reports whether there may be text for long enough at either
// alignment, forwards or backwards: each way, every second digit is the high half
// of a byte of text. The last of so many is looked at first.
func textInHex[T string | []byte](digits T) bool {
	const reach = 2 * (minReadable - 1)
	for start := range 2 {
		for start+reach < len(digits) {
			i, zeros := start+reach, 0
			for i >= start && highHalf[digits[i]] {
				if digits[i] == '0' {
					zeros++
				}
				i -= 2
			}
			if i < start && zeros <= minReadable/2 {
				return true
			}
			start = max(i, start) + 2
		}
	}
	return false
}

// binary reports so many binary digits that they may be text.
func binary[T string | []byte](digits T) bool {
	if len(digits) < 8*minReadable {
		return false
	}
	for i := range len(digits) {
		if digits[i] != '0' && digits[i] != '1' {
			return false
		}
	}
	return true
}

// highHalf has the hex digits that a byte of text begins with.
var highHalf = func() (set [256]bool) {
	for _, c := range []byte("0234567") {
		set[c] = true
	}
	return set
}()

// streams reports whether something compressed may begin in base64 or hex: gzip
// anywhere, zlib where a run or a part of a path begins.
func streams[T string | []byte](run T) bool {
	for i := 0; i+6 < len(run); i++ {
		switch run[i] {
		case 'e':
			if (run[i+1] == 'J' || run[i+1] == 'N') && (i == 0 || run[i-1] == '/') {
				return true
			}
		case 'H':
			if run[i+1] == '4' && run[i+2] == 's' && run[i+3] == 'I' {
				return true
			}
		case '1':
			if run[i+1] == 'f' && run[i+2] == '8' && run[i+3] == 'b' && run[i+4] == '0' && run[i+5] == '8' {
				return true
			}
		case '7':
			if i == 0 && run[1] == '8' && (run[2] == '9' && run[3] == 'c' || run[2] == 'd' && run[3] == 'a') {
				return true
			}
		}
	}
	return false
}
