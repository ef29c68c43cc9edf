package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// Compare counts the calls of the record anew, from the events, and says where
// the derived tables differ: what they hide would be missing from listings and
// statistics, though it is in the chain.
func (r *Reader) Compare(ctx context.Context) (differences []string, err error) {
	var last int64
	if err := r.now(ctx).QueryRowContext(ctx, "SELECT coalesce(max(seq), 0) FROM events").Scan(&last); err != nil {
		return nil, fmt.Errorf("compare counts: %w", err)
	}
	shared := map[string]*Shared{}
	for span := int64(0); span <= last/spanSize; span++ {
		found, err := r.compareSpan(ctx, span, shared)
		if err != nil {
			return differences, fmt.Errorf("compare counts: %w", err)
		}
		slices.Sort(found) // they come in the order of a map
		differences = append(differences, found...)
	}
	found, err := r.compareSums(ctx)
	if err != nil {
		return differences, fmt.Errorf("compare sums: %w", err)
	}
	return append(differences, found...), nil
}

// compareSums adds up what is in sums, by the tables that it comes from.
func (r *Reader) compareSums(ctx context.Context) (differences []string, err error) {
	const summed = "FROM hours h CROSS JOIN counts c ON c.span = h.span AND c.hour = h.hour WHERE h.first IS NOT NULL AND c.calls > 0"
	const times = "FROM hours h CROSS JOIN events e ON e.seq BETWEEN h.span * 4096 AND h.span * 4096 + 4095 AND e.call IS NOT NULL AND e.type IN ('call.attempt', 'call.refusal') AND e.time_unix_ms / 3600000 = h.hour WHERE h.first IS NOT NULL"
	for _, one := range []struct{ want, have, what string }{
		{"SELECT c.hour, facet, sum(calls), max(c.slot) " + summed + " GROUP BY 1, 2", "SELECT hour, facet, calls, slot FROM hour_counts", "statistics of hour %d, facet %d"},
		{"SELECT c.hour / 24, facet, c.slot, sum(calls) " + summed + " GROUP BY 1, 2, 3", "SELECT day, facet, slot, calls FROM day_counts", "statistics of day %d, facet %d"},
		{"SELECT h.hour, h.span, min(time_unix_ms), max(time_unix_ms) " + times + " GROUP BY 1, 2", "SELECT hour, span, first, last FROM hours WHERE first IS NOT NULL", "the times of hour %d, span %d"},
		{"SELECT h.hour, h.span, max(c.slot), 1 " + summed + " GROUP BY 1, 2", "SELECT hour, span, slot, 1 FROM hours WHERE first IS NOT NULL", "the longest of hour %d, span %d"},
		{"SELECT hour, span, 0, 0 FROM counts GROUP BY 1, 2", "SELECT hour, span, 0, 0 FROM hours WHERE EXISTS (SELECT 1 FROM counts c WHERE c.hour = hours.hour AND c.span = hours.span)", "hour %d, span %d"},
		{"SELECT hour, span, found, 0 FROM hours WHERE first IS NOT NULL", "SELECT hour, span, found, 0 FROM hours WHERE first IS NOT NULL OR found = 1", "what is found of hour %d, span %d"},
	} {
		for _, pair := range [][2]string{{one.want, one.have}, {one.have, one.want}} {
			var a, b int64
			err := r.now(ctx).QueryRowContext(ctx, "SELECT * FROM (SELECT * FROM ("+pair[0]+") EXCEPT SELECT * FROM ("+pair[1]+")) LIMIT 1").Scan(&a, &b, new(any), new(any))
			if noRows(err) {
				continue
			}
			if err != nil {
				return nil, err
			}
			differences = append(differences, fmt.Sprintf(one.what+" are not what listings count", a, b))
			break
		}
	}
	return differences, nil
}

// group is calls that are counted together.
type group struct {
	facet
	hour, slot int64
}

