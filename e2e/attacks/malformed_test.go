//go:build e2e

package attacks

import (
	"strings"
	"testing"

	"toolward/e2e/lab"
)

// ambiguous are messages that two readers could understand differently, or not
// at all: made of a surface's own good message.
var ambiguous = []struct {
	name   string
	args   string // in place of {"text": MARKER}
	change func(message string) string
}{
	{name: "an argument that stands twice", args: `{"text":"MARKER","text":"MARKER"}`},
	{name: "twice by an escape", args: `{"text":"MARKER","\u0074ext":"MARKER"}`},
	{name: "twice, further down", args: `{"text":"MARKER","n":{"a":[{"b":1,"b":2}]}}`},
	{name: "an argument in two cases", args: `{"text":"MARKER","Text":"MARKER"}`},
	{name: "bytes that are not UTF-8", args: "{\"text\":\"MARKER\xff\xfe\"}"},
	{name: "an overlong encoding", args: "{\"text\":\"MARKER\xc0\xaf\"}"},
	{name: "a lone surrogate", args: `{"text":"MARKER\ud800"}`},
	{name: "nesting of 65", args: `{"text":"MARKER","n":` + strings.Repeat("[", 65) + strings.Repeat("]", 65) + `}`},
	{name: "nesting of 100,000", args: `{"text":"MARKER","n":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}`},
	{name: "a number beyond a double", args: `{"text":"MARKER","n":1e400}`},
	{name: "a number that loses digits", args: `{"text":"MARKER","n":1234567890123456789.5}`},
	{name: "a number with a leading zero", args: `{"text":"MARKER","n":007}`},
	{name: "NaN", args: `{"text":"MARKER","n":NaN}`},
	{name: "arguments that are no object", args: `["MARKER"]`},
	{name: "cut short", change: func(m string) string { return m[:len(m)-1] }},
	{name: "a second value after it", change: func(m string) string { return m + m }},
	{name: "a byte order mark", change: func(m string) string { return "\ufeff" + m }},
	{name: "a comment", change: func(m string) string { return m + "// MARKER" }},
}

// TestAmbiguousJSONOnEverySurface expects each to be refused, never repaired.
func TestAmbiguousJSONOnEverySurface(t *testing.T) {
	g := lab.Start(t, lab.Options{})
	token := g.Tester()
	for _, s := range lab.Surfaces {
		t.Run(s.Name, func(t *testing.T) {
			checkGood(t, g, s, token)
			for _, attack := range ambiguous {
				t.Run(attack.name, func(t *testing.T) {
					marker, args := lab.Marker(), attack.args
					if args == "" {
						args = `{"text":"MARKER"}`
					}
					message := s.Frame("echo", args)
					if attack.change != nil {
						message = attack.change(message)
					}
					checkMalformed(t, g, s, token, marker, strings.ReplaceAll(message, "MARKER", marker))
				})
			}
			if s.DB != "" {
				g.CloseStdio(t)
			}
		})
	}
	g.CheckAlive(t)
}

// checkGood sends what the attacks are made of, which has to work.
func checkGood(t *testing.T, g *lab.Gateway, s *lab.Surface, token string) {
	t.Helper()
	if a := s.Call(t, g, token, "echo", lab.Text("good")); a.Code != "" {
		t.Fatalf("the good message got %+v", a)
	}
}

// checkMalformed sends a message that must be refused as malformed or too deep.
func checkMalformed(t *testing.T, g *lab.Gateway, s *lab.Surface, token, marker, message string) {
	t.Helper()
	refused := "code IN ('malformed', 'too_large')"
	before := g.Count(t, s.DB, refused)
	a := s.Send(t, g, token, "echo", message)
	if a.Code != "malformed" && a.Code != "too_large" {
		t.Errorf("got %q: %.300s", a.Code, a.Text)
	}
	if len(a.Text) > 4096 {
		t.Errorf("the answer has %d bytes", len(a.Text))
	}
	if g.Upstream.Executed(marker) > 0 {
		t.Error("the upstream was called")
	}
	if after := g.Count(t, s.DB, refused); after != before+1 {
		t.Errorf("%d refusals are on record, want one", after-before)
	}
}

// TestAmbiguousEnvelope hides a second name in the JSON-RPC message
// (CVE-2026-27896: readers that take the last of two, or fold their case).
func TestAmbiguousEnvelope(t *testing.T) {
	g := lab.Start(t, lab.Options{Policies: controlPolicies})
	token := g.Tester()
	for _, s := range []*lab.Surface{lab.Legacy, lab.Modern, lab.SSE, lab.Stdio} {
		t.Run(s.Name, func(t *testing.T) {
			checkGood(t, g, s, token)
			for name, pair := range map[string][2]string{
				"the name twice":            {`"name":"lab__echo"`, `"name":"lab__echo","name":"lab__denied"`},
				"the name in another case":  {`"name":"lab__echo"`, `"name":"lab__echo","Name":"lab__denied"`},
				"the method twice":          {`"method":"tools/call"`, `"method":"ping","method":"tools/call"`},
				"the method in capitals":    {`"method":"tools/call"`, `"method":"tools/call","METHOD":"ping"`},
				"params with a long s":      {`"method":"tools/call"`, `"method":"tools/call","param\u017f":{"name":"lab__denied"}`},
				"arguments in another case": {`"name":"lab__echo"`, `"name":"lab__echo","Arguments":{"text":"other"}`},
			} {
				t.Run(name, func(t *testing.T) {
					marker := lab.Marker()
					message := strings.Replace(s.Frame("echo", lab.Text(marker)), pair[0], pair[1], 1)
					checkMalformed(t, g, s, token, marker, message)
				})
			}
			if s.DB != "" {
				g.CloseStdio(t)
			}
		})
	}
	g.CheckAlive(t)
}

// TestBatch sends a batch where there are none: only 2025-03-26 has them.
func TestBatch(t *testing.T) {
	g := lab.Start(t, lab.Options{})
	for _, s := range []*lab.Surface{lab.Legacy, lab.Modern, lab.SSE, lab.Stdio} {
		t.Run(s.Name, func(t *testing.T) {
			checkGood(t, g, s, g.Tester())
			marker := lab.Marker()
			one := s.Frame("echo", lab.Text(marker))
			checkMalformed(t, g, s, g.Tester(), marker, "["+one+","+one+"]")
			checkMalformed(t, g, s, g.Tester(), marker, "[]")
		})
	}
	g.CheckAlive(t)
}
