package state

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"toolward/gateway"
)

func add(t testing.TB, r *Room, name string, life time.Duration) gateway.NamedToken {
	t.Helper()
	tok := gateway.NamedToken{Digest: "digest-" + name, Name: name, Subject: "ann", Created: time.Now().UTC(), Expires: time.Now().Add(life).UTC()}
	if err := r.AddToken(t.Context(), tok); err != nil {
		t.Fatal(err)
	}
	return tok
}

func revoke(t testing.TB, r *Room, name string) {
	t.Helper()
	if _, err := r.End(t.Context(), name, gateway.Operator{Issuer: gateway.LocalOperators, Subject: "rita"}, "lost"); err != nil {
		t.Fatal(err)
	}
}

// Who holds a token that was revoked is let in nowhere, and what they do is stopped:
// calls under way, calls that a person is asked about, streams.
func TestRevokedTokensAreStopped(t *testing.T) {
	told := 0
	r, _ := newRoom(t, func(o *Options) { o.Blocks = func() { told++ } })
	tok := add(t, r, "laptop", time.Hour)
	a := &gateway.Agent{ID: "ann", Issuer: "i", Named: tok.Digest}
	other := &gateway.Agent{ID: "ann", Issuer: "i"}
	c := newCall(a, "s__t")
	under, held, err := r.Begin(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	beside, held2, err := r.Begin(t.Context(), newCall(other, "s__t"))
	if err != nil {
		t.Fatal(err)
	}
	told = 0
	revoke(t, r, "laptop")
	var refusal *gateway.Refusal
	if !errors.As(context.Cause(under), &refusal) || refusal.Code != gateway.Unauthenticated {
		t.Errorf("the call under way: %v", context.Cause(under))
	}
	if beside.Err() != nil || told == 0 {
		t.Errorf("a call of another token: %v; streams were told %d times", beside.Err(), told)
	}
	_, _, begun := r.Begin(t.Context(), newCall(a, "s__t"))
	for where, err := range map[string]error{
		"Again": held.Again(t.Context(), c), "Begin": begun, "Admit": r.Admit(a, ""), "AdmitPerson": r.AdmitPerson(a),
	} {
		if code(t, err) != gateway.Unauthenticated {
			t.Errorf("%s: %v", where, err)
		}
	}
	if r.Holds(&gateway.Agent{Named: tok.Digest}) || r.Admit(other, "") != nil {
		t.Error("it is held, or another is not let in")
	}
	if err := errors.Join(held.Finish(t.Context(), c), held2.Finish(t.Context(), c)); err != nil {
		t.Fatal(err)
	}
	if _, err := r.End(t.Context(), "laptop", gateway.Operator{}, ""); !errors.Is(err, gateway.ErrNoToken) {
		t.Errorf("a second time: %v", err)
	}
}

// A name is one token's at a time, whoever is first; it is free again once that one was
// revoked or is over.
func TestNamesOfTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, rec := newRoom(t)
		var wg sync.WaitGroup
		var mu sync.Mutex
		made := 0
		for i := range 16 {
			wg.Go(func() {
				err := r.AddToken(t.Context(), gateway.NamedToken{Digest: fmt.Sprint(i), Name: "laptop", Expires: time.Now().Add(time.Hour)})
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					made++
				} else if !errors.Is(err, gateway.ErrTokenTaken) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if made != 1 || len(r.Held().Tokens) != 1 {
			t.Fatalf("%d were made, %d are listed", made, len(r.Held().Tokens))
		}
		revoke(t, r, "laptop")
		add(t, r, "laptop", time.Hour)
		time.Sleep(time.Hour)
		if list := r.Held().Tokens; len(list) != 1 || !list[0].Expired(time.Now()) {
			t.Errorf("one that is over: %v", list)
		}
		again := gateway.NamedToken{Digest: "next", Name: "laptop", Expires: time.Now().Add(48 * time.Hour).UTC()}
		if err := r.AddToken(t.Context(), again); err != nil {
			t.Fatal(err)
		}
		if list := r.Held().Tokens; len(list) != 1 || list[0].Digest != "next" {
			t.Errorf("%v", list)
		}
		time.Sleep(keepExpired + 49*time.Hour)
		if list := r.Held().Tokens; len(list) != 0 {
			t.Errorf("a month after its end: %v", list)
		}
		for _, bad := range []string{"", "-x", ".", "a b", "a/b", "é", "a\n", string(make([]byte, 65))} {
			if err := r.AddToken(t.Context(), gateway.NamedToken{Digest: "d", Name: bad}); !errors.Is(err, gateway.ErrBadToken) {
				t.Errorf("%q: %v", bad, err)
			}
		}
		for i := range mostTokens {
			add(t, r, fmt.Sprint("t", i), time.Hour)
		}
		if err := r.AddToken(t.Context(), gateway.NamedToken{Digest: "d", Name: "more", Expires: time.Now().Add(time.Hour)}); !errors.Is(err, gateway.ErrBadToken) {
			t.Errorf("one too many: %v", err)
		}
		if diff := cmp.Diff(r.Held().Tokens, rec.again(t, nil, 0).Held().Tokens); diff != "" {
			t.Error(diff)
		}
	})
}

