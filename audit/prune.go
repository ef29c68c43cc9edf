package audit

import (
	"context"
	"fmt"
	"time"
)

// pruneChunk is how many events one transaction removes. Calls are recorded
// between two of them.
const pruneChunk = 2000

// Prune removes the events before a time, as far as they are older than
// everything after them, and returns how many. What stays is chained to a
// signed note about what went ([TypePrune]), so that the record still verifies,
// and an event that was removed in another way still shows. A checkpoint leaves
// the database first.
func (s *Store) Prune(ctx context.Context, before time.Time) (removed int64, err error) {
	err = s.writer.do(ctx, func() error {
		removed, err = s.writer.prune(before)
		return err
	})
	return removed, err
}

// prune runs on the writer's goroutine.
func (w *writer) prune(before time.Time) (int64, error) {
	w.sign() // what goes was signed for, and what follows is signed again below
	if err := w.failure(); err != nil {
		return 0, err
	}
	rows, err := w.conn.rows(`SELECT coalesce(
		(SELECT min(seq) - 1 FROM events WHERE time_unix_ms >= ?), (SELECT max(seq) FROM events), 0),
		coalesce((SELECT min(seq) FROM events), 0)`, before.UnixMilli())
	if err != nil {
		return 0, err
	}
	through, first := min(rows[0][0].(int64), w.head.seq-1), rows[0][1].(int64)
	if through < first || through <= 0 {
		return 0, nil
	}
	at, err := w.conn.at(through)
	if err != nil {
		return 0, err
	}
	text, err := w.keys.checkpoint(at, time.Now())
	if err != nil {
		return 0, fmt.Errorf("sign prune note: %w", err)
	}
	e := Event{Type: TypePrune, TimeUnixMs: time.Now().UnixMilli(), Body: Raw(appendLine(nil, marshal(map[string]any{
		"through": through, "before": before.UTC().Format(time.RFC3339), "removed": through - first + 1, "note": text,
	})))}
	if err := w.writeDurably([]*Event{&e}); err != nil {
		return 0, err
	}
	return through - first + 1, w.remove(through)
}

// remove deletes what a prune event covers, and serves the queue in between.
func (w *writer) remove(through int64) error {
	for {
		if err := w.failure(); err != nil {
			return err
		}
		res, err := w.conn.c.Exec("DELETE FROM events WHERE seq IN (SELECT seq FROM events WHERE seq <= ? ORDER BY seq LIMIT ?)", values(through, int64(pruneChunk)))
		if err != nil {
			return w.fail(err)
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return err
		}
		if batch := w.drain(nil); len(batch) > 0 {
			w.commit(batch)
		}
	}
}

// finishPrune removes what a prune that was interrupted had left.
func (w *writer) finishPrune() error {
	rows, err := w.conn.rows("SELECT json_extract(body, '$.through') FROM events WHERE type = ? AND call IS NULL ORDER BY seq DESC LIMIT 1", TypePrune)
	if err != nil || len(rows) == 0 {
		return err
	}
	through, ok := rows[0][0].(int64)
	if !ok {
		return fmt.Errorf("the last %s event does not say up to where", TypePrune)
	}
	return w.remove(through)
}
