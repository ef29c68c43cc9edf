//go:build e2e

package field

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"toolward/e2e/lab"
)

// madeUp are texts that an agent makes up and that hold what guard takes out of results.
// All are made up, and put together here so that no file holds them.
var madeUp = map[string]string{
	"a password":      "port: 5432\npassword: \"" + filePassword + "\"\n",
	"a token":         "token = " + fileToken,
	"a key":           fileKey,
	"a URL":           "postgres://app:" + "hunt3r-Two@db.example/app",
	"a command":       "mysql -u app -p" + "hunt3r-Two app",
	"in base64":       "cG9ydDogNTQzMgpwYXNzd29yZDogInMwMHBlcnMzY3JldFB3ISIK", // of the first
	"a card":          "charge " + fileCard + " today",
	"an address":      "write to ann.example" + "@example.com",
	"many":            strings.Repeat("k = "+fileToken+"\n", 80),
	"in a word of it": "{\"a\":\"x\",\"password\":\"" + filePassword + "\"}",
}

// writable is a server that may be sent anything, and remembers it.
func writable(t *testing.T) *lab.Scripted {
	return lab.NewScripted(t, func(r lab.Request) string {
		switch r.Method {
		case "initialize":
			return `"result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{},"prompts":{},"resources":{},"completions":{}},"serverInfo":{"name":"w","version":"1"}}`
		case "tools/list":
			return `"result":{"tools":[{"name":"write","inputSchema":{"type":"object"}},{"name":"masked","inputSchema":{"type":"object"}}]}`
		case "tools/call":
			return `"result":{"content":[{"type":"text","text":"done"}]}`
		case "prompts/list":
			return `"result":{"prompts":[{"name":"p"}]}`
		case "prompts/get":
			return `"result":{"messages":[]}`
		case "resources/list":
			return `"result":{"resources":[]}`
		case "resources/templates/list":
			return `"result":{"resourceTemplates":[{"uriTemplate":"note://{+text}","name":"note"}]}`
		case "resources/read":
			return `"result":{"contents":[]}`
		case "completion/complete":
			return `"result":{"completion":{"values":[]}}`
		}
		return ""
	})
}

// refusedWhole fails the test unless an answer refuses and says what to do.
func refusedWhole(t *testing.T, a lab.Answer, text string) {
	t.Helper()
	if a.Code != "guard" || !strings.Contains(a.Text, "leave the value out") || !strings.Contains(a.Text, "what stands for it") {
		t.Errorf("%q: %s", a.Code, a.Text)
	}
	if len(text) > 12 && strings.Contains(a.Text, text[len(text)-12:]) {
		t.Errorf("the refusal repeats it: %s", a.Text)
	}
}

// What an agent writes is executed as it wrote it or not at all, over whatever surface
// and in whatever part of a request.
func TestWhatAgentsWriteIsNeverAltered(t *testing.T) {
	for _, action := range []string{"redact", "tokenize"} {
		u := writable(t)
		g := lab.Start(t, lab.Options{
			Policies: map[string]string{"all.rego": lab.AllowTesters, "masked.rego": "package tools.lab.masked\n\nredact contains \"args.ssn\" if true\n"},
			Config:   map[string]any{"upstreams": map[string]any{"lab": u.Config()}, "guard": map[string]any{"secrets": action, "pii": action}},
		})
		token := g.Tester()
		for name, text := range madeUp {
			quoted, err := json.Marshal(text)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range lab.Surfaces {
				t.Run(action+" "+name+" over "+s.Name, func(t *testing.T) {
					refusedWhole(t, s.Call(t, g, token, "write", `{"path":"a","content":`+string(quoted)+`}`), text)
				})
			}
			for _, w := range lab.RPCs {
				prompt := w.Wire("lab", "p")
				for what, send := range map[string]func() lab.Answer{
					"a prompt": func() lab.Answer {
						return w.Send(t, g, token, "prompts/get", prompt, []string{`"name":"` + prompt + `"`, `"arguments":{"a":` + string(quoted) + `}`}, nil)
					},
					"a completion": func() lab.Answer {
						return w.Send(t, g, token, "completion/complete", "", []string{`"ref":{"type":"ref/prompt","name":"` + prompt + `"}`, `"argument":{"name":"a","value":` + string(quoted) + `}`}, nil)
					},
					"_meta": func() lab.Answer {
						tool := w.Wire("lab", "write")
						return w.Send(t, g, token, "tools/call", tool, []string{`"name":"` + tool + `"`, `"arguments":{}`}, []string{`"example.com/a":` + string(quoted)})
					},
				} {
					t.Run(action+" "+name+" in "+what+" over "+w.Name, func(t *testing.T) {
						if a := send(); a.Code != "guard" {
							t.Errorf("%q: %s", a.Code, a.Text)
						}
					})
				}
			}
		}
		for _, w := range lab.RPCs {
			uri := w.URI("lab", "note://"+fileToken)
			t.Run(action+" a resource over "+w.Name, func(t *testing.T) {
				refusedWhole(t, w.Send(t, g, token, "resources/read", uri, []string{`"uri":"` + uri + `"`}, nil), fileToken)
			})
		}
		if all := u.All(); strings.Contains(all, "edacted") || strings.Contains(all, "tools/call\"") {
			t.Errorf("the server got %s", all)
		}
		a := lab.CallREST(t, g, token, "lab__masked", `{"ssn":"x-1","text":"plain"}`)
		if all := u.All(); a.Code != "" || !strings.Contains(all, `{"ssn":"[redacted]","text":"plain"}`) {
			t.Errorf("what policy takes out: %q, the server got %s", a.Code, all)
		}
		recordIsClean(t, g, "")
		recordIsClean(t, g, "stdio/toolward.db")
		g.CheckChain(t, "")
	}
}

