package upstream

import (
	"bytes"
	"encoding/json"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"toolward/gateway"
	"toolward/upstream/shape"
)

// Nearly every schema of a tool is made of few keywords, and nearly every call fits
// it. That can be seen in one pass over the arguments as they are written, without
// the values that jsonschema wants, which cost more than all the rest of a call of
// 64 KiB. A glance says only that arguments fit: where it does not see that they do,
// and for every schema with another keyword, jsonschema decides, and says why.
//
//	{"type":"object","properties":{"id":{"type":"integer"}},"required":["id"]}
//	{"id":7}     fits
//	{"id":7.0}   jsonschema is asked: it fits
//	{"id":"7"}   jsonschema is asked: it does not

// glance is a schema, compiled.
type glance struct {
	kinds    kinds
	also     []*glance // which have to hold besides
	either   []*glance // one of which has to hold; nil for no such
	members  map[string]*seenMember
	required uint64   // bits of members
	others   *glance  // of members without a name here
	items    *glance  // of an array
	count    span     // of its elements
	size     span     // of an object
	length   span     // of a text, in characters
	texts    [][]byte // which are all that a text can be, unless nil
	pattern  jsonschema.Regexp
	format   *jsonschema.Format
	number   *span // of an integer; nil for any number
	passes   int   // over each byte of the value, at most
}

type seenMember struct {
	schema *glance // nil for any value
	bit    uint64  // of required
}

// span is two bounds that are within it.
type span struct{ least, most int64 }

func (s span) has(n int64) bool { return s.least <= n && n <= s.most }

// kinds are types of JSON, as bits.
type kinds uint8

const (
	kindNull kinds = 1 << iota
	kindBoolean
	kindNumber
	kindInteger
	kindString
	kindArray
	kindObject
	anyKind = kindNull | kindBoolean | kindNumber | kindString | kindArray | kindObject
)

var kindOf = map[string]kinds{
	"null": kindNull, "boolean": kindBoolean, "number": kindNumber, "integer": kindInteger, "string": kindString, "array": kindArray, "object": kindObject,
}

// maxPasses is how often a byte may be looked at: a schema chooses how many others
// hold for one value, and jsonschema, which goes over values and not over bytes, is
// cheaper where they are many.
const maxPasses = 4

// glanceAt compiles a schema, or returns nil if it says anything that a glance does
// not see.
func glanceAt(s *jsonschema.Schema) *glance {
	g := glancing{known: map[*jsonschema.Schema]*glance{}}.of(s)
	if g == nil || g.passes > maxPasses {
		return nil
	}
	return g
}

// glancing compiles schemas, each once. One that is under way has nil: those that
// refer to themselves are left to jsonschema.
type glancing struct {
	known map[*jsonschema.Schema]*glance
}

// seen are the fields of a schema that a glance knows; those from Title on say
// nothing about values.
var seen = map[string]bool{
	"Bool": true, "Ref": true, "Types": true, "Enum": true, "Const": true, "AllOf": true, "AnyOf": true, "Format": true, "MaxProperties": true, "MinProperties": true,
	"Required": true, "Properties": true, "AdditionalProperties": true, "MinItems": true, "MaxItems": true, "Items": true, "Items2020": true,
	"MinLength": true, "MaxLength": true, "Pattern": true, "Maximum": true, "Minimum": true, "ExclusiveMaximum": true, "ExclusiveMinimum": true,
	"DraftVersion": true, "Location": true, "ID": true, "Anchor": true, "DynamicAnchor": true, "RecursiveAnchor": true,
	"Title": true, "Description": true, "Default": true, "Comment": true, "ReadOnly": true, "WriteOnly": true, "Examples": true, "Deprecated": true,
}

// familiar reports whether a schema has no other keyword.
func familiar(s *jsonschema.Schema) bool {
	v := reflect.ValueOf(s).Elem()
	for field, value := range v.Fields() {
		if field.IsExported() && !seen[field.Name] && !value.IsZero() {
			return false
		}
	}
	return true
}

func (c glancing) of(s *jsonschema.Schema) *glance {
	if g, ok := c.known[s]; ok {
		return g
	}
	c.known[s] = nil
	g := c.compile(s)
	c.known[s] = g
	return g
}

