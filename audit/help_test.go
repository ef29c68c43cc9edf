package audit

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"toolward/gateway"
)

// openStore opens a record in the test's own directory and closes it at the end.
func openStore(t testing.TB, change ...func(*Options)) *Store {
	t.Helper()
	opts := Options{Path: filepath.Join(t.TempDir(), "toolward.db")}
	for _, f := range change {
		f(&opts)
	}
	s, err := Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

var (
	testAgent = &gateway.Agent{
		ID: "ann", Issuer: "https://id.test", Roles: []string{"dev"}, Scopes: []string{"tools"}, Session: "s-1",
		Claims: map[string]any{"sub": "ann", "team": "blue", "level": json.Number("3")},
	}
	testTool = &gateway.Tool{
		Kind: gateway.KindTool, Server: "files", Name: "read_file", Wire: "files__read_file", Labels: []string{"private"},
		Fingerprint: "3b1f", Pinned: true, Annotations: json.RawMessage(`{"readOnlyHint": true}`),
	}
)

// newCall is a call that was allowed.
func newCall(t testing.TB, args string) *gateway.Call {
	t.Helper()
	a, err := gateway.ParseArgs([]byte(args))
	if err != nil {
		t.Fatal(err)
	}
	c := gateway.NewCall(gateway.SurfaceMCP, gateway.KindTool, "tools/call")
	c.Protocol, c.Peer, c.Agent, c.Name, c.Args, c.Tool = "2025-11-25", "192.0.2.7", testAgent, testTool.Wire, a, testTool
	c.Session = gateway.Session{ID: "5e55", Calls: 1, Labels: []string{"untrusted"}, Recent: []gateway.Recent{{Tool: "web__get", Effect: "allow"}}}
	c.Decision = gateway.Decision{Effect: gateway.EffectAllow, Revision: "r1", Rules: []gateway.Rule{{Package: "tools.files.read_file", Name: "allow", File: "files.rego", Line: 4}}}
	c.Scanned = gateway.StageRequest
	c.Stages.Guard = 1500 * time.Microsecond
	return c
}

// answer gives a call a result.
func respond(c *gateway.Call, result string) {
	c.Result = &gateway.Result{Raw: json.RawMessage(result), Labels: []string{"private"}}
	c.Scanned = gateway.StageResult
	c.ResultDecision = gateway.Decision{Effect: gateway.EffectAllow, Revision: "r1"}
	c.Stages.Upstream = 12 * time.Millisecond
}

// record writes both events of a call that went well.
func record(t testing.TB, s *Store, args, result string) *gateway.Call {
	t.Helper()
	c := newCall(t, args)
	must(t, s.Record(t.Context(), gateway.PhaseAttempt, c))
	respond(c, result)
	must(t, s.Record(t.Context(), gateway.PhaseOutcome, c))
	return c
}

// settled waits until another program sees what was recorded.
func settled(t testing.TB, s *Store) {
	t.Helper()
	s.Reader.now(t.Context())
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// column1 returns one column of a query as text, a row each.
func column1(t testing.TB, s *Store, query string, args ...any) []string {
	t.Helper()
	rows, err := s.Reader.now(t.Context()).QueryContext(t.Context(), query, args...)
	must(t, err)
	var all []string
	for rows.Next() {
		var v any
		must(t, rows.Scan(&v))
		all = append(all, fmt.Sprint(v))
	}
	must(t, rows.Close())
	return all
}
