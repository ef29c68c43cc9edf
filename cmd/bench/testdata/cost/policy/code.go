// Package policy turns a call into a decision by Rego.
//
// An [Engine] reads a directory of Rego v1 and data files, compiles it with the
// library of package rego that composes its packages, and asks one rule per
// stage of a call: data.toolward.decision, or data.toolward.reverse.decision
// for what an upstream asks of an agent. How to write a policy, and every error
// code, is in docs/policy.md.
//
// What it guarantees:
//
//   - Fail closed. No rule that allows, an evaluation that fails or takes too
//     long, a rule that yields what cannot be understood: the decision is deny,
//     with a reason.
//   - No silent non-enforcement. A public rule that could never be asked, or
//     that waits for what its stage does not have, is an error at load, with
//     all others and with its place.
//   - One policy per call. The result is judged by the revision that judged
//     the request. A revision is policy, data and library together.
//   - A revision that does not load never replaces one that did.
//   - A decision depends on the call, the policy's data and the time of the
//     call. Functions that reach the network or the process do not exist.
//
// It does not know who may consent to an approval, does not apply redactions
// (it names the places, as RFC 6901 pointers that exist), and keeps no state
// about agents.
package policy

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"toolward/gateway"
	"toolward/gateway/watch"
)

// Options says where a policy is and how it is kept. The zero Options is the
// policy of a gateway without configuration, which allows everything but what
// the rule on labels refuses.
type Options struct {
	Path    string // a directory of .rego and data files, or one .rego file; "" is none: every call is refused
	Demo    bool   // without Path, the embedded policy for trying out, which allows everything
	Data    string // one more JSON or YAML file for the data document; "" is none
	Library string // a directory of Rego that replaces the embedded library; "" is the embedded one
	Files   []File // what stands in the place of Path and Data; nil reads those
	Shadow  string // a policy that decides beside the real one, for the record only; "" is none

	// Exact asks OPA about every call and changes nothing about the policy first,
	// as a way to rule out that the faster way decides otherwise.
	Exact bool

	Timeout time.Duration // for one evaluation; 0 is [DefaultTimeout]
	Logger  *slog.Logger  // of the process; nil discards

	// OnReload is called after each attempt to load a changed policy, one at a
	// time: err is nil or what kept the old revision in force, [Problems] as a
	// rule. It must not call the engine's Reload or Close.
	OnReload func(err error)
}

// DefaultTimeout bounds one evaluation. A policy decides in well under a
// millisecond; what has to be stopped runs for seconds. Less would refuse calls
// whenever the machine stands still for a moment.
const DefaultTimeout = 500 * time.Millisecond

// Status is what is in force.
type Status struct {
	Revision string    // digest of library, policy and data, 16 hex digits
	Loaded   time.Time // when it came into force
	Demo     bool      // the embedded policy that allows everything
	Warnings []Problem // of the revision in force
	Failed   error     // why the files as they are now are not in force; nil if they are
	Shadow   string    // revision of the shadow policy, "" without one
}

// Engine decides about calls. It is safe for concurrent use.
type Engine struct {
	opt     Options                 // but for the files
	from    atomic.Pointer[Options] // the same, with the files in force
	current atomic.Pointer[revision]
	shadow  atomic.Pointer[revision] // nil without one

	reloading sync.Mutex // held while files are read and OnReload runs, and from Prepare to Finish; taken before mu
	mu        sync.Mutex
	past      []*revision // most recent last, for the results of calls that began under them
	loaded    time.Time
	failed    error

	stop context.CancelFunc
	done sync.WaitGroup
}

var _ gateway.Policy = (*Engine)(nil)

// pastRevisions is how many former revisions are kept for calls under way.
const pastRevisions = 4

// New loads a policy and keeps it current until [Engine.Close]. A policy with
// errors is returned as [Problems]. ctx bounds loading only.
func New(ctx context.Context, o Options) (*Engine, error) {
	e, err := Open(ctx, o)
	if err != nil {
		return nil, err
	}
	var watching context.Context
	watching, e.stop = context.WithCancel(context.Background())
	e.done.Go(func() {
		watch.Files(watching, e.opt.Logger, e.roots, func(ctx context.Context) { _ = e.Reload(ctx) }) // said in log, record and readiness
	})
	return e, nil
}

// roots are where the files are that the policy is made of.
func (e *Engine) roots() []string {
	o := e.from.Load()
	return []string{o.Path, o.Shadow, o.Data, o.Library}
}

// Open loads a policy as it is now, as [New] does, and does not follow changes.
func Open(ctx context.Context, o Options) (*Engine, error) {
	o.Timeout = cmp.Or(o.Timeout, DefaultTimeout)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	e := &Engine{opt: o, stop: func() {}}
	e.from.Store(&o)
	if err := e.load(ctx); err != nil {
		return nil, err
	}
	return e, nil
}

