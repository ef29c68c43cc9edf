package shape

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// HeaderKey is the keyword that binds an argument to a header field.
const HeaderKey = "x-mcp-header"

// RFC 9110 §5.6.2.
var token = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")

// Headers says what is wrong with the [HeaderKey] annotations of a decoded
// input schema. A client on HTTP must leave out a tool with a wrong one (MCP
// 2026-07-28 basic/transports/streamable-http): they stand on properties that a
// chain of `properties` alone leads to, of type string, integer or boolean, and
// name a field of their own, whatever its case.
func Headers(inputSchema any) error {
	h := headers{taken: map[string]bool{}}
	return h.schema(inputSchema, "", true)
}

type headers struct{ taken map[string]bool }

// What stands under these is data, and under those are names of schemas.
var (
	dataKeywords = []string{"const", "default", "enum", "examples"}
	nameKeywords = []string{"$defs", "definitions", "dependencies", "dependentSchemas", "patternProperties", "properties"}
)

// schema looks at one schema and those in it. Reached says that only
// `properties` led here.
func (h *headers) schema(v any, place string, reached bool) error {
	switch v := v.(type) {
	case []any:
		for _, sub := range v {
			if err := h.schema(sub, place, false); err != nil {
				return err
			}
		}
	case map[string]any:
		if header, ok := v[HeaderKey]; ok {
			if err := h.annotation(header, v["type"], place, reached && place != ""); err != nil {
				return err
			}
		}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if key == HeaderKey || slices.Contains(dataKeywords, key) {
				continue
			}
			if err := h.keyword(key, v[key], place+"/"+key, reached); err != nil {
				return err
			}
		}
	}
	return nil
}

func (h *headers) keyword(key string, v any, place string, reached bool) error {
	named, ok := v.(map[string]any)
	if !ok || !slices.Contains(nameKeywords, key) {
		return h.schema(v, place, false)
	}
	for _, name := range slices.Sorted(maps.Keys(named)) {
		if err := h.schema(named[name], place+"/"+string(clip([]byte(name))), reached && key == "properties"); err != nil {
			return err
		}
	}
	return nil
}

func (h *headers) annotation(header, typ any, place string, reached bool) error {
	name, ok := header.(string)
	switch {
	case !reached:
		return errors.New("at " + place + ": an argument there cannot be reached by `properties` alone")
	case !ok || !token.MatchString(name):
		return errors.New("at " + place + ": its value is not the name of a header field")
	case typ != "string" && typ != "integer" && typ != "boolean":
		return errors.New("at " + place + ": only a string, an integer or a boolean goes into a header")
	case h.taken[strings.ToLower(name)]:
		return fmt.Errorf("at %s: %s stands twice", place, clip([]byte(name)))
	}
	h.taken[strings.ToLower(name)] = true
	return nil
}
