package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// MaxDepth is the deepest nesting of JSON that is accepted from anyone.
const MaxDepth = 64

// An Object is a JSON object that passed the strict parser, split into its
// members. Nested values were checked with it.
type Object struct {
	members []Member
	raw     json.RawMessage
	body    *Object // "params" or "result"; nil if it is no object, is empty, or was not looked for
	checked bool    // by [ParseObject] or [CheckObject], which found nothing
}

// ParseObject parses one JSON object from an agent. It refuses, with a
// [Refusal] of code [Malformed] or [TooLarge], whatever two readers could
// understand differently: a member name that stands twice in an object or
// differs from another only in case or holds a control character, invalid UTF-8
// and lone surrogates,
// numbers with a fraction or an exponent whose digits an IEEE 754 double does
// not keep, numbers that no reader can hold, nesting deeper than [MaxDepth],
// and anything after the value. It follows RFC 8259 and RFC 7493, but for
// integers: they may be of any length that a reader can hold.
// The object keeps raw: the caller must not modify it afterwards.
func ParseObject(raw []byte) (Object, error) {
	return parse(raw, scanner{agent: true})
}

// What of an upstream's message may be wrong without the whole being lost. An
// entry of a list stands in the message, its result, and the array.
//
//	{"id":1,"result":{"tools":[{"name":"a"},{"name":"b","x":1,"x":2}]}}
const (
	entryDepth = 3
	maxInside  = 10_000 // levels; encoding/json stops there as well
)

// ErrInside is in the error of [CheckJSON] if the text is JSON, and what is wrong
// stands inside of it: a number that no reader can hold anywhere, a name that
// stands twice or more levels than [MaxDepth] where entries of lists are. [Split]
// takes such a text apart all the same, for whoever can judge its parts one by one.
var ErrInside = errors.New("a part of it cannot be used")

// CheckJSON checks one JSON value from an upstream: valid UTF-8, no member
// name twice, nesting up to [MaxDepth], no number that no reader can hold,
// nothing after it (see [ErrInside]). Numbers of any precision and names that
// differ in case are legal there: they are passed on as written.
func CheckJSON(raw []byte) error {
	if !utf8.Valid(raw) {
		return notUTF8
	}
	s := scanner{b: raw}
	s.names = s.room[:0]
	return s.document()
}

// CheckObject is [CheckJSON] and [Split] in one pass. With an error that is
// [ErrInside] there is an object as well.
func CheckObject(raw []byte) (Object, error) { return parse(raw, scanner{}) }

// Split splits an upstream's JSON object, which [CheckJSON] accepted, into its members.
func Split(raw json.RawMessage) (Object, error) { return parse(raw, scanner{trust: true}) }

// Elements are the elements of a checked JSON array, as written; false if it is none.
func Elements(raw json.RawMessage) (all []json.RawMessage, ok bool) {
	s := scanner{b: raw, trust: true}
	if s.space(); s.i == len(raw) || raw[s.i] != '[' {
		return nil, false
	}
	s.i++
	if s.space(); s.i < len(raw) && raw[s.i] == ']' {
		return nil, true
	}
	for s.i < len(raw) {
		start := s.i
		if s.value(1) != nil {
			return nil, false
		}
		all = append(all, raw[start:s.i:s.i])
		s.space()
		if s.i == len(raw) || raw[s.i] != ',' {
			return all, s.i < len(raw) && raw[s.i] == ']'
		}
		s.i++
		s.space()
	}
	return nil, false
}

// MayName reports whether checked JSON can have a member or a text that holds a
// word of ASCII, at any depth. It is a search of the bytes, and wrong only in saying
// yes: whoever wants to be overlooked writes "task\u0049d", and encoders of PHP write
// "io.modelcontextprotocol\/related-task".
func MayName(raw []byte, word string) bool {
	return bytes.Contains(raw, []byte(word)) || bytes.Contains(raw, []byte(`\u`)) || strings.Contains(word, "/") && bytes.Contains(raw, []byte(`\/`))
}

// Find is the value of one member of checked JSON, false if it has none or is no
// object. The others are passed, and nothing is kept of them.
func Find(raw json.RawMessage, wanted string) (found json.RawMessage, ok bool) {
	eachMember(raw, func(n name, value json.RawMessage) bool {
		if ok = string(n.b) == wanted; ok {
			found = value
		}
		return !ok
	})
	return found, ok
}

// eachMember goes over the members of checked JSON until f says no; over none if it
// is no object.
func eachMember(raw json.RawMessage, f func(n name, value json.RawMessage) bool) {
	s := scanner{b: raw, trust: true}
	if s.space(); s.i == len(raw) || raw[s.i] != '{' {
		return
	}
	s.i++
	for s.space(); s.i < len(raw) && raw[s.i] == '"'; s.space() {
		n, err := s.name()
		if err != nil {
			return
		}
		value, err := s.colon(0)
		if err != nil || !f(n, value) {
			return
		}
		if s.space(); s.i == len(raw) || raw[s.i] != ',' {
			return
		}
		s.i++
	}
}

