package audit

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"toolward/gateway"
)

// recorder turns calls into events. It runs on the caller's goroutine, so that
// the single writer only numbers, hashes and inserts.
type recorder struct {
	keys    *Keys
	bodies  Bodies
	maxBody int
	agents  *memo[gateway.Agent]
	tools   *memo[gateway.Tool]
	buffers sync.Pool // of *[]byte: bodies under construction
}

// maxBuffer is the largest buffer that is used again, in bytes.
const maxBuffer = 256 << 10

// event is the row of one phase of a call.
func (r *recorder) event(p gateway.Phase, c *gateway.Call) Event {
	e := Event{Call: c.ID}
	s := &secrecy{keys: r.keys}
	buf := r.buffers.Get().(*[]byte)
	o := object{b: append((*buf)[:0], '{')}
	switch p {
	case gateway.PhaseOutcome:
		e.Type, e.TimeUnixMs = TypeOutcome, time.Now().UnixMilli()
		r.hideArgs(s, c)
		e.Effect = string(c.ResultDecision.Effect)
		r.outcome(&o, s, c)
	default:
		e.Type, e.TimeUnixMs = TypeAttempt, c.Time.UnixMilli()
		r.request(&o, s, c)
		if p == gateway.PhaseRefusal {
			e.Type = TypeRefusal
			o.ms("ms", time.Since(c.Time))
		}
		r.columns(&e, s, c)
	}
	if c.Refusal != nil {
		e.Code = string(c.Refusal.Code)
		refusal(&o, s, c.Refusal)
	}
	stages(&o, c.Stages)
	o.close()
	e.Body = Raw(o.b)
	if *buf = o.b; cap(o.b) <= maxBuffer {
		r.buffers.Put(buf)
	}
	return e
}

func (r *recorder) columns(e *Event, s *secrecy, c *gateway.Call) {
	if c.Agent != nil {
		e.Agent = column(c.Agent.ID)
	}
	e.Server = c.Server
	if c.Tool != nil {
		e.Server = c.Tool.Server
	}
	e.Server = column(e.Server)
	e.Tool = column(s.scrub(c.ToolName()))
	e.Kind = string(c.Kind)
	e.Effect = string(c.Decision.Effect)
}

// request writes what is known before the call is made. The arguments come
// first in time, because what they hide must not stand in the other members.
func (r *recorder) request(o *object, s *secrecy, c *gateway.Call) {
	r.args(o, s, c)
	o.text("surface", string(c.Surface))
	o.text("protocol", clip(c.Protocol, maxColumn))
	o.text("peer", c.Peer)
	o.text("method", clip(c.Method, maxColumn))
	o.text("endpoint", clip(c.Server, maxColumn))
	o.text("name", s.scrub(c.Name))
	if c.Parent != nil {
		o.text("parent", c.Parent.ID)
	}
	if c.Agent != nil {
		o.json("agent", r.agents.line(c.Agent, appendAgent))
	}
	if c.Tool != nil {
		o.json("tool", r.tools.line(c.Tool, appendTool))
	}
	if c.Session.ID != "" {
		session(o, &c.Session)
	}
	findings(o, s, c.Findings, gateway.StageRequest)
	o.float("score", c.Score)
	decision(o, s, &c.Decision)
}

// outcome writes what became of a call that was attempted.
func (r *recorder) outcome(o *object, s *secrecy, c *gateway.Call) {
	r.result(o, s, c)
	o.text("outcome", became(c))
	findings(o, s, c.Findings, gateway.StageResult)
	o.float("score", c.Score)
	decision(o, s, &c.ResultDecision)
	said := c.Said()
	labels := said.Labels
	if c.Result != nil && len(c.Result.Labels) > 0 {
		labels = c.Result.Labels // of the whole: those of what was said among them
	}
	o.texts("labels", labels)
	r.notes(o, said)
	o.ms("ms", time.Since(c.Time))
}

// became names the outcome as the view calls shows it.
func became(c *gateway.Call) string {
	if c.Refusal == nil {
		if c.Result != nil && c.Result.IsError {
			return "error"
		}
		return "ok"
	}
	switch c.Refusal.Code {
	case gateway.Withheld:
		return "withheld"
	case gateway.UpstreamTimeout:
		return "timeout"
	case gateway.Cancelled:
		return "cancelled"
	}
	return "failed"
}

// args writes the arguments, or what Bodies says instead.
func (r *recorder) args(o *object, s *secrecy, c *gateway.Call) {
	raw := c.Args.Raw()
	line, err := s.redact(raw, partArgs, c.Findings, c.Decision.Redact, c.Args.Value)
	r.body(o, "args", raw, line, unread(c, gateway.StageRequest, raw, err))
	r.beside(o, s, c)
}

// errUnread is why a body is not shown that guard has not read.
var errUnread = errors.New("guard has not read it")

