package audit

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
)

// A month of many calls has as many rows of counts as it has calls, nearly. So
// what is asked of long times is summed up once more, beside the writer and span by
// span, when every call of a span has ended: by the hour in hour_counts, and with
// durations by the day in day_counts. hours says which spans are in these sums, and
// from when to when their calls go: an hour that is asked for in part has few spans
// of which calls have to be read.
//
// Should the counts of such a span change after all, it is taken out of the sums
// first, and is due again.

// keepApart makes sure that the counts of a span and hour are in no sums.
func (c *conn) keepApart(hour, span int64) error {
	at := [2]int64{hour, span}
	if c.counting.apart[at] {
		return nil
	}
	if err := c.apartAll("hour = ? AND span = ?", hour, span); err != nil {
		return err
	}
	if len(c.counting.apart) >= 1<<10 {
		clear(c.counting.apart) // it is only a memory of what is in hours
	}
	c.counting.apart[at] = true
	return nil
}

// apartAll takes what a condition on hours holds for out of the sums. Their counts
// are as they were when they went in.
func (c *conn) apartAll(where string, args ...driver.Value) error {
	rows, err := c.rows("SELECT hour, span FROM hours WHERE first IS NOT NULL AND "+where, args...)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if err := c.addSums(row[0], row[1], -1); err != nil {
			return err
		}
		for _, statement := range []string{
			"UPDATE hours SET first = NULL, last = NULL, slot = NULL, found = 0 WHERE hour = ?1 AND span = ?2",
			"DELETE FROM words WHERE block IN " + allBlocks + " AND span = ?2 AND ?1 IS NOT NULL", // there may be more of them now
			"DELETE FROM hour_counts WHERE hour = ?1 AND calls = 0 AND ?2 IS NOT NULL",
			"DELETE FROM day_counts WHERE day = ?1 / 24 AND calls = 0 AND ?2 IS NOT NULL",
			`UPDATE hour_counts SET slot = (SELECT coalesce(max(c.slot), 0) FROM hours h JOIN counts c ON c.span = h.span AND c.hour = h.hour
				WHERE h.hour = ?1 AND h.first IS NOT NULL AND c.facet = hour_counts.facet) WHERE hour = ?1 AND facet IN (SELECT facet FROM counts WHERE span = ?2)`,
		} {
			if err := c.exec(statement, row[0], row[1]); err != nil {
				return err
			}
		}
	}
	return nil
}

// addSums adds the counts of a span and hour to the sums, or takes them out.
func (c *conn) addSums(hour, span driver.Value, sign int64) error {
	for _, statement := range []string{
		`INSERT INTO hour_counts (hour, facet, calls, slot) SELECT hour, facet, ?3 * sum(calls), max(slot) FROM counts WHERE span = ?2 AND hour = ?1 AND calls > 0 GROUP BY facet
			ON CONFLICT DO UPDATE SET calls = calls + excluded.calls, slot = max(slot, excluded.slot)`,
		`INSERT INTO day_counts (day, facet, slot, calls) SELECT hour / 24, facet, slot, ?3 * calls FROM counts WHERE span = ?2 AND hour = ?1 AND calls > 0
			ON CONFLICT DO UPDATE SET calls = calls + excluded.calls`,
	} {
		if err := c.exec(statement, hour, span, sign); err != nil {
			return err
		}
	}
	return nil
}

// indexed is what is found out about a span beside the writer.
type indexed struct {
	span   int64
	times  map[int64][2]int64 // by hour, when its calls were read, first and last
	blocks [wordBlocks][]byte
}

