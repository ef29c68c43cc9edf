package secret

import encoding "toolward/guard/decode/alphabet"

// The looks at a run that tell, without decoding it, whether it may be text in
// some encoding. Names, paths and hashes end here, so these are what clean
// traffic costs: a few loads for every four letters.

// promising reports whether a run may have text in it in any encoding.
func promising[T string | []byte](run T) bool {
	if textInBase64(run) {
		return true
	}
	from, _ := nextHex(run, 0)
	return from < len(run) || streams(run)
}

// sextet has the value of each letter of base64, either alphabet.
var sextet = encoding.Of(encoding.Base64, encoding.Base64URL)

// inText says whether a letter of base64 may be the first, second and third of a
// group that is text: of its three bytes the highest bits are in those. A
// byte of text is from 0x20 to 0x7e, a line end, a tab or zero; with the fourth
// bit, a group that it begins is not one of zeros.
var inText = func() (set [256]uint8) {
	for i := range 256 {
		v := sextet[i]
		if v < 0 {
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
// text. One of so many is looked at first.
func textInBase64[T string | []byte](run T) bool {
	for first := 4 * (wholeGroups - 1); first < len(run); first += 4 * wholeGroups {
		for p := first; p < first+4 && p+4 <= len(run); p++ {
			if groupOfText(run, p) != 0 && groupsOfText(run, p) >= wholeGroups {
				return true
			}
		}
	}
	return false
}

// groupOfText is the first letter's bits of inText if run[p:p+4] may be text, else 0.
func groupOfText[T string | []byte](run T, p int) uint8 {
	first := inText[run[p]]
	if first&1 == 0 || inText[run[p+1]]&2 == 0 || inText[run[p+2]]&4 == 0 {
		return 0
	}
	return first
}

// groupsOfText counts the groups in a row that may be text around the one at
// run[p:p+4].
func groupsOfText[T string | []byte](run T, p int) int {
	n, zeros := 0, 0
	count := func(i, step int) {
		for ; i >= 0 && i+4 <= len(run) && n < wholeGroups; i += step {
			first := groupOfText(run, i)
			if first == 0 {
				break
			}
			if n++; first&8 == 0 {
				zeros++
			}
		}
	}
	count(p, -4)
	count(p+4, 4)
	if zeros*2 > n {
		return 0
	}
	return n
}

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
