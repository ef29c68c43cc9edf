package policy

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/rego"

	"toolward/gateway"
)

// benchPolicy is one file per tool, as a real policy is: rules of them, for
// rules/3 tools, with a few for all.
func benchPolicy(rules int) map[string]string {
	files := map[string]string{"gateway.rego": `package gateway

deny contains "injection" if input.guard.score > 0.9

deny contains "secret in the arguments" if {
	input.stage == "request"
	some f in input.guard.findings
	f.kind == "secret"
}

deny contains "suspended" if input.agent.id in data.suspended
`, "data.yaml": "suspended: [mallory, eve]\n"}
	for i := range (rules - 3) / 3 {
		files[fmt.Sprintf("t%d.rego", i)] = fmt.Sprintf(`package tools.files.tool%d

import data.toolward.lib.path

allow if {
	"reader" in input.agent.roles
	path.under(input.args.path, "/srv/docs")
}

deny contains "hidden" if path.hidden(input.args.path)

redact contains "args.password"
`, i)
	}
	return files
}

// benchCalls are more calls than decisions are remembered, each of another file.
func benchCalls(b *testing.B) []*gateway.Call {
	calls := make([]*gateway.Call, 2*maxOutcomes)
	for i := range calls {
		calls[i] = benchCall(b, fmt.Sprintf("b%d.txt", i))
		calls[i].Tool, calls[i].Agent = calls[0].Tool, calls[0].Agent
		calls[i].Args.Value()
	}
	return calls
}

func benchCall(b *testing.B, file string) *gateway.Call {
	s := callSpec{Args: json.RawMessage(`{"path":"/srv/docs/a/` + file + `","text":"` + strings.Repeat("lorem ipsum ", 80) + `","n":12,"deep":{"a":[1,2,3]}}`)}
	s.Agent.ID, s.Agent.Roles, s.Agent.Claims = "alice", []string{"reader", "staff"}, map[string]any{"team": "a"}
	s.Tool.Server, s.Tool.Name = "files", "tool3"
	return s.call(b)
}

func benchEngine(b *testing.B, rules int) *Engine {
	e, err := Open(b.Context(), Options{Path: writeFiles(b, benchPolicy(rules))})
	if err != nil {
		b.Fatal(err)
	}
	return e
}

// BenchmarkDecide asks about calls none of whose decisions is remembered.
func BenchmarkDecide(b *testing.B) {
	for _, rules := range []int{30, 200, 2000} {
		b.Run(fmt.Sprintf("rules=%d", rules), func(b *testing.B) {
			e, calls := benchEngine(b, rules), benchCalls(b)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				d, err := judged(b.Context(), e, calls[i%len(calls)])
				if err != nil || d.Effect != gateway.EffectAllow {
					b.Fatal(d, err)
				}
			}
		})
	}
}

// writtenRules are rules as people write them: paths, lengths and patterns of
// arguments.
func writtenRules() map[string]string {
	var b strings.Builder
	b.WriteString("package tools.files.tool3\n\nimport data.toolward.lib.path\n\n")
	for i := range 21 {
		fmt.Fprintf(&b, "deny contains \"folder %d is closed\" if path.under(input.args.path, \"/srv/closed/%d\")\n\n", i, i)
	}
	b.WriteString(`deny contains "outside" if not path.under(input.args.path, "/srv/docs")

deny contains "hidden" if path.hidden(input.args.path)

deny contains "too long" if count(input.args.text) > 1048576

deny contains "too many" if count(input.args.deep.a) > 10000

deny contains "a closed case" if regex.match(` + "`(?i)\\bcase-[0-9]+-closed\\b`" + `, input.args.text)

allow if {
	"reader" in input.agent.roles
	input.args.n > 0
}
`)
	return map[string]string{"t.rego": b.String()}
}

// BenchmarkWritten asks such a policy about calls all of which differ.
func BenchmarkWritten(b *testing.B) {
	e, err := Open(b.Context(), Options{Path: writeFiles(b, writtenRules())})
	if err != nil {
		b.Fatal(err)
	}
	calls := benchCalls(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if d, err := judged(b.Context(), e, calls[i%len(calls)]); err != nil || d.Effect != gateway.EffectAllow {
			b.Fatal(d, err)
		}
	}
}

// BenchmarkBareOPA asks the same policy through package rego with a map as
// input, which is what an embedder writes first.
func BenchmarkBareOPA(b *testing.B) {
	for _, rules := range []int{30, 200, 2000} {
		b.Run(fmt.Sprintf("rules=%d", rules), func(b *testing.B) {
			e, c := benchEngine(b, rules), benchCall(b, "b.txt")
			raw, err := InputJSON(c, stageOf(c))
			if err != nil {
				b.Fatal(err)
			}
			var input any
			if err := json.Unmarshal(raw, &input); err != nil {
				b.Fatal(err)
			}
			r := e.current.Load()
			options := []func(*rego.Rego){rego.Query(entryDecision), rego.Store(r.store), rego.StoreReadAST(true), rego.StrictBuiltinErrors(true)}
			for _, m := range r.parsed {
				options = append(options, rego.ParsedModule(m))
			}
			pq, err := rego.New(options...).PrepareForEval(context.Background())
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				rs, err := pq.Eval(b.Context(), rego.EvalInput(input))
				if err != nil || len(rs) != 1 {
					b.Fatal(rs, err)
				}
			}
		})
	}
}
