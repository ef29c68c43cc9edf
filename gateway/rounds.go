package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
)

// A call may take several rounds (MCP 2026-07-28 basic/patterns/mrtr): the
// upstream's result asks something of the agent, and the agent sends the call
// again with the answers:
//
//	{"resultType":"input_required","inputRequests":{"who":{"method":"elicitation/create","params":{…}}},"requestState":"s"}
//	{"name":"pay","arguments":{…},"inputResponses":{"who":{"action":"accept","content":{…}}},"requestState":"sealed"}
//
// Each question walks the reverse road before the agent sees it, like one that
// comes as a request of its own, and so does each answer before the upstream gets
// it. What was asked travels in the sealed requestState, so that an answer can
// only be one to a question of the same upstream in the same call of the same
// agent, and no state is kept here. In the record a question is a call from the
// upstream's side without a result, and an answer one with it.

// Round is what an upstream asked before it goes on with a call.
type Round struct {
	State json.RawMessage `json:"state,omitempty"` // the upstream's own requestState, a JSON string; nil if it gave none
	Asked []Question      `json:"asked"`
}

// Question is one entry of inputRequests.
type Question struct {
	Key    string          `json:"key"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"` // as the agent got them
}

// Bounds of one round.
const (
	maxQuestions = 16
	maxAsked     = 64 << 10 // bytes of their params and of the upstream's state: the agent sends them back
)

// asks reports whether a result asks the agent something: a call that is to be
// sent again, or a task that waits (extension io.modelcontextprotocol/tasks).
func asks(c *Call) (Object, bool) {
	if c.Result.Error != nil {
		return Object{}, false
	}
	if c.Kind == KindTask {
		if _, has := c.Result.Member("inputRequests"); !has {
			return Object{}, false
		}
	} else if kind, _ := c.Result.Member("resultType"); Unquote(string(kind)) != "input_required" {
		return Object{}, false
	}
	o, err := Split(c.Result.Raw)
	return o, err == nil
}

// questions judges what a result asks, before the result itself is judged. It
// keeps what is asked for the agent's answer to be held against.
func (r *Road) questions(ctx context.Context, c *Call) *Refusal {
	o, asked := asks(c)
	if !asked {
		return nil
	}
	if c.Origin == nil {
		return withheld("surface", "the tool asks for input, which agents cannot give here")
	}
	round, requests, err := readRound(o)
	if err != nil {
		return AsRefusal("upstream", err)
	}
	changed, shown := false, make([]taskQuestion, len(round.Asked))
	for i := range round.Asked {
		q := &round.Asked[i]
		shown[i].asked = q.Params
		if refusal := r.question(ctx, c, q); refusal != nil {
			return refusal
		}
		shown[i].Question = *q
		if !bytes.Equal(q.Params, shown[i].asked) {
			requests[i].Value, changed = withMember(requests[i].Value, "params", q.Params), true
		}
	}
	if changed {
		c.Result.Raw = withMember(c.Result.Raw, "inputRequests", JoinMembers(requests))
	}
	if c.Task != nil {
		c.Task.ask(shown)
		return nil
	}
	c.Asks = round
	return nil
}

func readRound(o Object) (*Round, []Member, error) {
	invalid := func(what string) error {
		return Refuse("upstream", UpstreamInvalid, "the upstream asks for input in a form that is not valid: "+what)
	}
	all, err := o.Object("inputRequests")
	if err != nil {
		return nil, nil, invalid("inputRequests is no object")
	}
	requests := slices.Clone(all.Members())
	if len(requests) > maxQuestions {
		return nil, nil, invalid(fmt.Sprintf("more than %d questions", maxQuestions))
	}
	round, size := &Round{Asked: []Question{}}, 0
	if state, has := o.Get("requestState"); has {
		if state[0] != '"' {
			return nil, nil, invalid("requestState is no string")
		}
		round.State, size = state, len(state)
	}
	for _, m := range requests {
		ask, err := Split(m.Value)
		if err != nil {
			return nil, nil, invalid("a question is no object")
		}
		q := Question{Key: m.Name, Params: json.RawMessage("{}")}
		if q.Method, _, err = ask.String("method"); err != nil {
			return nil, nil, invalid("a question has no method")
		}
		if params, has := ask.Get("params"); has {
			q.Params = params
		}
		if size += len(q.Key) + len(q.Params); size > maxAsked {
			return nil, nil, invalid(fmt.Sprintf("more than %d bytes", maxAsked))
		}
		round.Asked = append(round.Asked, q)
	}
	return round, requests, nil
}

