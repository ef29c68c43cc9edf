package guard

import (
	"context"
	"fmt"
	"slices"

	"toolward/gateway"
	"toolward/guard/decode/normal"
	"toolward/guard/exfil"
	"toolward/guard/provenance"
	"toolward/guard/vault"
)

// scan is one pass over one half of a call.
type scan struct {
	s     *Scanner
	ctx   context.Context
	call  *gateway.Call // nil outside calls
	tool  *gateway.Tool
	stage gateway.Stage

	sends       bool // the text was written on the agent's side
	defines     bool // it is a tool's definition
	secretsOnly bool // credentials are looked for, and nothing else
	beside      bool // it stands beside the arguments, where no redaction reaches

	findings []gateway.Finding
	observed int
	score    float64
	traced   bool               // texts are looked up or remembered …
	fields   []provenance.Field // … these
	places   []place            // and where each stands
	asked    []question         // for the external judge
	short    joined             // texts that may be parts of one
	clean    *clean             // short texts in which nothing was found
	doubles  *doubles           // texts that may stand there twice; nil if none is looked for
	argv     argv               // lists that may be commands, of what an agent sends
	pointers int                // bytes of long pointers
	err      error
	leave    func()      // ends the turn of a large body; nil if there is none
	echo     *vault.Echo // for what the call put back; nil until it is needed
}

// place is how findings in a text are reported.
type place struct {
	where   string // RFC 6901 pointer
	key     bool   // to the member's name, not its value
	whole   bool
	beside  bool // beside the arguments
	outside bool // nowhere that a pointer leads to
}

// Bounds on the pointers of one scan, in bytes: every text below a long name has
// it in its own.
const (
	shortPointer = 1 << 10 // is always kept …
	longPointers = 1 << 20 // … and longer ones up to so much in all
)

// place is where a leaf stands. One that too many long pointers lead to is
// outside: no finding can name it, so what would be redacted there blocks.
func (sc *scan) place(l *leaf) place {
	if len(l.path) > shortPointer {
		if sc.pointers += len(l.path); sc.pointers > longPointers {
			return place{whole: l.whole, beside: sc.beside, outside: true}
		}
	}
	return place{where: string(l.path), key: l.key, whole: l.whole, beside: sc.beside}
}

func (s *Scanner) start(ctx context.Context, c *gateway.Call, stage gateway.Stage, sends bool) *scan {
	sc := &scan{s: s, ctx: ctx, call: c, tool: c.Tool, stage: stage, sends: sends}
	sc.traced = sends && (s.decoys != nil || c.Agent != nil && s.traces.Holds(c.Agent.Principal())) || sc.learns()
	return sc
}

// largeBytes is from how many bytes on a body waits for its turn.
const largeBytes = 16 << 10

// turn lets as many large bodies be read at once as there are processors. Reading is
// computing and nothing else, so none is done later for it, and the memory that it
// takes, some times the body, is not held for all of them. Small bodies never wait.
func (sc *scan) turn(size int) {
	if size < largeBytes {
		return
	}
	who := ""
	if sc.call.Agent != nil {
		who = sc.call.Agent.Principal()
	}
	sc.leave, sc.err = sc.s.large.Take(sc.ctx, who, 0)
}

// endTurn lets another large body be read: at the end, and before waiting for
// somebody else, as for a judge on another machine.
func (sc *scan) endTurn() {
	if sc.leave != nil {
		sc.leave()
		sc.leave = nil
	}
}

// run scans, makes up the report, and turns a panic of a detector into an error.
func (sc *scan) run(walk func()) (report gateway.Report, err error) {
	defer func() {
		if p := recover(); p != nil {
			report, err = gateway.Report{}, fmt.Errorf("guard: detector panicked: %v", p)
		}
	}()
	walk()
	if sc.clean != nil {
		sc.clean.release()
		sc.clean = nil
	}
	if sc.sends && sc.traced {
		sc.copies()
		sc.disguised()
	}
	sc.listed()
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
	sc.beside = true
	for _, m := range members {
		walkAt("/"+m.Name, m.Value, sc.leaf)
	}
	sc.beside = false
}

// minText is the fewest bytes of a text that can hold anything: a password in a
// field that says so.
const minText = 5

