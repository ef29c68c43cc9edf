package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"toolward/gateway"
)

// Replayed is a recorded call, as far as the record knows it.
type Replayed struct {
	Call *gateway.Call // with Decision and ResultDecision as they were made
	// Partial says what the record lacks of what policy saw; "" if nothing.
	// Decisions that depend on it can come out differently.
	Partial string

	recent string // check sum of the session's latest calls
}

// Replay yields the calls of a filter that policy judged, oldest first, as
// values that policy can judge again. Redacted values are their tokens.
func (r *Reader) Replay(ctx context.Context, f Filter) iter.Seq2[Replayed, error] {
	return func(yield func(Replayed, error) bool) {
		for row, err := range r.All(ctx, f) {
			if err != nil {
				yield(Replayed{}, err)
				return
			}
			if row.Effect == "" {
				continue // refused before policy was asked
			}
			events, err := r.whole(ctx, "WHERE seq IN (?, ?) ORDER BY seq", row.Seq, row.EndedSeq)
			if err != nil {
				yield(Replayed{}, err)
				return
			}
			c, err := rebuild(events)
			if err == nil {
				err = errors.Join(r.recall(ctx, &c, row.Seq), r.recollect(ctx, &c))
			}
			if err != nil {
				err = fmt.Errorf("replay call %s: %w", row.ID, err)
			}
			if !yield(c, err) || err != nil {
				return
			}
		}
	}
}

// body is an event's JSON, as record.go writes it, and what it names: its texts,
// and what it shares with others.
type body struct {
	Name     string
	Calls    int
	Recent   string // check sum
	Meters   []gateway.Used
	History  []recalled
	IsError  bool `json:"is_error"`
	Findings []gateway.Finding
	Restored []gateway.Restored
	Score    float64
	Reasons  []string
	Labels   []string

	Args, Beside, Result json.RawMessage `json:"-"`
	who                  who
	what                 what
}

type who struct {
	Surface  gateway.Surface
	Protocol string
	Peer     string
	Agent    *struct {
		ID, Issuer, Session string
		Roles, Scopes       []string
		Claims              json.RawMessage
	}
}

// what is what an attempt names, and of an outcome the rules on the result.
type what struct {
	Method   string
	Endpoint string
	Tool     *struct {
		Name, Wire, Fingerprint string
		Labels                  []string
		Annotations             json.RawMessage
		Pinned                  bool
	}
	Seen []string // labels of the session before the call
	gateway.Decision
}

// readBody reads an event's JSON and what it names.
func readBody(e *Event) (b body, lost string, err error) {
	if err := json.Unmarshal([]byte(e.Body), &b); err != nil {
		return b, "", err
	}
	if e.Text != "" && e.Type == TypeOutcome {
		b.Result = json.RawMessage(e.Text)
	} else if e.Text != "" {
		b.Args = json.RawMessage(e.Text)
	}
	if e.Beside != "" {
		var with struct{ Beside json.RawMessage }
		if err := json.Unmarshal([]byte(e.Beside), &with); err != nil {
			return b, "", err
		}
		b.Beside = with.Beside
	}
	named := map[string]Raw{}
	for _, s := range e.Uses {
		named[string(s.Digest)] = s.Text
	}
	what := "which tool it was"
	if e.Type == TypeOutcome {
		what = "the rules on the result"
	}
	for _, part := range []struct {
		digest []byte
		lost   string
		into   any
	}{{e.Who, "who asked", &b.who}, {e.What, what, &b.what}} {
		switch text, ok := named[string(part.digest)]; {
		case len(part.digest) == 0:
		case !ok:
			lost = part.lost + " is gone from the record"
		default:
			if err := json.Unmarshal([]byte(text), part.into); err != nil {
				return b, "", err
			}
		}
	}
	return b, lost, nil
}

// rebuild makes a call of its events: an attempt and perhaps an outcome, or a
// refusal.
func rebuild(events []Event) (Replayed, error) {
	var replayed Replayed
	for _, e := range events {
		b, lost, err := readBody(&e)
		if err != nil {
			return replayed, fmt.Errorf("event %d: %w", e.Seq, err)
		}
		switch {
		case e.Type != TypeOutcome:
			c, err := b.request(&e)
			if err != nil {
				return replayed, fmt.Errorf("event %d: %w", e.Seq, err)
			}
			replayed.Call, replayed.recent = c, b.Recent
			replayed.note(b.Args, "the arguments")
			if c.Kind == gateway.KindTask {
				replayed.Partial = "the arguments that the task was made with are with another call"
			}
		case replayed.Call != nil:
			b.outcome(replayed.Call, gateway.Effect(e.Effect))
			replayed.note(b.Result, "the result")
		}
		if lost != "" {
			replayed.Partial = lost
		}
	}
	if replayed.Call == nil {
		return replayed, fmt.Errorf("only its outcome is in the record")
	}
	return replayed, nil
}

// note says when a body is not what it was.
func (r *Replayed) note(body json.RawMessage, what string) {
	var cut struct {
		Truncated bool `json:"toolward/truncated"`
	}
	if body == nil {
		r.Partial = what + " were not recorded"
	} else if json.Unmarshal(body, &cut) == nil && cut.Truncated {
		r.Partial = what + " were cut"
	}
}

