package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"toolward/audit"
	"toolward/gateway"
	"toolward/guard/guardtest"
)

// steps are the parts of the road that handle a call's bytes beside guard.
type steps struct {
	store *audit.Store
	dir   string
}

func newSteps() (*steps, error) {
	dir, err := os.MkdirTemp("", "growth")
	if err != nil {
		return nil, err
	}
	store, err := audit.Open(audit.Options{Path: filepath.Join(dir, "toolward.db"), Every: time.Hour})
	if err != nil {
		return nil, err
	}
	return &steps{store, dir}, nil
}

func (s *steps) close() error {
	if err := s.store.Close(); err != nil {
		return err
	}
	return os.RemoveAll(s.dir)
}

// run parses, redacts and records a call whose findings are these, with a
// reason of policy and an error of the upstream that quote the whole of it.
func (s *steps) run(raw string, findings []gateway.Finding) error {
	call := gateway.NewCall(gateway.SurfaceREST, gateway.KindTool, "tools/call")
	call.Agent = &gateway.Agent{ID: "growth", Issuer: "https://id.example"}
	call.Tool = &gateway.Tool{Kind: gateway.KindTool, Server: "demo", Name: "fetch", Wire: "demo__fetch"}
	var err error
	if call.Args, err = gateway.ParseArgs([]byte(raw)); err != nil {
		return err
	}
	if err := gateway.CheckJSON([]byte(raw)); err != nil {
		return err
	}
	gateway.Mend([]byte(raw))
	var edits []gateway.Edit
	for _, f := range findings {
		edits = append(edits, gateway.Edit{Where: f.Where, Key: f.Key, Span: f.Span, With: "[redacted]"})
	}
	if _, err := gateway.Redact(json.RawMessage(raw), edits); err != nil {
		return err
	}
	if _, err := gateway.Canonical([]byte(raw)); err != nil {
		return err
	}
	call.Findings = findings
	call.Decision = gateway.Decision{Effect: gateway.EffectDeny, Reasons: []string{"not this: " + raw, raw}}
	call.Refusal = gateway.Refuse("policy", gateway.PolicyDenied, "not this: "+raw).Because(fmt.Errorf("as in %s", raw))
	return s.store.Record(context.Background(), gateway.PhaseRefusal, call)
}

// places are kinds of arguments that are hostile to what walks their places:
// many values to edit, long names around them, numbers at the bounds.
var places = []guardtest.Kind{
	{Name: "secrets that begin alike", Make: func(size int) string {
		return many(size, func(i int) string { return fmt.Sprintf(`"sk-%s%08d"`, strings.Repeat("ab", 40), i) })
	}},
	{Name: "short secrets", Make: func(size int) string { return many(size, func(i int) string { return fmt.Sprintf(`"s%07d"`, i) }) }},
	{Name: "one periodic secret", Make: func(size int) string { return `["` + strings.Repeat("eyJhbGciOiJIUzI1NiJ9.", size/21) + `"]` }},
	{Name: "values below a long name", Make: func(size int) string {
		return `{"` + strings.Repeat("n", size/2) + `":` + many(size/2, func(int) string { return "1" }) + `}`
	}},
	{Name: "long numbers", Make: func(size int) string { return many(size, func(int) string { return strings.Repeat("9", 4096) }) }},
	{Name: "long fractions", Make: func(size int) string {
		return many(size, func(int) string { return "0." + strings.Repeat("0", 290) + "5" })
	}},
	{Name: "names in one object", Make: func(size int) string {
		var b strings.Builder
		for i := 0; b.Len() < size; i++ {
			fmt.Fprintf(&b, `,"n%d":%d`, i, i)
		}
		return "{" + b.String()[1:] + "}"
	}},
	{Name: "escapes", Make: func(size int) string { return `["` + strings.Repeat(`\ud83d\ude00`, size/12) + `"]` }},
}

func many(size int, value func(i int) string) string {
	var b strings.Builder
	for i := 0; b.Len() < size; i++ {
		b.WriteByte(',')
		b.WriteString(value(i))
	}
	return "[" + b.String()[1:] + "]"
}

// hidden has a finding for every text in an array, 4,096 at most: what guard
// finds at most is not what this is about.
func hidden(raw string) (all []gateway.Finding) {
	doc, _ := gateway.Decode(json.RawMessage(raw)).(map[string]any)
	list, _ := doc["body"].([]any)
	for i, v := range list {
		if text, ok := v.(string); ok && i < 4096 {
			all = append(all, gateway.Finding{
				Kind: gateway.FindingSecret, Rule: "secret.growth", Stage: gateway.StageRequest,
				Where: fmt.Sprintf("/body/%d", i), Span: [2]int{0, len(text)}, Action: gateway.ActionRedact,
			})
		}
	}
	return all
}
