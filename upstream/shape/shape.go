// Package shape knows what MCP's definitions, results, notifications and
// questions look like to those who read them, and makes what is written fit
// where that changes nothing.
//
// Clients check a list as a whole: one tool whose inputSchema has no type makes
// the official TypeScript client reject all tools of all upstreams. So each
// definition is held against the shape that clients check, once, when it is
// read, and each message when it comes, in both directions.
//
// # The table
//
// shapes.json is the table, by the revision from which a shape holds, with its
// sources. A member is written as a type and a mark:
//
//	string boolean number any object   as JSON has them
//	integer whole fraction token       whole and within 53 bits; that and not negative; 0 to 1; a string or whole
//	count                              whole, not negative and within 64 bits
//	uri url file                       RFC 3986 with a scheme; one that can be visited; of a file
//	base64 datetime                    RFC 4648 §4; RFC 3339 §5.6
//	lifetime field choices             a task's ttl; what a form's field can hold; what it offers
//	schema                             a JSON Schema that is an object
//	|a|b                               one of these words
//	Tool                               the shape of this name
//	T[] T{} T+                         an array, an object of any names, of T; a T or an array of them
//	T[100]                             an array; what comes after the first hundred is taken out
//	T?                                 a Block, Contents or Message; where something else stands, a text that says so takes its place
//	T?[]                               as well: one T that stands where an array of them belongs is an array of one
//	flag                               a boolean, also in words ("true") or numbers (1)
//	by, by V                           which variant holds; V where it is missing
//
//	no mark   may be missing; null counts as missing and is taken out
//	!         must be there
//	=         is put in where it is missing: the only word, "", [], {}, or what follows the mark
//	~         is for display or is of no use if it does not fit: taken out then
//	~=V       both: V is put in then
//
// "Block text" is a variant: it holds beside and before "Block" for a value that
// has "text" where "Block" has "by". A member named "" lists what at least one of
// has to be there. Members that the table does not name pass. A shape of a later
// revision takes the place of the one before. What agents' clients do not know
// from a capability (types of content) has the revision that it came with; else
// the revisions with a handshake are taken together.
//
// Params have the name of their method, and what answers a question that of the
// question with ":result".
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
	"maps"
	"slices"
	"strconv"
	"strings"
)

//go:embed shapes.json
var table []byte

// Shapes are the shapes of one revision. They are immutable.
type Shapes struct {
	revision string
	named    map[string]*object
}

// revisions are those of MCP, newest first.
var revisions = []*Shapes{load("2026-07-28"), load("2025-11-25"), load("2025-06-18"), load("2025-03-26"), load("2024-11-05")}

// Modern are the shapes from 2026-07-28 on; Legacy are the last with a handshake,
// and of definitions those of all revisions before.
var Modern, Legacy = revisions[0], revisions[1]

// Of returns the shapes of a revision that somebody speaks, or of the last one
// before it; "" is for who speaks none of them, and takes all.
func Of(revision string) *Shapes {
	if revision == "" {
		return Modern
	}
	for _, s := range revisions {
		if revision >= s.revision {
			return s
		}
	}
	return revisions[len(revisions)-1]
}

// object is a shape: what the members of a JSON object must be.
type object struct {
	members  []member
	oneOf    []string           // at least one of these must be there
	by       int                // the member that chooses the variant; -1 if there are none
	usual    *object            // the variant where that is missing; nil if it must be there
	variants map[string]*object //
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
	many // one, or a list
	words
	schema
)

// typ is a parsed entry of the table.
type typ struct {
	kind  kind
	name  string // as the table has it, without the mark
	mark  byte   // '!', '=', '~', or 0
	with  string // what is put in, if the mark says so; "" is what its kind is when empty
	null  bool   // null is a value of it
	says  bool   // where it does not fit, what says so takes its place
	most  int    // of a list; 0 is without end
	fits  func(json.RawMessage) bool
	of    *object // for shaped
	elem  *typ    // for list, dict and many
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
	s := &Shapes{revision, map[string]*object{}}
	names := slices.Sorted(maps.Keys(raw))
	for _, name := range names {
		s.named[name] = &object{by: -1}
	}
	for _, name := range names { // a shape comes before its variants
		s.named[name].read(s, raw[name])
		if base, variant, ok := strings.Cut(name, " "); ok {
			s.named[base].vary(variant, s.named[name])
		}
	}
	return s
}

// vary adds a variant to a shape.
func (o *object) vary(name string, variant *object) {
	t := o.members[o.by].typ
	if o.variants == nil {
		o.variants = map[string]*object{}
	}
	o.variants[name] = variant
	t.words = append(t.words, name)
	if t.name == "by "+name {
		o.usual = variant
	}
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
		t := s.parse(entry)
		if t.name == "by" || strings.HasPrefix(t.name, "by ") {
			o.by = len(o.members)
		}
		o.members = append(o.members, member{name.(string), t})
	}
}

func (s *Shapes) parse(entry string) *typ {
	t := &typ{name: entry}
	t.name, t.with, _ = strings.Cut(entry, "=")
	if len(t.name) < len(entry) {
		t.mark = '='
	}
	if last := t.name[len(t.name)-1]; last == '!' || last == '~' {
		t.mark, t.name = last, t.name[:len(t.name)-1]
	}
	of, last := t.name[:len(t.name)-1], t.name[len(t.name)-1]
	switch {
	case last == '?':
		inner := *s.parse(of)
		inner.mark, inner.with, inner.says = t.mark, t.with, true
		return &inner
	case last == ']':
		of, most, _ := strings.Cut(of, "[")
		t.most, _ = strconv.Atoi(most) // "" is none
		t.kind, t.elem = list, s.parse(of)
	case last == '}':
		t.kind, t.elem = dict, s.parse(strings.TrimSuffix(of, "{"))
	case last == '+':
		t.kind, t.elem = many, s.parse(of)
	case t.name[0] == '|':
		t.kind, t.words = words, strings.Split(t.name[1:], "|")
	case t.name == "by", strings.HasPrefix(t.name, "by "):
		t.kind = words // those of the variants
	case t.name == "any":
		t.null = true
	case t.name == "object":
		t.kind, t.elem = dict, &typ{}
	case t.name == "schema":
		t.kind = schema
	case scalars[t.name] != nil:
		t.kind, t.fits = scalar, scalars[t.name]
		t.null = t.fits(json.RawMessage("null"))
	case s.named[t.name] != nil:
		t.kind, t.of = shaped, s.named[t.name]
	default:
		panic(fmt.Sprintf("upstream/shape: the table has no %q", t.name))
	}
	return t
}

// puts reports whether something is put in where a member is missing.
func (t *typ) puts() bool { return t.mark == '=' || t.with != "" }

// empty is what that is.
func (t *typ) empty() string {
	if t.with != "" {
		return t.with
	}
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