func (r *Reader) compareSpan(ctx context.Context, span int64, shared map[string]*Shared) (differences []string, err error) {
	first, last := span*spanSize, span*spanSize+spanSize-1
	want, err := r.countSpan(ctx, first, last, shared)
	if err != nil {
		return nil, err
	}
	have, err := r.counted(ctx, span)
	if err != nil {
		return nil, err
	}
	for g, w := range want {
		h, ok := have[g]
		switch {
		case !ok || h.calls != w.calls:
			differences = append(differences, fmt.Sprintf("%d calls of %s, agent %q, tool %q, outcome %q begin among the events %d to %d, and listings count %d", w.calls, g.kind, g.agent, g.tool, g.outcome, first, last, h.calls))
		case h.first > w.first || h.last < w.last:
			differences = append(differences, fmt.Sprintf("listings look for calls of agent %q, tool %q, outcome %q in %d to %d only", g.agent, g.tool, g.outcome, h.first, h.last))
		}
		delete(have, g)
	}
	for g, h := range have {
		differences = append(differences, fmt.Sprintf("listings count %d calls of agent %q, tool %q, outcome %q that the events %d to %d do not have", h.calls, g.agent, g.tool, g.outcome, first, last))
	}
	return differences, nil
}

// countSpan counts the calls that begin in a range of events.
func (r *Reader) countSpan(ctx context.Context, first, last int64, shared map[string]*Shared) (want map[group]counted, err error) {
	want = map[group]counted{}
	type pair struct{ attempt, end Event }
	var pairs []pair
	attempts, err := r.events(ctx, "WHERE seq BETWEEN ? AND ? AND call IS NOT NULL AND type IN ('call.attempt', 'call.refusal') ORDER BY seq", first, last)
	if err != nil {
		return nil, err
	}
	outcomes, err := r.events(ctx, "WHERE type = 'call.outcome' AND call BETWEEN ? AND ? ORDER BY seq DESC", first, last)
	if err != nil {
		return nil, err
	}
	ends := map[int64]Event{} // by the attempt's number: a foreign row can have its ID
	for _, e := range outcomes {
		ends[e.Of] = e
	}
	for _, a := range attempts {
		end, ok := ends[a.Seq]
		if !ok || a.Type == TypeRefusal {
			end = a
		}
		for _, e := range []*Event{&a, &end} {
			if err := r.use(ctx, e, shared); err != nil {
				return nil, err
			}
		}
		pairs = append(pairs, pair{a, end})
	}
	for _, p := range pairs {
		f, err := facetOf(&p.attempt, &p.end)
		if err != nil {
			f = facet{outcome: p.end.Outcome, code: p.end.Code, mark: "{}"}
		}
		a := &p.attempt
		f.agent, f.server, f.tool, f.kind, f.effect = a.Agent, a.Server, a.Tool, a.Kind, a.Effect
		g := group{f, a.TimeUnixMs / hourMs, slot(p.end.Us)}
		n, ok := want[g]
		if !ok {
			n.first = a.Seq
		}
		want[g] = counted{n.calls + 1, n.first, a.Seq}
	}
	return want, nil
}

// use finds what an event has in common with others, in memory or in the record.
func (r *Reader) use(ctx context.Context, e *Event, shared map[string]*Shared) error {
	e.Uses = nil
	for _, digest := range [][]byte{e.Who, e.What} {
		s, ok := shared[string(digest)]
		if !ok && len(digest) > 0 {
			s = &Shared{Digest: digest}
			err := r.now(ctx).QueryRowContext(ctx, "SELECT text FROM interned WHERE digest = ?", digest).Scan(&s.Text)
			if err != nil && !noRows(err) {
				return err
			}
			shared[string(digest)] = s
		}
		if s != nil && s.Text != "" {
			e.Uses = append(e.Uses, s)
		}
	}
	return nil
}

// counted reads what the tables count of a span.
func (r *Reader) counted(ctx context.Context, span int64) (have map[group]counted, err error) {
	rows, err := r.now(ctx).QueryContext(ctx, `SELECT agent, server, tool, kind, effect, outcome, code, mark, hour, slot, sum(calls), min(first), max(last)
		FROM counts JOIN facets ON id = facet WHERE span = ? AND calls <> 0 GROUP BY agent, server, tool, kind, effect, outcome, code, mark, hour, slot`, span)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	have = map[group]counted{}
	for rows.Next() {
		var g group
		var n counted
		if err := rows.Scan(&g.agent, &g.server, &g.tool, &g.kind, &g.effect, &g.outcome, &g.code, &g.mark, &g.hour, &g.slot, &n.calls, &n.first, &n.last); err != nil {
			return nil, err
		}
		if !json.Valid([]byte(g.mark)) {
			return nil, fmt.Errorf("the mark %q is no JSON", g.mark)
		}
		have[g] = n
	}
	return have, rows.Err()
}
