package gateway

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// Road is the only way from a surface to an upstream. All fields are required
// but Observers. It is safe for concurrent use.
type Road struct {
	Auth      Authenticator
	State     State
	Catalog   Catalog
	Vault     Vault
	Guard     Guard
	Policy    Policy
	Shapes    Shapes
	Approvals Approvals
	Recorder  Recorder
	Observers []Observer

	changing sync.RWMutex // held by [Road.Change]; by calls while they look up what they are judged by
}

// Admit answers who is asking. Every request of every surface for agents starts
// here, before its body is read. Who is blocked gets no answer. Refusals are
// recorded. Credentials that were refused a moment ago, and a peer over its
// allowance of failures, are refused without cryptography and without a record
// of their own.
func (r *Road) Admit(ctx context.Context, cred Credentials) (*Agent, *Refusal) {
	return r.admit(ctx, cred, func(a *Agent) error { return r.State.Admit(a, "") })
}

// Identify is [Road.Admit] for a connection that outlives a block: who is blocked
// keeps it, and is refused each call on the road, with the reason.
func (r *Road) Identify(ctx context.Context, cred Credentials) (*Agent, *Refusal) {
	return r.identify(ctx, cred)
}

// AdmitPerson is [Road.Admit] for who runs the gateway: what stops every agent
// does not stop them, or nobody could end it.
func (r *Road) AdmitPerson(ctx context.Context, cred Credentials) (*Agent, *Refusal) {
	return r.admit(ctx, cred, r.State.AdmitPerson)
}

func (r *Road) admit(ctx context.Context, cred Credentials, blocked func(*Agent) error) (*Agent, *Refusal) {
	a, refusal := r.identify(ctx, cred)
	if refusal != nil {
		return nil, refusal
	}
	err := blocked(a)
	if err == nil {
		return a, nil
	}
	c := NewCall(cred.Surface, KindLifecycle, "authenticate")
	c.Peer, c.Agent = cred.Peer, a
	return nil, r.Stranger(ctx, c, AsRefusal("state", err))
}

// identify answers whose credentials these are.
func (r *Road) identify(ctx context.Context, cred Credentials) (*Agent, *Refusal) {
	if a := r.Auth.Known(cred); a != nil {
		return a, nil
	}
	if refusal := r.Auth.Refused(cred); refusal != nil {
		r.Auth.Tried(Attempt{Credentials: cred, Refusal: refusal, Repeated: true})
		return nil, refusal
	}
	if err := r.State.Strangers(cred.Peer); err != nil {
		refusal := AsRefusal("limit", err)
		r.Auth.Tried(Attempt{Credentials: cred, Refusal: refusal})
		return nil, refusal
	}
	a, err := Survive(func() (*Agent, error) { return r.Auth.Verify(ctx, cred) })
	if err == nil {
		r.Auth.Tried(Attempt{Credentials: cred, Agent: a})
		return a, nil
	}
	c := NewCall(cred.Surface, KindLifecycle, "authenticate")
	c.Peer = cred.Peer
	return nil, r.stranger(ctx, c, cred, AsRefusal("auth", err))
}

// Stranger records the refusal of a request that nobody authenticated, and
// counts it against the peer. Over the peer's allowance it is answered but no
// longer recorded: strangers must not fill the disk. What was refused for
// another reason than a token is counted apart: a web page in somebody's browser
// can make such requests, and must not use up the allowance of who is there.
func (r *Road) Stranger(ctx context.Context, c *Call, refusal *Refusal) *Refusal {
	return r.stranger(ctx, c, Credentials{Peer: c.Peer, Surface: c.Surface}, refusal)
}

func (r *Road) stranger(ctx context.Context, c *Call, cred Credentials, refusal *Refusal) *Refusal {
	who := c.Peer
	if refusal.Code != Unauthenticated {
		who = "requests of " + who
	}
	over := r.State.Strangers(who)
	r.State.Failed(who)
	if refusal.Step == "auth" {
		r.Auth.Tried(Attempt{Credentials: cred, Refusal: refusal, Recorded: over == nil})
	}
	if over != nil {
		return refusal
	}
	return r.Refused(ctx, c, refusal)
}

