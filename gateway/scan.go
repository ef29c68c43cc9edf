package gateway

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// scanner walks JSON text once (RFC 8259) and refuses what [ParseObject] or
// [CheckJSON] must not let through. It is written by hand because every call
// passes it several times: a general tokenizer costs ten times as much.
// FuzzParseObject holds it against two other parsers.
type scanner struct {
	b     []byte
	i     int
	agent bool // the text comes from an agent: the stricter rules of [ParseObject]
	trust bool // the text was checked before and is only split

	inside error // of the first part of an upstream's text that is not to be used ([ErrInside])

	names   []name   // of all objects that are open, innermost last
	room    [16]name // of names, which are rarely more
	members []Member // of the outermost object, if top is set
	body    *Object  // its member "params" or "result", if that is an object
	inBody  bool     // the scanner is in it
	top     bool
}

// name is a member's name, unescaped. ASCII names of different length cannot
// fold to the same, which spares nearly every comparison.
type name struct {
	b     []byte
	ascii bool
}

// String is the name as text.
func (n name) String() string {
	if s, ok := usual[string(n.b)]; ok {
		return s
	}
	return string(n.b)
}

// usual are names that nearly every message has: their text is made once.
var usual = func() map[string]string {
	names := map[string]string{}
	for name := range strings.FieldsSeq("jsonrpc id method params result error name arguments _meta content structuredContent isError type text uri") {
		names[name] = name
	}
	return names
}()

// manyNames is from how many names on an object's names are kept in a map.
const manyNames = 24

func (s *scanner) fail(reason string) error {
	return Refuse("surface", Malformed, "the JSON is broken or ambiguous at byte "+strconv.Itoa(s.i)+": "+reason)
}

func (s *scanner) space() {
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ' ', '\t', '\n', '\r':
			s.i++
		default:
			return
		}
	}
}

// document is one value and nothing after it.
func (s *scanner) document() error {
	s.space()
	if err := s.value(0); err != nil {
		return err
	}
	s.space()
	if s.i < len(s.b) {
		return s.fail("there is more after the value")
	}
	return s.inside
}

func (s *scanner) value(depth int) error {
	if s.i == len(s.b) {
		return s.fail("it ends too early")
	}
	switch c := s.b[s.i]; {
	case c == '"':
		return s.text()
	case c == '{' || c == '[':
		if depth >= MaxDepth && !s.trust {
			if err := s.part(depth, Refuse("surface", TooLarge, fmt.Sprintf("the JSON is nested deeper than %d levels", MaxDepth))); err != nil {
				return err
			}
		}
		if c == '{' {
			return s.object(depth)
		}
		return s.array(depth)
	case c == '-' || c >= '0' && c <= '9':
		return s.number()
	case c == 't':
		return s.literal("true")
	case c == 'f':
		return s.literal("false")
	case c == 'n':
		return s.literal("null")
	}
	return s.fail("a value cannot begin like this")
}

// part is what is wrong with a part of the text that begins at this depth, or nil
// if it stands inside an upstream's text, which goes on, and only remembers it.
func (s *scanner) part(depth int, err error) error {
	if s.agent || depth < entryDepth || depth >= maxInside {
		return err
	}
	if s.inside == nil {
		s.inside = AsRefusal("surface", err).Because(ErrInside)
	}
	return nil
}

func (s *scanner) literal(want string) error {
	if !bytes.HasPrefix(s.b[s.i:], []byte(want)) {
		return s.fail("a value cannot begin like this")
	}
	s.i += len(want)
	return nil
}

func (s *scanner) array(depth int) error {
	s.i++
	s.space()
	if s.i < len(s.b) && s.b[s.i] == ']' {
		s.i++
		return nil
	}
	for {
		s.space()
		if err := s.value(depth + 1); err != nil {
			return err
		}
		s.space()
		if s.i == len(s.b) {
			return s.fail("it ends too early")
		}
		switch s.b[s.i] {
		case ',':
			s.i++
		case ']':
			s.i++
			return nil
		default:
			return s.fail("a comma or ] is missing")
		}
	}
}

