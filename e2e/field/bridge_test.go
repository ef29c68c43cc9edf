//go:build e2e

package field

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"toolward/e2e/lab"
)

// local is a gateway whose bridges make their own tokens.
func local(t *testing.T, u *lab.Scripted) *lab.Gateway {
	t.Helper()
	return lab.Start(t, lab.Options{Config: map[string]any{
		"auth": map[string]any{"local": map[string]any{}}, "upstreams": map[string]any{"s": u.Config()},
	}})
}

const (
	echoTool  = `"result":{"tools":[{"name":"echo","inputSchema":{"type":"object"}},{"name":"ask","inputSchema":{"type":"object"}}]}`
	initiated = `{"jsonrpc":"2.0","method":"notifications/initialized"}`
)

// echoing answers a call with its own params as text, and with a number that no
// float holds.
func echoing(r lab.Request) string {
	switch r.Method {
	case "tools/list":
		return echoTool
	case "tools/call":
		said, _ := json.Marshal(string(r.Params))
		return `"result":{"content":[{"type":"text","text":` + string(said) + `}],"_meta":{"n":12345678901234567890, "o" : 1.0}}`
	}
	return ""
}

func greeting(revision, caps string) string {
	return `{"jsonrpc":"2.0","id":"hello","method":"initialize","params":{"protocolVersion":"` + revision + `","capabilities":` + caps + `,"clientInfo":{"name":"b","version":"1"}}}`
}

func bridged(t *testing.T, g *lab.Gateway, revision, caps string, args ...string) *lab.Bridge {
	t.Helper()
	b := g.Bridge(t, nil, append([]string{"--role", "tester"}, args...)...)
	b.Send(t, greeting(revision, caps))
	if line := b.Next(t); !strings.Contains(line, `"id":"hello","result":{"protocolVersion":"`+revision+`"`) {
		t.Fatalf("initialize: %s\n%s", line, b.Log)
	}
	b.Send(t, initiated)
	return b
}

func ends(t *testing.T, b *lab.Bridge) {
	t.Helper()
	if rest, code := b.Close(t); code != 0 || len(rest) > 0 {
		t.Errorf("exit code %d, and %q\n%s", code, rest, b.Log)
	}
}