// question is the way of one question to the agent. Its params become what the
// agent gets.
func (r *Road) question(ctx context.Context, cause *Call, q *Question) *Refusal {
	if cause.Task != nil {
		if before, known := cause.Task.known(*q); known {
			*q = before
			return nil
		}
	}
	c, params, err := r.reverse(cause, q.Method, q.Params)
	if err != nil {
		refusal := AsRefusal("surface", err)
		if c == nil {
			return refusal
		}
		return r.Refused(ctx, c, refusal)
	}
	refusal := r.observed(ctx, c, func(ctx context.Context) *Refusal {
		ctx, end, refusal := r.begin(ctx, c)
		if refusal != nil {
			return refusal
		}
		defer end()
		if refusal := r.judgeRequest(ctx, c); refusal != nil {
			return refusal
		}
		if refusal := r.record(ctx, PhaseAttempt, c); refusal != nil {
			return refusal
		}
		// What becomes of it is told by the call that brings the answer.
		refusal = r.record(ctx, PhaseOutcome, c)
		c.Refusal = refusal
		return refusal
	})
	if refusal == nil {
		q.Params = withArgs(params, c, c.Sent)
	}
	return refusal
}

// answers judges what the agent answers in this request, and puts what may be
// sent in its place.
func (r *Road) answers(ctx context.Context, c *Call) *Refusal {
	at := slices.IndexFunc(c.Extra, func(m Member) bool { return m.Name == MemberAnswers })
	if at < 0 {
		return nil
	}
	given, err := Split(c.Extra[at].Value)
	if err != nil {
		return Refuse("surface", Malformed, `"inputResponses" must be an object`)
	}
	asked := c.asked()
	sent := slices.Clone(given.Members())
	for i, m := range sent {
		n := slices.IndexFunc(asked, func(q Question) bool { return q.Key == m.Name })
		if n < 0 {
			refusal := Refuse("surface", Malformed, "inputResponses has an answer to a question that was not asked in this call")
			refusal.Remedy = "send the request again without inputResponses and requestState, and answer what is asked then"
			return refusal
		}
		if m.Value[0] != '{' {
			return Refuse("surface", Malformed, "an answer in inputResponses must be an object")
		}
		answer, refusal := r.answer(ctx, c, &asked[n], m.Value)
		if refusal != nil {
			return refusal
		}
		sent[i].Value = answer
	}
	c.Extra = slices.Clone(c.Extra)
	c.Extra[at].Value = JoinMembers(sent)
	return nil
}

// asked are the questions that a request may answer.
func (c *Call) asked() []Question {
	switch {
	case c.Round != nil:
		return c.Round.Asked
	case c.Task != nil:
		return c.Task.asked()
	}
	return nil
}

// answer is the way of one answer to the upstream. Whether the question may be
// asked is decided anew; where policy wants a person for it, one was asked before
// the agent saw it.
func (r *Road) answer(ctx context.Context, cause *Call, q *Question, raw json.RawMessage) (json.RawMessage, *Refusal) {
	c, _, err := r.reverse(cause, q.Method, q.Params)
	if err != nil {
		return nil, AsRefusal("surface", err)
	}
	refusal := r.observed(ctx, c, func(ctx context.Context) *Refusal {
		ctx, end, refusal := r.begin(ctx, c)
		if refusal != nil {
			return refusal
		}
		defer end()
		answer := &Result{Raw: raw}
		if err := r.fitAnswer(c, answer); err != nil {
			return AsRefusal("surface", err)
		}
		if refusal := r.judge(ctx, c); refusal != nil {
			return refusal
		}
		c.Sent = c.Args
		if refusal := r.record(ctx, PhaseAttempt, c); refusal != nil {
			return refusal
		}
		c.Result = answer
		return r.conclude(ctx, c, nil)
	})
	if refusal == nil {
		return c.Result.Raw, nil
	}
	if refusal.Code == Withheld { // of the call that it belongs to, nothing was executed
		kept := *refusal
		kept.Code = PolicyDenied
		if kept.Step == "guard" {
			kept.Code = GuardBlocked
		}
		refusal = &kept
	}
	return nil, refusal
}

// reverse makes the call that stands for what an upstream asks in a result.
func (r *Road) reverse(cause *Call, method string, params json.RawMessage) (c *Call, fitting []byte, err error) {
	kind, known := reverseKinds[method]
	if !known {
		return nil, nil, Refuse("surface", Unsupported, "the upstream asks for what an agent may not be asked")
	}
	return r.call(cause.Agent, cause.Protocol, "", cause, kind, method, params)
}

// observed does a step of a reverse call as [Road.Do] does a call: with metrics,
// and with a record of a refusal.
func (r *Road) observed(ctx context.Context, c *Call, step func(context.Context) *Refusal) *Refusal {
	for _, o := range r.Observers {
		ctx = o.Begin(ctx, c)
	}
	refusal := step(ctx)
	if refusal != nil && c.Refusal == nil {
		refusal = r.refuse(ctx, c, refusal)
	}
	for _, o := range slices.Backward(r.Observers) {
		o.End(ctx, c)
	}
	return refusal
}

// withMember is the object with another value for a member that it has.
func withMember(object json.RawMessage, name string, value json.RawMessage) json.RawMessage {
	o, err := Split(object)
	if err != nil {
		return object
	}
	members := slices.Clone(o.Members())
	for i := range members {
		if members[i].Name == name {
			members[i].Value = value
		}
	}
	return JoinMembers(members)
}
