package reading

import (
	"bytes"
	"compress/bzip2"
	"compress/gzip"
	"compress/zlib"
	"io"
	"math/big"
	"slices"
)

// An alphabet gives the value of each byte in a positional encoding, -1 for
// bytes that are not part of it and are skipped: separators, line ends,
// padding, what a copy was cut with.
type alphabet [256]int8

func newAlphabet(lists ...string) *alphabet {
	var a alphabet
	for i := range a {
		a[i] = -1
	}
	for _, l := range lists {
		for v := range len(l) {
			a[l[v]] = int8(v)
		}
	}
	return &a
}

const (
	uppers = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	lowers = "abcdefghijklmnopqrstuvwxyz"
	digits = "0123456789"
)

var (
	sextet   = newAlphabet(uppers+lowers+digits+"+/", uppers+lowers+digits+"-_") // RFC 4648 §4, §5
	uuencode = newAlphabet(uuencoded("`"), uuencoded(" "))                       // POSIX uuencode
	nibble   = newAlphabet(digits+"abcdef", digits+"ABCDEF")
	bit      = newAlphabet("01")
	base58   = newAlphabet("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz")
	z85      = newAlphabet(digits + lowers + uppers + ".-:+=^!/*?&<>()[]{}@%$#") // ZeroMQ RFC 32
	b85      = newAlphabet(digits + uppers + lowers + "!#$%&()*+-;<=>?@^_`{|}~") // RFC 1924
	radixA85 = func() *alphabet {
		var l []byte
		for c := byte('!'); c <= 'u'; c++ {
			l = append(l, c)
		}
		return newAlphabet(string(l))
	}()
)

// uuencoded is the alphabet of uuencode, whose zero is one of two characters.
func uuencoded(zero string) string {
	l := []byte(zero)
	for c := byte('!'); c < '`'; c++ {
		l = append(l, c)
	}
	return string(l)
}

// base32s are the alphabets of base32, each in one case.
var base32s = []struct {
	name     string
	letters  uint8
	alphabet *alphabet
}{
	{"base32", upper, newAlphabet(uppers + "234567")}, // RFC 4648 §6
	{"base32", lower, newAlphabet(lowers + "234567")},
	{"base32hex", upper, newAlphabet(digits + uppers[:22])}, // RFC 4648 §7
	{"base32hex", lower, newAlphabet(digits + lowers[:22])},
	{"crockford32", upper, newAlphabet("0123456789ABCDEFGHJKMNPQRSTVWXYZ")},
	{"crockford32", lower, newAlphabet("0123456789abcdefghjkmnpqrstvwxyz")},
	{"zbase32", lower, newAlphabet("ybndrfg8ejkmcpqxot1uwisza345h769")},
}

// minOneCase is the number of letters and digits in one case that may be base32:
// base64 hardly has that many by chance.
const minOneCase = 24

// region adds what the bytes [lo,hi) of v decode to.
func (x *Expander) region(v *View, lo, hi int) {
	text := v.Text[lo:hi]
	var count [4]int
	hexes, binary := 0, 0
	for _, c := range text {
		count[classOf[c]]++
		if nibble[c] >= 0 {
			hexes++
		}
		if bit[c] >= 0 {
			binary++
		}
	}
	letters := len(text) - count[other]
	if hexes*10 >= letters*7 {
		x.positional(v, lo, hi, nibble, 4, "hex")
	}
	if binary*10 >= letters*9 {
		x.positional(v, lo, hi, bit, 1, "binary")
	}
	x.positional(v, lo, hi, sextet, 6, "base64")
	x.oneCased(v, lo, hi, lower)
	x.oneCased(v, lo, hi, upper)
	if count[other]*8 >= len(text) {
		x.radix85(v, lo, hi, radixA85, "ascii85")
		x.radix85(v, lo, hi, z85, "z85")
		x.radix85(v, lo, hi, b85, "base85")
	}
	x.radix58(v, lo, hi)
}

// oneCased decodes the parts of a region that have letters of one case only:
// base32, and uuencode where punctuation stands between capitals.
func (x *Expander) oneCased(v *View, lo, hi int, letterCase uint8) {
	for lo < hi {
		n, end := 0, lo
		for ; end < hi; end++ {
			c := classOf[v.Text[end]]
			if c == lower+upper-letterCase {
				break
			}
			if c != other {
				n++
			}
		}
		if n >= minOneCase {
			for _, a := range base32s {
				if a.letters == letterCase {
					x.positional(v, lo, end, a.alphabet, 5, a.name)
				}
			}
			if letterCase == upper && (end-lo-n)*8 >= end-lo {
				x.positional(v, lo, end, uuencode, 6, "uuencode")
			}
		}
		lo = end + 1
	}
}

// squeeze returns the values of the bytes of text that are in the alphabet,
// and where each stands. They are valid until the next call.
func (x *Expander) squeeze(text []byte, a *alphabet) (values []byte, places []int32) {
	values, places = slices.Grow(x.values[:0], len(text)), slices.Grow(x.stands[:0], len(text))
	defer func() { x.values, x.stands = values, places }()
	for i, c := range text {
		if d := a[c]; d >= 0 {
			values, places = append(values, byte(d)), append(places, int32(i))
		}
	}
	return values, places
}