func (b *body) request(e *Event) (*gateway.Call, error) {
	c := &gateway.Call{
		ID: e.Call, Time: time.UnixMilli(e.TimeUnixMs).UTC(), Surface: b.who.Surface, Protocol: b.who.Protocol, Peer: b.who.Peer,
		Kind: gateway.Kind(e.Kind), Method: b.what.Method, Server: b.what.Endpoint, Name: b.Name,
		Restored: b.Restored, Findings: b.Findings, Score: b.Score, Decision: b.decision(gateway.Effect(e.Effect)),
	}
	if a := b.who.Agent; a != nil {
		c.Agent = &gateway.Agent{ID: a.ID, Issuer: a.Issuer, Session: a.Session, Roles: a.Roles, Scopes: a.Scopes}
		c.Agent.Claims, _ = gateway.Decode(a.Claims).(map[string]any)
	}
	if t := b.what.Tool; t != nil {
		c.Tool = &gateway.Tool{
			Kind: c.Kind, Server: e.Server, Name: t.Name, Wire: t.Wire, Labels: t.Labels,
			Annotations: t.Annotations, Fingerprint: t.Fingerprint, Pinned: t.Pinned,
		}
		if c.Name == "" {
			c.Name = t.Wire // not written where it says nothing new
		}
	}
	c.Session = gateway.Session{ID: e.Session, Calls: b.Calls, Labels: b.what.Seen, Meters: b.Meters}
	for _, m := range b.History {
		c.Session.History = append(c.Session.History, gateway.Memory{From: m.From, Name: m.Name, Tool: m.Tool, Time: m.Time, Value: json.RawMessage("null")})
	}
	if len(b.Args) > 0 {
		o, err := gateway.Split(b.Args)
		if err != nil {
			return nil, err
		}
		c.Args = o.ArgsWithout()
		c.Sent = c.Args
	}
	if len(b.Beside) > 0 {
		o, err := gateway.Split(b.Beside)
		if err != nil {
			return nil, err
		}
		c.Extra = o.Members()
	}
	return c, nil
}

func (b *body) decision(effect gateway.Effect) gateway.Decision {
	d := b.what.Decision
	d.Effect, d.Reasons = effect, b.Reasons
	return d
}

func (b *body) outcome(c *gateway.Call, effect gateway.Effect) {
	c.Findings = append(c.Findings, b.Findings...)
	c.Score = b.Score
	c.ResultDecision = b.decision(effect)
	if effect != "" && c.ResultDecision.Revision == "" {
		c.ResultDecision.Revision = c.Decision.Revision // written where it is another
	}
	if b.Result != nil {
		c.Result = &gateway.Result{Raw: b.Result, IsError: b.IsError, Labels: b.Labels}
	}
}

// recall finds the latest calls of the session before a call: those that reached
// an upstream. Where they are not what policy saw, because several ran at once or
// some are gone, the record says so.
func (r *Reader) recall(ctx context.Context, c *Replayed, seq int64) (err error) {
	if c.recent == "" {
		return nil
	}
	rows, err := r.now(ctx).QueryContext(ctx, `SELECT a.tool, coalesce(a.effect, '') FROM events a JOIN events o ON o.call = +a.seq AND o.type = 'call.outcome'
		WHERE a.session = ? AND a.type = 'call.attempt' AND a.seq < ? AND o.seq < ? AND o.outcome NOT IN ('timeout', 'cancelled', 'failed')
		ORDER BY a.seq DESC LIMIT ?`, c.Call.Session.ID, seq, seq, 2*mostRecent)
	if err != nil {
		return fmt.Errorf("recent calls: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var all []gateway.Recent // newest first
	for rows.Next() {
		var one gateway.Recent
		if err := rows.Scan(&one.Tool, &one.Effect); err != nil {
			return fmt.Errorf("recent calls: %w", err)
		}
		all = append(all, one)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("recent calls: %w", err)
	}
	slices.Reverse(all)
	n := min(c.Call.Session.Calls, mostRecent)
	// Calls that ended after policy looked and before the attempt was recorded
	// are among the latest.
	for end := len(all); end >= n; end-- {
		if found := all[end-n : end]; recentSum(found) == c.recent {
			c.Call.Session.Recent = found
			return nil
		}
	}
	c.Call.Session.Recent = all[max(0, len(all)-n):]
	if c.Partial == "" {
		c.Partial = "the latest calls of the session are not for certain those that policy saw"
	}
	return nil
}

// mostRecent is how many calls policy sees.
const mostRecent = 16

// recollect finds the values of the history that policy saw, beside the events of the
// calls that left them.
func (r *Reader) recollect(ctx context.Context, c *Replayed) error {
	found := map[string][]json.RawMessage{} // by call and letter
	for i := range c.Call.Session.History {
		m := &c.Call.Session.History[i]
		call, place, _ := strings.Cut(m.From, "/")
		if place == "" {
			continue
		}
		stage, which := call+place[:1], "WHERE call = ? AND type = 'call.attempt'"
		if place[:1] == "o" {
			which = "WHERE call = (SELECT seq FROM events WHERE call = ? AND type = 'call.attempt') AND type = 'call.outcome'"
		}
		if _, known := found[stage]; !known {
			events, err := r.whole(ctx, which, call)
			if err != nil {
				return err
			}
			found[stage] = nil
			if len(events) == 1 && events[0].Beside != "" {
				if found[stage], err = valuesBeside([]byte(events[0].Beside)); err != nil {
					return fmt.Errorf("event %d: %w", events[0].Seq, err)
				}
			}
		}
		if n, err := strconv.Atoi(place[1:]); err == nil && n < len(found[stage]) {
			m.Value = found[stage][n]
		} else if c.Partial == "" {
			c.Partial = "a value that policy remembered is not in the record"
		}
	}
	return nil
}
