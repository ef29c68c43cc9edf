package audit

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
)

// stretch is a range of events, both ends included, that calls of a filter may
// begin in.
type stretch struct{ first, last int64 }

// plan finds the stretches of a filter, in one direction.
type plan struct {
	r      *Reader
	facets condition
	within stretch
	down   bool
	whole  bool // nothing is known but the ends
	ready  []stretch
	width  int64    // of the next window, in spans
	slot   int64    // the shortest duration that is wanted
	words  []string // texts whose words all stand in each call
}

// everywhere is all events that there can be.
var everywhere = stretch{0, math.MaxInt64}

// plan says where in a stretch calls of a filter can be. Cursor is the end that was
// reached: nothing at or beyond it is wanted.
func (r *Reader) plan(ctx context.Context, f *Filter, within stretch, down bool, cursor int64) (*plan, error) {
	p := &plan{r: r, facets: f.facets(), within: stretch{0, math.MaxInt64}, down: down, width: 16, slot: slot(int64(f.MinMs * 1e3)), words: f.words()}
	if err := r.now(ctx).QueryRowContext(ctx, "SELECT (SELECT coalesce(min(seq), 0) FROM events), (SELECT coalesce(max(seq), 0) FROM events)").Scan(&p.within.first, &p.within.last); err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	p.within.first, p.within.last = max(p.within.first, within.first), min(p.within.last, within.last)
	if down && cursor > 0 {
		p.within.last = min(p.within.last, cursor-1)
	}
	if !down {
		p.within.first = max(p.within.first, cursor+1)
	}
	if err := p.times(ctx, f); err != nil {
		return nil, err
	}
	if f.Call != "" || len(f.Session) > 0 || f.FromCall != "" {
		p.whole = true // these have indexes of their own
	}
	if p.facets.sql == "" && len(f.words()) == 0 && f.MinMs == 0 {
		p.whole = true
	}
	return p, nil
}

// times narrows a plan to the spans of the hours.
func (p *plan) times(ctx context.Context, f *Filter) error {
	if f.Since.IsZero() && f.Until.IsZero() {
		return nil
	}
	from, to := int64(math.MinInt64), int64(math.MaxInt64)
	if !f.Since.IsZero() {
		from = f.Since.UnixMilli() / hourMs
	}
	if !f.Until.IsZero() {
		to = f.Until.UnixMilli() / hourMs
	}
	var first, last sql.NullInt64
	if err := p.r.now(ctx).QueryRowContext(ctx, "SELECT min(span), max(span) FROM hours WHERE hour BETWEEN ? AND ?", from, to).Scan(&first, &last); err != nil {
		return fmt.Errorf("plan: %w", err)
	}
	if !first.Valid {
		p.within = stretch{1, 0}
		return nil
	}
	p.within.first = max(p.within.first, first.Int64*spanSize)
	p.within.last = min(p.within.last, last.Int64*spanSize+spanSize-1)
	return nil
}

// next returns the next stretch; ok is false when there is none.
func (p *plan) next(ctx context.Context) (s stretch, ok bool, err error) {
	for len(p.ready) == 0 {
		if p.within.first > p.within.last {
			return stretch{}, false, nil
		}
		if p.whole {
			s, p.within = p.within, stretch{1, 0}
			return s, true, nil
		}
		from, to := p.window()
		if err := p.look(ctx, from, to); err != nil {
			return stretch{}, false, err
		}
		if err := p.drop(ctx, from, to); err != nil {
			return stretch{}, false, err
		}
	}
	s, p.ready = p.ready[0], p.ready[1:]
	return s, true, nil
}

// window is the next spans to ask about. Windows grow: what is everywhere is
// found in the first, and what is nowhere with few questions.
func (p *plan) window() (from, to int64) {
	from, to = p.within.first/spanSize, p.within.last/spanSize
	if p.down {
		from = max(from, to-p.width+1)
	} else {
		to = min(to, from+p.width-1)
	}
	p.width *= 8
	return from, to
}

// drop leaves out the spans that do not have the words.
func (p *plan) drop(ctx context.Context, from, to int64) error {
	if len(p.words) == 0 || len(p.ready) == 0 {
		return nil
	}
	lacking, err := p.r.lacking(ctx, from, to, p.words)
	p.ready = slices.DeleteFunc(p.ready, func(s stretch) bool { return lacking[s.first/spanSize] })
	return err
}

