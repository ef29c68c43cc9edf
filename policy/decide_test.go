package policy

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/opa/v1/ast"

	"toolward/gateway"
)

// TestMalformedDecisions is the table of what a rule may yield that is neither
// a plain yes nor a plain no. Each refuses, with a reason.
func TestMalformedDecisions(t *testing.T) {
	const head = "package tools.files.read_file\n"
	for _, tt := range []struct{ name, rego, reason string }{
		{"nothing allows", "deny contains \"x\" if input.args.a == 2\n", "no policy rule allows"},
		{"undefined", "allow if input.args.missing == 1\n", "no policy rule allows"},
		{"allow and deny", "allow := true\ndeny contains \"no\" if input.args.a == 1\n", "no"},
		{"conflict", "allow := false if input.args.a == 1\nallow := true if input.args.s == \"text\"\n", "could not be evaluated"},
		{"a number as reason", "allow := true\ndeny contains input.args.a\n", "could not be evaluated"},
		{"null as reason", "allow := true\ndeny contains input.args.null\n", "could not be evaluated"},
		{"an object as label", "allow := true\nlabel contains input.args\n", "could not be evaluated"},
		{"a redact path to nowhere", "allow := true\nredact contains input.args.s\n", "could not be evaluated"},
		{"a reveal path to nowhere", "allow := true\nreveal contains input.args.s\n", "could not be evaluated"},
		{"a number as a reveal path", "allow := true\nreveal contains input.args.a\n", "could not be evaluated"},
		{"an approve reason that is a list", "approve contains input.args.list\n", "could not be evaluated"},
		{"a function given the wrong type", "allow if lower(input.args.a) == \"x\"\n", "could not be evaluated"},
		{"division by zero", "allow if 1 / (input.args.a - 1) == 1\n", "could not be evaluated"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := open(t, head+tt.rego)
			d, err := judged(t.Context(), e, readCall(t, `{"a":1,"s":"text","null":null,"list":[]}`))
			if d.Effect != gateway.EffectDeny {
				t.Fatalf("effect %q, want deny", d.Effect)
			}
			if len(d.Reasons) != 1 || !strings.Contains(d.Reasons[0], tt.reason) {
				t.Errorf("reasons %q, want one with %q", d.Reasons, tt.reason)
			}
			var refusal *gateway.Refusal
			if err != nil && (!errors.As(err, &refusal) || refusal.Code != gateway.PolicyDenied || refusal.Unwrap() == nil) {
				t.Errorf("error %v, want a refusal with code policy and a cause", err)
			}
			if d.Revision != e.Revision() {
				t.Errorf("revision %q, want %q", d.Revision, e.Revision())
			}
		})
	}
}

