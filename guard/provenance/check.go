package provenance

import (
	"slices"
	"time"

	"toolward/guard/decode/reading"
)

// Check looks for copies of what private tools returned to the principal in
// what it sends now. Matches are in order of field and place; of several
// readings of the same bytes the longest copy counts. It is truncated if the
// fields are encoded so often over that not every reading could be looked at.
func (s *Store) Check(name string, fields []Field) (matches []Match, truncated bool) {
	p := s.find(name)
	if p == nil {
		return nil, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expire(time.Since(s.start) - s.opts.TTL)
	if p.table.used == 0 {
		return nil, false
	}
	c := s.checkers.Get().(*checker)
	defer s.put(c, fields)
	c.s, c.p, c.matches, c.truncated = s, p, nil, false
	c.brief = false
	c.spent, c.allowance, c.ciphered = 0, allowance(fields), 0
	for _, keys := range []bool{false, true} {
		for _, t := range joined(fields, keys) {
			c.readings(t.text, t.starts)
			c.settle(t, 0)
		}
	}
	c.across(fields)
	return c.matches, c.truncated
}

// allowance bounds the bytes of all readings of all texts of a call.
func allowance(fields []Field) int {
	n := 0
	for i := range fields {
		n += len(fields[i].Text)
	}
	return 32*n + 1<<20
}

// maxPooled is the longest arguments whose checker is used again: its buffers
// are several times as large.
const maxPooled = 256 << 10

func (s *Store) put(c *checker, fields []Field) {
	n := 0
	for i := range fields {
		n += len(fields[i].Text)
	}
	if c.p, c.matches = nil, nil; n <= maxPooled {
		s.checkers.Put(c)
	}
}

// readings looks up every reading of a text.
func (c *checker) readings(text []byte, cuts []int) {
	if c.spent > c.allowance {
		c.truncated = true
		return
	}
	c.cuts = cuts
	views, truncated := c.x.Expand(text, nil, cuts)
	c.spent += c.x.Spent()
	c.truncated = c.truncated || truncated
	for i := range views {
		c.view(&views[i])
	}
}

// text is several fields as one, so that what was cut across them is whole.
type text struct {
	text   []byte
	fields []int // index of each field in the text
	starts []int // where it starts
}

// field returns the index, in the text, of the field at byte i.
func (t *text) field(i int) int {
	n, found := slices.BinarySearch(t.starts, i)
	if !found {
		n--
	}
	return n
}

// joined puts the values of fields together, as one text. Nothing separates
// them: a separator would break what was cut. Names stay apart: that of one
// member followed by that of the next is what a schema says, not the agent.
func joined(fields []Field, keys bool) []text {
	var texts []text
	var values text
	for i := range fields {
		switch f := &fields[i]; {
		case f.Key != keys:
		case keys:
			if len(f.Text) >= 2*gram {
				texts = append(texts, text{[]byte(f.Text), []int{i}, []int{0}})
			}
		default:
			values.fields, values.starts = append(values.fields, i), append(values.starts, len(values.text))
			values.text = append(values.text, f.Text...)
		}
	}
	if len(values.text) >= gram {
		texts = append(texts, values)
	}
	return texts
}

// Bounds on what one text can hold, because copies are compared with each other.
const (
	maxFound  = 2048
	maxPieces = 512
)

// checker holds the state of one Check. Its buffers are used again.
type checker struct {
	s       *Store
	p       *principal
	x       reading.Expander
	cuts    []int    // where fields start
	syms    []symbol // of the view, in order …
	offs    []int32  // … and their offsets in it
	turned  []symbol // in another order …
	from    []int32  // … and their offsets
	order   []symbol // what the current pass looks up …
	ring    *ring    // … and how
	open    []chain
	found   []found
	pieces  []found
	matches []Match

	spent     int  // on readings so far …
	allowance int  // … of so much
	ciphered  int  // symbols that substitutions were tried on
	brief     bool // only the usual orders and substitutions are tried
	truncated bool
}

// Holds reports whether anything is remembered for a principal.
func (s *Store) Holds(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byName[name] != nil
}
