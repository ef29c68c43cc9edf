package auth

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"toolward/gateway"
)

// fileCheck is how often a key file is looked at.
const fileCheck = 2 * time.Second

// source is where an issuer's keys come from.
type source interface {
	// load returns the keys as they are now, and notes about keys it left out.
	// It returns errUnchanged if it can tell that nothing changed.
	load(context.Context) (*keySet, []string, error)
}

var errUnchanged = errors.New("unchanged")

// outage is how often tokens may cause a load while there are no keys at all.
const outage = time.Second

// keyring holds an issuer's keys and renews them: by itself once they are
// refresh old, and when a token names a key that is not there, for which it
// loads only once per retry however many such tokens arrive. Loads never run
// side by side. One that fails leaves the keys that are there in use until
// they are stale.
type keyring struct {
	src                   source // nil if the keys are fixed
	refresh, retry, stale time.Duration
	now                   func() time.Time
	log                   *slog.Logger
	set                   atomic.Pointer[keySet]
	ctx                   context.Context
	wg                    *sync.WaitGroup
	mu                    sync.Mutex
	loading               chan struct{} // closed when the load under way is over; nil if none is
	asked                 time.Time     // when a token last caused a load beside keys that were there
	missed                time.Time     // when a token last caused a load because there were none
	failed                string        // what went wrong last, so that it is logged once
}

// usable returns the keys, or nil if there are none that may still be used.
func (r *keyring) usable(now int64) *keySet {
	s := r.set.Load()
	if s == nil || now >= s.until.Load() {
		return nil
	}
	return s
}

// start keeps the keys fresh until ctx ends.
func (r *keyring) start(ctx context.Context, wg *sync.WaitGroup) {
	r.ctx, r.wg = ctx, wg
	if r.src == nil {
		return
	}
	wg.Go(func() {
		for {
			select {
			case <-r.renew(nil, 0):
			case <-ctx.Done():
				return
			}
			wait := r.refresh
			if r.lastError() != "" {
				wait = min(wait, r.retry)
			}
			timer := time.NewTimer(wait)
			select {
			case <-timer.C:
			case <-ctx.Done():
				timer.Stop()
				return
			}
		}
	})
}

func (r *keyring) lastError() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}

// demand renews the keys for a token that names one that is not there. Whether
// there are others makes two cases: a key that was added just after an outage
// must not wait because the outage caused a load.
func (r *keyring) demand(usable bool) <-chan struct{} {
	if usable {
		return r.renew(&r.asked, r.retry)
	}
	return r.renew(&r.missed, outage)
}

// renew begins a load unless one is under way or the last for the same reason
// is younger than pause. The channel is closed when the load is over.
func (r *keyring) renew(last *time.Time, pause time.Duration) <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.loading != nil {
		return r.loading
	}
	done := make(chan struct{})
	now := r.now()
	if r.src == nil || r.ctx.Err() != nil || last != nil && !last.IsZero() && now.Sub(*last) < pause {
		close(done)
		return done
	}
	r.loading = done
	if last != nil {
		*last = now
	}
	// The load belongs to nobody's request: whoever asked first may go away.
	r.wg.Go(func() {
		_ = r.loadOnce() // kept in failed, and logged
		r.mu.Lock()
		r.loading = nil
		r.mu.Unlock()
		close(done)
	})
	return done
}

// find returns the key a token names and the set it is from. It waits for a
// load if the key is not there.
func (r *keyring) find(ctx context.Context, t *token) (*key, *keySet, error) {
	s := r.usable(r.now().UnixNano())
	if s != nil {
		if k := s.find(t.kid, t.hasKid); k != nil {
			return k, s, nil
		}
	}
	select {
	case <-r.demand(s != nil):
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
	s = r.usable(r.now().UnixNano())
	if s == nil {
		return nil, nil, errNoKeys
	}
	if k := s.find(t.kid, t.hasKid); k != nil {
		return k, s, nil
	}
	return nil, nil, errNoKey
}

var (
	errNoKeys = errors.New("the issuer's keys are not available")
	errNoKey  = errors.New("the issuer has no such key, or several and the token names none")
)

// loadOnce loads the keys and puts them in place.
func (r *keyring) loadOnce() error {
	ctx := r.ctx
	if ctx == nil {
		ctx = context.Background()
	}
	var set *keySet
	var notes []string
	_, err := gateway.Survive(func() (_ any, err error) { // the keys are what somebody's server answered
		set, notes, err = r.src.load(ctx)
		return nil, err
	})
	until := r.now().Add(r.refresh + r.stale).UnixNano()
	old := r.set.Load()
	switch {
	case errors.Is(err, errUnchanged):
		old.until.Store(until)
	case err != nil:
		if r.ctx != nil && ctx.Err() == nil { // else New returns it, or nobody wants to know
			r.note(err)
		}
		return err
	case old != nil && old.sum == set.sum:
		old.until.Store(until)
	default:
		set.until.Store(until)
		r.set.Store(set)
		for _, n := range notes {
			r.log.Warn("key left out", "reason", n)
		}
	}
	r.note(nil)
	return nil
}

// note logs a failure when it is new, and that it is over.
func (r *keyring) note(err error) {
	r.mu.Lock()
	before := r.failed
	r.failed = ""
	if err != nil {
		r.failed = err.Error()
	}
	after := r.failed
	r.mu.Unlock()
	switch {
	case after != "" && after != before && r.set.Load() == nil:
		r.log.Error("issuer's keys could not be loaded; its tokens are refused until they are", "error", err)
	case after != "" && after != before:
		r.log.Error("issuer's keys could not be loaded; the last good ones stay in use until they are stale", "error", err)
	case after == "" && before != "":
		r.log.Info("issuer's keys are loaded")
	}
}
