package audit

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"
)

// Errors of queries.
var (
	ErrNoCall    = errors.New("there is no such call in the record")
	ErrAmbiguous = errors.New("several calls begin with this ID")
)

// Filter selects calls. Zero members select everything; all others must hold.
// Texts are compared exactly, but for Text. None of them is ever part of a
// statement: they are bound as values.
type Filter struct {
	Since, Until time.Time // Since included, Until not; of the time the request was read
	Agent        string
	Server       string
	Tool         string // wire name
	Kind         string
	Effect       string // allow, approve, deny
	Code         string
	Outcome      string // as the view calls names them
	Session      string // digest, as the view calls shows it
	Call         string // ID, or its beginning
	Text         string // is in arguments, result or reasons; exact case, at most 1 KiB
}

// Call is a row of the view calls; see schema.sql for what each column means.
type Call struct {
	Seq            int64   `json:"seq"`
	ID             string  `json:"id"`
	Time           string  `json:"time"`
	TimeUnixMs     int64   `json:"time_unix_ms"`
	Finished       string  `json:"finished,omitempty"`
	Surface        string  `json:"surface,omitempty"`
	Protocol       string  `json:"protocol,omitempty"`
	Peer           string  `json:"peer,omitempty"`
	Agent          string  `json:"agent,omitempty"`
	Issuer         string  `json:"issuer,omitempty"`
	Session        string  `json:"session,omitempty"`
	Parent         string  `json:"parent,omitempty"`
	Server         string  `json:"server,omitempty"`
	Tool           string  `json:"tool,omitempty"`
	Kind           string  `json:"kind,omitempty"`
	Method         string  `json:"method,omitempty"`
	Effect         string  `json:"effect,omitempty"`
	Code           string  `json:"code,omitempty"`
	Outcome        string  `json:"outcome"`
	Reasons        Raw     `json:"reasons,omitempty"`
	Cause          string  `json:"cause,omitempty"`
	Rules          Raw     `json:"rules,omitempty"`
	Revision       string  `json:"revision,omitempty"`
	Shadow         string  `json:"shadow,omitempty"`
	Findings       Raw     `json:"findings,omitempty"`
	ResultFindings Raw     `json:"result_findings,omitempty"`
	Score          float64 `json:"score,omitempty"`
	Fingerprint    string  `json:"fingerprint,omitempty"`
	Args           Raw     `json:"args,omitempty"`
	ArgsBytes      int64   `json:"args_bytes,omitempty"`
	ArgsDigest     string  `json:"args_digest,omitempty"`
	Result         Raw     `json:"result,omitempty"`
	ResultBytes    int64   `json:"result_bytes,omitempty"`
	ResultDigest   string  `json:"result_digest,omitempty"`
	Labels         Raw     `json:"labels,omitempty"`
	Ms             float64 `json:"ms,omitempty"`
	UpstreamMs     float64 `json:"upstream_ms,omitempty"`
	GuardMs        float64 `json:"guard_ms,omitempty"`
	PolicyMs       float64 `json:"policy_ms,omitempty"`
	ApproveMs      float64 `json:"approve_ms,omitempty"`
}

// field is a column of calls and where it goes.
type field struct {
	name string
	dest func(*Call) any // *string, *Raw, *int64 or *float64
}

