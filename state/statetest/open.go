// Package statetest has a state for tests of what asks it.
package statetest

import (
	"context"
	"slices"
	"sync"

	"toolward/gateway"
)

// Open is a [gateway.State] that knows nothing and lets everything pass, unless a
// test says otherwise. The zero value is ready. It is safe for concurrent use.
type Open struct {
	// Refuse is what Begin returns. Nil lets everything pass.
	Refuse func(*gateway.Call) error
	// Blocked is what Admit returns. Nil lets everybody in.
	Blocked func(a *gateway.Agent, server string) error

	mu       sync.Mutex
	begun    int
	finished int
	labels   []string
}

var _ gateway.State = (*Open)(nil)

// Begin implements [gateway.State].
func (o *Open) Begin(ctx context.Context, c *gateway.Call) (context.Context, gateway.Reservation, error) {
	if o.Refuse != nil {
		if err := o.Refuse(c); err != nil {
			return ctx, nil, err
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.begun++
	return ctx, held{o}, nil
}

// Held is how many reservations are not finished.
func (o *Open) Held() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.begun - o.finished
}

// Labels are those that were added before a call was over.
func (o *Open) Labels() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.labels
}

// Admit implements [gateway.State].
func (o *Open) Admit(a *gateway.Agent, server string) error {
	if o.Blocked == nil {
		return nil
	}
	return o.Blocked(a, server)
}

// AdmitPerson implements [gateway.State].
func (o *Open) AdmitPerson(*gateway.Agent) error { return nil }

// Offer implements [gateway.State].
func (o *Open) Offer(a *gateway.Agent, tools []*gateway.Tool) []*gateway.Tool {
	return slices.DeleteFunc(slices.Clone(tools), func(t *gateway.Tool) bool { return o.Admit(a, t.Server) != nil })
}

// Strangers implements [gateway.State].
func (o *Open) Strangers(string) error { return nil }

// Failed implements [gateway.State].
func (o *Open) Failed(string) {}

type held struct{ o *Open }

func (held) Count(context.Context, *gateway.Call) error { return nil }

func (held) Again(context.Context, *gateway.Call) error { return nil }

func (h held) Label(_ context.Context, labels []string, _ string) error {
	h.o.mu.Lock()
	defer h.o.mu.Unlock()
	h.o.labels = append(h.o.labels, labels...)
	return nil
}

func (h held) Finish(context.Context, *gateway.Call) error {
	h.o.mu.Lock()
	defer h.o.mu.Unlock()
	h.o.finished++
	return nil
}
