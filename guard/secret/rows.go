package secret

import (
	"strings"

	"toolward/gateway"
)

// Rows of letters or of groups set apart: "g h p _ …", 67:68:70, 103, 104. What
// stands between is left out, and the rest is read again.

// Bounds on rows.
const (
	longestGroup = 8       // letters of a group
	periods      = 4       // groups in a row that make a row
	maxRow       = 4 << 10 // letters that are read at once …
	rowOverlap   = 512     // … and how many of them with the next, too
	leastDumped  = 8       // groups on a line of a dump
	longestTail  = 72      // bytes between the numbers of two lines of a dump
)

// scanRows looks at one place of so many whether it lies in a row of groups, where
// digits, capitals or signs are near: words of prose are passed over.
func (c *scan) scanRows(dst []gateway.Finding, s string) []gateway.Finding {
	const stride = 16
	for i := stride - 1; i < len(s); i += stride {
		if !(unlike[s[i]] || unlike[s[i-1]] || unlike[s[i-2]] || unlike[s[i-3]]) {
			continue
		}
		if i >= c.row {
			dst = c.scanRow(dst, s, i)
		}
		if i >= c.dense && c.depth < maxDepth && oddBefore(s, i) {
			dst = c.scanDense(dst, s, i)
		}
	}
	return dst
}

// oddBefore reports whether the bytes before s[i] in its word have as much
// punctuation as base85 has.
func oddBefore(s string, i int) bool {
	odd, k := 0, i
	for k > i-16 && k >= 0 && visible(s[k]) {
		if isOdd[s[k]] {
			odd++
		}
		k--
	}
	return odd*10 >= i-k && odd > 0
}

// unlike has what is not prose: digits, capitals and such punctuation.
var unlike = newAlphabet("0-9A-Z!#$%&()*;<>?@^`{|}~")

var isOdd = newAlphabet("!#$%&()*;<>?@^`{|}~")

// scanRow reads the row of groups that s[i] lies in, if it lies in one. Most text is
// done with after two words.
func (c *scan) scanRow(dst []gateway.Finding, s string, i int) []gateway.Finding {
	for range 2 {
		end, floor := i, max(c.row, i-longestGroup)
		for end > floor && alnum[s[end-1]] {
			end--
		}
		gap := end
		for gap > floor && !alnum[s[gap-1]] {
			gap--
		}
		group, floor := gap, max(c.row, gap-longestGroup)
		for group > floor && alnum[s[group-1]] {
			group--
		}
		if gap == end || gap == group {
			return dst
		}
		row, p := c.row, end-group
		even := group >= p && s[gap-p] == s[gap] && periodic(s, gap, end, p) && (p <= longestGroup/2 || uneven(s[gap-2*p:i]))
		if s[gap-1] <= '9' && (even || numbered(s, gap, end)) {
			dst = c.readNumbers(dst, s, gap, end)
		}
		if even {
			read := c.row
			c.row = row
			dst = c.readRow(dst, s, gap, end, p)
			c.row = max(c.row, read)
		}
		if c.row > row || !tokenRun[s[gap]] {
			return dst
		}
		i = gap // a sign that may belong to a group
	}
	return dst
}

// uneven reports a digit in s, or a capital behind a small letter. Words in a row
// may be of one length, too.
func uneven(s string) bool {
	for k := range len(s) {
		if '0' <= s[k] && s[k] <= '9' || k > 0 && isUpper(s[k]) && 'a' <= s[k-1] && s[k-1] <= 'z' {
			return true
		}
	}
	return false
}

// periodic reports whether the gap s[gap:end] is there again at each of the
// periods before it, and groups between.
func periodic(s string, gap, end, period int) bool {
	least := periods
	if period > longestGroup/2 {
		least--
	}
	for k := 1; k < least; k++ {
		if gap-k*period < 0 || s[gap-k*period:end-k*period] != s[gap:end] || !inGroup(s[end-k*period:gap-(k-1)*period]) {
			return false
		}
	}
	return true
}

// readRow reads the groups around the gap s[gap:end], which has one at every period.
func (c *scan) readRow(dst []gateway.Finding, s string, gap, end, period int) []gateway.Finding {
	sep, size, before := s[gap:end], period-(end-gap), len(dst)
	first := gap - size // of the first group
	for first-period >= max(0, c.row) && s[first-len(sep):first] == sep && inGroup(s[first-period:first-len(sep)]) {
		first -= period
	}
	if first > 0 && alnum[s[first-1]] { // the end of a longer word
		first += period
	}
	e := c.pool.Get().(*encoded)
	e.text, e.base, e.places = e.text[:0], first, e.lines[:0]
	words := false // it has more than hex digits
	take := func(from, to int) {
		if to-from > 2 && s[from] == '0' && s[from+1]|0x20 == 'x' {
			from += 2
		}
		for k := from; k < to; k++ {
			words = words || nibble[s[k]] == foreign
			e.text, e.places = append(e.text, s[k]), append(e.places, int32(k-first))
		}
	}
	i, dump := first, false
	for len(e.text) < maxRow {
		if i+size > len(s) || !inGroup(s[i:i+size]) || alnum[at(s, i+size)] {
			next := -1
			if len(e.text) >= leastDumped*size {
				next = nextLine(s, i, sep, size)
			}
			if next < 0 {
				break
			}
			i, dump = next, dump || strings.IndexByte(s[i:next], '\n') >= 0
		}
		take(i, i+size)
		if i += size; s[i-1] == '=' {
			break // padding
		}
		if strings.HasPrefix(s[i:], sep) {
			i += len(sep)
		}
	}
	if len(e.text) < maxRow && s[i-1] != '=' { // the last one may be shorter
		n := i
		for n < len(s) && n-i < size && tokenRun[s[n]] {
			n++
		}
		if n == len(s) || !alnum[s[n]] {
			take(i, n)
		}
	}
	c.row = first + 1
	if n := len(e.text); n >= minToken {
		c.row = e.place(n-1) + 1
		if n >= maxRow {
			c.row = e.place(n - rowOverlap)
		}
		if words {
			dst = c.rejoined(dst, e, "spaced")
		}
		if promising(e.text) {
			dst = c.decodeRun(dst, e)
		}
		if from, to := withoutWords(e.text, size); to-from < len(e.text) && len(dst) == before && promising(e.text[from:to]) {
			e.text, e.places = e.text[from:to], e.places[from:to]
			dst = c.decodeRun(dst, e)
		}
	}
	if dump { // the same letters stand behind the last line's numbers
		for k := before; k < len(dst); k++ {
			for i := dst[k].Span[1]; i < len(s) && s[i] != '\n' && i-dst[k].Span[1] < longestTail; i++ {
				dst[k].Span[1]++
			}
		}
	}
	e.lines = e.places
	c.pool.Put(e)
	return dst
}