var fields = []field{
	{"seq", func(c *Call) any { return &c.Seq }}, {"id", func(c *Call) any { return &c.ID }},
	{"time", func(c *Call) any { return &c.Time }}, {"time_unix_ms", func(c *Call) any { return &c.TimeUnixMs }},
	{"finished", func(c *Call) any { return &c.Finished }}, {"surface", func(c *Call) any { return &c.Surface }},
	{"protocol", func(c *Call) any { return &c.Protocol }}, {"peer", func(c *Call) any { return &c.Peer }},
	{"agent", func(c *Call) any { return &c.Agent }}, {"issuer", func(c *Call) any { return &c.Issuer }},
	{"session", func(c *Call) any { return &c.Session }}, {"parent", func(c *Call) any { return &c.Parent }},
	{"server", func(c *Call) any { return &c.Server }}, {"tool", func(c *Call) any { return &c.Tool }},
	{"kind", func(c *Call) any { return &c.Kind }}, {"method", func(c *Call) any { return &c.Method }},
	{"effect", func(c *Call) any { return &c.Effect }}, {"code", func(c *Call) any { return &c.Code }},
	{"outcome", func(c *Call) any { return &c.Outcome }}, {"reasons", func(c *Call) any { return &c.Reasons }},
	{"cause", func(c *Call) any { return &c.Cause }}, {"rules", func(c *Call) any { return &c.Rules }},
	{"revision", func(c *Call) any { return &c.Revision }}, {"shadow", func(c *Call) any { return &c.Shadow }},
	{"findings", func(c *Call) any { return &c.Findings }}, {"result_findings", func(c *Call) any { return &c.ResultFindings }},
	{"score", func(c *Call) any { return &c.Score }}, {"fingerprint", func(c *Call) any { return &c.Fingerprint }},
	{"args", func(c *Call) any { return &c.Args }}, {"args_bytes", func(c *Call) any { return &c.ArgsBytes }},
	{"args_digest", func(c *Call) any { return &c.ArgsDigest }}, {"result", func(c *Call) any { return &c.Result }},
	{"result_bytes", func(c *Call) any { return &c.ResultBytes }}, {"result_digest", func(c *Call) any { return &c.ResultDigest }},
	{"labels", func(c *Call) any { return &c.Labels }}, {"ms", func(c *Call) any { return &c.Ms }},
	{"upstream_ms", func(c *Call) any { return &c.UpstreamMs }}, {"guard_ms", func(c *Call) any { return &c.GuardMs }},
	{"policy_ms", func(c *Call) any { return &c.PolicyMs }}, {"approve_ms", func(c *Call) any { return &c.ApproveMs }},
}

// selected is the list of columns, NULL made the zero value of its type.
var selected = func() string {
	var parts []string
	for _, f := range fields {
		zero := "0"
		switch f.dest(&Call{}).(type) {
		case *string, *Raw:
			zero = "''"
		}
		parts = append(parts, "coalesce("+f.name+", "+zero+")")
	}
	return strings.Join(parts, ", ")
}()

const maxText = 1 << 10

// where is the condition of a filter with its values.
func (f Filter) where() (string, []any, error) {
	conditions, args := []string{"1"}, []any{}
	add := func(condition string, values ...any) {
		conditions = append(conditions, condition)
		args = append(args, values...)
	}
	if !f.Since.IsZero() {
		add("time_unix_ms >= ?", f.Since.UnixMilli())
	}
	if !f.Until.IsZero() {
		add("time_unix_ms < ?", f.Until.UnixMilli())
	}
	for _, c := range []struct{ column, value string }{
		{"agent", f.Agent}, {"server", f.Server}, {"tool", f.Tool}, {"kind", f.Kind}, {"effect", f.Effect},
		{"code", f.Code}, {"outcome", f.Outcome}, {"session", f.Session},
	} {
		if len(c.value) > maxText {
			return "", nil, fmt.Errorf("the filter for %s is longer than %d bytes", c.column, maxText)
		}
		if c.value != "" {
			add(c.column+" = ?", c.value)
		}
	}
	if f.Call != "" {
		add("id >= ? AND id < ?", f.Call, f.Call+"\x7f") // IDs are ASCII: the range is the prefix
	}
	if len(f.Text) > maxText || len(f.Call) > maxText {
		return "", nil, fmt.Errorf("the text to look for is longer than %d bytes", maxText)
	}
	if f.Text != "" {
		add("(instr(args, ?) OR instr(result, ?) OR instr(reasons, ?))", f.Text, f.Text, f.Text)
	}
	return strings.Join(conditions, " AND "), args, nil
}

// List returns up to limit calls, newest first, and a cursor for the rest: 0 if
// there is none. Before is the cursor of the page before, 0 for the first. The
// limit is at most 1000.
func (r *Reader) List(ctx context.Context, f Filter, limit int, before int64) (calls []Call, next int64, err error) {
	where, args, err := f.where()
	if err != nil {
		return nil, 0, err
	}
	limit = min(max(limit, 1), 1000)
	if before > 0 {
		where, args = where+" AND seq < ?", append(args, before)
	}
	calls, err = r.calls(ctx, "WHERE "+where+" ORDER BY seq DESC LIMIT ?", append(args, limit+1)...)
	if len(calls) > limit {
		calls = calls[:limit]
		next = calls[limit-1].Seq
	}
	return calls, next, err
}

