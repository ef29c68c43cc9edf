//go:build e2e

package field

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"toolward/e2e/lab"
)

// goSDK connects the official Go client, which speaks 2026-07-28.
func goSDK(t *testing.T, g *lab.Gateway, path string) *mcp.ClientSession {
	t.Helper()
	return goSDKOf(t, g, path, "2026-07-28")
}

func goSDKOf(t *testing.T, g *lab.Gateway, path, revision string) *mcp.ClientSession {
	t.Helper()
	client := mcp.NewClient(&mcp.Implementation{Name: "field", Version: "1"}, nil)
	s, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{
		Endpoint: g.URL + path, HTTPClient: &http.Client{Transport: bearer(g.Tester())},
	}, &mcp.ClientSessionOptions{ProtocolVersion: revision})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// toolNames is the list of tools as the Go client reads it.
func toolNames(t *testing.T, s *mcp.ClientSession) (names []string) {
	t.Helper()
	for tool, err := range s.Tools(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, tool.Name)
	}
	return names
}

const tool = `{"name":%q,"inputSchema":{"type":"object"}}`

// good is an upstream with one tool.
func good(t *testing.T) *lab.Scripted {
	return lab.NewScripted(t, func(r lab.Request) string {
		switch r.Method {
		case "tools/list":
			return fmt.Sprintf(`"result":{"tools":[`+tool+`]}`, "good")
		case "tools/call":
			return `"result":{"content":[{"type":"text","text":"fine"}]}`
		}
		return ""
	})
}

// among starts a gateway with an odd upstream between two good ones.
func among(t *testing.T, odd map[string]any) *lab.Gateway {
	t.Helper()
	return lab.Start(t, lab.Options{Config: map[string]any{
		"upstreams": map[string]any{"a": good(t).Config(), "odd": odd, "c": good(t).Config()},
		"guard":     map[string]any{"poisoning": "observe"},
	}})
}

// valid are definitions in which every member that a client knows is there.
var valid = map[string]string{
	"tools": `{"name":"n","title":"t","description":"d","inputSchema":{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]},"outputSchema":{"type":"object"},` +
		`"annotations":{"title":"t","readOnlyHint":true,"destructiveHint":true,"idempotentHint":true,"openWorldHint":true},"icons":[{"src":"https://example.com/i","mimeType":"image/png","sizes":["any"],"theme":"dark"}],"_meta":{}}`,
	"prompts":           `{"name":"n","title":"t","description":"d","arguments":[{"name":"a","title":"t","description":"d","required":true}],"icons":[{"src":"https://example.com/i","mimeType":"image/png","sizes":["any"]}],"_meta":{}}`,
	"resources":         `{"uri":"test://n","name":"n","title":"t","description":"d","mimeType":"text/plain","size":1,"annotations":{"audience":["user"],"priority":1,"lastModified":"2026-01-12T15:00:58Z"},"icons":[{"src":"https://example.com/i"}],"_meta":{}}`,
	"resourceTemplates": `{"uriTemplate":"test://n/{id}","name":"n","title":"t","description":"d","mimeType":"text/plain","annotations":{"audience":["user"],"priority":1,"lastModified":"2026-01-12T15:00:58Z"},"icons":[{"src":"https://example.com/i"}],"_meta":{}}`,
}

// mutants are a definition with each of its members, at any depth, as each kind
// of JSON value. identity is the member that tells them apart.
func mutants(t *testing.T, definition, identity string) (all []string) {
	t.Helper()
	var value any
	if err := json.Unmarshal([]byte(definition), &value); err != nil {
		t.Fatal(err)
	}
	root := value.(map[string]any)
	emit := func() {
		own := fmt.Sprint(root[identity])
		if own == "n" || strings.HasPrefix(own, "test://n") {
			root[identity] = strings.Replace(own, "n", fmt.Sprintf("m%d", len(all)), 1)
			if strings.HasPrefix(own, "test://n") {
				root[identity] = fmt.Sprintf("test://m%d%s", len(all), strings.TrimPrefix(own, "test://n"))
			}
			defer func() { root[identity] = own }()
		}
		raw, err := json.Marshal(root)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(raw))
	}
	others := []any{nil, true, 7, 1.5, "x", []any{}, map[string]any{}, []any{nil}, map[string]any{"x": nil}}
	var walk func(v any)
	walk = func(v any) {
		try := func(set func(any), is any) {
			for _, other := range others {
				set(other)
				emit()
			}
			set(is)
			walk(is)
		}
		switch v := v.(type) {
		case map[string]any:
			names := make([]string, 0, len(v))
			for name := range v {
				names = append(names, name)
			}
			slices.Sort(names)
			for _, name := range names {
				is := v[name]
				try(func(o any) { v[name] = o }, is)
				delete(v, name)
				emit()
				v[name] = is
			}
		case []any:
			for i, is := range v {
				try(func(o any) { v[i] = o }, is)
			}
		}
	}
	walk(root)
	return all
}

