package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"
)

// sum is calls that are alike in what they are counted by. Those that come from the
// tables share their facets.
type sum struct {
	*facet
	at       int64 // hour
	us       float64
	upstream float64 // ms
	calls    int64
}

// exactly is up to how many calls each is read, if they are among as many events as are soon read.
const (
	exactly  = 5000
	soonRead = 200_000
)

// period is hours, up to one that is not among them.
type period struct{ from, to int64 }

// sums hands over the calls of a filter: one by one if they are at most so many
// or what is asked is not counted, and then exact is true; else from the counts.
func (r *Reader) sums(ctx context.Context, f Filter, most, step int64, add func(sum)) (exact bool, err error) {
	if err := r.sessionsNamed(ctx, &f); err != nil {
		return false, err
	}
	if _, err := f.where(); err != nil {
		return false, err
	}
	if !f.Counted() {
		return true, r.each(ctx, f, add)
	}
	const ever = 24 << 32 // hours
	p := period{-ever, ever}
	if !f.Since.IsZero() {
		p.from = (f.Since.UnixMilli() + hourMs - 1) / hourMs
	}
	if !f.Until.IsZero() {
		p.to = f.Until.UnixMilli() / hourMs
	}
	var all []sum
	n := int64(0)
	gather := func(one sum) { all, n = append(all, one), n+one.calls }
	if p.from > p.to { // within an hour
		err = r.partly(ctx, f, f.Since, f.Until, gather)
	} else {
		err = r.wholly(ctx, &f, p, step, most > 0, gather)
		if err == nil && !f.Since.IsZero() {
			err = r.partly(ctx, f, f.Since, time.UnixMilli(p.from*hourMs), gather)
		}
		if err == nil && !f.Until.IsZero() {
			err = r.partly(ctx, f, time.UnixMilli(p.to*hourMs), f.Until, gather)
		}
	}
	if err != nil {
		return false, err
	}
	if n > 0 && n <= most {
		if few, err := r.fewEvents(ctx, f); err != nil {
			return false, err
		} else if few {
			return true, r.each(ctx, f, add)
		}
	}
	for _, one := range all {
		add(one)
	}
	return n == 0, nil
}

// fewEvents reports whether the calls of a filter are among events that are soon read.
func (r *Reader) fewEvents(ctx context.Context, f Filter) (bool, error) {
	p, err := r.plan(ctx, &f, everywhere, false, 0)
	if err != nil {
		return false, err
	}
	for n := int64(0); n <= soonRead; {
		s, ok, err := p.next(ctx)
		if err != nil || !ok {
			return err == nil, err
		}
		n += s.last - s.first + 1
	}
	return false, nil
}

// Counted reports whether the calls of a filter are counted, so that statistics over
// them read none.
func (f *Filter) Counted() bool { return !f.uncounted() && !f.mixed() }

// uncounted reports whether a filter asks for more than calls are counted by.
func (f *Filter) uncounted() bool {
	return f.Call != "" || len(f.Session) > 0 || f.FromCall != "" || len(f.ToolLabel)+len(f.Seen)+len(f.Approval)+len(f.DecidedBy) > 0 || f.Text != "" || f.Trace != "" || len(f.Args) > 0 || f.MinMs > 0
}

// mixed reports whether a filter tells running calls from interrupted ones, which
// the counts do not.
func (f *Filter) mixed() bool {
	for _, v := range []Values{f.Outcome, f.Not.Outcome} {
		if slices.Contains(v, unfinished[0]) != slices.Contains(v, unfinished[1]) {
			return true
		}
	}
	return false
}

// Where counts are read from. Spans that are in no sums stand in hours alone.
const (
	fromDays  = "SELECT day * 24 AS hour, facet, slot, calls FROM day_counts WHERE day >= ?1 / 24 AND day < ?2 / 24"
	fromHours = "SELECT hour, facet, iif(slot = 0, 0, 1) AS slot, calls FROM hour_counts WHERE hour >= ?1 AND hour < ?2"
	fromSpans = "SELECT c.hour, c.facet, c.slot, c.calls FROM hours h CROSS JOIN counts c ON c.span = h.span AND c.hour = h.hour WHERE h.hour >= ?1 AND h.hour < ?2"
	fromRest  = fromSpans + " AND h.found = 0 AND h.first IS NULL"
)

