package policy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Reload loads the files as they are now. A policy that does not load leaves
// the one in force, and Ready says so. It returns when OnReload has.
func (e *Engine) Reload(ctx context.Context) error {
	e.reloading.Lock()
	defer e.reloading.Unlock()
	before := e.Status()
	err := e.load(ctx)
	after := e.Status()
	if before.Revision == after.Revision && before.Shadow == after.Shadow && sameError(before.Failed, err) {
		return err // nothing changed, so there is nothing to tell
	}
	if err != nil {
		e.opt.Logger.Error("the changed policy does not load; the one before stays in force", "revision", after.Revision, "error", err)
	} else {
		e.opt.Logger.Info("policy reloaded", "revision", after.Revision, "shadow", after.Shadow)
	}
	if e.opt.OnReload != nil {
		e.opt.OnReload(err)
	}
	return err
}

// load reads and compiles policy and shadow, and puts both in force or neither.
func (e *Engine) load(ctx context.Context) error {
	rev, shadow, err := e.compile(ctx, *e.from.Load())
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.failed = err; err == nil {
		e.put(rev, shadow)
	}
	return err
}

// compile makes the revisions of a policy and of its shadow, nil without one.
func (e *Engine) compile(ctx context.Context, o Options) (rev, shadow *revision, err error) {
	rev, err = loadRevision(ctx, o, e.current.Load())
	if o.Shadow != "" {
		o.Path = o.Shadow
		var shadowErr error
		if shadow, shadowErr = loadRevision(ctx, o, e.shadow.Load()); shadowErr != nil {
			err = errors.Join(err, fmt.Errorf("the shadow policy does not load:\n%w", shadowErr))
		}
	}
	return rev, shadow, err
}

// put puts revisions in force. The caller holds e.mu.
func (e *Engine) put(rev, shadow *revision) {
	e.shadow.Store(shadow)
	old := e.current.Load()
	if old == rev {
		return
	}
	if old != nil {
		e.past = append(e.past, old)
		if n := len(e.past) - pastRevisions; n > 0 {
			e.past = slices.Delete(e.past, 0, n)
		}
	}
	e.current.Store(rev)
	e.loaded = time.Now()
}

// loadRevision compiles the files of o, or returns the revision that it is
// given if they are what that was made of.
func loadRevision(ctx context.Context, o Options, have *revision) (*revision, error) {
	s, ps := read(o)
	if err := failing(sorted(ps)); err != nil {
		return nil, err
	}
	if have != nil && have.digest == s.digest && have.exact == s.exact {
		return have, nil
	}
	rev, ps := compile(ctx, s)
	return rev, failing(ps)
}

func sameError(a, b error) bool {
	return (a == nil) == (b == nil) && (a == nil || a.Error() == b.Error())
}
