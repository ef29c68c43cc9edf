package secret

import "slices"

// automaton is an Aho-Corasick machine over ASCII-case-folded literals, laid
// out as a dense table so that a byte costs one load and one test. Bytes that
// no literal uses share a class, which keeps the rows short.
type automaton struct {
	class [256]uint8
	shift uint     // log2 of a row's length
	next  []uint16 // row<<shift | class; the top bit marks rows with output
	out   [][]int  // per row, indexes of the literals that end there
}

const (
	hasOutput = 1 << 15
	rowMask   = hasOutput - 1
)

func foldByte(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// newAutomaton compiles literals, which must not be empty and must have fewer
// than 32,768 distinct prefixes in all; both hold for the embedded rules.
func newAutomaton(literals []string) *automaton {
	a := &automaton{}
	classes := 1 // class 0: bytes of no literal
	for _, lit := range literals {
		for i := range len(lit) {
			c := foldByte(lit[i])
			if a.class[c] == 0 {
				a.class[c] = uint8(classes)
				classes++
			}
		}
	}
	for c := byte('A'); c <= 'Z'; c++ {
		a.class[c] = a.class[foldByte(c)]
	}
	for 1<<a.shift < classes {
		a.shift++
	}
	width := 1 << a.shift
	a.next = make([]uint16, width)
	a.out = make([][]int, 1)
	for n, lit := range literals {
		row := 0
		for i := range len(lit) {
			cell := row<<a.shift | int(a.class[lit[i]])
			if a.next[cell] == 0 {
				a.next[cell] = uint16(len(a.out))
				a.next = append(a.next, make([]uint16, width)...)
				a.out = append(a.out, nil)
			}
			row = int(a.next[cell])
		}
		a.out[row] = append(a.out[row], n)
	}
	a.link(classes)
	return a
}

// link turns the trie into a complete machine: breadth first, each missing
// edge is replaced by the edge of the longest proper suffix.
func (a *automaton) link(classes int) {
	fail := make([]int, len(a.out))
	queue := make([]int, 0, len(a.out))
	for c := range classes {
		if row := int(a.next[c]); row != 0 {
			queue = append(queue, row)
		}
	}
	for head := 0; head < len(queue); head++ {
		row := queue[head]
		a.out[row] = append(slices.Clone(a.out[row]), a.out[fail[row]]...)
		for c := range classes {
			cell, back := row<<a.shift|c, int(a.next[fail[row]<<a.shift|c])
			if to := int(a.next[cell]); to != 0 {
				fail[to] = back
				queue = append(queue, to)
			} else {
				a.next[cell] = uint16(back)
			}
		}
	}
	for cell, row := range a.next {
		if len(a.out[row]) > 0 {
			a.next[cell] |= hasOutput
		}
	}
}
