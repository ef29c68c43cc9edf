package auth_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"toolward/auth"
	"toolward/auth/authtest"
	"toolward/gateway"
)

// noted is a record of failures.
type noted struct {
	mu     sync.Mutex
	lines  []string
	counts map[string]int
}

func (n *noted) failures() *auth.Failures {
	n.counts = map[string]int{}
	return auth.NewFailures(auth.FailuresOptions{
		Key: []byte("key"),
		Count: func(reason string) {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.counts[reason]++
		},
		Note: func(_ context.Context, eventType string, detail any) error {
			line, err := json.Marshal(detail)
			n.mu.Lock()
			defer n.mu.Unlock()
			n.lines = append(n.lines, eventType+" "+string(line))
			return err
		},
	})
}

func refusedAttempt(peer, token string, recorded bool) gateway.Attempt {
	return gateway.Attempt{Credentials: gateway.Credentials{Peer: peer, Token: token}, Refusal: gateway.Refuse("auth", gateway.Unauthenticated, "no"), Recorded: recorded}
}

func TestFailuresBecomeOneEventPerPeerAndMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := new(noted)
		f := n.failures()
		for i := range 60 {
			f.Tried(refusedAttempt("203.0.113.9", "the-same", i < 2))
			f.Tried(refusedAttempt(fmt.Sprintf("2001:db8::%x", i), fmt.Sprint("another", i), i < 20))
		}
		f.Tried(refusedAttempt("198.51.100.1", "x", true)) // within its allowance: it has its own event
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		f.Tried(gateway.Attempt{Credentials: gateway.Credentials{Peer: "203.0.113.9"}, Agent: &gateway.Agent{ID: "ann"}})
		f.Tried(gateway.Attempt{Credentials: gateway.Credentials{Peer: "198.51.100.1"}, Agent: &gateway.Agent{ID: "bob"}})
		f.Tried(refusedAttempt("203.0.113.9", "again", false))
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		got := strings.Join(n.lines, "\n")
		for _, want := range []string{
			`auth.failures {"first":"2000-01-01T00:00:00Z","last":"2000-01-01T00:00:00Z","n":60,"peer":"2001:db8::/64","reasons":{"other":60},"recorded":20,"tokens":{`,
			`auth.failures {"first":"2000-01-01T00:00:00Z","last":"2000-01-01T00:00:00Z","n":60,"peer":"203.0.113.9","reasons":{"other":60},"recorded":2,"tokens":{"`,
			`":60}}`,
			`auth.success_after_failures {"agent":"ann"`,
		} {
			if !strings.Contains(got, want) {
				t.Errorf("%s is missing in\n%s", want, got)
			}
		}
		if len(n.lines) != 4 || strings.Contains(got, "bob") || strings.Contains(got, "the-same") {
			t.Errorf("got\n%s", got)
		}
		if n.counts["other"] != 122 {
			t.Errorf("counted %v", n.counts)
		}
	})
}

// However many peers fail, what is remembered is bounded, and nothing is lost.
func TestAttackFailuresFromManyPeers(t *testing.T) {
	n := new(noted)
	f := n.failures()
	for i := range 10_000 {
		f.Tried(refusedAttempt(fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255), strings.Repeat("x", i%100), false))
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if len(n.lines) != 4097 {
		t.Fatalf("%d events", len(n.lines))
	}
	if !strings.Contains(strings.Join(n.lines, "\n"), `"n":5904,"peer":"others"`) {
		t.Error("those over the bound are not counted")
	}
}

// Each way of failing has its reason.
func TestReasonsOfFailures(t *testing.T) {
	issuer, v := setup(t, nil)
	for reason, token := range map[string]string{
		"none":      "",
		"malformed": "x.y.z",
		"issuer":    authtest.New(t).Sign(issuer.Claims("ann", aud, map[string]any{"iss": "https://other.example"})),
		"expired":   issuer.Sign(issuer.Claims("ann", aud, map[string]any{"exp": time.Now().Add(-time.Hour).Unix()})),
		"time":      issuer.Sign(issuer.Claims("ann", aud, map[string]any{"nbf": time.Now().Add(time.Hour).Unix()})),
		"audience":  issuer.Sign(issuer.Claims("ann", "someone-else", nil)),
		"claims":    issuer.Sign(issuer.Claims("", aud, nil)),
	} {
		_, err := v.Verify(t.Context(), gateway.Credentials{Token: token})
		if got := auth.Reason(gateway.AsRefusal("auth", err)); got != reason {
			t.Errorf("%s: got %q (%v)", reason, got, err)
		}
	}
	for reason, r := range map[string]*gateway.Refusal{
		"limited": gateway.Refuse("limit", gateway.RateLimited, "x"), "scope": gateway.Refuse("auth", gateway.InsufficientScope, "x"),
		"keys": gateway.Refuse("auth", gateway.Overloaded, "x"), "other": gateway.Refuse("auth", gateway.Internal, "x"),
		"credential": gateway.Refuse("auth", gateway.Unauthenticated, "x").Because(gateway.ErrCredential),
	} {
		if got := auth.Reason(r); got != reason {
			t.Errorf("%s: got %q", reason, got)
		}
	}
}
