package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"time"

	"toolward/gateway"
)

// Replayed is a recorded call, as far as the record knows it.
type Replayed struct {
	Call *gateway.Call // with Decision and ResultDecision as they were made
	// Partial says what the record lacks of what policy saw; "" if nothing.
	// Decisions that depend on it can come out differently.
	Partial string
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
			events, err := r.events(ctx, "WHERE call = ? ORDER BY seq", row.ID)
			if err != nil {
				yield(Replayed{}, err)
				return
			}
			c, err := rebuild(events)
			if err != nil {
				err = fmt.Errorf("replay call %s: %w", row.ID, err)
			}
			if !yield(c, err) || err != nil {
				return
			}
		}
	}
}

// body is an event's JSON, as record.go writes it.
type body struct {
	Surface  gateway.Surface
	Protocol string
	Peer     string
	Method   string
	Endpoint string
	Name     string
	Agent    *struct {
		ID, Issuer, Session string
		Roles, Scopes       []string
		Claims              json.RawMessage
	}
	Tool *struct {
		Name, Wire, Fingerprint string
		Labels                  []string
		Annotations             json.RawMessage
		Pinned                  bool
	}
	Session struct {
		ID     string
		Calls  int
		Labels []string
		Recent [][2]string
	}
	Args     json.RawMessage
	Beside   json.RawMessage
	Result   json.RawMessage
	IsError  bool `json:"is_error"`
	Findings []gateway.Finding
	Score    float64
	Decision gateway.Decision
	Labels   []string
}

// rebuild makes a call of its events: an attempt and perhaps an outcome, or a
// refusal.
func rebuild(events []Event) (Replayed, error) {
	var replayed Replayed
	for _, e := range events {
		var b body
		if err := json.Unmarshal([]byte(e.Body), &b); err != nil {
			return replayed, fmt.Errorf("event %d: %w", e.Seq, err)
		}
		switch {
		case e.Type != TypeOutcome:
			c, err := b.request(&e)
			if err != nil {
				return replayed, fmt.Errorf("event %d: %w", e.Seq, err)
			}
			replayed.Call = c
			replayed.note(b.Args, "the arguments")
			if c.Kind == gateway.KindTask {
				replayed.Partial = "the arguments that the task was made with are with another call"
			}
		case replayed.Call != nil:
			b.outcome(replayed.Call)
			replayed.note(b.Result, "the result")
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
		ID: e.Call, Time: time.UnixMilli(e.TimeUnixMs).UTC(), Surface: b.Surface, Protocol: b.Protocol, Peer: b.Peer,
		Kind: gateway.Kind(e.Kind), Method: b.Method, Server: b.Endpoint, Name: b.Name,
		Findings: b.Findings, Score: b.Score, Decision: b.Decision,
	}
	if a := b.Agent; a != nil {
		c.Agent = &gateway.Agent{ID: a.ID, Issuer: a.Issuer, Session: a.Session, Roles: a.Roles, Scopes: a.Scopes}
		c.Agent.Claims, _ = gateway.Decode(a.Claims).(map[string]any)
	}
	if t := b.Tool; t != nil {
		c.Tool = &gateway.Tool{
			Kind: c.Kind, Server: e.Server, Name: t.Name, Wire: t.Wire, Labels: t.Labels,
			Annotations: t.Annotations, Fingerprint: t.Fingerprint, Pinned: t.Pinned,
		}
	}
	c.Session = gateway.Session{ID: b.Session.ID, Calls: b.Session.Calls, Labels: b.Session.Labels}
	for _, pair := range b.Session.Recent {
		c.Session.Recent = append(c.Session.Recent, gateway.Recent{Tool: pair[0], Effect: gateway.Effect(pair[1])})
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

func (b *body) outcome(c *gateway.Call) {
	c.Findings = append(c.Findings, b.Findings...)
	c.Score = b.Score
	c.ResultDecision = b.Decision
	if b.Result != nil {
		c.Result = &gateway.Result{Raw: b.Result, IsError: b.IsError, Labels: b.Labels}
	}
}
