package session

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"toolward/gateway"
)

func agent(id string) *gateway.Agent { return &gateway.Agent{Issuer: "https://id.test", ID: id} }

func note(s *Sessions, a *gateway.Agent, tool string, labels ...string) {
	c := gateway.NewCall(gateway.SurfaceREST, gateway.KindTool, "tools/call")
	c.Agent, c.Name = a, tool
	c.Decision.Effect = gateway.EffectAllow
	c.Result = &gateway.Result{Labels: labels}
	s.Note(c)
}

func TestLabelsAccumulate(t *testing.T) {
	s := New(Options{})
	ann := agent("ann")
	note(s, ann, "files__read", "private")
	before := s.Snapshot(ann)
	note(s, ann, "web__get", "untrusted", "external")
	note(s, ann, "web__get", "private")

	got := s.Snapshot(ann)
	want := gateway.Session{
		ID: before.ID, Calls: 3, Labels: []string{"external", "private", "untrusted"},
		Recent: []gateway.Recent{{Tool: "files__read", Effect: "allow"}, {Tool: "web__get", Effect: "allow"}, {Tool: "web__get", Effect: "allow"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("session (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"private"}, before.Labels); diff != "" || len(before.Recent) != 1 {
		t.Errorf("an earlier snapshot changed: %+v", before)
	}
	if other := s.Snapshot(agent("bob")); other.Calls != 0 || other.Labels != nil || other.ID == got.ID {
		t.Errorf("bob sees %+v", other)
	}
}

// A new token, a new connection or another surface is the same agent.
func TestAttackReconnectingShedsNoLabels(t *testing.T) {
	s := New(Options{})
	note(s, agent("ann"), "files__read", "private")
	again := agent("ann")
	again.Scopes, again.Expires = []string{"other"}, time.Now()
	if got := s.Snapshot(again).Labels; !slices.Equal(got, []string{"private"}) {
		t.Errorf("labels after reconnecting: %v", got)
	}
}

func TestTokenSessionsAreApart(t *testing.T) {
	s := New(Options{})
	one, two := agent("ann"), agent("ann")
	one.Session, two.Session = "s1", "s2"
	note(s, one, "files__read", "private")
	if got := s.Snapshot(two); got.Labels != nil || got.ID == s.Snapshot(one).ID {
		t.Errorf("another session of the token's issuer: %+v", got)
	}
}

func TestIdleSessionsExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{Idle: time.Hour})
		note(s, agent("ann"), "files__read", "private")
		for range 3 { // refused calls keep a session alive
			time.Sleep(59 * time.Minute)
			if got := s.Snapshot(agent("ann")).Labels; len(got) != 1 {
				t.Fatalf("labels of an active session: %v", got)
			}
		}
		time.Sleep(time.Hour)
		if got := s.Snapshot(agent("ann")); got.Labels != nil || got.Calls != 0 {
			t.Errorf("after an idle hour: %+v", got)
		}
	})
}

// Whoever fills the table must not get rid of labels by it.
func TestAttackManySessionsShedNoLabels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Options{Idle: time.Hour, Max: 64})
		note(s, agent("eve"), "files__read", "private")
		for i := range 5000 {
			note(s, agent(fmt.Sprint("plain-", i)), "x__y")
			note(s, agent(fmt.Sprint("tainted-", i)), "x__y", "untrusted")
		}
		if got := s.Snapshot(agent("eve")).Labels; !slices.Contains(got, "private") {
			t.Errorf("eve's labels after the flood: %v", got)
		}
		held := 0
		for i := range s.shards {
			held += len(s.shards[i].sessions)
		}
		if held > 64 {
			t.Errorf("%d sessions held, want at most 64", held)
		}
		time.Sleep(time.Hour)
		if got := s.Snapshot(agent("newcomer")).Labels; got != nil {
			t.Errorf("an idle hour later a newcomer holds %v", got)
		}
	})
}

func TestAttackUnboundedLabels(t *testing.T) {
	s := New(Options{})
	for i := range 1000 {
		note(s, agent("ann"), "x__y", fmt.Sprint("label-", i))
	}
	got := s.Snapshot(agent("ann")).Labels
	if len(got) > MaxLabels+1 || !slices.Contains(got, Overflow) || !slices.IsSorted(got) {
		t.Errorf("%d labels: %v", len(got), got)
	}
}

// TestAgreesWithModel compares with a plain list of what happened.
func TestAgreesWithModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := New(Options{})
		model := map[string]*gateway.Session{}
		t.Repeat(map[string]func(*rapid.T){
			"note": func(t *rapid.T) {
				id := rapid.SampledFrom([]string{"ann", "bob", "eve"}).Draw(t, "agent")
				labels := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "d"}), 0, 3).Draw(t, "labels")
				tool := rapid.StringN(1, 4, -1).Draw(t, "tool")
				note(s, agent(id), tool, labels...)
				m := model[id]
				if m == nil {
					m = &gateway.Session{}
					model[id] = m
				}
				m.Calls++
				m.Labels = append(m.Labels, labels...)
				m.Recent = append(m.Recent, gateway.Recent{Tool: tool, Effect: gateway.EffectAllow})
			},
			"": func(t *rapid.T) {
				for id, m := range model {
					got := s.Snapshot(agent(id))
					labels := slices.Compact(slices.Sorted(slices.Values(m.Labels)))
					recent := m.Recent[max(0, len(m.Recent)-16):]
					if got.Calls != m.Calls || !slices.Equal(got.Labels, labels) || !slices.Equal(got.Recent, recent) {
						t.Fatalf("%s: got %+v, want calls %d, labels %v, recent %v", id, got, m.Calls, labels, recent)
					}
				}
			},
		})
	})
}

func TestConcurrentUse(t *testing.T) {
	s := New(Options{Max: 32})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 500 {
				a := agent(fmt.Sprint((i + j) % 50))
				note(s, a, "x__y", fmt.Sprint("l", j%5))
				if snap := s.Snapshot(a); !slices.IsSorted(snap.Labels) || len(snap.Recent) > 16 {
					t.Errorf("snapshot %+v", snap)
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkSnapshotAndNote(b *testing.B) {
	s := New(Options{})
	c := gateway.NewCall(gateway.SurfaceREST, gateway.KindTool, "tools/call")
	c.Agent, c.Tool = agent("ann"), &gateway.Tool{Wire: "files__read"}
	c.Result = &gateway.Result{Labels: []string{"private"}}
	b.ReportAllocs()
	for b.Loop() {
		s.Snapshot(c.Agent)
		s.Note(c)
	}
}
