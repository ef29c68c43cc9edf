package audit

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"toolward/gateway"
)

// recorder turns calls into events. It runs on the caller's goroutine, so that
// the single writer only numbers, hashes and inserts.
type recorder struct {
	keys    *Keys
	bodies  Bodies
	maxBody int
	own     *atomic.Pointer[gateway.Scrubber] // the writer has the same
	find    Finder
	agents  *memo[*gateway.Agent, []byte]
	tools   *memo[*gateway.Tool, []byte]
	clients *memo[string, []byte] // by what was said
	shared  atomic.Pointer[pool]
	bearers *memo[*gateway.Agent, *bearer]
	marks   *texts
	buffers sync.Pool // of *buffers: objects under construction
}

func newRecorder(opts Options, keys *Keys, own *atomic.Pointer[gateway.Scrubber]) *recorder {
	r := &recorder{keys: keys, bodies: opts.Bodies, maxBody: opts.MaxBody, own: own, find: opts.Find,
		marks: newTexts(), buffers: sync.Pool{New: func() any { return new(buffers) }}}
	r.shared.Store(newPool(0))
	r.agents = newMemo(func(a *gateway.Agent) []byte { return r.secrecy().clean(membersOf(a, appendAgent), "/id", "/issuer") })
	r.bearers = newMemo(func(a *gateway.Agent) *bearer {
		b := new(bearer)
		_ = json.Unmarshal(r.agents.of(a), b) // our own JSON
		return b
	})
	r.tools = newMemo(func(t *gateway.Tool) []byte {
		return r.secrecy().clean(membersOf(t, appendTool), "/name", "/wire", "/fingerprint")
	})
	r.clients = newMemo(func(said string) []byte { return r.secrecy().clean(json.RawMessage(said)) })
	return r
}

func (r *recorder) secrecy() *secrecy { return &secrecy{keys: r.keys, own: r.own.Load(), find: r.find} }

func membersOf[T any](v *T, members func(*object, *T)) []byte {
	o := object{b: []byte{'{'}}
	members(&o, v)
	o.close()
	return o.b
}

type buffers struct {
	body, main, text, shared []byte
	mark                     mark
}

// maxBuffer is the largest buffer that is used again, in bytes.
const maxBuffer = 256 << 10

// draft is an event that is being written.
type draft struct {
	*recorder
	secrecy
	Event
	object         // the event's body
	main    []byte // arguments or result, which may go before the event does
	kept    object // what stands beside them
	scratch []byte // of one shared object
	buffers *buffers
}

// event is the row of one phase of a call.
func (r *recorder) event(p gateway.Phase, c *gateway.Call) Event {
	buf := r.buffers.Get().(*buffers)
	d := draft{recorder: r, secrecy: *r.secrecy(), scratch: buf.shared, buffers: buf}
	d.object.b, d.kept.b = append(buf.body[:0], '{'), append(buf.text[:0], '{')
	d.main = buf.main[:0]
	d.Call, d.left = c.ID, leftBy(p, c)
	d.unjudged(c)
	for i := range c.Restored { // what the upstream is sent, and may quote
		d.hide(c.Restored[i].Text())
	}
	switch p {
	case gateway.PhaseOutcome:
		d.Type, d.TimeUnixMs = TypeOutcome, time.Now().UnixMilli()
		d.hideArgs(c)
		d.outcome(c)
	default:
		d.Type, d.TimeUnixMs = TypeAttempt, c.Time.UnixMilli()
		d.request(c)
		if p == gateway.PhaseRefusal {
			d.Type, d.Outcome = TypeRefusal, "refused"
			d.Us = micros(time.Since(c.Time))
		}
		d.columns(c)
	}
	if c.Refusal != nil {
		d.Code = string(c.Refusal.Code)
		refusal(&d.object, &d.secrecy, c.Refusal)
	}
	d.tally(p, c)
	if p != gateway.PhaseAttempt {
		stages(&d.object, c.Stages) // an attempt's are in its outcome
	}
	d.seal()
	d.countBy(c)
	buf.body, buf.main, buf.text, buf.shared = reusable(d.object.b), reusable(d.main), reusable(d.kept.b), reusable(d.scratch)
	r.buffers.Put(buf)
	return d.Event
}

// bearer is what an agent is counted by, as it is recorded.
type bearer struct {
	Issuer string
	Roles  []string
}

