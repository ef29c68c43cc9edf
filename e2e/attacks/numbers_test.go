//go:build e2e

package attacks

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"toolward/e2e/lab"
	"toolward/upstream/upstreamtest"
)

// giants are numbers of a few bytes, or many, whose decimal value is a megabyte
// and more: open-policy-agent/opa#3262, santhosh-tekuri/jsonschema#261,
// shopspring/decimal#427.
var giants = map[string]string{
	"large": "1e50000000", "negative": "-1e50000000", "small": "1e-50000000", "just over": "1e401", "no int64": "1e99999999999999999999",
	"zero": "0e50000000", "zeros": "0." + strings.Repeat("0", 1000) + "1", "digits": strings.Repeat("9", 100_000), "one with a long exponent": "1e" + strings.Repeat("0", 5000) + "9",
}

// A result rule as docs/policy.md has it, and one that compares.
const resultRules = `package servers.lab

allow := true

deny contains "the file is confidential" if {
	some part in input.result.content
	contains(part.text, "CONFIDENTIAL")
}

deny contains "too urgent" if input.result.content[_].annotations.priority > 1
`

// A number in a result must end the call and nothing else, on every surface:
// the calls of /v1/tool_calls run on goroutines that net/http does not guard.
func TestGiantNumberInAResult(t *testing.T) {
	up := lab.NewScripted(t, func(r lab.Request) string {
		var p struct {
			Arguments struct{ Text string }
		}
		_ = json.Unmarshal(r.Params, &p) // the gateway sends JSON
		switch r.Method {
		case "tools/list":
			return `"result":{"tools":[{"name":"echo","inputSchema":{"type":"object"}}]}`
		case "tools/call":
			n := giants[p.Arguments.Text]
			if n == "" {
				n = "1"
			}
			return fmt.Sprintf(`"result":{"content":[{"type":"text","text":%s,"annotations":{"priority":%s}}]}`, lab.Quote(p.Arguments.Text), n)
		}
		return ""
	})
	g := lab.Start(t, lab.Options{
		Config:   map[string]any{"upstreams": map[string]any{"lab": up.Config()}},
		Policies: map[string]string{"lab.rego": resultRules},
	})
	token := g.Tester()
	for _, s := range lab.Surfaces {
		for name := range giants {
			a := s.Call(t, g, token, "echo", lab.Text(name))
			if a.Code != "upstream_invalid" {
				t.Errorf("%s, %s: got %q %.200s", s.Name, name, a.Code, a.Text)
			}
			if row := g.Recorded(t, s.DB, a.ID); row["outcome"] != "failed" {
				t.Errorf("%s, %s is on record as %v", s.Name, name, row["outcome"])
			}
		}
		if a := s.Call(t, g, token, "echo", lab.Text("good")); a.Code != "" {
			t.Errorf("%s: the next good call got %+v", s.Name, a)
		}
		if n := g.Count(t, s.DB, "outcome IN ('running', 'interrupted')"); n != 0 {
			t.Errorf("%s: %d calls are on record as running", s.Name, n)
		}
		if s.DB != "" {
			g.CloseStdio(t)
		}
	}
	g.CheckChain(t, "")
}

// The same from an agent, and nothing reaches the upstream.
func TestGiantNumberInArguments(t *testing.T) {
	g := lab.Start(t, lab.Options{})
	token := g.Tester()
	for _, s := range lab.Surfaces {
		checkGood(t, g, s, token)
		for name, n := range giants {
			marker := lab.Marker()
			args := fmt.Sprintf(`{"text":%q,"n":%s}`, marker, n)
			checkMalformed(t, g, s, token, marker, s.Frame("echo", args))
			if t.Failed() {
				t.Fatalf("%s, %s", s.Name, name)
			}
		}
		if s.DB != "" {
			g.CloseStdio(t)
		}
	}
	g.CheckAlive(t)
}

