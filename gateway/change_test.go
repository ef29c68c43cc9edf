package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
)

// version is a configuration: a guard, and an upstream whose tool bears its number as
// a label. Its guard refuses a call of another's, and notes it.
type version struct {
	*rooms
	label  string
	mixed  *atomic.Int64
	held   atomic.Int64
	closed atomic.Bool
}

func (v *version) Request(_ context.Context, c *Call) (Report, error) { return v.look(c) }
func (v *version) Result(_ context.Context, c *Call) (Report, error)  { return v.look(c) }
func (v *version) look(c *Call) (Report, error) {
	if c.Tool.Labels[0] != v.label || c.Tally.Revision != v.label {
		v.mixed.Add(1)
	}
	return Report{}, nil
}

func (v *version) Hold()    { v.held.Add(1) }
func (v *version) Release() { v.held.Add(-1) }
func (v *version) Do(context.Context, *Call) (*Result, error) {
	if v.closed.Load() {
		v.mixed.Add(1)
	}
	return &Result{Raw: json.RawMessage(`{"content":[]}`)}, nil
}

// catalogOf offers the tool of the version that is in force.
type catalogOf struct {
	*rooms
	tool *Tool
}

func (o *catalogOf) Find(Kind, string, string) (*Tool, error) { return o.tool, nil }

// policyOf counts by the revision that the call was looked up with.
type policyOf struct {
	quietRooms
	revision string
}

func (p *policyOf) Revision() string { return p.revision }
func (p *policyOf) CountRequest(_ context.Context, c *Call) (Tally, error) {
	return Tally{Revision: c.Tally.Revision}, nil
}

// Calls that begin before, during and after changes meet one configuration each, and
// no upstream goes while a call holds it. Run with the race detector.
func TestCallsMeetOneConfiguration(t *testing.T) {
	var mixed atomic.Int64
	base := newRooms()
	make := func(n int) (*version, *Tool) {
		v := &version{rooms: base, label: fmt.Sprint(n), mixed: &mixed}
		return v, &Tool{Kind: KindTool, Server: "s", Name: "t", Wire: "s__t", Labels: []string{v.label}, Upstream: v}
	}
	v, tool := make(0)
	catalog := &catalogOf{base, tool}
	quiet := quietRooms{base}
	policy := &policyOf{quiet, v.label}
	road := &Road{Vault: base, Auth: base, State: quiet, Catalog: catalog, Guard: v, Policy: policy, Shapes: base.road().Shapes, Approvals: base, Recorder: quiet}
	var calls sync.WaitGroup
	for range 4 {
		calls.Go(func() {
			for range 500 {
				c := NewCall(SurfaceREST, KindTool, "tools/call")
				c.Agent, c.Name = &Agent{ID: "a"}, "s__t"
				if _, refusal := road.Do(t.Context(), c); refusal != nil {
					t.Error(refusal)
				}
			}
		})
	}
	for n := range 200 {
		next, tool := make(n + 1)
		road.Change(func() { road.Guard, catalog.tool, policy.revision = next, tool, next.label })
		if v.held.Load() == 0 {
			v.closed.Store(true) // nobody holds it, and nobody finds it any more
		}
		v = next
	}
	calls.Wait()
	if n := mixed.Load(); n > 0 {
		t.Errorf("%d times a call met two configurations, or an upstream that was gone", n)
	}
	if n := v.held.Load(); n != 0 {
		t.Errorf("%d calls hold an upstream after all have ended", n)
	}
}

// quietRooms is rooms without a memory, for calls at once.
type quietRooms struct{ *rooms }

func (q quietRooms) Begin(ctx context.Context, _ *Call) (context.Context, Reservation, error) {
	return ctx, q, nil
}
func (quietRooms) Finish(context.Context, *Call) error           { return nil }
func (quietRooms) Count(context.Context, *Call) error            { return nil }
func (quietRooms) Again(context.Context, *Call) error            { return nil }
func (quietRooms) Label(context.Context, []string, string) error { return nil }
func (quietRooms) Revision() string                              { return "" }

func (quietRooms) CountRequest(context.Context, *Call) (Tally, error) { return Tally{}, nil }
func (quietRooms) CountResult(context.Context, *Call) (Tally, error)  { return Tally{}, nil }
func (quietRooms) Record(context.Context, Phase, *Call) error         { return nil }
func (quietRooms) DecideRequest(context.Context, *Call) (Decision, error) {
	return Decision{Effect: EffectAllow}, nil
}
func (quietRooms) DecideResult(context.Context, *Call) (Decision, error) {
	return Decision{Effect: EffectAllow}, nil
}

// What guard found at the beginning is what it is asked about at the end, and a call
// that waited for a person is judged anew by what is in force then.
func TestGuardOfACallChangesOnlyWhileAPersonIsAsked(t *testing.T) {
	for name, tt := range map[string]struct {
		effect Effect
		old    int // times that the first guard is asked
	}{
		"no person":      {EffectAllow, 2},
		"after a person": {EffectApprove, 1},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRooms()
			r.decision = Decision{Effect: tt.effect}
			first, second := &counting{}, &counting{}
			road := r.road()
			road.Guard = first
			change := func() { road.Change(func() { road.Guard = second }) }
			r.meanwhile = change
			if tt.effect == EffectAllow {
				first.then = change
			}
			c := NewCall(SurfaceREST, KindTool, "tools/call")
			c.Agent, c.Name = &Agent{ID: "a"}, "s__t"
			if _, refusal := road.Do(t.Context(), c); refusal != nil {
				t.Fatal(refusal)
			}
			if first.asked != tt.old || first.asked+second.asked < 2 {
				t.Errorf("the first guard was asked %d times, want %d; the second %d", first.asked, tt.old, second.asked)
			}
		})
	}
}

type counting struct {
	asked int
	then  func()
}

func (g *counting) Request(context.Context, *Call) (Report, error) {
	g.asked++
	if g.then != nil {
		g.then()
	}
	return Report{}, nil
}

func (g *counting) Result(context.Context, *Call) (Report, error) {
	g.asked++
	return Report{}, nil
}
