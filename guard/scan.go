package guard

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"toolward/gateway"
	"toolward/guard/exfil"
	"toolward/guard/normal"
	"toolward/guard/provenance"
)

// Bounds on what one scan reports.
const (
	maxPerLeaf  = 64    // findings of one kind in one text; more become one over all of them
	maxObserved = 1024  // findings that nothing acts on; more are counted out
	maxFindings = 16384 // findings that something acts on; more are a fault
)

// errTooMany is a text made of findings.
var errTooMany = errors.New("guard: more findings than can be acted on")

// scan is one pass over one half of a call.
type scan struct {
	s     *Scanner
	ctx   context.Context
	call  *gateway.Call // nil outside calls
	tool  *gateway.Tool
	stage gateway.Stage

	sends   bool // the text was written on the agent's side
	defines bool // it is a tool's definition
	outside bool // it stands beside the arguments, where no redaction reaches

	findings []gateway.Finding
	observed int
	score    float64
	traced   bool               // texts are looked up or remembered …
	fields   []provenance.Field // … these
	places   []place            // and where each stands
	asked    []question         // for the external judge
	short    joined             // texts that may be parts of one
	err      error
}

// place is how findings in a field are reported.
type place struct{ whole, outside bool }

func (s *Scanner) start(ctx context.Context, c *gateway.Call, stage gateway.Stage, sends bool) *scan {
	sc := &scan{s: s, ctx: ctx, call: c, tool: c.Tool, stage: stage, sends: sends}
	if c.Agent != nil {
		sc.traced = sends && s.traces.Holds(c.Agent.Principal()) || sc.learns()
	}
	return sc
}

// run scans, makes up the report, and turns a panic of a detector into an error.
func (sc *scan) run(walk func()) (report gateway.Report, err error) {
	defer func() {
		if p := recover(); p != nil {
			report, err = gateway.Report{}, fmt.Errorf("guard: detector panicked: %v", p)
		}
	}()
	walk()
	if sc.sends && sc.traced {
		sc.copies()
	}
	sc.across()
	sc.consult()
	if sc.err != nil {
		return gateway.Report{}, sc.err
	}
	return gateway.Report{Findings: sc.findings, Score: sc.score}, nil
}

// json scans every leaf of a JSON value.
func (sc *scan) json(raw []byte) { walk(raw, sc.leaf) }

// extra scans the members beside the arguments.
func (sc *scan) extra(members []gateway.Member) {
	sc.outside = true
	for _, m := range members {
		sc.json(m.Value)
	}
	sc.outside = false
}

// minText is the fewest bytes of a text that can hold anything.
const minText = 8

func (sc *scan) leaf(l *leaf) {
	if sc.err != nil || len(l.text) < minText {
		return
	}
	switch l.kind {
	case leafMedia:
		if media(l.text) {
			return
		}
	case leafBlob:
		text, ok := blob(l.text)
		if !ok {
			return
		}
		l.text, l.whole = text, true
	}
	if err := sc.ctx.Err(); err != nil {
		sc.err = err
		return
	}
	sc.text(l)
	sc.short.add(l)
	if sc.traced {
		sc.fields = append(sc.fields, provenance.Field{Where: string(l.path), Key: l.key, Text: l.text})
		sc.places = append(sc.places, place{l.whole, sc.outside})
	}
}

// text runs every detector over one text.
func (sc *scan) text(l *leaf) {
	t := sc.s.norm.Normalize(l.text)
	defer t.Release()
	var found []gateway.Finding
	found = sc.secrets(found, t, l.name)
	found = everyView(found, t, func(dst []gateway.Finding, text string) []gateway.Finding {
		return sc.s.pii.Scan(dst, l.name, text)
	})
	if l.kind != leafNumber {
		found = sc.injection(found, t, l)
		found = sc.hidden(found, t)
		found = sc.s.exfil.Scan(found, exfil.Text{Text: l.text, Name: l.name, Sent: sc.sends})
	}
	sc.report(l, found)
}

// sure is the confidence that a credential needs in what was decoded: what
// looks like one there by chance is taken for one least of all.
const sure = 0.7

// secrets looks for credentials in a text.
func (sc *scan) secrets(found []gateway.Finding, t *normal.Text, name string) []gateway.Finding {
	from := len(found)
	found = everyView(found, t, func(dst []gateway.Finding, text string) []gateway.Finding {
		return sc.s.secrets.Scan(dst, name, text)
	})
	kept := slices.DeleteFunc(found[from:], func(f gateway.Finding) bool { return f.Via != "" && f.Score < sure })
	return found[:from+len(kept)]
}

// everyView lets a detector read every view of a text, and the text as it was
// written where reading it changed it.
func everyView(found []gateway.Finding, t *normal.Text, detect func([]gateway.Finding, string) []gateway.Finding) []gateway.Finding {
	for i := range t.Views {
		v := &t.Views[i]
		from := len(found)
		found = detect(found, v.Text)
		for j := from; j < len(found); j++ {
			found[j].Span, found[j].Via = v.Raw(found[j].Span[0], found[j].Span[1]), v.Via
		}
	}
	if t.Clean() != t.Raw {
		found = detect(found, t.Raw)
	}
	return found
}