// All yields the calls of a filter, oldest first.
func (r *Reader) All(ctx context.Context, f Filter) iter.Seq2[Call, error] {
	return func(yield func(Call, error) bool) {
		where, args, err := f.where()
		if err != nil {
			yield(Call{}, err)
			return
		}
		const page = 500 // a page is read whole: a slow reader must not pin the write-ahead log
		for after := int64(0); ; {
			calls, err := r.calls(ctx, "WHERE "+where+" AND seq > ? ORDER BY seq LIMIT ?", append(args[:len(args):len(args)], after, page)...)
			if err != nil {
				yield(Call{}, err)
				return
			}
			for _, c := range calls {
				if !yield(c, nil) {
					return
				}
				after = c.Seq
			}
			if len(calls) < page {
				return
			}
		}
	}
}

// Show returns a call by its ID or the beginning of it, and its events. It
// returns [ErrNoCall] or [ErrAmbiguous].
func (r *Reader) Show(ctx context.Context, id string) (Call, []Event, error) {
	if id == "" {
		return Call{}, nil, ErrNoCall
	}
	calls, _, err := r.List(ctx, Filter{Call: id}, 2, 0)
	if err != nil {
		return Call{}, nil, err
	}
	switch len(calls) {
	case 0:
		return Call{}, nil, fmt.Errorf("%w: %s", ErrNoCall, column(id))
	case 2:
		return Call{}, nil, fmt.Errorf("%w: %s", ErrAmbiguous, column(id))
	}
	events, err := r.events(ctx, "WHERE call = ? ORDER BY seq", calls[0].ID)
	return calls[0], events, err
}

// Follow yields calls of a filter as they end, from now on, until the context
// ends.
func (r *Reader) Follow(ctx context.Context, f Filter) iter.Seq2[Call, error] {
	return func(yield func(Call, error) bool) {
		var after int64
		err := r.db.QueryRowContext(ctx, "SELECT coalesce(max(seq), 0) FROM events").Scan(&after)
		ticker := time.NewTicker(200 * time.Millisecond)
		defer ticker.Stop()
		for err == nil {
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return
			}
			var ended []Event
			if ended, err = r.events(ctx, "WHERE seq > ? AND type IN ('call.outcome', 'call.refusal') ORDER BY seq LIMIT 500", after); err != nil {
				break
			}
			for _, e := range ended {
				after = e.Seq
				f.Call = e.Call
				var calls []Call
				if calls, _, err = r.List(ctx, f, 1, 0); err != nil {
					break
				}
				for _, c := range calls {
					if !yield(c, nil) {
						return
					}
				}
			}
		}
		if ctx.Err() == nil {
			yield(Call{}, err)
		}
	}
}

func (r *Reader) calls(ctx context.Context, rest string, args ...any) (calls []Call, err error) {
	rows, err := r.db.QueryContext(ctx, "SELECT "+selected+" FROM calls "+rest, args...)
	if err != nil {
		return nil, fmt.Errorf("read calls: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	dest := make([]any, len(fields))
	for rows.Next() {
		var c Call
		for i, f := range fields {
			dest[i] = f.dest(&c)
		}
		if err := rows.Scan(dest...); err != nil {
			return nil, fmt.Errorf("read calls: %w", err)
		}
		calls = append(calls, c)
	}
	return calls, rows.Err()
}

func (r *Reader) events(ctx context.Context, rest string, args ...any) (events []Event, err error) {
	rows, err := r.db.QueryContext(ctx, `SELECT seq, time_unix_ms, type, coalesce(call, ''), coalesce(agent, ''), coalesce(server, ''),
		coalesce(tool, ''), coalesce(kind, ''), coalesce(effect, ''), coalesce(code, ''), body FROM events `+rest, args...)
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var e Event
		if err := rows.Scan(&e.Seq, &e.TimeUnixMs, &e.Type, &e.Call, &e.Agent, &e.Server, &e.Tool, &e.Kind, &e.Effect, &e.Code, &e.Body); err != nil {
			return nil, fmt.Errorf("read events: %w", err)
		}
		events = append(events, e)
	}
	return events, rows.Err()
}

// Own returns up to limit events of the gateway itself (those without a call),
// newest first: starts, reloads, checkpoints.
func (r *Reader) Own(ctx context.Context, limit int) ([]Event, error) {
	return r.events(ctx, "WHERE call IS NULL ORDER BY seq DESC LIMIT ?", min(max(limit, 1), 1000))
}

var _ sql.Scanner = (*Raw)(nil)

// Scan reads JSON text from a column.
func (r *Raw) Scan(v any) error {
	s, ok := v.(string)
	if !ok {
		return fmt.Errorf("expected text, got %T", v)
	}
	*r = Raw(s)
	return nil
}
