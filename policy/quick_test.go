package policy

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"toolward/gateway"
)

const textRules = `package tools.files.read_file

allow if startswith(input.args.path, "/srv/")

deny contains "climbs" if contains(input.args.path, "..")

deny contains "key" if {
	endswith(input.args.path, ".pem")
	not contains(input.args.path, "/public/")
}

deny contains msg if {
	contains(input.args.deep.er, "x")
	msg := sprintf("deep in %s", [input.args.path])
}

approve contains "etc" if {
	some i
	input.args.list[i]
	contains(input.args.list[i], "etc")
}

approve contains "listed" if contains(input.args.list["0"], "etc")

redact contains "args.path" if contains(input.args.note, "secret")

label contains "seen" if input.session.recent[_].tool == "files__list"
`

// TestConditionsAnsweredBeforehandDecideAlike holds decisions against those of
// the library and the policy compiled as they are written, errors included.
func TestConditionsAnsweredBeforehandDecideAlike(t *testing.T) {
	dir := writeFiles(t, map[string]string{"t.rego": textRules, "s.rego": "package servers.files\n\ndeny contains \"bin\" if startswith(input.args.path, \"/srv/bin\")\n"})
	e, err := Open(t.Context(), Options{Path: dir})
	if err != nil {
		t.Fatal(err)
	}
	if q := e.current.Load().quick; q == nil || len(q.rules) != 9 {
		t.Fatal("conditions are not answered beforehand")
	}
	plain := plainDecider(t, dir)
	effects := map[gateway.Effect]int{}
	for _, path := range []string{`"/srv/a"`, `"/srv/../a"`, `"/etc/a"`, `"/srv/k.pem"`, `"/srv/public/k.pem"`, `"/srv/bin"`, `""`, `7`, `null`, `["/srv/"]`, `{"/srv/":1}`} {
		for _, more := range []string{``, `,"deep":{"er":"x"}`, `,"deep":{"er":1}`, `,"deep":[{"er":"x"}]`, `,"deep":"x"`, `,"list":["etc"]`, `,"list":{"0":"etc"}`, `,"list":[3]`, `,"note":"a secret"`} {
			for _, name := range []string{"read_file", "write_file"} {
				c := readCall(t, `{"path":`+path+more+`}`)
				c.Tool.Server, c.Tool.Name = "files", name
				c.Session.Recent = []gateway.Recent{{Tool: "files__list", Effect: gateway.EffectAllow}}
				got, gotErr := judged(t.Context(), e, c)
				want, wantErr := plain(c)
				if diff := cmp.Diff(want, got); diff != "" || (gotErr == nil) != (wantErr == nil) {
					t.Errorf("%s %s (-as written +beforehand):\n%s%v %v", name, c.Args.Raw(), diff, wantErr, gotErr)
				}
				effects[got.Effect]++
			}
		}
	}
	if len(effects) != 3 {
		t.Errorf("effects %v, want all three", effects)
	}
}

// TestRulesThatWouldSeeIt lists policies for which nothing is answered
// beforehand, because a rule would notice.
func TestRulesThatWouldSeeIt(t *testing.T) {
	const text = "deny contains \"a\" if contains(input.args.a, \"a\")\n\n"
	for name, rules := range map[string]string{
		"input as a whole": text + "deny contains \"b\" if {\n\tinput.stage == \"result\"\n\tcount(input) == 7\n}\n",
		"input in an else": text + "whole := 1 if input.args.a else := input\n\ndeny contains \"b\" if {\n\tinput.stage == \"result\"\n\twhole == 1\n}\n",
		"another input":    text + "inner if input.args.a\n\ndeny contains \"b\" if {\n\tinput.stage == \"result\"\n\tinner with input as {\"args\": {\"a\": \"b\"}}\n}\n",
		"other arguments":  text + "inner if input.args.a\n\ndeny contains \"b\" if inner with input.args as {\"a\": \"b\"}\n",
		"another package":  text + "deny contains r if some r in data.tools.files.write_file.deny\n",
		"an import":        "import data.tools.files.write_file as w\n\n" + text + "deny contains r if some r in w.deny\n",
		"any package":      text + "deny contains r if some r in data[input.args.b].files.write_file.deny\n",
	} {
		t.Run(name, func(t *testing.T) {
			e, err := Open(t.Context(), Options{Path: writeFiles(t, map[string]string{
				"t.rego": "package tools.files.read_file\n\n" + rules, "g.rego": "package gateway\n\ndeny contains \"g\" if input.tool.name == \"g\"\n",
				"w.rego": "package tools.files.write_file\n\ndeny contains \"w\" if contains(input.args.b, \"b\")\n",
			})})
			if err != nil {
				t.Fatal(err)
			}
			if e.current.Load().quick != nil {
				t.Error("conditions are answered beforehand")
			}
		})
	}
}

// TestExactAsksOPAAboutEveryCall: who doubts the fast way can do without it.
func TestExactAsksOPAAboutEveryCall(t *testing.T) {
	e, err := Open(t.Context(), Options{Exact: true, Path: writeFiles(t, map[string]string{"a.rego": "package gateway\n\nallow if startswith(input.args.path, \"/srv\")\n"})})
	if err != nil {
		t.Fatal(err)
	}
	if e.current.Load().quick != nil {
		t.Error("there is a faster way")
	}
	if d := decide(t, e, readCall(t, `{"path":"/srv"}`)); d.Effect != gateway.EffectAllow {
		t.Errorf("%+v", d)
	}
}

// TestAListThatIsGoneThroughThriceIsStopped: an agent chooses how long it is.
func TestAListThatIsGoneThroughThriceIsStopped(t *testing.T) {
	e, err := Open(t.Context(), Options{Timeout: 100 * time.Millisecond, Path: writeFiles(t, map[string]string{"a.rego": `package gateway

allow := true

deny contains "a" if {
	some x in input.args.list
	some y in input.args.list
	some z in input.args.list
	x + y + z == 1
}
`})})
	if err != nil {
		t.Fatal(err)
	}
	c := readCall(t, `{"list":[`+strings.Repeat("1,", 5000)+`1]}`)
	began := time.Now()
	d, err := judged(t.Context(), e, c)
	if err == nil || d.Effect != gateway.EffectDeny || !strings.Contains(d.Reasons[0], "too long") {
		t.Errorf("%+v %v", d, err)
	}
	if took := time.Since(began); took > 20*time.Second { // it would be an hour
		t.Errorf("it took %s", took)
	}
}
