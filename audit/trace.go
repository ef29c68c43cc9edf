package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"toolward/gateway"
)

// Trace is where the data of a call came from, what its session had seen, and
// where what it brought went.
type Trace struct {
	Call     Call       `json:"call"`
	Carries  []Copy     `json:"carries,omitempty"`  // what its arguments copy
	Labels   []Gained   `json:"labels,omitempty"`   // what the session had seen, and by which call
	Approval *Consent   `json:"approval,omitempty"` // the person it waited for
	Onward   []Call     `json:"onward,omitempty"`   // calls whose arguments copy what it brought, oldest first
	Findings []Observed `json:"findings,omitempty"` // what guard saw in it
}

// Copy is a part of arguments that another call brought.
type Copy struct {
	Rule     string  `json:"rule,omitempty"` // of guard: provenance.copy, .entity or .pieces
	Where    string  `json:"where"`
	Via      string  `json:"via,omitempty"` // how it was hidden
	Severity string  `json:"severity"`
	Source   string  `json:"source"`         // ID of the call
	From     *Trace  `json:"from,omitempty"` // and where that one's came from; nil if it is not in the record
	Score    float64 `json:"score,omitempty"`
}

// Gained is a label of a session.
type Gained struct {
	Label string     `json:"label"`
	By    *Call      `json:"by,omitempty"` // the first call that brought it; nil if none in the record did
	Saw   []Observed `json:"saw,omitempty"`
}

// Observed is a finding, in short.
type Observed struct {
	Stage  string `json:"stage"`
	Rule   string `json:"rule"`
	Action string `json:"action"`
}

// Consent is a question to a person about a call.
type Consent struct {
	ID       string `json:"id"`
	Decision string `json:"decision,omitempty"` // approved or denied, "" if nobody decided
	By       string `json:"by,omitempty"`
	Issuer   string `json:"issuer,omitempty"` // who vouches for them
	Decided  string `json:"decided,omitempty"`
	Note     string `json:"note,omitempty"`
}

// maxTrace bounds how far back copies of copies are followed.
const maxTrace = 8

// Trace finds the causes and the effects of a call, by its ID or the beginning of
// it. Its errors are those of [Reader.Show].
func (r *Reader) Trace(ctx context.Context, id string) (*Trace, error) {
	call, _, err := r.Show(ctx, id)
	if err != nil {
		return nil, err
	}
	t, err := r.traced(ctx, call, map[string]bool{}, maxTrace)
	if err != nil {
		return nil, err
	}
	for c, err := range r.All(ctx, Filter{FromCall: call.ID}) {
		if err != nil {
			return nil, err
		}
		t.Onward = append(t.Onward, c)
	}
	return t, nil
}

func (r *Reader) traced(ctx context.Context, call Call, seen map[string]bool, depth int) (*Trace, error) {
	seen[call.ID] = true
	t := &Trace{Call: call}
	findings, err := call.findings()
	if err != nil {
		return nil, err
	}
	t.Findings = observed(findings)
	for _, f := range findings {
		if f.From == "" {
			continue
		}
		c := Copy{Rule: f.Rule, Where: f.Where, Via: f.Via, Severity: string(f.Severity), Source: f.From, Score: f.Score}
		if depth > 0 && !seen[f.From] {
			source, _, err := r.Show(ctx, f.From)
			switch {
			case errors.Is(err, ErrNoCall):
			case err != nil:
				return nil, err
			default:
				if c.From, err = r.traced(ctx, source, seen, depth-1); err != nil {
					return nil, err
				}
			}
		}
		t.Carries = append(t.Carries, c)
	}
	if t.Labels, err = r.gained(ctx, &call); err != nil {
		return nil, err
	}
	t.Approval, err = r.consent(ctx, call.ID)
	return t, err
}

// findings are all of a call, of the request first.
func (c *Call) findings() (all []gateway.Finding, err error) {
	for _, text := range []Raw{c.Findings, c.ResultFindings} {
		var some []gateway.Finding
		if text != "" {
			err = errors.Join(err, json.Unmarshal([]byte(text), &some))
		}
		all = append(all, some...)
	}
	return all, err
}

