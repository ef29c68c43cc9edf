//go:build e2e

// Package attacks attacks the built binary over real sockets and pipes, with a
// scripted upstream behind it, and reads the record afterwards. `make e2e` runs
// it; so does `make build && go test -tags e2e ./e2e/attacks`.
//
// After each attack the process is alive and healthy, a good call works, the
// record verifies, and what was refused is not in the upstream's ledger.
package attacks

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"toolward/e2e/lab"
)

func TestMain(m *testing.M) { lab.Main(m) }

// controlPolicies decide about tools of the lab in every way that policy can.
var controlPolicies = map[string]string{
	"lab.rego": `package servers.lab

allow if "tester" in input.agent.roles
allow if startswith(input.agent.id, "hasty")
`,
	"hidden.rego":   "package tools.lab.hidden\n\ndeny contains \"nobody may\"\n",
	"denied.rego":   "package tools.lab.denied\n\ndeny contains \"not with this text\" if contains(input.args.text, \"marker\")\n",
	"approved.rego": "package tools.lab.approved\n\napprove contains \"a person has to look\" if \"tester\" in input.agent.roles\n",
	"masked.rego":   "package tools.lab.masked\n\nredact contains \"result.content[*].text\" if true\n",
}

// honeytoken must never appear in arguments.
const honeytoken = "the-quick-brown-canary-7731"

// control is something that the gateway does to a call, whatever surface it
// comes by.
type control struct {
	name     string
	token    func(g *lab.Gateway, surface int) string // nil: a tester's
	calls    int                                      // how often it is called; the last one counts; 0 means once
	tool     string
	args     func(marker string) string // nil: {"text": marker}
	code     string                     // "" for a call that is made and answered
	executed int                        // how many calls the upstream may see, of all
	secret   string                     // must be in no answer, no ledger entry and no record
	outcome  string                     // in the record
}

var controls = []control{
	{name: "allowed", tool: "echo", executed: 1, outcome: "ok"},
	{name: "bad token", tool: "echo", code: "unauthenticated", token: func(g *lab.Gateway, surface int) string {
		return g.Token(fmt.Sprint("forger-", surface), "tester") + "x"
	}},
	{name: "over the rate", tool: "echo", calls: 2, code: "rate_limited", executed: 1, outcome: "refused", token: func(g *lab.Gateway, surface int) string {
		return g.Token(fmt.Sprint("hasty-", surface))
	}},
	{name: "unknown tool", tool: "no_such_tool", code: "unknown_tool", outcome: "refused"},
	{name: "arguments against the schema", tool: "echo", args: func(m string) string { return fmt.Sprintf(`{"text":7,"n":%q}`, m) }, code: "invalid_arguments", outcome: "refused"},
	{name: "injection in the arguments", tool: "echo", args: func(m string) string { return lab.Text(m + " " + lab.Injection) }, code: "guard", outcome: "refused"},
	{name: "honeytoken in the arguments", tool: "echo", args: func(m string) string { return lab.Text(m + " " + honeytoken) }, code: "guard", outcome: "refused", secret: honeytoken},
	{name: "credential in the arguments", tool: "echo", args: func(m string) string { return lab.Text(m + " aws_access_key_id = " + lab.Credential) }, code: "guard", outcome: "refused", secret: lab.Credential},
	{name: "injection in the result", tool: "injected", code: "withheld", executed: 1, outcome: "withheld"},
	{name: "credential in the result", tool: "secretive", executed: 1, outcome: "ok", secret: lab.Credential},
	{name: "denied by policy", tool: "denied", code: "policy", outcome: "refused"},
	{name: "redacted by policy", tool: "masked", executed: 1, outcome: "ok"},
	{name: "hidden by policy", tool: "hidden", code: "policy", outcome: "refused"},
	{name: "waits for a person", tool: "approved", code: "approval_pending", outcome: "refused"},
	{name: "no role", tool: "echo", code: "policy", outcome: "refused", token: func(g *lab.Gateway, _ int) string { return g.Token("stranger") }},
	{name: "upstream dies", tool: "die", code: "upstream_down", executed: 1, outcome: "failed"},
	{name: "upstream hangs", tool: "hang", code: "upstream_timeout", executed: 1, outcome: "timeout"},
	{name: "upstream talks nonsense", tool: "html", code: "upstream_invalid", executed: 1, outcome: "failed"},
}

