package audit

import (
	"encoding/json"
	"errors"
	"fmt"

	"toolward/gateway"
)

// The members of an event's body. replay.go reads them back.

func refusal(o *object, s *secrecy, r *gateway.Refusal) {
	o.open("refusal")
	o.text("step", r.Step)
	o.texts("reasons", s.all(r.Reasons))
	o.text("remedy", s.scrub(r.Remedy))
	o.text("scope", r.Scope)
	o.text("approval", r.Approval)
	o.ms("retry_after_ms", r.RetryAfter)
	if cause := errors.Unwrap(r); cause != nil {
		o.text("cause", s.scrub(cause.Error()))
	}
	o.close()
}

func stages(o *object, s gateway.Stages) {
	o.ms("limit_ms", s.Limit)
	o.ms("guard_ms", s.Guard)
	o.ms("policy_ms", s.Policy)
	o.ms("approve_ms", s.Approve)
	o.ms("record_ms", s.Record)
	o.ms("upstream_ms", s.Upstream)
}

// session writes the state that policy saw. Recent calls are pairs of tool and
// effect, newest last.
func session(o *object, s *gateway.Session) {
	o.open("session")
	o.text("id", s.ID)
	o.number("calls", s.Calls)
	o.texts("labels", s.Labels)
	if len(s.Recent) > 0 {
		o.name("recent")
		o.b = append(o.b, '[')
		for i, r := range s.Recent {
			if i > 0 {
				o.b = append(o.b, ',')
			}
			o.b = append(o.b, '[')
			o.b = appendString(o.b, r.Tool)
			o.b = append(o.b, ',')
			o.b = appendString(o.b, string(r.Effect))
			o.b = append(o.b, ']')
		}
		o.b = append(o.b, ']')
	}
	o.close()
}

func decision(o *object, s *secrecy, d *gateway.Decision) {
	if d.Effect == "" {
		return
	}
	o.open("decision")
	o.text("effect", string(d.Effect))
	o.texts("reasons", s.all(d.Reasons))
	if len(d.Rules) > 0 {
		o.name("rules")
		o.b = append(o.b, '[')
		for i, rule := range d.Rules {
			if i > 0 {
				o.b = append(o.b, ',')
			}
			o.b = append(o.b, '{')
			o.text("package", rule.Package)
			o.text("name", rule.Name)
			o.text("file", rule.File)
			o.number("line", rule.Line)
			o.close()
		}
		o.b = append(o.b, ']')
	}
	o.texts("redact", d.Redact)
	o.texts("labels", d.Labels)
	o.text("revision", d.Revision)
	o.text("shadow", string(d.Shadow))
	o.close()
}

// maxFindings bounds what one hostile text can add to the record.
const maxFindings = 200

func findings(o *object, s *secrecy, all []gateway.Finding, stage gateway.Stage) {
	n := 0
	for i := range all {
		f := all[i]
		if f.Stage != stage {
			continue
		}
		n++
		if n > maxFindings {
			continue
		}
		if n == 1 {
			o.name("findings")
			o.b = append(o.b, '[')
		} else {
			o.b = append(o.b, ',')
		}
		f.Where, f.Sample = s.scrub(f.Where), s.scrub(f.Sample)
		o.b = appendLine(o.b, marshal(f))
	}
	if n > 0 {
		o.b = append(o.b, ']')
	}
	if n > maxFindings {
		o.number("findings_cut", n)
	}
}

func appendAgent(o *object, a *gateway.Agent) {
	o.text("id", a.ID)
	o.text("issuer", a.Issuer)
	o.texts("roles", a.Roles)
	o.texts("scopes", a.Scopes)
	o.text("session", a.Session)
	if len(a.Claims) > 0 {
		o.name("claims")
		o.b = appendLine(o.b, marshal(a.Claims))
	}
}

func appendTool(o *object, t *gateway.Tool) {
	o.text("name", t.Name)
	o.text("wire", t.Wire)
	o.texts("labels", t.Labels)
	if len(t.Annotations) > 0 {
		o.name("annotations")
		o.b = appendLine(o.b, t.Annotations)
	}
	o.text("fingerprint", t.Fingerprint)
	o.yes("pinned", t.Pinned)
}

// marshal is for values that always have a JSON form; if one has none after
// all, its place says so.
func marshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		return appendString(nil, fmt.Sprintf("not JSON: %v", err))
	}
	return b
}
