package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
)

// Every step of a call panics in turn: each time the call is refused and on
// record, the limit is given back, and what was executed is noted.
func TestPanicOfARoomIsARefusedCall(t *testing.T) {
	for _, tt := range []struct {
		room     string
		code     Code
		executed bool
		records  []Phase
	}{
		{"find", Internal, false, []Phase{PhaseRefusal}},
		{"begin", Internal, false, []Phase{PhaseRefusal}},
		{"guard request", Internal, false, []Phase{PhaseRefusal}},
		{"policy request", Internal, false, []Phase{PhaseRefusal}},
		{"approve", Internal, false, []Phase{PhaseRefusal}},
		{"again", Internal, false, []Phase{PhaseRefusal}},
		{"record attempt", Unrecorded, false, []Phase{PhaseRefusal}},
		{"upstream", Internal, true, []Phase{PhaseAttempt, PhaseOutcome}},
		{"guard result", Withheld, true, []Phase{PhaseAttempt, PhaseOutcome}},
		{"policy result", Withheld, true, []Phase{PhaseAttempt, PhaseOutcome}},
		{"finish", Withheld, true, []Phase{PhaseAttempt, PhaseOutcome}},
		{"record outcome", Unrecorded, true, []Phase{PhaseAttempt}},
	} {
		t.Run(tt.room, func(t *testing.T) {
			r := newRooms()
			r.decision.Effect = EffectApprove
			r.fail[tt.room] = errPanics
			result, refusal := r.road().Do(t.Context(), newTestCall(t, `{}`))
			if result != nil || refusal == nil || refusal.Code != tt.code {
				t.Fatalf("got %v, %v; want a refusal with code %s", result, refusal, tt.code)
			}
			var p *Panic
			if !errors.As(refusal, &p) || !strings.Contains(p.Place, "rooms).ask") {
				t.Errorf("the record would not know where: %v", refusal)
			}
			if text := strings.Join(refusal.Reasons, " "); strings.Contains(text, "room") {
				t.Errorf("the agent is told the fault: %s", text)
			}
			if !slices.Equal(r.records, tt.records) {
				t.Errorf("records %v, want %v", r.records, tt.records)
			}
			if got := slices.Contains(r.asked, "upstream"); got != tt.executed {
				t.Errorf("executed: %v", got)
			}
			if given := slices.Contains(r.asked, "finish"); given == (tt.room == "find" || tt.room == "begin") {
				t.Errorf("what was reserved is given back: %v", given)
			}
		})
	}
}

func TestPanicBesideACallIsARefusal(t *testing.T) {
	for _, room := range []string{"auth", "visible", "guard request", "policy request", "policy result"} {
		r := newRooms()
		r.fail[room] = errPanics
		road := r.road()
		var refusal *Refusal
		switch room {
		case "auth":
			_, refusal = road.Admit(t.Context(), Credentials{})
		case "visible":
			_, refusal = road.List(t.Context(), newTestCall(t, `{}`), KindTool)
		default:
			back := road.Judge(&Agent{ID: "a"}, &origin{answer: &Result{Raw: json.RawMessage(`{}`)}})
			_, err := back.Request(t.Context(), nil, "sampling/createMessage", []byte(`{"maxTokens":1}`))
			_ = errors.As(err, &refusal)
			if room == "policy result" {
				if err := back.Notify(t.Context(), nil, "notifications/message", []byte(`{}`)); !errors.As(err, &refusal) {
					t.Errorf("the notification got %v", err)
				}
			}
		}
		if refusal == nil || len(r.records) == 0 {
			t.Errorf("%s: got %v, records %v", room, refusal, r.records)
		}
	}
}

// What an upstream sends and nobody can judge is refused, and on record.
func TestQuestionThatCannotBeReadIsRecorded(t *testing.T) {
	r, o := newRooms(), &origin{}
	back := r.road().Judge(&Agent{ID: "a"}, o)
	if _, err := back.Request(t.Context(), nil, "sampling/createMessage", []byte(`{"maxTokens":1e50000000}`)); err == nil {
		t.Error("the question passed")
	}
	if err := back.Notify(t.Context(), nil, "notifications/progress", []byte(`{"progress":1e50000000}`)); err == nil {
		t.Error("the notification passed")
	}
	if o.asked != nil || o.notified != nil || !slices.Equal(r.records, []Phase{PhaseRefusal, PhaseRefusal}) {
		t.Errorf("asked %v, notified %v, records %v", o.asked, o.notified, r.records)
	}
}

func TestContainedWorkIsLogged(t *testing.T) {
	var log bytes.Buffer
	after := false
	Contain(slog.New(slog.NewTextHandler(&log, nil)), "reading an upstream", func() {
		defer func() { after = true }()
		panic("odd bytes")
	})()
	if text := log.String(); !after || !strings.Contains(text, "odd bytes") || !strings.Contains(text, "reading an upstream") {
		t.Errorf("after: %v, log: %s", after, text)
	}
}
