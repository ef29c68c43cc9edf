// Package dialect writes tools the way a provider of models accepts them.
//
// A provider takes a part of JSON Schema, and refuses the whole request when
// one tool is outside of it. The parts are data, dialects.json, each with the
// documents that it was taken from. One projector reads a schema of any draft
// (04 to 2020-12) and writes it in a dialect:
//
//   - references are followed in place; one that leads back to itself, or past a
//     bound, stands for a value of its type;
//   - allOf is merged; oneOf is anyOf; at the root alternatives are laid over
//     one another, required only what all of them require;
//   - a tuple is an array of what its places may hold;
//   - const is an enum of one; an enum, a bound or a default that the dialect
//     cannot say is put into words at the end of the description; any other
//     keyword outside of the dialect is left out;
//   - what is not named but required is named;
//   - names that the dialect does not allow get others, and calls are read with
//     them ([Form.Restore]).
//
// # What it guarantees
//
// The result is in the dialect, whatever the upstream wrote. It is wider than
// the original: what the original accepts, it accepts, because arguments are
// checked against the original whatever the model was shown. It is narrower in
// these places only, where the letter of JSON Schema is wider than what authors
// mean: a schema with keywords for one type and no "type" is of that type; a
// member that one alternative, or a condition, names is taken as described
// there; elements past the places of a tuple are like those; in a dialect that
// needs a type everywhere, an array inside of a value of any type holds no
// arrays.
//
// # What it does not do
//
// It does not check arguments, and never says that a schema fits OpenAI's strict
// mode: that mode makes every argument required, which is another tool.
package dialect

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
)

//go:embed dialects.json
var data []byte

// Dialect is what one provider, or several together, accept. It is immutable
// and safe for concurrent use.
type Dialect struct {
	ID      string   `json:"-"`       // its name, or several joined with "+"
	Sources []string `json:"sources"` // the documents it was taken from
	Tools   int      `json:"tools"`   // in one list; 0 is any number

	Names       Names       `json:"name"`
	Properties  Names       `json:"property"`
	Description Description `json:"description"`

	Levels   int      `json:"levels"`     // of nesting
	Nodes    int      `json:"properties"` // schemas in one tool
	Keywords []string `json:"keywords"`

	TypeLists   bool `json:"type_lists"`    // "type" may be a list
	Untyped     bool `json:"untyped"`       // a schema may have no type
	AnyOfBeside bool `json:"any_of_beside"` // other keywords may stand beside anyOf

	Enum    Enum                `json:"enum"`
	Formats map[string][]string `json:"formats"` // by type; nil is any
}

// Names are what a name may be.
type Names struct {
	Patterns []*regexp.Regexp // all of them; none is anything
	Prefix   string           // what makes a name of /mcp fit that does not; "" if all fit
}

// UnmarshalJSON reads {"pattern": "^…$", "prefix": "_"}.
func (n *Names) UnmarshalJSON(raw []byte) error {
	var in struct{ Pattern, Prefix string }
	if err := json.Unmarshal(raw, &in); err != nil {
		return err
	}
	re, err := regexp.Compile(in.Pattern)
	n.Patterns, n.Prefix = []*regexp.Regexp{re}, in.Prefix
	return err
}

// fit reports whether a name is allowed.
func (n Names) fit(name string) bool {
	return !slices.ContainsFunc(n.Patterns, func(re *regexp.Regexp) bool { return !re.MatchString(name) })
}

// Description is what a tool's description may be.
type Description struct {
	Most     int  `json:"most"`     // UTF-16 code units; 0 is any number
	Required bool `json:"required"` // and not empty
}

// Enum is what an enum may be.
type Enum struct {
	Types      []string `json:"types"`      // of its values; nil is any
	Empty      bool     `json:"empty"`      // an empty string is allowed
	Values     int      `json:"values"`     // at most
	Characters int      `json:"characters"` // of all strings together, where there are more than 250 values
}

var dialects = sync.OnceValue(func() map[string]*Dialect {
	var all map[string]*Dialect
	if err := json.Unmarshal(data, &all); err != nil {
		panic("dialect: dialects.json: " + err.Error())
	}
	for id, d := range all {
		d.ID = id
	}
	return all
})

// IDs are the dialects that there are, sorted.
func IDs() []string {
	var ids []string
	for id := range dialects() {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// Named is the dialect of a provider: for several, what all of them accept. It
// fails on an unknown name and on none.
func Named(ids ...string) (*Dialect, error) {
	if len(ids) == 0 {
		return nil, errors.New("no dialect is named")
	}
	var d *Dialect
	for _, id := range ids {
		next := dialects()[id]
		switch {
		case next == nil:
			return nil, fmt.Errorf("there is no dialect %q; there are %s", id, strings.Join(IDs(), ", "))
		case d == nil:
			d = next
		default:
			d = d.and(next)
		}
	}
	return d, nil
}

// and is what both accept.
func (d *Dialect) and(e *Dialect) *Dialect {
	return &Dialect{
		ID: d.ID + "+" + e.ID, Sources: append(slices.Clone(d.Sources), e.Sources...),
		Tools: least(d.Tools, e.Tools), Names: d.Names.and(e.Names), Properties: d.Properties.and(e.Properties),
		Description: Description{least(d.Description.Most, e.Description.Most), d.Description.Required || e.Description.Required},
		Levels:      least(d.Levels, e.Levels), Nodes: least(d.Nodes, e.Nodes), Keywords: meet(d.Keywords, e.Keywords),
		TypeLists: d.TypeLists && e.TypeLists, Untyped: d.Untyped && e.Untyped, AnyOfBeside: d.AnyOfBeside && e.AnyOfBeside,
		Enum: Enum{
			Types: meet(d.Enum.Types, e.Enum.Types), Empty: d.Enum.Empty && e.Enum.Empty,
			Values: least(d.Enum.Values, e.Enum.Values), Characters: least(d.Enum.Characters, e.Enum.Characters),
		},
		Formats: formats(d.Formats, e.Formats),
	}
}

func (n Names) and(o Names) Names {
	prefix := n.Prefix
	if prefix == "" {
		prefix = o.Prefix
	}
	return Names{append(slices.Clone(n.Patterns), o.Patterns...), prefix}
}

// least is the smaller bound; 0 is none.
func least(a, b int) int {
	if a == 0 || b == 0 {
		return a + b
	}
	return min(a, b)
}

// meet is what both lists hold; nil holds everything.
func meet(a, b []string) []string {
	if a == nil || b == nil {
		return append(a, b...)
	}
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return !slices.Contains(b, s) })
}

func formats(a, b map[string][]string) map[string][]string {
	if a == nil || b == nil {
		if a == nil {
			return b
		}
		return a
	}
	both := map[string][]string{}
	for kind, list := range a {
		both[kind] = meet(list, append([]string{}, b[kind]...))
	}
	return both
}

func (d *Dialect) has(keyword string) bool { return slices.Contains(d.Keywords, keyword) }

// WireName is the name on /mcp of what a model calls by name.
func (d *Dialect) WireName(name string) string {
	if p := d.Names.Prefix; p != "" {
		if rest, ok := strings.CutPrefix(name, p); ok && !d.Names.fit(rest) {
			return rest
		}
	}
	return name
}
