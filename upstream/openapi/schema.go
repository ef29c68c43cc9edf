package openapi

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// shaper turns schemas of the document into one JSON Schema that stands alone:
// what they refer to is copied under $defs. It is made for one operation, for
// what is sent: properties that are readOnly are left out, and asked for by no
// "required", wherever in a composition either of them stands
// (OpenAPI 3.0.3, Schema Object, readOnly).
type shaper struct {
	doc   *document
	defs  map[string]any
	names map[string]string // of what is in defs, by its place
	taken map[string]bool
	open  map[string]bool // places that are being made and have said nothing of their own yet
	nodes int
}

// What the schemas of one operation may come to.
const (
	maxSchemaNodes = 200_000
	maxText        = 2_000 // bytes of a description in a schema
)

func (d *document) shaper() *shaper {
	return &shaper{doc: d, defs: map[string]any{}, names: map[string]string{}, taken: map[string]bool{}, open: map[string]bool{}}
}

// hidden are the names of properties that are not sent, sorted.
type hidden []string

func (h hidden) with(more map[string]bool) hidden {
	if len(more) == 0 {
		return h
	}
	for _, name := range h {
		more[name] = true
	}
	return slices.Sorted(maps.Keys(more))
}

// schema is a schema of the document as JSON Schema. It is of another value
// than those around it, a property or an element, so that it may be one of them
// again.
func (s *shaper) schema(p place) (any, error) {
	around := s.open
	s.open = map[string]bool{}
	defer func() { s.open = around }()
	return s.compose(p, nil, false)
}

// compose is schema for a part of a composition (allOf and the like), which
// shares the properties of the whole. A base is what others are made of by
// allOf: that it lists them says nothing about any of them, and would make a
// circle.
func (s *shaper) compose(p place, h hidden, base bool) (any, error) {
	if s.nodes++; s.nodes > maxSchemaNodes {
		return nil, errors.New("its schemas are too many")
	}
	if is, ok := p.value.(bool); ok {
		return is, nil
	}
	m, ok := p.value.(map[string]any)
	if !ok {
		return nil, errors.New("a schema is expected to be an object")
	}
	h = h.with(s.doc.readOnly(p, 0))
	out := make(map[string]any, len(m))
	ref, isRef := m["$ref"].(string)
	if isRef {
		target, err := s.reference(p.file, ref, h, base)
		if err != nil {
			return nil, err
		}
		out["$ref"] = target
	}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if isRef && s.doc.era != openapi31 && name != "description" && name != "title" {
			continue // beside $ref nothing else means anything before 3.1
		}
		if base && m["discriminator"] != nil && (name == "oneOf" || name == "anyOf") {
			continue
		}
		v, err := s.keyword(name, p.member(name), h)
		if err != nil {
			return nil, err
		}
		if v != nil {
			out[name] = v
		}
	}
	if list, ok := m["items"].([]any); ok && len(list) > 0 { // before 2020-12
		v, err := s.list("prefixItems", p.member("items"), h)
		if err != nil {
			return nil, err
		}
		out["prefixItems"] = v
	}
	return modernise(out, m), nil
}

// keyword is the value of a keyword, nil if it is left out.
func (s *shaper) keyword(name string, p place, h hidden) (any, error) {
	k, known := keywords[name]
	if !known {
		return nil, nil
	}
	switch k {
	case aSchema:
		if name == "items" && p.list() != nil && len(p.list()) > 0 {
			return nil, nil
		}
		if !isSchema(p.value) {
			return nil, nil
		}
		if name == "not" || name == "if" || name == "then" || name == "else" {
			return s.compose(p, h, false)
		}
		return s.schema(p)
	case schemaList:
		return s.list(name, p, h)
	case schemaMap:
		return s.properties(name, p, h)
	}
	v, ok := k.fits(p.value)
	if !ok {
		return nil, nil
	}
	switch name {
	case "description":
		return clip(v.(string), maxText), nil
	case "required":
		left := slices.DeleteFunc(v.([]any), func(name any) bool { return slices.Contains(h, name.(string)) })
		if len(left) == 0 {
			return nil, nil
		}
		return left, nil
	}
	return v, nil
}

