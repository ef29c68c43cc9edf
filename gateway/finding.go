package gateway

import (
	"fmt"
	"strconv"
	"strings"
)

// FindingKind groups what guard looks for. Each kind has its own action in
// the configuration.
type FindingKind string

// The kinds of findings.
const (
	FindingInjection  FindingKind = "injection"  // text that gives orders to the model
	FindingSecret     FindingKind = "secret"     // a credential
	FindingPII        FindingKind = "pii"        // personal data
	FindingExfil      FindingKind = "exfil"      // data on its way out: links, encodings
	FindingProvenance FindingKind = "provenance" // a copy of what a private tool returned
	FindingHoneytoken FindingKind = "honeytoken" // a value that must never appear
	FindingPoisoning  FindingKind = "poisoning"  // orders inside a tool's definition, or shadowing
	FindingHidden     FindingKind = "hidden"     // characters a person does not see
)

// Action is what guard does about a finding of its own accord. Policy sees
// every finding whatever its action.
type Action string

// The actions, weakest first. Quarantine applies to definitions only.
const (
	ActionObserve    Action = "observe"    // record it
	ActionPolicy     Action = "policy"     // leave it to Rego
	ActionRedact     Action = "redact"     // replace the span in what an agent is shown; refuse what it sends
	ActionTokenize   Action = "tokenize"   // likewise; what stands for a value is the same in every session of the agent
	ActionQuarantine Action = "quarantine" // hide the tool until a person accepts it
	ActionBlock      Action = "block"      // refuse the call or withhold the result
)

// TakesOut reports whether the action replaces what was found, in what an agent is shown.
func (a Action) TakesOut() bool { return a == ActionRedact || a == ActionTokenize }

// Severity of a finding.
type Severity string

// The severities, weakest first.
const (
	SeverityLow    Severity = "low"
	SeverityMedium Severity = "medium"
	SeverityHigh   Severity = "high"
)

// Finding is one thing that guard saw.
type Finding struct {
	Kind     FindingKind `json:"kind"`
	Rule     string      `json:"rule"`             // stable id, "secret.github-pat"
	Stage    Stage       `json:"stage"`            // request or result
	Where    string      `json:"where"`            // RFC 6901 pointer into what was scanned: "/body", "/content/0/text"
	Beside   bool        `json:"beside,omitempty"` // it stands beside the arguments: Where begins with the member of params, "/_meta/…"
	Key      bool        `json:"key,omitempty"`    // the span is in the member's name, not in its value
	Span     [2]int      `json:"span"`             // byte offsets in the decoded string at Where; {0,0} means all of it
	Severity Severity    `json:"severity"`         //
	Score    float64     `json:"score,omitempty"`  // confidence, 0 to 1: a probability where a classifier found it
	Sample   string      `json:"sample,omitempty"` // a redacted sample: never the secret, at most 80 characters
	Via      string      `json:"via,omitempty"`    // how it was hidden: "base64", "tag-characters", "base64>url"
	From     string      `json:"from,omitempty"`   // provenance: ID of the call whose result it copies
	Print    string      `json:"print,omitempty"`  // fingerprint for guard allow entries; keyed hash, not reversible
	Action   Action      `json:"action"`           // what configuration says about it
}

// Stage is the half of the road that something belongs to.
type Stage string

// The stages, as policy input names them.
const (
	StageRequest Stage = "request"
	StageResult  Stage = "result"
)

// Suspicion says which finding makes a session untrusted, the gravest; "" if none does.
func Suspicion(findings []Finding) string {
	var worst *Finding
	for i := range findings {
		f := &findings[i]
		if f.Kind == FindingInjection && f.Stage == StageResult && f.Action != ActionObserve && (worst == nil || f.Score > worst.Score) {
			worst = f
		}
	}
	if worst == nil {
		return ""
	}
	return fmt.Sprintf("%s %.2f at %s", worst.Rule, worst.Score, spokenPlace(worst.Where))
}

// spokenPlace is a pointer as far as nobody but MCP chose its names; see [Place].
func spokenPlace(pointer string) string {
	var b strings.Builder
	for token := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		_, err := strconv.ParseUint(token, 10, 16)
		if err != nil && !spoken[token] {
			return b.String() + "/…"
		}
		b.WriteString("/" + token)
	}
	return b.String()
}

// Report is guard's answer about one half of a call.
type Report struct {
	Findings []Finding
	Score    float64 // highest injection probability of any window, 0 to 1; 0 when nothing was scored
}
