package secret

import (
	"math/bits"

	"toolward/gateway"
)

// The encodings that write punctuation among the letters: Ascii85, Z85, the
// alphabet of RFC 1924, and uuencode.

const (
	minDense = 25       // shortest text, in letters
	maxDense = 16 << 10 // longest that is read at once
)

// scanDense decodes the word around s[i], up to the spaces, if it has as much and
// as varied punctuation as such an encoding.
func (c *scan) scanDense(dst []gateway.Finding, s string, i int) []gateway.Finding {
	lo, hi := i, i
	for lo > c.dense && visible(s[lo-1]) {
		lo--
	}
	for hi < len(s) && visible(s[hi]) && hi-lo < maxDense {
		hi++
	}
	c.dense = hi
	if !dense(s[lo:hi]) {
		return dst
	}
	e := c.pool.Get().(*encoded)
	for k := range base85s {
		dst = c.decode85(dst, e, s, lo, hi, base85s[k].via, &base85s[k].numerals)
	}
	dst = c.decodeUU(dst, e, s, lo, hi)
	c.pool.Put(e)
	return dst
}

func visible(c byte) bool { return c > ' ' && c < 0x7f }

// dense reports whether a tenth of s, and five different signs, are punctuation
// that base64 does not have, and capitals and digits are there, too.
func dense(s string) bool {
	if len(s) < minDense {
		return false
	}
	var kinds [4]uint32
	others, k := 0, kind(0)
	for i := range len(s) {
		c := s[i]
		k |= kindOf[c]
		if !base64s[c] && !tokenRun[c] {
			kinds[c>>5] |= 1 << (c & 31)
			others++
		}
	}
	if k&hasDigit == 0 || k&hasUpper == 0 {
		return false
	}
	distinct := 0
	for _, k := range kinds {
		distinct += bits.OnesCount32(k)
	}
	return distinct >= 5 && others*10 >= len(s)
}

// base85s are the alphabets in which five letters stand for four bytes.
var base85s = [...]struct {
	via string
	numerals
}{
	{"ascii85", between('!', 'u')},
	{"z85", newNumerals("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#")},    // ZeroMQ RFC 32
	{"base85", newNumerals("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~")}, // RFC 1924
}

// between has the letters from low to high.
func between(low, high byte) numerals {
	var list []byte
	for c := low; c <= high; c++ {
		list = append(list, c)
	}
	return newNumerals(string(list))
}

// take fills e with the letters of s[lo:hi] that are in the alphabet; what is not
// in it is what the encoded text touches.
func (e *encoded) take(s string, lo, hi int, n *numerals) {
	e.text, e.values, e.places, e.base = e.text[:0], e.values[:0], e.lines[:0], lo
	for i := lo; i < hi; i++ {
		if v := n[s[i]]; v != foreign {
			e.text, e.values, e.places = append(e.text, s[i]), append(e.values, v), append(e.places, int32(i-lo))
		}
	}
	e.lines = e.places
}

// decode85 looks for groups of five letters that are text, at every alignment.
// Of three groups in a row, which any text has that is long enough, one is looked at.
func (c *scan) decode85(dst []gateway.Finding, e *encoded, s string, lo, hi int, via string, n *numerals) []gateway.Finding {
	e.take(s, lo, hi, n)
	var done [5]int // by alignment
	for first := 10; first+5 <= len(e.values); first += 15 {
		for p := first; p < first+5 && p+5 <= len(e.values); p++ {
			if p < done[p%5] || !textGroup(e.values[p:]) {
				continue
			}
			from, to := p, p+5
			for from >= 5 && textGroup(e.values[from-5:]) {
				from -= 5
			}
			for to+5 <= len(e.values) && textGroup(e.values[to:]) {
				to += 5
			}
			if done[p%5] = to; to-from >= 15 {
				dst = c.text85(dst, e, via, from, to)
			}
		}
	}
	return dst
}

// textGroup reports whether the first five values are four bytes of text.
func textGroup(values []uint8) bool {
	if values[0] < 10 || values[0] > 40 { // nor is the first byte
		return false
	}
	v := uint64(0)
	for _, d := range values[:5] {
		v = v*85 + uint64(d)
	}
	return isText[byte(v>>24)] && isText[byte(v>>16)] && isText[byte(v>>8)] && isText[byte(v)]
}

