package openapi

import (
	"errors"
	"fmt"
	"strings"

	yaml "go.yaml.in/yaml/v4"
)

// document is an OpenAPI document as plain maps, lists and scalars.
type document struct {
	root map[string]any
	old  bool // OpenAPI 3.0, whose schemas are not JSON Schema
}

func readDocument(raw []byte) (document, error) {
	var v any
	if err := yaml.Load(raw, &v); err != nil {
		return document{}, fmt.Errorf("the OpenAPI document cannot be read: %w", err)
	}
	root, ok := plain(v).(map[string]any)
	if !ok {
		return document{}, errors.New("the OpenAPI document is not an object")
	}
	d := document{root: root}
	version, _ := root["openapi"].(string)
	switch {
	case strings.HasPrefix(version, "3.0"):
		d.old = true
	case strings.HasPrefix(version, "3.1"):
	default:
		return document{}, fmt.Errorf("OpenAPI version %q is not known: 3.0 and 3.1 are", version)
	}
	return d, nil
}

// plain makes every map one with string keys: YAML has others.
func plain(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, sub := range v {
			v[k] = plain(sub)
		}
		return v
	case map[any]any:
		m := make(map[string]any, len(v))
		for k, sub := range v {
			m[fmt.Sprint(k)] = plain(sub)
		}
		return m
	case []any:
		for i := range v {
			v[i] = plain(v[i])
		}
		return v
	}
	return v
}

func (d document) text(path ...string) string {
	at := any(d.root)
	for _, name := range path {
		m, _ := at.(map[string]any)
		at = m[name]
	}
	s, _ := at.(string)
	return s
}

// object follows a local reference if v is one. Others are refused: nothing is
// fetched.
func (d document) object(v any) (map[string]any, error) {
	const most = 16
	for range most {
		m, ok := v.(map[string]any)
		if !ok {
			return nil, errors.New("expected an object")
		}
		ref, ok := m["$ref"].(string)
		if !ok {
			return m, nil
		}
		if v, ok = d.resolve(ref); !ok {
			return nil, fmt.Errorf("reference %q leads nowhere in this document", ref)
		}
	}
	return nil, errors.New("references go round in a circle")
}

func (d document) resolve(ref string) (any, bool) {
	path, ok := strings.CutPrefix(ref, "#/")
	if !ok {
		return nil, false
	}
	at := any(d.root)
	for token := range strings.SplitSeq(path, "/") {
		m, ok := at.(map[string]any)
		if !ok {
			return nil, false
		}
		if at, ok = m[strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")]; !ok {
			return nil, false
		}
	}
	return at, true
}

const schemas = "#/components/schemas/"

// schema turns a schema of the document into JSON Schema that stands alone:
// what it refers to is noted in used, and found under $defs.
func (d document) schema(v any, used map[string]bool) (any, error) {
	switch v := v.(type) {
	case map[string]any:
		if ref, ok := v["$ref"].(string); ok {
			name, ok := strings.CutPrefix(ref, schemas)
			if _, found := d.resolve(ref); !ok || !found {
				return nil, fmt.Errorf("schema reference %q leads nowhere in this document", ref)
			}
			used[name] = true
			return map[string]any{"$ref": "#/$defs/" + name}, nil
		}
		out := make(map[string]any, len(v))
		for k, sub := range v {
			if k == "example" || k == "xml" || k == "externalDocs" || k == "discriminator" {
				continue
			}
			s, err := d.schema(sub, used)
			if err != nil {
				return nil, err
			}
			out[k] = s
		}
		if d.old {
			modernise(out)
		}
		return out, nil
	case []any:
		out := make([]any, len(v))
		for i, sub := range v {
			s, err := d.schema(sub, used)
			if err != nil {
				return nil, err
			}
			out[i] = s
		}
		return out, nil
	}
	return v, nil
}

// modernise rewrites what OpenAPI 3.0 says in words of its own.
func modernise(s map[string]any) {
	if s["nullable"] == true {
		if t, ok := s["type"].(string); ok {
			s["type"] = []any{t, "null"}
			if enum, ok := s["enum"].([]any); ok {
				s["enum"] = append(enum, nil)
			}
		}
		delete(s, "nullable")
	}
	for exclusive, bound := range map[string]string{"exclusiveMinimum": "minimum", "exclusiveMaximum": "maximum"} {
		if is, ok := s[exclusive].(bool); ok {
			delete(s, exclusive)
			if is {
				s[exclusive] = s[bound]
				delete(s, bound)
			}
		}
	}
}

// definitions are the schemas that used names, with what those use in turn.
func (d document) definitions(used map[string]bool) (map[string]any, error) {
	defs := map[string]any{}
	for len(defs) < len(used) {
		for name := range used {
			if _, done := defs[name]; done {
				continue
			}
			raw, _ := d.resolve(schemas + name)
			s, err := d.schema(raw, used)
			if err != nil {
				return nil, err
			}
			defs[name] = s
		}
	}
	return defs, nil
}
