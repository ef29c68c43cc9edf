package main

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"toolward/auth"
)

// A bridge of a day has a token at each moment that lives for minutes yet, and makes
// no more of them than that takes.
func TestBridgeRenewsItsToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ends := map[string]time.Time{}
		r := &reach{base: "http://gateway.test", path: "/mcp", mint: func(context.Context) (auth.Minted, error) {
			made := auth.Minted{Token: fmt.Sprint("token ", len(ends)), Expires: time.Now().Add(bridgeTTL)}
			ends[made.Token] = made.Expires
			return made, nil
		}}
		for begun := time.Now(); time.Since(begun) < 24*time.Hour; time.Sleep(20 * time.Second) { // of the bubble's time
			_, token, err := r.reach(t.Context(), false)
			if err != nil {
				t.Fatal(err)
			}
			if left := time.Until(ends[token]); left <= bridgeRenew || left > bridgeTTL {
				t.Fatalf("after %v it sends %q, which lives for %v", time.Since(begun), token, left)
			}
		}
		if n := len(ends); n < 24 || n > 27 {
			t.Errorf("%d tokens in a day", n)
		}
	})
}

// A token that could not be made is asked for at the next request; one that lives is
// used as long.
func TestBridgeWhoseTokenCannotBeMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fault error
		asked := 0
		r := &reach{base: "http://gateway.test", path: "/mcp", mint: func(context.Context) (auth.Minted, error) {
			asked++
			return auth.Minted{Token: fmt.Sprint("token ", asked), Expires: time.Now().Add(bridgeTTL)}, fault
		}}
		for _, step := range []struct {
			later time.Duration
			fault error
			want  string
		}{
			{0, errors.New("no"), ""},
			{0, nil, "token 2"},
			{bridgeTTL - bridgeRenew - time.Second, errors.New("no"), "token 2"},
			{time.Second, errors.New("no"), "token 2"},
			{bridgeRenew - time.Second, errors.New("no"), "token 2"},
			{time.Second, errors.New("no"), ""},
			{0, nil, "token 6"},
		} {
			time.Sleep(step.later)
			fault = step.fault
			if _, token, err := r.reach(t.Context(), false); token != step.want || (err != nil) != (step.want == "") {
				t.Errorf("got %q and %v, want %q", token, err, step.want)
			}
		}
	})
}
