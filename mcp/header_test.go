package mcp

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	mcpgo "github.com/mark3labs/mcp-go/mcp"

	"toolward/gateway"
)

const bound = `{"name":"t","inputSchema":{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"}}}}`

func TestParamHeadersRoundTrip(t *testing.T) {
	p, err := CompileParamHeaders([]byte(bound))
	if err != nil {
		t.Fatal(err)
	}
	args := []byte(`{"region":"zürich"}`)
	fields := p.Generate(args)
	want := []HeaderField{{Name: "Mcp-Param-Region", Value: "=?base64?esO8cmljaA==?="}}
	if d := cmp.Diff(want, fields); d != "" {
		t.Fatalf("fields (-want +got):\n%s", d)
	}
	h := http.Header{"Mcp-Param-Region": {fields[0].Value}}
	if err := p.Validate(h, args); err != nil {
		t.Errorf("own fields are refused: %v", err)
	}
	for name, h := range map[string]http.Header{
		"missing": {}, "wrong": {"Mcp-Param-Region": {"bern"}}, "broken base64": {"Mcp-Param-Region": {"=?base64?%?="}},
	} {
		if err := p.Validate(h, args); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestCompileParamHeadersRefusesBrokenBindings(t *testing.T) {
	for name, schema := range map[string]string{
		"object":     `{"properties":{"a":{"type":"object","x-mcp-header":"A"}}}`,
		"bad name":   `{"properties":{"a":{"type":"string","x-mcp-header":"A b"}}}`,
		"used twice": `{"properties":{"a":{"type":"string","x-mcp-header":"A"},"b":{"type":"string","x-mcp-header":"a"}}}`,
	} {
		if _, err := CompileParamHeaders([]byte(`{"inputSchema":` + schema + `}`)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestHeaderEncodingRoundTrip(t *testing.T) {
	for _, s := range []string{"", "plain", " blank ", "ünï", "=?base64?x?=", "a\r\nb"} {
		got, ok := mcpgo.DecodeHeaderValue(EncodeHeader(s))
		if !ok || got != s {
			t.Errorf("%q came back as %q, %v", s, got, ok)
		}
	}
}

// Both sides ask for the bindings at every call.
func TestParamHeadersAreCompiledOncePerDefinition(t *testing.T) {
	var cache ParamHeadersCache
	tool := &gateway.Tool{Fingerprint: "1", Definition: json.RawMessage(`{"name":"t","inputSchema":{"type":"object","properties":{"a":{"type":"string","x-mcp-header":"A"}}}}`)}
	first := cache.Of(tool)
	if first == nil || cache.Of(tool) != first {
		t.Error("compiled again")
	}
	changed := &gateway.Tool{Fingerprint: "2", Definition: json.RawMessage(`{"name":"t","inputSchema":{"type":"object","properties":{"b":{"type":"string","x-mcp-header":"B"}}}}`)}
	if got := cache.Of(changed).Generate(json.RawMessage(`{"b":"x"}`)); len(got) != 1 || got[0].Name != "Mcp-Param-B" {
		t.Errorf("a changed definition: %v", got)
	}
	broken := &gateway.Tool{Fingerprint: "3", Definition: json.RawMessage(`{"name":"t","inputSchema":{"type":"object","properties":{"a":{"type":"object","x-mcp-header":"A"}}}}`)}
	for range 2 { // compiled, then remembered
		if cache.Of(broken) != nil {
			t.Error("broken bindings bind")
		}
	}
	if cache.Of(&gateway.Tool{Fingerprint: "4", Definition: json.RawMessage(`{"name":"t"}`)}) != nil {
		t.Error("bindings from nothing")
	}
}
