// Package definition compares a tool's definition with the one that was
// accepted before, and with those of other servers.
//
// [Diff] lists what changed, and says of each change whether it can matter to
// what a model does: any word of a description, any part of a schema, any
// annotation can; layout, punctuation, key order, and the order of sets cannot.
// Characters that a person does not see are shown by their code points, and a
// change that brings them in always matters.
//
// [Names.Shadows] finds tools that reach for another server's tool: a name that
// looks like its name, or a description that says when to use this one instead
// of that one or what to do before it.
package definition

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"sort"
	"strings"
	"unicode"

	"toolward/gateway"
)

// Change is one difference between two definitions.
type Change struct {
	Path       string // RFC 6901 pointer into the definition
	Part       string // what it is for a person: "description", "input schema", "annotations"
	Before     string // text, or compact JSON; "" if it was not there
	After      string // likewise; "" if it is gone
	Meaningful bool   // it can change what a model or the gateway does
	Note       string // why, or why not
}

// Diff lists the differences between two definitions of one tool, in order of
// path. Both are JSON objects that were checked; it is empty if they say the
// same, in whatever form. Anything else compares as a whole.
func Diff(before, after json.RawMessage) []Change {
	d := differ{}
	d.value("", gateway.Decode(before), gateway.Decode(after))
	sort.SliceStable(d.changes, func(i, j int) bool { return d.changes[i].Path < d.changes[j].Path })
	return d.changes
}

type differ struct{ changes []Change }

func (d *differ) value(path string, a, b any) {
	switch x := a.(type) {
	case map[string]any:
		if y, ok := b.(map[string]any); ok {
			d.object(path, x, y)
			return
		}
	case []any:
		if y, ok := b.([]any); ok {
			d.array(path, x, y)
			return
		}
	}
	if same(a, b) {
		return
	}
	d.add(path, a, b)
}

func (d *differ) object(path string, a, b map[string]any) {
	for name := range a {
		d.member(path, name, a[name], b[name], true, has(b, name))
	}
	for name := range b {
		if !has(a, name) {
			d.member(path, name, nil, b[name], false, true)
		}
	}
}

func has(m map[string]any, name string) bool { _, ok := m[name]; return ok }

func (d *differ) member(path, name string, a, b any, before, after bool) {
	path += "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
	switch {
	case before && after:
		d.value(path, a, b)
	case before:
		d.add(path, a, absent{})
	default:
		d.add(path, absent{}, b)
	}
}

// absent stands for a member that is not there; null is one that is.
type absent struct{}

// sets are members whose order says nothing (JSON Schema 2020-12 §6.1.2, §6.5.3).
var sets = []string{"/required", "/enum", "/type"}

func (d *differ) array(path string, a, b []any) {
	if slices.ContainsFunc(sets, func(s string) bool { return strings.HasSuffix(path, s) }) {
		if sameSet(a, b) {
			if !same(a, b) {
				d.changes = append(d.changes, Change{Path: path, Part: part(path), Before: show(a), After: show(b), Note: "the order of a set"})
			}
			return
		}
		d.add(path, a, b)
		return
	}
	if len(a) != len(b) {
		d.add(path, a, b)
		return
	}
	for i := range a {
		d.value(fmt.Sprintf("%s/%d", path, i), a[i], b[i])
	}
}

func same(a, b any) bool { return reflect.DeepEqual(a, b) } // not as they are shown: "1" is not 1

func sameSet(a, b []any) bool {
	x, y := make([]string, len(a)), make([]string, len(b))
	for i := range a {
		x[i] = show(a[i])
	}
	for i := range b {
		y[i] = show(b[i])
	}
	slices.Sort(x)
	slices.Sort(y)
	return slices.Equal(x, y)
}

// show is a value as text: strings as they are, the rest as JSON with sorted keys.
func show(v any) string {
	switch v := v.(type) {
	case absent:
		return ""
	case string:
		return v
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

func (d *differ) add(path string, a, b any) {
	c := Change{Path: path, Part: part(path), Before: show(a), After: show(b)}
	c.Meaningful, c.Note = matters(path, a, b)
	d.changes = append(d.changes, c)
}

// part names what a path is in.
func part(path string) string {
	first, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch first {
	case "inputSchema":
		if i := strings.LastIndexByte(rest, '/'); i >= 0 && rest[i+1:] == "description" {
			return "a parameter's description"
		}
		return "input schema"
	case "outputSchema":
		return "output schema"
	case "_meta":
		return "metadata"
	case "":
		return "definition"
	}
	return first
}

// matters says whether a change can change what a model or the gateway does.
func matters(path string, a, b any) (bool, string) {
	x, isText := a.(string)
	y, isText2 := b.(string)
	switch {
	case strings.HasPrefix(path, "/_meta"), strings.HasPrefix(path, "/icons"):
		return false, "not shown to models"
	case strings.HasSuffix(path, "/$schema"), strings.HasSuffix(path, "/$comment"):
		return false, "says nothing about values"
	case strings.HasPrefix(path, "/annotations"):
		return true, "clients and policy decide by it"
	case isText && isText2 && hidden(y) && !hidden(x):
		return true, "brings in characters that a person does not see"
	case isText && isText2 && prose(path) && letters(x) == letters(y):
		return false, "layout, case and punctuation"
	case prose(path):
		return true, "models act on it"
	case strings.Contains(path, "chema"):
		return true, "changes what may be sent or returned"
	}
	return true, ""
}

// prose reports whether a path holds text for reading.
func prose(path string) bool {
	last := path[strings.LastIndexByte(path, '/')+1:]
	return last == "description" || last == "title"
}

// letters is a text without what layout and style change.
func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsSymbol(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}

// hidden reports whether a text holds characters that a person does not see.
func hidden(s string) bool { return strings.ContainsFunc(s, unseen) }

// unseen are format and control characters, variation selectors and tags.
func unseen(r rune) bool {
	return unicode.Is(unicode.Cf, r) || r < ' ' && r != '\n' && r != '\t' && r != '\r' || r == 0x7f ||
		r >= 0xfe00 && r <= 0xfe0f || r >= 0xe0000 && r <= 0xe0fff
}
