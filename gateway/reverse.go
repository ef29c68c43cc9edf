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

// Outside is the agent's side of a session for what an upstream sends outside
// of all calls: the rules of that upstream judge it. It is for an Origin that
// [Road.Judge] made, and gives back any other as it is.
func Outside(o Origin, server string) Origin {
	j, ok := o.(*judged)
	if !ok {
		return o
	}
	outside := *j
	outside.server = server
	return &outside
}

// judged is the road in the other direction.
type judged struct {
	Origin
	road   *Road
	agent  *Agent
	server string // who sends what no call caused; "" if that is not known
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
		return j.road.Refused(ctx, c, AsRefusal("surface", err))
	}
	report, err := Survive(func() (Report, error) { return j.road.Guard.Request(ctx, c) })
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
		return nil, j.road.Refused(ctx, c, AsRefusal("surface", err))
	}
	for _, o := range j.road.Observers {
		ctx = o.Begin(ctx, c)
		defer o.End(ctx, c)
	}
	if refusal := survived(func() *Refusal { return j.ask(ctx, c, params) }); refusal != nil {
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

// call makes the Call that stands for what an upstream sent. It is there for the
// record also where there is an error.
func (j *judged) call(cause *Call, kind Kind, method string, params []byte) (*Call, error) {
	c := question(kind, method)
	c.Protocol, c.Agent, c.Parent = j.Protocol(), j.agent, cause
	switch {
	case cause != nil:
		c.Surface, c.Tool, c.Server, c.Peer = cause.Surface, cause.Tool, cause.Server, cause.Peer
	case j.server != "":
		c.Server = j.server
	}
	if c.Tool == nil {
		c.Tool = &Tool{Kind: kind, Server: c.Server, Name: method, Wire: method}
	}
	return c, c.ask(params)
}

// Unasked is what stands in the record for a question of an upstream that was
// put to nobody. Agent is nil if it is not known whom it was for. What the
// upstream asked is in it if it is an object.
func Unasked(server string, agent *Agent, method string, params []byte) *Call {
	c := question(reverseKinds[method], method)
	c.Server, c.Agent = server, agent
	c.Tool = &Tool{Kind: c.Kind, Server: server, Name: method, Wire: method}
	_ = c.ask(params) // it goes nowhere
	return c
}

func question(kind Kind, method string) *Call {
	c := NewCall(SurfaceMCP, kind, method)
	c.Name = method
	return c
}

// ask reads what an upstream asks into a call.
func (c *Call) ask(params []byte) error {
	if len(params) == 0 {
		params = []byte("{}")
	}
	if err := CheckJSON(params); err != nil {
		return err
	}
	o, err := Split(params)
	if err != nil {
		return err
	}
	if meta, ok := o.Get("_meta"); ok {
		c.Extra = []Member{{Name: "_meta", Value: meta}}
	}
	c.Args = o.ArgsWithout("_meta")
	return nil
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
