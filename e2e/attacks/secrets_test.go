//go:build e2e

package attacks

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"toolward/e2e/lab"
)

// TestSecretsStayOut plants a credential of every kind at every place that a
// caller, an issuer or an upstream can write to, and looks for each afterwards
// wherever the gateway writes: the record with its write-ahead log, the log at
// level debug, the metrics, the traces. It looks for it as it is, JSON-escaped,
// reversed, percent-encoded, and in base64 at its three offsets.
func TestSecretsStayOut(t *testing.T) {
	kinds := lab.Kinds(t, "testdata/credentials.txt")
	if len(kinds) < 60 || len(places) < 60 {
		t.Fatalf("%d kinds at %d places", len(kinds), len(places))
	}
	random, planted := rand.New(rand.NewPCG(5, 8)), new(lab.Planted)
	collector := lab.NewCollector(t)
	said := new(atomic.Value)
	said.Store("")
	var definitions []string // a tool each, whose description holds a credential
	for i, k := range kinds {
		text, secret := k.Make(random)
		planted.Add(secret, k.Name+" in a tool's definition")
		definitions = append(definitions, fmt.Sprintf(`{"name":"described_%d","description":%s,"inputSchema":{"type":"object"}}`, i, quoted("Use it with "+text)))
	}
	env, upstreams := collector.Env(), map[string]any{}
	for i, k := range kinds {
		_, secret := k.Make(random)
		planted.Add(secret, k.Name+" in the address of an upstream that is down")
		env = append(env, fmt.Sprintf("KEY_%d=%s", i, secret))
		upstreams[fmt.Sprintf("down%d", i)] = map[string]any{"url": fmt.Sprintf("http://127.0.0.1:1/mcp?key=${KEY_%d}", i)}
	}
	upstream := lab.NewUpstream(t)
	upstreams["lab"] = map[string]any{"url": upstream.URL(), "timeout": "10s"}
	upstreams["own"] = speaker(t, said, definitions).Config()
	g := lab.Start(t, lab.Options{Upstream: upstream, Env: env, Policies: secretPolicies, Config: map[string]any{
		"upstreams": upstreams, "approvals": map[string]any{"wait": "0s"}, "log": map[string]any{"level": "debug"},
		"limits": map[string]any{"default": map[string]any{"rate": "600000/min", "burst": 100000}, "agents": map[string]any{"hasty": map[string]any{"rate": "1/d", "burst": 1}},
			"failures": map[string]any{"rate": "600000/min", "burst": 100000}},
		"guard": map[string]any{"args": map[string]any{"secrets": "policy"}}, // so that arguments get as far as they can
	}})
	s := &planting{g: g, said: said, token: g.Tester(), hasty: g.Token("hasty", "tester")}
	lab.REST.Call(t, g, s.hasty, "echo", lab.Text("the only call that it has"))
	for _, p := range places {
		for _, k := range kinds {
			text, secret := k.Make(random)
			if p.fits != nil && !p.fits(text) {
				continue
			}
			planted.Add(secret, k.Name+" in "+p.name)
			p.plant(t, s, text)
		}
	}
	resp, err := http.Get(g.URL + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil {
		t.Fatal(err)
	}
	if n := g.Count(t, "", "code IN ('unknown_tool', 'invalid_arguments', 'rate_limited', 'quarantined')"); n < 5*len(kinds) {
		t.Errorf("only %d calls were refused early: the test proves nothing", n)
	}
	for _, name := range []string{"toolward.db", "toolward.db-wal", "toolward.db.journal.0"} { // before the close folds one into the other
		s.check(t, planted, name, read(t, filepath.Join(g.Dir, name)))
	}
	g.Stop(t)
	s.check(t, planted, "toolward.db after the end", read(t, filepath.Join(g.Dir, "toolward.db")))
	s.check(t, planted, "the log", g.Log.String())
	s.check(t, planted, "the metrics", string(metrics))
	s.check(t, planted, "the traces", collector.String())
	if !strings.Contains(collector.String(), "tools/call") {
		t.Error("no traces came: the test proves nothing")
	}
}

func (s *planting) check(t *testing.T, planted *lab.Planted, where, text string) {
	t.Helper()
	found := planted.In(text)
	for i, what := range found {
		if i == 40 {
			t.Errorf("… and %d more", len(found)-i)
			break
		}
		t.Errorf("%s holds %s", where, what)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