// Do takes a call down the road. Exactly one of the results is nil. A panic in
// any step is a fault of that step: it refuses the call and is on record.
func (r *Road) Do(ctx context.Context, c *Call) (*Result, *Refusal) {
	for _, o := range r.Observers {
		ctx = o.Begin(ctx, c)
	}
	refusal := survived(func() *Refusal { return r.walk(ctx, c) })
	if refusal != nil && c.Refusal == nil {
		refusal = r.refuse(ctx, c, refusal)
	}
	for _, o := range slices.Backward(r.Observers) {
		o.End(ctx, c)
	}
	if refusal != nil {
		return nil, refusal
	}
	return c.Result, nil
}

// walk is the road. The name is looked up before state is asked, so that a
// tool has one bucket whatever endpoint names it, and answered after it, so
// that guessing names costs as much as calling. What costs more than a look into
// a table comes after the buckets: a call over its rate must be cheap to refuse.
func (r *Road) walk(ctx context.Context, c *Call) *Refusal {
	task, tool, missing := r.take(c)
	defer c.letGo()
	c.Task, c.Tool = task, tool
	ctx, end, refusal := r.begin(ctx, c)
	if refusal != nil {
		return refusal
	}
	defer end()
	if missing != nil {
		return AsRefusal("catalog", missing)
	}
	if refusal := usable(c, tool); refusal != nil {
		return refusal
	}
	if refusal := r.count(ctx, c); refusal != nil {
		return refusal
	}
	if refusal := r.answers(ctx, c); refusal != nil {
		return refusal
	}
	if refusal := r.judgeRequest(ctx, c); refusal != nil {
		return stopped(ctx, refusal)
	}
	if refusal := r.record(ctx, PhaseAttempt, c); refusal != nil {
		return refusal
	}
	if c.Origin != nil {
		c.notes = new(notes)
	}
	var err error
	c.Result, err = timed(&c.Stages.Upstream, func() (*Result, error) { return c.Tool.Upstream.Do(ctx, c) })
	if err == nil {
		if refusal := r.questions(ctx, c); refusal != nil {
			err = refusal
		}
	}
	return r.conclude(ctx, c, err)
}

// count asks policy what a call adds to meters and history, and has state reserve
// that and say what is there.
func (r *Road) count(ctx context.Context, c *Call) *Refusal {
	tally, err := timed(&c.Stages.Policy, func() (Tally, error) { return r.Policy.CountRequest(ctx, c) })
	if err != nil {
		return AsRefusal("policy", err)
	}
	c.Tally = tally
	_, err = timed(&c.Stages.Limit, func() (struct{}, error) { return struct{}{}, c.held.Count(ctx, c) })
	if err != nil {
		return AsRefusal("state", err)
	}
	return nil
}

// begin has state reserve what a call needs. A question of an upstream's adds to
// no meter, but is judged by what they say. End gives back what the call did not
// use, however it ended.
func (r *Road) begin(ctx context.Context, c *Call) (context.Context, func(), *Refusal) {
	under := ctx
	_, err := timed(&c.Stages.Limit, func() (_ struct{}, err error) {
		under, c.held, err = r.State.Begin(ctx, c)
		return struct{}{}, err
	})
	if err != nil {
		c.held = nil
		return ctx, nil, AsRefusal("state", err)
	}
	end := func() { _ = r.finish(under, c) }
	if c.Kind.Reverse() {
		if refusal := r.count(ctx, c); refusal != nil {
			end()
			return ctx, nil, refusal
		}
	}
	return under, end, nil
}

// finish settles with state, once.
func (r *Road) finish(ctx context.Context, c *Call) error {
	held := c.held
	if held == nil {
		return nil
	}
	c.held = nil
	_, err := timed(&c.Stages.Limit, func() (struct{}, error) {
		return struct{}{}, held.Finish(context.WithoutCancel(ctx), c)
	})
	return err
}