func (c glancing) compile(s *jsonschema.Schema) *glance {
	if s.Bool != nil {
		if !*s.Bool {
			return nothing
		}
		return &glance{kinds: anyKind, count: anySize, size: anySize, length: anySize, passes: 1}
	}
	if !familiar(s) {
		return nil
	}
	g := &glance{
		kinds: anyKind, pattern: s.Pattern, format: s.Format,
		count: sizes(s.MinItems, s.MaxItems), size: sizes(s.MinProperties, s.MaxProperties), length: sizes(s.MinLength, s.MaxLength),
	}
	if s.Types != nil && !s.Types.IsEmpty() {
		g.kinds = 0
		for _, name := range s.Types.ToStrings() {
			g.kinds |= kindOf[name]
		}
	}
	if !g.choices(s) || !g.numbers(s) || !c.object(g, s) || !c.array(g, s) || !c.besides(g, s) {
		return nil
	}
	return g
}

var anySize = span{0, 1 << 62}

func sizes(least, most *int) span {
	s := anySize
	if least != nil {
		s.least = int64(*least)
	}
	if most != nil {
		s.most = int64(*most)
	}
	return s
}

// choices reads enum and const. Those of other values than texts and null are not
// seen.
func (g *glance) choices(s *jsonschema.Schema) bool {
	lists := [][]any{}
	if s.Enum != nil {
		lists = append(lists, s.Enum.Values)
	}
	if s.Const != nil {
		lists = append(lists, []any{*s.Const})
	}
	if len(lists) > 1 {
		return false
	}
	for _, list := range lists {
		g.texts = [][]byte{}
		can := kinds(0)
		for _, v := range list {
			switch v := v.(type) {
			case nil:
				can |= kindNull
			case string:
				can |= kindString
				g.texts = append(g.texts, []byte(v))
			default:
				return false
			}
		}
		g.kinds &= can
	}
	return true
}

// numbers reads the bounds of numbers, which only integers are held against.
func (g *glance) numbers(s *jsonschema.Schema) bool {
	g.number = &span{-1 << 62, 1 << 62}
	ok := true
	bound := func(r *big.Rat, at *int64, more int64, closer func(a, b int64) int64) {
		if r == nil {
			return
		}
		if !r.IsInt() || !r.Num().IsInt64() || r.Num().BitLen() > 60 {
			ok = false
			return
		}
		*at = closer(*at, r.Num().Int64()+more)
	}
	larger, smaller := func(a, b int64) int64 { return max(a, b) }, func(a, b int64) int64 { return min(a, b) }
	bound(s.Minimum, &g.number.least, 0, larger)
	bound(s.ExclusiveMinimum, &g.number.least, 1, larger)
	bound(s.Maximum, &g.number.most, 0, smaller)
	bound(s.ExclusiveMaximum, &g.number.most, -1, smaller)
	if *g.number == (span{-1 << 62, 1 << 62}) {
		g.number = nil
	}
	return ok
}

// below adds what a byte of a member or element costs.
func (g *glance) below(sub *glance) { g.passes = max(g.passes, sub.passes) }

func (c glancing) object(g *glance, s *jsonschema.Schema) bool {
	g.passes = 1
	if len(s.Required) > 64 {
		return false
	}
	g.members = map[string]*seenMember{}
	for name, of := range s.Properties {
		sub := c.of(of)
		if sub == nil {
			return false
		}
		g.below(sub)
		g.members[name] = &seenMember{schema: sub}
	}
	switch of := s.AdditionalProperties.(type) {
	case nil:
	case bool:
		if !of {
			g.others = nothing
		}
	case *jsonschema.Schema:
		if g.others = c.of(of); g.others == nil {
			return false
		}
		g.below(g.others)
	default:
		return false
	}
	for i, name := range s.Required {
		if g.members[name] == nil {
			g.members[name] = &seenMember{schema: g.others}
		}
		g.members[name].bit = 1 << i
		g.required |= 1 << i
	}
	return true
}

// nothing fits.
var nothing = &glance{passes: 1}

func (c glancing) array(g *glance, s *jsonschema.Schema) bool {
	of := s.Items2020
	switch items := s.Items.(type) {
	case nil:
	case *jsonschema.Schema:
		of = items
	default:
		return false
	}
	if of == nil {
		return true
	}
	if g.items = c.of(of); g.items == nil {
		return false
	}
	g.below(g.items)
	return true
}

