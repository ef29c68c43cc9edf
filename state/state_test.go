package state

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"toolward/gateway"
	"toolward/state/limit"
	"toolward/state/statetest"
)

// record is a record and the room that is kept in step with it.
type record struct {
	statetest.Record
	room *Room
}

// newRoom returns a room and its record.
func newRoom(t testing.TB, change ...func(*Options)) (*Room, *record) {
	t.Helper()
	rec := &record{}
	opts := Options{Journal: rec}
	for _, c := range change {
		c(&opts)
	}
	r, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	rec.room, rec.Fold = r, r.Fold
	return r, rec
}

// again is a room that is made of the record, from the snapshot if there is one.
func (r *record) again(t testing.TB, snapshot json.RawMessage, after int) *Room {
	t.Helper()
	room, _ := newRoom(t)
	if err := room.Restore(snapshot); err != nil {
		t.Fatal(err)
	}
	for _, e := range r.Events()[after:] {
		if err := room.Fold(e); err != nil {
			t.Fatal(err)
		}
	}
	return room
}

func agent(id string) *gateway.Agent { return &gateway.Agent{Issuer: "https://id.test", ID: id} }

func newCall(a *gateway.Agent, tool string) *gateway.Call {
	c := gateway.NewCall(gateway.SurfaceREST, gateway.KindTool, "tools/call")
	c.Agent, c.Name = a, tool
	c.Tool = &gateway.Tool{Kind: gateway.KindTool, Wire: tool, Server: "s"}
	return c
}

