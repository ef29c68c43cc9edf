package guard

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"toolward/gateway"
	"toolward/guard/classify"
	"toolward/guard/decode/normal"
)

// surface tells the classifier where a text was met, and the score from which
// it is a finding there.
func (sc *scan) surface() (classify.Surface, float64) {
	switch {
	case sc.defines:
		return classify.ToolDescription, sc.s.limits.Definition
	case sc.sends:
		return classify.ToolArgs, sc.s.limits.Args
	}
	return classify.ToolResult, sc.s.limits.Result
}

// Rules of findings that rest on the classifier's score alone.
const (
	ruleClassifier = "injection.classifier"
	ruleOrders     = "poisoning.orders"
	ruleAcross     = "injection.across"
	rulePieces     = "poisoning.across"
)

// Rules of texts with so much that is encoded that it was not all decoded.
const (
	ruleUndecoded = "injection.undecoded"
	ruleUnread    = "poisoning.undecoded"
)

// wordedLimit is the score from which a text is a finding that has a wording
// which honest text nearly never has ([rules.High]).
const wordedLimit = 0.8

// trust is how much a finding may do.
type trust int

const (
	seen      trust = iota // it is recorded
	suspected              // … and left to policy, which makes the session untrusted
	certain                // … and does what the configuration says
)

// trust says how much a finding may do. One behind which nothing stands but a score
// over the classifier's own limits does no more than that score is worth: tool
// traffic is nearly all harmless, so one text in a hundred is many a day. A threshold
// that the operator set is taken at its word.
func (sc *scan) trust(f *gateway.Finding) trust {
	if f.Rule != ruleClassifier && f.Rule != ruleOrders && f.Rule != ruleAcross && f.Rule != rulePieces {
		return certain
	}
	limits := sc.s.model.Limits()
	if _, limit := sc.surface(); limit != limits.Found {
		return certain
	}
	apart := f.Via == "" || f.Via == normal.WordsApart
	switch {
	case !apart && concealed(f.Via), apart && f.Score >= limits.Certain:
		return certain
	case f.Score >= limits.Suspect:
		return suspected
	}
	return seen
}

// concealed reports whether a text was surely hidden. That something reads as
// words when its letters are put in another order may be chance, and words that
// stand apart are no secret.
func concealed(via string) bool {
	for part := range strings.SplitSeq(via, ">") {
		switch part {
		case "", "caesar", "rot13", "atbash", "reversed", "reversed-words", "leet", "spaced", "joined-words", "quoted-printable", normal.WordsApart:
		default:
			return true
		}
	}
	return false
}

// fewestWords is how many different words an order has that no rule names.
// Tables of numbers have fewer, whatever they score: "hex(c.r0()), hex(c.r1())",
// "0x3fd, 0x3fe". What stands beside the words does not count, else filler
// would hide an order.
const fewestWords = 5

// injection looks for orders to the model. What the external judge wants a say
// about waits for it.
func (sc *scan) injection(found []gateway.Finding, t *normal.Text, l *leaf) []gateway.Finding {
	surface, limit := sc.surface()
	worded := limit // an operator's threshold is taken at its word
	if limit == sc.s.model.Limits().Found {
		worded = min(limit, wordedLimit)
	}
	lowest := worded
	if sc.s.judge != nil {
		lowest = min(lowest, sc.s.judge.From)
	}
	best, over := sc.s.model.Judge(t, surface, lowest)
	sc.score = max(sc.score, best)
	for _, v := range over {
		named := sc.named(&v)
		f := gateway.Finding{Kind: gateway.FindingInjection, Rule: ruleClassifier, Span: v.Span, Score: v.Score, Via: v.Via, Severity: severityOf(v.Score)}
		if sc.defines {
			f.Kind, f.Rule = gateway.FindingPoisoning, ruleOrders
		}
		limit := limit
		if named >= 0 {
			f.Rule, limit = v.Rules[named], worded
		}
		own := v.Score >= limit && (named >= 0 || v.Words >= fewestWords)
		switch {
		case sc.s.judge.asks(v.Score) && len(sc.asked) < maxAsked:
			f.Sample = excerpt(l.text, f.Span, found)
			sc.asked = append(sc.asked, question{f, sc.ask(t, v), l.text, sc.place(l), own})
		case own:
			found = append(found, f)
		}
	}
	return found
}

