package secret

import "toolward/gateway"

// nibble has the value of each hex digit, foreign for all other letters.
var nibble = func() (value [256]uint8) {
	for i := range value {
		value[i] = foreign
	}
	for i, c := range []byte("0123456789abcdef") {
		value[c] = uint8(i)
	}
	for i, c := range []byte("ABCDEF") {
		value[c] = uint8(10 + i)
	}
	return value
}()

const foreign = 0xff

// shortestHex is the fewest digits that hold minReadable bytes: of the last one the
// high half says that it is text.
const shortestHex = 2*minReadable - 1

// nextHex returns the next run of hex digits in run[at:] that may hold text. It looks at
// one letter of so many first: from is len(run) if there is none.
func nextHex[T string | []byte](run T, at int) (from, to int) {
	for i := at + shortestHex - 1; i < len(run); {
		if nibble[run[i]] == foreign {
			i += shortestHex
			continue
		}
		from, to = i, i+1
		for from > at && nibble[run[from-1]] != foreign {
			from--
		}
		for to < len(run) && nibble[run[to]] != foreign {
			to++
		}
		if textInHex(run[from:to]) {
			return from, to
		}
		at, i = to, to+shortestHex
	}
	return len(run), len(run)
}

// textInHex reports whether there may be text for long enough at either
// alignment: every second digit is the high half of a byte of text. The last of so
// many is looked at first.
func textInHex[T string | []byte](digits T) bool {
	for start := range 2 {
		for start+shortestHex <= len(digits) {
			i, zeros := start+shortestHex-1, 0
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

// highHalf has the hex digits that a byte of text begins with.
var highHalf = func() (set [256]bool) {
	for _, c := range []byte("0234567") {
		set[c] = true
	}
	return set
}()

// decodeHex decodes the digits e.text[from:to] at both alignments.
//
//	7 67 68 70 5f …  →  ghp_…
func (c *scan) decodeHex(dst []gateway.Finding, e *encoded, from, to int) []gateway.Finding {
	for start := from; start < from+2; start++ {
		e.bytes = e.bytes[:0]
		for i := start; i+1 < to; i += 2 {
			e.bytes = append(e.bytes, nibble[e.text[i]]<<4|nibble[e.text[i+1]])
		}
		if longestText(e.bytes) >= minReadable {
			dst = c.stretches(dst, e, e.bytes, "hex", func(i, k int) (int, int) { return start + 2*i, start + 2*k })
		}
	}
	return dst
}

// longestText is the most bytes of text in a row.
func longestText(decoded []byte) int {
	n, most := 0, 0
	for _, b := range decoded {
		if n++; !isText[b] {
			n = 0
		}
		most = max(most, n)
	}
	return most
}
