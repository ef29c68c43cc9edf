package gateway

import (
	"slices"
	"testing"
)

// A chain of actors is followed as deep as a person can look, and no further.
func TestIdentitiesOfAChain(t *testing.T) {
	var act map[string]any
	for range 10_000 {
		act = map[string]any{"sub": "deep", "act": act}
	}
	a := &Agent{ID: "bot", Issuer: "i", Claims: map[string]any{"sub": "ann", "act": map[string]any{"sub": "proxy", "iss": "j", "act": act}}}
	got := a.Identities()
	if len(got) != 4 || !slices.IsSorted(got) {
		t.Fatalf("%d: %v", len(got), got)
	}
	for _, one := range []*Agent{{ID: "bot", Issuer: "i"}, {ID: "ANN", Issuer: "I"}, {ID: "proxy", Issuer: "j"}, {ID: "deep", Issuer: "i"}} {
		if ids := one.Identities(); len(ids) != 1 || !slices.Contains(got, ids[0]) {
			t.Errorf("%s of %s is not among them", one.ID, one.Issuer)
		}
	}
	if slices.Contains(got, (&Agent{ID: "proxy", Issuer: "i"}).Identities()[0]) {
		t.Error("an actor is of its own issuer")
	}
}

// Claims that are not what they are called make nobody.
func TestIdentitiesOfOddClaims(t *testing.T) {
	plain := (&Agent{ID: "bot", Issuer: "i"}).Identities()
	for _, claims := range []map[string]any{
		nil, {"sub": 7}, {"oid": []any{"x"}}, {"act": "ann"}, {"act": []any{map[string]any{"sub": "ann"}}}, {"act": map[string]any{}},
	} {
		if got := (&Agent{ID: "bot", Issuer: "i", Claims: claims}).Identities(); !slices.Equal(got, plain) {
			t.Errorf("%v: %v", claims, got)
		}
	}
}