func observed(findings []gateway.Finding) (all []Observed) {
	for _, f := range findings {
		if o := (Observed{string(f.Stage), f.Rule, string(f.Action)}); !slices.Contains(all, o) {
			all = append(all, o)
		}
	}
	return all
}

// gained finds the call that brought each label which the session had before one.
func (r *Reader) gained(ctx context.Context, call *Call) (all []Gained, err error) {
	var labels []string
	if call.SessionLabels != "" {
		if err := json.Unmarshal([]byte(call.SessionLabels), &labels); err != nil {
			return nil, fmt.Errorf("call %s: %w", call.ID, err)
		}
	}
	for _, label := range labels {
		g := Gained{Label: label}
		by, err := r.broughtBy(ctx, call, label)
		if err != nil {
			return nil, err
		}
		if by != nil {
			findings, err := by.findings()
			if err != nil {
				return nil, err
			}
			g.By, g.Saw = by, observed(findings)
		}
		all = append(all, g)
	}
	return all, nil
}

// broughtBy is the call by which a session got a label: the first before a call, and
// after the last time that a person took the label away. A call brings it by its
// result, or by what its upstream said meanwhile, whatever became of it then.
func (r *Reader) broughtBy(ctx context.Context, call *Call, label string) (*Call, error) {
	var id string
	err := r.now(ctx).QueryRowContext(ctx, `WITH cleared AS (SELECT coalesce(max(seq), 0) AS seq FROM events
			WHERE type = 'session.cleared' AND call IS NULL AND seq < ?2 AND body ->> '$.session' = ?1 AND EXISTS (SELECT 1 FROM json_each(body, '$.labels') WHERE value = ?3)),
		gains AS (
			SELECT o.seq, a.call FROM events a JOIN events o ON o.call = +a.seq AND o.type = 'call.outcome'
			WHERE a.session = ?1 AND a.type = 'call.attempt' AND o.seq < ?2 AND EXISTS (SELECT 1 FROM json_each(o.body, '$.labels') WHERE value = ?3)
			UNION ALL
			SELECT seq, body ->> '$.call' FROM events
			WHERE type = 'session.labelled' AND call IS NULL AND seq < ?2 AND body ->> '$.session' = ?1 AND EXISTS (SELECT 1 FROM json_each(body, '$.labels') WHERE value = ?3))
		SELECT coalesce(call, '') FROM gains WHERE seq > (SELECT seq FROM cleared) ORDER BY seq LIMIT 1`, call.Session, call.Seq, label).Scan(&id)
	if noRows(err) || err == nil && id == "" {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("which call brought %s: %w", label, err)
	}
	calls, err := r.calls(ctx, "WHERE id = ? LIMIT 1", id)
	if err != nil || len(calls) == 0 {
		return nil, err
	}
	return &calls[0], nil
}

// consent is the question about a call, or the consent that it ran on.
func (r *Reader) consent(ctx context.Context, call string) (*Consent, error) {
	var c Consent
	err := r.now(ctx).QueryRowContext(ctx, `SELECT id, coalesce(decision, ''), coalesce(decided_by, ''), coalesce(vouched_by, ''), coalesce(decided, ''), coalesce(note, '')
		FROM approvals WHERE call = ?1 OR used_by = ?1 ORDER BY seq DESC LIMIT 1`, call).Scan(&c.ID, &c.Decision, &c.By, &c.Issuer, &c.Decided, &c.Note)
	if noRows(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("approval of %s: %w", call, err)
	}
	return &c, nil
}

// ambiguous lists the calls whose IDs begin alike, at most ten.
func (r *Reader) ambiguous(ctx context.Context, id string) error {
	calls, _, err := r.List(ctx, Filter{Call: id}, 10, 0)
	if err != nil {
		return err
	}
	list := ""
	for _, c := range calls {
		list += "\n  " + c.ID + "  " + c.Time + "  " + c.Tool
	}
	return fmt.Errorf("%w: %s%s", ErrAmbiguous, column(id), list)
}
