package audit

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Cursor is a place in what [Reader.Ship] and [Reader.Follow] hand out: all that
// came of the events before Event is out, and of Event itself the first lines. The
// zero value is the beginning. Its text is "4711", all of event 4711 is out, or
// "4711.2", two lines of it are. Whoever keeps the cursor of the last whole line that
// was taken, and goes on from it, gets everything once.
type Cursor struct {
	Event int64
	Lines int // of Event; 0: all
}

// String is the text of a cursor.
func (c Cursor) String() string {
	if c.Lines == 0 {
		return strconv.FormatInt(c.Event, 10)
	}
	return fmt.Sprintf("%d.%d", c.Event, c.Lines)
}

// ParseCursor reads the text of a cursor.
func ParseCursor(s string) (c Cursor, err error) {
	event, lines, part := strings.Cut(s, ".")
	c.Event, err = strconv.ParseInt(event, 10, 64)
	if err == nil && part {
		c.Lines, err = strconv.Atoi(lines)
	}
	if err != nil || c.Event < 0 || c.Lines < 0 || part && c.Lines == 0 || c.String() != s {
		return Cursor{}, fmt.Errorf("%q is no cursor: it is the member cursor of the last line that was taken", column(s))
	}
	return c, nil
}

// moment is an event with which something came to be told: calls that ended with it,
// or one of the gateway's own.
type moment struct {
	own   Event // Seq 0 if the event is a call's
	seq   int64
	calls []Call
}

// moments yields what came to be told after an event, up to another. Calls come with
// the event that ended them; those that died with a gateway, with the event that the
// next one opened the record by.
func (r *Reader) moments(ctx context.Context, f Filter, after, upto int64) iter.Seq2[moment, error] {
	return func(yield func(moment, error) bool) {
		const page = 500
		err := r.sessionsNamed(ctx, &f)
		for err == nil && after < upto {
			var events []Event
			events, err = r.events(ctx, "WHERE seq > ? AND seq <= ? AND (type IN ('call.outcome', 'call.refusal') OR call IS NULL) ORDER BY seq LIMIT ?", after, upto, page)
			if err != nil || len(events) == 0 {
				break
			}
			var ended map[string]Call
			if ended, err = r.endedWith(ctx, f, events); err != nil {
				break
			}
			for i := range events {
				e := &events[i]
				after = e.Seq
				m := moment{seq: e.Seq}
				if c, ok := ended[e.Call]; e.Call != "" && ok {
					m.calls = []Call{c}
				} else if e.Call == "" {
					if err = r.kept(ctx, e); err == nil && e.Type == TypeOpen {
						m.calls, err = r.diedBefore(ctx, f, e.Seq)
					}
					m.own = *e
				}
				if err != nil {
					break
				}
				if !yield(m, nil) {
					return
				}
			}
		}
		if err != nil {
			yield(moment{}, err)
		}
	}
}

// endedWith reads the calls of a filter that ended with some events.
func (r *Reader) endedWith(ctx context.Context, f Filter, events []Event) (map[string]Call, error) {
	var ids []string
	for i := range events {
		if events[i].Call != "" {
			ids = append(ids, events[i].Call)
		}
	}
	where, err := f.where()
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	calls, err := r.calls(ctx, "WHERE id IN (SELECT value FROM json_each(?)) AND "+where.sql, append([]any{string(marshal(ids))}, where.args...)...)
	if err != nil {
		return nil, err
	}
	found := make(map[string]Call, len(calls))
	for i := range calls {
		if f.holds(&calls[i]) {
			found[calls[i].ID] = calls[i]
		}
	}
	return found, nil
}

// diedBefore reads the calls of a filter that the gateway had not ended which ran
// until the record was opened by an event. They are always the same.
func (r *Reader) diedBefore(ctx context.Context, f Filter, opened int64) (died []Call, err error) {
	const interrupted = "interrupted"
	if len(f.Outcome) > 0 && !slices.Contains(f.Outcome, interrupted) {
		return nil, nil
	}
	f.Outcome = Values{interrupted}
	var after int64
	if err := r.now(ctx).QueryRowContext(ctx, "SELECT coalesce(max(seq), 0) FROM events WHERE type = ? AND call IS NULL AND seq < ?", TypeOpen, opened).Scan(&after); err != nil {
		return nil, fmt.Errorf("audit export: %w", err)
	}
	for {
		calls, err := r.page(ctx, f, false, after, 100)
		if err != nil || len(calls) == 0 {
			return died, err
		}
		for _, c := range calls {
			if after = c.Seq; after > opened {
				return died, nil
			}
			died = append(died, c)
		}
	}
}

