package audit

import (
	"strings"
	"testing"

	"toolward/gateway"
)

// TestReviewQueriesRun runs docs/review-queries.sql on a record where each of
// them has something to find.
func TestReviewQueriesRun(t *testing.T) {
	s := house(t)
	secret := secretCall(t)
	secret.Decision.Shadow = gateway.EffectDeny
	must(t, s.Record(t.Context(), gateway.PhaseAttempt, secret))
	must(t, s.Note(t.Context(), "approval.asked", map[string]any{"id": "a", "agent": "ann", "tool": "t"}))
	must(t, s.Note(t.Context(), "approval.approved", map[string]any{"id": "a", "by": map[string]any{"issuer": "local", "subject": "rita"}, "note": "go on"}))
	sink := newCall(t, `{"to":"x"}`)
	sink.Findings = []gateway.Finding{{Kind: gateway.FindingProvenance, Rule: "provenance.copy", Stage: gateway.StageRequest, Where: "/to", From: secret.ID, Severity: gateway.SeverityHigh}}
	must(t, s.Record(t.Context(), gateway.PhaseAttempt, sink))
	out := newCall(t, `{}`)
	out.Tool = &gateway.Tool{Server: "mail", Name: "send", Wire: "mail__send", Labels: []string{"external"}}
	out.Session.Labels = []string{"private"}
	must(t, s.Record(t.Context(), gateway.PhaseAttempt, out))
	respond(out, `{"isError":true}`)
	out.Result.IsError = true
	must(t, s.Record(t.Context(), gateway.PhaseOutcome, out))
	last := newCall(t, `{}`)
	last.Refusal = gateway.Refuse("limit", gateway.RateLimited, "slow down")
	must(t, s.Record(t.Context(), gateway.PhaseRefusal, last))
	must(t, s.Note(t.Context(), "pin.accepted", gateway.Pin{Server: "files", Name: "read_file", Definition: []byte("{}"), By: gateway.Operator{Issuer: "local", Subject: "rita"}}))
	queries := 0
	for part := range strings.SplitSeq(read(t, "../docs/review-queries.sql"), ";\n") {
		if !strings.Contains(part, "SELECT") {
			continue
		}
		queries++
		part = strings.NewReplacer("s-4711", testAgent.Session, "01a20cb2-b175-7aaa-8aaa-aaaaaaaaaaaa", sink.ID, "hmac:9f2c41d07a55e1b3", "hmac:").Replace(part)
		rows, err := s.Reader.now(t.Context()).QueryContext(t.Context(), part)
		if err != nil {
			t.Errorf("%v in\n%s", err, part)
			continue
		}
		n := 0
		for rows.Next() {
			n++
		}
		if err := rows.Err(); err != nil || n == 0 {
			t.Errorf("%d rows, %v from\n%s", n, err, part)
		}
		must(t, rows.Close())
	}
	if queries != 25 {
		t.Errorf("%d queries, want 25", queries)
	}
}

// TestCodesAreDocumented holds docs/audit.md against the closed lists.
func TestCodesAreDocumented(t *testing.T) {
	page := read(t, "../docs/audit.md")
	for _, code := range gateway.Codes {
		if !strings.Contains(page, "`"+string(code)+"`") {
			t.Errorf("docs/audit.md does not explain the code %s", code)
		}
	}
	for _, outcome := range []string{"ok", "error", "refused", "withheld", "timeout", "cancelled", "failed", "running", "interrupted"} {
		if !strings.Contains(page, "`"+outcome+"`") {
			t.Errorf("docs/audit.md does not explain the outcome %s", outcome)
		}
	}
}