func (sc *scan) leaf(l *leaf) {
	if sc.sends && !sc.secretsOnly {
		sc.argv.add(l)
	}
	if sc.err != nil || len(l.text) < minText {
		return
	}
	if !sc.open(l) {
		return
	}
	if err := sc.ctx.Err(); err != nil {
		sc.err = err
		return
	}
	sc.report(l, sc.once(l))
	if !sc.secretsOnly && sc.short.add(l) {
		sc.across()
		sc.short.next()
	}
	if sc.traced {
		p := sc.place(l)
		sc.fields = append(sc.fields, provenance.Field{Where: p.where, Key: l.key, Text: l.text})
		sc.places = append(sc.places, p)
	}
}

// text runs every detector over one text.
func (sc *scan) text(l *leaf) (found []gateway.Finding) {
	t := sc.s.norm.Normalize(l.text)
	defer t.Release()
	found = sc.secrets(found, t, l.where())
	if sc.secretsOnly {
		return found
	}
	found = sc.kept(found, l.text)
	found = everyView(found, t, func(dst []gateway.Finding, text string) []gateway.Finding {
		return sc.s.pii.Scan(dst, l.name, text)
	})
	if l.kind != leafNumber {
		found = sc.injection(found, t, l)
		found = sc.hidden(found, t)
		found = sc.s.exfil.Scan(found, exfil.Text{Text: l.text, Name: l.name, Sent: sc.sends, Blocks: t.Blocks(), Cipher: t.Cipher()})
	}
	return found
}

// kept looks for what was taken out of what the agent was shown before, in what it is
// about to be shown.
func (sc *scan) kept(found []gateway.Finding, text string) []gateway.Finding {
	if sc.s.vault == nil || sc.call == nil || sc.sends {
		return found
	}
	all := sc.s.vault.Find(sc.call.Agent, text)
	if sc.stage == gateway.StageResult && len(sc.call.Restored) > 0 {
		if sc.echo == nil {
			echo := vault.NewEcho(sc.call.Restored)
			sc.echo = &echo
		}
		all = append(sc.echo.Find(text), all...)
	}
	for _, f := range all {
		found = append(found, gateway.Finding{Kind: f.Kind, Rule: f.Rule, Span: f.Span, Severity: gateway.SeverityHigh, Score: 1, Sample: "taken out before"})
	}
	return found
}

// sure is the confidence that a credential needs in what was decoded: what
// looks like one there by chance is taken for one least of all.
const sure = 0.7

// secrets looks for credentials in a text.
func (sc *scan) secrets(found []gateway.Finding, t *normal.Text, name string) []gateway.Finding {
	from := len(found)
	found = everyView(found, t, func(dst []gateway.Finding, text string) []gateway.Finding {
		return sc.s.secrets.Scan(sc.s.findOwn(dst, text), name, text)
	})
	kept := slices.DeleteFunc(found[from:], func(f gateway.Finding) bool { return f.Via != "" && f.Score < sure })
	return found[:from+len(kept)]
}

// everyView lets a detector read every view of a text.
func everyView(found []gateway.Finding, t *normal.Text, detect func([]gateway.Finding, string) []gateway.Finding) []gateway.Finding {
	for i := range t.Views {
		v := &t.Views[i]
		from := len(found)
		found = detect(found, v.Text)
		for j := from; j < len(found); j++ {
			found[j].Span, found[j].Via = v.Raw(found[j].Span[0], found[j].Span[1]), joinVia(v.Via, found[j].Via)
		}
	}
	return found
}

// joinVia names an encoding inside another.
func joinVia(outer, inner string) string {
	if outer == "" || inner == "" {
		return outer + inner
	}
	return outer + ">" + inner
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
		case m.Kind == normal.Truncated: // of what was not read nobody can say that it is no order
			f.Kind, f.Rule, f.Severity, f.Score, f.Sample = gateway.FindingInjection, ruleUndecoded, gateway.SeverityHigh, 0.9, ""
			if sc.defines {
				f.Kind, f.Rule = gateway.FindingPoisoning, ruleUnread
			}
		case sc.defines:
			f.Kind, f.Rule, f.Severity, f.Score = gateway.FindingPoisoning, "poisoning."+f.Rule, gateway.SeverityHigh, 0.9
		}
		found = append(found, f)
	}
	return found
}