// call is one that goes all the way, and what was known when it began.
func call(t testing.TB, rec *record, a *gateway.Agent, tool string, labels ...string) gateway.Session {
	t.Helper()
	c := newCall(a, tool)
	_, held, err := rec.room.Begin(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	attempt(t, rec, c)
	outcome(t, rec, c, labels...)
	if err := held.Finish(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return c.Session
}

func attempt(t testing.TB, rec *record, c *gateway.Call) {
	t.Helper()
	if err := rec.Add(gateway.Entry{Type: "call.attempt", Time: time.Now(), Call: c.ID, Agent: c.Agent.ID, Issuer: c.Agent.Issuer, Session: c.Session.ID, Kind: c.Kind, Tool: c.ToolName(), Effect: gateway.EffectAllow}); err != nil {
		t.Fatal(err)
	}
}

func outcome(t testing.TB, rec *record, c *gateway.Call, labels ...string) {
	t.Helper()
	if err := rec.Add(gateway.Entry{Type: "call.outcome", Time: time.Now(), Call: c.ID, Session: c.Session.ID, Labels: labels}); err != nil {
		t.Fatal(err)
	}
}

// begin is what a call that goes no further is told.
func begin(t testing.TB, r *Room, a *gateway.Agent) gateway.Session {
	t.Helper()
	c := newCall(a, "s__t")
	_, held, err := r.Begin(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if err := held.Finish(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return c.Session
}

func code(t testing.TB, err error) gateway.Code {
	t.Helper()
	var r *gateway.Refusal
	if !errors.As(err, &r) {
		t.Fatalf("got %v, want a refusal", err)
	}
	return r.Code
}

func TestCallsAndLabelsAccumulate(t *testing.T) {
	r, rec := newRoom(t)
	ann := agent("ann")
	call(t, rec, ann, "files__read", "private")
	before := begin(t, r, ann)
	call(t, rec, ann, "web__get", "untrusted", "external")
	call(t, rec, ann, "web__get", "private")

	got := begin(t, r, ann)
	want := gateway.Session{
		ID: before.ID, Calls: 3, Labels: []string{"external", "private", "untrusted"},
		Recent: []gateway.Recent{{Tool: "files__read", Effect: "allow"}, {Tool: "web__get", Effect: "allow"}, {Tool: "web__get", Effect: "allow"}},
	}
	got.Since = nil // see TestWhatBroughtALabelIsKept
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("session (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"private"}, before.Labels); diff != "" || len(before.Recent) != 1 {
		t.Errorf("an earlier answer changed: %+v", before)
	}
	if other := begin(t, r, agent("bob")); other.Calls != 0 || other.Labels != nil || other.ID == got.ID {
		t.Errorf("bob sees %+v", other)
	}
}

// Of many calls at once, each is told of those before it, so a rule that allows
// three lets three through.
func TestAttackParallelCallsUnderACount(t *testing.T) {
	r, rec := newRoom(t)
	const all, most = 1000, 3
	var wg sync.WaitGroup
	var mu sync.Mutex
	through := 0
	for range all {
		wg.Go(func() {
			c := newCall(agent("ann"), "s__t")
			_, held, err := r.Begin(t.Context(), c)
			if err != nil {
				t.Error(err)
				return
			}
			if c.Session.Calls < most {
				attempt(t, rec, c)
				mu.Lock()
				through++
				mu.Unlock()
			}
			if err := held.Finish(t.Context(), c); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if through > most || through == 0 {
		t.Errorf("%d of %d calls got through, want %d", through, all, most)
	}
	if got := begin(t, r, agent("ann")); got.Calls != through {
		t.Errorf("%d calls are counted, %d were made", got.Calls, through)
	}
}

// A call that was attempted counts, whatever became of it; one that was not, does
// not.
func TestWhatCounts(t *testing.T) {
	r, rec := newRoom(t)
	ann := agent("ann")
	timedOut := newCall(ann, "s__t")
	_, held, err := r.Begin(t.Context(), timedOut)
	if err != nil {
		t.Fatal(err)
	}
	attempt(t, rec, timedOut)
	if got := begin(t, r, ann).Calls; got != 1 {
		t.Errorf("while it is under way %d calls are counted, want 1", got)
	}
	if err := held.Finish(t.Context(), timedOut); err != nil {
		t.Fatal(err)
	}
	if got := begin(t, r, ann).Calls; got != 1 {
		t.Errorf("after it timed out %d calls are counted, want 1", got)
	}
	for range 5 {
		begin(t, r, ann) // refused later on
	}
	if got := begin(t, r, ann).Calls; got != 1 {
		t.Errorf("calls that were refused are counted: %d, want 1", got)
	}
}

// A new token, a new connection or another surface is the same agent.
func TestAttackReconnectingShedsNoLabels(t *testing.T) {
	r, rec := newRoom(t)
	call(t, rec, agent("ann"), "files__read", "private")
	again := agent("ann")
	again.Scopes, again.Expires = []string{"other"}, time.Now()
	if got := begin(t, r, again).Labels; !slices.Equal(got, []string{"private"}) {
		t.Errorf("labels after reconnecting: %v", got)
	}
}

func TestTokenSessionsAreApart(t *testing.T) {
	r, rec := newRoom(t)
	one, two := agent("ann"), agent("ann")
	one.Session, two.Session = "1", "2"
	call(t, rec, one, "files__read", "private")
	if got := begin(t, r, two); got.Labels != nil || got.Calls != 0 {
		t.Errorf("the other session sees %+v", got)
	}
}

func TestIdleSessionsExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, rec := newRoom(t, func(o *Options) { o.Idle = time.Minute })
		ann := agent("ann")
		call(t, rec, ann, "files__read", "private")
		time.Sleep(50 * time.Second)
		begin(t, r, ann) // refused calls are activity too
		time.Sleep(50 * time.Second)
		if got := begin(t, r, ann); got.Calls != 1 || len(got.Labels) != 1 {
			t.Errorf("forgotten too early: %+v", got)
		}
		time.Sleep(61 * time.Second)
		if got := begin(t, r, ann); got.Calls != 0 || got.Labels != nil {
			t.Errorf("not forgotten: %+v", got)
		}
	})
}

// A session with a call under way is not idle, however long it takes.
func TestSessionOfALongCallIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, rec := newRoom(t, func(o *Options) { o.Idle = time.Minute })
		ann := agent("ann")
		call(t, rec, ann, "files__read", "private")
		c := newCall(ann, "s__t")
		_, held, err := r.Begin(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		call(t, rec, agent("bob"), "s__t") // looks for what is idle
		if got := begin(t, r, ann).Labels; !slices.Equal(got, []string{"private"}) {
			t.Errorf("labels during a long call: %v", got)
		}
		if err := held.Finish(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	})
}

// Sessions that an agent makes push out no labels: what has to go is held against
// newcomers.
func TestAttackManySessionsShedNoLabels(t *testing.T) {
	r, rec := newRoom(t, func(o *Options) { o.Max = shards })
	mallory := agent("mallory")
	call(t, rec, mallory, "crm__get", "private")
	for i := range 50 * shards {
		a := agent("mallory")
		a.Session = string(rune('a'+i%26)) + time.Duration(i).String()
		call(t, rec, a, "web__get", "untrusted")
	}
	if got := begin(t, r, mallory).Labels; !slices.Contains(got, "private") {
		t.Errorf("labels were shed: %v", got)
	}
}

func TestAttackUnboundedLabels(t *testing.T) {
	r, rec := newRoom(t)
	for i := range 10 * MaxLabels {
		call(t, rec, agent("ann"), "s__t", time.Duration(i).String())
	}
	got := begin(t, r, agent("ann")).Labels
	if len(got) != MaxLabels+1 || !slices.Contains(got, Overflow) {
		t.Errorf("%d labels, %v", len(got), slices.Contains(got, Overflow))
	}
}

// What is told before a call is over is on record before it is told.
func TestLabelsOfWhatWasSaid(t *testing.T) {
	r, rec := newRoom(t)
	c := newCall(agent("ann"), "s__t")
	_, held, err := r.Begin(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		if err := held.Label(t.Context(), []string{"untrusted"}, ""); err != nil {
			t.Fatal(err)
		}
	}
	if len(rec.Events()) != 1 {
		t.Errorf("%d events, want one for the news", len(rec.Events()))
	}
	if got := begin(t, rec.again(t, nil, 0), agent("ann")).Labels; !slices.Equal(got, []string{"untrusted"}) {
		t.Errorf("after a kill: %v", got)
	}
	rec.Fail(errors.New("disk full"))
	if err := held.Label(t.Context(), []string{"private"}, ""); err == nil {
		t.Error("labels that are not on record were taken")
	}
	if got := begin(t, r, agent("ann")).Labels; !slices.Equal(got, []string{"untrusted"}) {
		t.Errorf("labels that are not on record are there: %v", got)
	}
}

// Each block stops what it names and nothing else.
func TestBlocks(t *testing.T) {
	holder := func() *gateway.Agent {
		a := agent("ann")
		a.Session, a.Claims = "sid-1", map[string]any{"jti": "token-1"}
		return a
	}
	sessionID := func() string { return begin(t, first(newRoom(t)), holder()).ID }()
	for _, tt := range []struct {
		block  gateway.Block
		other  func(*gateway.Call) // a call that is not stopped
		admits bool                // whether lists and the like are answered
	}{
		{gateway.Block{Kind: gateway.BlockAll}, nil, false},
		{gateway.Block{Kind: gateway.BlockAgent, Name: "ann"}, func(c *gateway.Call) { c.Agent = agent("bob") }, false},
		{gateway.Block{Kind: gateway.BlockAgent, Name: "ann", Issuer: "https://id.test"}, func(c *gateway.Call) { c.Agent = &gateway.Agent{Issuer: "https://other.test", ID: "ann"} }, false},
		{gateway.Block{Kind: gateway.BlockToken, Name: "token-1"}, func(c *gateway.Call) { c.Agent.Claims = map[string]any{"jti": "token-2"} }, false},
		{gateway.Block{Kind: gateway.BlockSession, Name: "sid-1"}, func(c *gateway.Call) { c.Agent.Session = "sid-2" }, false},
		{gateway.Block{Kind: gateway.BlockSession, Name: sessionID}, func(c *gateway.Call) { c.Agent.Session = "sid-2" }, false},
		{gateway.Block{Kind: gateway.BlockTool, Name: "s__t"}, func(c *gateway.Call) { c.Tool = &gateway.Tool{Wire: "s__u", Server: "s"} }, true},
		{gateway.Block{Kind: gateway.BlockServer, Name: "s"}, func(c *gateway.Call) { c.Tool = &gateway.Tool{Wire: "r__t", Server: "r"} }, true},
	} {
		t.Run(string(tt.block.Kind)+" "+tt.block.Name, func(t *testing.T) {
			r, rec := newRoom(t)
			under := newCall(holder(), "s__t")
			ctx, held, err := r.Begin(t.Context(), under)
			if err != nil {
				t.Fatal(err)
			}
			tt.block.Reason = "it leaks"
			b, err := r.Block(t.Context(), tt.block)
			if err != nil {
				t.Fatal(err)
			}
			<-ctx.Done()
			if got := code(t, context.Cause(ctx)); got != gateway.Blocked {
				t.Errorf("the call under way ends with %s", got)
			}
			if got := code(t, held.Again(t.Context(), under)); got != gateway.Blocked {
				t.Errorf("asked again: %s", got)
			}
			if err := held.Finish(t.Context(), under); err != nil {
				t.Fatal(err)
			}
			stops := func(r *Room, c *gateway.Call) bool {
				_, held, err := r.Begin(t.Context(), c)
				if err == nil {
					_ = held.Finish(t.Context(), c)
					return false
				}
				return code(t, err) == gateway.Blocked
			}
			if !stops(r, newCall(holder(), "s__t")) {
				t.Error("the next call passes")
			}
			if !stops(rec.again(t, nil, 0), newCall(holder(), "s__t")) {
				t.Error("after a restart it passes")
			}
			if tt.other != nil {
				other := newCall(holder(), "s__t")
				tt.other(other)
				if stops(r, other) {
					t.Error("another call is stopped")
				}
			}
			if admitted := r.Admit(holder(), "") == nil; admitted != tt.admits {
				t.Errorf("admitted: %v", admitted)
			}
			if admitted := r.AdmitPerson(holder()) == nil; admitted != (tt.admits || tt.block.Kind == gateway.BlockAll) {
				t.Errorf("admitted as a person: %v", admitted)
			}
			if got := r.Offer(holder(), []*gateway.Tool{under.Tool}); len(got) != 0 {
				t.Error("it is still offered")
			}
			if err := r.Lift(t.Context(), b.ID, gateway.Operator{Issuer: gateway.LocalOperators, Subject: "rita"}, "fixed"); err != nil {
				t.Fatal(err)
			}
			if stops(r, newCall(holder(), "s__t")) || stops(rec.again(t, nil, 0), newCall(holder(), "s__t")) {
				t.Error("a block that was lifted stops")
			}
			if err := r.Lift(t.Context(), b.ID, gateway.Operator{}, ""); !errors.Is(err, gateway.ErrNoBlock) {
				t.Errorf("lifted twice: %v", err)
			}
		})
	}
}

func first[A, B any](a A, _ B) A { return a }

func TestBlocksEndByThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := newRoom(t)
		if _, err := r.Block(t.Context(), gateway.Block{Kind: gateway.BlockAll, Reason: "lunch", Until: time.Now().Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
		if r.Admit(agent("ann"), "") == nil {
			t.Error("not blocked")
		}
		time.Sleep(time.Hour)
		if err := r.Admit(agent("ann"), ""); err != nil || len(r.Blocks()) != 0 {
			t.Errorf("still blocked: %v, %v", err, r.Blocks())
		}
	})
}

func TestBlocksThatMakeNoSense(t *testing.T) {
	r, rec := newRoom(t)
	for _, b := range []gateway.Block{
		{Kind: "agnt", Name: "ann", Reason: "x"}, {Kind: gateway.BlockAgent, Reason: "x"}, {Kind: gateway.BlockAll, Name: "ann", Reason: "x"},
		{Kind: gateway.BlockAll}, {Kind: gateway.BlockAll, Reason: "x", Until: time.Now().Add(-time.Second)},
	} {
		if _, err := r.Block(t.Context(), b); !errors.Is(err, gateway.ErrBadBlock) {
			t.Errorf("%+v: %v", b, err)
		}
	}
	if len(rec.Events()) != 0 {
		t.Errorf("%d events", len(rec.Events()))
	}
}

func TestRefusedByBucketsTakesNothing(t *testing.T) {
	r, _ := newRoom(t, func(o *Options) {
		o.Limits = limit.Options{Default: limit.Rate{PerSecond: 0.001, Burst: 2}, Concurrency: 1}
	})
	c := newCall(agent("ann"), "s__t")
	_, held, err := r.Begin(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	second := newCall(agent("ann"), "s__t")
	if _, _, err := r.Begin(t.Context(), second); code(t, err) != gateway.RateLimited || second.Session.ID != c.Session.ID {
		t.Errorf("%v, session %q", err, second.Session.ID)
	}
	if err := held.Finish(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if got := begin(t, r, agent("ann")); got.Calls != 0 {
		t.Errorf("a refused call is counted: %+v", got)
	}
}

// What a room came to, one that is made of its record comes to, from the
// beginning or from a snapshot.
func TestRestartComesToTheSame(t *testing.T) {
	r, rec := newRoom(t)
	by := gateway.Operator{Issuer: gateway.LocalOperators, Subject: "rita"}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range 40 {
		call(t, rec, agent(string(rune('a'+i%7))), "s__t", string(rune('k'+i%5)))
	}
	approval := gateway.Approval{ID: "1", Binding: "b", Agent: "a", Created: time.Now(), Expires: time.Now().Add(time.Hour)}
	_, err := r.Ask(t.Context(), approval, 9)
	must(err)
	_, err = r.Decide(t.Context(), "1", gateway.ApprovalGiven, by, "go on")
	must(err)
	must(r.PutPins(t.Context(), gateway.Pin{Server: "s", Kind: gateway.KindTool, Name: "t", Fingerprint: "1", Definition: []byte(`{}`)}))
	snapshot, err := r.Snapshot()
	must(err)
	at := len(rec.Events())
	_, err = r.Block(t.Context(), gateway.Block{Kind: gateway.BlockTool, Name: "s__x", Reason: "no", By: by})
	must(err)
	_, err = r.Clear(t.Context(), begin(t, r, agent("b")).ID, nil, by, "a false alarm")
	must(err)
	used, err := r.Use(t.Context(), "1", "the call")
	must(err)
	must(r.PutPins(t.Context(), gateway.Pin{Server: "s", Kind: gateway.KindTool, Name: "t", Fingerprint: "2", Definition: []byte(`{"v":2}`)}))
	call(t, rec, agent("a"), "s__u", "late")
	if !used {
		t.Error("an approved call could not be used")
	}

	want := look(t, r)
	for name, room := range map[string]*Room{"from the beginning": rec.again(t, nil, 0), "from the snapshot": rec.again(t, snapshot, at)} {
		if diff := cmp.Diff(want, look(t, room)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// look is all of a room that people can see.
func look(t testing.TB, r *Room) map[string]any {
	t.Helper()
	approvals, err := r.Approvals(t.Context(), "", 100)
	if err != nil {
		t.Fatal(err)
	}
	pins, err := r.Pins(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]any{"sessions": r.Sessions(), "approvals": approvals, "pins": pins, "blocks": r.Blocks()}
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	var plain map[string]any
	if err := json.Unmarshal(text, &plain); err != nil {
		t.Fatal(err)
	}
	return plain
}

// Of two who decide at once, one is the first; a consent is used once, and not
// after it is over.
func TestApprovals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, rec := newRoom(t)
		by := gateway.Operator{Issuer: gateway.LocalOperators, Subject: "rita"}
		ask := func(id string) gateway.Approval {
			t.Helper()
			a, err := r.Ask(t.Context(), gateway.Approval{ID: id, Binding: id, Agent: "ann", Created: time.Now(), Expires: time.Now().Add(time.Hour)}, 3)
			if err != nil {
				t.Fatal(err)
			}
			return a
		}
		ask("1")
		won := make(chan error, 100)
		for i := range 100 {
			go func() {
				_, err := r.Decide(t.Context(), "1", []gateway.ApprovalState{gateway.ApprovalGiven, gateway.ApprovalRefused}[i%2], by, "")
				won <- err
			}()
		}
		n := 0
		for range 100 {
			if err := <-won; err == nil {
				n++
			} else if !errors.Is(err, gateway.ErrDecided) {
				t.Error(err)
			}
		}
		if n != 1 {
			t.Errorf("%d decided", n)
		}
		ask("2")
		if _, err := r.Decide(t.Context(), "2", gateway.ApprovalGiven, by, ""); err != nil {
			t.Fatal(err)
		}
		uses := make(chan bool, 100)
		for range 100 {
			go func() {
				ok, err := r.Use(t.Context(), "2", "call")
				if err != nil {
					t.Error(err)
				}
				uses <- ok
			}()
		}
		n = 0
		for range 100 {
			if <-uses {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%d used one consent", n)
		}
		ask("3")
		rec.Fail(errors.New("disk full"))
		if a, err := r.Decide(t.Context(), "3", gateway.ApprovalGiven, by, ""); err == nil || a.State != gateway.ApprovalOpen {
			t.Errorf("a decision that is not on record: %v, %s", err, a.State)
		}
		if ok, err := r.Use(t.Context(), "3", "call"); ok || err != nil {
			t.Errorf("it was used: %v, %v", ok, err)
		}
		rec.Fail(nil)
		time.Sleep(2 * time.Hour)
		if _, err := r.Decide(t.Context(), "3", gateway.ApprovalGiven, by, ""); !errors.Is(err, gateway.ErrDecided) {
			t.Errorf("decided after it expired: %v", err)
		}
		if again := ask("3b"); again.ID != "3b" {
			t.Errorf("an approval that is over was found: %+v", again)
		}
		for _, id := range []string{"4", "5"} {
			ask(id)
		}
		if _, err := r.Ask(t.Context(), gateway.Approval{ID: "6", Binding: "6", Agent: "ann", Created: time.Now(), Expires: time.Now().Add(time.Hour)}, 3); !errors.Is(err, gateway.ErrManyApprovals) {
			t.Errorf("a fourth: %v", err)
		}
	})
}

// An event that cannot follow from those before it counts for nothing.
func TestEventsThatMakeNoSenseCountForNothing(t *testing.T) {
	r, _ := newRoom(t)
	before := look(t, r)
	for _, e := range []gateway.Entry{
		{Type: EventApproved, Body: []byte(`{"id":"nobody asked"}`)},
		{Type: EventAsked, Body: []byte(`{"binding":"no ID"}`)},
		{Type: EventBlocked, Body: []byte(`[]`)},
		{Type: EventBlocked, Body: []byte(`{"kind":"all","reason":"no ID"}`)},
		{Type: EventPinned, Body: nil},
		{Type: EventLabelled, Body: []byte(`"x"`)},
	} {
		if err := r.Fold(e); err == nil {
			t.Errorf("%s %s is taken", e.Type, e.Body)
		}
	}
	if diff := cmp.Diff(before, look(t, r)); diff != "" {
		t.Error(diff)
	}
}

func BenchmarkBegin(b *testing.B) {
	r, rec := newRoom(b)
	call(b, rec, agent("ann"), "s__t", "private")
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		a := agent("ann")
		for p.Next() {
			c := newCall(a, "s__t")
			_, held, err := r.Begin(b.Context(), c)
			if err != nil {
				b.Error(err)
				return
			}
			_ = held.Finish(b.Context(), c)
		}
	})
}
