package state

import (
	"testing"
	"time"

	"toolward/gateway"
)

// An approval that was used names the person who gave it and the call that used it,
// one that was revoked the person who took it back, and both are over.
func TestWhoDecidedStaysOnAnApproval(t *testing.T) {
	ann, bob := gateway.Operator{Issuer: "https://id.test", Subject: "ann"}, gateway.Operator{Issuer: "https://id.test", Subject: "bob"}
	for name, tt := range map[string]struct {
		then string
		with decided
		by   gateway.Operator
		call string
	}{
		"used":    {EventUsed, decided{ID: "1", Call: "c2"}, ann, "c2"},
		"revoked": {EventRevoked, decided{ID: "1", By: bob}, bob, ""},
	} {
		var c consents
		c.init()
		now := time.Now()
		if err := c.ask(gateway.Approval{ID: "1", Call: "c1", Created: now, Expires: now.Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
		if err := c.decide(EventApproved, now, decided{ID: "1", By: ann}); err != nil {
			t.Fatal(err)
		}
		if len(c.over) != 0 {
			t.Errorf("%s: it is over before it is used", name)
		}
		if err := c.decide(tt.then, now, tt.with); err != nil {
			t.Fatal(err)
		}
		if a := c.byID["1"]; a.Decider.Subject != tt.by.Subject || a.By != tt.by.String() || a.UsedBy != tt.call {
			t.Errorf("%s: by %s, used by %q", name, a.By, a.UsedBy)
		}
		if len(c.over) != 1 {
			t.Errorf("%s: it is not over", name)
		}
	}
}

// What a call would have sent is forgotten for whom it was erased, and for nobody
// else.
func TestErasureOfWhatWouldHaveBeenSent(t *testing.T) {
	for name, of := range map[string]erased{"agent": {Agent: "ann"}, "session": {Session: "s1"}, "call": {Call: "c1"}} {
		var c consents
		c.init()
		for id, a := range map[string]gateway.Approval{"1": {Agent: "ann", Session: "s1", Call: "c1"}, "2": {Agent: "bob", Session: "s2", Call: "c2"}, "3": {}} {
			a.ID, a.Args = id, []byte(`{}`)
			if err := c.ask(a); err != nil {
				t.Fatal(err)
			}
		}
		c.erase(of)
		if c.byID["1"].Args != nil || c.byID["2"].Args == nil || c.byID["3"].Args == nil {
			t.Errorf("%s: %s, %s and %s are left", name, c.byID["1"].Args, c.byID["2"].Args, c.byID["3"].Args)
		}
	}
}

// What an agent reads of a block names what is stopped, until when, and why.
func TestWhatABlockSays(t *testing.T) {
	until := time.Date(2026, 11, 30, 8, 0, 0, 0, time.UTC)
	for want, b := range map[string]gateway.Block{
		"agent ann is blocked":                                         {Kind: gateway.BlockAgent, Name: "ann"},
		"every call is blocked: an incident":                           {Kind: gateway.BlockAll, Reason: "an incident"},
		"tool s__t is blocked until 2026-11-30T08:00:00Z: it is moved": {Kind: gateway.BlockTool, Name: "s__t", Until: until, Reason: "it is moved"},
	} {
		if got := stopped(&b).Reasons[0]; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
