package audit

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
)

// Errors of queries.
var (
	ErrNoCall    = errors.New("there is no such call in the record")
	ErrAmbiguous = errors.New("several calls begin with this ID")
)

// List returns up to limit calls, newest first, and a cursor for the rest: 0 if
// there is none. Before is the cursor of the page before, 0 for the first. The
// limit is at most 1000.
func (r *Reader) List(ctx context.Context, f Filter, limit int, before int64) (calls []Call, next int64, err error) {
	return r.list(ctx, f, true, limit, before)
}

// ListOldest is List with the oldest first; after is the cursor of the page before.
func (r *Reader) ListOldest(ctx context.Context, f Filter, limit int, after int64) (calls []Call, next int64, err error) {
	return r.list(ctx, f, false, limit, after)
}

func (r *Reader) list(ctx context.Context, f Filter, down bool, limit int, cursor int64) (calls []Call, next int64, err error) {
	limit = min(max(limit, 1), 1000)
	calls, err = r.page(ctx, f, down, max(cursor, 0), limit+1)
	if len(calls) > limit {
		calls = calls[:limit]
		next = calls[limit-1].Seq
	}
	return calls, next, err
}

// Sorted returns the first of all calls of a filter in the order of a column, the
// greatest first if down. It reads every call of the filter.
func (r *Reader) Sorted(ctx context.Context, f Filter, name string, down bool, limit int) ([]Call, error) {
	limit = min(max(limit, 1), 1000)
	order := func(a, b Call) int {
		n := compareValues(a.Column(name), b.Column(name))
		if down {
			n = -n
		}
		return cmp.Or(n, cmp.Compare(b.Seq, a.Seq))
	}
	var first []Call
	for c, err := range r.All(ctx, f) {
		if err != nil {
			return nil, err
		}
		at, _ := slices.BinarySearchFunc(first, c, order)
		if at == limit {
			continue
		}
		first = slices.Insert(first, at, c)
		first = first[:min(len(first), limit)]
	}
	return first, nil
}

// compareValues orders two values of one column.
func compareValues(a, b any) int {
	switch a := a.(type) {
	case int64:
		return cmp.Compare(a, b.(int64))
	case float64:
		return cmp.Compare(a, b.(float64))
	case Raw:
		return cmp.Compare(a, b.(Raw))
	case string:
		return cmp.Compare(a, b.(string))
	}
	return 0
}

// All yields the calls of a filter, oldest first.
func (r *Reader) All(ctx context.Context, f Filter) iter.Seq2[Call, error] {
	return r.allIn(ctx, f, everywhere)
}

func (r *Reader) allIn(ctx context.Context, f Filter, within stretch) iter.Seq2[Call, error] {
	return func(yield func(Call, error) bool) {
		const page = 500
		for after := int64(0); ; {
			calls, err := r.pageIn(ctx, f, within, false, after, page)
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
	if id = cut(id); id == "" {
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
		return Call{}, nil, r.ambiguous(ctx, id)
	}
	events, err := r.whole(ctx, "WHERE seq IN (?, ?) ORDER BY seq", calls[0].Seq, calls[0].EndedSeq)
	return calls[0], events, err
}

// cut takes off what stays on an ID that a shell cuts out of a line of CSV, which
// ends with CR LF (RFC 4180 §2): "5e55\r" is 5e55.
func cut(id string) string { return strings.TrimSuffix(id, "\r") }

func (r *Reader) calls(ctx context.Context, rest string, args ...any) (calls []Call, err error) {
	rows, err := r.now(ctx).QueryContext(ctx, "SELECT "+selected+" FROM calls "+rest, args...)
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
	rows, err := r.now(ctx).QueryContext(ctx, `SELECT seq, time_unix_ms, type, iif(typeof(call) = 'integer', call, 0), coalesce((SELECT a.call FROM events a WHERE a.seq = events.call), call, ''), coalesce(agent, ''), coalesce(server, ''),
		coalesce(tool, ''), coalesce(kind, ''), coalesce(effect, ''), coalesce(code, ''), coalesce(session, ''), coalesce(outcome, ''), coalesce(us, 0), coalesce(bytes, 0), who, what, body FROM events `+rest, args...)
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var e Event
		if err := rows.Scan(&e.Seq, &e.TimeUnixMs, &e.Type, &e.Of, &e.Call, &e.Agent, &e.Server, &e.Tool, &e.Kind, &e.Effect, &e.Code, &e.Session, &e.Outcome, &e.Us, &e.Bytes, &e.Who, &e.What, &e.Body); err != nil {
			return nil, fmt.Errorf("read events: %w", err)
		}
		events = append(events, e)
	}
	return events, rows.Err()
}

// whole is [Reader.events] with what is kept beside them, as far as it is there.
func (r *Reader) whole(ctx context.Context, rest string, args ...any) ([]Event, error) {
	events, err := r.events(ctx, rest, args...)
	for i := range events {
		e := &events[i]
		err = errors.Join(err, r.kept(ctx, e))
	}
	return events, err
}

func (r *Reader) kept(ctx context.Context, e *Event) (err error) {
	err = r.now(ctx).QueryRowContext(ctx, "SELECT salt, coalesce(text, ''), coalesce(beside, '') FROM bodies WHERE seq = ?", e.Seq).Scan(&e.Salt, &e.Text, &e.Beside)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("read what is kept: %w", err)
	}
	rows, err := r.now(ctx).QueryContext(ctx, "SELECT digest, salt, text FROM interned WHERE digest IN (?, ?) ORDER BY digest", e.Who, e.What)
	if err != nil {
		return fmt.Errorf("read what is kept: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		s := new(Shared)
		if err := rows.Scan(&s.Digest, &s.Salt, &s.Text); err != nil {
			return fmt.Errorf("read what is kept: %w", err)
		}
		e.Uses = append(e.Uses, s)
	}
	return rows.Err()
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
