package state

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"toolward/gateway"
)

func give(t *testing.T, r *Room) gateway.Grant {
	t.Helper()
	g, err := r.Give(t.Context(), gateway.Grant{ID: "ABCDEFGHIJKL", Agent: "ann", Client: "c", Ends: time.Now().Add(180 * 24 * time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// What a refresh token gets, by its turn, when the grant is at its third.
func TestRefreshTokensByTurn(t *testing.T) {
	for name, tt := range map[string]struct {
		turn  int
		after time.Duration
		want  int // turn of the token that is answered
		err   error
		ends  bool
	}{
		"the last":                          {turn: 3, want: 4},
		"the last, after a long time":       {turn: 3, after: 29 * 24 * time.Hour, want: 4},
		"the one before, at once":           {turn: 2, want: 3},
		"the one before, within the grace":  {turn: 2, after: 59 * time.Second, want: 3},
		"the one before, after the grace":   {turn: 2, after: time.Minute, err: gateway.ErrReplayed, ends: true},
		"an older one, at once":             {turn: 1, err: gateway.ErrReplayed, ends: true},
		"the first that there never was":    {turn: 0, err: gateway.ErrReplayed, ends: true},
		"one that was not given out yet":    {turn: 4, err: gateway.ErrNoGrant},
		"the last, after 30 days of nobody": {turn: 3, after: gateway.GrantIdle, err: gateway.ErrNoGrant, ends: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, _ := newRoom(t)
				id := give(t, r).ID
				for turn := 1; turn < 3; turn++ {
					if g, err := r.Refresh(t.Context(), id, turn, "jti"); err != nil || g.Turn != turn+1 {
						t.Fatal(g, err)
					}
				}
				time.Sleep(tt.after)
				g, err := r.Refresh(t.Context(), id, tt.turn, "jti")
				if !errors.Is(err, tt.err) || err == nil && g.Turn != tt.want {
					t.Errorf("turn %d, %v; want %d, %v", g.Turn, err, tt.want, tt.err)
				}
				if r.Holds(&gateway.Agent{Grant: id}) == tt.ends {
					t.Errorf("the grant holds: %v, want %v", !tt.ends, tt.ends)
				}
			})
		})
	}
}

// The grace does not move on: whoever has only the token before the last gets nothing
// new by asking again and again.
func TestTheGraceEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := newRoom(t)
		id := give(t, r).ID
		if _, err := r.Refresh(t.Context(), id, 1, "jti"); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			time.Sleep(25 * time.Second)
			if _, err := r.Refresh(t.Context(), id, 1, "jti"); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(25 * time.Second)
		if _, err := r.Refresh(t.Context(), id, 1, "jti"); !errors.Is(err, gateway.ErrReplayed) {
			t.Errorf("%v", err)
		}
	})
}

// However often a grant is used, it ends.
func TestGrantsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := newRoom(t)
		began := time.Now()
		id := give(t, r).ID
		for turn := 1; ; turn++ {
			time.Sleep(24 * time.Hour)
			if _, err := r.Refresh(t.Context(), id, turn, "jti"); err != nil {
				break
			}
		}
		if lasted := time.Since(began); lasted != 180*24*time.Hour || len(r.Held().Grants) != 0 {
			t.Errorf("it lasted %s", lasted)
		}
	})
}

// Of many that use one token at once, all get the same next one.
func TestRefreshRace(t *testing.T) {
	r, _ := newRoom(t)
	id := give(t, r).ID
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if g, err := r.Refresh(t.Context(), id, 1, "jti"); err != nil || g.Turn != 2 {
				t.Errorf("turn %d, %v", g.Turn, err)
			}
		})
	}
	wg.Wait()
}

// What is folded from the record, and what comes from a snapshot, is what was.
func TestGrantsOutliveTheProcess(t *testing.T) {
	r, rec := newRoom(t)
	id := give(t, r).ID
	if _, err := r.Refresh(t.Context(), id, 1, "jti"); err != nil {
		t.Fatal(err)
	}
	text, err := r.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	restored, _ := newRoom(t)
	if err := restored.Restore(text); err != nil {
		t.Fatal(err)
	}
	folded, _ := newRoom(t)
	for _, e := range rec.Events() {
		if err := folded.Fold(e); err != nil {
			t.Fatal(err)
		}
	}
	for name, room := range map[string]*Room{"folded": folded, "restored": restored} {
		if g, err := room.FindGrant(id); err != nil || g.Turn != 2 || g.Agent != "ann" {
			t.Errorf("%s: %+v, %v", name, g, err)
		}
	}
	if err := r.RevokeGrant(t.Context(), id, gateway.Operator{}, "x"); err != nil {
		t.Fatal(err)
	}
	if err := folded.Fold(rec.Events()[2]); err != nil || folded.Holds(&gateway.Agent{Grant: id}) {
		t.Errorf("a revocation that is folded: %v, holds %v", err, folded.Holds(&gateway.Agent{Grant: id}))
	}
}
