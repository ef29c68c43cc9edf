package policy

import "context"

// Replacement is a policy of other files that may take the place of the one in force. An
// engine has one at a time, and follows no changes of files meanwhile.
type Replacement struct {
	e           *Engine
	from        Options
	rev, shadow *revision
	applied     bool
}

// Prepare compiles the policy of other files: those that o names in Path, Data and
// Shadow, and Exact. It returns what is wrong with them, as [New] does, and has then
// changed nothing. What it returns has to be finished.
func (e *Engine) Prepare(ctx context.Context, o Options) (*Replacement, error) {
	e.reloading.Lock()
	r := &Replacement{e: e, from: *e.from.Load()}
	r.from.Path, r.from.Data, r.from.Shadow, r.from.Exact = o.Path, o.Data, o.Shadow, o.Exact
	var err error
	if r.rev, r.shadow, err = e.compile(ctx, r.from); err != nil {
		e.reloading.Unlock()
		return nil, err
	}
	return r, nil
}

// Apply puts the policy in force. It does no I/O. Calls under way are judged by the
// revision that judged their request.
func (r *Replacement) Apply() {
	r.e.mu.Lock()
	defer r.e.mu.Unlock()
	r.e.from.Store(&r.from)
	r.e.put(r.rev, r.shadow)
	r.e.failed, r.applied = nil, true
}

// Finish lets the engine follow changes again, those of the files that are in force,
// and tells [Options.OnReload] of a policy that was applied. Without Apply nothing has
// changed.
func (r *Replacement) Finish() {
	defer r.e.reloading.Unlock()
	if r.applied && r.e.opt.OnReload != nil {
		r.e.opt.OnReload(nil)
	}
}
