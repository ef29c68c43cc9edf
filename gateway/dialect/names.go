package dialect

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"toolward/gateway"
)

// names maps the properties of one tool to names that the dialect allows. The
// mapping is one to one in the whole schema, so that arguments can be read
// without knowing which part of it they belong to. An alias ends in a hash:
// it does not stand in data by chance.
type names struct {
	allowed Names
	taken   map[string]bool   // every name in the schema, and every alias
	aliases map[string]string // of names that are not allowed
	own     map[string]string // and back
}

func newNames(allowed Names, schema any) *names {
	n := &names{allowed: allowed, taken: map[string]bool{}}
	n.take(schema)
	return n
}

func (n *names) take(v any) {
	switch v := v.(type) {
	case object:
		for _, m := range v {
			n.taken[m.name] = true
			n.take(m.value)
		}
	case []any:
		for _, e := range v {
			n.take(e)
		}
	case string: // in required
		if len(v) <= 64 {
			n.taken[v] = true
		}
	}
}

// prime gives every name of a schema its alias, so that values that stand before
// it are written with them.
func (n *names) prime(schema *node) {
	if schema == nil {
		return
	}
	for _, p := range schema.members() {
		n.alias(p.name)
		n.prime(p.node)
	}
	for _, name := range schema.required {
		n.alias(name)
	}
	n.prime(schema.additional)
	n.prime(schema.items)
	for _, list := range schema.any {
		for _, a := range list {
			n.prime(a)
		}
	}
}

// alias is the name in the dialect.
func (n *names) alias(name string) string {
	if n.allowed.fit(name) {
		return name
	}
	if a := n.aliases[name]; a != "" {
		return a
	}
	clean := strings.Map(func(r rune) rune {
		if r < 0x80 && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9') {
			return r
		}
		return '_'
	}, name)
	clean = strings.Trim(clean, "_")
	if clean == "" || clean[0] >= '0' && clean[0] <= '9' {
		clean = "p_" + clean
	}
	a := ""
	for salt := 0; a == "" || n.taken[a]; salt++ {
		sum := sha256.Sum256([]byte(strconv.Itoa(salt) + name))
		a = clean[:min(len(clean), 50)] + "_" + hex.EncodeToString(sum[:5])
	}
	if n.aliases == nil {
		n.aliases, n.own = map[string]string{}, map[string]string{}
	}
	n.taken[a], n.aliases[name], n.own[a] = true, a, name
	return a
}

// forward is a value (a default, an enum's) with the names that a model knows.
func (n *names) forward(v any) any {
	switch v := v.(type) {
	case object:
		out := make(object, len(v))
		for i, m := range v {
			name := m.name
			if a := n.aliases[name]; a != "" {
				name = a
			}
			out[i] = member{name, n.forward(m.value)}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = n.forward(e)
		}
		return out
	}
	return v
}

// restore is JSON with the upstream's names in place of the aliases. Everything
// else is as it was written.
func (n *names) restore(raw []byte) ([]byte, error) {
	dec := jsontext.NewDecoder(bytes.NewReader(raw), jsontext.AllowDuplicateNames(true))
	var b bytes.Buffer
	enc := jsontext.NewEncoder(&b, jsontext.PreserveRawStrings(true), jsontext.AllowDuplicateNames(true))
	for {
		switch dec.PeekKind() {
		case '{', '}', '[', ']':
			tok, err := dec.ReadToken()
			if err == nil {
				err = enc.WriteToken(tok)
			}
			if err != nil {
				return nil, err
			}
			if dec.StackDepth() == 0 {
				return bytes.TrimSpace(b.Bytes()), nil
			}
		default:
			kind, count := dec.StackIndex(dec.StackDepth())
			v, err := dec.ReadValue()
			if err == nil && kind == '{' && count%2 == 0 {
				var name []byte
				if name, err = jsontext.AppendUnquote(nil, v); err == nil {
					if own, ok := n.own[string(name)]; ok {
						v, err = jsontext.AppendQuote(nil, own)
					}
				}
			}
			if err == nil {
				err = enc.WriteValue(v)
			}
			if err != nil {
				return nil, err
			}
		}
	}
}

// Restore is the arguments of a call as the upstream names them. A name that
// then stands twice is refused.
func (f *Form) Restore(args gateway.Args) (gateway.Args, error) {
	if f.names == nil {
		return args, nil
	}
	raw, err := f.names.restore(args.Raw())
	if err != nil {
		return args, err
	}
	restored, err := gateway.ParseArgs(raw)
	if err != nil { // what was strict before can only be twice now
		return args, gateway.Refuse("surface", gateway.InvalidArguments,
			"two names in one object of the arguments stand for the same property, or for two that differ in case only; send one of them").Because(err)
	}
	return restored, nil
}

// Shown is a property's name as the model knows it.
func (f *Form) Shown(name string) string {
	if f.names != nil {
		if a := f.names.aliases[name]; a != "" {
			return a
		}
	}
	return name
}
