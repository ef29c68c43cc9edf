package policy

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"toolward/gateway"
)

// manyReads is a policy that reads input in every way that a decision can
// depend on it.
const manyReads = `package tools.files.read_file

import data.helpers

default flow := "deny"

allow if {
	"reader" in input.agent.roles
	input.args.mode == "r"
}

allow if {
	input.args.size < 10
	input.args.size >= 2.5
}

deny contains sprintf("nobody reads %s", [input.args.path]) if startswith(input.args.path, "/etc")

deny contains "team" if input.agent.claims["https://id.example.com/team"] == "red"

deny contains "level" if input.agent.claims.org.level > 1

deny contains "busy" if {
	input.session.calls > 3
	not helpers.trusted
}

deny contains "score" if input.guard.score > 0.5

deny contains f.rule if {
	some f in input.guard.findings
	f.kind == "secret"
}

deny contains "listed" if helpers.listed(input.args.tags)

deny contains "pair" if {
	input.args.one == "x"
	input.args.other == "yz"
}

deny contains "odd" if input.agent.claims["a\u0000b"] == "red"

deny contains "result" if {
	input.stage == "result"
	contains(input.result.text, "no")
}

approve contains "surface" if input.call.surface == "rest"

redact contains "args.note" if contains(input.args.note, "pin")

label contains team if team := input.agent.claims.org.team
`

const manyHelpers = `package helpers

trusted if "trusted" in input.session.labels

listed(tags) if {
	some tag in tags
	tag in data.closed
}
`

// TestRememberedDecisionsAreThePolicys holds what is remembered from calls that
// differ in little against the policy as it is written, asked anew for each.
func TestRememberedDecisionsAreThePolicys(t *testing.T) {
	dir := writeFiles(t, map[string]string{
		"t.rego": manyReads, "h.rego": manyHelpers, "data.yaml": "closed: [x]\n",
		"s.rego": "package servers.files\n\nlabel contains \"seen\" if input.stage == \"result\"\n\nallow if input.tool.name == \"stat\"\n",
		"w.rego": "package tools.files.write_file\n\nallow if input.agent.id == input.args.owner\n",
	})
	e, err := Open(t.Context(), Options{Path: dir})
	if err != nil {
		t.Fatal(err)
	}
	plain := plainDecider(t, dir)
	random := rand.New(rand.NewPCG(1, 2))
	// Calls differ in little, so that one that differs in something that matters
	// meets what is remembered of another.
	pick := func(usual string, others ...string) string {
		if random.IntN(8) > 0 {
			return usual
		}
		return others[random.IntN(len(others))]
	}
	tools := map[string]*gateway.Tool{}
	for _, name := range []string{"read_file", "write_file", "list", "stat"} {
		tools[name] = &gateway.Tool{Kind: gateway.KindTool, Server: "files", Name: name, Wire: "files__" + name, Labels: []string{"external"}}
	}
	effects := map[gateway.Effect]int{}
	const calls = 4000
	for range calls {
		var s callSpec
		s.Agent.ID, s.Agent.Roles = pick("a", "b"), strings.Fields(pick("reader", "", "reader writer", "readerwriter"))
		s.Agent.Claims = map[string]any{
			"https://id.example.com/team": pick("blue", "red"),
			"a\x00b":                      pick("blue", "red"), "a": map[string]any{"b": "blue"},
			"org": map[string]any{"level": json.Number(pick("0", "1", "1.5", "2e0")), "team": pick("t", "u")},
		}
		s.Session.Calls, s.Session.Labels = len(pick("", "123", "1234", "12345")), strings.Fields(pick("", "trusted", "private untrusted"))
		s.Guard.Score = float64(len(pick("", "1", "12"))) / 2
		if rule := pick("", "r1", "r2"); rule != "" {
			s.Guard.Findings = []gateway.Finding{{Kind: gateway.FindingSecret, Stage: gateway.StageRequest, Rule: rule}}
		}
		s.Args = json.RawMessage(fmt.Sprintf(`{"mode":%s,"size":%s,"path":%s,"tags":%s,"note":%s,"owner":%s,"one":%s,"other":%s,"free":%d}`,
			pick(`"r"`, `"w"`, `null`, `["r"]`), pick("10", "2.5", "2.50", "9", "1e1", "2.49", "-0.0", `"9"`, "true"),
			pick(`"/srv"`, `"/etc/a"`, `"/etc/b"`, `7`), pick(`["y","z"]`, `[]`, `["x"]`, `["yz"]`, `"x"`),
			pick(`""`, `"pin"`, `[]`), pick(`"a"`, `"b"`), pick(`"xy"`, `"x"`), pick(`"z"`, `"yz"`), random.IntN(3)))
		if random.IntN(3) == 0 {
			s.Result = json.RawMessage(pick(`{"text":"yes"}`, `{"text":"no"}`))
		}
		c := s.call(t)
		c.Tool, c.Surface = tools[pick("read_file", "write_file", "list", "stat")], gateway.Surface(pick("mcp", "rest"))
		got, gotErr := judged(t.Context(), e, c)
		want, wantErr := plain(c)
		if diff := cmp.Diff(want, got); diff != "" || (gotErr == nil) != (wantErr == nil) {
			in, err := InputJSON(c, stageOf(c))
			t.Fatalf("(-as written +remembered):\n%s%v %v\n%s %v", diff, wantErr, gotErr, in, err)
		}
		effects[got.Effect]++
	}
	if known := len(e.current.Load().quick.known.m); known == 0 || known > calls/2 {
		t.Errorf("%d decisions are remembered of %d calls", known, calls)
	}
	if len(effects) != 3 {
		t.Errorf("effects %v, want all three", effects)
	}
}