// text85 scans the text of the groups in values[from:to]. If nothing is found, they
// may begin and end in the middle of what is text by chance: formats are looked for from
// each prefix to each sign that may stand behind the encoded text.
func (c *scan) text85(dst []gateway.Finding, e *encoded, via string, from, to int) []gateway.Finding {
	found, last := len(dst), min(len(e.values), to+5)
	e.bytes = groupsOf85(e.bytes[:0], e.values[from:last])
	dst = c.stretches(dst, e, e.bytes, via, func(i, k int) (int, int) {
		return from + i/4*5, min(last, from+(k+3)/4*5)
	})
	row := 0
	for i := 0; i < len(e.bytes) && len(dst) == found; i++ {
		next, hit := c.machine.Step(row, e.bytes[i])
		if row = next; !hit {
			continue
		}
		for _, n := range c.machine.Ends(row) {
			for k := range c.triggers[n] {
				t := &c.triggers[n][k]
				start := i + 1 - t.length
				if t.scan != formScanner || !t.telling || len(dst) > found || string(e.bytes[start:i+1]) != t.form[0].lit {
					continue
				}
				for end, tries := last, 0; end-from >= (start+minToken)/4*5 && tries < maxBounds; end-- {
					if end < len(e.values) && !bounds[e.text[end]] && e.place(end)-e.place(end-1) == 1 {
						continue
					}
					tries++
					if size := c.movedForm(t, string(groupsOf85(nil, e.values[from:end])[start:])); size > 0 {
						r := &c.rules[t.rule]
						f := finding("secret."+r.id, r.severity(), formScore, e.place(from+start/4*5), e.place(min(end, from+(start+size+3)/4*5)-1)+1, t.form[0].lit)
						f.Via = via
						dst = append(dst, f)
						break
					}
				}
			}
		}
	}
	return dst
}

// maxBounds is how many signs are tried as the end.
const maxBounds = 12

// bounds has the signs that stand behind a value.
var bounds = newAlphabet("=:;,\"'`()<>[]{}&?|/#.!")

// groupsOf85 appends the four bytes of each five values; what is no group becomes
// what is no text.
func groupsOf85(dst []byte, values []uint8) []byte {
	for ; len(values) >= 2; values = values[min(5, len(values)):] {
		v, size := uint64(0), min(5, len(values))
		for k := range 5 {
			d := uint64(84) // missing ones count as the highest
			if k < size {
				d = uint64(values[k])
			}
			v = v*85 + d
		}
		if v > 1<<32-1 {
			v = 0x01010101
		}
		dst = append(dst, byte(v>>24), byte(v>>16), byte(v>>8), byte(v))[:len(dst)+size-1]
	}
	return dst
}

// uuAlphabet is uuencode's, POSIX; its zero is a backquote or a space.
var uuAlphabet = func() numerals {
	n := between(' ', '_')
	n['`'] = 0
	return n
}()

// decodeUU reads lines of uuencode, each of which begins with its length in bytes.
func (c *scan) decodeUU(dst []gateway.Finding, e *encoded, s string, lo, hi int) []gateway.Finding {
	for i := lo; i < hi; i++ {
		end, full := i, true
		for e.bytes = e.bytes[:0]; full && len(e.bytes) < maxDense; {
			end, full = e.lineOfUU(s, end)
		}
		if longestText(e.bytes) < minReadable {
			continue
		}
		e.base, e.places = i, nil
		dst = c.stretches(dst, e, e.bytes, "uuencode", func(int, int) (int, int) { return 0, end - i })
		c.dense = max(c.dense, end)
		i = end
	}
	return dst
}

// lineOfUU appends the bytes of the line at s[i:] to e.bytes, if they are text. It
// returns where the next one begins, and whether there is one.
func (e *encoded) lineOfUU(s string, i int) (end int, more bool) {
	if i >= len(s) || uuAlphabet[s[i]] == foreign {
		return i, false
	}
	size, from := int(uuAlphabet[s[i]]), len(e.bytes)
	k := i + 1
	for ; len(e.bytes)-from < size && k+4 <= len(s); k += 4 {
		n := uint(0)
		for j := k; j < k+4; j++ {
			if uuAlphabet[s[j]] == foreign {
				e.bytes = e.bytes[:from]
				return i, false
			}
			n = n<<6 | uint(uuAlphabet[s[j]])
		}
		if e.bytes = append(e.bytes, byte(n>>16), byte(n>>8), byte(n)); !isText[byte(n>>16)] {
			e.bytes = e.bytes[:from]
			return i, false
		}
	}
	if len(e.bytes)-from < size {
		e.bytes = e.bytes[:from]
		return i, false
	}
	e.bytes = e.bytes[:from+size]
	next := lineBreak(s, k)
	return next, next > k
}
