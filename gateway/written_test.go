package gateway

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
)

// Of what an agent writes guard takes nothing out: it is refused, and the agent told what
// to do, or it is what guard itself wrote.
func TestWhatAnAgentWritesIsRefusedOrSentWhole(t *testing.T) {
	const args = `{"a":{"b":"<[redacted secret.x 000000000001]>"},"c":"value"}`
	find := func(where string, from, to int, action Action) Finding {
		return Finding{Kind: FindingPII, Rule: "pii.y", Stage: StageRequest, Where: where, Span: [2]int{from, to}, Action: action}
	}
	for _, tt := range []struct {
		name    string
		found   Finding
		refused bool
	}{
		{"a value", find("/c", 0, 5, ActionRedact), true},
		{"a value, to tokenize", find("/c", 0, 5, ActionTokenize), true},
		{"a whole text", find("/c", 0, 0, ActionRedact), true},
		{"a value that policy judges", find("/c", 0, 5, ActionPolicy), false},
		{"a value that is noted", find("/c", 0, 5, ActionObserve), false},
		{"what reaches into a placeholder", find("/a/b", 20, 34, ActionRedact), true},
		{"what ends in a placeholder", find("/a/b", 0, 5, ActionRedact), true},
		{"all around a placeholder", find("/a/b", 0, 0, ActionTokenize), true},
		{"in a placeholder", find("/a/b", 20, 32, ActionRedact), false},
		{"in a placeholder, to block", find("/a/b", 20, 32, ActionBlock), false},
		{"all of a placeholder", find("/a/b", 1, 33, ActionRedact), false},
		{"as far into another text", find("/c", 1, 4, ActionRedact), true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRooms()
			r.kept = map[string]Kept{"000000000001": {Rule: "secret.x", Server: "s", Origin: r.tool.Upstream, Text: "SECRET"}}
			r.request = Report{Findings: []Finding{tt.found}}
			c := newTestCall(t, args)
			_, refusal := r.road().Do(t.Context(), c)
			if (refusal != nil) != tt.refused {
				t.Fatalf("refused: %v", refusal)
			}
			if !tt.refused {
				if want := `{"a":{"b":"<SECRET>"},"c":"value"}`; string(r.sent) != want {
					t.Errorf("sent %s\nwant %s", r.sent, want)
				}
				return
			}
			if refusal.Code != GuardBlocked || r.sent != nil || slices.Contains(r.records, PhaseAttempt) {
				t.Errorf("%s, sent %s, records %v", refusal.Code, r.sent, r.records)
			}
			said := strings.Join(refusal.Reasons, "; ")
			for _, want := range []string{"pii.y", "leave the value out", "what stands for it"} {
				if !strings.Contains(said, want) {
					t.Errorf("%q is not in %s", want, said)
				}
			}
			if want := "guard.servers.s.args"; !strings.Contains(refusal.Remedy, want) {
				t.Errorf("%q is not in %s", want, refusal.Remedy)
			}
		})
	}
}

// What an agent answers to an upstream is what it writes, too; what it is asked is shown
// to it.
func TestAnAgentsAnswerIsRefusedOrSentWhole(t *testing.T) {
	r := newRooms()
	o := &origin{answer: &Result{Raw: json.RawMessage(`{"action":"accept","content":{"pin":"1234"}}`)}}
	back := r.road().Judge(&Agent{ID: "a"}, o)
	cause := newTestCall(t, `{}`)
	cause.Tool = r.tool
	params := []byte(`{"message":"Your PIN?","requestedSchema":{"type":"object","properties":{}}}`)
	r.result = Report{Findings: []Finding{{Kind: FindingSecret, Rule: "x", Stage: StageResult, Where: "/content/pin", Span: [2]int{0, 4}, Action: ActionRedact}}}
	answer, err := back.Request(t.Context(), cause, "elicitation/create", params)
	var refusal *Refusal
	if !errors.As(err, &refusal) || refusal.Code != Withheld || answer != nil || !strings.Contains(refusal.Error(), unaltered) {
		t.Errorf("%v, %v", answer, err)
	}
}
