package guard

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"toolward/gateway"
)

// A text of which so much is encoded that not all was read for credentials is suspected,
// not redacted; where nothing but credentials is looked for it is taken for one.
func TestWhatWasNotReadIsSuspected(t *testing.T) {
	text := "a remark of the committee"
	for range 5 {
		text = base64.StdEncoding.EncodeToString([]byte(text))
	}
	raw, err := json.Marshal(map[string]string{"text": strings.Repeat("z"+text+" ", 8000)})
	if err != nil {
		t.Fatal(err)
	}
	s := newScanner(t, Options{})
	c := gateway.NewCall(gateway.SurfaceMCP, gateway.KindTool, "tools/call")
	c.Result = &gateway.Result{Raw: raw}
	report, err := s.Result(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	rules := map[string]bool{}
	for _, f := range report.Findings {
		rules[f.Rule] = true
		if f.Kind == gateway.FindingSecret {
			t.Errorf("%s of %v", f.Rule, f.Span)
		}
	}
	if !rules[ruleUndecoded] {
		t.Errorf("found: %v", rules)
	}
	found, err := s.Secrets(raw)
	if err != nil || len(found) != 1 || found[0].Kind != gateway.FindingSecret {
		t.Errorf("where nothing else is looked for: %v, %v", found, err)
	}
}
