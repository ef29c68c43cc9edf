package reading

import "slices"

// numbers adds the readings of lists of character codes: decimal, hexadecimal
// with 0x, octal and binary ones.
func (x *Expander) numbers(v *View) {
	in := v.Text
	for i := 0; i < len(in); {
		if classOf[in[i]] != digit {
			i++
			continue
		}
		i = x.list(v, i)
	}
}

// list reads the list of numbers that starts at v.Text[i] and returns its end.
func (x *Expander) list(v *View, i int) int {
	in, start := v.Text, i
	tokens, places := x.tokens[:0], x.places[:0]
	defer func() { x.tokens, x.places = tokens, places }()
	end := i
	for i < len(in) {
		n := 0
		for i+n < len(in) && n < 9 && digitOf(in[i+n]) < 36 {
			n++
		}
		if n == 0 || n > 8 {
			break
		}
		tokens, places = append(tokens, in[i:i+n]), append(places, int32(i))
		i += n
		end = i
		for gap := 0; i < len(in) && gap < 3 && digitOf(in[i]) == 99; gap++ {
			i++
		}
		if len(tokens) == 4 && !mostlyNumbers(tokens) {
			break
		}
	}
	if len(tokens) >= minDecoded {
		for _, radix := range []int{10, 16, 8, 2} {
			decoded := x.codes[:0]
			for _, t := range tokens {
				decoded = append(decoded, codeOf(t, radix))
			}
			x.codes = decoded
			x.stretches(v, decoded, "codes", func(j int) int { return int(places[min(j, len(places)-1)]) })
		}
		x.letters(v, tokens, places)
	}
	return max(end, start+1)
}

// letters reads numbers from 1 to 26 as letters of the alphabet, and pairs of
// digits from 1 to 5 as letters of a Polybius square without J.
func (x *Expander) letters(v *View, tokens [][]byte, places []int32) {
	place := func(j int) int { return int(places[min(j, len(places)-1)]) }
	alphabet, square := slices.Grow(x.codes[:0], len(tokens))[:len(tokens)], slices.Grow(x.square[:0], len(tokens))[:len(tokens)]
	x.codes, x.square = alphabet, square
	clear(alphabet)
	clear(square)
	for j, t := range tokens {
		if n := int(codeOf(t, 10)); n >= 1 && n <= 26 {
			alphabet[j] = lowers[n-1]
		}
		if len(t) == 2 && t[0] >= '1' && t[0] <= '5' && t[1] >= '1' && t[1] <= '5' {
			square[j] = "abcdefghiklmnopqrstuvwxyz"[int(t[0]-'1')*5+int(t[1]-'1')]
		}
	}
	x.stretches(v, alphabet, "alphabet", place)
	x.stretches(v, square, "polybius", place)
}

func mostlyNumbers(tokens [][]byte) bool {
	n := 0
	for _, t := range tokens {
		if classOf[t[0]] == digit {
			n++
		}
	}
	return n >= len(tokens)/2
}

// codeOf is the character code that a token is in a base, 0 if it is none.
func codeOf(t []byte, radix int) byte {
	switch {
	case radix == 16 && len(t) > 2 && t[0] == '0' && t[1]|0x20 == 'x':
		t = t[2:]
	case radix == 2 && len(t) < 7, radix == 8 && len(t) < 2, radix == 16 && len(t) != 2:
		return 0
	}
	n := 0
	for _, c := range t {
		d := digitOf(c)
		if d >= radix {
			return 0
		}
		n = n*radix + d
	}
	if n > 255 {
		return 0
	}
	return byte(n)
}