// TestTimeIsAskedAtEachCall: a decision that depends on the time of the call
// is not the next call's.
func TestTimeIsAskedAtEachCall(t *testing.T) {
	e := open(t, "package gateway\n\nallow if time.clock(time.now_ns())[0] == 12\n")
	c := readCall(t, `{}`)
	if d := decide(t, e, c); d.Effect != gateway.EffectAllow {
		t.Fatalf("at noon: %+v", d)
	}
	later := readCall(t, `{}`)
	later.Tool, later.Time = c.Tool, callTime.Add(3*time.Hour)
	if d := decide(t, e, later); d.Effect != gateway.EffectDeny {
		t.Errorf("at three: %+v", d)
	}
}

// TestMuchIsNotRemembered: neither long values nor many calls fill the memory.
func TestMuchIsNotRemembered(t *testing.T) {
	e := open(t, "package gateway\n\nallow := true\n\nlabel contains input.args.path if count(numbers.range(1, 2)) == 2\n") // a rule that is OPA's
	tool := readCall(t, `{}`).Tool
	ask := func(path string) {
		c := readCall(t, `{"path":"`+path+`"}`)
		c.Tool = tool
		if d := decide(t, e, c); d.Effect != gateway.EffectAllow {
			t.Fatalf("%q: %+v", path, d)
		}
	}
	known := &e.current.Load().quick.known
	if ask(strings.Repeat("a", 2*maxValues)); len(known.m) != 0 {
		t.Error("a long value is remembered")
	}
	known.most = 10
	for i := range 25 {
		ask(fmt.Sprint(i))
	}
	if n := len(known.m); n == 0 || n > 10 {
		t.Errorf("%d decisions are remembered, want up to 10", n)
	}
}

// BenchmarkTextRules is a policy that looks for words in an argument.
func BenchmarkTextRules(b *testing.B) {
	var rules strings.Builder
	rules.WriteString("package tools.files.tool3\n\nallow if \"reader\" in input.agent.roles\n\n")
	for i := range 27 {
		fmt.Fprintf(&rules, "deny contains \"case %d is closed\" if contains(input.args.text, \"case-%d-closed\")\n\n", i, i)
	}
	e, err := Open(b.Context(), Options{Path: writeFiles(b, map[string]string{"t.rego": rules.String()})})
	if err != nil {
		b.Fatal(err)
	}
	for _, kib := range []int{1, 64} {
		b.Run(fmt.Sprintf("%dKiB", kib), func(b *testing.B) {
			s := callSpec{Args: json.RawMessage(`{"text":"` + strings.Repeat("lorem ipsum ", 85*kib) + `"}`)}
			s.Agent.ID, s.Agent.Roles = "alice", []string{"reader"}
			s.Tool.Server, s.Tool.Name = "files", "tool3"
			c := s.call(b)
			b.ReportAllocs()
			before := processorTime()
			for b.Loop() {
				if d, err := judged(b.Context(), e, c); err != nil || d.Effect != gateway.EffectAllow {
					b.Fatal(d, err)
				}
			}
			b.ReportMetric(float64(processorTime()-before)/1000/float64(b.N), "cpu-µs/op")
		})
	}
}
