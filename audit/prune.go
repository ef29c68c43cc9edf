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
	pruned, err := w.notePrune(before)
	if err != nil || pruned.removed == 0 {
		return 0, err
	}
	return pruned.removed, w.remove(pruned.through)
}

// pruned is what an [TypePrune] event announces.
type pruned struct{ through, removed int64 }

// notePrune records what is about to go, and signs for it.
func (w *writer) notePrune(before time.Time) (pruned, error) {
	if err := w.sign(); err != nil { // a checkpoint of the whole leaves first
		return pruned{}, err
	}
	rows, err := w.conn.rows(`SELECT coalesce((SELECT min(seq) - 1 FROM events WHERE time_unix_ms >= ?), (SELECT max(seq) FROM events)),
		(SELECT min(seq) FROM events)`, before.UnixMilli())
	if err != nil {
		return pruned{}, err
	}
	// The checkpoint just written stays in any case: there is a first and a last.
	through, first := min(rows[0][0].(int64), w.head.seq-1), rows[0][1].(int64)
	if through < first {
		return pruned{}, nil
	}
	at, err := w.conn.at(through)
	if err != nil {
		return pruned{}, err
	}
	text, err := w.keys.checkpoint(at, time.Now())
	if err != nil {
		return pruned{}, fmt.Errorf("sign prune note: %w", err)
	}
	p := pruned{through, through - first + 1}
	return p, w.writeDurably([]*Event{ownEvent(TypePrune, map[string]any{
		"through": p.through, "removed": p.removed, "before": before.UTC().Format(time.RFC3339), "note": text,
	})})
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

// finishPrune removes what a prune that was interrupted had left, if the note
// in it is signed.
func (w *writer) finishPrune() error {
	rows, err := w.conn.rows("SELECT json_extract(body, '$.through'), json_extract(body, '$.note') FROM events WHERE type = ? AND call IS NULL ORDER BY seq DESC LIMIT 1", TypePrune)
	if err != nil || len(rows) == 0 {
		return err
	}
	text, _ := rows[0][1].(string)
	signed, ok, err := w.keys.newest([]byte(text))
	if through := rows[0][0]; err != nil || !ok || through != signed.seq {
		return fmt.Errorf("the last %s event is not signed for: run `toolward audit verify`", TypePrune)
	}
	return w.remove(signed.seq)
}