// besides reads the schemas that hold for the same value.
func (c glancing) besides(g *glance, s *jsonschema.Schema) bool {
	also := slices.Clone(s.AllOf)
	if s.Ref != nil {
		also = append(also, s.Ref)
	}
	for _, list := range []struct {
		of []*jsonschema.Schema
		to *[]*glance
	}{{also, &g.also}, {s.AnyOf, &g.either}} {
		for _, of := range list.of {
			sub := c.of(of)
			if sub == nil {
				return false
			}
			*list.to = append(*list.to, sub)
			g.passes = min(g.passes+sub.passes, maxPasses+1)
		}
	}
	return true
}

// fits reports whether a value fits that gateway.ParseObject accepted. False says
// nothing.
func (g *glance) fits(raw json.RawMessage) bool {
	c := shape.Over(raw)
	return g.value(&c)
}

// value holds the value that begins here against a schema and passes it. After false
// the cursor stands anywhere.
func (g *glance) value(c *shape.Cursor) bool {
	for _, also := range g.also {
		again := *c
		if !also.value(&again) {
			return false
		}
	}
	if g.either != nil && !slices.ContainsFunc(g.either, func(one *glance) bool {
		again := *c
		return one.value(&again)
	}) {
		return false
	}
	switch c.Here() {
	case '{':
		return g.kinds&kindObject != 0 && g.format == nil && g.object(c)
	case '[':
		return g.kinds&kindArray != 0 && g.format == nil && g.array(c)
	case '"':
		return g.kinds&kindString != 0 && g.text(c.Text())
	case 'n':
		c.Skip()
		return g.kinds&kindNull != 0 && g.format == nil
	case 't', 'f':
		c.Skip()
		return g.kinds&kindBoolean != 0 && g.format == nil
	}
	return g.kinds&(kindNumber|kindInteger) != 0 && g.format == nil && g.numeral(c.Skip())
}

func (g *glance) object(c *shape.Cursor) bool {
	c.Open()
	var n int64
	missing := g.required
	for name, ok := c.Member(); ok; name, ok = c.Member() {
		n++
		if bytes.IndexByte(name, '\\') >= 0 {
			name = []byte(gateway.Unquote(`"` + string(name) + `"`))
		}
		schema := g.others
		if m := g.members[string(name)]; m != nil {
			schema = m.schema
			missing &^= m.bit
		}
		if schema == nil {
			c.Skip()
		} else if !schema.value(c) {
			return false
		}
	}
	return missing == 0 && g.size.has(n)
}

func (g *glance) array(c *shape.Cursor) bool {
	if g.items == nil && g.count == anySize {
		c.Skip()
		return true
	}
	c.Open()
	var n int64
	for ; c.Element(); n++ {
		if g.items == nil {
			c.Skip()
		} else if !g.items.value(c) {
			return false
		}
	}
	return g.count.has(n)
}

// text holds what stands between quotes against what is wanted of texts.
func (g *glance) text(raw []byte) bool {
	if g.texts == nil && g.length == anySize && g.pattern == nil && g.format == nil {
		return true
	}
	if bytes.IndexByte(raw, '\\') >= 0 {
		raw = []byte(gateway.Unquote(`"` + string(raw) + `"`))
	}
	if g.texts != nil && !slices.ContainsFunc(g.texts, func(one []byte) bool { return bytes.Equal(one, raw) }) {
		return false
	}
	if g.length != anySize && !g.length.has(int64(utf8.RuneCount(raw))) {
		return false
	}
	return (g.pattern == nil || g.pattern.MatchString(string(raw))) && (g.format == nil || g.format.Validate(string(raw)) == nil)
}

// numeral holds a number against what is wanted of numbers.
func (g *glance) numeral(word []byte) bool {
	if g.kinds&kindNumber != 0 && g.number == nil {
		return true
	}
	const most = 18 // digits of 64 bits, and a sign
	if g.number != nil {
		n, err := strconv.ParseInt(string(word), 10, 64)
		return err == nil && len(word) <= most && g.number.has(n)
	}
	return !bytes.ContainsAny(word, ".eE")
}
