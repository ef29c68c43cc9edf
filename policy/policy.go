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
)

// Options says where a policy is and how it is kept. The zero Options is the
// policy of a gateway without configuration, which allows everything but what
// the rule on labels refuses.
type Options struct {
	Path    string // a directory of .rego and data files, or one .rego file; "" is the embedded policy for trying out
	Data    string // one more JSON or YAML file for the data document; "" is none
	Library string // a directory of Rego that replaces the embedded library; "" is the embedded one
	Shadow  string // a policy that decides beside the real one, for the record only; "" is none

	Servers []string      // names of the configured upstreams, for [Engine.Check]; nil if not known
	Timeout time.Duration // for one evaluation; 0 is 100 ms
	Poll    time.Duration // how often files are looked at where no event arrives; 0 is 5 s, negative is never, which also turns events off
	Logger  *slog.Logger  // of the process; nil discards

	// OnReload is called after each attempt to load a changed policy, one at a
	// time: err is nil or the [Problems] that kept the old revision in force.
	OnReload func(Status, error)
}

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
	options Options
	log     *slog.Logger
	current atomic.Pointer[revision]
	shadow  *Engine // nil without one

	mu     sync.Mutex
	past   []*revision // most recent last, for the results of calls that began under them
	status Status

	stop context.CancelFunc
	done sync.WaitGroup
}

var _ gateway.Policy = (*Engine)(nil)

// pastRevisions is how many former revisions are kept for calls under way.
const pastRevisions = 4

// New loads a policy and, unless Poll is negative, keeps it current until
// [Engine.Close]. A policy with errors is returned as [Problems]. ctx bounds
// loading only.
func New(ctx context.Context, o Options) (*Engine, error) {
	o.Timeout = cmp.Or(o.Timeout, 100*time.Millisecond)
	o.Poll = cmp.Or(o.Poll, 5*time.Second)
	e := &Engine{options: o, log: cmp.Or(o.Logger, slog.New(slog.DiscardHandler))}
	rev, ps := load(ctx, o)
	if err := failing(ps); err != nil {
		return nil, err
	}
	e.install(rev)
	if o.Shadow != "" {
		shadow := o
		shadow.Path, shadow.Shadow, shadow.OnReload = o.Shadow, "", nil
		var err error
		if e.shadow, err = New(ctx, shadow); err != nil {
			return nil, errors.Join(errors.New("the shadow policy does not load"), err)
		}
	}
	var watching context.Context
	watching, e.stop = context.WithCancel(context.Background())
	if o.Poll > 0 && o.Path != "" {
		e.watch(watching)
	}
	return e, nil
}

func load(ctx context.Context, o Options) (*revision, []Problem) {
	s, ps := read(o)
	if failing(ps) != nil {
		return nil, sorted(ps)
	}
	return compile(ctx, s)
}

// Close stops watching files and waits until nothing is under way.
func (e *Engine) Close() error {
	e.stop()
	e.done.Wait()
	if e.shadow != nil {
		return e.shadow.Close()
	}
	return nil
}

// Status returns what is in force now.
func (e *Engine) Status() Status {
	e.mu.Lock()
	s := e.status
	e.mu.Unlock()
	if e.shadow != nil {
		s.Shadow = e.shadow.Status().Revision
	}
	return s
}

// install puts a revision in force. Calls under way keep theirs.
func (e *Engine) install(rev *revision) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if old := e.current.Load(); old != nil {
		e.past = append(e.past, old)
		if n := len(e.past) - pastRevisions; n > 0 {
			e.past = slices.Delete(e.past, 0, n)
		}
	}
	e.current.Store(rev)
	e.status = Status{Revision: rev.digest, Loaded: time.Now(), Demo: rev.demo, Warnings: rev.problems}
}

// revisionFor returns the revision that judges a stage of a call: the result is
// judged by the one that judged the request, so that no call sees two policies.
// If that one is too long ago, the one in force judges, and its digest in the
// record says so.
func (e *Engine) revisionFor(c *gateway.Call) *revision {
	now := e.current.Load()
	if c.Result == nil || c.Decision.Revision == "" || c.Decision.Revision == now.digest {
		return now
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, r := range slices.Backward(e.past) {
		if r.digest == c.Decision.Revision {
			return r
		}
	}
	return now
}

// Decide judges the request while call.Result is nil, and the result after. If
// the policy cannot be evaluated, it returns a decision that denies together
// with a *gateway.Refusal that holds the fault.
func (e *Engine) Decide(ctx context.Context, c *gateway.Call) (gateway.Decision, error) {
	d, err := e.revisionFor(c).decide(ctx, e.options.Timeout, c)
	if e.shadow != nil && ctx.Err() == nil {
		// A fault of the shadow policy is a denial by it, as it would be in force.
		s, _ := e.shadow.current.Load().decide(ctx, e.options.Timeout, c)
		d.Shadow = s.Effect
	}
	return d, err
}

// Visible keeps, in order, the tools that the agent could be allowed to call,
// or to ask a person for, with some arguments. Answers are remembered per
// revision, tool, and what the policy reads of the agent.
func (e *Engine) Visible(ctx context.Context, a *gateway.Agent, tools []*gateway.Tool) ([]*gateway.Tool, error) {
	return e.current.Load().visibleTo(ctx, e.options.Timeout, a, tools)
}