// stopped is why a call ended: that somebody stopped it, if they did.
func stopped(ctx context.Context, refusal *Refusal) *Refusal {
	var stop *Refusal
	if errors.As(context.Cause(ctx), &stop) {
		return stop
	}
	return refusal
}

// Charge takes from the agent's limit what a call takes, for what is work but
// no call.
func (r *Road) Charge(ctx context.Context, c *Call) *Refusal {
	_, end, refusal := r.begin(ctx, c)
	if refusal == nil {
		end()
	}
	return refusal
}

// find looks up what a call names.
func (r *Road) find(c *Call) (*Task, *Tool, error) {
	if c.Kind == KindTask && c.Name != "" {
		return r.Catalog.Task(c.Agent, c.Server, c.Name)
	}
	tool, err := r.Catalog.Find(c.Kind, c.Server, c.Name)
	return nil, tool, err
}

// usable is the catalog's own say about the tool that was found.
func usable(c *Call, t *Tool) *Refusal {
	if t.Quarantined != "" {
		q := Refuse("catalog", Quarantined, t.Wire+" is quarantined: "+t.Quarantined)
		q.Remedy = "review it with `toolward tools diff`, then accept it with `toolward tools pin`"
		return q
	}
	if refusal := RequireScopes(c.Agent, t.Scopes...); refusal != nil {
		return refusal
	}
	if t.Check == nil || c.Kind != KindTool {
		return nil
	}
	args, err := t.Check(c.Args)
	if c.unfit = err != nil && len(readMarks(c.Args.Raw(), nil)) > 0; c.unfit {
		return nil // what a placeholder stands for may fit
	}
	if err != nil {
		return RefuseArgs("catalog", "the arguments do not fit the tool's schema: ", err)
	}
	c.Args = args
	return nil
}

// judgeRequest is guard, policy and, where policy wants one, a person, on the
// request. It sets what is sent.
func (r *Road) judgeRequest(ctx context.Context, c *Call) *Refusal {
	if refusal := r.judge(ctx, c); refusal != nil {
		return refusal
	}
	if c.Decision.Effect == EffectApprove && !consented(c) {
		c.Extra = untraced(c.Extra)
		_, err := timed(&c.Stages.Approve, func() (struct{}, error) { return struct{}{}, r.Approvals.Wait(ctx, c) })
		if err != nil {
			return AsRefusal("approval", err)
		}
		if refusal := r.judgeAnew(ctx, c); refusal != nil {
			return refusal
		}
	}
	var err error
	c.Sent, err = r.redactArgs(c)
	if err != nil {
		return c.hideRestored(AsRefusal("guard", err))
	}
	return nil
}

// judge is guard and policy on the request, and what it carries of what was taken
// out before. Policy allows it, or wants a person.
func (r *Road) judge(ctx context.Context, c *Call) *Refusal {
	var refusal *Refusal
	if c.Restored, refusal = r.carried(c); refusal != nil {
		return refusal
	}
	report, err := timed(&c.Stages.Guard, func() (Report, error) { return r.guardOf(c).Request(ctx, c) })
	if err != nil {
		return AsRefusal("guard", err)
	}
	c.Findings, c.Score, c.Scanned = report.Findings, report.Score, StageRequest
	if reasons := c.blocking(report.Findings); reasons != nil {
		return &Refusal{Step: "guard", Code: GuardBlocked, Reasons: reasons, Remedy: c.permits()}
	}
	c.Decision, err = timed(&c.Stages.Policy, func() (Decision, error) { return r.Policy.DecideRequest(ctx, c) })
	if err != nil {
		return AsRefusal("policy", err)
	}
	if c.Decision.Effect != EffectAllow && c.Decision.Effect != EffectApprove {
		return &Refusal{Step: "policy", Code: PolicyDenied, Reasons: denied(c.Decision), Remedy: "see `toolward policy explain " + c.ID + "`"}
	}
	return returnable(c)
}

