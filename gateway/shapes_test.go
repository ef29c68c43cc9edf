package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// What a reader would throw an exception at goes no further, in both directions,
// and is on record.
func TestQuestionsAndAnswersThatDoNotFitGoNoFurther(t *testing.T) {
	const (
		form    = `{"message":"m","requestedSchema":{"type":"object","properties":{}}}`
		sample  = `{"messages":[{"role":"user","content":{"type":"text","text":"t"}}],"maxTokens":1}`
		sampled = `{"model":"m","role":"assistant","content":{"type":"text","text":"t"}}`
	)
	for _, tt := range []struct {
		method, params, answer string
		code                   Code // "" for one that passes
		says                   string
	}{
		{"elicitation/create", form, `{"action":"accept","content":{"a":"b"}}`, "", ""},
		{"elicitation/create", form, `{"action":"accept","content":null}`, "", ""},
		{"elicitation/create", `{"message":7}`, `{"action":"accept"}`, UpstreamInvalid, "what s sends does not fit MCP: at /message: a string is wanted, not this number"},
		{"elicitation/create", `{"message":"m"}`, `{"action":"accept"}`, UpstreamInvalid, `"requestedSchema" is missing`},
		{"elicitation/create", form, `{"action":"yes"}`, Malformed, "the agent's answer does not fit MCP: at /action"},
		{"elicitation/create", form, `{"action":"accept","content":{"a":{"b":1}}}`, Malformed, "at /content/a"},
		{"elicitation/create", form, `{}`, Malformed, `"action" is missing`},
		{"sampling/createMessage", sample, sampled, "", ""},
		{"sampling/createMessage", `{"messages":[],"maxTokens":1.5}`, sampled, UpstreamInvalid, "at /maxTokens"},
		{"sampling/createMessage", sample, `{"model":"m","role":"system","content":{"type":"text","text":"t"}}`, Malformed, "at /role"},
		{"sampling/createMessage", sample, `{"model":"m","role":"user","content":"t"}`, Malformed, "at /content"},
		{"roots/list", ``, `{"roots":[{"uri":"file:///a"}]}`, "", ""},
		{"roots/list", `{"_meta":7}`, `{"roots":[]}`, "", ""},
		{"roots/list", ``, `{"roots":{}}`, Malformed, "at /roots"},
	} {
		r := newRooms()
		o := &origin{answer: &Result{Raw: json.RawMessage(tt.answer)}}
		cause := newTestCall(t, `{}`)
		cause.Tool = r.tool
		_, err := r.road().Judge(&Agent{ID: "a"}, o).Request(t.Context(), cause, tt.method, []byte(tt.params))
		records, asked := []Phase{PhaseAttempt, PhaseOutcome}, 1
		if tt.code == UpstreamInvalid {
			records, asked = []Phase{PhaseRefusal}, 0
		}
		var refusal *Refusal
		if errors.As(err, &refusal); (err != nil) != (tt.code != "") || err != nil && (refusal.Code != tt.code || !strings.Contains(refusal.Reasons[0], tt.says)) {
			t.Errorf("%s %s, answered %s: %v", tt.method, tt.params, tt.answer, err)
		}
		if !slices.Equal(r.records, records) || len(o.asked) != asked {
			t.Errorf("%s %s: records %v, asked %v", tt.method, tt.params, r.records, o.asked)
		}
	}
}

func TestAnErrorOfAnAgentIsMadeToFit(t *testing.T) {
	r := newRooms()
	o := &origin{answer: &Result{Error: json.RawMessage(`{"code":"E_NO","message":"no"}`), IsError: true}}
	got, err := r.road().Judge(&Agent{ID: "a"}, o).Request(t.Context(), nil, "roots/list", nil)
	if err != nil || string(got.Error) != `{"code":-32603,"message":"no"}` {
		t.Errorf("got %s, %v", got.Error, err)
	}
}

