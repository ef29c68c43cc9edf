package shape

import (
	"encoding/json"
	"testing"

	"toolward/gateway"
)

// The forms of an annotation that a call's headers cannot be made from.
func TestHeadersRefusesWhatCannotBeReached(t *testing.T) {
	const bound = `{"type":"string","x-mcp-header":"Region"}`
	good := []string{
		`{"type":"object"}`,
		`{"properties":{"a":` + bound + `}}`,
		`{"properties":{"a":{"type":"object","properties":{"b":` + bound + `}}}}`,
		`{"properties":{"a":{"type":"integer","x-mcp-header":"A"},"b":{"type":"boolean","x-mcp-header":"B"}}}`,
		`{"properties":{"x-mcp-header":{"type":"string"}}}`,
		`{"properties":{"a":{"type":"object","default":{"x-mcp-header":7},"enum":[{"x-mcp-header":7}]}}}`,
	}
	bad := []string{
		`{"x-mcp-header":"Region","type":"string"}`,
		`{"properties":{"a":{"x-mcp-header":"Region"}}}`,
		`{"properties":{"a":{"type":"number","x-mcp-header":"Region"}}}`,
		`{"properties":{"a":{"type":"object","x-mcp-header":"Region"}}}`,
		`{"properties":{"a":{"type":["string","null"],"x-mcp-header":"Region"}}}`,
		`{"properties":{"a":{"type":"string","x-mcp-header":7}}}`,
		`{"properties":{"a":{"type":"string","x-mcp-header":null}}}`,
		`{"properties":{"a":{"type":"string","x-mcp-header":""}}}`,
		`{"properties":{"a":{"type":"string","x-mcp-header":"a b"}}}`,
		`{"properties":{"a":{"type":"string","x-mcp-header":"ä"}}}`,
		`{"properties":{"a":{"type":"string","x-mcp-header":"a\r\nb"}}}`,
		`{"properties":{"a":{"type":"string","x-mcp-header":"A"},"b":{"type":"string","x-mcp-header":"a"}}}`,
	}
	for _, keyword := range []string{"items", "contains", "additionalProperties", "unevaluatedProperties", "unevaluatedItems", "propertyNames", "not", "if", "then", "else", "additionalItems", "contentSchema"} {
		bad = append(bad, `{"`+keyword+`":`+bound+`}`, `{"properties":{"a":{"`+keyword+`":`+bound+`}}}`, `{"`+keyword+`":{"properties":{"a":`+bound+`}}}`)
	}
	for _, keyword := range []string{"oneOf", "anyOf", "allOf", "prefixItems", "items"} {
		bad = append(bad, `{"`+keyword+`":[{"properties":{"a":`+bound+`}}]}`, `{"properties":{"a":{"`+keyword+`":[`+bound+`]}}}`)
	}
	for _, keyword := range []string{"$defs", "definitions", "patternProperties", "dependentSchemas", "dependencies"} {
		bad = append(bad, `{"`+keyword+`":{"d":`+bound+`}}`, `{"`+keyword+`":{"d":{"properties":{"a":`+bound+`}}}}`)
	}
	for want, schemas := range map[bool][]string{true: good, false: bad} {
		for _, s := range schemas {
			if err := Headers(gateway.Decode(json.RawMessage(s))); (err == nil) != want {
				t.Errorf("%s: %v", s, err)
			}
		}
	}
}