// Close stops following changes and waits until nothing is under way.
func (e *Engine) Close() error {
	e.stop()
	e.done.Wait()
	return nil
}

// Status returns what is in force now.
func (e *Engine) Status() Status {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.current.Load()
	s := Status{Revision: now.digest, Loaded: e.loaded, Demo: now.demo, Warnings: now.problems, Failed: e.failed}
	if shadow := e.shadow.Load(); shadow != nil {
		s.Shadow = shadow.digest
	}
	return s
}

// Revision is the digest of the policy in force.
func (e *Engine) Revision() string { return e.current.Load().digest }

// Files are those of the policy in force and of its data, without the library. With
// them as [Options.Files] and the same library the revision is the same.
func (e *Engine) Files() []File { return e.current.Load().files }

// ShadowFiles are those of the shadow policy, nil without one.
func (e *Engine) ShadowFiles() []File {
	if shadow := e.shadow.Load(); shadow != nil {
		return shadow.files
	}
	return nil
}

// Ready is nil if the files as they are now are in force. Otherwise the last
// good revision goes on deciding, and the error says what is wrong: it has a method
// Degraded, since nothing is refused for it.
func (e *Engine) Ready() error {
	if err := e.Status().Failed; err != nil {
		return degraded{err}
	}
	return nil
}

// degraded is an error of a part that works all the same.
type degraded struct{ error }

// Degraded reports that what is wrong keeps nothing from being decided.
func (degraded) Degraded() bool { return true }

func (d degraded) Unwrap() error { return d.error }

// revisionOf returns the revision that judged the request of a call: it judges the
// result too, so that no call sees two policies. If that one is too long ago, the
// one in force judges, and its digest in the record says so.
func (e *Engine) revisionOf(c *gateway.Call) *revision { return e.named(c.Decision.Revision) }

// named returns a revision by its digest, the one in force if there is none.
func (e *Engine) named(digest string) *revision {
	now := e.current.Load()
	if digest == "" || digest == now.digest {
		return now
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, r := range slices.Backward(e.past) {
		if r.digest == digest {
			return r
		}
	}
	return now
}

// DecideRequest implements [gateway.Policy]. It decides by the revision that said
// what the call counts for, which is the one that was in force when the call was looked up,
// so that what rules read was asked for: where that one is
// too long ago, a policy that counts refuses, since its meters would read 0. If the
// policy cannot be evaluated, it returns a decision that denies together with a
// *gateway.Refusal that holds the fault.
func (e *Engine) DecideRequest(ctx context.Context, c *gateway.Call) (gateway.Decision, error) {
	by := c.Tally.Revision
	r := e.named(by)
	if by != "" && r.digest != by && r.counting != nil {
		return gateway.Decision{Effect: gateway.EffectDeny, Revision: r.digest},
			gateway.Refuse("policy", gateway.PolicyDenied, "the policy changed too often while the call was judged; send it again")
	}
	return e.decide(ctx, r, c, gateway.StageRequest)
}

// DecideResult implements [gateway.Policy], with the errors of [Engine.DecideRequest].
func (e *Engine) DecideResult(ctx context.Context, c *gateway.Call) (gateway.Decision, error) {
	if c.Result == nil {
		return gateway.Decision{Effect: gateway.EffectDeny}, errors.New("policy: there is no result to judge")
	}
	return e.decide(ctx, e.revisionOf(c), c, gateway.StageResult)
}

func (e *Engine) decide(ctx context.Context, r *revision, c *gateway.Call, stage gateway.Stage) (gateway.Decision, error) {
	d, err := r.decide(ctx, e.opt.Timeout, c, stage)
	if err == nil && len(c.Session.Since) > 0 && slices.ContainsFunc(d.Rules, byLabels) {
		d.Reasons = append(slices.Clone(d.Reasons), whyLabelled(c)...)
	}
	if shadow := e.shadow.Load(); shadow != nil && ctx.Err() == nil {
		// A fault of the shadow policy is a denial by it, as it would be in force.
		s, _ := shadow.decide(ctx, e.opt.Timeout, c, stage)
		d.Shadow = s.Effect
	}
	return d, err
}

// Visible keeps, in order, the tools that the agent could be allowed to call,
// or to ask a person for, with some arguments. Answers are remembered per
// revision, tool, and what the policy reads of the agent.
func (e *Engine) Visible(ctx context.Context, a *gateway.Agent, tools []*gateway.Tool) ([]*gateway.Tool, error) {
	return e.current.Load().visibleTo(ctx, e.opt.Timeout, a, tools)
}
