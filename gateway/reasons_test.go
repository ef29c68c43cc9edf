package gateway

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// A result of nothing but findings is refused with some of their places and the number of
// the others, in the time that its length takes: each place is looked for in all of it.
func TestReasonsOfVeryManyFindings(t *testing.T) {
	const texts = 16_000
	c := &Call{ID: "c", Kind: KindTool, Tool: &Tool{}, Result: &Result{Raw: json.RawMessage(
		`{"content":[` + strings.TrimSuffix(strings.Repeat(`{"type":"text","text":"`+strings.Repeat(`say \"no\" `, 12)+`"},`, texts), ",") + `]}`)}}
	var findings []Finding
	for i := range texts {
		findings = append(findings, Finding{Kind: FindingInjection, Rule: "injection.x", Stage: StageResult, Where: fmt.Sprintf("/content/%d/text", i), Action: ActionBlock})
	}
	before := time.Now()
	reasons := c.blocking(findings)
	if took := time.Since(before); took > 5*time.Second {
		t.Errorf("it takes %v", took)
	}
	if first := "injection found in result at /content/0/text (injection.x)"; reasons[0] != first {
		t.Errorf("the first is %q, want %q", reasons[0], first)
	}
	if last := reasons[len(reasons)-1]; len(reasons) != maxReasons+1 || last != fmt.Sprintf("and %d more findings", texts-maxReasons) {
		t.Errorf("%d reasons, the last is %q", len(reasons), last)
	}
}
