// Package literal finds many fixed strings in one pass over a text. It is the
// prefilter of the detectors, which look closer only where it stops.
//
// A [Finder] reads whole texts: it looks for the rarest part of each literal, so that
// most bytes cost little. A [Machine] is stepped byte by byte, over what its
// caller leaves out of a text or ends it by: an Aho-Corasick machine laid out as a
// dense table.
//
//	f := literal.NewFinder([]string{"token", "passwort"})
//	for _, hit := range f.Find(s, nil) {
//		… literal hit.Literal ends at s[:hit.End]
//	}
//
// ASCII letters match in either case; other bytes match themselves.
package literal

import "slices"

// Machine finds literals. It is immutable and safe for concurrent use.
type Machine struct {
	class [256]uint8
	shift uint     // log2 of a row's length
	next  []uint32 // by row | class, where a row is the place of its first cell; the top bit marks rows where literals end
	ends  [][]int  // per row, the literals that end there
}

const (
	endsHere = 1 << 31
	rowMask  = endsHere - 1

	// MaxRows bounds the distinct prefixes of all literals together.
	MaxRows = 1 << 15
)

// New compiles literals. None may be empty, and together they must have fewer
// than [MaxRows] distinct prefixes; New panics otherwise, since literals are
// the program's own or bounded by its caller.
func New(literals []string) *Machine {
	m := &Machine{}
	classes := 1 // class 0: bytes of no literal
	for _, lit := range literals {
		for i := range len(lit) {
			if c := Fold(lit[i]); m.class[c] == 0 {
				m.class[c] = uint8(classes)
				classes++
			}
		}
	}
	for c := byte('A'); c <= 'Z'; c++ {
		m.class[c] = m.class[Fold(c)]
	}
	for 1<<m.shift < classes {
		m.shift++
	}
	width := 1 << m.shift
	m.next = make([]uint32, width)
	m.ends = make([][]int, 1)
	for n, lit := range literals {
		if lit == "" {
			panic("literal: empty literal")
		}
		row := 0
		for i := range len(lit) {
			cell := row<<m.shift | int(m.class[lit[i]])
			if m.next[cell] == 0 {
				if len(m.ends) == MaxRows {
					panic("literal: too many literals")
				}
				m.next[cell] = uint32(len(m.ends))
				m.next = append(m.next, make([]uint32, width)...)
				m.ends = append(m.ends, nil)
			}
			row = int(m.next[cell])
		}
		m.ends[row] = append(m.ends[row], n)
	}
	m.link(classes)
	return m
}

// link turns the trie into a complete machine: breadth first, each missing
// edge is replaced by the edge of the longest proper suffix.
func (m *Machine) link(classes int) {
	suffix := make([]int, len(m.ends))
	queue := make([]int, 0, len(m.ends))
	for c := range classes {
		if row := int(m.next[c]); row != 0 {
			queue = append(queue, row)
		}
	}
	for head := 0; head < len(queue); head++ {
		row := queue[head]
		m.ends[row] = append(slices.Clone(m.ends[row]), m.ends[suffix[row]]...)
		for c := range classes {
			cell, back := row<<m.shift|c, int(m.next[suffix[row]<<m.shift|c])
			if to := int(m.next[cell]); to != 0 {
				suffix[to] = back
				queue = append(queue, to)
			} else {
				m.next[cell] = uint32(back)
			}
		}
	}
	for cell, row := range m.next {
		m.next[cell] = row << m.shift
		if len(m.ends[row]) > 0 {
			m.next[cell] |= endsHere
		}
	}
}

// Step returns the row that follows row on byte c, and whether literals end there.
// Rows begin at 0.
func (m *Machine) Step(row int, c byte) (next int, hit bool) {
	cell := m.next[row|int(m.class[c])]
	return int(cell & rowMask), cell&endsHere != 0
}

// Run steps from row over s[i:] until literals end, and returns the row there and the
// offset behind them. hit is false if none do.
func (m *Machine) Run(row int, s string, i int) (last, end int, hit bool) {
	next, rest := m.next, s[i:]
	for k := range len(rest) {
		cell := next[row|int(m.class[rest[k]])]
		row = int(cell & rowMask)
		if cell&endsHere != 0 {
			return row, i + k + 1, true
		}
	}
	return row, len(s), false
}

// Ends returns the indexes of the literals that end at a row, the longest first.
func (m *Machine) Ends(row int) []int { return m.ends[row>>m.shift] }

// Fold returns c, an ASCII capital as its small letter.
func Fold(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
