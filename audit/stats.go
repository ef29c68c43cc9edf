package audit

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
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
	err = r.now(ctx).QueryRowContext(ctx, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size").Scan(&s.SizeBytes)
	return s, err
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
