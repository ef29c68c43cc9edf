package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"toolward/gateway"
)

// Causes is which earlier calls made a decision what it was: what brought the labels
// that the session had, what is in its history, what its meters counted, and the
// person who was asked.
type Causes struct {
	Labels   []CauseLabel  `json:"labels,omitempty"`
	History  []CauseEntry  `json:"history,omitempty"`
	Meters   []CauseMeter  `json:"meters,omitempty"`
	Approval *Consent      `json:"approval,omitempty"`
	Carries  []CauseCopied `json:"carries,omitempty"`
}

// Earlier is a call, in short.
type Earlier struct {
	Call string `json:"call"`
	Tool string `json:"tool"`
	Time string `json:"time"`
}

// CauseLabel is a label that the session had.
type CauseLabel struct {
	Label string   `json:"label"`
	By    *Earlier `json:"by"` // nil: no call in the record brought it
}

// CauseEntry is an entry of the session's history.
type CauseEntry struct {
	Name  string          `json:"name"`
	Value json.RawMessage `json:"value"`
	By    *Earlier        `json:"by"` // nil: none in the record
}

// CauseMeter is a meter that policy looked at.
type CauseMeter struct {
	gateway.Used
	AnyKey bool      `json:"any_key,omitempty"` // its key is not known: calls of other keys are among them
	Calls  []Counted `json:"calls"`             // that it had counted, newest first, at most [mostCounted]
}

// Counted is a call that a meter counted.
type Counted struct {
	Earlier
	Agent  string         `json:"agent"`
	Amount gateway.Amount `json:"amount"`
}

// CauseCopied is a part of the arguments that another call brought.
type CauseCopied struct {
	Where string   `json:"where"`
	By    *Earlier `json:"by"`
}

// mostCounted bounds how many calls are named for a meter.
const mostCounted = 20

// Causes finds what came before a call. Meters says of those that policy looked at
// whose they are, of which window and with which key, a token; with key "?" it is not
// known.
func (r *Reader) Causes(ctx context.Context, call *Call, seen *gateway.Session, meters []gateway.Meter) (c Causes, err error) {
	gained, err := r.gained(ctx, call)
	if err != nil {
		return c, err
	}
	for _, g := range gained {
		c.Labels = append(c.Labels, CauseLabel{g.Label, earlier(g.By)})
	}
	for _, m := range seen.History {
		by, err := r.rememberedBy(ctx, m)
		if err != nil {
			return c, err
		}
		c.History = append(c.History, CauseEntry{m.Name, m.Value, by})
	}
	for _, used := range seen.Meters {
		for _, m := range meters {
			if m.Name != used.Name {
				continue
			}
			counted, err := r.countedBy(ctx, call, used, m)
			if err != nil {
				return c, err
			}
			c.Meters = append(c.Meters, CauseMeter{used, m.Key == "?", counted})
		}
	}
	findings, err := call.findings()
	if err != nil {
		return c, err
	}
	for _, f := range findings {
		if f.From == "" {
			continue
		}
		calls, err := r.calls(ctx, "WHERE id = ? LIMIT 1", f.From)
		if err != nil {
			return c, err
		}
		copied := CauseCopied{Where: f.Where}
		if len(calls) > 0 {
			copied.By = earlier(&calls[0])
		}
		c.Carries = append(c.Carries, copied)
	}
	c.Approval, err = r.consent(ctx, call.ID)
	return c, err
}

func earlier(c *Call) *Earlier {
	if c == nil {
		return nil
	}
	return &Earlier{c.ID, c.Tool, c.Time}
}

// rememberedBy is the call that left an entry of the history, nil if it is not in the
// record any more.
func (r *Reader) rememberedBy(ctx context.Context, m gateway.Memory) (*Earlier, error) {
	var e Earlier
	call, _, _ := strings.Cut(m.From, "/")
	err := r.now(ctx).QueryRowContext(ctx, `SELECT call, coalesce(tool, ''), strftime('%Y-%m-%dT%H:%M:%fZ', time_unix_ms / 1000.0, 'unixepoch')
		FROM events WHERE call = ? AND type = 'call.attempt'`, call).Scan(&e.Call, &e.Tool, &e.Time)
	if noRows(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("which call left %s: %w", m.Name, err)
	}
	return &e, nil
}

// countedBy are the calls that a meter had counted before a call, newest first.
func (r *Reader) countedBy(ctx context.Context, call *Call, used gateway.Used, m gateway.Meter) (all []Counted, err error) {
	window := m.Window + m.Window/60 // an entry counts up to a sixtieth longer
	rows, err := r.now(ctx).QueryContext(ctx, `SELECT a.call, coalesce(a.tool, ''), strftime('%Y-%m-%dT%H:%M:%fZ', a.time_unix_ms / 1000.0, 'unixepoch'), coalesce(a.agent, ''), added.value -> '$.amount'
		FROM events e JOIN json_each(e.body, '$.adds.meters') added JOIN events a ON a.seq = iif(e.type = 'call.outcome', e.call, e.seq)
		WHERE e.seq < ?1 AND e.type IN ('call.attempt', 'call.outcome') AND e.time_unix_ms >= ?2 AND instr(e.body, '"adds":{')
		AND added.value ->> '$.name' = ?3 AND coalesce(added.value ->> '$.of', '') = ?4 AND (?5 = '?' OR coalesce(added.value ->> '$.key', '') = ?5)
		ORDER BY e.seq DESC LIMIT ?6`, call.Seq, call.TimeUnixMs-window.Milliseconds(), m.Name, m.Of, m.Key, min(used.Count, mostCounted))
	if err != nil {
		return nil, fmt.Errorf("what meter %s counted: %w", m.Name, err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var c Counted
		var amount string
		if err := rows.Scan(&c.Call, &c.Tool, &c.Time, &c.Agent, &amount); err != nil {
			return nil, fmt.Errorf("what meter %s counted: %w", m.Name, err)
		}
		if err := json.Unmarshal([]byte(amount), &c.Amount); err != nil {
			return nil, fmt.Errorf("what meter %s counted: %w", m.Name, err)
		}
		all = append(all, c)
	}
	return all, rows.Err()
}
