package shape

import (
	"bytes"
	"encoding/json"
)

// Cursor goes over one JSON value that gateway.ParseObject or gateway.CheckJSON
// accepted, and allocates nothing. Over anything else it may panic.
//
//	{"a":[1,true]}   Open, Member a, Open, Element, Skip 1, Element, Skip true, …
type Cursor struct {
	b []byte
	i int
}

// Over is a cursor at the beginning of a value.
func Over(value json.RawMessage) Cursor {
	c := Cursor{b: value}
	c.space()
	return c
}

// Here is the first byte of the value that begins here.
func (c *Cursor) Here() byte { return c.b[c.i] }

// Open passes the bracket of the object or array that begins here.
func (c *Cursor) Open() { c.i++ }

// Element goes to the next element of an array whose values so far were passed;
// false at its end, which it passes.
func (c *Cursor) Element() bool {
	c.space()
	switch c.b[c.i] {
	case ']', '}':
		c.i++
		return false
	case ',':
		c.i++
		c.space()
	}
	return true
}

// Member goes to the value of an object's next member, and returns the name as it
// stands between its quotes; false at the object's end, which it passes.
func (c *Cursor) Member() (name []byte, ok bool) {
	if !c.Element() {
		return nil, false
	}
	name = c.Text()
	c.space()
	c.i++ // the colon
	c.space()
	return name, true
}

// Skip passes the value that begins here.
func (c *Cursor) Skip() json.RawMessage {
	start := c.i
	depth := 0
	for {
		switch ends[c.b[c.i]] {
		case quote:
			c.Text()
		case opens:
			depth++
			c.i++
		case closes:
			depth--
			c.i++
		case separates:
			c.i++
		default:
			for c.i++; c.i < len(c.b) && ends[c.b[c.i]] == 0; {
				c.i++
			}
		}
		if depth == 0 {
			return c.b[start:c.i]
		}
	}
}

// What a byte outside of strings is; 0 is a part of a number or a literal.
const (
	quote = iota + 1
	opens
	closes
	separates
)

var ends = [256]byte{'"': quote, '{': opens, '[': opens, '}': closes, ']': closes, ',': separates, ':': separates, ' ': separates, '\t': separates, '\n': separates, '\r': separates}

// Text passes a string and returns what stands between its quotes.
func (c *Cursor) Text() []byte {
	c.i++
	start := c.i
	for {
		c.i += bytes.IndexByte(c.b[c.i:], '"')
		back := 0
		for c.b[c.i-1-back] == '\\' {
			back++
		}
		c.i++
		if back%2 == 0 {
			return c.b[start : c.i-1]
		}
	}
}

func (c *Cursor) space() {
	for c.i < len(c.b) && (c.b[c.i] == ' ' || c.b[c.i] == '\t' || c.b[c.i] == '\n' || c.b[c.i] == '\r') {
		c.i++
	}
}