// withoutWords returns the part of a row's text without the groups at its ends that
// have small letters only, which may be words that happen to be as long.
func withoutWords(text []byte, size int) (from, to int) {
	small := func(c byte) bool { return 'a' <= c && c <= 'z' }
	for from < len(text) && small(text[from]) {
		from++
	}
	for to = len(text); to > from && small(text[to-1]); to-- {
	}
	return from / size * size, len(text) - (len(text)-to)/size*size
}

// inGroup reports whether s may be a group: no spaces, and a letter, a digit or one of
// the signs that credentials have.
func inGroup(s string) bool {
	for i := range len(s) {
		if !base64s[s[i]] && !tokenRun[s[i]] && s[i] != '.' {
			return false
		}
	}
	return true
}

// nextLine returns where the row goes on that ends at s[at:]: after more spaces or
// on the next line, as in a hex dump with its addresses and letters between; -1
// if it does not.
func nextLine(s string, at int, sep string, size int) int {
	broken := false
	for i := at; i < len(s) && i-at < longestTail; i++ {
		broken = broken || s[i] == '\n'
		next := i + 1 + size
		if next > len(s) || alnum[s[i]] || !inGroup(s[i+1:next]) || next < len(s) && alnum[s[next]] {
			continue
		}
		if (broken || i-at < 4) && (strings.HasPrefix(s[next:], sep) || next == len(s) || strings.HasPrefix(s[next:], "  ")) {
			return i + 1
		}
	}
	return -1
}

// numbered reports whether numbers of up to three digits stand before the gap
// s[gap:end] and the same gaps before it.
func numbered(s string, gap, end int) bool {
	sep := s[gap:end]
	for range periods {
		n := gap
		for n > 0 && gap-n < 3 && '0' <= s[n-1] && s[n-1] <= '9' {
			n--
		}
		if n == gap || !strings.HasSuffix(s[:n], sep) {
			return false
		}
		gap = n - len(sep)
	}
	return true
}

// readNumbers reads the numbers around the gap s[gap:end] as codes of letters.
func (c *scan) readNumbers(dst []gateway.Finding, s string, gap, end int) []gateway.Finding {
	sep := s[gap:end]
	first := gap
	for {
		n := first
		for n > c.row && first-n < 3 && '0' <= s[n-1] && s[n-1] <= '9' {
			n--
		}
		if n == first {
			first += len(sep)
			break
		}
		if first = n; n < len(sep) || s[n-len(sep):n] != sep {
			break
		}
		first = n - len(sep)
	}
	e := c.pool.Get().(*encoded)
	e.bytes, e.base, e.places = e.bytes[:0], first, e.lines[:0]
	octal, at := true, first
	for len(e.bytes) < maxRow {
		n := at
		for n < len(s) && n-at < 3 && '0' <= s[n] && s[n] <= '9' {
			octal = octal && s[n] < '8'
			n++
		}
		if n == at {
			break
		}
		octal = octal && n-at == 3
		e.bytes, e.places = append(e.bytes, code(s[at:n], 10)), append(e.places, int32(at-first))
		if at = n; !strings.HasPrefix(s[at:], sep) {
			break
		}
		at += len(sep)
	}
	c.row = max(first+1, at)
	last := at
	place := func(from, to int) (int, int) { return from, to }
	for _, radix := range [...]int{10, 8} {
		if radix == 8 {
			if !octal {
				break
			}
			for i, p := range e.places {
				e.bytes[i] = code(s[first+int(p):first+int(p)+3], 8)
			}
		}
		from := len(dst)
		if longestText(e.bytes) >= minReadable {
			dst = c.stretches(dst, e, e.bytes, "codes", place)
		}
		for k := from; k < len(dst); k++ { // to the end of the last number
			for dst[k].Span[1] < last && '0' <= s[dst[k].Span[1]] && s[dst[k].Span[1]] <= '9' {
				dst[k].Span[1]++
			}
		}
	}
	e.lines = e.places
	c.pool.Put(e)
	return dst
}

// code is the byte that digits are the code of, 1 if they are of none.
func code(digits string, radix int) byte {
	n := 0
	for i := range len(digits) {
		n = n*radix + int(digits[i]-'0')
	}
	if n > 255 {
		return 1
	}
	return byte(n)
}
