package policy

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"toolward/gateway"
)

func TestExplain(t *testing.T) {
	e := open(t, `package tools.files.read_file

allow if {
	"reader" in input.agent.roles
	startswith(input.args.path, "/srv/")
}

allow if "admin" in input.agent.roles

deny contains "a" if input.args.path == "/etc/passwd"

deny contains "b" if {
	input.agent.id == "alice"
	contains(input.args.path, "..")
}
`)
	x, err := e.Explain(t.Context(), readCall(t, `{"path":"/etc/passwd"}`, "reader"), gateway.StageRequest)
	if err != nil {
		t.Fatal(err)
	}
	if x.Decision.Effect != gateway.EffectDeny {
		t.Errorf("effect %s, want deny", x.Decision.Effect)
	}
	lines := func(rules []FiredRule) (out []int) {
		for _, r := range rules {
			out = append(out, r.Line)
		}
		return out
	}
	if diff := cmp.Diff([]int{10}, lines(x.Fired)); diff != "" {
		t.Errorf("fired (-want +got):\n%s", diff)
	}
	if want := `deny contains "a" if input.args.path == "/etc/passwd"`; x.Fired[0].Text != want {
		t.Errorf("its text is %q, want %q", x.Fired[0].Text, want)
	}
	var stopped []int
	for _, s := range x.Silent {
		if s.Package != "toolward.flow" {
			stopped = append(stopped, s.Line, s.StoppedAt)
		}
	}
	if diff := cmp.Diff([]int{3, 5, 8, 8, 12, 14}, stopped); diff != "" {
		t.Errorf("silent rules and where they stopped (-want +got):\n%s", diff)
	}
	if !strings.Contains(string(x.Input), `"/etc/passwd"`) {
		t.Errorf("input %s", x.Input)
	}
}

func TestReplayYieldsWhatChanges(t *testing.T) {
	e := open(t, "package gateway\n\nallow if input.args.n > 1\n")
	var calls []*gateway.Call
	for _, args := range []string{`{"n":1}`, `{"n":2}`, `{"n":3}`} {
		c := readCall(t, args)
		c.Decision.Effect = gateway.EffectAllow
		c.Result = &gateway.Result{Raw: []byte(`{}`)}
		calls = append(calls, c)
	}
	calls[2].Decision.Effect = gateway.EffectDeny
	changes := slices.Collect(e.Replay(t.Context(), slices.Values(calls)))
	if len(changes) != 2 || changes[0].Call != calls[0] || changes[0].Now.Effect != gateway.EffectDeny ||
		changes[1].Call != calls[2] || changes[1].Now.Effect != gateway.EffectAllow {
		t.Errorf("changes %+v, want the first to be denied and the last allowed", changes)
	}
}
