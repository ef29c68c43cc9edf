package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// TestPolicyCheckSaysWhatOPAInterprets: who wonders why a policy is slow learns which
// rule, and what in it.
func TestPolicyCheckSaysWhatOPAInterprets(t *testing.T) {
	const head = "package gateway\n\n"
	for name, tt := range map[string]struct{ rules, want string }{
		"nothing":      {"allow if startswith(input.args.path, \"/srv\")\n", "every rule is answered without OPA's interpreter\n"},
		"a function":   {"allow if {\n\tsome i in numbers.range(1, 3)\n\tinput.args.list[i] == 1\n}\n", "g.rego:3: OPA interprets allow of package gateway: numbers.range\n"},
		"a helper":     {"allow if ok\n\nok if count(numbers.range(1, input.args.n)) == 2\n", "g.rego:3: OPA interprets allow of package gateway: numbers.range\n"},
		"own function": {"allow if ok(input.args.n)\n\nok(n) if count(numbers.range(1, n)) == 2\n", "g.rego:3: OPA interprets allow of package gateway: numbers.range\n"},
		"whole input":  {"deny contains \"b\" if {\n\tinput.stage == \"result\"\n\tcount(input) == 7\n}\n", "OPA interprets every rule at each call whose arguments are new: a rule reads input as a whole\n"},
		"with":         {"allow if ok with input.args as {}\n\nok if input.tool.name == \"a\"\n", "OPA interprets every rule at each call whose arguments are new: a rule replaces input, or a function, by with\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			if err := os.WriteFile("g.rego", []byte(head+tt.rules), 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := newRoot(&terminal{w: io.Discard})
			var out bytes.Buffer
			cmd.SetOut(&out)
			cmd.SetErr(io.Discard)
			cmd.SetArgs([]string{"policy", "check", "--offline", "--cost", "g.rego"})
			if err := cmd.Execute(); err != nil {
				t.Fatal(err)
			}
			if got := out.String(); got != tt.want {
				t.Errorf("got  %swant %s", got, tt.want)
			}
			if entries, _ := filepath.Glob("*"); len(entries) != 1 {
				t.Errorf("left behind: %v", entries)
			}
		})
	}
}
