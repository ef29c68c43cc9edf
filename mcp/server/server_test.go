package server

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"toolward/gateway"
)

func TestCallIsAnsweredAsPlainJSON(t *testing.T) {
	odd := `{"content":[{"type":"later","x":1.0}],"structuredContent":[9007199254740993,1e3],"_meta":{"a":"<"}, "z":null}`
	var got *gateway.Call
	s := newStub(t, nil, func(_ context.Context, c *gateway.Call) (*gateway.Result, error) {
		got = c
		return &gateway.Result{Raw: json.RawMessage(odd)}, nil
	})
	id := s.initialize("/mcp/files", "ann", "2025-06-18", "{}")
	r := s.legacy("/mcp/files", "ann", id, `{"jsonrpc":"2.0","id":"q\u0031","method":"tools/call","params":{"name":"read","arguments":{"p" : 1.0},"_meta":{"progressToken":7,"toolward/decision":"forged","traceparent":"forged"}}}`)
	// Before 2026-07-28 structuredContent is an object.
	want := `{"jsonrpc":"2.0","id":"q\u0031","result":{"content":[{"type":"later","x":1.0}],"structuredContent":{"result":[9007199254740993,1e3]},"_meta":{"a":"<"},"z":null}}`
	if r.status != 200 || r.body != want || r.header.Get("Content-Type") != "application/json" {
		t.Errorf("got %d %s\nwant %s", r.status, r.body, want)
	}
	if string(got.Args.Raw()) != `{"p" : 1.0}` || string(got.Extra[0].Value) != `{"progressToken":7}` || got.Origin.Session() != id || got.Server != "files" || got.Name != "read" {
		t.Errorf("the call was not what was sent: args %s, extra %s", got.Args.Raw(), got.Extra)
	}
}

func TestModernCallNeedsNoSession(t *testing.T) {
	s := newStub(t, nil, nil)
	r := s.modern("/mcp", "ann", "tools/call", "files__read", `"name":"files__read","arguments":{}`)
	want := `{"jsonrpc":"2.0","id":1,"result":{"resultType":"complete","content":[{"type":"text","text":"done"}]}}`
	if r.status != 200 || r.body != want {
		t.Errorf("got %d %s\nwant %s", r.status, r.body, want)
	}
}

func TestListsMapNamesAndKeepTheRest(t *testing.T) {
	s := newStub(t, nil, nil)
	s.addServer("db", nil)
	id := s.initialize("/mcp", "ann", "2025-11-25", "{}")
	for method, want := range map[string]string{
		"tools/list":               `{"tools":[{"name": "files__read", "x-odd":[1.0,1e3], "inputSchema":{"type":"object"}},{"name": "db__read", "x-odd":[1.0,1e3], "inputSchema":{"type":"object"}}]}`,
		"prompts/list":             `{"prompts":[{"name":"files__ask"},{"name":"db__ask"}]}`,
		"resources/list":           `{"resources":[{"uri":"toolward://files/file:///a","name":"a"},{"uri":"toolward://db/file:///a","name":"a"}]}`,
		"resources/templates/list": `{"resourceTemplates":[{"uriTemplate":"toolward://files/file:///{p}","name":"p"},{"uriTemplate":"toolward://db/file:///{p}","name":"p"}]}`,
	} {
		for range 2 { // the second comes from the cache
			r := s.legacy("/mcp", "ann", id, `{"jsonrpc":"2.0","id":1,"method":"`+method+`"}`)
			if want := `{"jsonrpc":"2.0","id":1,"result":` + want + `}`; r.body != want {
				t.Errorf("%s: got %s\nwant %s", method, r.body, want)
			}
		}
	}
	own := s.initialize("/mcp/files", "ann", "2025-11-25", "{}")
	s.members["tools/list"] = []gateway.Member{{Name: "_meta", Value: json.RawMessage(`{"k":1.0}`)}, {Name: "later", Value: json.RawMessage(`[1e3]`)}}
	r := s.legacy("/mcp/files", "ann", own, `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`)
	if want := `{"jsonrpc":"2.0","id":1,"result":{"tools":[` + string(s.tools[0].Definition) + `],"_meta":{"k":1.0},"later":[1e3]}}`; r.body != want {
		t.Errorf("got %s\nwant %s", r.body, want)
	}
}