// The official Go client reads what is left of lists of which every entry but
// two has one member wrong.
func TestGoClientReadsListsOfMutants(t *testing.T) {
	lists := map[string]string{}
	n := 0
	for array, identity := range map[string]string{"tools": "name", "prompts": "name", "resources": "uri", "resourceTemplates": "uriTemplate"} {
		all := mutants(t, valid[array], identity)
		n += len(all)
		method := array + "/list"
		if array == "resourceTemplates" {
			method = "resources/templates/list"
		}
		lists[method] = fmt.Sprintf(`"result":{%q:[%s]}`, array, strings.Join(all, ","))
	}
	t.Logf("%d mutants", n)
	g := among(t, lab.NewScripted(t, func(r lab.Request) string { return lists[r.Method] }).Config())
	for _, where := range []struct{ path, revision string }{{"/mcp", "2026-07-28"}, {"/mcp", "2025-11-25"}, {"/mcp/odd", "2026-07-28"}, {"/mcp/odd", "2024-11-05"}} {
		path := where.path
		s := goSDKOf(t, g, path, where.revision)
		names := toolNames(t, s)
		if path == "/mcp" && (!slices.Contains(names, "a__good") || !slices.Contains(names, "c__good")) {
			t.Errorf("%s: the good tools are not among %d", path, len(names))
		}
		count := 0
		for _, err := range s.Prompts(t.Context(), nil) {
			check(t, path, &count, err)
		}
		for _, err := range s.Resources(t.Context(), nil) {
			check(t, path, &count, err)
		}
		for _, err := range s.ResourceTemplates(t.Context(), nil) {
			check(t, path, &count, err)
		}
		if count < 100 {
			t.Errorf("%s: only %d of the others are left", path, count)
		}
	}
}

func check(t *testing.T, path string, count *int, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	*count++
}

