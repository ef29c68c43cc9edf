//go:build e2e

package attacks

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"toolward/e2e/lab"
)

// early are calls that are refused before guard and policy are asked about them:
// what they hold must be in the record no more than what others hold.
var early = []struct {
	name, code string
	args       func(secret string) (tool, args string)
}{
	{"a tool that is not there", "unknown_tool", func(s string) (string, string) { return "nothing", fmt.Sprintf(`{"text":%q}`, s) }},
	{"arguments of another type", "invalid_arguments", func(s string) (string, string) { return "echo", fmt.Sprintf(`{"text":7,"n":%q}`, s) }},
	{"a member that the schema does not have", "invalid_arguments", func(s string) (string, string) { return "echo", fmt.Sprintf(`{"text":"x","api_key":%q}`, s) }},
	{"a member of that name", "invalid_arguments", func(s string) (string, string) { return "echo", fmt.Sprintf(`{"text":"x",%q:1}`, s) }},
	{"deep, beside another mistake", "invalid_arguments", func(s string) (string, string) {
		return "echo", fmt.Sprintf(`{"text":["x"],"more":{"a":[%q]}}`, "key="+s)
	}},
	{"what policy redacts, against the schema", "invalid_arguments", func(s string) (string, string) {
		return "masked", fmt.Sprintf(`{"text":"plain-%s","n":"no number"}`, strings.ToLower(s[4:]))
	}},
	{"what policy redacts, beside an order that guard blocks", "guard", func(s string) (string, string) {
		return "masked", fmt.Sprintf(`{"text":"plain-%s %s"}`, strings.ToLower(s[4:]), lab.Injection)
	}},
	{"over the rate", "rate_limited", func(s string) (string, string) { return "secretive", lab.Text("key " + s) }},
	{"over the rate, and long", "rate_limited", func(s string) (string, string) { return "secretive", lab.Text(strings.Repeat("word ", 4000) + s) }},
}

// TestSecretsOfCallsThatAreRefusedEarly sends a credential in calls that are
// refused before guard, over every surface, and looks for it in every file.
func TestSecretsOfCallsThatAreRefusedEarly(t *testing.T) {
	g := lab.Start(t, lab.Options{
		Policies: map[string]string{
			"all.rego":    lab.AllowTesters,
			"masked.rego": "package tools.lab.masked\n\nredact contains \"args.text\" if true\n",
		},
		Config: map[string]any{"limits": map[string]any{
			"default": map[string]any{"rate": "600000/min", "burst": 100000},
			"tools":   map[string]any{"lab__secretive": map[string]any{"rate": "1/d", "burst": 1}},
		}},
	})
	if a := lab.REST.Call(t, g, g.Tester(), "secretive", lab.Text("the only one")); a.Code != "" {
		t.Fatalf("the first call got %+v", a)
	}
	n := 0
	secret := func() string { // synthetic, and another each time
		n++
		return "AKIA" + "Q3EGRZ7TOOLW" + string([]byte{'A' + byte(n%26), 'B' + byte(n/26), '5', 'K'})
	}
	var sent []string
	for _, s := range lab.Surfaces {
		for _, tt := range early {
			if s == lab.Stdio && tt.code == "rate_limited" {
				continue // it is a gateway of its own, for one agent
			}
			own := secret()
			tool, args := tt.args(own)
			if a := s.Call(t, g, g.Tester(), tool, args); a.Code != tt.code {
				t.Errorf("%s over %s: got %q, want %q: %.300s", tt.name, s.Name, a.Code, tt.code, a.Text)
			}
			sent = append(sent, own, "plain-"+strings.ToLower(own[4:]))
		}
	}
	g.CloseStdio(t)
	if rows := g.Rows(t, "", `SELECT id FROM calls WHERE code = 'invalid_arguments' AND args LIKE '%[secret.%'`); len(rows) < len(lab.Surfaces) {
		t.Errorf("only %d calls are on record with a token in place of the secret", len(rows))
	}
	g.Stop(t)
	must(t, filepath.WalkDir(g.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		for _, s := range sent {
			if strings.Contains(string(text), s) {
				t.Errorf("%s is in %s", s, filepath.Base(path))
			}
		}
		return err
	}))
}
