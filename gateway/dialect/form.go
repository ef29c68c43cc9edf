package dialect

import (
	"encoding/json"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"toolward/gateway"
)

// Form is a tool as a dialect has it. It is immutable and safe for concurrent use.
type Form struct {
	Name        string          // [Dialect.WireName] leads back
	Description string          // "" if there is none, and none is needed
	Schema      json.RawMessage // of the arguments
	LeftOut     string          // why the tool cannot be offered; "" if it can

	names *names // nil if the names are the upstream's
}

var _ gateway.Form = (*Form)(nil)

// Of is a tool's form. It is made once for each definition.
func (d *Dialect) Of(t *gateway.Tool) *Form {
	return t.Forms.Of(d.ID, func() any { return d.form(t) }).(*Form)
}

func (d *Dialect) form(t *gateway.Tool) *Form {
	f := &Form{Name: t.Wire}
	definition, err := gateway.Split(t.Definition)
	if err != nil {
		f.LeftOut = "its definition is not a JSON object"
		return f
	}
	if !d.Names.fit(f.Name) {
		f.Name = d.Names.Prefix + f.Name
	}
	if !d.Names.fit(f.Name) {
		f.LeftOut = "its name is not one that the format allows"
		return f
	}
	f.Description = d.describe(definition, t)
	schema, ok := definition.Get("inputSchema")
	if !ok {
		schema = json.RawMessage(`{"type":"object"}`)
	}
	f.project(d, schema)
	return f
}

// project sets the schema and the names.
func (f *Form) project(d *Dialect, raw json.RawMessage) {
	schema, err := decode(raw)
	if err != nil {
		f.LeftOut = "its inputSchema is not JSON"
		return
	}
	root := newReader(schema).read(schema, scope{})
	if root.impossible() || root.types&tObject == 0 {
		f.LeftOut = "its inputSchema accepts no object"
		return
	}
	w := &writer{d: d, names: newNames(d.Properties, schema), left: d.Nodes}
	root = root.folded()
	w.names.prime(root)
	f.Schema = encode(nil, w.root(root))
	w.names.taken = nil
	if w.names.aliases != nil {
		f.names = w.names
	}
}

// Show is a definition of the tool with description and inputSchema in the
// dialect; the name stays.
func (f *Form) Show(definition json.RawMessage) json.RawMessage {
	o, err := gateway.Split(definition)
	if err != nil || f.LeftOut != "" {
		return definition
	}
	members := o.Without("inputSchema", "description")
	if f.Description != "" {
		members = append(members, gateway.Member{Name: "description", Value: appendString(nil, f.Description)})
	}
	return gateway.JoinMembers(append(members, gateway.Member{Name: "inputSchema", Value: f.Schema}))
}

// describe is a tool's description within the dialect's bound. Where one is
// needed, a title or the name must do.
func (d *Dialect) describe(definition gateway.Object, t *gateway.Tool) string {
	text := textOf(definition, "description")
	if text == "" && d.Description.Required {
		if text = textOf(definition, "title"); text == "" {
			text = t.Name
		}
	}
	return cutText(text, d.Description.Most)
}

func textOf(o gateway.Object, name string) string {
	s, _, err := o.String(name)
	if err != nil || strings.TrimSpace(s) == "" {
		return ""
	}
	return s
}

// cutText cuts after a word, to at most so many UTF-16 code units, by which the
// strictest readers count; 0 is any number.
func cutText(s string, most int) string {
	if most == 0 || len(utf16.Encode([]rune(s))) <= most {
		return s
	}
	units, end, word := 0, 0, 0
	for i, r := range s {
		n := utf16.RuneLen(r)
		if n < 0 {
			n = 1
		}
		if units += n; units > most-1 { // one is for the ellipsis
			break
		}
		end = i + utf8.RuneLen(r)
		if r == ' ' || r == '\n' {
			word = i
		}
	}
	if word > end*3/4 {
		end = word
	}
	return strings.TrimRight(s[:end], " \n") + "…"
}
