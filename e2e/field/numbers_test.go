//go:build e2e

package field

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"toolward/e2e/lab"
)

// echo is a server whose tool takes an integer and gives it back.
func echo(r lab.Request) string {
	switch r.Method {
	case "tools/list":
		return `"result":{"tools":[{"name":"get","inputSchema":{"type":"object","properties":{"id":{"type":"integer"}},"required":["id"]}}]}`
	case "tools/call":
		var p struct{ Arguments json.RawMessage }
		_ = json.Unmarshal(r.Params, &p) // the gateway sends JSON
		return fmt.Sprintf(`"result":{"content":[{"type":"text","text":%s}],"structuredContent":%s}`, lab.Quote(string(p.Arguments)), p.Arguments)
	}
	return ""
}

// Integers of 64 bits and more are written and read digit by digit by clients
// and servers in most languages; JSON Schema's integer has no bound. After
// anthropics/claude-code#78762 and oceanbase/powercontext#1098.
func TestIntegersKeepTheirDigits(t *testing.T) {
	up := lab.NewScripted(t, echo)
	g := lab.Start(t, lab.Options{Config: map[string]any{"upstreams": map[string]any{"lab": up.Config()}}})
	token := g.Tester()
	for _, s := range lab.Surfaces {
		t.Run(s.Name, func(t *testing.T) {
			for _, n := range []string{
				"9007199254740993", "-9007199254740993", "1234567890123456789", "9223372036854775807", "9223372036854775808", "18446744073709551616",
				"123456789012345678901234567890", "1" + strings.Repeat("0", 400), strings.Repeat("9", 4096),
			} {
				before := len(up.Got("tools/call"))
				a := s.Call(t, g, token, "get", `{"id":`+n+`}`)
				if a.Code != "" || !strings.Contains(a.Text, n) {
					t.Errorf("%.40s: %s %.300s", n, a.Code, a.Text)
				}
				if got := up.Got("tools/call")[before:]; len(got) != 1 || !strings.Contains(string(got[0].Params), `{"id":`+n+`}`) {
					t.Errorf("%.40s reached the upstream as %.300v", n, got)
				}
				if got := g.Count(t, s.DB, fmt.Sprintf(`outcome = 'ok' AND args = '{"id":%s}'`, n)); got == 0 {
					t.Errorf("%.40s is not on record digit by digit", n)
				}
			}
			if s.DB != "" {
				g.CloseStdio(t)
			}
		})
	}
}

// A client in JavaScript cannot write such an integer but as text, and the tool's
// schema would refuse that: it becomes the number where the schema wants an
// integer, for guard, policy, record and upstream alike.
func TestIntegersThatCameAsText(t *testing.T) {
	up := lab.NewScripted(t, echo)
	g := lab.Start(t, lab.Options{
		Config:   map[string]any{"upstreams": map[string]any{"lab": up.Config()}},
		Policies: map[string]string{"all.rego": "package gateway\n\nallow if input.args.id > 9007199254740992\n"},
	})
	for _, s := range lab.Surfaces {
		a := s.Call(t, g, g.Tester(), "get", `{"id":"1234567890123456789"}`)
		if a.Code != "" || !strings.Contains(a.Text, "1234567890123456789") {
			t.Errorf("%s: %s %.300s", s.Name, a.Code, a.Text)
		}
		if n := g.Count(t, s.DB, `outcome = 'ok' AND args = '{"id":1234567890123456789}'`); n == 0 {
			t.Errorf("%s: the record does not hold the number", s.Name)
		}
		if s.DB != "" {
			g.CloseStdio(t)
		}
	}
	for _, r := range up.Got("tools/call") {
		if !strings.Contains(string(r.Params), `{"id":1234567890123456789}`) {
			t.Errorf("the upstream got %s", r.Params)
		}
	}
}

