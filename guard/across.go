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
	more   bool // they are not the first
}

const (
	maxShort  = 256      // a longer text is judged well enough alone
	maxJoined = 16 << 10 // bytes that are judged together …
	overlap   = 1 << 10  // … and how many of them with the next ones again
)

// add joins a text that has several words, and reports whether as many are
// joined as are judged together.
func (j *joined) add(l *leaf) (full bool) {
	if l.kind != leafText || len(l.text) > maxShort || strings.IndexByte(l.text, ' ') < 0 {
		return false
	}
	j.starts = append(j.starts, j.text.Len())
	j.text.WriteString(l.text)
	j.text.WriteByte(' ')
	return j.text.Len() > maxJoined
}

// next leaves the last texts, which the next ones may go on from.
func (j *joined) next() {
	text := j.text.String()
	from, _ := slices.BinarySearch(j.starts, len(text)-overlap)
	from = min(from, len(j.starts)-1)
	start := j.starts[from]
	j.starts = j.starts[:copy(j.starts, j.starts[from:])]
	for i := range j.starts {
		j.starts[i] -= start
	}
	j.text = strings.Builder{}
	j.text.WriteString(text[start:])
	j.more = true
}

// across looks for orders that are cut over several texts. There is no place
// to point at, so what would be redacted blocks.
func (sc *scan) across() {
	found := slices.ContainsFunc(sc.findings, func(f gateway.Finding) bool { return injectionKind(f.Kind) && withheld([]gateway.Finding{f}) })
	if len(sc.short.starts) < 2 || found || sc.err != nil {
		return // among them: a result's text and structured content, which say the same twice
	}
	text := sc.short.text.String()
	if sc.short.more && !sc.s.model.Suspects(text) {
		return // a large result is mostly short texts, and was judged once already
	}
	t := sc.s.norm.Normalize(text)
	defer t.Release()
	surface, limit := sc.surface()
	worded := limit
	if limit == sc.s.model.Limits().Found {
		worded = min(limit, wordedLimit)
	}
	lowest := worded
	if sc.s.judge != nil {
		lowest = min(lowest, sc.s.judge.From)
	}
	_, over := sc.s.model.Judge(t, surface, lowest)
	var secrets []gateway.Finding
	looked := false
	for _, v := range over {
		limit := limit
		inside := 0
		for _, start := range sc.short.starts {
			if v.Span[0] < start && start < v.Span[1] {
				inside++
			}
		}
		if inside == 0 {
			continue // it lies in one text, which was judged as such
		}
		f := gateway.Finding{Kind: gateway.FindingInjection, Rule: ruleAcross, Span: v.Span, Score: v.Score, Via: v.Via, Severity: severityOf(v.Score)}
		if sc.defines {
			f.Kind, f.Rule = gateway.FindingPoisoning, rulePieces
		}
		named := sc.named(&v)
		if named >= 0 {
			limit = worded
			if sc.trust(&f) < certain {
				f.Rule = v.Rules[named]
			}
		}
		own := v.Score >= limit && (named >= 0 || v.Words >= fewestWords)
		asks := sc.s.judge.asks(v.Score) && len(sc.asked) < maxAsked
		if !own && !asks {
			continue
		}
		if !looked {
			secrets, looked = sc.secrets(nil, t, ""), true
		}
		f.Sample = excerpt(text, f.Span, secrets)
		switch {
		case asks:
			sc.asked = append(sc.asked, question{f, sc.ask(t, v), text, place{outside: true}, own})
		case own:
			sc.score = max(sc.score, v.Score)
			sc.settle(&f, text, place{outside: true})
		}
	}
}
