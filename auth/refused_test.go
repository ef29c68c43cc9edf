package auth

import (
	"testing"
	"time"

	"toolward/gateway"
)

// An agent that goes on with a token that is no good must not use up its
// address's failures, and a token must not stay refused once keys accept it.
func TestTheSameTokenIsRefusedAgainForAMomentOnly(t *testing.T) {
	now := time.Now()
	local, err := OpenLocal(LocalOptions{KeyFile: t.TempDir() + "/key"})
	if err != nil {
		t.Fatal(err)
	}
	v, err := New(Options{Issuers: []Issuer{local.Issuer()}, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	bad := gateway.Credentials{Token: "a.b.c", Resource: "https://gw.example.com/mcp"}
	if v.Refused(bad) != nil {
		t.Fatal("refused before it was seen")
	}
	if _, err := v.Verify(t.Context(), bad); err == nil {
		t.Fatal("accepted")
	}
	again := v.Refused(bad)
	if again == nil || again.Code != gateway.Unauthenticated {
		t.Fatalf("got %v, want the refusal again", again)
	}
	for _, other := range []gateway.Credentials{{Token: "a.b.d", Resource: bad.Resource}, {Token: bad.Token}} {
		if v.Refused(other) != nil {
			t.Errorf("%v was never refused", other)
		}
	}
	now = now.Add(refusedFor)
	if v.Refused(bad) != nil {
		t.Error("still refused without being looked at")
	}
}