func TestInitializeNegotiates(t *testing.T) {
	s := newStub(t, nil, nil)
	for asked, want := range map[string]string{
		"2024-11-05": "2024-11-05", "2025-03-26": "2025-03-26", "2025-06-18": "2025-06-18", "2025-11-25": "2025-11-25",
		"2026-07-28": "2025-11-25", "1999-01-01": "2025-11-25", "": "2025-03-26",
	} {
		r := s.send("POST", "/mcp/files", "ann", `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"`+asked+`","capabilities":{}}}`)
		if got := member(t, r.body, "result", "protocolVersion"); got != want {
			t.Errorf("asked %s: got %v, want %s", asked, got, want)
		}
		if got := member(t, r.body, "result", "serverInfo", "name"); got != "files-server" {
			t.Errorf("serverInfo is not the upstream's: %s", r.body)
		}
		if got := member(t, r.body, "result", "instructions"); got != "read files" {
			t.Errorf("instructions are not the upstream's: %s", r.body)
		}
	}
}

func TestURIsOnMCPMapBothWays(t *testing.T) {
	var got *gateway.Call
	s := newStub(t, nil, func(_ context.Context, c *gateway.Call) (*gateway.Result, error) {
		got = c
		switch c.Kind {
		case gateway.KindResource:
			return &gateway.Result{Raw: json.RawMessage(`{"contents":[{"uri":"file:///a","text":"uri"}]}`)}, nil
		case gateway.KindPrompt:
			return &gateway.Result{Raw: json.RawMessage(`{"messages":[{"role":"user","content":{"type":"resource","resource":{"uri":"file:///a"}}}]}`)}, nil
		}
		return &gateway.Result{Raw: json.RawMessage(`{"content":[{"type":"text","text":"uri"},{"type":"resource_link","\u0075ri":"file:///a"},{"type":"resource","resource":{"uri":"file:///b"}}]}`)}, nil
	})
	wire := "toolward://files/file:///a"
	for _, c := range []struct{ method, name, params, wantArgs, want string }{
		{"resources/read", wire, `"uri":"` + wire + `"`, `{"uri":"file:///a"}`, `"contents":[{"uri":"` + wire + `","text":"uri"}]`},
		{"prompts/get", "files__ask", `"name":"files__ask"`, `{}`, `"resource":{"uri":"` + wire + `"}`},
		{"tools/call", "files__read", `"name":"files__read"`, `{}`, `{"type":"resource_link","\u0075ri":"` + wire + `"},{"type":"resource","resource":{"uri":"toolward://files/file:///b"}}`},
		{"completion/complete", "", `"ref":{"type":"ref/resource","uri":"toolward://files/file:///{p}"},"argument":{"name":"p","value":"x"}`, `{"ref":{"type":"ref/resource","uri":"file:///{p}"},"argument":{"name":"p","value":"x"}}`, ""},
		{"completion/complete", "", `"ref":{"type":"ref/prompt","name":"files__ask"},"argument":{"name":"p","value":"x"}`, `{"ref":{"type":"ref/prompt","name":"ask"},"argument":{"name":"p","value":"x"}}`, ""},
	} {
		r := s.modern("/mcp", "ann", c.method, c.name, c.params)
		if r.status != 200 || !strings.Contains(r.body, c.want) {
			t.Errorf("%s: got %d %s\nwant %s", c.method, r.status, r.body, c.want)
		}
		if a := string(got.Args.Raw()); a != c.wantArgs {
			t.Errorf("%s: args %s, want %s", c.method, a, c.wantArgs)
		}
	}
}

func TestURIOfAToolsViewIsMapped(t *testing.T) {
	s := newStub(t, nil, nil)
	s.tools[0].Definition = json.RawMessage(`{"name":"read","_meta":{"ui":{"resourceUri":"ui://a","x":1.0},"ui/resourceUri":"ui://b"},"description":"resourceUri"}`)
	r := s.modern("/mcp", "ann", "tools/list", "", "")
	want := `{"name":"files__read","_meta":{"ui":{"resourceUri":"ui://files/a","x":1.0},"ui/resourceUri":"ui://files/b"},"description":"resourceUri"}`
	if !strings.Contains(r.body, want) {
		t.Errorf("got %s\nwant %s", r.body, want)
	}
}