// seal ends the event's objects.
func (d *draft) seal() {
	var beside []byte
	if len(d.kept.b) > 1 {
		d.kept.close()
		beside = d.kept.b
	}
	if len(d.main)+len(beside) > 0 {
		d.scratch = d.Kept.seal(d.main, beside, d.scratch)
	}
	d.object.close()
	d.Body = Raw(d.object.b)
}

// countBy works out what the event is counted by, as [facetOf] does it.
func (d *draft) countBy(c *gateway.Call) {
	m := &d.buffers.mark
	m.reset()
	m.Peer, m.Labels = c.Peer, append(m.Labels, c.Session.Labels...)
	if a := c.Agent; a != nil {
		b := d.bearers.of(a)
		m.Issuer, m.Roles = b.Issuer, append(m.Roles, b.Roles...)
	}
	if t := c.Tool; t != nil {
		m.Labels = append(m.Labels, t.Labels...)
	}
	m.findings(c.Findings, gateway.StageRequest)
	m.decision(&c.Decision, c.Decision.Effect)
	if d.Type == TypeOutcome {
		m.Labels = append(m.Labels, d.gained(c)...)
		m.findings(c.Findings, gateway.StageResult)
		m.decision(&c.ResultDecision, c.ResultDecision.Effect)
	}
	d.facet.outcome, d.facet.code = d.Outcome, d.Code
	d.scratch = m.append(d.scratch[:0])
	d.facet.mark = d.recorder.marks.of(d.scratch)
	d.sources = sourcesOf(c.Findings)
}

// gained is what an outcome adds to the session's labels.
func (d *draft) gained(c *gateway.Call) []string {
	if c.Result != nil && len(c.Result.Labels) > 0 {
		return c.Result.Labels // of the whole: those of what was said among them
	}
	return c.Said().Labels
}

func reusable(b []byte) []byte {
	if cap(b) > maxBuffer {
		return nil
	}
	return b
}

// micros is a duration in whole microseconds, and never none.
func micros(d time.Duration) int64 { return max(1, d.Microseconds()) }

// sharing begins an object that many events have in common.
func (d *draft) sharing() object { return object{b: append(d.scratch[:0], '{')} }

// share ends it and returns its digest.
func (d *draft) share(o *object) []byte {
	o.close()
	d.scratch = o.b
	if len(o.b) == len("{}") {
		return nil
	}
	if d.Uses == nil {
		d.Uses = make([]*Shared, 0, 2)
	}
	s := d.recorder.shared.Load().shared(d.recorder.keys, o.b)
	d.Uses = append(d.Uses, s)
	return s.Digest
}

// unjudged hides what stands in texts that guard does not read: the names in a
// call of what does not exist, and why a call was refused.
func (d *draft) unjudged(c *gateway.Call) {
	if c.Tool == nil {
		d.look(c.Method, c.Server, c.Name, c.Protocol)
	}
	d.look(c.Dropped...)
	if c.Refusal == nil {
		return
	}
	d.look(c.Refusal.Reasons...)
	if cause := errors.Unwrap(c.Refusal); cause != nil {
		d.look(cause.Error())
	}
}

// noted is JSON of an event of the gateway itself, without the credentials in
// what it quotes of others.
func (r *recorder) noted(line Raw) Raw {
	if slices.ContainsFunc(quoting, func(member string) bool { return strings.Contains(string(line), `"`+member+`"`) }) {
		return Raw(r.secrecy().cleanOnly(json.RawMessage(line), quoting...))
	}
	return line
}

// quoting are the members of the gateway's own events in which others speak.
// What else stands there, IDs and digests, is what events are found by.
var quoting = []string{"config", "definition", "was", "error", "files", "shadow_files", "note", "reason", "reasons"}

func (d *draft) columns(c *gateway.Call) {
	if c.Agent != nil {
		d.Agent = column(c.Agent.ID)
		d.Session = c.Session.ID
		if d.Session == "" { // it was refused before the session was looked at
			d.Session = c.Agent.SessionID()
		}
	}
	d.Server = c.Server
	if c.Tool != nil {
		d.Server = c.Tool.Server
	}
	d.Server = column(d.scrub(d.Server))
	d.Tool = column(d.scrub(c.ToolName()))
	d.Kind = string(c.Kind)
	d.Effect = string(c.Decision.Effect)
}