// A number in what an upstream asks of an agent, where a rule compares it.
func TestGiantNumberInAQuestion(t *testing.T) {
	up := upstreamtest.Serve(t, upstreamtest.Script{Revision: "2025-06-18"})
	g := lab.Start(t, lab.Options{
		Config: map[string]any{"upstreams": map[string]any{"s": map[string]any{"url": up.URL}}},
		Policies: map[string]string{"all.rego": lab.AllowTesters, "s.rego": `package reverse.s

allow if {
	input.call.kind == "sampling"
	input.args.maxTokens <= 1000
}
`},
	})
	c := mcp.NewClient(&mcp.Implementation{Name: "attacked", Version: "1"}, &mcp.ClientOptions{
		CreateMessageHandler: func(context.Context, *mcp.CreateMessageRequest) (*mcp.CreateMessageResult, error) {
			return &mcp.CreateMessageResult{Model: "m", Role: "assistant", Content: &mcp.TextContent{Text: "sampled"}}, nil
		},
	})
	s, err := c.Connect(t.Context(), &mcp.StreamableClientTransport{
		Endpoint: g.URL + "/mcp/s", HTTPClient: &http.Client{Transport: token(g.Tester())},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for tool, want := range map[string]string{"sample": "sampled", "unheld_question": "longer, larger or smaller"} {
		r, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: tool, Arguments: map[string]any{}})
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := json.Marshal(r.StructuredContent); !strings.Contains(string(got), want) {
			t.Errorf("%s: the server got %s", tool, got)
		}
	}
	if n := g.Count(t, "", "kind = 'sampling' AND outcome = 'refused' AND code = 'malformed'"); n != 1 {
		t.Errorf("the refused question is on record %d times", n)
	}
	if n := g.Count(t, "", "outcome IN ('running', 'interrupted')"); n != 0 {
		t.Errorf("%d calls are on record as running", n)
	}
	g.CheckChain(t, "")
}

// token adds a bearer token to each request.
type token string

func (b token) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+string(b))
	return http.DefaultTransport.RoundTrip(r)
}

// Definitions of a few KiB that take seconds and hundreds of MiB to compile, or
// to check a call by. They are quarantined, each by its name; the others stay.
func TestGiantNumbersInDefinitions(t *testing.T) {
	property := func(schema string) string {
		var all []string
		for i := range 500 {
			all = append(all, fmt.Sprintf(`"p%d":%s`, i, schema))
		}
		return `{"type":"object","properties":{` + strings.Join(all, ",") + `}}`
	}
	hostile := map[string]string{
		"minimum": property(`{"minimum":-1e999999}`), "maximum": property(`{"maximum":1e50000000}`), "step": property(`{"multipleOf":1e-999999}`),
		"choice": property(`{"enum":[1e999999,1e999998]}`), "digits": property(`{"const":` + strings.Repeat("9", 5000) + `}`),
		"default": `{"type":"object","default":{"a":1e50000000}}`, "unknown": `{"type":"object","x-limits":[1e50000000]}`,
	}
	good := map[string]string{
		"echo": `{"type":"object"}`, "bounded": `{"type":"object","properties":{"n":{"minimum":-1e308,"maximum":18446744073709551615}}}`,
		"patterns": property(`{"pattern":"((a{100}){10}){10}"}`),
	}
	var list []string
	for _, tools := range []map[string]string{hostile, good} {
		for name, schema := range tools {
			list = append(list, `{"name":"`+name+`","inputSchema":`+schema+`}`)
		}
	}
	up := lab.NewScripted(t, func(r lab.Request) string {
		switch r.Method {
		case "tools/list":
			return `"result":{"tools":[` + strings.Join(list, ",") + `],"_meta":{"n":1e50000000}}`
		case "tools/call":
			return `"result":{"content":[{"type":"text","text":"done"}]}`
		}
		return ""
	})
	g := lab.Start(t, lab.Options{Config: map[string]any{"upstreams": map[string]any{"lab": up.Config()}}})
	for _, s := range []*lab.Surface{lab.REST, lab.Legacy, lab.Modern} {
		offered := s.List(t, g, g.Tester())
		if len(offered) != len(good) {
			t.Errorf("%s offers %v", s.Name, offered)
		}
		for name := range good {
			if a := s.Call(t, g, g.Tester(), name, `{"n":18446744073709551615,"p1":"b"}`); a.Code != "" {
				t.Errorf("%s: %s got %q %.300s", s.Name, name, a.Code, a.Text)
			}
		}
		for name := range hostile {
			if a := s.Call(t, g, g.Tester(), name, `{}`); a.Code != "quarantined" && a.Code != "unknown_tool" {
				t.Errorf("%s: %s got %q", s.Name, name, a.Code)
			}
		}
	}
	for name := range hostile {
		if !strings.Contains(g.Log.String(), "lab__"+name) {
			t.Errorf("the log does not name %s", name)
		}
	}
	g.CheckChain(t, "")
}

// A long, periodic token in arguments and results: it is redacted in the record,
// and the call goes on (audit counts what that costs; nothing here is timed).
func TestPeriodicTokenOnTheRoad(t *testing.T) {
	g := lab.Start(t, lab.Options{})
	a := lab.REST.Call(t, g, g.Tester(), "echo", lab.Text(strings.Repeat("eyJhbGciOiJIUzI1NiJ9.", 4500)))
	row := g.Recorded(t, "", a.ID)
	if args := fmt.Sprint(row["args"]); strings.Count(args, "eyJhbGciOiJIUzI1NiJ9.") > 3 {
		t.Errorf("the record holds the token: %.300s", args)
	}
	g.CheckAlive(t)
}
