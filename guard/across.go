package guard

import (
	"slices"
	"strings"

	"toolward/gateway"
)

// joined is the short texts of a call one after the other, as a model reads
// them: an order may be cut over several.
type joined struct {
	text   strings.Builder
	starts []int
}

const (
	maxShort  = 256      // a longer text is judged well enough alone
	maxJoined = 16 << 10 // bytes of all together
)

// add joins a text that has several words.
func (j *joined) add(l *leaf) {
	if l.key || l.kind != leafText || len(l.text) > maxShort || j.text.Len() > maxJoined || strings.IndexByte(l.text, ' ') < 0 {
		return
	}
	j.starts = append(j.starts, j.text.Len())
	j.text.WriteString(l.text)
	j.text.WriteByte(' ')
}

// across looks for orders that are cut over several texts. There is no place
// to point at, so what would be redacted blocks.
func (sc *scan) across() {
	found := slices.ContainsFunc(sc.findings, func(f gateway.Finding) bool { return f.Kind == gateway.FindingInjection && !sc.unsure(&f) })
	if len(sc.short.starts) < 2 || sc.defines || found || sc.err != nil {
		return // among them: a result's text and structured content, which say the same twice
	}
	text := sc.short.text.String()
	t := sc.s.norm.Normalize(text)
	defer t.Release()
	surface, limit := sc.surface()
	_, over := sc.s.model.Judge(t, surface, limit)
	var secrets []gateway.Finding
	if len(over) > 0 {
		secrets = sc.secrets(nil, t, "")
	}
	for _, v := range over {
		inside := 0
		for _, start := range sc.short.starts {
			if v.Span[0] < start && start < v.Span[1] {
				inside++
			}
		}
		if inside == 0 {
			continue // it lies in one text, which was judged as such
		}
		sc.score = max(sc.score, v.Score)
		f := gateway.Finding{Kind: gateway.FindingInjection, Rule: ruleAcross, Span: v.Span, Score: v.Score, Via: v.Via, Severity: severityOf(v.Score)}
		f.Sample = excerpt(text, f.Span, secrets)
		sc.settle(&f, text, place{outside: true})
	}
}