// request writes what is known before the call is made. The arguments come
// first in time, because what they hide must not stand in the other members.
func (d *draft) request(c *gateway.Call) {
	d.args(c)
	o := d.sharing()
	d.who(&o, c)
	d.Who = d.share(&o)
	o = d.sharing()
	d.what(&o, c)
	d.What = d.share(&o)
	if c.Tool == nil || c.Name != c.Tool.Wire {
		d.text("name", d.scrub(c.Name))
	}
	if c.Parent != nil {
		d.text("parent", c.Parent.ID)
	}
	d.text("trace", c.Trace)
	if c.Session.ID != "" {
		session(&d.object, &c.Session)
		d.seen(&c.Session)
	}
	findings(&d.object, &d.secrecy, c.Findings, gateway.StageRequest)
	restored(&d.object, &d.secrecy, c.Restored)
	d.float("score", c.Score)
	d.texts("reasons", d.all(c.Decision.Reasons, maxText))
}

// who writes who asked, and from where.
func (d *draft) who(o *object, c *gateway.Call) {
	o.text("surface", string(c.Surface))
	o.text("protocol", clip(d.scrub(c.Protocol), maxColumn))
	o.text("peer", c.Peer)
	d.client(o, c)
	if c.Agent != nil {
		o.json("agent", d.agents.of(c.Agent))
	}
}

// client writes what a session's client said of itself, which goes to upstreams
// that have no sessions.
func (d *draft) client(o *object, c *gateway.Call) {
	client := said(c)
	if client == nil {
		return
	}
	line := d.clients.of(string(client))
	switch {
	case d.bodies == BodiesRedacted && len(line) <= d.maxBody:
		o.json("client", line)
	case d.bodies != BodiesNone:
		o.text("client_digest", d.recorder.keys.Digest(client))
	}
}

// what writes what was asked for, which rules decided, and what the session had
// seen before.
func (d *draft) what(o *object, c *gateway.Call) {
	o.text("method", clip(d.scrub(c.Method), maxColumn))
	o.text("endpoint", clip(d.scrub(c.Server), maxColumn))
	if c.Tool != nil {
		o.json("tool", d.tools.of(c.Tool))
	}
	ruling(o, &c.Decision)
	if c.Session.ID != "" {
		o.texts("seen", c.Session.Labels)
	}
}

// outcome writes what became of a call that was attempted.
func (d *draft) outcome(c *gateway.Call) {
	d.result(c)
	d.Outcome, d.Us = c.Outcome(), micros(time.Since(c.Time))
	d.Effect = string(c.ResultDecision.Effect)
	o := d.sharing()
	said := c.ResultDecision
	if said.Revision == c.Decision.Revision {
		said.Revision = "" // that of the attempt
	}
	ruling(&o, &said)
	d.What = d.share(&o)
	findings(&d.object, &d.secrecy, c.Findings, gateway.StageResult)
	d.float("score", c.Score)
	d.texts("reasons", d.all(c.ResultDecision.Reasons, maxText))
	d.texts("labels", d.gained(c))
	d.notes(c.Said())
}

// args writes the arguments, or what Bodies says instead.
func (d *draft) args(c *gateway.Call) {
	raw := c.Args.Raw()
	line, err := d.redact(raw, partArgs, c.Findings, c.Decision.Redact, c.Args.Value)
	d.part("args", raw, line, unread(c, gateway.StageRequest, raw, err))
	d.sound = same(line, raw) // a parser took it ([gateway.Args])
	d.beside(c)
}

// errUnread is why a body is not shown that guard has not read.
var errUnread = errors.New("guard has not read it")

func unread(c *gateway.Call, stage gateway.Stage, raw json.RawMessage, err error) error {
	if read := c.Scanned == stage || c.Scanned == gateway.StageResult; read || err != nil || string(raw) == "{}" {
		return err
	}
	return errUnread
}