// named is which of a verdict's rules a finding goes by, -1 for none: one whose
// wording honest text nearly never has, whatever the score, or any other where the
// score alone would do for a suspicion. Two signs that know nothing of each other are
// seldom wrong together.
func (sc *scan) named(v *classify.Verdict) int {
	named := slices.IndexFunc(v.Rules, func(id string) bool { return sc.s.worded[id] })
	if named < 0 && len(v.Rules) > 0 && v.Score >= sc.s.model.Limits().Suspect {
		named = slices.IndexFunc(v.Rules, func(id string) bool { return sc.s.telling[id] })
	}
	return named
}

func severityOf(score float64) gateway.Severity {
	switch {
	case score >= 0.9:
		return gateway.SeverityHigh
	case score >= 0.5:
		return gateway.SeverityMedium
	}
	return gateway.SeverityLow
}

// excerpt is the start of what a finding is about, at most 80 characters,
// without the credentials and personal data in it.
func excerpt(text string, span [2]int, others []gateway.Finding) string {
	var b strings.Builder
	at, end := span[0], min(span[1], len(text))
	var over [][2]int
	for i := range others {
		if o := others[i].Span; o[0] < end && o[1] > at {
			over = append(over, o)
		}
	}
	for at < end && b.Len() < 80 {
		covered := at
		for _, o := range over {
			if o[0] <= at && at < o[1] {
				covered = max(covered, o[1])
			}
		}
		if covered > at {
			b.WriteString("…")
			at = covered
			continue
		}
		r, size := utf8.DecodeRuneInString(text[at:])
		switch {
		case r == utf8.RuneError, r < ' ', r >= 0xe0000:
			b.WriteByte(' ')
		default:
			b.WriteRune(r)
		}
		at += size
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// maxAsked bounds the windows that wait for the external judge, of which it is
// asked about the likeliest; any more go by their own score.
const maxAsked = 8 * judgeTexts

// question is a window that the external judge is asked about.
type question struct {
	finding gateway.Finding
	text    string // what it is asked about
	leaf    string // the text that the finding is in
	place   place
	own     bool // the own score is over the threshold
}

// ask is the text of a verdict as a model would read it, without credentials:
// the judge is another machine.
func (sc *scan) ask(t *normal.Text, v classify.Verdict) string {
	text := cut(t.Raw, v.Span)
	if v.Via != "" {
		text = t.Views[v.View].Text
	}
	text = text[:min(len(text), judgeBytes)]
	secrets := sc.s.secrets.Scan(sc.s.findOwn(nil, text), "", text)
	slices.SortFunc(secrets, func(a, b gateway.Finding) int { return cmp.Compare(a.Span[0], b.Span[0]) })
	var b strings.Builder
	at := 0
	for _, f := range secrets {
		if f.Span[0] >= at {
			b.WriteString(text[at:f.Span[0]])
			b.WriteString("[credential]")
		}
		at = max(at, f.Span[1])
	}
	b.WriteString(text[at:])
	return strings.ToValidUTF8(b.String(), "")
}

// consult asks the external judge about what waits for it, the highest scores
// first, and settles those findings by its word.
func (sc *scan) consult() {
	if len(sc.asked) == 0 || sc.err != nil {
		return
	}
	j := sc.s.judge
	slices.SortStableFunc(sc.asked, func(a, b question) int { return cmp.Compare(b.finding.Score, a.finding.Score) })
	ask, rest := sc.asked[:min(len(sc.asked), judgeTexts)], sc.asked[min(len(sc.asked), judgeTexts):]
	texts := make([]string, len(ask))
	for i := range ask {
		texts[i] = ask[i].text
	}
	sc.endTurn() // nothing more is read
	scores, err := j.scores(sc.ctx, texts)
	switch {
	case err != nil && j.OnFailure == FailBlock:
		sc.err = err
		return
	case err != nil:
		for i := range ask {
			if j.OnFailure == FailAllow {
				ask[i].finding.Rule = unjudged
			}
			sc.decide(&ask[i])
		}
	default:
		for i := range ask {
			q := &ask[i]
			q.own = scores[i] >= j.Score
			q.finding.Score, q.finding.Severity = scores[i], severityOf(scores[i])
			q.finding.Rule = string(q.finding.Kind) + ".judge"
			sc.decide(q)
		}
	}
	for i := range rest {
		sc.decide(&rest[i])
	}
}

// unjudged is the rule of findings that the external judge was needed for and
// did not answer about, where the configuration lets them pass.
const unjudged = "injection.unjudged"

func (sc *scan) decide(q *question) {
	if q.own {
		sc.settle(&q.finding, q.leaf, q.place)
	}
}