// TestRunawayRuleIsStopped has a rule that would run for hours.
func TestRunawayRuleIsStopped(t *testing.T) {
	dir := writeFiles(t, map[string]string{"p.rego": `package gateway

allow if {
	some i in numbers.range(1, 100000)
	some j in numbers.range(1, 100000)
	i * j == -1
}
`})
	e, err := Open(t.Context(), Options{Path: dir, Timeout: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	d, err := judged(t.Context(), e, readCall(t, `{}`))
	if d.Effect != gateway.EffectDeny || err == nil {
		t.Fatalf("decision %+v, error %v; want deny and a refusal", d, err)
	}
	if diff := cmp.Diff([]string{"the policy took too long to decide"}, d.Reasons); diff != "" {
		t.Error(diff)
	}
}

func TestCancelledCallIsCancelledNotDenied(t *testing.T) {
	e := open(t, "package gateway\n\nallow if {\n\tsome i in numbers.range(1, 10000000)\n\ti == -1\n}\n")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := judged(ctx, e, readCall(t, `{}`))
	var refusal *gateway.Refusal
	if !errors.As(err, &refusal) || refusal.Code != gateway.Cancelled {
		t.Errorf("error %v, want a refusal with code cancelled", err)
	}
}

// TestToolAllowDoesNotAllowOthersOfItsName: prompts, resources and what the
// upstream asks have packages of their own.
func TestToolAllowDoesNotAllowOthersOfItsName(t *testing.T) {
	e := open(t, "package tools.files.read_file\n\nallow := true\n")
	for _, kind := range []gateway.Kind{gateway.KindPrompt, gateway.KindResource} {
		c := readCall(t, `{}`)
		c.Kind, c.Tool.Kind = kind, kind
		if d := decide(t, e, c); d.Effect != gateway.EffectDeny {
			t.Errorf("%s: %s, want deny", kind, d.Effect)
		}
	}
	for _, kind := range []gateway.Kind{gateway.KindSampling, gateway.KindElicitation, gateway.KindRoots} {
		c := readCall(t, `{}`)
		c.Kind = kind
		if d := decide(t, e, c); d.Effect != gateway.EffectDeny {
			t.Errorf("%s: %s, want deny", kind, d.Effect)
		}
	}
}

func TestReverseKinds(t *testing.T) {
	dir := writeFiles(t, map[string]string{
		"r.rego": "package reverse.files\n\nallow if input.call.kind == \"elicitation\"\n",
		"s.rego": "package servers.files\n\ndeny contains \"asks for a password\" if contains(input.args.message, \"password\")\n",
		"g.rego": "package gateway\n\nallow := true\n",
	})
	e, err := Open(t.Context(), Options{Path: dir})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		kind gateway.Kind
		args string
		want gateway.Effect
	}{
		{gateway.KindElicitation, `{"message":"which file?"}`, gateway.EffectAllow},
		{gateway.KindElicitation, `{"message":"your password?"}`, gateway.EffectDeny},
		{gateway.KindSampling, `{"message":"say hello"}`, gateway.EffectDeny}, // gateway's allow is for calls
		{gateway.KindNotification, `{"message":"half done"}`, gateway.EffectAllow},
		{gateway.KindNotification, `{"message":"password"}`, gateway.EffectDeny},
	} {
		c := readCall(t, tt.args)
		if c.Kind = tt.kind; tt.kind == gateway.KindNotification {
			c = readCall(t, `{}`)
			c.Kind, c.Result = tt.kind, &gateway.Result{Raw: json.RawMessage(tt.args)}
		}
		if got := decide(t, e, c).Effect; got != tt.want {
			t.Errorf("%s %s: %s, want %s", tt.kind, tt.args, got, tt.want)
		}
		c.Tool, c.Server = nil, "files"
		if got := decide(t, e, c).Effect; got != tt.want {
			t.Errorf("%s %s without a tool: %s, want %s", tt.kind, tt.args, got, tt.want)
		}
	}
}

// A notification is text of its call's tool on the way to the agent: every rule
// about the tool's results holds for it, in each package, and so do rules about
// notifications.
func TestNotificationsMeetTheRulesOfTheirTool(t *testing.T) {
	const secret = `contains(input.result.message, "confidential")`
	type verdict struct {
		Effect gateway.Effect
		Label  string
		Redact string
	}
	deny, label, redact := verdict{Effect: gateway.EffectDeny}, verdict{gateway.EffectAllow, "x", ""}, verdict{gateway.EffectAllow, "", "/message"}
	for i, tt := range []struct {
		rule string
		want verdict
	}{
		{`deny contains "no" if ` + secret, deny},
		{`deny contains "no" if input.stage == "result"`, deny},
		{`deny contains "no" if input.call.kind == "notification"`, deny},
		{`deny contains "no" if input.call.method == "notifications/progress"`, deny},
		{`deny contains "no" if {input.stage == "result"; startswith(input.args.path, "/srv")}`, deny},
		{`deny contains "no" if startswith(input.args.message, "confidential")`, deny},
		{`deny contains "no" if {input.stage == "result"; input.agent.id != ""}`, deny},
		{`label contains "x" if ` + secret, label},
		{`label contains "x" if input.call.kind == "notification"`, label},
		{`label contains "x" if input.stage == "result"`, label},
		{`redact contains "result.message"`, redact},
		{`redact contains "result.message" if ` + secret, redact},
		{`redact contains "result.content"`, deny}, // it is not there, and what it means to take out may be
		{`redact contains "result.content[*].text"`, deny},
		{`redact contains "args.path"`, verdict{Effect: gateway.EffectAllow}},
		{`deny contains "no" if {input.stage == "result"; contains(input.result.content, "other")}`, verdict{Effect: gateway.EffectAllow}},
	} {
		others := []string{"gateway", "servers.files", "reverse.files"} // each rule in one of them, and in the tool's own
		for _, pkg := range []string{"tools.files.read_file", others[i%3]} {
			dir := writeFiles(t, map[string]string{"all.rego": "package gateway\n\nallow := true\n", "rule.rego": "package " + pkg + "\n\n" + tt.rule + "\n"})
			e, err := Open(t.Context(), Options{Path: dir})
			if err != nil {
				t.Fatal(err)
			}
			c := readCall(t, `{"path":"/srv/a"}`)
			c.Decision = decide(t, e, c)
			c.Kind, c.Method, c.Result = gateway.KindNotification, "notifications/progress", &gateway.Result{Raw: json.RawMessage(`{"message":"confidential: 7","progress":1}`)}
			d := decide(t, e, c)
			got := verdict{d.Effect, strings.Join(d.Labels, " "), strings.Join(d.Redact, " ")}
			if got != tt.want {
				t.Errorf("%s in %s: got %+v, want %+v", tt.rule, pkg, got, tt.want)
			}
		}
	}
}

// TestSpecialisedLibraryDecidesAlike holds the library as it is compiled for a
// policy against the library as it is written.
func TestSpecialisedLibraryDecidesAlike(t *testing.T) {
	dir := writeFiles(t, map[string]string{
		"t.rego": "package tools.files.read_file\n\nallow if input.args.n > 0\n\ndeny contains \"nine\" if input.args.n == 9\n\nredact contains \"args.secret\"\n\nflow := \"approve\"\n",
		"o.rego": "package tools.files[\"odd-name.v2\"]\n\nallow if input.args.n > 5\n\napprove contains \"seven\" if input.args.n == 7\n",
		"p.rego": "package prompts.files.read_file\n\nallow if input.args.n > 7\n",
		"s.rego": "package servers.files\n\nallow if input.agent.id == \"root\"\n\nlabel contains \"private\" if input.args.n > 3\n",
		"g.rego": "package gateway\n\ndeny contains \"suspended\" if input.agent.id == \"mallory\"\n",
	})
	e, err := Open(t.Context(), Options{Path: dir})
	if err != nil {
		t.Fatal(err)
	}
	plain := plainDecider(t, dir)
	n := 0
	for _, agent := range []string{"alice", "root", "mallory"} {
		for _, tool := range []string{"read_file", "odd-name.v2", "write_file"} {
			for _, server := range []string{"files", "other"} {
				for _, kind := range []gateway.Kind{gateway.KindTool, gateway.KindPrompt, gateway.KindResource} {
					for _, args := range []string{`{"n":0}`, `{"n":1,"secret":"x"}`, `{"n":7}`, `{"n":9}`} {
						c := readCall(t, args)
						c.Agent.ID, c.Tool.Server, c.Tool.Name, c.Tool.Kind, c.Kind = agent, server, tool, kind, kind
						c.Tool.Labels = []string{"external"}
						c.Session.Labels = []string{"private", "untrusted"}[:1+n%2]
						n++
						got := decide(t, e, c)
						want, err := plain(c)
						if diff := cmp.Diff(want, got); diff != "" || err != nil {
							t.Errorf("%s %s.%s %s %s (-plain +specialised):\n%s%v", agent, server, tool, kind, args, diff, err)
						}
					}
				}
			}
		}
	}
}

// plainDecider decides with the library compiled as it is written.
func plainDecider(t *testing.T, dir string) func(*gateway.Call) (gateway.Decision, error) {
	t.Helper()
	s, ps := read(Options{Path: dir})
	modules, more := parse(s.modules)
	if err := failing(append(ps, more...)); err != nil {
		t.Fatal(err)
	}
	r := &revision{digest: s.digest, queries: map[string]query{}, rules: instrument(modules), compiler: newCompiler(), reads: reads{extent: all}}
	if r.compiler.Compile(modules); r.compiler.Failed() {
		t.Fatal(r.compiler.Errors)
	}
	if err := r.openStore(t.Context(), s.data); err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		var ps []Problem
		if r.queries[entry], ps = prepare(r.compiler, entry); ps != nil {
			t.Fatal(ps)
		}
	}
	return func(c *gateway.Call) (gateway.Decision, error) {
		return r.decide(t.Context(), time.Minute, c, stageOf(c))
	}
}