func (s *scanner) object(depth int) error {
	s.i++
	base := len(s.names)
	var many map[string]bool
	s.space()
	if s.i < len(s.b) && s.b[s.i] == '}' {
		s.i++
		return nil
	}
	for {
		s.space()
		if s.i == len(s.b) || s.b[s.i] != '"' {
			return s.fail("a member's name is missing")
		}
		n, err := s.name()
		if err != nil {
			return err
		}
		if s.agent && hasControl(n) {
			return s.fail("a member name holds a control character")
		}
		if !s.trust {
			if many, err = s.unique(n, base, many); err != nil {
				if err = s.part(depth, err); err != nil {
					return err
				}
			}
		}
		if err := s.member(n, depth); err != nil {
			return err
		}
		s.space()
		if s.i == len(s.b) {
			return s.fail("it ends too early")
		}
		switch s.b[s.i] {
		case ',':
			s.i++
		case '}':
			s.i++
			s.names = s.names[:base]
			return nil
		default:
			return s.fail("a comma or } is missing")
		}
	}
}

// member is the colon and the value that belong to a name. What is kept of them are
// the members of the outermost object, and of the one in it that a message is about,
// which nearly every reader of messages splits next.
func (s *scanner) member(n name, depth int) error {
	if s.top && depth == 0 {
		s.inBody = s.body == nil && (string(n.b) == "params" || string(n.b) == "result")
	}
	value, err := s.colon(depth)
	if err != nil || !s.top || depth > 1 {
		return err
	}
	switch {
	case depth == 1 && s.inBody:
		if s.body == nil {
			s.body = &Object{members: make([]Member, 0, 4)}
		}
		s.body.members = append(s.body.members, Member{Name: n.String(), Value: value})
	case depth == 0:
		s.members = append(s.members, Member{Name: n.String(), Value: value})
		if s.inBody && s.body != nil {
			s.body.raw = value
		}
	}
	return nil
}

// colon is what stands behind a name.
func (s *scanner) colon(depth int) (json.RawMessage, error) {
	s.space()
	if s.i == len(s.b) || s.b[s.i] != ':' {
		return nil, s.fail("a colon is missing")
	}
	s.i++
	s.space()
	start := s.i
	if err := s.value(depth + 1); err != nil {
		return nil, err
	}
	return s.b[start:s.i:s.i], nil
}

// hasControl reports whether a name holds what no schema names and what readers
// cut or skip: {"name\u0000": …} is "name" to one that ends a text at NUL. A
// control character can only stand there as an escape, or be DEL or one of C1.
func hasControl(n name) bool {
	if n.ascii {
		return bytes.IndexByte(n.b, 0x7f) >= 0
	}
	return bytes.ContainsFunc(n.b, unicode.IsControl)
}

// unique refuses a name that stands in its object already, for agents also in
// another case. The names of the innermost object are s.names[base:], or many
// once there are many, so that a million names stay linear.
func (s *scanner) unique(n name, base int, many map[string]bool) (map[string]bool, error) {
	key := func(n name) string {
		if s.agent {
			return fold(string(n.b))
		}
		return string(n.b)
	}
	if many == nil && len(s.names)-base < manyNames {
		for _, o := range s.names[base:] {
			if len(o.b) != len(n.b) && (o.ascii && n.ascii || !s.agent) {
				continue
			}
			if bytes.Equal(o.b, n.b) {
				return nil, s.fail("a member name stands twice in one object")
			}
			if s.agent && bytes.EqualFold(o.b, n.b) {
				return nil, s.fail(fmt.Sprintf("the member names %q and %q differ only in case", clip(string(o.b)), clip(string(n.b))))
			}
		}
		s.names = append(s.names, n)
		return nil, nil
	}
	if many == nil {
		many = make(map[string]bool, 4*manyNames)
		for _, o := range s.names[base:] {
			many[key(o)] = true
		}
	}
	k := key(n)
	if many[k] {
		return nil, s.fail("a member name stands twice in one object, or in two cases")
	}
	many[k] = true
	return many, nil
}

// name scans a member's name and unescapes it. Without escapes it is a slice of
// the input.
func (s *scanner) name() (name, error) {
	start := s.i
	if err := s.text(); err != nil {
		return name{}, err
	}
	n := name{b: s.b[start+1 : s.i-1], ascii: true}
	for _, c := range n.b {
		if c == '\\' {
			return name{b: []byte(Unquote(string(s.b[start:s.i])))}, nil // it may be ASCII, but an escaped name is too rare to look
		}
		n.ascii = n.ascii && c < utf8.RuneSelf
	}
	return n, nil
}

