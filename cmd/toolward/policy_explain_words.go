package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"toolward/gateway"
	"toolward/policy"
)

// words tells why a call is decided as it is, for people. What a program wants, the
// input among it, is in the JSON.
func (e *explained) words(w io.Writer) {
	say := func(format string, args ...any) { fmt.Fprintln(w, printable(fmt.Sprintf(format, args...))) }
	say("%s", askedAbout(e.Request.Input))
	if e.Held != "" {
		say("Nobody may call the tool now: %s", e.Held)
	}
	if e.Schema != "" {
		say("Before policy is asked, the tool's schema refuses the arguments: %s", e.Schema)
	}
	say("")
	e.stage(say, e.Request, gateway.StageRequest)
	if e.Result != nil {
		say("")
		e.stage(say, *e.Result, gateway.StageResult)
	}
	say("")
	e.causes(say)
	if e.Hidden {
		say("The agent does not see the tool in its list: no arguments could be allowed.")
	}
	if e.Partial != "" {
		say("The record lacks some of what policy saw: %s", e.Partial)
	}
	for _, d := range e.Differs {
		say("This is not as it was decided: %s", d)
	}
	if s := e.Shadow; s != nil {
		switch {
		case s.Unknown != "":
			say("What the shadow policy made of it cannot be said: %s", s.Unknown)
		case s.Request != nil:
			say("The shadow policy (%s) of then: %s", s.By, effectOf(s.Request.Decision, gateway.StageRequest))
		}
	}
	say("By revision %s of the policy%s. With -o json: the input that rules saw.", e.By, map[string]string{"record": ", as the record has it"}[e.From])
}

// askedAbout is the call, from what policy sees of it.
func askedAbout(input json.RawMessage) string {
	var in struct {
		Call  struct{ ID, Kind string }
		Agent struct {
			ID    string
			Roles []string
		}
		Session struct{ Labels []string }
		Tool    struct{ Server, Name, Wire string }
		Args    json.RawMessage
	}
	if json.Unmarshal(input, &in) != nil {
		return "A call"
	}
	s := in.Tool.Wire
	if in.Call.Kind != string(gateway.KindTool) {
		s = in.Call.Kind + " " + s
	}
	s += ", by " + orNobody(in.Agent.ID)
	if len(in.Agent.Roles) > 0 {
		s += " (" + strings.Join(in.Agent.Roles, ", ") + ")"
	} else {
		s += ", who has no role,"
	}
	if len(in.Session.Labels) > 0 {
		s += " in a session that is " + strings.Join(in.Session.Labels, ", ") + ","
	}
	return s + " with " + short(compact(in.Args), 300)
}

func compact(raw json.RawMessage) string {
	v := gateway.Decode(raw)
	if text, err := json.Marshal(v); err == nil {
		return string(text)
	}
	return string(raw)
}

// effectOf is a decision as a sentence.
func effectOf(d gateway.Decision, stage gateway.Stage) string {
	why := ""
	if len(d.Reasons) > 0 {
		why = ": " + strings.Join(d.Reasons, "; ")
	}
	result := stage == gateway.StageResult
	switch {
	case d.Effect == gateway.EffectDeny && result:
		return "the result is withheld" + why
	case d.Effect == gateway.EffectDeny:
		return "the call is refused" + why
	case d.Effect == gateway.EffectApprove:
		return "a person is asked first" + why
	case result:
		return "the result is passed on"
	}
	return "the call is made"
}

// stage tells of one stage: what is decided, by which rules, and where others stopped.
func (e *explained) stage(say func(string, ...any), x policy.Explanation, stage gateway.Stage) {
	d := x.Decision
	text := effectOf(d, stage)
	say("%s%s.", strings.ToUpper(text[:1]), text[1:])
	if len(d.Redact) > 0 {
		say("  taken out: %s", strings.Join(d.Redact, ", "))
	}
	if len(d.Labels) > 0 {
		say("  the session becomes %s", strings.Join(d.Labels, ", "))
	}
	rules := 0
	for _, r := range x.Fired {
		if saysNothing(r.Name, stage) {
			continue
		}
		rules++
		say("  held      %-8s %s:%d", r.Name, r.File, r.Line)
		for line := range strings.SplitSeq(strings.TrimSpace(r.Text), "\n") {
			say("              %s", strings.ReplaceAll(line, "\t", "  "))
		}
	}
	for _, r := range x.Silent {
		if strings.HasPrefix(r.File, "toolward/") || saysNothing(r.Name, stage) {
			continue // the library's own, and what is not asked at this stage
		}
		rules++
		stopped := ""
		switch waits := stage == gateway.StageRequest && strings.Contains(r.Expression, "input.result"); {
		case waits:
			stopped = " waits for the result"
		case r.Expression != "":
			stopped = fmt.Sprintf(": line %d is not so: %s", r.StoppedAt, r.Expression)
		}
		say("  not held  %-8s %s:%d%s", r.Name, r.File, r.Line, stopped)
	}
	if rules == 0 {
		say("  no rule speaks about it")
	}
}

// saysNothing reports whether a rule is not asked at a stage.
func saysNothing(rule string, stage gateway.Stage) bool {
	return stage == gateway.StageResult && slices.Contains([]string{"allow", "approve", "flow"}, rule)
}

// causes tells what the call met that earlier calls had left.
func (e *explained) causes(say func(string, ...any)) {
	by := func(call, tool string) string { return "call " + call + " (" + tool + ")" }
	for _, l := range e.Labels {
		if l.By != nil {
			say("The session was %s since %s.", l.Label, by(l.By.Call, l.By.Tool))
		}
	}
	for _, h := range e.History {
		if h.By != nil {
			say("The entry %s = %s of its history was left by %s.", h.Name, h.Value, by(h.By.Call, h.By.Tool))
		}
	}
	for _, m := range e.Meters {
		say("The meter %s stood at %d, a sum of %s.", m.Name, m.Count, m.Sum)
	}
	if e.Approval != nil {
		say("Consent: %s.", decidedBy(e.Approval))
	}
	for _, c := range e.Carries {
		if c.By != nil {
			say("Its arguments carry, at %s, what %s brought.", c.Where, by(c.By.Call, c.By.Tool))
		}
	}
}
