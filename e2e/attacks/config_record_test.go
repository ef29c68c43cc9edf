//go:build e2e

package attacks

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"toolward/e2e/lab"
)

// TestWhatIsInForceHidesSecrets starts a gateway whose configuration has a
// credential of every kind in every field that can hold one, written out as it should
// not be. The record says what is in force, and holds none of them; nor does the log.
func TestWhatIsInForceHidesSecrets(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 8))
	var planted lab.Planted
	upstreams := map[string]any{}
	plant := func(k lab.Kind, field string) string {
		text, secret := k.Make(random)
		planted.Add(secret, k.Name+" in "+field)
		return text
	}
	var honeytokens []string
	headers := map[string]any{}
	kinds := lab.Kinds(t, "testdata/credentials.txt")
	for i, k := range kinds {
		upstreams[fmt.Sprint("web", i)] = map[string]any{
			"url":     "http://127.0.0.1:1/mcp?key=" + url.QueryEscape(plant(k, "url")),
			"headers": map[string]any{"X-Note": plant(k, "header")},
			"labels":  []string{"private"},
		}
		upstreams[fmt.Sprint("prog", i)] = map[string]any{
			"command": "false", "args": []string{plant(k, "argument"), "--token=" + plant(k, "named argument"), "--note", plant(k, "argument of another")},
			"env": map[string]any{"TOKEN": plant(k, "secret variable"), "NOTE": plant(k, "variable")},
		}
		upstreams[fmt.Sprint("oauth", i)] = map[string]any{"url": "http://127.0.0.1:1/mcp", "oauth": map[string]any{
			"grant": "client_credentials", "token_url": "http://127.0.0.1:1/token?key=" + url.QueryEscape(plant(k, "token_url")),
			"client_id": plant(k, "client_id"), "client_secret": plant(k, "client_secret"), "scopes": []string{"read"},
		}}
		if scope := plant(k, "scope"); !strings.ContainsAny(scope, " \"\\\n") { // RFC 6749 §3.3
			upstreams[fmt.Sprint("oauth", i)].(map[string]any)["oauth"].(map[string]any)["scopes"] = []string{scope}
		}
		honeytokens = append(honeytokens, plant(k, "honeytoken"))
		headers[fmt.Sprint("X-", i)] = plant(k, "judge header")
	}
	g := lab.Launch(t, lab.Options{Config: map[string]any{
		"upstreams": upstreams,
		"guard":     map[string]any{"honeytokens": honeytokens, "judge": map[string]any{"url": "http://127.0.0.1:1/?key=" + url.QueryEscape(plant(kinds[0], "judge url")), "headers": headers}},
	}})
	g.Until(t, "nothing says what is in force", func() bool {
		if _, err := os.Stat(filepath.Join(g.Dir, "toolward.db")); err != nil {
			return false
		}
		return len(g.Rows(t, "", "SELECT 1 FROM events WHERE type = 'gateway.start'")) == 1
	})
	text := g.Rows(t, "", "SELECT bodies FROM timeline WHERE type = 'gateway.start'")[0]["bodies"].(string)
	var kept struct {
		Config struct{ Upstreams map[string]map[string]any }
	}
	must(t, json.Unmarshal([]byte(text), &kept))
	for name, given := range upstreams {
		for field := range given.(map[string]any) {
			if kept.Config.Upstreams[name][field] == nil {
				t.Errorf("%s of %s is not on record", field, name)
			}
		}
	}
	found := planted.In(text)
	for _, what := range found {
		t.Errorf("on record: %s", what)
	}
	t.Logf("%d kinds in %d places", len(kinds), 14)
	g.Stop(t)
	if found := planted.In(g.Log.String()); len(found) > 0 {
		t.Errorf("in the log: %q", found)
	}
	for _, file := range []string{"toolward.db", "toolward.db-wal", "toolward.db.journal.0"} {
		raw, err := os.ReadFile(filepath.Join(g.Dir, file))
		if err == nil {
			if found := planted.In(string(raw)); len(found) > 0 {
				t.Errorf("in %s: %q", file, found)
			}
		}
	}
}