// A file that is there keeps what it has where an agent would write a password into it,
// and people can say that it may.
func TestPasswordsAreWrittenWhole(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "app.yaml")
	const before = "listen_port: 1\n"
	for name, tt := range map[string]struct {
		guard map[string]any
		allow []string
		whole bool
	}{
		"nobody said anything":            {nil, nil, false},
		"all that is sent":                {map[string]any{"args": map[string]any{"secrets": "policy"}}, nil, true},
		"what is sent to the server":      {inServer(map[string]any{"args": map[string]any{"secrets": "policy"}}), nil, true},
		"what is sent to the tool":        {inTool(map[string]any{"args": map[string]any{"secrets": "observe"}}), nil, true},
		"personal data of another kind":   {map[string]any{"args": map[string]any{"pii": "observe"}}, nil, false},
		"the tool is narrower":            {map[string]any{"args": map[string]any{"secrets": "policy"}, "servers": inTool(map[string]any{"secrets": "redact"})["servers"]}, nil, false},
		"an exception for the rule":       {nil, []string{"--rule", "secret.*", "--tool", "lab__write_file"}, true},
		"an exception for another's tool": {nil, []string{"--rule", "secret.*", "--tool", "lab__edit_file"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(path, []byte(before), 0o600); err != nil {
				t.Fatal(err)
			}
			guard := map[string]any{"secrets": "redact"}
			for k, v := range tt.guard {
				guard[k] = v
			}
			g := lab.Start(t, lab.Options{Config: map[string]any{"upstreams": map[string]any{"lab": filesServer(t, dir, nil)}, "guard": guard}})
			if tt.allow != nil {
				if code, out := g.Run(t, append([]string{"guard", "allow", "add", "--config", "toolward.yaml", "--reason", "new files"}, tt.allow...)...); code != 0 {
					t.Fatal(out)
				}
			}
			text := "listen_port: 2\npassword: \"" + filePassword + "\"\n"
			content, _ := json.Marshal(text)
			a := lab.CallREST(t, g, g.Tester(), "lab__write_file", fmt.Sprintf(`{"path":%q,"content":%s}`, path, content))
			want := text
			if !tt.whole {
				want = before
				refusedWhole(t, a, filePassword)
			}
			if got, err := os.ReadFile(path); err != nil || string(got) != want {
				t.Fatalf("on disk %q, want %q (%v): %s", got, want, err, a.Text)
			}
			a = lab.CallREST(t, g, g.Tester(), "lab__read_text_file", fmt.Sprintf(`{"path":%q}`, path))
			if a.Code != "" || strings.Contains(a.Text, filePassword) {
				t.Errorf("read again: %q: %s", a.Code, a.Text)
			}
			if tt.allow == nil { // what an exception covers is as if it had not been found
				recordIsClean(t, g, "")
			}
		})
	}
}

func inServer(said map[string]any) map[string]any {
	return map[string]any{"servers": map[string]any{"lab": said}}
}

func inTool(said map[string]any) map[string]any {
	return inServer(map[string]any{"tools": map[string]any{"write_file": said}})
}

// An agent's answers to what servers ask are what it writes: they arrive whole or not at
// all.
func TestAnswersOfAgentsAreNeverAltered(t *testing.T) {
	upstreams := askers(t)
	g := asking(t, upstreams)
	for server := range upstreams {
		for name, text := range map[string]string{"a password": "password: " + filePassword, "a token": fileToken} {
			c := mcp.NewClient(&mcp.Implementation{Name: "field", Version: "1"}, &mcp.ClientOptions{
				CreateMessageHandler: func(context.Context, *mcp.CreateMessageRequest) (*mcp.CreateMessageResult, error) {
					return &mcp.CreateMessageResult{Model: "m", Role: "assistant", Content: &mcp.TextContent{Text: "it is " + text}}, nil
				},
				ElicitationHandler: func(context.Context, *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
					return &mcp.ElicitResult{Action: "accept", Content: map[string]any{"name": text}}, nil
				},
			})
			c.AddRoots(&mcp.Root{URI: "file:///" + fileToken, Name: text})
			s, err := c.Connect(t.Context(), &mcp.StreamableClientTransport{Endpoint: g.URL + "/mcp/" + server, HTTPClient: &http.Client{Transport: bearer(g.Tester())}}, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, tool := range []string{"sample", "elicit", "roots"} {
				t.Run(name+" by "+tool+" of "+server, func(t *testing.T) {
					r, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: tool, Arguments: map[string]any{}})
					if err != nil {
						t.Fatal(err)
					}
					got, _ := json.Marshal(r)
					if strings.Contains(string(got), "[redacted") || !strings.Contains(string(got), "leave the value out") {
						t.Errorf("the server got %s", got)
					}
				})
			}
			s.Close()
			t.Run(name+" in rounds of "+server, func(t *testing.T) {
				args := fmt.Sprintf(`{"mark":%q,"ask":["form"]}`, strings.ReplaceAll(name, " ", "-"))
				r := callRound(t, g, g.Tester(), server, args, "")
				if len(r.asked) != 1 {
					t.Fatal(r.text)
				}
				for _, key := range r.asked {
					quoted, _ := json.Marshal(text)
					r = callRound(t, g, g.Tester(), server, args, fmt.Sprintf(`,"requestState":%q,"inputResponses":{%q:{"action":"accept","content":{"name":%s}}}`, r.state, key, quoted))
				}
				if !strings.Contains(r.text, "leave the value out") || strings.Contains(r.text, "[redacted") || strings.Contains(r.text, filePassword) {
					t.Errorf("answered %s", r.text)
				}
			})
		}
	}
	recordIsClean(t, g, "")
	g.CheckChain(t, "")
}
