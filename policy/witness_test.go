package policy

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// failing tests, and what is said of each.
var failures = []struct {
	name, policy, test string
	want               []string // of what is said
	not                []string
}{
	{
		name:   "a rule that does not hold",
		policy: "package tools.files.read\n\nallow if \"reader\" in input.agent.roles\n",
		test:   "test_guests if test.allowed(test.call(\"files__read\", \"guest\", {\"path\": \"/a\"}))",
		want: []string{
			`line 5: test.allowed(test.call("files__read", "guest", {"path": "/a"…`,
			`files__read by guest with {"path": "/a"}: deny: no policy rule allows this call of files__read`,
		},
		not: []string{"input."},
	},
	{
		name:   "a rule that allows too much",
		policy: "package servers.files\n\nallow if \"reader\" in input.agent.roles\n",
		test:   "test_write if test.denied(test.call(\"files__write\", \"reader\", {}))",
		want:   []string{"files__write by reader with {}: allow, by allow at p.rego:3"},
	},
	{
		name:   "a deny rule, beside an allow rule",
		policy: "package servers.files\n\nallow if true\n\ndeny contains \"not today\" if \"reader\" in input.agent.roles\n",
		test:   "test_read if test.allowed(test.call(\"files__read\", \"reader\", {}))",
		want:   []string{"files__read by reader with {}: deny: not today, by deny at p.rego:5"},
		not:    []string{"p.rego:3"},
	},
	{
		name:   "a person who is asked",
		policy: "package servers.files\n\nallow if true\n\napprove contains \"with consent\" if true\n",
		test:   "test_read if test.allowed(test.call(\"files__read\", [], {}))",
		want:   []string{"by an agent without roles", "approve: with consent", "by approve at p.rego:5"},
	},
	{
		name:   "a result that is withheld",
		policy: "package servers.files\n\ndeny contains \"secret\" if input.result.secret\n",
		test:   "test_read if test.allowed(test.result(test.call(\"files__read\", [], {}), {\"secret\": true}))",
		want:   []string{"files__read, its result, by an agent without roles with {}: deny: secret"},
	},
	{
		name:   "an input without the kind of the call",
		policy: "package gateway\n\nallow if input.call.kind == \"tool\"\n",
		test:   "test_all if data.toolward.decision.effect == \"allow\" with input as {\"stage\": \"request\", \"tool\": {\"kind\": \"tool\", \"server\": \"s\", \"name\": \"n\", \"wire\": \"s__n\", \"labels\": []}, \"args\": {}}",
		want:   []string{"input.call is not there: p.rego:3 looks at it"},
		not:    []string{"toolward/"},
	},
	{
		name:   "an input of which the library makes nothing",
		policy: "package tools.s.n\n\nallow if true\n",
		test:   "test_all if data.toolward.decision.effect == \"allow\" with input as {\"stage\": \"request\", \"tool\": {\"server\": \"s\", \"name\": \"n\"}, \"args\": {}}",
		want:   []string{"nothing was decided", "input.tool.kind is not there: toolward/toolward.rego:"},
	},
	{
		name:   "an argument that is spelt otherwise",
		policy: "package tools.s.n\n\nallow if input.args.path == \"/a\"\n",
		test:   "test_all if test.allowed(test.call(\"s__n\", [], {\"pth\": \"/a\"}))",
		want:   []string{"input.args.path is not there: p.rego:3 looks at it"},
	},
	{
		name:   "a meter that the test does not have",
		policy: "package servers.s\n\nmeter contains {\"name\": \"m\", \"window\": \"1h\"} if true\n\ndeny contains \"often\" if input.meters.m.count > 3\n\nallow if true\n",
		test:   "test_all if test.denied(test.call(\"s__n\", [], {}))",
		want:   []string{"input.meters.m is not there: p.rego:5 looks at it", "allow, by allow at p.rego:7"},
	},
	{
		name:   "what is not there, and is asked not to be",
		policy: "package servers.s\n\nallow if not input.args.force\n\ndeny contains \"x\" if count([y | y := input.args.ys[_]]) == 0\n",
		test:   "test_all if test.allowed(test.call(\"s__n\", [], {}))",
		not:    []string{"input.args.force"},
		want:   []string{"deny: x, by deny at p.rego:5"},
	},
	{
		name:   "a rule that is asked by itself",
		policy: "package tools.s.n\n\nallow if true\n",
		test:   "test_no if not data.tools.s.n.allow with input as {}",
		want:   []string{"line 5: not data.tools.s.n.allow", "allow at p.rego:3 holds"},
	},
	{
		name:   "the second of two",
		policy: "package tools.s.n\n\nallow if \"a\" in input.agent.roles\n",
		test:   "test_both if {\n\ttest.allowed(test.call(\"s__n\", \"a\", {}))\n\ttest.allowed(test.call(\"s__n\", \"b\", {}))\n}",
		want:   []string{"line 7: ", "s__n by a with {}: allow, by allow at p.rego:3", "s__n by b with {}: deny: no policy"},
	},
	{
		name:   "one of each",
		policy: "package servers.s\n\nallow if input.tool.name != \"n3\"\n",
		test:   "test_each if every n in [\"n1\", \"n2\", \"n3\", \"n4\"] { test.allowed(test.call(sprintf(\"s__%s\", [n]), [], {})) }",
		want:   []string{"line 5: every n in", "s__n3 by an agent without roles with {}: deny"},
		not:    []string{"s__n4"},
	},
	{
		name:   "a slip of the pen in the test",
		policy: "package servers.s\n\nallow if true\n",
		test:   "test_slip if test.denied(test.call(\"s__n\", {\"role\": [\"a\"]}, {}))",
		want:   []string{"line 5: test.denied("},
		not:    []string{": allow", ": deny"},
	},
	{
		name:   "an upstream that asks",
		policy: "package reverse.s\n\nallow if input.call.kind == \"sampling\"\n",
		test:   "test_roots if data.toolward.reverse.decision.effect == \"allow\" with input as object.union(test.call({\"server\": \"s\", \"name\": \"\"}, [], {}), {\"call\": {\"kind\": \"roots\"}})",
		want:   []string{"deny: "},
	},
	{
		name:   "a test that takes what is not there",
		policy: "package servers.s\n\nallow if true\n",
		test:   "test_x if data.nowhere.at.all",
		want:   []string{"line 5: data.nowhere.at.all"},
	},
}