// indexSpan sums up, and makes the filter of words of, one span that is due and
// whose calls have all ended, latest first. It reports whether there was one. It runs
// beside the writer, which only inserts.
func (s *Store) indexSpan(ctx context.Context) (bool, error) {
	in := indexed{times: map[int64][2]int64{}}
	err := s.Reader.now(ctx).QueryRowContext(ctx, `SELECT h.span FROM hours h WHERE h.found = 0 AND h.span < (SELECT max(seq) FROM events) / ?
		AND NOT EXISTS (SELECT 1 FROM counts c JOIN facets f ON f.id = c.facet WHERE c.span = h.span AND f.outcome = '' AND c.calls > 0
			AND c.last > (SELECT max(seq) FROM events WHERE type IN ('audit.open', 'audit.recover') AND call IS NULL)) ORDER BY h.span DESC LIMIT 1`, spanSize).Scan(&in.span)
	if noRows(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("index: %w", err)
	}
	if err := s.readSpan(ctx, &in); err != nil {
		return false, fmt.Errorf("index: %w", err)
	}
	return true, s.writer.do(ctx, func() error { return s.writer.putSpan(&in) })
}

// readSpan reads when the calls of a span were read, and which words are in them.
func (s *Store) readSpan(ctx context.Context, in *indexed) error {
	rows, err := s.Reader.now(ctx).QueryContext(ctx, `SELECT time_unix_ms / ?, min(time_unix_ms), max(time_unix_ms) FROM events
		WHERE seq BETWEEN ? AND ? AND call IS NOT NULL AND type IN ('call.attempt', 'call.refusal') GROUP BY 1`, hourMs, in.span*spanSize, in.span*spanSize+spanSize-1)
	if err != nil {
		return err
	}
	for rows.Next() {
		var hour, first, last int64
		if err := rows.Scan(&hour, &first, &last); err != nil {
			return errors.Join(err, rows.Close())
		}
		in.times[hour] = [2]int64{first, last}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return err
	}
	in.blocks, err = s.spanWords(ctx, in.span)
	return err
}

// putSpan stores what was found out about a span.
func (w *writer) putSpan(in *indexed) error {
	if err := w.failure(); err != nil {
		return err
	}
	if err := w.conn.exec("BEGIN IMMEDIATE"); err != nil {
		return w.fail(err)
	}
	if err := w.conn.putSpan(in); err != nil {
		return w.fail(errors.Join(err, w.conn.exec("ROLLBACK")))
	}
	if err := w.conn.exec("COMMIT"); err != nil {
		return w.fail(err)
	}
	clear(w.conn.counting.apart)
	return nil
}

func (c *conn) putSpan(in *indexed) error {
	for block, bits := range in.blocks {
		if err := c.exec("INSERT OR REPLACE INTO words (block, span, bits) VALUES (?, ?, ?)", int64(block), in.span, bits); err != nil {
			return err
		}
	}
	rows, err := c.rows("SELECT hour, first IS NULL FROM hours WHERE span = ? AND found = 0", in.span)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if row[1] == int64(0) {
			continue // the words alone were due
		}
		hour, _ := row[0].(int64)
		times, ok := in.times[hour]
		if !ok {
			times = [2]int64{hour * hourMs, hour*hourMs + hourMs - 1}
		}
		if err := c.addSums(hour, in.span, 1); err != nil {
			return err
		}
		if err := c.exec("UPDATE hours SET first = ?, last = ?, slot = (SELECT max(c.slot) FROM counts c WHERE c.span = hours.span AND c.hour = hours.hour) WHERE hour = ? AND span = ?",
			times[0], times[1], hour, in.span); err != nil {
			return err
		}
	}
	return c.exec("UPDATE hours SET found = 1 WHERE span = ? AND found = 0", in.span)
}

// wordsDue says of spans, as JSON, that their words are to be found out anew.
const wordsDue = "UPDATE hours SET found = 0 WHERE found = 1 AND span IN (SELECT value / 4096 FROM json_each(?))"

// dropWords removes the filters of the spans that events, as JSON, are in.
const dropWords = "DELETE FROM words WHERE block IN " + allBlocks + " AND span IN (SELECT DISTINCT value / 4096 FROM json_each(?))"

// allBlocks makes use of the index of words, which blocks come first in.
const allBlocks = "(WITH RECURSIVE b(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM b WHERE n < 63) SELECT n FROM b)"