// Policy compares integers exactly, not as doubles: 2^53 and 2^53+1 differ to it,
// and so do two numbers of thirty digits.
func TestPolicySeesTheExactInteger(t *testing.T) {
	up := lab.NewScripted(t, echo)
	g := lab.Start(t, lab.Options{
		Config: map[string]any{"upstreams": map[string]any{"lab": up.Config()}},
		Policies: map[string]string{"all.rego": `package gateway

allow if input.args.id == 9007199254740992

allow if input.args.id == 123456789012345678901234567890

allow if input.args.id in {18446744073709551617, 18446744073709551619}

allow if {
	input.args.id > 1000000000000000000000000000000000000000
	input.args.id < 1000000000000000000000000000000000000002
}
`},
	})
	for n, want := range map[string]string{
		"9007199254740992": "", "9007199254740993": "policy", "9007199254740991": "policy",
		"123456789012345678901234567890": "", "123456789012345678901234567891": "policy", "123456789012345678901234567889": "policy",
		"18446744073709551617": "", "18446744073709551619": "", "18446744073709551618": "policy", "18446744073709551616": "policy",
		"1000000000000000000000000000000000000000": "policy", "1000000000000000000000000000000000000001": "", "1000000000000000000000000000000000000002": "policy",
	} {
		if a := lab.REST.Call(t, g, g.Tester(), "get", `{"id":`+n+`}`); a.Code != want {
			t.Errorf("%s: got %q, want %q", n, a.Code, want)
		}
	}
}

// A consent is for one number, not for all that are the same double.
func TestConsentIsForOneInteger(t *testing.T) {
	up := lab.NewScripted(t, echo)
	g := lab.Start(t, lab.Options{
		Config:   map[string]any{"upstreams": map[string]any{"lab": up.Config()}, "approvals": map[string]any{"wait": "1ms"}},
		Policies: map[string]string{"all.rego": "package gateway\n\nallow := true\n\napprove contains \"ask\"\n"},
	})
	token := g.Tester()
	ask := func(n string) string { return lab.REST.Call(t, g, token, "get", `{"id":`+n+`}`).Code }
	if code := ask("9007199254740993"); code != "approval_pending" {
		t.Fatalf("got %q", code)
	}
	id := g.Waiting(t)
	if code, out := g.Run(t, "approvals", "approve", id, "--note", "asked for", "--config", "toolward.yaml"); code != 0 {
		t.Fatal(out)
	}
	if code := ask("9007199254740992"); code != "approval_pending" {
		t.Errorf("the neighbour got %q", code)
	}
	if code := ask("9007199254740993"); code != "" {
		t.Errorf("the number itself got %q", code)
	}
}

// RFC 8259 §8.2: the grammar allows half a surrogate pair, and servers cut texts
// there. After microsoft/playwright-mcp#1410 and anomalyco/opencode#17758.
func TestTextThatWasCutArrives(t *testing.T) {
	cut := map[string]string{
		"half a pair": `a long page, cut \ud83d`, "the other half": `\ude00 a long page`, "bytes cut": "a long page, cut \xf0\x9f\x98", "another encoding": "caf\xe9 a long page",
	}
	up := lab.NewScripted(t, func(r lab.Request) string {
		var p struct{ Arguments struct{ Text string } }
		_ = json.Unmarshal(r.Params, &p)
		switch r.Method {
		case "tools/list":
			return `"result":{"tools":[{"name":"read","description":"cut \ud83d","inputSchema":{"type":"object"}}]}`
		case "tools/call":
			return `"result":{"content":[{"type":"text","text":"` + cut[p.Arguments.Text] + `"}]}`
		}
		return ""
	})
	g := lab.Start(t, lab.Options{Config: map[string]any{"upstreams": map[string]any{"lab": up.Config()}}})
	for _, s := range []*lab.Surface{lab.REST, lab.Modern, lab.Legacy, lab.SSE} {
		for name := range cut {
			a := s.Call(t, g, g.Tester(), "read", lab.Text(name))
			if a.Code != "" || !strings.Contains(a.Text, "a long page") || !strings.Contains(a.Text, "\ufffd") && !strings.Contains(a.Text, `\ufffd`) {
				t.Errorf("%s, %s: %s %s", s.Name, name, a.Code, a.Text)
			}
		}
	}
	if n := g.Rows(t, "", "SELECT count(*) AS n FROM events WHERE body ->> '$.result_mended' = 1")[0]["n"]; n != 16.0 {
		t.Errorf("%v of 16 results are on record as mended", n)
	}
}