// beside writes what is sent with the arguments: members of params.
func (d *draft) beside(c *gateway.Call) {
	if len(c.Extra) > 0 {
		raw := gateway.JoinMembers(c.Extra)
		line, err := d.redact(raw, partBeside, c.Findings, nil, func() any { return gateway.Decode(raw) })
		d.part("beside", raw, line, unread(c, gateway.StageRequest, raw, err))
	}
	d.texts("dropped", d.all(c.Dropped, maxColumn))
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
func (d *draft) notes(said gateway.Said) {
	if said.Sent+said.Withheld == 0 {
		return
	}
	d.open("said")
	d.number("sent", said.Sent)
	d.number("withheld", said.Withheld)
	d.texts("labels", said.Labels)
	d.object.close()
	if len(said.Kept) > 0 && d.bodies == BodiesRedacted {
		k := &d.kept
		k.name("said")
		k.b = append(k.b, '[')
		for i, line := range said.Kept {
			if i > 0 {
				k.b = append(k.b, ',')
			}
			k.b = appendLine(k.b, line)
		}
		k.b = append(k.b, ']')
	}
}

// hideArgs finds what the arguments hide, for an event that does not show them
// but may quote them.
func (d *draft) hideArgs(c *gateway.Call) {
	for i := range c.Findings {
		if f := &c.Findings[i]; partArgs.hides(f) {
			d.hide(f.Text(c.Args.Value()))
		}
	}
	for _, place := range c.Decision.Redact {
		if v, ok := gateway.At(c.Args.Value(), place); ok {
			d.hide(gateway.TextOf(v))
		}
	}
}

func (d *draft) result(c *gateway.Call) {
	if c.Result == nil {
		return
	}
	raw := c.Result.Bytes()
	if c.Result.Original != nil {
		raw = c.Result.Original
	}
	line, err := d.redact(raw, partResult, c.Findings, c.ResultDecision.Redact, func() any { return gateway.Decode(raw) })
	d.part("result", raw, line, unread(c, gateway.StageResult, raw, err))
	d.sound = same(line, c.Result.Raw) && c.Result.Checked()
	d.yes("is_error", c.Result.IsError)
	d.yes("redacted", c.Result.Original != nil)
	d.number("result_mended", c.Result.Mended)
	d.texts("result_fitted", d.all(c.Result.Fitted, maxColumn))
}

// same reports whether both are one text in memory.
func same(a, b json.RawMessage) bool { return len(a) > 0 && len(a) == len(b) && &a[0] == &b[0] }

// mainPart is what the column bytes of an event is about, and its text.
func mainPart(eventType string) string {
	if eventType == TypeOutcome {
		return "result"
	}
	return "args"
}

// part writes arguments or a result. If redaction failed, the text is left out
// and the event says so: a record without a body is better than one with the
// secret, and better than no record.
func (d *draft) part(name string, raw, redacted json.RawMessage, err error) {
	main := name == mainPart(d.Type)
	if main {
		d.Bytes = int64(len(raw))
	} else {
		d.number(name+"_bytes", len(raw))
	}
	into := d.scratch[:0]
	switch {
	case err != nil && d.bodies != BodiesNone:
		d.text(name+"_error", leftOut+err.Error())
		d.text(name+"_digest", d.recorder.keys.Digest(raw))
	case d.bodies == BodiesDigest:
		d.text(name+"_digest", d.recorder.keys.Digest(raw))
	case d.bodies == BodiesRedacted && len(redacted) <= d.maxBody:
		into = appendLine(into, redacted)
	case d.bodies == BodiesRedacted:
		d.text(name+"_digest", d.recorder.keys.Digest(raw))
		cut := object{b: append(into, '{')}
		cut.yes("toolward/truncated", true)
		cut.text("head", string(redacted[:d.maxBody/2])) // a rune that was cut becomes U+FFFD
		cut.close()
		into = cut.b
	}
	if main {
		d.main, d.scratch = into, d.main
	} else if d.scratch = into; len(into) > 0 {
		d.kept.json(name, into)
	}
}

// Record implements [gateway.Recorder]. It returns nil when the event is
// durable (see [Options.Durability]), a *gateway.Refusal with code Overloaded
// when the queue is full, and another error when the record cannot be written.
func (s *Store) Record(ctx context.Context, p gateway.Phase, c *gateway.Call) error {
	e := s.recorder.event(p, c)
	if e.left.hidden && p == gateway.PhaseAttempt {
		return gateway.Refuse("audit", gateway.GuardBlocked, "policy would remember a value that the record may not show; meter it under a key instead")
	}
	_, err := s.writer.append(ctx, e)
	return err
}
