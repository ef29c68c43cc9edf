package audit

import (
	"context"
	"strings"
	"time"
)

// EventQuery selects events, not calls. Zero members select everything.
type EventQuery struct {
	Own          bool      // of the gateway itself: those that are about no call
	Types        Values    // one of these
	Since, Until time.Time // Since included, Until not
}

// Events returns up to limit events, newest first, with what stands beside them,
// and a cursor for the rest as [Reader.List] does. The limit is at most 1000.
func (r *Reader) Events(ctx context.Context, q EventQuery, limit int, before int64) (events []Event, next int64, err error) {
	where, args := []string{"1"}, []any{}
	and := func(sql string, values ...any) { where, args = append(where, sql), append(args, values...) }
	if q.Own {
		and("call IS NULL")
	}
	if len(q.Types) > 0 {
		if err := tooLong("types", q.Types...); err != nil {
			return nil, 0, err
		}
		and("type IN (SELECT value FROM json_each(?))", string(marshal(q.Types)))
	}
	if !q.Since.IsZero() {
		and("time_unix_ms >= ?", q.Since.UnixMilli())
	}
	if !q.Until.IsZero() {
		and("time_unix_ms < ?", q.Until.UnixMilli())
	}
	if before > 0 {
		and("seq < ?", before)
	}
	limit = min(max(limit, 1), 1000)
	if events, err = r.whole(ctx, "WHERE "+strings.Join(where, " AND ")+" ORDER BY seq DESC LIMIT ?", append(args, limit+1)...); err != nil {
		return nil, 0, err
	}
	if len(events) > limit {
		events = events[:limit]
		next = events[limit-1].Seq
	}
	return events, next, nil
}