// Every revision, to all upstreams and to one: what goes through the bridge is what
// goes through HTTP, byte for byte.
func TestBridgeOfEveryRevision(t *testing.T) {
	u := lab.NewScripted(t, echoing)
	g := local(t, u)
	for _, revision := range []string{"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"} {
		for _, where := range []struct{ name, prefix string }{{"", "s__"}, {"s", ""}} {
			t.Run(revision+" "+where.prefix, func(t *testing.T) {
				args := []string{"--server", where.name}
				meta := ""
				var b *lab.Bridge
				if revision == "2026-07-28" {
					meta = `,"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}`
					b = g.Bridge(t, nil, append(args, "--role", "tester")...)
				} else {
					b = bridged(t, g, revision, "{}", args...)
				}
				for i, arguments := range []string{`{"n":12345678901234567890,"m":1.0}`, `{"t":"\u00e9 é \\n"}`, `{"big":"` + strings.Repeat("x", 1<<20) + `"}`} {
					b.Send(t, fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"%secho","arguments":%s%s}}`, i, where.prefix, arguments, meta))
					line := b.With(t, fmt.Sprintf(`"id":%d,`, i))
					if !strings.Contains(line, `"n":12345678901234567890, "o" : 1.0`) {
						t.Errorf("the answer is not the upstream's: %.300s", line)
					}
					calls := u.Got("tools/call")
					if sent := string(calls[len(calls)-1].Params); !strings.Contains(sent, arguments) {
						t.Errorf("the upstream got %.300s", sent)
					}
				}
				ends(t, b)
			})
		}
	}
}

// What HTTP answers by a status reaches a client on lines with the ID that it waits for.
func TestBridgeAnswersWithTheID(t *testing.T) {
	g := local(t, lab.NewScripted(t, echoing))
	modern := func(id, method string) string {
		return `{"jsonrpc":"2.0","id":` + id + `,"method":"` + method + `","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}`
	}
	for _, c := range []struct{ name, line, want string }{
		{"no JSON", `{"jsonrpc":"2.0","id":1,`, `"id":null,"error":{"code":-32700`},
		{"not UTF-8", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\"}", `"id":1,"error":{"code":-32600`},
		{"a name twice", `{"jsonrpc":"2.0","id":2,"method":"ping","params":{"a":1,"a":2}}`, `"id":2,"error"`},
		{"no version", `{"id":3,"method":"ping"}`, `"id":3,"error"`},
		{"params are no object", `{"jsonrpc":"2.0","id":4,"method":"ping","params":[1]}`, `"id":4,"error":{"code":-32602`},
		{"unknown method", `{"jsonrpc":"2.0","id":5,"method":"nope"}`, `"id":5,"error":{"code":-32601`},
		{"unknown tool", `{"jsonrpc":"2.0","id":6,"method":"tools/call","params":{"name":"s__nope","arguments":{}}}`, `"id":6,"error":{"code":-32602`},
		{"no session", `{"jsonrpc":"2.0","id":"7","method":"tools/list"}`, `"id":"7","error"`},
		{"modern, unknown method", modern("8", "nope"), `"id":8,"error":{"code":-32601`},
		{"modern, a removed method", modern("9", "ping"), `"id":9,"error":{"code":-32601`},
		{"modern, no name", modern("10", "tools/call"), `"id":10,"error"`},
		{"too long", `{"jsonrpc":"2.0","id":11,"method":"ping","params":{"a":"` + strings.Repeat("x", 5<<20) + `"}}`, `"error":{"code":-32600,"message":"the message is over the limit`},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := g.Bridge(t, nil, "--role", "tester")
			if c.name != "no session" && !strings.HasPrefix(c.name, "modern") {
				b.Send(t, greeting("2025-11-25", "{}"), initiated)
				b.With(t, `"hello"`)
			}
			b.Send(t, c.line, `{"jsonrpc":"2.0","method":"notifications/nonsense"}`)
			if line := b.Next(t); !strings.Contains(line, c.want) {
				t.Errorf("%s\nwant %s\n%s", line, c.want, b.Log)
			}
			ends(t, b)
		})
	}
}

// A question goes to the client and its answer back; what is cancelled is not answered.
func TestBridgeAsksAndCancels(t *testing.T) {
	began, answered := make(chan struct{}, 10), make(chan struct{}, 10)
	u := lab.NewScripted(t, func(r lab.Request) string {
		if r.Method == "" {
			answered <- struct{}{}
		}
		return echoing(r)
	})
	u.Flows = map[string]lab.Flow{"tools/call": func(r lab.Request, send func(string), left <-chan struct{}) string {
		if strings.Contains(string(r.Params), `"slow"`) {
			began <- struct{}{}
			<-left
			return ""
		}
		send(`{"jsonrpc":"2.0","id":"q","method":"elicitation/create","params":{"message":"which?","requestedSchema":{"type":"object","properties":{"a":{"type":"string"}}}}}`)
		select {
		case <-answered:
		case <-left:
		}
		return `"result":{"content":[]}`
	}}
	g := lab.Start(t, lab.Options{
		Config:   map[string]any{"auth": map[string]any{"local": map[string]any{}}, "upstreams": map[string]any{"s": u.Config()}},
		Policies: map[string]string{"all.rego": lab.AllowTesters, "s.rego": "package reverse.s\n\nallow := true\n"},
	})
	for _, revision := range []string{"2025-06-18", "2025-11-25"} {
		b := bridged(t, g, revision, `{"elicitation":{}}`)
		b.Send(t, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"s__ask","arguments":{}}}`)
		var q struct{ ID json.RawMessage }
		if err := json.Unmarshal([]byte(b.With(t, "elicitation/create")), &q); err != nil {
			t.Fatal(err)
		}
		b.Send(t, `{"jsonrpc":"2.0","id":`+string(q.ID)+`,"result":{"action":"decline"}}`)
		b.With(t, `"id":1,"result"`)
		ends(t, b)
	}
	meta := `,"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}`
	for cancelled, c := range []struct{ hello, meta string }{{greeting("2025-11-25", "{}") + "\n" + initiated, ""}, {"", meta}} {
		b := g.Bridge(t, nil, "--role", "tester")
		if c.hello != "" {
			b.Send(t, c.hello)
			b.With(t, `"hello"`)
		}
		b.Send(t, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"s__ask","arguments":{"slow":1}`+c.meta+`}}`)
		<-began
		b.Send(t, cancelOf("1"))
		g.Until(t, "the upstream is not told", func() bool { return len(u.Got("notifications/cancelled")) > cancelled })
		b.Send(t, `{"jsonrpc":"2.0","id":2,"method":"tools/list","params":{`+strings.TrimPrefix(c.meta, ",")+`}}`)
		if line := b.Next(t); !strings.Contains(line, `"id":2,"result"`) {
			t.Errorf("a cancelled request is answered: %s", line)
		}
		ends(t, b)
	}
}

// The gateway is restarted, in order and by kill -9, beneath a client that goes on.
func TestBridgeOutlivesTheGateway(t *testing.T) {
	u := lab.NewScripted(t, echoing)
	g := local(t, u)
	b := bridged(t, g, "2025-11-25", "{}")
	b.Send(t, `{"jsonrpc":"2.0","id":"level","method":"logging/setLevel","params":{"level":"error"}}`)
	b.With(t, `"level","result"`)
	for i, end := range []func(){func() { g.Stop(t) }, g.Kill} {
		call := fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"s__echo","arguments":{}}}`, i)
		b.Send(t, call)
		b.With(t, fmt.Sprintf(`"id":%d,"result"`, i))
		end()
		g.Restart(t) // at another port: what the bridge knows is the record
		b.Send(t, strings.Replace(call, fmt.Sprint(`"id":`, i), fmt.Sprint(`"id":1`, i), 1))
		if line := b.With(t, fmt.Sprint(`"id":1`, i)); !strings.Contains(line, `"result"`) {
			t.Errorf("after the restart: %s\n%s", line, b.Log)
		}
	}
	ends(t, b)
}

