// Package guard says what is in a call: text that gives orders to the model,
// credentials, personal data, data on its way out, copies of what private
// tools returned, and poisoned tool definitions.
//
// A [Scanner] walks every string of a request or result once, with its place:
// values, member names, long numbers, resource blobs that are text, prompt
// messages, errors, progress and log messages, sampling and elicitation
// requests. Each is normalised once (guard/decode/normal) and judged by the detectors
// of the sub-packages: rules and classify (injection), secret, pii, exfil and
// provenance. What they find becomes [gateway.Finding] values with the action
// that the configuration says; redaction itself is the road's.
//
// # Failing
//
// A detector that panics, or an external judge that is down and configured to
// block, is an error, and the road refuses the call. Findings that cannot be
// taken out where redaction is configured (outside the arguments proper) block.
//
// # Exceptions
//
// A finding that an entry of the [AllowList] covers is dropped as if it had not
// been found. Fingerprints in entries are keyed hashes of what was found
// ([gateway.Finding.Print]): nothing can be read back from them.
//
// # External judge
//
// With [Options.Judge], texts whose own injection score is in a band are sent
// to a text-classification server as
//
//	POST URL
//	{"inputs": ["text", …], "parameters": {"truncation": true}}
//
// and the answer may be any of the shapes that such servers give: for each
// input a list of {"label": "…", "score": 0.99} or one of them. A label named
// INJECTION, MALICIOUS, JAILBREAK or LABEL_1 (or [Judge.Label]) counts with
// its score; when only another label is given, one minus its score counts.
//
// # What it does not do
//
// It cannot tell a request that the user made from one that somebody else
// slipped in, if both are plain words: labels and policy stop those. See
// docs/guard.md for what each detector misses.
package guard

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"runtime"
	"slices"

	"toolward/gateway"
	"toolward/gateway/fair"
	"toolward/guard/classify"
	"toolward/guard/decode/normal"
	"toolward/guard/exfil"
	"toolward/guard/pii"
	"toolward/guard/provenance"
	"toolward/guard/rules"
	"toolward/guard/secret"
	"toolward/guard/vault"
)

// Labels of tools that guard itself heeds.
const (
	labelPrivate  = "private"  // its results are remembered, to be recognised when they leave
	labelExternal = "external" // what is sent to it leaves the house
)

// Scanner joins the detectors. It is safe for concurrent use.
type Scanner struct {
	actions actions
	key     []byte
	allow   *AllowList
	norm    *normal.Normalizer
	secrets *secret.Detector
	own     []string
	pii     *pii.Detector
	exfil   *exfil.Detector
	model   *classify.Model
	worded  map[string]bool // IDs of rules whose wording honest text nearly never has
	telling map[string]bool // … and those that it seldom has
	limits  Thresholds
	judge   *judge
	traces  *provenance.Store
	vault   *vault.Vault      // nil if nothing is kept
	decoys  *provenance.Store // honeytokens, to find them disguised; nil if there are none
	reaches *reaches
	large   *fair.Places // for bodies of largeBytes, by principal
}

var _ gateway.Guard = (*Scanner)(nil)

// New compiles the detectors. It fails on unknown kinds and actions, unusable
// honeytokens, and a judge without a URL.
func New(o Options) (*Scanner, error) {
	model := o.Model
	if model == nil {
		var err error
		if model, err = classify.Load(); err != nil {
			return nil, fmt.Errorf("guard: %w", err)
		}
	}
	s := &Scanner{
		key:    slices.Clone(o.Key),
		allow:  o.Allow,
		norm:   normal.New(normal.Options{}),
		exfil:  exfil.New(),
		model:  model,
		worded: map[string]bool{}, telling: map[string]bool{},
		traces: provenance.New(o.Provenance),
		vault:  o.Vault, reaches: &reaches{},
		large: fair.New(runtime.GOMAXPROCS(0), runtime.GOMAXPROCS(0)),
	}
	for _, r := range rules.Table {
		s.worded[r.ID], s.telling[r.ID] = r.Severity == rules.High, r.Severity == rules.Medium
	}
	if len(s.key) == 0 {
		s.key = []byte(rand.Text())
	}
	return s.With(o)
}

// With is a scanner of other options that knows what this one does: what private
// tools returned, and the key of fingerprints, which options do not change here. The two
// can be used side by side.
func (s *Scanner) With(o Options) (*Scanner, error) {
	a, err := newActions(o)
	if err != nil {
		return nil, err
	}
	secrets, err := secret.New(secret.Options{Honeytokens: o.Honeytokens})
	if err != nil {
		return nil, fmt.Errorf("guard: %w", err)
	}
	j, err := newJudge(o.Judge)
	if err != nil {
		return nil, err
	}
	next := *s
	next.actions, next.secrets, next.own, next.judge, next.allow = a, secrets, newOwn(o.Own), j, o.Allow
	next.pii, next.limits, next.decoys = pii.New(pii.Options{IP: o.PublicIPs}), o.Thresholds, newDecoys(o.Honeytokens)
	for _, limit := range []*float64{&next.limits.Args, &next.limits.Result, &next.limits.Definition} {
		if *limit == 0 {
			*limit = s.model.Limits().Found
		}
		if *limit < 0 || *limit > 1 {
			return nil, fmt.Errorf("guard: a threshold of %v is not a probability", *limit)
		}
	}
	return &next, nil
}

// Request scans what a call asks for: arguments of the agent, or for reverse
// kinds what an upstream sends.
func (s *Scanner) Request(ctx context.Context, c *gateway.Call) (gateway.Report, error) {
	sc := s.start(ctx, c, gateway.StageRequest, !c.Kind.Reverse())
	sc.turn(c.Size())
	defer sc.endTurn()
	return sc.run(func() {
		sc.json(c.Args.Raw())
		sc.extra(c.Extra)
	})
}

// Secrets finds credentials, and nothing else, in JSON that is recorded without
// having been judged: what an issuer says of an agent, a name that no tool has.
func (s *Scanner) Secrets(raw json.RawMessage) ([]gateway.Finding, error) {
	sc := &scan{s: s, ctx: context.Background(), stage: gateway.StageRequest, sends: true, secretsOnly: true}
	report, err := sc.run(func() { sc.json(raw) })
	return report.Findings, err
}

// Result scans what came back. What a tool labelled private returned to the
// principal is remembered, unless it is withheld.
func (s *Scanner) Result(ctx context.Context, c *gateway.Call) (gateway.Report, error) {
	// What comes back of a reverse kind was written on the agent's side, but for
	// notifications, which are judged as results of their call's tool.
	sc := s.start(ctx, c, gateway.StageResult, c.Kind.Reverse() && c.Kind != gateway.KindNotification)
	sc.turn(len(c.Result.Bytes()))
	defer sc.endTurn()
	report, err := sc.run(func() {
		sc.doubled(c.Result.Bytes())
		sc.json(c.Result.Bytes())
		sc.inJSON()
	})
	if err == nil && sc.learns() && !withheld(report.Findings) {
		s.traces.Learn(c.Agent.Principal(), traceID(c), sc.sent(), sc.fields)
	}
	return report, err
}

// withheld reports whether a finding keeps the result from the agent.
func withheld(findings []gateway.Finding) bool {
	return slices.ContainsFunc(findings, func(f gateway.Finding) bool {
		return f.Action == gateway.ActionBlock || f.Action == gateway.ActionQuarantine
	})
}