// Ship writes what came after a cursor: calls of a filter as they ended, those that
// died with a gateway among them; with events, whatever is on record: as JSONL each
// event, as OCSF calls and the gateway's own events. Each line has its cursor. It
// returns how many lines there were, and the cursor behind the last.
func (r *Reader) Ship(ctx context.Context, w io.Writer, format Format, f Filter, after Cursor, events bool) (n int64, end Cursor, err error) {
	lines, err := format.lines()
	if err != nil {
		return 0, after, err
	}
	if events && format == FormatCSV {
		return 0, after, AskedError("events have no columns in common: export them as jsonl or ocsf")
	}
	if where, err := f.where(); err != nil {
		return 0, after, err
	} else if events && format == FormatJSONL && where.sql != "1" {
		return 0, after, AskedError("events as jsonl are all that there are: they go with no filter of calls")
	}
	out := bufio.NewWriterSize(w, 64<<10)
	format.begin(out, true)
	end = after
	var upto int64
	if err := r.now(ctx).QueryRowContext(ctx, "SELECT coalesce(max(seq), 0) FROM events").Scan(&upto); err != nil {
		return 0, after, fmt.Errorf("audit export: %w", err)
	}
	send := func(seq int64, all []line) error {
		for i, l := range all {
			at := Cursor{Event: seq, Lines: i + 1}
			if i == len(all)-1 {
				at.Lines = 0
			}
			if seq == after.Event && i < after.Lines {
				continue
			}
			if err := l(out, at.String()); err != nil {
				return err
			}
			n, end = n+1, at
		}
		return nil
	}
	if events && format == FormatJSONL {
		err = r.eachEvent(ctx, after.Event, upto, func(e *Event) error { return send(e.Seq, []line{jsonLine(e)}) })
		return n, end, errors.Join(err, out.Flush())
	}
	for m, err := range r.moments(ctx, f, after.from(), upto) {
		if err != nil {
			return n, end, errors.Join(err, out.Flush())
		}
		var all []line
		for i := range m.calls {
			all = append(all, lines(&m.calls[i])...)
		}
		if events && m.own.Seq != 0 {
			all = append(all, ocsfOfEvent(&m.own))
		}
		if err := send(m.seq, all); err != nil {
			return n, end, err
		}
	}
	return n, end, out.Flush()
}

// from is the event after which to read.
func (c Cursor) from() int64 {
	if c.Lines > 0 {
		return c.Event - 1
	}
	return c.Event
}

// eachEvent hands over every event after one, up to another, with what stands beside it.
func (r *Reader) eachEvent(ctx context.Context, after, upto int64, do func(*Event) error) error {
	for {
		events, err := r.whole(ctx, "WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT 500", after, upto)
		if err != nil || len(events) == 0 {
			return err
		}
		for i := range events {
			after = events[i].Seq
			if err := do(&events[i]); err != nil {
				return err
			}
		}
	}
}

// Ended is a call that ended, and the cursor behind it.
type Ended struct {
	Call
	Cursor string `json:"cursor"`
}

// Follow yields calls of a filter as they end, from a cursor on, or from now on if
// it is nil, until the context ends.
func (r *Reader) Follow(ctx context.Context, f Filter, after *Cursor) iter.Seq2[Ended, error] {
	return r.followed(ctx, f, after, func() <-chan struct{} {
		again := make(chan struct{})
		time.AfterFunc(polled, func() { close(again) })
		return again
	})
}

// Follow is [Reader.Follow] woken by the writer: what was not recorded is not looked
// for.
func (s *Store) Follow(ctx context.Context, f Filter, after *Cursor) iter.Seq2[Ended, error] {
	return s.Reader.followed(ctx, f, after, s.writer.committed.Next)
}

const (
	polled = 200 * time.Millisecond // between looks into the file of somebody else's gateway
	paced  = 100 * time.Millisecond // between looks at the least: with commits by the thousand each is one of many
)

// followed is what both have in common: next is closed when there may be more, and is
// asked for before looking.
func (r *Reader) followed(ctx context.Context, f Filter, after *Cursor, next func() <-chan struct{}) iter.Seq2[Ended, error] {
	return func(yield func(Ended, error) bool) {
		err := r.follow(ctx, f, after, next, func(e Ended) bool { return yield(e, nil) })
		if err != nil && ctx.Err() == nil {
			yield(Ended{}, err)
		}
	}
}

func (r *Reader) follow(ctx context.Context, f Filter, after *Cursor, next func() <-chan struct{}, yield func(Ended) bool) error {
	newest := func() (seq int64, err error) {
		err = r.now(ctx).QueryRowContext(ctx, "SELECT coalesce(max(seq), 0) FROM events").Scan(&seq)
		return seq, err
	}
	if after == nil {
		seq, err := newest()
		if err != nil {
			return fmt.Errorf("follow calls: %w", err)
		}
		after = &Cursor{Event: seq}
	}
	from, skip := after.from(), after.Lines
	for {
		more := next()
		upto, err := newest()
		if err != nil {
			return fmt.Errorf("follow calls: %w", err)
		}
		for m, err := range r.moments(ctx, f, from, upto) {
			if err != nil {
				return err
			}
			for i := range m.calls {
				at := Cursor{Event: m.seq, Lines: i + 1}
				if i == len(m.calls)-1 {
					at.Lines = 0
				}
				if m.seq == after.Event && i < skip {
					continue
				}
				if !yield(Ended{m.calls[i], at.String()}) {
					return nil
				}
			}
		}
		from = max(from, upto)
		pause := time.After(paced)
		select {
		case <-more:
		case <-ctx.Done():
			return nil
		}
		select {
		case <-pause:
		case <-ctx.Done():
			return nil
		}
	}
}
