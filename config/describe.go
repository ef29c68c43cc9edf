package config

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Schema is a JSON Schema (draft-07, which editors know best) of one value, of what is
// told of it here.
type Schema struct {
	Schema      string `json:"$schema,omitempty"`
	Title       string `json:"title,omitempty"`
	Description string `json:"description,omitempty"`

	Type      any      `json:"type,omitempty"` // a name, or several
	Enum      []string `json:"enum,omitempty"`
	MinLength int      `json:"minLength,omitempty"`
	Pattern   string   `json:"pattern,omitempty"`
	Minimum   *float64 `json:"minimum,omitempty"`
	Maximum   *float64 `json:"maximum,omitempty"`
	AnyOf     []Schema `json:"anyOf,omitempty"`

	Items      *Schema            `json:"items,omitempty"`
	Properties map[string]*Schema `json:"properties,omitempty"`
	Others     any                `json:"additionalProperties,omitempty"` // false, or a *Schema
}

// Modeline is the first line of a configuration whose editor shall know the schema: that
// of `toolward config schema > toolward.schema.json`, in the same folder.
const Modeline = "# yaml-language-server: $schema=toolward.schema.json"

// JSONSchema describes toolward.yaml for editors and other programs: the fields that
// the parser knows, what their values look like, and what docs/configuration.md says of
// them. It is made by the parser's own table, which describes a value instead of
// reading it. What one field means for another, and whether files are there, is not in
// it: `toolward config check` says that.
func JSONSchema() *Schema {
	d := newDecoder("", func(string) (string, bool) { return "", false })
	root := &Schema{}
	d.says = root
	d.config(nil, Default())
	root.Schema, root.Title = "http://json-schema.org/draft-07/schema#", "toolward.yaml"
	explain(root, "", meanings())
	return root
}

// describes tells what a value looks like, where the decoder describes and does not
// read.
func (d *decoder) describes(s Schema) bool {
	if d.says == nil {
		return false
	}
	*d.says = s
	return true
}

// fieldsOrNothing is the type of fields with values: none is no field, where the value
// has no name of the parser's own.
func fieldsOrNothing() []string { return []string{"object", "null"} }

// inside describes what is inside of the value that is described now.
func (d *decoder) inside(read reader, path string) *Schema {
	outer := d.says
	defer func() { d.says = outer }()
	d.says = &Schema{}
	read(nil, path)
	return d.says
}

// A value may come from a variable wherever text can stand: "${PORT}" is a number.
const fromVariable = `\$\{[^}]+\}`

// text is a string. YAML's numbers are taken as they are written.
func textSchema() Schema {
	return Schema{Type: []string{"string", "number"}, MinLength: 1}
}

// written is text of a form that a pattern says.
func written(pattern, form string) Schema {
	return Schema{Type: "string", Pattern: pattern + "|" + fromVariable, Description: form}
}

func wordSchema(valid []string) Schema {
	return Schema{AnyOf: []Schema{{Enum: valid}, {Type: "string", Pattern: fromVariable}}}
}

func numberSchema(kind string, least, most float64) Schema {
	return Schema{Type: []string{kind, "string"}, Minimum: &least, Maximum: &most, Pattern: fromVariable}
}

func flagSchema() Schema {
	return Schema{Type: []string{"boolean", "string"}, Pattern: fromVariable}
}

// orOne is a list, or one that stands for itself.
func orOne(of Schema) Schema {
	return Schema{AnyOf: []Schema{of, {Type: "array", Items: &of}}}
}

func durationSchema(least, most time.Duration) Schema {
	s := written(`^(0|[0-9]+d|\+?([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))*)$`,
		fmt.Sprintf("such as 90s, 2m or 90d; from %s to %s", showDuration(least), showDuration(most)))
	if least == 0 {
		none := 0.0
		s.Type, s.Minimum, s.Maximum = []string{"string", "integer"}, &none, &none
	}
	return s
}

// meaningsJSON is what docs/configuration.md says of each field; a test holds the two
// together.
//
//go:embed meanings.json
var meaningsJSON []byte

func meanings() map[string]string {
	m := map[string]string{}
	if err := json.Unmarshal(meaningsJSON, &m); err != nil {
		panic("config: meanings.json: " + err.Error()) // it is in the program
	}
	return m
}

// explain puts what is said of each field beside what its value looks like.
func explain(s *Schema, path string, say map[string]string) {
	if text := say[path]; text != "" {
		s.Description = strings.TrimPrefix(s.Description+"\n\n"+text, "\n\n")
	}
	for name, p := range s.Properties {
		explain(p, join(path, name), say)
	}
	if s.Items != nil {
		explain(s.Items, path+"[]", say)
	}
	if named, ok := s.Others.(*Schema); ok {
		explain(named, join(path, "NAME"), say)
	}
}