// hidden reports what a person reading the text would not see.
func (sc *scan) hidden(found []gateway.Finding, t *normal.Text) []gateway.Finding {
	for _, m := range t.Marks {
		if !m.Kind.Hidden() && m.Kind != normal.Truncated {
			continue
		}
		f := gateway.Finding{Kind: gateway.FindingHidden, Rule: "hidden." + m.Kind.String(), Span: m.Span, Severity: gateway.SeverityMedium,
			Sample: fmt.Sprintf("%d characters", m.Count)}
		switch {
		case m.Kind == normal.Truncated:
			f.Severity, f.Sample = gateway.SeverityLow, ""
		case sc.defines:
			f.Kind, f.Rule, f.Severity, f.Score = gateway.FindingPoisoning, "poisoning."+f.Rule, gateway.SeverityHigh, 0.9
		}
		found = append(found, f)
	}
	return found
}

// report places, weighs and keeps what was found in one text.
func (sc *scan) report(l *leaf, found []gateway.Finding) {
	if len(found) == 0 {
		return
	}
	found = distinct(found)
	for i := range found {
		f := &found[i]
		f.Where, f.Key = string(l.path), l.key
		sc.settle(f, l.text, place{l.whole, sc.outside})
	}
}

// settle completes a finding in a text with what is done about it, and keeps
// it unless an exception covers it.
func (sc *scan) settle(f *gateway.Finding, text string, p place) {
	f.Stage = sc.stage
	f.Action = sc.action(f)
	f.Print = sc.s.print(f.Rule, cut(text, f.Span))
	if p.whole {
		f.Span = [2]int{}
	}
	if p.outside {
		f.Where, f.Key, f.Span = "", false, [2]int{}
		if f.Action == gateway.ActionRedact {
			f.Action = gateway.ActionBlock // it cannot be taken out there
		}
	}
	if !sc.s.allow.covers(f, sc.tool) {
		sc.keep(*f)
	}
}

// action is what the configuration says about a finding. A honeytoken in a
// result is where it was put; only one that is sent is out.
func (sc *scan) action(f *gateway.Finding) gateway.Action {
	if f.Kind == gateway.FindingHoneytoken && !sc.sends || f.Rule == unjudged {
		return gateway.ActionObserve
	}
	return sc.s.actions.of(f.Kind, sc.tool)
}

// keep adds a finding within the bounds.
func (sc *scan) keep(f gateway.Finding) {
	sc.score = max(sc.score, injectionScore(&f))
	if f.Action == gateway.ActionObserve {
		if sc.observed++; sc.observed > maxObserved {
			return
		}
	} else if len(sc.findings)-min(sc.observed, maxObserved) >= maxFindings {
		sc.err = errTooMany
		return
	}
	sc.findings = append(sc.findings, f)
}

func injectionScore(f *gateway.Finding) float64 {
	if f.Kind == gateway.FindingInjection || f.Kind == gateway.FindingPoisoning {
		return f.Score
	}
	return 0
}

// distinct drops findings that say the same of the same place, and where a
// kind has very many joins them to one.
func distinct(found []gateway.Finding) []gateway.Finding {
	var kept []gateway.Finding
	count := map[gateway.FindingKind]int{}
	first := map[gateway.FindingKind]int{}
	for _, f := range found {
		near := kept[max(0, len(kept)-2*maxPerLeaf):]
		if slices.ContainsFunc(near, func(k gateway.Finding) bool {
			return k.Kind == f.Kind && k.Rule == f.Rule && k.Span[0] < f.Span[1] && f.Span[0] < k.Span[1]
		}) {
			continue
		}
		if count[f.Kind]++; count[f.Kind] == 1 {
			first[f.Kind] = len(kept)
		}
		if count[f.Kind] > maxPerLeaf {
			k := &kept[first[f.Kind]]
			k.Span = [2]int{min(k.Span[0], f.Span[0]), max(k.Span[1], f.Span[1])}
			k.Sample = fmt.Sprintf("%d findings, from here on together", count[f.Kind]-maxPerLeaf+1)
			continue
		}
		kept = append(kept, f)
	}
	return kept
}

// cut returns the part of text that a span covers; {0,0} is all of it.
func cut(text string, span [2]int) string {
	if span == [2]int{} || span[0] < 0 || span[1] > len(text) || span[0] >= span[1] {
		return text
	}
	return text[span[0]:span[1]]
}

// media reports whether base64 holds what images and sounds start with. What
// does not is scanned as text, whatever its mimeType says.
func media(s string) bool {
	head := make([]byte, 24)
	n, _ := base64.StdEncoding.Decode(head, []byte(s[:min(len(s), 32)])) // a prefix may end in the middle
	head = head[:n]
	for _, magic := range []string{"\x89PNG\r\n", "\xff\xd8\xff", "GIF8", "RIFF", "ID3", "OggS", "fLaC", "\xff\xfb", "\xff\xf3", "\xff\xf1", "BM", "II*\x00", "MM\x00*", "\x00\x00\x01\x00", "\x1aE\xdf\xa3"} {
		if strings.HasPrefix(string(head), magic) {
			return true
		}
	}
	return len(head) > 8 && string(head[4:8]) == "ftyp"
}

// blob decodes a resource's base64 if it is text.
func blob(s string) (string, bool) {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return s, true // not what it says it is: scan it as it stands
	}
	if !utf8.Valid(b) {
		return "", false
	}
	control := 0
	for _, c := range b {
		if c < ' ' && c != '\n' && c != '\r' && c != '\t' && c != 0x1b {
			control++
		}
	}
	return string(b), control*20 <= len(b)
}