// look asks the counts about a window.
func (p *plan) look(ctx context.Context, from, to int64) (err error) {
	order := "ASC"
	if p.down {
		order = "DESC"
	}
	if p.facets.sql == "" && p.slot == 0 { // every span may have some
		for span := from; span <= to; span++ {
			p.ready = append(p.ready, stretch{max(p.within.first, span*spanSize), min(p.within.last, span*spanSize+spanSize-1)})
		}
		if p.down {
			slices.Reverse(p.ready)
		}
		p.beyond(from, to)
		return nil
	}
	query, args := "SELECT min(first), max(last) FROM counts WHERE calls > 0 AND span BETWEEN ? AND ?", []any{from, to}
	if p.slot > 0 {
		query = `SELECT min(c.first), max(c.last) FROM (SELECT DISTINCT span AS long FROM hours WHERE span BETWEEN ? AND ? AND (slot >= ? OR first IS NULL))
			CROSS JOIN counts c ON span = long WHERE calls > 0 AND c.slot >= ?`
		args = append(args, p.slot, p.slot)
	}
	if p.facets.sql != "" {
		query, args = query+" AND facet IN (SELECT id FROM facets WHERE "+p.facets.sql+")", append(args, p.facets.args...)
	}
	rows, err := p.r.now(ctx).QueryContext(ctx, query+" GROUP BY span ORDER BY span "+order, args...)
	if err != nil {
		return fmt.Errorf("plan: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var s stretch
		if err := rows.Scan(&s.first, &s.last); err != nil {
			return fmt.Errorf("plan: %w", err)
		}
		s.first, s.last = max(s.first, p.within.first), min(s.last, p.within.last)
		if s.first <= s.last {
			p.ready = append(p.ready, s)
		}
	}
	p.beyond(from, to)
	return rows.Err()
}

// beyond goes on behind a window.
func (p *plan) beyond(from, to int64) {
	if p.down {
		p.within.last = from*spanSize - 1
	} else {
		p.within.first = (to + 1) * spanSize
	}
}

// page reads up to n calls of a filter, in one direction from a cursor. It reads
// what it returns into memory: a slow caller must not pin the write-ahead log.
func (r *Reader) page(ctx context.Context, f Filter, down bool, cursor int64, n int) ([]Call, error) {
	return r.pageIn(ctx, f, everywhere, down, cursor, n)
}

// pageIn is [Reader.page] of calls that begin in a stretch.
func (r *Reader) pageIn(ctx context.Context, f Filter, of stretch, down bool, cursor int64, n int) ([]Call, error) {
	if err := r.sessionsNamed(ctx, &f); err != nil {
		return nil, err
	}
	where, err := f.where()
	if err != nil {
		return nil, err
	}
	p, err := r.plan(ctx, &f, of, down, cursor)
	if err != nil {
		return nil, err
	}
	order := " ORDER BY seq LIMIT ?"
	if down {
		order = " ORDER BY seq DESC LIMIT ?"
	}
	within := "seq BETWEEN ? AND ?"
	if p.whole {
		within = "+seq BETWEEN ? AND ?" // there is an index for what is asked: the numbers are none
	}
	if p.whole && f.Call == "" && len(f.Session) == 0 && f.FromCall == "" {
		within = "seq BETWEEN ? AND ?"
	}
	var calls []Call
	for len(calls) < n {
		s, ok, err := p.next(ctx)
		if err != nil || !ok {
			return calls, err
		}
		for s.first <= s.last && len(calls) < n {
			wanted := n - len(calls)
			found, err := r.calls(ctx, "WHERE "+within+" AND "+where.sql+order, append(append([]any{s.first, s.last}, where.args...), wanted)...)
			if err != nil {
				return calls, err
			}
			for i := range found {
				if f.holds(&found[i]) {
					calls = append(calls, found[i])
				}
			}
			if len(found) < wanted {
				break
			}
			if end := found[len(found)-1].Seq; down {
				s.last = end - 1
			} else {
				s.first = end + 1
			}
		}
	}
	return calls, nil
}