// positional decodes an encoding of so many bits a character, at every
// alignment: a copy may start anywhere in what was encoded, and a cut or
// another field may precede it. The common encodings are read
// backwards too.
func (x *Expander) positional(v *View, lo, hi int, a *alphabet, width int, name string) {
	values, places := x.squeeze(v.Text[lo:hi], a)
	alignments := 8
	for width*alignments/2%8 == 0 {
		alignments /= 2
	}
	for _, reversed := range []bool{false, true} {
		if reversed {
			if width == 5 || width == 1 {
				return
			}
			reverse(values)
			reverse(places)
			name += ">reversed"
		}
		for start := range min(alignments, len(values)) {
			if !x.pay(len(values)) {
				return
			}
			decoded := pack(x.packed[:0], values[start:], width)
			x.packed = decoded
			x.stretches(v, decoded, name, func(i int) int {
				n := min(start+i*8/width, len(places)-1)
				return lo + int(places[n])
			})
		}
	}
}

// pack adds values of so many bits to out, put together to bytes.
func pack(out, values []byte, width int) []byte {
	out = slices.Grow(out, len(values)*width/8)
	acc, have := uint(0), 0
	for _, d := range values {
		acc = acc<<width | uint(d)
		if have += width; have >= 8 {
			have -= 8
			out = append(out, byte(acc>>have))
		}
	}
	return out
}

// radix85 decodes groups of five characters to four bytes, at every alignment.
func (x *Expander) radix85(v *View, lo, hi int, a *alphabet, name string) {
	values, places := x.squeeze(v.Text[lo:hi], a)
	for start := range min(5, len(values)) {
		if !x.pay(len(values)) {
			return
		}
		group := values[start:]
		out := slices.Grow(x.packed[:0], len(group))
		for ; len(group) >= 2; group = group[min(5, len(group)):] {
			n := uint64(0)
			for i := range 5 {
				d := byte(84) // missing ones count as the highest
				if i < len(group) {
					d = group[i]
				}
				n = n*85 + uint64(d)
			}
			if n > 1<<32-1 {
				n = 0 // not a group: unreadable bytes
			}
			out = append(out, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
			if len(group) < 5 {
				out = out[:len(out)-5+len(group)]
			}
		}
		x.packed = out
		x.stretches(v, out, name, func(i int) int { return lo + int(places[min(start+i*5/4, len(places)-1)]) })
	}
}

// radix58 decodes whole tokens as one number, and the parts of a token that
// several fields hold.
func (x *Expander) radix58(v *View, lo, hi int) {
	for i := lo; i < hi; {
		n := 0
		for i+n < len(v.Text) && base58[v.Text[i+n]] >= 0 {
			n++
		}
		if n >= minBase58 && x.edge(v, i) && x.edge(v, i+n) {
			x.number58(v, i, i+n)
		}
		if v.origin == nil && n >= minBase58 {
			for start, at := i, i+1; at <= i+n; at++ {
				if _, cut := slices.BinarySearch(x.cuts, at); cut || at == i+n && start > i {
					x.number58(v, start, at)
					start = at
				}
			}
		}
		i += max(n, 1)
	}
}

// minBase58 is the fewest characters that are read as one number.
const minBase58 = 16

// edge reports whether no letter or digit goes on over byte i, which in base64
// cuts most runs of the alphabet of base58.
func (x *Expander) edge(v *View, i int) bool {
	if i == 0 || i == len(v.Text) || classOf[v.Text[i-1]] == other || classOf[v.Text[i]] == other {
		return true
	}
	_, cut := slices.BinarySearch(x.cuts, i)
	return cut && v.origin == nil
}

// number58 decodes one token. It is quadratic, so the token has a length at
// which that does not matter.
func (x *Expander) number58(v *View, lo, hi int) {
	if n := hi - lo; n < minBase58 || n > 256 {
		return
	}
	if !x.pay(4 * (hi - lo)) {
		return
	}
	num, radix, d := new(big.Int), big.NewInt(58), new(big.Int)
	for _, c := range v.Text[lo:hi] {
		num.Mul(num, radix).Add(num, d.SetInt64(int64(base58[c])))
	}
	decoded := num.Bytes()
	x.stretches(v, decoded, "base58", func(j int) int { return lo + j*(hi-lo-1)/len(decoded) })
}

// inflate decompresses the gzip, zlib or bzip2 stream that b starts with, up
// to [maxInflate] bytes, or returns nil. A stream that is cut short gives what
// it has.
func (x *Expander) inflate(b []byte) ([]byte, string) {
	if len(b) < 12 || x.streams == 0 {
		return nil, ""
	}
	var r io.Reader
	var err error
	name := ""
	switch {
	case b[0] == 0x1f && b[1] == 0x8b && b[2] == 8:
		name = "gzip"
		r, err = gzip.NewReader(bytes.NewReader(b))
	case b[0] == 0x78 && (b[1] == 0x01 || b[1] == 0x5e || b[1] == 0x9c || b[1] == 0xda):
		name = "zlib"
		r, err = zlib.NewReader(bytes.NewReader(b))
	case b[0] == 'B' && b[1] == 'Z' && b[2] == 'h' && bytes.HasPrefix(b[4:], []byte("1AY&SY")):
		name, r = "bzip2", bzip2.NewReader(bytes.NewReader(b))
	default:
		return nil, ""
	}
	x.streams--
	if err != nil {
		return nil, ""
	}
	data, _ := io.ReadAll(io.LimitReader(r, maxInflate)) // a cut stream is read as far as it goes
	if len(data) < minDecoded {
		return nil, ""
	}
	return data, name
}

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
	alphabet, square := make([]byte, len(tokens)), make([]byte, len(tokens))
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

func reverse[T any](s []T) {
	for i, j := 0, len(s)-1; i < j; i, j = i+1, j-1 {
		s[i], s[j] = s[j], s[i]
	}
}
