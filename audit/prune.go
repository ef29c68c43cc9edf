package audit

import (
	"context"
	"crypto/sha256"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"
)

// pruneChunk is how many events one transaction removes. Calls are recorded
// between two of them.
const pruneChunk = 2000

// Prune says what was removed from the beginning of a record, when, by whom and
// why. It is what the gateway's key signs.
type Prune struct {
	From    int64  `json:"from"`    // the first event that went
	Through int64  `json:"through"` // the last
	Removed int64  `json:"removed"` // how many: fewer than numbers, if some were missing
	Hash    []byte `json:"hash"`    // of the last: what stays is chained to it
	Before  string `json:"before"`  // what is older was to go, RFC 3339, UTC
	Time    string `json:"time"`    // when, likewise
	By      string `json:"by"`      // who
	Why     string `json:"why"`
}

// Prune removes the events before a time and returns how many. By and why are
// signed with it. What stays is chained to a signed statement about what went
// ([TypePrune]), so that the record still verifies, and an event that was removed
// in another way still shows. A checkpoint and the statement leave the database
// first. See [Reader.Prunable] for which events are before a time.
func (s *Store) Prune(ctx context.Context, before time.Time, by, why string) (removed int64, err error) {
	err = s.writer.do(ctx, func() error {
		removed, err = s.writer.prune(before, by, why)
		return err
	})
	return removed, err
}

// Prunable is the range of events that [Store.Prune] would remove now; through is
// 0 if there are none. Events go in their order, up to the first that is not
// older than the time. Those that say to be from the future hold nobody back: a
// clock was wrong when they were written, and they go with what surrounds them.
// Only what is followed by an old event does: where a clock runs behind now,
// everything seems to come from the future.
func (r *Reader) Prunable(ctx context.Context, before time.Time) (from, through int64, err error) {
	now := time.Now()
	err = r.now(ctx).QueryRowContext(ctx, prunable, before.UnixMilli(), now.UnixMilli()).Scan(&from, &through)
	if err != nil {
		err = fmt.Errorf("look for what to prune: %w", err)
	}
	return from, through, err
}

// prunable reads events up to the first that stays, and none behind it.
const prunable = `WITH young AS (SELECT coalesce((SELECT min(seq) FROM events WHERE time_unix_ms >= ?1 AND time_unix_ms <= ?2), (SELECT max(seq) + 1 FROM events)) AS seq)
	SELECT coalesce((SELECT min(seq) FROM events), 0),
		coalesce((SELECT max(e.seq) FROM events e WHERE e.seq < (SELECT seq FROM young) AND e.time_unix_ms < ?1), 0)`

// prune runs on the writer's goroutine.
func (w *writer) prune(before time.Time, by, why string) (int64, error) {
	p, text, err := w.notePrune(before, by, why)
	if err != nil || p.Removed == 0 {
		return 0, err
	}
	w.removed.Store(time.Now().UnixMilli())
	w.looked = time.Time{} // what came from the future may be gone
	return p.Removed, w.complete(p, text)
}

// notePrune records what is about to go, and signs for it.
func (w *writer) notePrune(before time.Time, by, why string) (p Prune, text string, err error) {
	if w.follower == nil {
		return p, "", errors.New("prune: nobody follows the record, and what still matters of it would go")
	}
	if err := w.snapshot(); err != nil { // what still matters of the events that go
		return p, "", err
	}
	if err := w.sign(); err != nil { // a checkpoint of the whole leaves first
		return p, "", err
	}
	now := time.Now()
	rows, err := w.conn.rows(prunable, before.UnixMilli(), now.UnixMilli())
	if err != nil {
		return p, "", err
	}
	// The snapshot and the checkpoint just written stay in any case.
	from, through := rows[0][0].(int64), min(rows[0][1].(int64), w.snapped-1)
	if through < from {
		return p, "", nil
	}
	if err := w.keepInForce(through); err != nil {
		return p, "", err
	}
	at, err := w.conn.at(through)
	if err != nil {
		return p, "", err
	}
	rows, err = w.conn.rows("SELECT count(*) FROM events WHERE seq <= ?", through)
	if err != nil {
		return p, "", err
	}
	p = Prune{
		From: from, Through: through, Removed: rows[0][0].(int64), Hash: at.hash[:],
		Before: before.UTC().Format(time.RFC3339), Time: now.UTC().Format(time.RFC3339), By: w.said(by), Why: w.said(why),
	}
	if text, err = w.keys.state(statesPrune, p); err != nil {
		return p, "", fmt.Errorf("sign for the prune: %w", err)
	}
	return p, text, w.writeDurably([]*Event{ownEvent(TypePrune, prunedBody{p, text})})
}