// consented reports whether the person was asked before: for the call that made
// a task, of which only the state is asked now. An answer to a question of the
// task is something new.
func consented(c *Call) bool { return c.Task != nil && c.Beside(MemberAnswers) == nil }

// judgeAnew judges a call again after a person has spoken: policy, definitions,
// pins, the token and what the agent has seen may be others than when it began
// to wait. That policy wants a person is settled; a person who approves what policy
// denies by now has seen the state of a while ago.
func (r *Road) judgeAnew(ctx context.Context, c *Call) *Refusal {
	if !c.Agent.Expires.IsZero() && time.Now().After(c.Agent.Expires) {
		return Refuse("auth", Unauthenticated, "the token expired while a person was asked; send the call again with a new one")
	}
	of := c
	if c.Kind.Reverse() {
		of = c.Parent // whose tool it is; nil if no call caused it
	}
	if of != nil {
		tool, err := r.takeAnew(c, of)
		if err != nil {
			return AsRefusal("catalog", err)
		}
		if refusal := usable(of, tool); refusal != nil {
			return refusal
		}
		if tool.Fingerprint != c.Tool.Fingerprint {
			return Refuse("catalog", Quarantined, "the definition of "+tool.Wire+" changed while a person was asked; send the call again")
		}
		c.Tool = tool
	} else {
		c.Tally.Revision = "" // of the policy that is in force when it is counted
	}
	if err := c.held.Again(ctx, c); err != nil {
		return AsRefusal("state", err)
	}
	if refusal := r.count(ctx, c); refusal != nil {
		return refusal
	}
	return r.judge(ctx, c)
}

// conclude judges what came back, records it, and only then lets it pass.
func (r *Road) conclude(ctx context.Context, c *Call, err error) *Refusal {
	if err != nil {
		c.Result = nil
		if !errors.As(err, &c.Refusal) {
			c.Refusal = Refuse("upstream", Internal, "the gateway failed during the call; the upstream may have done what was asked").Because(err)
		}
		if ctx.Err() != nil && errors.Is(ctx.Err(), context.Canceled) {
			c.Refusal = stopped(ctx, Refuse("upstream", Cancelled, "the agent cancelled the call or went away").Because(err))
		}
	} else if refusal := r.judgeResult(ctx, c); refusal != nil {
		c.Refusal = refusal
	}
	if c.Refusal != nil {
		c.Refusal = c.hideRestored(c.Refusal)
	}
	if err := r.finish(ctx, c); err != nil {
		c.Refusal = withheld("state", "what the agent has seen could not be noted").Because(err)
	}
	if refusal := r.record(ctx, PhaseOutcome, c); refusal != nil {
		c.Refusal = refusal
	}
	return c.Refusal
}

// judgeResult is policy's meters, guard and policy on the result. What it adds to
// meters counts whether or not the agent sees it: the upstream has done it.
func (r *Road) judgeResult(ctx context.Context, c *Call) *Refusal {
	if refusal := r.answered(c); refusal != nil {
		return refusal
	}
	var err error
	c.ResultTally, err = timed(&c.Stages.Policy, func() (Tally, error) { return r.Policy.CountResult(ctx, c) })
	if err != nil {
		return withheld("policy", "policy failed on what the result adds to meters").Because(err)
	}
	report, err := timed(&c.Stages.Guard, func() (Report, error) { return r.guardOf(c).Result(ctx, c) })
	if err != nil {
		return withheld("guard", "the result could not be scanned").Because(err)
	}
	c.Findings, c.Score, c.Scanned = append(c.Findings, report.Findings...), report.Score, StageResult
	if reasons := c.blocking(report.Findings); reasons != nil {
		return withheld("guard", reasons...)
	}
	c.ResultDecision, err = timed(&c.Stages.Policy, func() (Decision, error) { return r.Policy.DecideResult(ctx, c) })
	if err != nil {
		return withheld("policy", "policy failed on the result").Because(err)
	}
	if c.ResultDecision.Effect != EffectAllow {
		return withheld("policy", denied(c.ResultDecision)...)
	}
	c.Result.Labels = c.seen(c.Tool.Labels, c.Decision.Labels, c.ResultDecision.Labels)
	if _, err := Survive(func() (any, error) { return nil, r.redactResult(c, report.Findings) }); err != nil {
		return withheld("guard", "the result could not be redacted").Because(err)
	}
	return nil
}