var notUTF8 = Refuse("surface", Malformed, "the JSON is not valid UTF-8")

func parse(raw json.RawMessage, s scanner) (Object, error) {
	if !s.trust && !utf8.Valid(raw) {
		return Object{}, notUTF8
	}
	s.b, s.top = raw, true
	s.names = s.room[:0]
	s.space()
	if s.i < len(raw) && raw[s.i] != '{' {
		return Object{}, Refuse("surface", Malformed, "expected a JSON object")
	}
	s.members = make([]Member, 0, 8)
	err := s.document()
	if err != nil && !errors.Is(err, ErrInside) {
		return Object{}, err
	}
	checked := !s.trust && err == nil
	if s.body != nil {
		s.body.checked = checked
	}
	return Object{raw: bytes.TrimSpace(raw), members: s.members, body: s.body, checked: checked}, err
}

// Raw is the object as written.
func (o Object) Raw() json.RawMessage { return o.raw }

// Members returns the members in order. The caller must not modify them.
func (o Object) Members() []Member { return o.members }

// Get returns the value of the member, as written.
func (o Object) Get(name string) (json.RawMessage, bool) {
	for i := range o.members {
		if o.members[i].Name == name {
			return o.members[i].Value, true
		}
	}
	return nil, false
}

// Body is what a message is about, "params" or "result", split with the message; nil
// if it has none, or that is no object or has no members.
func (o Object) Body() *Object { return o.body }

// Object returns the member as an object. A missing member is an empty object.
func (o Object) Object(name string) (Object, error) {
	raw, ok := o.Get(name)
	if !ok {
		return Object{raw: json.RawMessage("{}")}, nil
	}
	sub, err := Split(raw)
	if err != nil {
		return Object{}, Refuse("surface", Malformed, fmt.Sprintf("%q must be an object", name))
	}
	return sub, nil
}

// Args returns the member as Args. A missing member is the empty object; any
// other value than an object is refused.
func (o Object) Args(name string) (Args, error) {
	raw, ok := o.Get(name)
	if !ok {
		return Args{}, nil
	}
	if raw[0] != '{' {
		return Args{}, Refuse("surface", Malformed, fmt.Sprintf("%q must be an object", name))
	}
	return newArgs(raw), nil
}

// ArgsWithout returns the object as Args, without the named members.
func (o Object) ArgsWithout(names ...string) Args {
	rest := o.Without(names...)
	if len(rest) == len(o.members) && o.raw != nil {
		return newArgs(o.raw)
	}
	return newArgs(JoinMembers(rest))
}

// Without returns the members that are not named.
func (o Object) Without(names ...string) []Member {
	var rest []Member
next:
	for _, m := range o.members {
		for _, n := range names {
			if m.Name == n {
				continue next
			}
		}
		rest = append(rest, m)
	}
	return rest
}

// String returns the member as a string; ok is false if it is missing.
func (o Object) String(name string) (s string, ok bool, err error) {
	raw, ok := o.Get(name)
	if !ok {
		return "", false, nil
	}
	if raw[0] != '"' {
		return "", true, Refuse("surface", Malformed, fmt.Sprintf("%q must be a string", name))
	}
	return Unquote(string(raw)), true, nil
}

// RefuseFolded refuses members whose name equals one of the known names but
// for case: a reader that folds case (encoding/json does) would take them for
// the known one. This is the class of CVE-2026-27896.
func (o Object) RefuseFolded(known ...string) error {
	for _, m := range o.members {
		ascii := !strings.ContainsFunc(m.Name, func(r rune) bool { return r >= utf8.RuneSelf })
		for _, k := range known {
			if ascii && len(m.Name) != len(k) {
				continue // the known ones are ASCII, and such texts fold to their length
			}
			if m.Name != k && strings.EqualFold(m.Name, k) {
				return Refuse("surface", Malformed, fmt.Sprintf("member name %q differs from %q only in case", clip(m.Name), k))
			}
		}
	}
	return nil
}

// JoinMembers writes members as a JSON object, values as they are.
func JoinMembers(members []Member) json.RawMessage {
	n := 2
	for _, m := range members {
		n += len(m.Name) + len(m.Value) + 4
	}
	out := make([]byte, 0, n)
	out = append(out, '{')
	for i, m := range members {
		if i > 0 {
			out = append(out, ',')
		}
		out, _ = jsontext.AppendQuote(out, m.Name)
		out = append(out, ':')
		out = append(out, m.Value...)
	}
	return append(out, '}')
}

// fold maps each rune to the smallest of its simple case folding orbit, which
// is the equality of [strings.EqualFold].
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for x := unicode.SimpleFold(r); x != r; x = unicode.SimpleFold(x) {
			least = min(least, x)
		}
		return least
	}, s)
}

// clip bounds what an attacker's value adds to a message.
func clip(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	for i := most; i > most-4; i-- {
		if utf8.RuneStart(s[i]) {
			return s[:i] + "…"
		}
	}
	return s[:most] + "…"
}