// prunedBody is the body of a [TypePrune] event: the statement, and in clear
// what it says.
type prunedBody struct {
	Prune
	Note string `json:"note"`
}

// complete hands out the statement of a prune and removes what it covers.
func (w *writer) complete(p Prune, text string) error {
	out, err := noted(w.opts.Checkpoints, text)
	if err == nil && !out {
		err = appendNote(w.opts.Checkpoints, text)
	}
	if err != nil {
		return fmt.Errorf("nothing was removed, since the prune's statement could not leave the database: %w", err)
	}
	w.opts.Log.Info("audit record is pruned", "from", p.From, "through", p.Through, "before", p.Before, "by", p.By, "why", p.Why, "note", text)
	if err := w.remove(p.Through); err != nil {
		return err
	}
	if err := w.clearJournal(); err != nil { // it may hold some of them
		return err
	}
	return w.giveBack()
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
		n, err := res.RowsAffected()
		if err == nil && n == 0 {
			err = w.conn.forget(through)
		}
		if err != nil || n == 0 {
			return err
		}
		w.serve()
	}
}

// serve moves into the database what was recorded, in the middle of something long.
func (w *writer) serve() {
	if w.settled.Load() < w.appended.Load() {
		_ = w.settle() // it says so, and is tried again
	}
}

// A prune gives space back to the disk when so many pages, and so large a part
// of all, are free. Below, what is recorded next uses them.
const (
	freePages = 2048 // 16 MiB
	freePart  = 4    // a quarter
)

// giveBack moves pages from the end of the file to where some are free, a few at
// a time, and serves the queue in between.
func (w *writer) giveBack() error {
	for first := true; ; first = false {
		if err := w.failure(); err != nil {
			return err
		}
		rows, err := w.conn.rows("SELECT freelist_count, page_count FROM pragma_freelist_count, pragma_page_count")
		if err != nil {
			return w.fail(err)
		}
		free, all := rows[0][0].(int64), rows[0][1].(int64)
		if free == 0 || first && (free < freePages || free < all/freePart) {
			return nil
		}
		if _, err := w.conn.rows("PRAGMA incremental_vacuum(512)"); err != nil {
			return w.fail(err)
		}
		w.serve()
	}
}

// lastPrune reads the newest [TypePrune] event that is the record's own: a zero
// Prune if there is none, an error if the gateway's key did not sign for it.
func lastPrune(keys *Keys, rows [][]driver.Value, declared func(int64) bool) (p Prune, text string, err error) {
	for _, columns := range rows {
		seq, _ := columns[0].(int64)
		if declared(seq) {
			continue
		}
		text, _ = columns[2].(string)
		err = keys.stated(statesPrune, text, &p)
		if through, _ := columns[1].(int64); err == nil && (through != p.Through || len(p.Hash) != sha256.Size) {
			err = fmt.Errorf("it says %d and signs for %d", through, p.Through)
		}
		if err != nil {
			return Prune{}, "", fmt.Errorf("the %s event %d is not signed for (%w): run `toolward audit verify`", TypePrune, seq, err)
		}
		return p, text, nil
	}
	return p, "", nil
}

// prunesByAge is what lastPrune reads, the newest first.
const prunesByAge = `SELECT seq, body ->> '$.through', body ->> '$.note' FROM events WHERE type = 'audit.prune' AND call IS NULL ORDER BY seq DESC`

// finishPrune removes what a prune that was interrupted had left, if it was
// signed for, and if the last event that goes is the one that was.
func (w *writer) finishPrune() error {
	rows, err := w.conn.rows(prunesByAge)
	if err != nil {
		return err
	}
	segments, err := w.segments()
	if err != nil {
		return err
	}
	c := chain{segments: segments}
	p, text, err := lastPrune(w.keys, rows, c.declared)
	if err != nil || p.Through == 0 {
		return err
	}
	left, err := w.conn.rows("SELECT 1 FROM events WHERE seq <= ? LIMIT 1", p.Through)
	if err != nil || len(left) == 0 {
		return err
	}
	at, err := w.conn.at(p.Through)
	if err == nil && string(at.hash[:]) != string(p.Hash) {
		err = fmt.Errorf("event %d is not the one that the prune of %s signs for: run `toolward audit verify`", p.Through, p.Time)
	}
	if err != nil {
		return err
	}
	return w.complete(p, text)
}
