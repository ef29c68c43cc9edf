package guard

import (
	"errors"
	"fmt"
	"slices"

	"toolward/gateway"
)

// Bounds on what one scan reports.
const (
	maxPerLeaf  = 64    // findings of one kind in one text; more become one over all of them
	maxObserved = 1024  // findings that nothing acts on; more are counted out
	maxFindings = 16384 // findings that something acts on; more are a fault
)

// errTooMany is a text made of findings.
var errTooMany = errors.New("guard: more findings than can be acted on")

// report places, weighs and keeps what was found in one text.
func (sc *scan) report(l *leaf, found []gateway.Finding) {
	if len(found) == 0 {
		return
	}
	p := sc.place(l)
	for _, f := range sc.distinct(found, l.text) {
		sc.settle(&f, l.text, p)
	}
}

// settle completes a finding in a text with what is done about it, and keeps
// it unless an exception covers it.
func (sc *scan) settle(f *gateway.Finding, text string, p place) {
	f.Stage, f.Where, f.Key = sc.stage, p.where, p.key
	f.Action = sc.action(f)
	f.Print = sc.s.print(f.Rule, cut(text, f.Span))
	if p.whole {
		f.Span = [2]int{}
	}
	f.Beside = p.beside
	if p.outside {
		f.Where, f.Key, f.Span = "", false, [2]int{}
	}
	if (p.outside || p.beside) && f.Action.TakesOut() && !sc.sends {
		f.Action = gateway.ActionBlock // it cannot be taken out there; what is sent is refused anyhow
	}
	if f.Rule == ruleOwn || !sc.s.allow.covers(f, sc.tool) {
		sc.keep(*f)
	}
}

// action is what the configuration says about a finding. A honeytoken in a
// result is where it was put; only one that is sent is out.
func (sc *scan) action(f *gateway.Finding) gateway.Action {
	if f.Kind == gateway.FindingHoneytoken && !sc.sends || f.Rule == unjudged {
		return gateway.ActionObserve
	}
	action := sc.s.actions.of(f.Kind, sc.tool, sc.sends)
	switch trust := sc.trust(f); {
	case trust == seen:
		return gateway.ActionObserve
	case trust == suspected && (action == gateway.ActionBlock || action == gateway.ActionQuarantine || sc.sends && action.TakesOut()):
		return gateway.ActionPolicy
	}
	if f.Rule == ruleOwn && action != gateway.ActionBlock {
		return gateway.ActionRedact
	}
	return action
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
	if injectionKind(f.Kind) {
		return f.Score
	}
	return 0
}

func injectionKind(k gateway.FindingKind) bool {
	return k == gateway.FindingInjection || k == gateway.FindingPoisoning
}

// distinct drops findings that say the same of the same place in a text, and
// where a kind has very many joins them to one, of which the weightiest says what
// it is: an order must not go unseen behind doubtful ones. Those that are left
// without a sample are given one.
func (sc *scan) distinct(found []gateway.Finding, text string) []gateway.Finding {
	var kept []gateway.Finding
	count := map[gateway.FindingKind]int{}
	first := map[gateway.FindingKind]int{}
	for i, f := range found {
		again := false
		for j := max(0, len(kept)-2*maxPerLeaf); j < len(kept) && !again; j++ {
			k := &kept[j]
			again = k.Span[0] < f.Span[1] && f.Span[0] < k.Span[1] && k.Kind == f.Kind && k.Rule == f.Rule
		}
		if again {
			continue
		}
		if count[f.Kind]++; count[f.Kind] == 1 {
			first[f.Kind] = len(kept)
		}
		if count[f.Kind] > maxPerLeaf {
			k := &kept[first[f.Kind]]
			if weight(sc.action(&f)) > weight(sc.action(k)) {
				k.Rule, k.Score, k.Severity, k.Via = f.Rule, f.Score, f.Severity, f.Via
			}
			k.Span = [2]int{min(k.Span[0], f.Span[0]), max(k.Span[1], f.Span[1])}
			k.Sample = fmt.Sprintf("%d findings, from here on together", count[f.Kind]-maxPerLeaf+1)
			continue
		}
		if f.Sample == "" && injectionKind(f.Kind) {
			f.Sample = excerpt(text, f.Span, found[:i])
		}
		kept = append(kept, f)
	}
	return kept
}

// weight puts actions in order of what they keep from a reader.
func weight(a gateway.Action) int {
	return slices.Index([]gateway.Action{gateway.ActionObserve, gateway.ActionPolicy, gateway.ActionRedact, gateway.ActionTokenize, gateway.ActionQuarantine, gateway.ActionBlock}, a)
}

// cut returns the part of text that a span covers; {0,0} is all of it.
func cut(text string, span [2]int) string {
	if span == [2]int{} || span[0] < 0 || span[1] > len(text) || span[0] >= span[1] {
		return text
	}
	return text[span[0]:span[1]]
}