// That a token is used is on record once an hour, and is there after a start, from the
// events or from a snapshot.
func TestUsesOfTokensAreNoted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, rec := newRoom(t)
		tok := add(t, r, "laptop", 1000*time.Hour)
		add(t, r, "idle", 1000*time.Hour)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			r.NoteUses(ctx, func(err error) { t.Error(err) })
		}()
		for range 5 * 60 { // five hours of a request a minute
			if !r.Holds(&gateway.Agent{Named: tok.Digest}) {
				t.Fatal("it is not held")
			}
			synctest.Wait()
			time.Sleep(time.Minute)
		}
		cancel()
		<-done
		n := 0
		for _, e := range rec.Events() {
			if e.Type == EventTaken {
				n++
			}
		}
		if n != 5 {
			t.Errorf("%d events for five hours", n)
		}
		list := r.Held().Tokens
		if used := time.Since(list[1].Used); list[0].Name != "idle" || !list[0].Used.IsZero() || used < 0 || used > 2*time.Hour {
			t.Errorf("%+v, used %v ago", list, used)
		}
		snapshot, err := r.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		for name, again := range map[string]*Room{"events": rec.again(t, nil, 0), "snapshot": rec.again(t, snapshot, len(rec.Events()))} {
			if diff := cmp.Diff(list, again.Held().Tokens); diff != "" {
				t.Errorf("from the %s: %s", name, diff)
			}
			if !again.Holds(&gateway.Agent{Named: tok.Digest}) {
				t.Errorf("from the %s: it is not held", name)
			}
		}
	})
}

// A record that fails keeps nobody from using a token, and the use is noted later.
func TestUsesAreNotedLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, rec := newRoom(t)
		tok := add(t, r, "laptop", 1000*time.Hour)
		other := add(t, r, "other", 1000*time.Hour)
		ctx, cancel := context.WithCancel(t.Context())
		failed := make(chan error, 8)
		done := make(chan struct{})
		go func() { defer close(done); r.NoteUses(ctx, func(err error) { failed <- err }) }()
		rec.Fail(errors.New("full"))
		if !r.Holds(&gateway.Agent{Named: tok.Digest}) {
			t.Error("it is not held")
		}
		<-failed
		rec.Fail(nil)
		r.Holds(&gateway.Agent{Named: other.Digest})
		synctest.Wait()
		for _, tok := range r.Held().Tokens {
			if tok.Used.IsZero() {
				t.Errorf("not noted: %+v", tok)
			}
		}
		cancel()
		<-done
	})
}

// An event that says nothing sensible is an error and changes nothing.
func TestDamagedTokenEvents(t *testing.T) {
	r, _ := newRoom(t)
	add(t, r, "laptop", time.Hour)
	for _, e := range []gateway.Entry{
		{Type: EventNamed, Body: []byte(`{}`)}, {Type: EventNamed, Body: []byte(`{"digest":"x"}`)}, {Type: EventNamed, Body: []byte(`7`)},
		{Type: EventUnnamed, Body: []byte(`[`)}, {Type: EventTaken, Body: []byte(`{"used":"soon"}`)},
	} {
		if err := r.Fold(e); err == nil {
			t.Errorf("%s %s is folded", e.Type, e.Body)
		}
	}
	if err := r.Fold(gateway.Entry{Type: EventTaken, Body: json.RawMessage(`{"digest":"unknown","used":"2026-01-01T00:00:00Z"}`)}); err != nil {
		t.Error(err) // it was revoked meanwhile
	}
	if len(r.Held().Tokens) != 1 {
		t.Errorf("%v", r.Held().Tokens)
	}
}