// List returns what the agent may see of a kind, in order. On a server's own
// endpoint it is that server's. The call is a [KindList].
func (r *Road) List(ctx context.Context, c *Call, of Kind) ([]*Tool, *Refusal) {
	ctx, end, refusal := r.begin(ctx, c)
	if refusal != nil {
		return nil, r.Refused(ctx, c, refusal)
	}
	defer end()
	seen, err := Survive(func() ([]*Tool, error) {
		return r.Policy.Visible(ctx, c.Agent, r.State.Offer(c.Agent, r.Catalog.List(of, c.Server)))
	})
	if err != nil {
		return nil, r.Refused(ctx, c, AsRefusal("policy", err))
	}
	return seen, nil
}

// Refused records a refusal that was made before or beside [Road.Do] and
// returns what to answer: the refusal, or [Unrecorded].
func (r *Road) Refused(ctx context.Context, c *Call, refusal *Refusal) *Refusal {
	for _, o := range r.Observers {
		ctx = o.Begin(ctx, c)
	}
	refusal = r.refuse(ctx, c, refusal)
	for _, o := range slices.Backward(r.Observers) {
		o.End(ctx, c)
	}
	return refusal
}

func (r *Road) refuse(ctx context.Context, c *Call, refusal *Refusal) *Refusal {
	r.cover(ctx, c, refusal)
	c.Refusal = refusal
	if unrecorded := r.record(ctx, PhaseRefusal, c); unrecorded != nil && refusal.Code != Unrecorded {
		c.Refusal = unrecorded
	}
	return c.Refusal
}

// record outlives the agent's request: what happened is written down also
// when nobody waits for the answer any more.
func (r *Road) record(ctx context.Context, p Phase, c *Call) *Refusal {
	_, err := timed(&c.Stages.Record, func() (struct{}, error) {
		return struct{}{}, r.Recorder.Record(context.WithoutCancel(ctx), p, c)
	})
	if err == nil {
		return nil
	}
	var refusal *Refusal
	if errors.As(err, &refusal) {
		return refusal
	}
	u := Refuse("audit", Unrecorded, "the audit record cannot be written; calls are refused until it can").Because(err)
	u.Remedy = "see the gateway's log and `/readyz`: disk space, permissions, another process holding the database"
	return u
}

func withheld(step string, reasons ...string) *Refusal {
	return &Refusal{Step: step, Code: Withheld, Reasons: reasons}
}

func denied(d Decision) []string {
	if len(d.Reasons) > 0 {
		return d.Reasons
	}
	return []string{"no policy rule allows this call"}
}

// seen is what a session has seen by what bears these labels. Private data keeps the
// name of its server: what is asked of that one again tells nobody anything new.
func (c *Call) seen(lists ...[]string) []string {
	all := mergeLabels(lists...)
	if !slices.Contains(all, LabelPrivate) {
		return all
	}
	return mergeLabels(all, []string{LabelFrom + c.Tool.Server})
}

func mergeLabels(lists ...[]string) []string {
	var all []string
	for _, l := range lists {
		all = append(all, l...)
	}
	if len(all) == 0 {
		return nil
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// survived is the refusal of a road that panics between its steps.
func survived(walk func() *Refusal) *Refusal {
	refusal, err := Survive(func() (*Refusal, error) { return walk(), nil })
	if err != nil {
		return AsRefusal("surface", err)
	}
	return refusal
}

// timed adds the time f takes to d, and survives it.
func timed[T any](d *time.Duration, f func() (T, error)) (T, error) {
	start := time.Now()
	v, err := Survive(f)
	*d += time.Since(start)
	return v, err
}