// What an upstream can answer when it is asked for a list.
func TestListsThatGoWrongTakeNoOtherWithThem(t *testing.T) {
	one := fmt.Sprintf(tool, "one")
	pages := func(next func(cursor string) string) lab.Script {
		return func(r lab.Request) string {
			if r.Method != "tools/list" {
				return ""
			}
			var p struct{ Cursor string }
			_ = json.Unmarshal(r.Params, &p) // no params is no cursor
			return next(p.Cursor)
		}
	}
	only := func(method, answer string) lab.Script {
		return func(r lab.Request) string {
			switch r.Method {
			case method:
				return answer
			case "tools/list":
				return `"result":{"tools":[` + one + `]}`
			case "prompts/list":
				return `"result":{"prompts":[{"name":"p"}]}`
			}
			return ""
		}
	}
	beside := func(entry string) lab.Script {
		return pages(func(string) string { return `"result":{"tools":[` + entry + `,` + one + `]}` })
	}
	nested := func(levels int) string {
		return `{"name":"two","inputSchema":{"type":"object","default":` + strings.Repeat("[", levels) + strings.Repeat("]", levels) + `}}`
	}
	n := 0
	for name, tt := range map[string]struct {
		script lab.Script
		want   string // its tools on /mcp
	}{
		"a cursor that goes in a circle": {pages(func(string) string { return `"result":{"tools":[` + one + `],"nextCursor":"again"}` }), "odd__one"},
		"cursors that are ignored, without end": {pages(func(string) string {
			n++
			return fmt.Sprintf(`"result":{"tools":[%s],"nextCursor":"c%d"}`, one, n)
		}), "odd__one"},
		"empty pages without end": {pages(func(string) string { n++; return fmt.Sprintf(`"result":{"tools":[],"nextCursor":"c%d"}`, n) }), ""},
		"an empty page in the middle": {pages(func(c string) string {
			return map[string]string{"": `"result":{"tools":[],"nextCursor":"b"}`, "b": `"result":{"tools":[` + one + `]}`}[c]
		}), "odd__one"},
		"a page that fails in the middle": {pages(func(c string) string {
			return map[string]string{"": `"result":{"tools":[` + one + `],"nextCursor":"b"}`, "b": `"error":{"code":-32603,"message":"no"}`}[c]
		}), "odd__one"},
		"a cursor that is no string": {pages(func(string) string { return `"result":{"tools":[` + one + `],"nextCursor":7}` }), "odd__one"},
		"the same twice":             {only("tools/list", `"result":{"tools":[`+one+`,`+one+`]}`), "odd__one"},
		"a name for two":             {only("tools/list", `"result":{"tools":[`+one+`,{"name":"one","description":"other","inputSchema":{"type":"object"}},`+fmt.Sprintf(tool, "two")+`]}`), "odd__two"},
		"no prompts after all":       {only("prompts/list", `"error":{"code":-32601,"message":"no"}`), "odd__one"},
		"no resources after all":     {only("resources/list", `"error":{"code":-32603,"message":"no"}`), "odd__one"},
		"prompts null":               {only("prompts/list", `"result":{"prompts":null}`), "odd__one"},
		"prompts an object":          {only("prompts/list", `"result":{"prompts":{"a":{}}}`), "odd__one"},
		"prompts a string":           {only("prompts/list", `"result":"none"`), "odd__one"},
		"resources an array":         {only("resources/list", `"result":[]`), "odd__one"},
		"tools null":                 {only("tools/list", `"result":{"tools":null}`), ""},
		"tools an object":            {only("tools/list", `"result":{"tools":{}}`), ""},
		"no tools, with an error":    {only("tools/list", `"error":{"code":-32601,"message":"no"}`), ""},
		"a member twice":             {beside(`{"name":"two","description":"a","description":"b","inputSchema":{"type":"object"}}`), "odd__one"},
		"a member twice in a schema": {beside(`{"name":"two","inputSchema":{"type":"object","properties":{"a":{"type":"string"},"a":{"type":"integer"}}}}`), "odd__one"},
		"a schema of 80 levels":      {beside(nested(80)), "odd__one"},
		"a schema of 5,000 levels":   {beside(nested(5000)), "odd__one"},
		"half an emoji":              {beside(`{"name":"two","description":"\ud83d","inputSchema":{"type":"object"}}`), "odd__one odd__two"},
		"bytes that are no UTF-8":    {beside("{\"name\":\"two\",\"description\":\"\xff\xfe\",\"inputSchema\":{\"type\":\"object\"}}"), "odd__one odd__two"},
		"_meta null, ttlMs a string": {only("tools/list", `"result":{"_meta":null,"ttlMs":"5","cacheScope":"all","tools":[`+one+`]}`), "odd__one"},
	} {
		t.Run(name, func(t *testing.T) {
			n = 0
			g := among(t, lab.NewScripted(t, tt.script).Config())
			want := "a__good c__good"
			if tt.want != "" {
				want = "a__good c__good " + tt.want
			}
			s := goSDK(t, g, "/mcp")
			names := toolNames(t, s)
			slices.Sort(names)
			if got := strings.Join(names, " "); got != want {
				t.Errorf("got %s, want %s\n%s", got, want, g.Log)
			}
			if tt.want == "" && strings.HasPrefix(name, "tools") {
				for p, err := range s.Prompts(t.Context(), nil) {
					if err != nil || p.Name != "odd__p" {
						t.Errorf("prompts: %v, %v", p, err)
					}
				}
			}
		})
	}
}

// Names that no provider takes stay reachable by the name on /mcp.
func TestNamesThatAreNotLegalStayReachable(t *testing.T) {
	names := []string{strings.Repeat("n", 1000), "a b", "a/b", "ünï", "😀", "a.b.c", "a__b", "_a", "-a", "1a", "A", "a\tb", "tools/list", "%2e", "\u202eabc", "'", "$ref"}
	var defs []string
	for _, n := range names {
		raw, err := json.Marshal(n)
		if err != nil {
			t.Fatal(err)
		}
		defs = append(defs, `{"name":`+string(raw)+`,"inputSchema":{"type":"object"}}`)
	}
	odd := lab.NewScripted(t, func(r lab.Request) string {
		switch r.Method {
		case "tools/list":
			return `"result":{"tools":[` + strings.Join(defs, ",") + `]}`
		case "tools/call":
			var p struct{ Name string }
			if err := json.Unmarshal(r.Params, &p); err != nil {
				return ""
			}
			text, _ := json.Marshal(p.Name)
			return `"result":{"content":[{"type":"text","text":` + string(text) + `}]}`
		}
		return ""
	})
	s := goSDK(t, among(t, odd.Config()), "/mcp")
	reached := map[string]bool{}
	for _, wire := range toolNames(t, s) {
		if len(wire) > 64 || strings.Trim(wire, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != "" {
			t.Errorf("%q is not a name that providers take", wire)
		}
		r, err := s.CallTool(context.Background(), &mcp.CallToolParams{Name: wire})
		if err != nil {
			t.Fatalf("%s: %v", wire, err)
		}
		reached[r.Content[0].(*mcp.TextContent).Text] = true
	}
	for _, n := range names {
		if !reached[n] {
			t.Errorf("%q cannot be reached", n)
		}
	}
}
