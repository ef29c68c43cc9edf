package upstream

import (
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"toolward/gateway"
)

// A pattern is portable if RE2 and ECMAScript with the flag u both take it, and
// for the same.
func TestPortablePatterns(t *testing.T) {
	for want, patterns := range map[bool][]string{
		true: {``, `^[\w.-]+$`, `^\d{3}-\d{4}$`, `a{2}b{2,}c{2,3}`, `[a\-z]`, `(?:a|b)`, `(?<year>\d{4})`, `\p{Lu}`, `\x41\/`, `[^\]]`, `\{\}`},
		false: {`(`, `(?P<x>a)`, `(?i)a`, `\d\-\d`, `\@`, `\A\z`, `[[:alpha:]]`, `a{,3}`, `a}`, `]`, `\pL`, `\p{Greek}`, `\x{41}`, `(?=a)`, `(a)\1`, `[\w-z]`, `[]a]`,
			`\Qa\E`, `\a`, `[\b]`, `a++`},
	} {
		for _, p := range patterns {
			if ecma(p) != want {
				t.Errorf("%s: %v, want %v", p, !want, want)
			}
		}
	}
}

func TestOutputSchemasOfOlderClients(t *testing.T) {
	for want, schemas := range map[bool][]string{
		true: {
			`{"type":"object","properties":{"a":{"type":"string","pattern":"^a$"}},"$defs":{"d":{}},"allOf":[{"$ref":"#/$defs/d"}]}`,
			`{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object"}`, `{"$schema":"https://example.com/own","type":"object"}`,
			`{"type":"object","properties":{"id":{"type":"string"},"pattern":{"type":"string"},"nullable":{"type":"boolean"}}}`,
			`{"type":"object","default":{"id":1,"$ref":"x"}}`,
		},
		false: {
			`true`, `{"properties":{"a":{"type":"strin"}}}`, `{"properties":{"a":{"$ref":"#/$defs/a"}}}`, `{"properties":{"a":{"$ref":"https://example.com/a"}}}`,
			`{"properties":{"a":{"pattern":"("}}}`, `{"patternProperties":{"\\-":{}}}`, `{"id":"a"}`, `{"$id":"https://example.com/a"}`, `{"items":{"$anchor":"a"}}`,
			`{"properties":{"a":{"nullable":true}}}`, `{"properties":{"a":{"required":true}}}`,
			`{"$schema":"http://json-schema.org/draft-04/schema#","properties":{"a":{"minimum":1,"exclusiveMinimum":true}}}`,
		},
	} {
		for _, s := range schemas {
			if portable(json.RawMessage(s)) != want {
				t.Errorf("%s: %v, want %v", s, !want, want)
			}
		}
	}
}

// What agents of each era get of a definition; the definition itself stays.
func TestOffers(t *testing.T) {
	s := newServer(&Catalog{log: slog.New(slog.DiscardHandler)}, Server{Name: "s"})
	for _, tt := range []struct{ definition, modern, legacy, quarantined string }{
		{`{"name":"t","inputSchema":{"type":"object"}}`, "", "", ""},
		{`{"name":"t","inputSchema":{}}`, `{"name":"t","inputSchema":{"type":"object"}}`, `{"name":"t","inputSchema":{"type":"object"}}`, ""},
		{`{"name":"t","inputSchema":{"type":"object"},"outputSchema":{"type":"array"}}`, "", `{"name":"t","inputSchema":{"type":"object"}}`, ""},
		{`{"name":"t","inputSchema":{"type":"object"},"outputSchema":{"type":"object","$id":"https://example.com/x"}}`, "", `{"name":"t","inputSchema":{"type":"object"}}`, ""},
		{`{"name":"t","inputSchema":{"type":"object"},"outputSchema":{"type":"nothing"}}`, `{"name":"t","inputSchema":{"type":"object"}}`, `{"name":"t","inputSchema":{"type":"object"}}`, ""},
		{`{"name":"t","inputSchema":{"type":"string"}}`, "", "", "does not fit MCP"},
		{`{"name":"t","inputSchema":{"type":"object","properties":{"a":{"type":"nothing"}}}}`, "", "", "not a valid JSON Schema"},
		{`{"name":"t","inputSchema":{"type":"object","items":{"type":"string","x-mcp-header":"A"}}}`, "", "", "x-mcp-header is not valid"},
		{`{"name":"t","inputSchema":{"type":"object","items":{"type":"string","x-mcp-h\u0065ader":"A"}}}`, "", "", "x-mcp-header is not valid"},
	} {
		e := s.newEntry(lists[0], json.RawMessage(tt.definition))
		if string(e.tool.Modern) != tt.modern || string(e.tool.Legacy) != tt.legacy || (e.invalid == "") != (tt.quarantined == "") || !strings.Contains(e.invalid, tt.quarantined) {
			t.Errorf("%s:\n modern %s\n legacy %s\n quarantined %q", tt.definition, e.tool.Modern, e.tool.Legacy, e.invalid)
		}
		if string(e.tool.Definition) != tt.definition {
			t.Errorf("%s became %s", tt.definition, e.tool.Definition)
		}
	}
}

func TestResultsThatDoNotFitAreRefusedOrCompleted(t *testing.T) {
	s := newServer(&Catalog{log: slog.New(slog.DiscardHandler)}, Server{Name: "s"})
	for _, tt := range []struct{ method, result, want string }{
		{"tools/call", `{"content":[]}`, `{"content":[]}`},
		{"tools/call", `{"structuredContent":{"a":1}}`, `{"content":[],"structuredContent":{"a":1}}`},
		{"tools/call", `{"content":{"type":"text","text":"a"}}`, `{"content":[{"type":"text","text":"a"}]}`},
		{"tools/call", `{"content":["a"]}`, `{"content":[{"type":"text","text":"a"}]}`},
		{"tools/call", `{"task":{"taskId":"t"}}`, `{"task":{"taskId":"t"}}`},
		{"tools/call", `{"resultType":"input_required","inputRequests":{}}`, `{"resultType":"input_required","inputRequests":{}}`},
		{"tools/call", `{"resultType":"complete","content":null}`, `{"resultType":"complete","content":[]}`},
		{"prompts/get", `{"messages":[{"role":"user","content":"hi"}]}`, `{"messages":[{"role":"user","content":{"type":"text","text":"hi"}}]}`},
		{"prompts/get", `{"messages":[{"role":"system","content":"hi"}]}`, `{"messages":[{"role":"user","content":{"type":"text","text":"hi"}}]}`},
		{"resources/read", `{"contents":[{"text":"a"}]}`, `{"contents":[{"uri":"about:blank","text":"a"}]}`},
		{"completion/complete", `{}`, ""},
		{"resources/subscribe", `{}`, `{}`},
	} {
		got, err := s.fitResult(&gateway.Call{Method: tt.method}, &gateway.Result{Raw: json.RawMessage(tt.result)})
		if tt.want == "" {
			if !hasCode(err, gateway.UpstreamInvalid) {
				t.Errorf("%s: %v, want a refusal", tt.result, err)
			}
			continue
		}
		if err != nil || string(got.Raw) != tt.want {
			t.Errorf("%s: %v, %v; want %s", tt.result, got, err, tt.want)
		}
	}
}
