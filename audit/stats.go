package audit

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// Stats sums up the calls of a filter.
type Stats struct {
	Calls     int64   `json:"calls"`
	First     string  `json:"first,omitempty"` // time of the first call
	Last      string  `json:"last,omitempty"`
	Agents    []Count `json:"agents"` // most calls first, at most 20
	Tools     []Count `json:"tools"`
	Outcomes  []Count `json:"outcomes"`
	Effects   []Count `json:"effects"`
	Codes     []Count `json:"codes"` // why calls were refused or withheld
	Latency   Spread  `json:"ms"`
	Upstream  Spread  `json:"upstream_ms"` // zero where it is not exact
	Exact     bool    `json:"exact"`       // of many calls, quantiles are tops of slots of which there are four to an octave: up to a fifth too high
	SizeBytes int64   `json:"size_bytes"`  // of the database, without its write-ahead log
}

// Count is how many calls have a value.
type Count struct {
	Value string `json:"value"`
	Calls int64  `json:"calls"`
}

// Spread is quantiles in milliseconds, of the calls that have ended.
type Spread struct {
	P50 float64 `json:"p50"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// exactly is up to how many calls each is read.
const exactly = 5000

// sum is calls that are alike in what they are counted by.
type sum struct {
	facet
	at       int64 // hour
	us       float64
	upstream float64 // ms
	calls    int64
}

// Stats sums up the calls of a filter: those that are counted from their counts.
func (r *Reader) Stats(ctx context.Context, f Filter) (Stats, error) {
	s := Stats{Exact: true}
	groups := map[string]map[string]int64{"agent": {}, "tool": {}, "outcome": {}, "effect": {}, "code": {}}
	var us, upstream []weighted
	exact, err := r.sums(ctx, f, exactly, 0, func(one sum) {
		s.Calls += one.calls
		for name, value := range map[string]string{"agent": one.agent, "tool": one.tool, "outcome": one.outcome, "effect": one.effect, "code": one.code} {
			if value != "" {
				groups[name][value] += one.calls
			}
		}
		if one.us > 0 {
			us = append(us, weighted{one.us / 1e3, one.calls})
		}
		if one.upstream > 0 {
			upstream = append(upstream, weighted{one.upstream, one.calls})
		}
	})
	if err != nil {
		return s, fmt.Errorf("audit statistics: %w", err)
	}
	for name, list := range map[string]*[]Count{"agent": &s.Agents, "tool": &s.Tools, "outcome": &s.Outcomes, "effect": &s.Effects, "code": &s.Codes} {
		*list = most(groups[name], 20)
	}
	s.Exact, s.Latency = exact, spreadOf(us)
	if exact {
		s.Upstream = spreadOf(upstream)
	}
	for _, end := range []struct {
		down bool
		time *string
	}{{false, &s.First}, {true, &s.Last}} {
		calls, err := r.page(ctx, f, end.down, 0, 1)
		if err != nil {
			return s, err
		}
		if len(calls) > 0 {
			*end.time = calls[0].Time
		}
	}
	err = r.db.QueryRowContext(ctx, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size").Scan(&s.SizeBytes)
	return s, err
}

// sums hands over the calls of a filter: one by one if they are at most so many
// or what is asked is not counted, and then exact is true; else from the counts.
func (r *Reader) sums(ctx context.Context, f Filter, most, step int64, add func(sum)) (exact bool, err error) {
	if err := r.sessionsNamed(ctx, &f); err != nil {
		return false, err
	}
	if _, err := f.where(); err != nil {
		return false, err
	}
	if f.uncounted() || f.mixed() {
		return true, r.each(ctx, f, add)
	}
	from, to := int64(math.MinInt64), int64(math.MaxInt64)
	if !f.Since.IsZero() {
		from = (f.Since.UnixMilli() + hourMs - 1) / hourMs
	}
	if !f.Until.IsZero() {
		to = f.Until.UnixMilli() / hourMs
	}
	if from >= to {
		return true, r.each(ctx, f, add)
	}
	inner, n, err := r.inner(ctx, &f, from, to, step, most > 0)
	if err != nil {
		return false, err
	}
	if n <= most {
		return true, r.each(ctx, f, add)
	}
	for _, one := range inner {
		add(one)
	}
	// What the ends of the time take of an hour is read.
	for _, edge := range [][2]time.Time{{f.Since, time.UnixMilli(from * hourMs)}, {time.UnixMilli(to * hourMs), f.Until}} {
		if edge[0].IsZero() || edge[1].IsZero() || !edge[0].Before(edge[1]) {
			continue
		}
		part := f
		part.Since, part.Until = edge[0], edge[1]
		if err := r.each(ctx, part, add); err != nil {
			return false, err
		}
	}
	return false, nil
}

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

// inner reads the counts of whole hours, summed up over intervals of some hours
// (0: all time is one). Durations are wanted or not.
func (r *Reader) inner(ctx context.Context, f *Filter, from, to, step int64, durations bool) (all []sum, n int64, err error) {
	facets, err := r.facetsOf(ctx, f)
	if err != nil {
		return nil, 0, err
	}
	hour, slot := "0", "iif(slot = 0, 0, 1)"
	if step > 0 {
		hour = fmt.Sprintf("hour / %d * %[1]d", step)
	}
	if durations {
		slot = "slot"
	}
	var opened int64
	if err := r.db.QueryRowContext(ctx, "SELECT coalesce(max(seq), 0) FROM events WHERE type IN ('audit.open', 'audit.recover') AND call IS NULL").Scan(&opened); err != nil {
		return nil, 0, err
	}
	rows, err := r.db.QueryContext(ctx, "SELECT facet, "+hour+" AS h, "+slot+` AS s, sum(calls), max(last) FROM counts
		WHERE calls > 0 AND span BETWEEN (SELECT min(span) FROM hours WHERE hour BETWEEN ?1 AND ?2 - 1) AND (SELECT max(span) FROM hours WHERE hour BETWEEN ?1 AND ?2 - 1)
		AND hour >= ?1 AND hour < ?2 GROUP BY facet, h, s`, from, to)
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var one sum
		var id, slot, last int64
		if err := rows.Scan(&id, &one.at, &slot, &one.calls, &last); err != nil {
			return nil, 0, err
		}
		facet, ok := facets[id]
		if !ok {
			continue
		}
		one.facet = facet
		if one.outcome == "" {
			one.outcome = unfinished[0]
			if last < opened {
				one.outcome = unfinished[1]
			}
		}
		if slot > 0 && durations {
			one.us = slotTop(slot)
		}
		all = append(all, one)
		n += one.calls
	}
	return all, n, rows.Err()
}

// facetsOf reads the facets of a filter, by their number.
func (r *Reader) facetsOf(ctx context.Context, f *Filter) (facets map[int64]facet, err error) {
	where := f.facets()
	if where.sql == "" {
		where.sql = "1"
	}
	rows, err := r.db.QueryContext(ctx, "SELECT id, agent, server, tool, kind, effect, outcome, code, mark FROM facets WHERE "+where.sql, where.args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	facets = map[int64]facet{}
	for rows.Next() {
		var id int64
		var f facet
		if err := rows.Scan(&id, &f.agent, &f.server, &f.tool, &f.kind, &f.effect, &f.outcome, &f.code, &f.mark); err != nil {
			return nil, err
		}
		facets[id] = f
	}
	return facets, rows.Err()
}

// each hands over the calls of a filter one by one.
func (r *Reader) each(ctx context.Context, f Filter, add func(sum)) error {
	for c, err := range r.All(ctx, f) {
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
		add(sum{facet: facet{c.Agent, c.Server, c.Tool, c.Kind, c.Effect, c.Outcome, c.Code, m.line()}, at: c.TimeUnixMs / hourMs, us: c.Ms * 1e3, upstream: c.UpstreamMs, calls: 1})
	}
	return nil
}

// weighted is a value that some calls have.
type weighted struct {
	value float64
	calls int64
}

// spreadOf takes the nearest rank: the smallest value that a share of the calls
// does not exceed.
func spreadOf(all []weighted) (s Spread) {
	slices.SortFunc(all, func(a, b weighted) int { return cmp.Compare(a.value, b.value) })
	n := int64(0)
	for _, w := range all {
		n += w.calls
	}
	at := int64(0)
	for _, w := range all {
		for _, q := range []struct {
			share float64
			value *float64
		}{{0.50, &s.P50}, {0.95, &s.P95}, {0.99, &s.P99}} {
			if rank := int64(math.Ceil(q.share * float64(n))); at < rank && rank <= at+w.calls {
				*q.value = w.value
			}
		}
		at += w.calls
		s.Max = w.value
	}
	return s
}

// most returns the values that most calls have.
func most(counts map[string]int64, n int) []Count {
	all := make([]Count, 0, len(counts))
	for v, calls := range counts {
		all = append(all, Count{v, calls})
	}
	slices.SortFunc(all, func(a, b Count) int { return cmp.Or(cmp.Compare(b.Calls, a.Calls), cmp.Compare(a.Value, b.Value)) })
	return all[:min(n, len(all))]
}
