package guard

import (
	"encoding/base64"
	"testing"

	"toolward/gateway"
)

// An upstream that writes the gateway's own credential into a definition gives it
// to every agent that lists tools.
func TestOwnCredentialsInDefinitions(t *testing.T) {
	const own = "upstream-" + "password-7f3a91" // synthetic
	s, err := New(Options{Own: []string{"Bearer " + own}})
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		definition string
		bad        bool
	}{
		"in the description":  {`{"name":"t","description":"called with ` + own + `"}`, true},
		"in a default":        {`{"name":"t","inputSchema":{"properties":{"key":{"default":"` + own + `"}}}}`, true},
		"as a member's name":  {`{"name":"t","inputSchema":{"properties":{"` + own + `":{}}}}`, true},
		"in _meta, in base64": {`{"name":"t","_meta":{"k":"` + base64.StdEncoding.EncodeToString([]byte("it is "+own)) + `"}}`, true},
		"in instructions":     {`{"instructions":"use ` + own + `"}`, true},
		"its beginning alone": {`{"name":"t","description":"called with upstream-password"}`, false},
		"of somebody else":    {`{"name":"t","description":"called with upstream-password-8b22c0"}`, false},
	} {
		reason, err := s.Inspect(t.Context(), &gateway.Tool{Kind: gateway.KindTool, Server: "s", Name: "t", Wire: "s__t", Definition: []byte(tt.definition)})
		if err != nil || (reason != "") != tt.bad {
			t.Errorf("%s: %q, %v", name, reason, err)
		}
	}
}
