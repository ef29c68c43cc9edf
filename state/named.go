package state

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"toolward/gateway"
)

// Bounds of named tokens.
const (
	mostTokens  = 1000                // that are in use
	keepExpired = 30 * 24 * time.Hour // how long one is listed whose time is over
	useAgain    = time.Hour           // between two events that say that one was used
)

type namedToken struct {
	gateway.NamedToken
	used  atomic.Int64 // Unix seconds: when it was used last, as far as that is, or is to be, on record
	noted atomic.Int64 // the same on record
}

// The bodies of events about named tokens.
type (
	unnamed struct {
		Digest string           `json:"digest"`
		Name   string           `json:"name"`
		By     gateway.Operator `json:"by"`
		Reason string           `json:"reason,omitempty"`
	}
	taken struct {
		Digest  string    `json:"digest"`
		Name    string    `json:"name"`
		Subject string    `json:"subject"`
		Used    time.Time `json:"used"`
	}
)

// listed are those that are in use, and those that ended a while ago, by name.
func (s *heldSet) listed(now time.Time) []gateway.NamedToken {
	var all []gateway.NamedToken
	for _, t := range s.named {
		if !t.forgotten(now) {
			seen := t.NamedToken
			if used := t.noted.Load(); used != 0 {
				seen.Used = time.Unix(used, 0).UTC()
			}
			all = append(all, seen)
		}
	}
	slices.SortFunc(all, func(a, b gateway.NamedToken) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), a.Created.Compare(b.Created))
	})
	return all
}

func (t *namedToken) forgotten(now time.Time) bool { return t.Expired(now.Add(-keepExpired)) }

// AddToken has the record hold a named token from now on. It returns
// [gateway.ErrBadToken], or [gateway.ErrTokenTaken] while another of its name is in
// use; one whose time is over gives its name back.
func (r *Room) AddToken(ctx context.Context, t gateway.NamedToken) error {
	if err := gateway.CheckTokenName(t.Name); err != nil {
		return err
	}
	r.deciding.Lock()
	defer r.deciding.Unlock()
	now, n := time.Now(), 0
	for _, old := range r.held.Load().named {
		switch {
		case old.Expired(now):
			continue
		case old.Name == t.Name:
			return fmt.Errorf("%w: %s, of %s until %s", gateway.ErrTokenTaken, t.Name, old.Subject, old.Expires.UTC().Format(time.RFC3339))
		}
		n++
	}
	if n >= mostTokens {
		return fmt.Errorf("%w: %d are in use, which is all that there may be; revoke some", gateway.ErrBadToken, n)
	}
	return r.opts.Journal.Note(ctx, EventNamed, t)
}

// NoteUses puts on record that named tokens were used, each once an hour at most,
// until ctx ends. What could not be is told, and tried again with the next that is used.
func (r *Room) NoteUses(ctx context.Context, failed func(error)) {
	for {
		select {
		case <-r.taken:
		case <-ctx.Done():
			return
		}
		for _, t := range r.held.Load().named {
			used := t.used.Load()
			if used == t.noted.Load() {
				continue
			}
			event := taken{Digest: t.Digest, Name: t.Name, Subject: t.Subject, Used: time.Unix(used, 0).UTC()}
			if err := r.opts.Journal.Note(ctx, EventTaken, event); err != nil && ctx.Err() == nil {
				failed(err)
			}
		}
	}
}

// name adds a token, and lets go of those whose time was over long before, or whose name
// it takes.
func (s *heldSet) name(now time.Time, t gateway.NamedToken) {
	s.named = maps.Clone(s.named)
	maps.DeleteFunc(s.named, func(_ string, old *namedToken) bool {
		return old.forgotten(now) || old.Name == t.Name && old.Expired(now)
	})
	in := &namedToken{NamedToken: t}
	if !t.Used.IsZero() {
		in.used.Store(t.Used.Unix())
		in.noted.Store(t.Used.Unix())
	}
	in.Used = time.Time{}
	s.named[t.Digest] = in
}

// use takes it that a token is used now.
func (r *Room) use(t *namedToken) {
	now, used := time.Now().Unix(), t.used.Load()
	if now-used >= int64(useAgain/time.Second) && t.used.CompareAndSwap(used, now) {
		wake(r.taken)
	}
}

// noted keeps when a token was used.
func (s *heldSet) noted(b taken) {
	if t := s.named[b.Digest]; t != nil {
		t.noted.Store(b.Used.Unix())
		for used := t.used.Load(); used < b.Used.Unix() && !t.used.CompareAndSwap(used, b.Used.Unix()); used = t.used.Load() {
		}
	}
}