// No gateway: the person is told at once what to do, the client by each answer; one
// that is started later is found.
func TestBridgeWithoutAGateway(t *testing.T) {
	g := local(t, lab.NewScripted(t, echoing))
	g.Stop(t)
	b := g.Bridge(t, nil, "--role", "tester")
	b.Send(t, greeting("2025-11-25", "{}"))
	want := "toolward serve --config " + filepath.Join(g.Dir, "toolward.yaml")
	if line := b.Next(t); !strings.Contains(line, `"id":"hello","error"`) || !strings.Contains(line, want) || !strings.Contains(line, "--standalone") {
		t.Errorf("the client is told %s", line)
	}
	if !strings.Contains(b.Log.String(), want) {
		t.Errorf("the person is told %s", b.Log)
	}
	g.Restart(t)
	b.Send(t, greeting("2025-11-25", "{}"))
	b.With(t, `"id":"hello","result"`)
	ends(t, b)
	g.Stop(t)
	if _, code := g.Bridge(t, nil).Close(t); code != 2 {
		t.Errorf("exit code %d of one that never reached a gateway", code)
	}
}

// Two clients have the same entry; each is a session of its own, and the tokens are
// on record.
func TestBridgesAtOnce(t *testing.T) {
	g := local(t, lab.NewScripted(t, echoing))
	var sessions []*mcp.ClientSession
	for range 3 {
		cmd := exec.Command(lab.Binary(), "stdio", "--config", filepath.Join(g.Dir, "toolward.yaml"), "--role", "tester", "--subject", "desk")
		cmd.Dir, cmd.Env = "/", []string{}
		s, err := mcp.NewClient(&mcp.Implementation{Name: "go", Version: "1"}, nil).Connect(t.Context(), &mcp.CommandTransport{Command: cmd}, nil)
		if err != nil {
			t.Fatal(err)
		}
		sessions = append(sessions, s)
	}
	for _, s := range sessions {
		r, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: "s__echo", Arguments: map[string]any{"a": 1}})
		if err != nil || r.IsError {
			t.Errorf("%+v, %v", r, err)
		}
	}
	for _, s := range sessions {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if code, out := g.Run(t, "audit", "events", "--config", "toolward.yaml"); code != 0 || strings.Count(out, "token.minted") < 3 {
		t.Errorf("%d %s", code, out)
	}
	g.CheckChain(t, "")
}

// Who took the port of a gateway that is gone gets no token, of its own making or the
// entry's.
func TestBridgeSendsNoTokenToOthers(t *testing.T) {
	g := local(t, lab.NewScripted(t, echoing))
	thief := lab.Steal(t, g)
	for name, env := range map[string][]string{"its own": nil, "the entry's": {"TOOLWARD_TOKEN=synthetic.token.value"}} {
		b := g.Bridge(t, env)
		b.Send(t, greeting("2025-11-25", "{}"))
		if line := b.Next(t); !strings.Contains(line, "is not the gateway of this record") {
			t.Errorf("%s: %s", name, line)
		}
		b.Close(t)
	}
	for _, r := range thief() {
		if r.Header.Get("Authorization") != "" || r.Method != http.MethodGet {
			t.Errorf("the thief was sent %s %s with %q", r.Method, r.URL, r.Header)
		}
	}
}