// wholly hands over the counts of whole hours, summed up over intervals of some
// hours (0: all time is one). Durations are wanted or not.
func (r *Reader) wholly(ctx context.Context, f *Filter, p period, step int64, durations bool, add func(sum)) error {
	facets, err := r.facetsOf(ctx, f)
	if err != nil || len(facets) == 0 || p.from >= p.to {
		return err
	}
	days := period{(p.from + 23) / 24 * 24, p.to / 24 * 24}
	if step%24 != 0 || days.from >= days.to {
		days = period{p.from, p.from}
	}
	read := func(p period, froms ...string) error {
		for _, from := range froms {
			if err == nil && p.from < p.to {
				err = r.counts(ctx, f, from, p, step, facets, add)
			}
		}
		return err
	}
	fine := []string{fromHours, fromRest}
	if durations {
		fine = []string{fromSpans}
	}
	_ = read(period{p.from, days.from}, fine...)
	_ = read(days, fromDays, fromRest)
	_ = read(period{days.to, p.to}, fine...)
	if err != nil {
		return err
	}
	return r.endless(ctx, *f, p, facets, add)
}

// counts hands over what a table counts of calls that have ended.
func (r *Reader) counts(ctx context.Context, f *Filter, from string, p period, step int64, facets map[int64]*facet, add func(sum)) (err error) {
	hour := "0"
	if step > 0 {
		hour = fmt.Sprintf("hour / %d * %[1]d", step)
	}
	where := f.facets()
	query := "SELECT facet, " + hour + " AS h, slot AS s, sum(calls) FROM (" + from + ")"
	if where.sql != "" {
		query += " WHERE facet IN (SELECT id FROM facets WHERE " + where.sql + ")"
	}
	rows, err := r.now(ctx).QueryContext(ctx, query+" GROUP BY facet, h, s", append([]any{p.from, p.to}, where.args...)...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var one sum
		var id, slot int64
		if err := rows.Scan(&id, &one.at, &slot, &one.calls); err != nil {
			return err
		}
		if one.facet = facets[id]; one.facet == nil || one.outcome == "" || one.calls <= 0 {
			continue
		}
		if slot > 0 {
			one.us = slotTop(slot)
		}
		add(one)
	}
	return rows.Err()
}

