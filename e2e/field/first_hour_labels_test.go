//go:build e2e

package field

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"toolward/e2e/lab"
	"toolward/gateway"
)

// Who is refused by the rule on labels learns which calls brought them, what guard
// suspected and how surely, and how a person looks and clears: over each surface, after
// kill -9 too, and the session goes on once it is cleared.
func TestNobodyIsLockedOutSilently(t *testing.T) {
	up := lab.NewUpstream(t)
	of := func(labels ...string) map[string]any { return map[string]any{"url": up.URL(), "labels": labels} }
	g := lab.Start(t, lab.Options{Upstream: up, Config: map[string]any{
		"upstreams": map[string]any{"crm": of("private"), "files": of("ours"), "lab": of("external")},
		"guard":     map[string]any{"injection": "policy"},
	}})
	first := lab.CallREST(t, g, g.Tester(), "crm__echo", lab.Text("a customer"))
	second := lab.CallREST(t, g, g.Tester(), "files__injected", lab.Text("a page"))
	if first.Status != 200 || second.Status != 200 || first.ID == "" || second.ID == "" {
		t.Fatalf("%+v, %+v", first, second)
	}
	check := func(when string) (session string) {
		for _, s := range []*lab.Surface{lab.REST, lab.Legacy, lab.Modern} {
			a := s.Call(t, g, g.Tester(), "echo", lab.Text("out"))
			if a.Code != "policy" {
				t.Fatalf("%s, %s: %q %s", when, s.Name, a.Code, a.Text)
			}
			for _, want := range []string{"private since call " + first.ID + " (crm__echo)", "untrusted since call " + second.ID + " (files__injected: injection.", "toolward sessions show "} {
				if !strings.Contains(a.Text, want) {
					t.Errorf("%s, %s: it does not say %q: %s", when, s.Name, want, a.Text)
				}
			}
			_, session, _ = strings.Cut(a.Text, "toolward sessions show ")
		}
		return strings.FieldsFunc(session, func(r rune) bool { return r == '`' })[0]
	}
	check("at once")
	g.Kill()
	g.Restart(t)
	id := check("after kill -9")
	code, out := g.Run(t, "sessions", "show", id, "--config", "toolward.yaml")
	var seen gateway.SessionSeen
	if err := json.Unmarshal([]byte(out), &seen); err != nil || code != 0 || !slices.ContainsFunc(seen.Since, func(s gateway.Since) bool {
		return s.Label == "untrusted" && s.Call == second.ID && strings.HasPrefix(s.Why, "injection.")
	}) {
		t.Errorf("sessions show: %d %v %s", code, err, out)
	}
	if code, out := g.Run(t, "sessions", "clear", id, "--label", "untrusted", "--why", "a false alarm", "--config", "toolward.yaml"); code != 0 {
		t.Fatal(out)
	}
	if a := lab.REST.Call(t, g, g.Tester(), "echo", lab.Text("out")); a.Status != 200 {
		t.Errorf("after the label is cleared: %d %s", a.Status, a.Text)
	}
}
