package gateway

import (
	"bytes"
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

// Awaiting is an [Origin] that hears of each request from when it comes to when
// it is over, its judgement included: one that asks the agent several things in
// one message waits for those that are on their way.
type Awaiting interface{ Await() (over func()) }

// reverseKinds maps what an upstream may ask of an agent.
var reverseKinds = map[string]Kind{
	"sampling/createMessage": KindSampling,
	"elicitation/create":     KindElicitation,
	"roots/list":             KindRoots,
}

// silent notifications carry no text for model or person, but for what is not
// named here, which is left out. They pass unjudged.
var silent = map[string][]string{
	"notifications/tools/list_changed":     nil,
	"notifications/prompts/list_changed":   nil,
	"notifications/resources/list_changed": nil,
	"notifications/resources/updated":      {"uri"},
	"notifications/cancelled":              {"requestId"},
}

// Notify passes a notification on if the call's tool may say it: guard and policy
// judge it as a result of that tool, and its labels are the session's before the
// agent has read a byte, whatever becomes of the call. It is recorded with the
// call ([Call.Said]); the first that is withheld also has a row of its own.
func (j *judged) Notify(ctx context.Context, cause *Call, method string, params []byte) error {
	if named, ok := silent[method]; ok {
		return j.silent(ctx, cause, method, only(params, named))
	}
	said := new(notes)
	if cause != nil && cause.notes != nil {
		said = cause.notes
	}
	c, params, err := j.call(cause, KindNotification, method, params)
	if err == nil && method == "notifications/progress" {
		err = said.advance(params)
	}
	if err != nil {
		return j.withhold(ctx, c, said, AsRefusal("surface", err))
	}
	c.Result, c.Args, c.Extra = &Result{Raw: whole(params)}, Args{}, nil
	ctx, end, refusal := j.road.begin(ctx, c)
	if refusal != nil {
		return j.withhold(ctx, c.asRefused(), said, refusal)
	}
	defer end()
	if cause != nil {
		c.Args, c.Decision, c.Session = cause.judgedArgs(), cause.Decision, cause.Session
	}
	if refusal := j.road.judgeResult(ctx, c); refusal != nil {
		return j.withhold(ctx, c.asRefused(), said, refusal)
	}
	if err := c.held.Label(ctx, c.Result.Labels, Suspicion(c.Findings)); err != nil {
		return j.withhold(ctx, c.asRefused(), said, AsRefusal("state", err))
	}
	said.noted(c)
	return j.Origin.Notify(ctx, cause, method, c.Result.Raw)
}

// silent passes on what carries no text, if it fits and neither the agent nor the
// server is blocked.
func (j *judged) silent(ctx context.Context, cause *Call, method string, params []byte) error {
	server := j.server
	if cause != nil && cause.Tool != nil {
		server = cause.Tool.Server
	}
	if err := j.road.State.Admit(j.agent, server); err != nil {
		return err
	}
	if silent[method] != nil {
		fitting, err := j.road.Shapes.Fit(j.Protocol(), method, whole(params))
		if err != nil {
			return err
		}
		params = fitting
	}
	return j.Origin.Notify(ctx, cause, method, params)
}

// withhold counts a notification that does not pass, and records the first.
func (j *judged) withhold(ctx context.Context, c *Call, said *notes, refusal *Refusal) *Refusal {
	if said.held() {
		return j.road.Refused(ctx, c, refusal)
	}
	return refusal
}

// asRefused is a notification that was judged as a result, as what it is to the
// record: a message that did not pass.
func (c *Call) asRefused() *Call {
	c.Args, c.Result, c.Decision = newArgs(c.Result.Bytes()), nil, c.ResultDecision
	for i := range c.Findings {
		c.Findings[i].Stage = StageRequest
	}
	return c
}

// judgedArgs are the arguments that rules about a call's tool look at: of a task,
// those of the call that made it.
func (c *Call) judgedArgs() Args {
	if c.Task != nil {
		return c.Task.Args
	}
	return c.Args
}

// only is params with the named members and no others.
func only(params []byte, named []string) []byte {
	o, err := Split(params)
	if err != nil || named == nil {
		return nil
	}
	return o.Only(named...)
}

func whole(params []byte) json.RawMessage {
	if len(params) == 0 {
		return json.RawMessage("{}")
	}
	return params
}

// Request takes a request of an upstream down the same road: guard, policy,
// person, attempt, the agent instead of an upstream, guard, policy, outcome.
func (j *judged) Request(ctx context.Context, cause *Call, method string, params []byte) (*Result, error) {
	kind, known := reverseKinds[method]
	if !known {
		return nil, Refuse("surface", Unsupported, "an upstream may not ask an agent for "+clip(method))
	}
	c, params, err := j.call(cause, kind, method, params)
	if err != nil {
		return nil, j.road.Refused(ctx, c, AsRefusal("surface", err))
	}
	if a, ok := j.Origin.(Awaiting); ok {
		defer a.Await()()
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
	ctx, end, refusal := j.road.begin(ctx, c)
	if refusal != nil {
		return refusal
	}
	defer end()
	if refusal := j.road.judgeRequest(ctx, c); refusal != nil {
		return refusal
	}
	if refusal := j.road.record(ctx, PhaseAttempt, c); refusal != nil {
		return refusal
	}
	err := c.held.Label(ctx, c.causeLabels(), "") // the question is text of the tool's
	if err != nil {
		return j.road.conclude(ctx, c, AsRefusal("state", err))
	}
	c.Result, err = timed(&c.Stages.Upstream, func() (*Result, error) {
		return j.Origin.Request(ctx, c.Parent, c.Method, withArgs(params, c, c.Sent))
	})
	if err == nil {
		err = j.road.fitAnswer(c, c.Result)
	}
	return j.road.conclude(ctx, c, err)
}

// causeLabels are those of what a tool says before its call is over.
func (c *Call) causeLabels() []string {
	if c.Parent == nil {
		return c.seen(c.Tool.Labels, c.Decision.Labels)
	}
	return c.seen(c.Tool.Labels, c.Parent.Decision.Labels, c.Decision.Labels)
}

// call makes the Call that stands for what an upstream sent. It is there for the
// record also where there is an error. fitting are the params as the agent's
// client takes them.
func (j *judged) call(cause *Call, kind Kind, method string, params []byte) (c *Call, fitting []byte, err error) {
	return j.road.call(j.agent, j.Protocol(), j.server, cause, kind, method, params)
}

// call makes a call of the reverse kind. server is who sends what no call caused.
func (r *Road) call(a *Agent, protocol, server string, cause *Call, kind Kind, method string, params []byte) (c *Call, fitting []byte, err error) {
	c = question(kind, method)
	c.Protocol, c.Agent, c.Parent = protocol, a, cause
	var labels []string
	switch {
	case cause != nil:
		c.Surface, c.Tool, c.Server, c.Peer = cause.Surface, cause.Tool, cause.Server, cause.Peer
	case server != "":
		c.Server = server
		if all, err := r.Catalog.Find(KindTask, server, ""); err == nil { // stands for everything of the server
			labels = all.Labels
		}
	}
	if c.Tool == nil {
		c.Tool = &Tool{Kind: kind, Server: c.Server, Name: method, Wire: method, Labels: labels}
	}
	if err := c.ask(params); err != nil {
		return c, nil, err
	}
	fitting, err = r.Shapes.Fit(protocol, method, whole(params))
	switch {
	case err != nil:
		return c, nil, Refuse("upstream", UpstreamInvalid, "what "+c.Tool.Server+" sends does not fit MCP: "+err.Error())
	case bytes.Equal(fitting, whole(params)):
		return c, params, nil
	}
	return c, fitting, c.ask(fitting)
}

// fitAnswer makes an agent's answer fit what servers check of it.
func (r *Road) fitAnswer(c *Call, answer *Result) (err error) {
	misfit := func(err error) error {
		if err != nil {
			err = Refuse("surface", Malformed, "the agent's answer does not fit MCP: "+err.Error())
		}
		return err
	}
	if answer.Error != nil {
		answer.Error, err = r.Shapes.Fit(c.Protocol, PartError, answer.Error)
		return misfit(err)
	}
	answer.Raw, err = r.Shapes.Fit(c.Protocol, c.Method+":result", answer.Raw)
	return misfit(err)
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
	params = whole(params)
	if err := CheckJSON(params); err != nil {
		return err
	}
	o, err := Split(params)
	if err != nil {
		return err
	}
	if meta, ok := o.Get(MemberMeta); ok {
		c.Extra = []Member{{Name: MemberMeta, Value: meta}}
	}
	c.Args = o.ArgsWithout(MemberMeta)
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