// endless hands over the calls that have no outcome: they run if the gateway has
// not been opened since.
func (r *Reader) endless(ctx context.Context, f Filter, p period, facets map[int64]*facet, add func(sum)) error {
	var opened int64
	if err := r.now(ctx).QueryRowContext(ctx, "SELECT coalesce(max(seq), 0) FROM events WHERE type IN ('audit.open', 'audit.recover') AND call IS NULL").Scan(&opened); err != nil {
		return err
	}
	rows, err := r.now(ctx).QueryContext(ctx, "SELECT hour, facet, calls, first, last FROM counts WHERE facet IN (SELECT id FROM facets WHERE outcome = '') AND hour >= ? AND hour < ? AND calls > 0", p.from, p.to)
	if err != nil {
		return err
	}
	ends := map[int64][2]*facet{} // by facet: running, interrupted
	both := map[int64]bool{}      // spans in which the gateway was opened
	for rows.Next() {
		var one sum
		var id, first, last int64
		if err := rows.Scan(&one.at, &id, &one.calls, &first, &last); err != nil {
			return errors.Join(err, rows.Close())
		}
		of := facets[id]
		if of == nil {
			continue
		}
		if _, ok := ends[id]; !ok {
			running, interrupted := *of, *of
			running.outcome, interrupted.outcome = unfinished[0], unfinished[1]
			ends[id] = [2]*facet{&running, &interrupted}
		}
		switch {
		case last < opened:
			one.facet = ends[id][1]
		case first > opened:
			one.facet = ends[id][0]
		default:
			both[first/spanSize] = true
			continue
		}
		add(one)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	for span := range both {
		if err := r.eachIn(ctx, f, span, func(one sum) {
			if slices.Contains(unfinished, one.outcome) && one.at >= p.from && one.at < p.to {
				add(one)
			}
		}); err != nil {
			return err
		}
	}
	return nil
}

// partly hands over the calls of a part of an hour. Of spans whose calls are all in
// it the counts are taken, the others' calls are read.
func (r *Reader) partly(ctx context.Context, f Filter, since, until time.Time, add func(sum)) error {
	from, to := since.UnixMilli(), until.UnixMilli()
	if from >= to {
		return nil
	}
	hour := from / hourMs
	facets, err := r.facetsOf(ctx, &f)
	if err != nil || len(facets) == 0 {
		return err
	}
	rows, err := r.now(ctx).QueryContext(ctx, `SELECT span, coalesce(first >= ?2 AND last < ?3, 0) AND NOT EXISTS (SELECT 1 FROM counts c JOIN facets ON id = facet WHERE c.span = h.span AND outcome = '' AND c.calls > 0) FROM hours h
		WHERE hour = ?1 AND coalesce(last >= ?2 AND first < ?3, 1)`, hour, from, to)
	if err != nil {
		return err
	}
	var inside, across []int64
	for rows.Next() {
		var span int64
		var all bool
		if err := rows.Scan(&span, &all); err != nil {
			return errors.Join(err, rows.Close())
		}
		if all {
			inside = append(inside, span)
		} else {
			across = append(across, span)
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	if len(inside) > 0 {
		spans := "SELECT hour, facet, slot, calls FROM counts WHERE hour >= ?1 AND hour < ?2 AND span IN (SELECT value FROM json_each('" + string(marshal(inside)) + "'))"
		if err := r.counts(ctx, &f, spans, period{hour, hour + 1}, 1, facets, add); err != nil {
			return err
		}
	}
	f.Since, f.Until = since, until
	for _, span := range across {
		if err := r.eachIn(ctx, f, span, add); err != nil {
			return err
		}
	}
	return nil
}

// facetsOf reads the facets of a filter, by their number.
func (r *Reader) facetsOf(ctx context.Context, f *Filter) (facets map[int64]*facet, err error) {
	where := f.facets()
	if where.sql == "" {
		where.sql = "1"
	}
	rows, err := r.now(ctx).QueryContext(ctx, "SELECT id, agent, server, tool, kind, effect, outcome, code, mark FROM facets WHERE "+where.sql, where.args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	facets = map[int64]*facet{}
	for rows.Next() {
		var id int64
		var f facet
		if err := rows.Scan(&id, &f.agent, &f.server, &f.tool, &f.kind, &f.effect, &f.outcome, &f.code, &f.mark); err != nil {
			return nil, err
		}
		facets[id] = &f
	}
	return facets, rows.Err()
}

// eachIn hands over the calls of a filter that begin in a span.
func (r *Reader) eachIn(ctx context.Context, f Filter, span int64, add func(sum)) error {
	return r.eachOf(r.allIn(ctx, f, stretch{span * spanSize, span*spanSize + spanSize - 1}), add)
}

// each hands over the calls of a filter one by one.
func (r *Reader) each(ctx context.Context, f Filter, add func(sum)) error {
	return r.eachOf(r.All(ctx, f), add)
}

func (r *Reader) eachOf(calls iter.Seq2[Call, error], add func(sum)) error {
	known := map[facet]*facet{}
	for c, err := range calls {
		if err != nil {
			return err
		}
		m := mark{Issuer: c.Issuer, Peer: c.Peer, Revision: c.Revision, Differs: c.Shadow != "" && c.Shadow != c.Effect}
		read := func(text Raw, into any) {
			if text != "" && err == nil {
				err = json.Unmarshal([]byte(text), into)
			}
		}
		read(c.Roles, &m.Roles)
		for _, text := range []Raw{c.ToolLabels, c.SessionLabels, c.Labels} {
			var labels []string
			read(text, &labels)
			m.Labels = append(m.Labels, labels...)
		}
		m.read(&c, read)
		if err != nil {
			return fmt.Errorf("call %s: %w", c.ID, err)
		}
		of := facet{c.Agent, c.Server, c.Tool, c.Kind, c.Effect, c.Outcome, c.Code, m.line()}
		if known[of] == nil {
			known[of] = &of
		}
		add(sum{facet: known[of], at: c.TimeUnixMs / hourMs, us: c.Ms * 1e3, upstream: c.UpstreamMs, calls: 1})
	}
	return nil
}
