package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"time"

	"toolward/gateway"
)

// The members of an event's body. replay.go reads them back.

func refusal(o *object, s *secrecy, r *gateway.Refusal) {
	o.open("refusal")
	o.text("step", r.Step)
	o.texts("reasons", s.all(r.Reasons, maxText))
	o.text("remedy", s.scrub(r.Remedy))
	o.text("scope", r.Scope)
	o.text("approval", r.Approval)
	o.ms("retry_after_ms", r.RetryAfter)
	if cause := errors.Unwrap(r); cause != nil {
		o.text("cause", s.scrub(cause.Error()))
	}
	o.close()
}

// stages writes where the time went: an array of microseconds in the order limit,
// guard, policy, approve, record, upstream.
func stages(o *object, s gateway.Stages) {
	if s == (gateway.Stages{}) {
		return
	}
	o.name("us")
	o.b = append(o.b, '[')
	for i, took := range [...]time.Duration{s.Limit, s.Guard, s.Policy, s.Approve, s.Record, s.Upstream} {
		if i > 0 {
			o.b = append(o.b, ',')
		}
		o.b = strconv.AppendInt(o.b, took.Microseconds(), 10)
	}
	o.b = append(o.b, ']')
}

// session writes the state that policy saw. Recent calls are in the record
// already: what stands here is enough to tell whether what was found there is
// what policy saw.
func session(o *object, s *gateway.Session) {
	o.number("calls", s.Calls)
	if len(s.Recent) > 0 {
		n := len(o.b)
		o.b = appendRecent(o.b, s.Recent) // there is room, and what is summed up goes again
		sum := crc32.Checksum(o.b[n:], castagnoli)
		o.b = o.b[:n]
		o.text("recent", sumText(sum))
	}
}

// recentSum is a check sum over recent calls, oldest first: CRC-32C over
// "tool\x1feffect\n" of each, in hexadecimal.
func recentSum(recent []gateway.Recent) string {
	return sumText(crc32.Checksum(appendRecent(nil, recent), castagnoli))
}

func appendRecent(b []byte, recent []gateway.Recent) []byte {
	for _, r := range recent {
		b = append(b, r.Tool...)
		b = append(append(append(b, 0x1f), r.Effect...), '\n')
	}
	return b
}

// sumText is a sum as eight digits.
func sumText(sum uint32) string { return strconv.FormatUint(1<<32|uint64(sum), 16)[1:] }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ruling writes a decision without what depends on the call: effect and reasons.
func ruling(o *object, d *gateway.Decision) {
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
	o.texts("reveal", d.Reveal)
	o.texts("labels", d.Labels)
	o.text("revision", d.Revision)
	o.text("shadow", string(d.Shadow))
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

// restored writes what stands in the arguments as a placeholder, and in what is sent
// as the value: never the value.
func restored(o *object, s *secrecy, all []gateway.Restored) {
	for i := range all[:min(len(all), maxFindings)] {
		if i == 0 {
			o.name("restored")
			o.b = append(o.b, '[')
		} else {
			o.b = append(o.b, ',')
		}
		r := all[i]
		r.Where = s.scrub(r.Where)
		o.b = appendLine(o.b, marshal(r))
	}
	if len(all) > 0 {
		o.b = append(o.b, ']')
	}
	if len(all) > maxFindings {
		o.number("restored_cut", len(all))
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
