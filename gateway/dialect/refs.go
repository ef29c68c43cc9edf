package dialect

import (
	"net/url"
	"strconv"
	"strings"
)

// refs finds what references inside one document lead to. Nothing is fetched.
type refs struct {
	places  map[string]place // by absolute URI, with an anchor as its fragment
	draft04 bool             // an identifier is "id", not "$id"
}

type place struct {
	schema any
	base   string
}

func newRefs(root any, draft04 bool) *refs {
	r := &refs{places: map[string]place{}, draft04: draft04}
	r.index(root, "")
	base := ""
	if o, ok := root.(object); ok {
		base = r.idOf(o)
	}
	r.places[""] = place{root, base}
	return r
}

// index notes every schema that has an identifier or an anchor. What is no
// schema but looks like one (a default) does no harm: it is found last.
func (r *refs) index(v any, base string) {
	switch v := v.(type) {
	case object:
		if id := r.idOf(v); id != "" {
			base = resolveURI(base, id)
			r.note(strings.TrimSuffix(base, "#"), place{v, base})
		}
		document, _, _ := strings.Cut(base, "#")
		for _, key := range []string{"$anchor", "$dynamicAnchor"} {
			if name := v.text(key); name != "" {
				r.note(document+"#"+name, place{v, base})
			}
		}
		for _, m := range v {
			r.index(m.value, base)
		}
	case []any:
		for _, e := range v {
			r.index(e, base)
		}
	}
}

func (r *refs) note(uri string, p place) {
	if _, taken := r.places[uri]; !taken {
		r.places[uri] = p
	}
}

// find resolves a reference against the URI of where it stands.
func (r *refs) find(base, ref string) (schema any, at string, ok bool) {
	full := resolveURI(base, ref)
	document, fragment, _ := strings.Cut(full, "#")
	if fragment != "" && fragment[0] != '/' {
		p, ok := r.places[document+"#"+fragment]
		return p.schema, p.base, ok
	}
	p, ok := r.places[document]
	if !ok {
		return nil, "", false
	}
	return r.walk(p, fragment)
}

// walk follows a JSON pointer (RFC 6901), noting identifiers on its way.
func (r *refs) walk(p place, pointer string) (any, string, bool) {
	if pointer == "" {
		return p.schema, p.base, true
	}
	at, base := p.schema, p.base
	for token := range strings.SplitSeq(pointer[1:], "/") {
		if unescaped, err := url.PathUnescape(token); err == nil {
			token = unescaped
		}
		token = strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
		switch v := at.(type) {
		case object:
			if at = v.get(token); at == nil {
				return nil, "", false
			}
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(v) {
				return nil, "", false
			}
			at = v[i]
		default:
			return nil, "", false
		}
		if o, ok := at.(object); ok {
			base = resolveURI(base, r.idOf(o))
		}
	}
	return at, base, true
}

// idOf is a schema's identifier, "" if it has none.
func (r *refs) idOf(o object) string {
	if r.draft04 {
		return o.text("id")
	}
	return o.text("$id")
}

// resolveURI is RFC 3986 §5. What is no URI is taken as it is.
func resolveURI(base, ref string) string {
	if ref == "" {
		return base
	}
	if base == "" {
		return ref
	}
	b, err := url.Parse(base)
	if err != nil {
		return ref
	}
	u, err := url.Parse(ref)
	if err != nil {
		return ref
	}
	return b.ResolveReference(u).String()
}
