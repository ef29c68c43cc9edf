package audit

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
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
	Upstream  Spread  `json:"upstream_ms"`
	SizeBytes int64   `json:"size_bytes"` // of the database, without its write-ahead log
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

// Stats reads every call of the filter once for each of its members.
func (r *Reader) Stats(ctx context.Context, f Filter) (Stats, error) {
	var s Stats
	where, args, err := f.where()
	if err != nil {
		return s, err
	}
	err = r.db.QueryRowContext(ctx, "SELECT count(*), coalesce(min(time), ''), coalesce(max(time), '') FROM calls WHERE "+where, args...).Scan(&s.Calls, &s.First, &s.Last)
	if err != nil {
		return s, fmt.Errorf("audit statistics: %w", err)
	}
	for _, group := range []struct {
		column string
		counts *[]Count
	}{{"agent", &s.Agents}, {"tool", &s.Tools}, {"outcome", &s.Outcomes}, {"effect", &s.Effects}, {"code", &s.Codes}} {
		if *group.counts, err = r.counts(ctx, group.column, where, args); err != nil {
			return s, err
		}
	}
	for _, group := range []struct {
		column string
		spread *Spread
	}{{"ms", &s.Latency}, {"upstream_ms", &s.Upstream}} {
		if *group.spread, err = r.spread(ctx, group.column, where, args); err != nil {
			return s, err
		}
	}
	err = r.db.QueryRowContext(ctx, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size").Scan(&s.SizeBytes)
	return s, err
}

func (r *Reader) counts(ctx context.Context, column, where string, args []any) (counts []Count, err error) {
	rows, err := r.db.QueryContext(ctx, "SELECT "+column+", count(*) AS n FROM calls WHERE "+where+" AND "+column+" IS NOT NULL GROUP BY 1 ORDER BY n DESC, 1 LIMIT 20", args...)
	if err != nil {
		return nil, fmt.Errorf("count calls by %s: %w", column, err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	counts = []Count{}
	for rows.Next() {
		var c Count
		if err := rows.Scan(&c.Value, &c.Calls); err != nil {
			return nil, fmt.Errorf("count calls by %s: %w", column, err)
		}
		counts = append(counts, c)
	}
	return counts, rows.Err()
}

// spread takes the nearest rank: the smallest value that a share of the calls
// does not exceed.
func (r *Reader) spread(ctx context.Context, column, where string, args []any) (s Spread, err error) {
	row := r.db.QueryRowContext(ctx, `WITH v AS (SELECT `+column+` AS ms, row_number() OVER (ORDER BY `+column+`) AS rank, count(*) OVER () AS n
			FROM calls WHERE `+where+` AND `+column+` IS NOT NULL)
		SELECT coalesce(min(ms) FILTER (WHERE rank >= 0.50 * n), 0), coalesce(min(ms) FILTER (WHERE rank >= 0.95 * n), 0),
			coalesce(min(ms) FILTER (WHERE rank >= 0.99 * n), 0), coalesce(max(ms), 0) FROM v`, args...)
	if err := row.Scan(&s.P50, &s.P95, &s.P99, &s.Max); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return s, fmt.Errorf("quantiles of %s: %w", column, err)
	}
	return s, nil
}
