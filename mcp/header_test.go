package mcp

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	mcpgo "github.com/mark3labs/mcp-go/mcp"
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