// TestPolicyCannotForgeMarks: the function that marks rules is there for
// policies too, and must not point outside the rules.
func TestPolicyCannotForgeMarks(t *testing.T) {
	e := open(t, "package gateway\n\nallow if {\n\ttoolward.fired(99)\n\ttoolward.fired(-1)\n\ttoolward.fired(0.5)\n}\n")
	d := decide(t, e, readCall(t, `{}`))
	if d.Effect != gateway.EffectAllow || len(d.Rules) != 1 || d.Rules[0].Line != 3 {
		t.Errorf("%+v, want one rule", d)
	}
}

// OPA hands out one term for each small number: where a rule stands is not written
// into it, which others read and write at the same time.
func TestMarksShareNoTerms(t *testing.T) {
	modules, problems := parse([]file{{name: "p.rego", content: []byte("package tools.files.read_file\n\nallow if input.args.a == 1\n")}})
	if problems != nil {
		t.Fatal(problems)
	}
	instrument(modules)
	if at := ast.InternedTerm(0).Location; at != nil {
		t.Errorf("the number of every first rule stands at %s", at)
	}
}

// A result that guard suspects is judged although no rule of the operator's
// looks at results.
func TestSuspectedInjectionMakesTheSessionUntrusted(t *testing.T) {
	e, err := Open(t.Context(), Options{Path: writeFiles(t, map[string]string{"a.rego": "package gateway\n\nallow := true\n"})})
	if err != nil {
		t.Fatal(err)
	}
	spec := callSpec{Agent: gateway.Agent{ID: "a"}, Tool: gateway.Tool{Server: "mail", Name: "read"}, Args: []byte(`{}`), Result: []byte(`{"content":[]}`)}
	c := spec.call(t)
	for _, tt := range []struct {
		findings []gateway.Finding
		want     string
	}{
		{nil, ""},
		{[]gateway.Finding{{Kind: gateway.FindingInjection, Stage: gateway.StageRequest}}, ""},
		{[]gateway.Finding{{Kind: gateway.FindingInjection, Stage: gateway.StageResult, Action: gateway.ActionPolicy}}, "untrusted"},
		{[]gateway.Finding{{Kind: gateway.FindingInjection, Stage: gateway.StageResult, Action: gateway.ActionObserve}}, ""},
	} {
		// As on the road: the request is decided first, and its revision is what
		// knows that no rule looks at the result.
		c.Findings, c.Result, c.Decision = nil, nil, gateway.Decision{}
		first, err := judged(t.Context(), e, c)
		if err != nil {
			t.Fatal(err)
		}
		c.Findings, c.Decision, c.Result = tt.findings, first, &gateway.Result{Raw: spec.Result}
		d, err := judged(t.Context(), e, c)
		if err != nil || d.Effect != gateway.EffectAllow || strings.Join(d.Labels, " ") != tt.want {
			t.Errorf("%v: %+v, %v; want labels %q", tt.findings, d, err, tt.want)
		}
	}
}