// TestEveryControlOnEverySurface drives each control over each surface: the
// verdict is the same, the upstream sees what it should, and each call is on
// record.
func TestEveryControlOnEverySurface(t *testing.T) {
	agents := map[string]any{}
	for i, s := range lab.Surfaces {
		burst := 1
		switch s.Name { // to begin a session costs what a call costs
		case "MCP session", "MCP session of one server", "SSE":
			burst = 3
		}
		agents[fmt.Sprint("hasty-", i)] = map[string]any{"rate": "1/min", "burst": burst}
	}
	u := lab.NewUpstream(t)
	config := map[string]any{
		"upstreams": map[string]any{"lab": map[string]any{"url": u.URL(), "timeout": "500ms"}},
		"guard":     map[string]any{"honeytokens": []string{honeytoken}},
		"approvals": map[string]any{"wait": "0s"},
		"limits": map[string]any{
			"default": map[string]any{"rate": "600000/min", "burst": 100000}, "agents": agents,
			"failures": map[string]any{"rate": "600000/min", "burst": 100000},
		},
	}
	g := lab.Start(t, lab.Options{Upstream: u, Policies: controlPolicies, Config: config})
	for i, s := range lab.Surfaces {
		t.Run(s.Name, func(t *testing.T) {
			for _, c := range controls {
				t.Run(c.name, func(t *testing.T) { c.check(t, g, s, i) })
			}
			t.Run("the hidden tool is not listed", func(t *testing.T) {
				names := s.List(t, g, g.Tester())
				if !slices.Contains(names, "echo") || slices.Contains(names, "hidden") {
					t.Errorf("got %q, want echo in it and not hidden", names)
				}
				if names := s.List(t, g, g.Token("stranger")); len(names) > 0 {
					t.Errorf("a stranger sees %q", names)
				}
			})
			if s.DB != "" {
				g.CloseStdio(t)
			}
			g.CheckChain(t, s.DB)
		})
	}
	g.CheckAlive(t)
}

func (c control) check(t *testing.T, g *lab.Gateway, s *lab.Surface, surface int) {
	marker := lab.Marker()
	token, args := g.Tester(), lab.Text(marker)
	if c.token != nil {
		token = c.token(g, surface)
	}
	if c.args != nil {
		args = c.args(marker)
	}
	var a lab.Answer
	for range max(c.calls, 1) {
		a = s.Call(t, g, token, c.tool, args)
	}
	if a.Code != c.code {
		t.Fatalf("got code %q, want %q: %s", a.Code, c.code, a.Text)
	}
	if back := c.code == "" && c.tool != "masked"; back != strings.Contains(a.Text, marker) {
		t.Errorf("the text comes back: %v, want %v: %s", !back, back, a.Text)
	}
	if n := g.Upstream.Executed(marker); n != c.executed {
		t.Errorf("the upstream executed %d calls, want %d", n, c.executed)
	}
	if c.code == "unauthenticated" {
		if where := "code = 'unauthenticated' AND surface = '" + surfaceName(s) + "'"; g.Count(t, s.DB, where) == 0 {
			t.Errorf("it is not on record")
		}
		return
	}
	where := fmt.Sprintf("args LIKE '%%%s%%'", marker)
	if c.code == "rate_limited" { // its arguments were not judged, so the record has their digest alone
		where = fmt.Sprintf("agent = 'hasty-%d'", surface)
	}
	rows := g.Rows(t, s.DB, "SELECT * FROM calls WHERE "+where+" ORDER BY seq DESC")
	if len(rows) != max(c.calls, 1) {
		t.Fatalf("%d calls are on record, want %d", len(rows), max(c.calls, 1))
	}
	row := rows[0]
	if a.ID != "" && row["id"] != a.ID || row["outcome"] != c.outcome || fmt.Sprint(row["code"]) != orNil(c.code) || row["surface"] != surfaceName(s) {
		t.Errorf("the record has %v %v %v %v, want %v %v %v %v", row["id"], row["outcome"], row["code"], row["surface"], a.ID, c.outcome, orNil(c.code), surfaceName(s))
	}
	if c.secret != "" {
		for what, text := range map[string]string{"the answer": a.Text, "the record": fmt.Sprint(row), "the ledger": fmt.Sprint(g.Upstream.Ledger())} {
			if strings.Contains(text, c.secret) {
				t.Errorf("the secret is in %s", what)
			}
		}
	}
}

func orNil(code string) string {
	if code == "" {
		return "<nil>"
	}
	return code
}

// surfaceName is how the record names a surface.
func surfaceName(s *lab.Surface) string {
	switch {
	case s == lab.SSE:
		return "sse"
	case s == lab.Stdio:
		return "stdio"
	case strings.HasPrefix(s.Name, "MCP"):
		return "mcp"
	}
	return "rest"
}
