package guard

import (
	"testing"

	"toolward/gateway"
)

// What a value is can be said by the member around its own, and passwords are
// short.
func TestSecretsAreKnownByTheirPlace(t *testing.T) {
	s, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string]string{
		"the member around it": `{"credentials":{"value":"` + "q8Zr2LxV" + "0pTn6KsWd3Fy" + `"}}`,
		"a short password":     `{"password":"` + "hunt" + "er2" + `"}`,
	} {
		parsed, err := gateway.ParseArgs([]byte(args))
		if err != nil {
			t.Fatal(err)
		}
		report, err := s.Request(t.Context(), &gateway.Call{Agent: &gateway.Agent{ID: "a"}, Tool: &gateway.Tool{Server: "s", Name: "t", Wire: "s__t"}, Args: parsed})
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, f := range report.Findings {
			found = found || f.Kind == gateway.FindingSecret
		}
		if !found {
			t.Errorf("%s: nothing found in %s", name, args)
		}
	}
}
