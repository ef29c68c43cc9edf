package upstream

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"toolward/gateway"
)

// maxSchema is the largest input schema that is compiled, in bytes.
const maxSchema = 512 << 10

// schemas compiles the input schemas of one server: JSON Schema 2020-12
// unless $schema names another draft.
//
// Nothing is ever fetched. What a remote $ref stands for is left to the
// upstream to check, as is a pattern that Go's linear-time regular expressions
// cannot say (look-ahead, back references) or that would cost too much: both
// accept anything here.
type schemas struct{ log *slog.Logger }

// compile returns the check of a schema, nil for none, and an error if the
// schema is not valid.
func (s schemas) compile(schema json.RawMessage) (func(gateway.Args) (gateway.Args, error), error) {
	if schema == nil {
		return nil, nil
	}
	if len(schema) > maxSchema {
		return nil, fmt.Errorf("it is larger than %d KiB", maxSchema>>10)
	}
	doc := gateway.Decode(schema)
	depth, err := depthBound(doc)
	if err != nil {
		return nil, err
	}
	remote := &nowhere{}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.UseLoader(remote)
	c.UseRegexpEngine((&patterns{}).compile)
	const place = "toolward:schema"
	if err := c.AddResource(place, doc); err != nil {
		return nil, errors.New(firstLine(err))
	}
	compiled, err := c.Compile(place)
	if err != nil && remote.asked != "" {
		s.log.Warn("input schema refers to a remote schema and is left to the upstream to check", "ref", remote.asked)
		return nil, nil
	}
	if err != nil {
		return nil, errors.New(firstLine(err))
	}
	var plain *glance
	if depth == gateway.MaxDepth {
		plain = glanceAt(compiled)
	}
	return func(args gateway.Args) (gateway.Args, error) {
		if plain != nil && plain.fits(args.Raw()) {
			return args, nil
		}
		if depth < gateway.MaxDepth && depthOf(args.Value()) > depth {
			return args, fmt.Errorf("they are nested deeper than %d levels, more than can be checked against this schema", depth)
		}
		fits := func(args gateway.Args) error {
			err := compiled.Validate(args.Value())
			if err == nil {
				return nil
			}
			if given, ok := withoutNulls(args.Value()); ok && compiled.Validate(given) == nil {
				return nil
			}
			return err
		}
		err := fits(args)
		if err == nil {
			return args, nil
		}
		if numbers, ok := withDigits(args, err); ok && fits(numbers) == nil {
			return numbers, nil
		}
		return args, explain(err)
	}, nil
}

// withoutNulls is the arguments without those that are null; ok is false if
// none is. Many models write null for an argument that they leave out, and
// many servers take it so: that is for the server to say. A required argument
// is still missed.
func withoutNulls(args any) (given map[string]any, ok bool) {
	m, _ := args.(map[string]any)
	given = make(map[string]any, len(m))
	for name, v := range m {
		if v != nil {
			given[name] = v
		}
	}
	return given, len(given) < len(m)
}

// nowhere answers every remote reference with the schema that accepts
// everything, and remembers that it was asked.
type nowhere struct{ asked string }

func (n *nowhere) Load(url string) (any, error) {
	n.asked = url
	return true, nil
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return clip(line, 300)
}

func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