func isSchema(v any) bool {
	switch v.(type) {
	case map[string]any, bool:
		return true
	}
	return false
}

func (s *shaper) list(name string, p place, h hidden) (any, error) {
	var out []any
	for _, sub := range p.list() {
		if !isSchema(sub.value) {
			continue
		}
		part := h
		if name == "prefixItems" {
			part = nil
		}
		v, err := s.compose(sub, part, name == "allOf")
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	if out == nil {
		return nil, nil
	}
	return out, nil
}

func (s *shaper) properties(name string, p place, h hidden) (any, error) {
	out := make(map[string]any, len(p.object()))
	for _, property := range slices.Sorted(maps.Keys(p.object())) {
		sub := p.member(property)
		if !isSchema(sub.value) || name == "properties" && slices.Contains(h, property) {
			continue
		}
		v, err := s.schema(sub)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", clip(property, 100), err)
		}
		out[property] = v
	}
	if len(out) == 0 && name != "properties" {
		return nil, nil
	}
	return out, nil
}

// reference copies what a reference leads to under $defs, once for each set of
// properties that are left out of it.
func (s *shaper) reference(file, ref string, h hidden, base bool) (string, error) {
	target, key, err := s.doc.resolve(file, ref)
	if err != nil {
		return "", err
	}
	h = h.with(s.doc.readOnly(target, 0))
	if _, cyclic := target.object()["discriminator"]; !cyclic {
		base = false
	}
	key += "\x00" + strconv.FormatBool(base) + "\x00" + strings.Join(h, "\x00")
	if s.open[key] {
		return "", fmt.Errorf("the schema %q is made of itself", clip(ref, 200))
	}
	name, known := s.names[key]
	if !known {
		name = s.name(key)
		s.names[key] = name
		s.open[key] = true
		v, err := s.compose(target, h, base)
		delete(s.open, key)
		if err != nil {
			return "", fmt.Errorf("%s: %w", clip(ref, 200), err)
		}
		s.defs[name] = v
	}
	return "#/$defs/" + name, nil
}

// name is a name for a place that no other has: its last step.
func (s *shaper) name(key string) string {
	place, _, _ := strings.Cut(key, "\x00")
	place = place[strings.LastIndexAny(place, "/#")+1:]
	name := clip(cleaned(place), 60)
	if name == "" {
		name = "schema"
	}
	for i := 2; s.taken[name]; i++ {
		name = strings.TrimRight(name, "0123456789") + strconv.Itoa(i)
	}
	s.taken[name] = true
	return name
}

// readOnly are the names of the properties that a schema, or what it is
// composed of, has as readOnly.
func (d *document) readOnly(p place, depth int) map[string]bool {
	const most = 8 // compositions that are nested deeper are rare, and circles are not
	m := p.object()
	if m == nil || depth > most {
		return nil
	}
	var found map[string]bool
	add := func(names map[string]bool) {
		if found == nil && len(names) > 0 {
			found = map[string]bool{}
		}
		maps.Copy(found, names)
	}
	if ref, ok := m["$ref"].(string); ok {
		if target, _, err := d.resolve(p.file, ref); err == nil {
			add(d.readOnly(target, depth+1))
		}
	}
	for name := range p.member("properties").object() {
		if d.isReadOnly(p.member("properties").member(name), 0) {
			add(map[string]bool{name: true})
		}
	}
	for _, part := range p.member("allOf").list() {
		add(d.readOnly(part, depth+1))
	}
	return found
}

func (d *document) isReadOnly(p place, depth int) bool {
	m := p.object()
	if m == nil || depth > 8 {
		return false
	}
	if m["readOnly"] == true {
		return true
	}
	if ref, ok := m["$ref"].(string); ok {
		if target, _, err := d.resolve(p.file, ref); err == nil && d.isReadOnly(target, depth+1) {
			return true
		}
	}
	return slices.ContainsFunc(p.member("allOf").list(), func(part place) bool { return d.isReadOnly(part, depth+1) })
}

// standAlone adds to a schema what it refers to.
func (s *shaper) standAlone(schema map[string]any) map[string]any {
	if len(s.defs) > 0 {
		schema["$defs"] = s.defs
	}
	return schema
}