func TestFailuresSayWhy(t *testing.T) {
	for _, c := range failures {
		t.Run(c.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			for name, text := range map[string]string{"p.rego": c.policy, "p_test.rego": "package p_test\n\nimport data.toolward.lib.test\n\n" + c.test + "\n"} {
				if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			report, err := Test(t.Context(), Options{Path: "."})
			if err != nil {
				t.Fatal(err)
			}
			if len(report.Results) != 1 || report.Failed() != 1 || report.Results[0].Failure == nil {
				t.Fatalf("%+v", report.Results)
			}
			said := strings.Join(report.Results[0].Failure.Lines(), "\n")
			for _, want := range c.want {
				if !strings.Contains(said, want) {
					t.Errorf("it does not say %q:\n%s", want, said)
				}
			}
			for _, not := range c.not {
				if strings.Contains(said, not) {
					t.Errorf("it says %q:\n%s", not, said)
				}
			}
		})
	}
}

// TestFailuresAreBounded: a test that asks a thousand times says what came last.
func TestFailuresAreBounded(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"p.rego":      "package servers.s\n\nallow if {\n\tinput.args.a\n\tinput.args.b\n}\n",
		"p_test.rego": "package p_test\n\nimport data.toolward.lib.test\n\ntest_many if every i in numbers.range(1, 1000) { test.denied(test.call(\"s__n\", [], {\"a\": i})); i < 900 }\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	report, err := Test(t.Context(), Options{Path: dir})
	if err != nil {
		t.Fatal(err)
	}
	f := report.Results[0].Failure
	if len(f.Decisions) != maxTested || f.Decisions[maxTested-1].Args != `{"a": 900}` || len(f.Missing) != 1 {
		t.Error(fmt.Sprintln(f.Lines()))
	}
}
