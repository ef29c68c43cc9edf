package openapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"

	yaml "go.yaml.in/yaml/v4"
)

// maxNodes bounds what one file may unfold to: merge keys copy.
const maxNodes = 10 << 20

// readTree reads YAML or JSON. Numbers keep their digits, dates are texts, and
// names are as they are written:
//
//	responses: {200: {x: 2020-01-01, y: 1.10}}  ->  {"responses": {"200": {"x": "2020-01-01", "y": 1.10}}}
func readTree(raw []byte) (any, error) {
	raw = bytes.TrimPrefix(raw, []byte("\ufeff"))
	if json.Valid(raw) { // YAML too, but this is ten times as fast
		var v any
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.UseNumber()
		err := dec.Decode(&v)
		return v, err
	}
	var n yaml.Node
	if err := yaml.Load(raw, &n); err != nil {
		return nil, err
	}
	t := tree{done: map[*yaml.Node]any{}, open: map[*yaml.Node]bool{}}
	return t.value(&n)
}

// tree turns nodes into values. What an anchor names is made once and shared.
type tree struct {
	done  map[*yaml.Node]any
	open  map[*yaml.Node]bool
	nodes int
}

func (t *tree) value(n *yaml.Node) (any, error) {
	if t.nodes++; t.nodes > maxNodes {
		return nil, errors.New("it unfolds to too much")
	}
	switch n.Kind {
	case yaml.DocumentNode:
		if len(n.Content) == 0 {
			return nil, nil
		}
		return t.value(n.Content[0])
	case yaml.AliasNode:
		if t.open[n.Alias] {
			return nil, fmt.Errorf("line %d: the anchor %q is inside of itself", n.Line, n.Value)
		}
		return t.value(n.Alias)
	case yaml.ScalarNode:
		return scalar(n), nil
	}
	if v, ok := t.done[n]; ok {
		return v, nil
	}
	t.open[n] = true
	defer delete(t.open, n)
	var v any
	var err error
	if n.Kind == yaml.SequenceNode {
		v, err = t.sequence(n)
	} else {
		v, err = t.mapping(n)
	}
	if n.Anchor != "" {
		t.done[n] = v
	}
	return v, err
}

func (t *tree) sequence(n *yaml.Node) (any, error) {
	list := make([]any, len(n.Content))
	for i, sub := range n.Content {
		var err error
		if list[i], err = t.value(sub); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (t *tree) mapping(n *yaml.Node) (any, error) {
	m := make(map[string]any, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		if key.Kind != yaml.ScalarNode {
			return nil, fmt.Errorf("line %d: a name that is no text", key.Line)
		}
		v, err := t.value(n.Content[i+1])
		if err != nil {
			return nil, err
		}
		if key.ShortTag() != "!!merge" {
			m[key.Value] = v
		}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].ShortTag() == "!!merge" {
			v, err := t.value(n.Content[i+1])
			if err != nil {
				return nil, err
			}
			t.merge(m, v)
		}
	}
	return m, nil
}

// merge adds the members of what << names, which those of the object override.
func (t *tree) merge(into map[string]any, v any) {
	switch v := v.(type) {
	case map[string]any:
		t.nodes += len(v)
		for name, sub := range v {
			if _, ok := into[name]; !ok {
				into[name] = sub
			}
		}
	case []any:
		for _, sub := range v {
			t.merge(into, sub)
		}
	}
}

func scalar(n *yaml.Node) any {
	switch n.ShortTag() {
	case "!!null":
		return nil
	case "!!bool":
		return strings.EqualFold(n.Value, "true")
	case "!!int", "!!float":
		if json.Valid([]byte(n.Value)) {
			return json.Number(n.Value)
		}
		if i, ok := new(big.Int).SetString(n.Value, 0); ok { // 0x1f, 0o17, 1_000
			return json.Number(i.String())
		}
		var f float64
		if err := n.Decode(&f); err == nil {
			if raw, err := json.Marshal(f); err == nil {
				return json.Number(raw)
			}
		}
	}
	return n.Value // texts, dates, and .inf, which JSON has no number for
}
