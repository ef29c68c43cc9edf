// Package shape knows what MCP's definitions and results look like to the
// clients that read them, and makes what upstreams write fit where that changes
// nothing.
//
// Clients check a list as a whole: one tool whose inputSchema has no type makes
// the official TypeScript client reject all tools of all upstreams. So each
// definition is held against the shape that clients check, once, when it is
// read, and each result when it comes.
//
// # The table
//
// shapes.json is the table, by the revision from which a shape holds, with its
// sources. A member is written as a type and a mark:
//
//	string boolean number any object   as JSON has them
//	integer count fraction token       whole and within 64 bits; not negative; 0 to 1; a string or whole
//	uri base64 datetime                RFC 3986 with a scheme; RFC 4648 §4; RFC 3339 §5.6
//	schema                             a JSON Schema that is an object
//	|a|b                               one of these words
//	Tool                               the shape of this name
//	T[] T{}                            an array, an object of any names, of T
//
//	no mark   may be missing; null counts as missing and is taken out
//	!         must be there
//	=         is put in where it is missing: the only word, "", [] or {}
//	~         is for display or is of no use if it does not fit: taken out then
//
// "Block text" holds beside "Block" for a value whose "type" is "text"; a type
// that the table does not know is let pass. A member named "" lists what at
// least one of has to be there. Members that the table does not name pass.
//
// # What it changes
//
// Beside the marks: an empty array where an object belongs is an empty object
// (PHP writes it so), and the schema `true` is `{}`, `false` is `{"not":{}}`.
// Everything else stays byte for byte: a value that fits is returned as it came.
package shape

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

//go:embed shapes.json
var table []byte

// Shapes are the shapes of one revision. They are immutable.
type Shapes struct{ named map[string]*object }

// Legacy are the shapes of the revisions with a handshake, 2024-11-05 to
// 2025-11-25; Modern are those from 2026-07-28 on.
var Legacy, Modern = load("2024-11-05"), load("2026-07-28")

// object is a shape: what the members of a JSON object must be.
type object struct {
	members  []member
	oneOf    []string           // at least one of these must be there
	variants map[string]*object // by the value of the member "type"
}

type member struct {
	name string
	typ  *typ
}

type kind int

const (
	anything kind = iota
	scalar        // judged by fits
	shaped        // an object with a shape
	list
	dict
	words
	schema
)

// typ is a parsed entry of the table.
type typ struct {
	kind  kind
	name  string // as the table has it, without the mark
	mark  byte   // '!', '=', '~', or 0
	fits  func(json.RawMessage) bool
	of    *object // for shaped
	elem  *typ    // for list and dict
	words []string
}

func load(revision string) *Shapes {
	var sections []struct {
		Revision string
		Shapes   map[string]json.RawMessage
	}
	if err := json.Unmarshal(table, &sections); err != nil {
		panic("upstream/shape: " + err.Error())
	}
	raw := map[string]json.RawMessage{}
	for _, s := range sections {
		for name, text := range s.Shapes {
			if s.Revision <= revision {
				raw[name] = text
			}
		}
	}
	s := &Shapes{named: map[string]*object{}}
	for name := range raw {
		s.named[name] = &object{}
	}
	for name, text := range raw {
		s.named[name].read(s, text)
		if base, variant, ok := strings.Cut(name, " "); ok {
			o := s.named[base]
			if o.variants == nil {
				o.variants = map[string]*object{}
			}
			o.variants[variant] = s.named[name]
		}
	}
	return s
}

// read fills a shape from its entry, members in the order of the table.
func (o *object) read(s *Shapes, text json.RawMessage) {
	d := json.NewDecoder(bytes.NewReader(text))
	_, _ = d.Token() // the brace; load has read it all before
	for d.More() {
		name, _ := d.Token()
		var entry string
		if err := d.Decode(&entry); err != nil {
			panic("upstream/shape: " + err.Error())
		}
		if name == "" {
			o.oneOf = strings.Split(entry, "|")
			continue
		}
		o.members = append(o.members, member{name.(string), s.parse(entry)})
	}
}

func (s *Shapes) parse(entry string) *typ {
	t := &typ{name: entry}
	if last := entry[len(entry)-1]; strings.IndexByte("!=~", last) >= 0 {
		t.mark, t.name = last, entry[:len(entry)-1]
	}
	switch {
	case strings.HasSuffix(t.name, "[]"):
		t.kind, t.elem = list, s.parse(strings.TrimSuffix(t.name, "[]"))
	case strings.HasSuffix(t.name, "{}"):
		t.kind, t.elem = dict, s.parse(strings.TrimSuffix(t.name, "{}"))
	case t.name[0] == '|':
		t.kind, t.words = words, strings.Split(t.name[1:], "|")
	case t.name == "any":
	case t.name == "object":
		t.kind, t.elem = dict, &typ{}
	case t.name == "schema":
		t.kind = schema
	case scalars[t.name] != nil:
		t.kind, t.fits = scalar, scalars[t.name]
	case s.named[t.name] != nil:
		t.kind, t.of = shaped, s.named[t.name]
	default:
		panic(fmt.Sprintf("upstream/shape: the table has no %q", t.name))
	}
	return t
}

// empty is what is put in where a member marked "=" is missing.
func (t *typ) empty() string {
	switch t.kind {
	case list:
		return "[]"
	case words:
		return `"` + t.words[0] + `"`
	case scalar:
		return `""`
	}
	return "{}"
}

// find returns the member of a name as it stands in JSON; -1 if the shape has
// none.
func (o *object) find(name []byte) int {
	return slices.IndexFunc(o.members, func(m member) bool { return m.name == string(name) })
}
