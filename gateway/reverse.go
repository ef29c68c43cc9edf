package gateway

import (
	"context"
	"encoding/json"
	"strings"
)

// Judge wraps the agent's side of a session so that everything an upstream
// sends through it is judged and recorded like a call. Surfaces put the
// wrapped Origin, never their own, into [Call.Origin].
func (r *Road) Judge(a *Agent, o Origin) Origin { return &judged{Origin: o, road: r, agent: a} }

// judged is the road in the other direction.
type judged struct {
	Origin
	road  *Road
	agent *Agent
}

// reverseKinds maps what an upstream may ask of an agent.
var reverseKinds = map[string]Kind{
	"sampling/createMessage": KindSampling,
	"elicitation/create":     KindElicitation,
	"roots/list":             KindRoots,
}

// silent notifications carry no text for model or person and pass unjudged.
var silent = map[string]bool{
	"notifications/tools/list_changed":     true,
	"notifications/prompts/list_changed":   true,
	"notifications/resources/list_changed": true,
	"notifications/resources/updated":      true,
	"notifications/cancelled":              true,
}

// Notify passes a notification on unless guard objects to its text. It is
// recorded only if guard found something: progress comes by the thousand.
func (j *judged) Notify(ctx context.Context, cause *Call, method string, params []byte) error {
	if silent[method] {
		return j.Origin.Notify(ctx, cause, method, params)
	}
	c, err := j.call(cause, KindNotification, method, params)
	if err != nil {
		return err
	}
	report, err := j.road.Guard.Request(ctx, c)
	if err != nil {
		return j.road.Refused(ctx, c, AsRefusal("guard", err))
	}
	c.Findings, c.Score = report.Findings, report.Score
	if reasons := blocking(report.Findings); reasons != nil {
		return j.road.Refused(ctx, c, &Refusal{Step: "guard", Code: GuardBlocked, Reasons: reasons})
	}
	sent, err := redactArgs(c)
	if err != nil {
		return j.road.Refused(ctx, c, AsRefusal("guard", err))
	}
	return j.Origin.Notify(ctx, cause, method, withArgs(params, c, sent))
}

// Request takes a request of an upstream down the same road: guard, policy,
// person, attempt, the agent instead of an upstream, guard, policy, outcome.
func (j *judged) Request(ctx context.Context, cause *Call, method string, params []byte) (*Result, error) {
	kind, known := reverseKinds[method]
	if !known {
		return nil, Refuse("surface", Unsupported, "an upstream may not ask an agent for "+clip(method))
	}
	c, err := j.call(cause, kind, method, params)
	if err != nil {
		return nil, err
	}
	for _, o := range j.road.Observers {
		ctx = o.Begin(ctx, c)
		defer o.End(ctx, c)
	}
	if refusal := j.ask(ctx, c, params); refusal != nil {
		if c.Refusal == nil {
			refusal = j.road.refuse(ctx, c, refusal)
		}
		return nil, refusal
	}
	return c.Result, nil
}

func (j *judged) ask(ctx context.Context, c *Call, params []byte) *Refusal {
	c.Session = j.road.Sessions.Snapshot(j.agent)
	if refusal := j.road.judgeRequest(ctx, c); refusal != nil {
		return refusal
	}
	if refusal := j.road.record(ctx, PhaseAttempt, c); refusal != nil {
		return refusal
	}
	var err error
	c.Result, err = timed(&c.Stages.Upstream, func() (*Result, error) {
		return j.Origin.Request(ctx, c.Parent, c.Method, withArgs(params, c, c.Sent))
	})
	return j.road.conclude(ctx, c, err)
}

// call makes the Call that stands for what an upstream sent.
func (j *judged) call(cause *Call, kind Kind, method string, params []byte) (*Call, error) {
	surface := SurfaceMCP
	if cause != nil {
		surface = cause.Surface
	}
	c := NewCall(surface, kind, method)
	c.Protocol, c.Agent, c.Parent, c.Name = j.Protocol(), j.agent, cause, method
	if cause != nil {
		c.Tool, c.Server, c.Peer = cause.Tool, cause.Server, cause.Peer
	}
	if c.Tool == nil {
		c.Tool = &Tool{Kind: kind, Name: method, Wire: method}
	}
	if len(params) == 0 {
		params = []byte("{}")
	}
	if err := CheckJSON(params); err != nil {
		return nil, err
	}
	o, err := Split(params)
	if err != nil {
		return nil, err
	}
	if meta, ok := o.Get("_meta"); ok {
		c.Extra = []Member{{Name: "_meta", Value: meta}}
	}
	c.Args = o.ArgsWithout("_meta")
	return c, nil
}

// withArgs is the params with what was judged replaced by what is sent: the
// very bytes that came, unless something was redacted.
func withArgs(params []byte, c *Call, sent Args) json.RawMessage {
	if sent.Equal(c.Args) {
		return params
	}
	body := strings.TrimSpace(string(sent.Raw()))
	if len(c.Extra) == 0 {
		return json.RawMessage(body)
	}
	head := string(JoinMembers(c.Extra))
	if body == "{}" {
		return json.RawMessage(head)
	}
	return json.RawMessage(head[:len(head)-1] + "," + body[1:])
}