// text scans a string. Its end is all that is looked for where it was checked before.
func (s *scanner) text() error {
	if s.trust {
		return s.pass()
	}
	s.i++
	for {
		s.i += plain(s.b[s.i:])
		if s.i == len(s.b) {
			return s.fail("it ends inside a string")
		}
		switch s.b[s.i] {
		case '"':
			s.i++
			return nil
		case '\\':
			if err := s.escape(); err != nil {
				return err
			}
		default:
			return s.fail("a control character stands in a string")
		}
	}
}

// pass goes behind a string's closing quote: the first before which an even number
// of backslashes stand.
//
//	"a\"b\\" -> behind the third quote
func (s *scanner) pass() error {
	start := s.i + 1
	for at := start; ; {
		n := bytes.IndexByte(s.b[at:], '"')
		if n < 0 {
			s.i = len(s.b)
			return s.fail("it ends inside a string")
		}
		at += n + 1
		slash := at - 2
		for slash >= start && s.b[slash] == '\\' {
			slash--
		}
		if (at-slash)%2 == 0 {
			s.i = at
			return nil
		}
	}
}

// plain is how many bytes from the start are no quote, no backslash and no control
// character. It looks at eight at a time.
func plain(b []byte) int {
	const (
		ones = 0x0101010101010101
		high = 0x8080808080808080
	)
	rest := b
	for len(rest) >= 8 {
		x := binary.LittleEndian.Uint64(rest)
		// With its second bit turned a quote is a space, and what was one is not: what is
		// below 0x21 then is a quote or a control character. A byte's high bit ends up set
		// where it is special; the borrow can only add false alarms above a true one, and
		// the lowest is taken.
		slash := x ^ ones*'\\'
		if special := ((x^ones*2-ones*0x21)&^x | (slash-ones)&^slash) & high; special != 0 {
			return len(b) - len(rest) + bits.TrailingZeros64(special)/8
		}
		rest = rest[8:]
	}
	for i, c := range rest {
		if c < 0x20 || c == '"' || c == '\\' {
			return len(b) - len(rest) + i
		}
	}
	return len(b)
}

// escape scans what follows a backslash. A surrogate must be half of a pair.
func (s *scanner) escape() error {
	s.i++
	if s.i == len(s.b) {
		return s.fail("it ends inside a string")
	}
	switch s.b[s.i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.i++
		return nil
	case 'u':
		s.i++
		r, ok := s.hex4()
		if !ok {
			return s.fail("\\u needs four hexadecimal digits")
		}
		if r < 0xD800 || r > 0xDFFF {
			return nil
		}
		if r <= 0xDBFF && s.lowHalf() {
			return nil
		}
		return s.fail("a surrogate stands alone")
	}
	return s.fail("there is no such escape")
}

// lowHalf scans the second half of a surrogate pair.
func (s *scanner) lowHalf() bool {
	if !bytes.HasPrefix(s.b[s.i:], []byte(`\u`)) {
		return false
	}
	s.i += 2
	low, ok := s.hex4()
	return ok && low >= 0xDC00 && low <= 0xDFFF
}

func (s *scanner) hex4() (rune, bool) {
	if len(s.b)-s.i < 4 {
		return 0, false
	}
	var r rune
	for _, c := range s.b[s.i : s.i+4] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	s.i += 4
	return r, true
}

func (s *scanner) number() error {
	start := s.i
	if s.b[s.i] == '-' {
		s.i++
	}
	switch {
	case s.i < len(s.b) && s.b[s.i] == '0':
		s.i++
	case s.digits() == 0:
		return s.fail("a number needs a digit")
	}
	if s.i < len(s.b) && s.b[s.i] == '.' {
		s.i++
		if s.digits() == 0 {
			return s.fail("a number needs a digit after its point")
		}
	}
	if s.i < len(s.b) && s.b[s.i]|0x20 == 'e' {
		s.i++
		if s.i < len(s.b) && (s.b[s.i] == '+' || s.b[s.i] == '-') {
			s.i++
		}
		if s.digits() == 0 {
			return s.fail("a number needs a digit in its exponent")
		}
	}
	if s.trust || s.i-start < 4 {
		return nil // three characters reach 9e9 at most
	}
	return s.judgeNumber(s.b[start:s.i])
}

func (s *scanner) digits() int {
	start := s.i
	for s.i < len(s.b) && s.b[s.i] >= '0' && s.b[s.i] <= '9' {
		s.i++
	}
	return s.i - start
}