func TestNotificationsThatDoNotFitAreWithheldAndCounted(t *testing.T) {
	r := newRooms()
	o := &origin{}
	back := r.road().Judge(&Agent{ID: "a"}, o)
	cause := newTestCall(t, `{}`)
	cause.Tool, cause.notes = r.tool, new(notes)
	progress := func(n string) string { return `{"progressToken":1,"progress":` + n + `}` }
	passed, withheld := 0, 0
	for _, tt := range []struct {
		method, params string
		passes         bool
	}{
		{"notifications/progress", progress("1"), true},
		{"notifications/progress", progress(`"2"`), false},
		{"notifications/progress", progress("1"), false},
		{"notifications/progress", progress("0.5"), false},
		{"notifications/progress", progress("1.5"), true},
		{"notifications/progress", `{"progress":2}`, false},
		{"notifications/message", `{"level":"info","data":"a"}`, true},
		{"notifications/message", `{"level":"warn","data":"a"}`, false},
		{"notifications/message", `{"data":"a"}`, false},
		{"notifications/elicitation/complete", `{}`, false},
		{"notifications/x-later", `{"anything":[null]}`, true},
	} {
		err := back.Notify(t.Context(), cause, tt.method, []byte(tt.params))
		if (err == nil) != tt.passes {
			t.Errorf("%s %s: %v", tt.method, tt.params, err)
		}
		if tt.passes {
			passed++
		} else {
			withheld++
		}
	}
	if said := cause.Said(); said.Sent != passed || said.Withheld != withheld || len(o.notified) != passed {
		t.Errorf("%d sent and %d withheld, want %d and %d; notified %v", said.Sent, said.Withheld, passed, withheld, o.notified)
	}
	if !slices.Equal(r.records, []Phase{PhaseRefusal}) {
		t.Errorf("records %v, want the first that was withheld", r.records)
	}
	for _, params := range []string{``, `{}`, `{"uri":7}`} {
		if err := back.Notify(t.Context(), nil, "notifications/resources/updated", []byte(params)); err == nil {
			t.Errorf("an update of %q passed", params)
		}
	}
}

// Whoever asks in a result, of which the agent answers in its next request.
func TestRoundsThatDoNotFitGoNoFurther(t *testing.T) {
	const ask = `{"resultType":"input_required","inputRequests":{"q":{"method":"elicitation/create","params":%s}}}`
	r := newRooms()
	call := func(result, answer string) *Refusal {
		c := newTestCall(t, `{}`)
		c.Origin = &origin{}
		r.answer = &Result{Raw: json.RawMessage(result)}
		if answer != "" {
			c.Round = &Round{Asked: []Question{{Key: "q", Method: "elicitation/create", Params: json.RawMessage(`{"message":"m","requestedSchema":{"type":"object","properties":{}}}`)}}}
			c.Extra = []Member{{Name: MemberAnswers, Value: json.RawMessage(`{"q":` + answer + `}`)}}
		}
		_, refusal := r.road().Do(t.Context(), c)
		return refusal
	}
	if refusal := call(fmt.Sprintf(ask, `{"message":"m","requestedSchema":{"type":"object","properties":{}}}`), ""); refusal != nil {
		t.Error(refusal)
	}
	if refusal := call(fmt.Sprintf(ask, `{"message":"m","requestedSchema":{"type":"array"}}`), ""); refusal == nil || refusal.Code != UpstreamInvalid || !strings.Contains(refusal.Reasons[0], "at /requestedSchema/type") {
		t.Errorf("a question that does not fit: %v", refusal)
	}
	if refusal := call(`{"content":[]}`, `{"action":"accept","content":{"a":1}}`); refusal != nil {
		t.Error(refusal)
	}
	r.asked = nil
	if refusal := call(`{"content":[]}`, `{"action":"maybe"}`); refusal == nil || refusal.Code != Malformed || slices.Contains(r.asked, "upstream") {
		t.Errorf("an answer that does not fit: %v, asked %v", refusal, r.asked)
	}
}
