package secret

import (
	"slices"

	"toolward/gateway"
)

// The encodings of letters and digits alone: hex, base32, base58, binary.

// decodeWord decodes the letters and digits e.text[from:to] by the encodings
// that have nothing else.
func (c *scan) decodeWord(dst []gateway.Finding, e *encoded, from, to int, k kind) []gateway.Finding {
	if to-from < minEncoded || k&hasDigit == 0 {
		return dst
	}
	for i := from; i < to; {
		end := i
		for end < to && nibble[e.text[end]] != foreign {
			end++
		}
		if textInHex(e.text[i:end]) {
			dst = c.positional(dst, e, i, end, &nibble, 4, "hex")
		}
		i = end + 1
	}
	switch {
	case binary(e.text[from:to]):
		dst = c.positional(dst, e, from, to, &nibble, 1, "binary")
	case k&noHex == 0:
	case k&(hasLower|hasUpper) != hasLower|hasUpper:
		for i := range base32s {
			if k&base32s[i].not == 0 {
				dst = c.positional(dst, e, from, to, &base32s[i].numerals, 5, "base32")
			}
		}
	case k&noBase58 == 0 && to-from <= longestBase58:
		dst = c.decodeBase58(dst, e, from, to)
	}
	return dst
}

// numerals has the value of each letter of an alphabet; foreign for all others.
type numerals [256]uint8

const foreign = 0xff

func newNumerals(lists ...string) (n numerals) {
	for i := range n {
		n[i] = foreign
	}
	for _, list := range lists {
		for i := range len(list) {
			n[list[i]] = uint8(i)
		}
	}
	return n
}

var (
	nibble  = newNumerals("0123456789abcdef", "0123456789ABCDEF")
	base58  = newNumerals("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz")
	base32s = [...]struct {
		not kind
		numerals
	}{
		{noBase32, newNumerals("abcdefghijklmnopqrstuvwxyz234567", "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")},    // RFC 4648 §6
		{noBase32Hex, newNumerals("0123456789abcdefghijklmnopqrstuv", "0123456789ABCDEFGHIJKLMNOPQRSTUV")}, // RFC 4648 §7
		{noCrockford, newNumerals("0123456789abcdefghjkmnpqrstvwxyz", "0123456789ABCDEFGHJKMNPQRSTVWXYZ")},
	}
)

// positional decodes e.text[from:to], in which each letter is so many bits, at
// every alignment, forwards and backwards.
func (c *scan) positional(dst []gateway.Finding, e *encoded, from, to int, n *numerals, width int, via string) []gateway.Finding {
	e.values = e.values[:0]
	for _, b := range e.text[from:to] {
		e.values = append(e.values, n[b])
	}
	alignments := 8 / (width & -width)
	for _, backward := range [...]bool{false, true} {
		if backward {
			slices.Reverse(e.values)
			via += ">reversed"
		}
		for start := range alignments {
			out, acc, have := e.bytes[:0], uint(0), 0
			for _, v := range e.values[start:] {
				acc = acc<<width | uint(v)
				if have += width; have >= 8 {
					have -= 8
					out = append(out, byte(acc>>have))
				}
			}
			if e.bytes = out; longestText(out) < minReadable {
				continue
			}
			dst = c.stretches(dst, e, out, via, func(i, k int) (int, int) {
				lo, hi := from+start+i*8/width, from+min(to-from, start+(k*8+width-1)/width)
				if backward {
					return from + to - hi, from + to - lo
				}
				return lo, hi
			})
		}
	}
	return dst
}

// longestBase58 bounds the work of base58, which grows with the square.
const longestBase58 = 256

// decodeBase58 reads e.text[from:to] as one number.
func (c *scan) decodeBase58(dst []gateway.Finding, e *encoded, from, to int) []gateway.Finding {
	var limbs [longestBase58]uint32 // least significant first, 32 bits each
	used := 0
	for _, b := range e.text[from:to] {
		carry := uint64(base58[b])
		for i := range used {
			carry += uint64(limbs[i]) * 58
			limbs[i] = uint32(carry)
			carry >>= 32
		}
		if carry > 0 {
			limbs[used] = uint32(carry)
			used++
		}
	}
	out := e.bytes[:0]
	for i := used - 1; i >= 0; i-- {
		out = append(out, byte(limbs[i]>>24), byte(limbs[i]>>16), byte(limbs[i]>>8), byte(limbs[i]))
	}
	if e.bytes = out; longestText(out) < minReadable {
		return dst
	}
	return c.stretches(dst, e, out, "base58", func(int, int) (int, int) { return from, to })
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
