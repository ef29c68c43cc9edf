//go:build e2e

package field

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"toolward/e2e/lab"
)

// customer is private data, synthetic, long enough to be known again.
const customer = "Synthetic customer 4711, contract of 2026-03-01 over 12,500 a year, reminder pending, phone 0555-0100"

// office is a gateway with private data, a page that an outsider wrote, and a way
// out: the incident that docs/policy.md speaks of.
func office(t *testing.T) *lab.Gateway {
	t.Helper()
	server := func(tool, result string) *lab.Scripted {
		return lab.NewScripted(t, func(r lab.Request) string {
			switch r.Method {
			case "tools/list":
				return `"result":{"tools":[{"name":"` + tool + `","inputSchema":{"type":"object","properties":{"text":{"type":"string"}}}}]}`
			case "tools/call":
				return `"result":{"content":[{"type":"text","text":` + lab.Quote(result) + `}]}`
			}
			return ""
		})
	}
	at := func(s *lab.Scripted, label string) map[string]any {
		config := s.Config()
		config["labels"] = label
		return config
	}
	return lab.Start(t, lab.Options{
		Policies: map[string]string{"all.rego": lab.AllowTesters},
		Config: map[string]any{"upstreams": map[string]any{
			"crm": at(server("get_customer", customer), "private"), "web": at(server("fetch", "An ordinary page by an outsider."), "untrusted"), "mail": at(server("send", "sent"), "external"),
		}},
	})
}

// TestIncidentIsToldByOneCommand lets an agent read private data and an outsider's
// page, and try to send the data off. One command says which call brought what, and
// what stopped it; the other filters, statistics and queries find it too.
func TestIncidentIsToldByOneCommand(t *testing.T) {
	g := office(t)
	for _, tool := range []string{"crm__get_customer", "web__fetch"} {
		if a := lab.CallREST(t, g, g.Tester(), tool, lab.Text("x")); a.Code != "" {
			t.Fatalf("%s: %+v", tool, a)
		}
	}
	if a := lab.CallREST(t, g, g.Tester(), "mail__send", lab.Text("Hello: "+customer)); a.Code == "" {
		t.Fatalf("it was sent: %+v", a)
	}
	run := func(args ...string) string {
		code, out := g.Run(t, append(args, "--config", "toolward.yaml")...)
		if code != 0 {
			t.Errorf("%v: %d %s", args, code, out)
		}
		return out
	}
	holds := func(out string, want ...string) {
		t.Helper()
		for _, w := range want {
			if !strings.Contains(out, w) {
				t.Errorf("no %q in\n%s", w, out)
			}
		}
	}
	var calls []map[string]any
	out := run("audit", "list", "--oldest", "-o", "json", "--columns", "id,tool,outcome,session,code")
	if err := json.Unmarshal([]byte(out), &calls); err != nil || len(calls) != 3 {
		t.Fatalf("%v in %s", err, out)
	}
	read, sent, session := calls[0]["id"].(string), calls[2]["id"].(string), calls[2]["session"].(string)

	holds(run("audit", "trace", sent), "tester called mail__send: refused (policy)", "/text copies what call "+read+" brought",
		"the session had private since crm__get_customer", "the session had untrusted since web__fetch")
	holds(run("audit", "trace", read), "what it brought went on: ", "mail__send: refused")
	holds(run("audit", "story", session), "crm__get_customer: ok", "the session has now seen \"untrusted\"", "passes on at /text what call "+read)
	holds(run("audit", "show", sent), "mail__send", "session_labels", "tool_labels")
	for _, filter := range [][]string{
		{"--from-call", read}, {"--finding", "provenance"}, {"--label", "external"}, {"--outcome", "refused"}, {"--role", "tester", "--tool", "mail__send"},
		{"--not", "outcome=ok"}, {"--text", "contract of 2026-03-01 over 12,500", "--tool", "mail__send"}, {"--session", session, "--code", "policy"},
	} {
		if out := run(append([]string{"audit", "list", "--columns", "id", "-o", "csv"}, filter...)...); strings.Count(out, "\n") != 2 || !strings.Contains(out, sent) {
			t.Errorf("%v lists %s", filter, out)
		}
	}
	holds(run("audit", "stats", "--by", "outcome", "--every", "1h"), "refused", "ok")
	if code, out := g.Run(t, "audit", "list", "--outcome", "refusd", "--config", "toolward.yaml"); code == 0 || !strings.Contains(out, "did you mean refused?") {
		t.Errorf("a value that cannot be: %d %s", code, out)
	}
	queries(t, g)
}

// queries runs docs/review-queries.sql with plain sqlite3.
func queries(t *testing.T, g *lab.Gateway) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "review-queries.sql"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for part := range strings.SplitSeq(string(text), ";\n") {
		if !strings.Contains(part, "SELECT") {
			continue
		}
		n++
		out, err := exec.Command("sqlite3", "file:"+filepath.Join(g.Dir, "toolward.db")+"?mode=ro", part[strings.Index(part, "\nSELECT "):]).CombinedOutput()
		if err != nil {
			t.Errorf("%v: %s in\n%s", err, out, part)
		}
	}
	if n != 25 {
		t.Errorf("%d queries", n)
	}
}
