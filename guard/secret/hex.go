package secret

import encoding "toolward/guard/decode/alphabet"

// nibble has the value of each hex digit, -1 for all other letters.
var nibble = encoding.Of(encoding.Hex, encoding.HexUpper)

// shortestHex is the fewest digits that hold minReadable bytes: of the last one the
// high half says that it is text.
const shortestHex = 2*minReadable - 1

// nextHex returns the next run of hex digits in run[at:] that may hold text. It looks at
// one letter of so many first: from is len(run) if there is none.
func nextHex[T string | []byte](run T, at int) (from, to int) {
	for i := at + shortestHex - 1; i < len(run); {
		if nibble[run[i]] < 0 {
			i += shortestHex
			continue
		}
		from, to = i, i+1
		for from > at && nibble[run[from-1]] >= 0 {
			from--
		}
		for to < len(run) && nibble[run[to]] >= 0 {
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
