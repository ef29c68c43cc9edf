package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"toolward/gateway"
)

// ended are the approvals that the record says ran out, as "id was", in its order.
func ended(t *testing.T, rec *record) (all []string) {
	t.Helper()
	for _, e := range rec.Events() {
		if e.Type != EventExpired {
			continue
		}
		var b decided
		if err := json.Unmarshal(e.Body, &b); err != nil {
			t.Fatal(err)
		}
		all = append(all, b.ID+" "+b.Was)
	}
	return all
}

// expiring runs [Room.Expire] until the returned function is called.
func expiring(t *testing.T, r *Room) (failures *int, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	failures = new(int)
	go func() {
		r.Expire(ctx, func(error) { *failures++ })
		close(done)
	}()
	return failures, func() { cancel(); <-done }
}

// What runs out has an event when it does, and after a start what ran out before;
// what a person ended has none.
func TestApprovalsThatRunOutAreOnRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, rec := newRoom(t)
		by := gateway.Operator{Issuer: gateway.LocalOperators, Subject: "rita"}
		ask := func(id string, life time.Duration) {
			t.Helper()
			_, err := r.Ask(t.Context(), gateway.Approval{ID: id, Binding: id, Agent: "ann", Created: time.Now(), Expires: time.Now().Add(life)}, 99)
			if err != nil {
				t.Fatal(err)
			}
		}
		decide := func(id string, states ...gateway.ApprovalState) {
			t.Helper()
			for _, s := range states {
				if _, err := r.Decide(t.Context(), id, s, by, ""); err != nil {
					t.Fatal(err)
				}
			}
		}
		_, stop := expiring(t, r)
		ask("late", 3*time.Hour)
		ask("soon", time.Hour) // sooner than what is waited for
		ask("given", 2*time.Hour)
		decide("given", gateway.ApprovalGiven)
		for _, id := range []string{"denied", "revoked", "used"} {
			ask(id, time.Hour)
		}
		decide("denied", gateway.ApprovalRefused)
		decide("revoked", gateway.ApprovalGiven, gateway.ApprovalRevoked)
		decide("used", gateway.ApprovalGiven)
		if ok, err := r.Use(t.Context(), "used", "call"); !ok || err != nil {
			t.Fatal(ok, err)
		}
		for _, want := range [][]string{nil, {"soon pending"}, {"soon pending", "given approved"}} {
			if got := ended(t, rec); !slices.Equal(got, want) {
				t.Errorf("%q ran out, want %q", got, want)
			}
			time.Sleep(time.Hour)
			synctest.Wait()
		}
		stop()
		ask("while down", time.Minute)
		time.Sleep(time.Hour)
		rec.Fail(errors.New("disk full"))
		failures, stop := expiring(t, r)
		time.Sleep(2 * expireAgain)
		rec.Fail(nil)
		time.Sleep(2 * expireAgain)
		synctest.Wait()
		stop()
		if got, want := ended(t, rec), []string{"soon pending", "given approved", "late pending", "while down pending"}; !slices.Equal(got, want) || *failures == 0 {
			t.Errorf("%q ran out after %d failures, want %q", got, *failures, want)
		}
		again := rec.again(t, nil, 0)
		_, stop = expiring(t, again)
		synctest.Wait()
		stop()
		for _, id := range []string{"soon", "given", "late", "while down"} {
			if a, err := again.Approval(t.Context(), id); err != nil || a.State != gateway.ApprovalExpired {
				t.Errorf("%s is %s, %v", id, a.State, err)
			}
		}
	})
}

// Many approvals that ran out, some while no gateway ran, keep memory bounded and
// have one event each.
func TestManyApprovalsThatRunOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, rec := newRoom(t)
		const n = 3*keptDecided + 10
		for i := range n {
			if i == n/2 {
				time.Sleep(2 * time.Hour) // so that half of them are over
			}
			id := fmt.Sprint(i)
			a := gateway.Approval{ID: id, Binding: id, Agent: id, Created: time.Now(), Expires: time.Now().Add(time.Hour)}
			if _, err := r.Ask(t.Context(), a, 9); err != nil {
				t.Fatal(err)
			}
		}
		_, stop := expiring(t, r)
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		stop()
		if got := ended(t, rec); len(got) != n {
			t.Errorf("%d events for %d approvals", len(got), n)
		}
		if _, err := r.Ask(t.Context(), gateway.Approval{ID: "last", Binding: "last", Created: time.Now(), Expires: time.Now().Add(time.Hour)}, 9); err != nil {
			t.Fatal(err)
		}
		if n := len(r.consents.byID); n > keptDecided+1 {
			t.Errorf("%d approvals are kept", n)
		}
	})
}