func unread(c *gateway.Call, stage gateway.Stage, raw json.RawMessage, err error) error {
	if read := c.Scanned == stage || c.Scanned == gateway.StageResult; read || err != nil || string(raw) == "{}" {
		return err
	}
	return errUnread
}

// beside writes what is sent with the arguments: members of params, and what a
// session's client said of itself, which goes to upstreams that have no sessions.
func (r *recorder) beside(o *object, s *secrecy, c *gateway.Call) {
	if len(c.Extra) > 0 {
		raw := gateway.JoinMembers(c.Extra)
		line, err := s.redact(raw, partBeside, c.Findings, nil, func() any { return gateway.Decode(raw) })
		r.body(o, "beside", raw, line, unread(c, gateway.StageRequest, raw, err))
	}
	o.texts("dropped", s.all(c.Dropped))
	if client := said(c); client != nil {
		line, err := s.redact(client, part{}, nil, nil, nil)
		r.body(o, "client", client, line, err)
	}
}

// said is what the agent's program told of itself when it opened its session, nil
// if it told nothing, or tells it with each call.
func said(c *gateway.Call) json.RawMessage {
	if c.Origin == nil || c.Origin.Session() == "" || c.Kind.Reverse() {
		return nil
	}
	var members []gateway.Member
	if info := c.Origin.ClientInfo(); info != nil {
		members = append(members, gateway.Member{Name: "info", Value: info})
	}
	if caps := c.Origin.Capabilities(); caps != nil && string(caps) != "{}" {
		members = append(members, gateway.Member{Name: "capabilities", Value: caps})
	}
	if members == nil {
		return nil
	}
	return gateway.JoinMembers(members)
}

// notes writes what the upstream said during the call and the agent has read.
func (r *recorder) notes(o *object, said gateway.Said) {
	if said.Sent+said.Withheld == 0 {
		return
	}
	o.open("said")
	o.number("sent", said.Sent)
	o.number("withheld", said.Withheld)
	o.texts("labels", said.Labels)
	if len(said.Kept) > 0 && r.bodies == BodiesRedacted {
		o.name("kept")
		o.b = append(o.b, '[')
		for i, line := range said.Kept {
			if i > 0 {
				o.b = append(o.b, ',')
			}
			o.b = appendLine(o.b, line)
		}
		o.b = append(o.b, ']')
	}
	o.close()
}

// hideArgs finds what the arguments hide, for an event that does not show them
// but may quote them.
func (r *recorder) hideArgs(s *secrecy, c *gateway.Call) {
	for i := range c.Findings {
		if f := &c.Findings[i]; partArgs.hides(f) {
			s.hide(f.Text(c.Args.Value()))
		}
	}
	for _, place := range c.Decision.Redact {
		if v, ok := gateway.At(c.Args.Value(), place); ok {
			s.hide(gateway.TextOf(v))
		}
	}
}

func (r *recorder) result(o *object, s *secrecy, c *gateway.Call) {
	if c.Result == nil {
		return
	}
	raw := c.Result.Bytes()
	if c.Result.Original != nil {
		raw = c.Result.Original
	}
	line, err := s.redact(raw, partResult, c.Findings, c.ResultDecision.Redact, func() any { return gateway.Decode(raw) })
	r.body(o, "result", raw, line, unread(c, gateway.StageResult, raw, err))
	o.yes("is_error", c.Result.IsError)
	o.number("result_mended", c.Result.Mended)
	o.texts("result_fitted", s.all(c.Result.Fitted))
}

// body writes arguments or a result. If redaction failed, the body is left out
// and the event says so: a record without a body is better than one with the
// secret, and better than no record.
func (r *recorder) body(o *object, name string, raw, redacted json.RawMessage, err error) {
	o.number(name+"_bytes", len(raw))
	switch {
	case err != nil && r.bodies != BodiesNone:
		o.text(name+"_error", "left out, it could not be redacted: "+err.Error())
		o.text(name+"_digest", r.keys.Digest(raw))
	case r.bodies == BodiesDigest:
		o.text(name+"_digest", r.keys.Digest(raw))
	case r.bodies == BodiesRedacted && len(redacted) <= r.maxBody:
		o.name(name)
		o.b = appendLine(o.b, redacted)
	case r.bodies == BodiesRedacted:
		o.text(name+"_digest", r.keys.Digest(raw))
		o.open(name)
		o.yes("toolward/truncated", true)
		o.text("head", string(redacted[:r.maxBody/2])) // a rune that was cut becomes U+FFFD
		o.close()
	}
}

// Record implements [gateway.Recorder]. It returns nil when the event is
// durable (see [Options.Durability]), a *gateway.Refusal with code Overloaded
// when the queue is full, and another error when the record cannot be written.
func (s *Store) Record(ctx context.Context, p gateway.Phase, c *gateway.Call) error {
	_, err := s.writer.append(ctx, s.recorder.event(p, c))
	return err
}
