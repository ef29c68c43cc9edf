package audit

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"toolward/gateway"
)

// Erasure says whose texts go: arguments, results and what stands beside them,
// and an agent's claims. One of Agent, Session and Call is set.
//
// What was decided stays, with the names of agent, tool and rules: the chain
// holds, and package audit/verify says which texts are gone by which event. It is
// for what was recorded until now; what the agent does later is recorded as ever.
type Erasure struct {
	Agent   string           `json:"agent,omitempty"` // ID, of every issuer
	Session string           `json:"session,omitempty"`
	Call    string           `json:"call,omitempty"` // its whole ID
	Why     string           `json:"why"`
	By      gateway.Operator `json:"by"`
	Through int64            `json:"through"` // events up to this one
	Texts   int64            `json:"texts"`   // rows of bodies that go, at least: more if the agent called meanwhile
	Shared  int64            `json:"shared"`  // rows of interned that go
}

func (e *Erasure) check() error {
	set := 0
	for _, s := range []string{e.Agent, e.Session, e.Call} {
		if s != "" {
			set++
		}
	}
	switch {
	case set != 1:
		return errors.New("say whose texts go: one agent, one session or one call")
	case e.Why == "":
		return errors.New("say why: it is on record for ever")
	}
	return nil
}

// matching selects the events that an erasure is about. Whose call it is stands
// in its first event; others have its ID.
const matching = `SELECT e.seq FROM events e WHERE e.seq <= ?1 AND (e.agent = ?2 OR e.session = ?3 OR e.call = ?4
	OR e.call IN (SELECT +seq FROM events WHERE call IS NOT NULL AND (agent = ?2 OR session = ?3 OR call = ?4)))`

func (e *Erasure) values() []any {
	return []any{e.Through, orNone(e.Agent), orNone(e.Session), orNone(e.Call)}
}

// orNone is NULL, which equals nothing, for what is not set.
func orNone(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// Erase removes texts, on record: the event says whose, why and by whom before
// the first is gone. It returns what went.
func (s *Store) Erase(ctx context.Context, e Erasure) (Erasure, error) {
	if err := e.check(); err != nil {
		return e, err
	}
	e.Why = s.writer.said(e.Why)
	rowOf := s.Reader.now(ctx).QueryRowContext
	if err := rowOf(ctx, "SELECT coalesce(max(seq), 0) FROM events").Scan(&e.Through); err != nil {
		return e, fmt.Errorf("erase: %w", err)
	}
	if err := rowOf(ctx, "SELECT count(*) FROM bodies WHERE seq IN ("+matching+")", e.values()...).Scan(&e.Texts); err != nil {
		return e, fmt.Errorf("erase: %w", err)
	}
	if err := rowOf(ctx, "SELECT count(*) FROM interned WHERE text ->> '$.agent.id' = ?", orNone(e.Agent)).Scan(&e.Shared); err != nil {
		return e, fmt.Errorf("erase: %w", err)
	}
	if e.Texts+e.Shared == 0 {
		return e, nil
	}
	err := s.writer.do(ctx, func() error {
		return s.writer.hold(func() error {
			e.Through = s.writer.head.seq // what comes behind the event that says so is not of it
			said := []*Event{ownEvent(TypeErase, e)}
			if err := s.writer.writeDurablyHeld(said); err != nil {
				return err
			}
			if e.Agent != "" {
				s.forget(e.Through)
			}
			s.writer.follow(said)
			return nil
		})
	})
	if err != nil {
		return e, err
	}
	return e, s.erased(ctx, e)
}

// forget has what is interned go by other digests behind an event. It is for who has writing.
func (s *Store) forget(through int64) {
	s.recorder.shared.Store(newPool(through))
	s.writer.erased = through
}

// erased removes what an event of [TypeErase] says. The numbers are found beside
// the writer, which removes some at a time, between commits.
func (s *Store) erased(ctx context.Context, e Erasure) (err error) {
	rows, err := s.Reader.db.QueryContext(ctx, "SELECT seq FROM bodies WHERE seq IN ("+matching+")", e.values()...)
	if err != nil {
		return fmt.Errorf("erase: %w", err)
	}
	var all []int64
	for rows.Next() {
		var seq int64
		if err := rows.Scan(&seq); err != nil {
			return errors.Join(fmt.Errorf("erase: %w", err), rows.Close())
		}
		all = append(all, seq)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return fmt.Errorf("erase: %w", err)
	}
	err = s.writer.do(ctx, s.writer.snapshotNow) // the one before may quote what goes
	if err == nil {
		err = s.writer.wipe(ctx, all)
	}
	if e.Agent == "" || err != nil && !errors.Is(err, ErrLogHeld) {
		return err
	}
	return s.forgetAgent(ctx, e) // which empties the log too
}

// wipeChunk is how many texts one transaction removes.
const wipeChunk = 500

// wipe removes texts so that they are not in the file any more: SQLite
// overwrites them, and the write-ahead log that may still hold them starts over.
func (w *writer) wipe(ctx context.Context, seqs []int64) error {
	// The filters know the words too. They are made anew.
	list := marshal(seqs)
	if err := w.do(ctx, func() error {
		err := w.conn.exec(wordsDue, string(list))
		if err != nil {
			return w.fail(err)
		}
		return w.secretly(dropWords, string(list))
	}); err != nil {
		return err
	}
	for len(seqs) > 0 {
		n := min(len(seqs), wipeChunk)
		list := marshal(seqs[:n])
		seqs = seqs[n:]
		if err := w.do(ctx, func() error {
			return w.secretly("DELETE FROM bodies WHERE seq IN (SELECT value FROM json_each(?))", string(list))
		}); err != nil {
			return err
		}
	}
	return w.emptyLog(ctx)
}

// secretly deletes what must not be found in the file afterwards.
func (w *writer) secretly(statement string, args ...driver.Value) error {
	if err := w.failure(); err != nil {
		return err
	}
	err := w.conn.exec("PRAGMA secure_delete = ON")
	if err == nil {
		err = w.conn.exec(statement, args...)
	}
	if err != nil {
		return w.fail(err)
	}
	if err := w.conn.exec("PRAGMA secure_delete = OFF"); err != nil {
		return w.fail(err)
	}
	return nil
}

// forgetAgent removes what an agent's tokens claimed, also of what its calls are
// counted by. What they claim later is another row.
func (s *Store) forgetAgent(ctx context.Context, e Erasure) error {
	w := s.writer
	if err := w.do(ctx, func() error {
		clear(w.conn.interned)
		if err := w.secretly("DELETE FROM interned WHERE text ->> '$.agent.id' = ? AND last <= ?", e.Agent, e.Through); err != nil {
			return err
		}
		spans, err := w.conn.spans(e.Agent)
		if err != nil {
			return w.fail(err)
		}
		if err := w.conn.exec("PRAGMA secure_delete = ON"); err != nil {
			return w.fail(err)
		}
		if err := w.conn.recountSpans(spans, w.serve); err != nil {
			return w.fail(err)
		}
		if err := w.conn.exec("PRAGMA secure_delete = OFF"); err != nil {
			return w.fail(err)
		}
		return nil
	}); err != nil {
		return err
	}
	return w.emptyLog(ctx)
}

// lastErasure is up to which event texts went last, 0 if none did.
func (r *Reader) lastErasure(ctx context.Context) (through int64, err error) {
	err = r.db.QueryRowContext(ctx, "SELECT coalesce(max(body ->> '$.through'), 0) FROM events WHERE type = ? AND call IS NULL", TypeErase).Scan(&through)
	if err != nil {
		err = fmt.Errorf("look for erasures: %w", err)
	}
	return through, err
}

// emptyLog folds the write-ahead log into the database and truncates it, and empties the
// journal. A reader
// that is busy for longer than we wait keeps it, and is reported. Our own, which
// makes the index of words, can be that busy on a machine under load. It is waited
// for beside the writer: calls are recorded meanwhile.
func (w *writer) emptyLog(ctx context.Context) error {
	if err := w.do(ctx, w.clearJournal); err != nil {
		return err
	}
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for until := time.Now().Add(3 * w.opts.Busy); ; {
		empty := false
		err := w.do(ctx, func() (err error) {
			empty, err = w.truncateLog()
			return err
		})
		if err != nil || empty {
			return err
		}
		if time.Now().After(until) {
			return ErrLogHeld
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// truncateLog empties the write-ahead log if nobody reads what is in it, without
// waiting for who does.
func (w *writer) truncateLog() (empty bool, err error) {
	if err := w.failure(); err != nil {
		return false, err
	}
	if err := w.conn.exec("PRAGMA busy_timeout = 0"); err != nil {
		return false, w.fail(err)
	}
	rows, err := w.conn.rows("PRAGMA wal_checkpoint(TRUNCATE)")
	if err == nil {
		err = w.conn.exec(fmt.Sprintf("PRAGMA busy_timeout = %d", w.opts.Busy.Milliseconds()))
	}
	if err != nil {
		return false, w.fail(err)
	}
	return len(rows) != 1 || rows[0][0] == int64(0), nil
}

// ErrLogHeld is a removal whose texts are gone for everybody who asks, and can still be
// found in the bytes of the write-ahead log.
var ErrLogHeld = errors.New("the texts are gone from the database, but its write-ahead log still holds them while another process reads: close it, and start the gateway anew")

// finishErase removes what erasures had left that were interrupted: those since
// the record was opened before.
func (s *Store) finishErase(ctx context.Context) error {
	events, err := s.Reader.events(ctx, `WHERE type = ? AND call IS NULL AND seq > coalesce((SELECT seq FROM events WHERE type = ? AND call IS NULL ORDER BY seq DESC LIMIT 1), 0) ORDER BY seq`, TypeErase, TypeOpen)
	if err != nil {
		return err
	}
	for _, e := range events {
		var erasure Erasure
		if err := json.Unmarshal([]byte(e.Body), &erasure); err != nil {
			return fmt.Errorf("event %d: %w", e.Seq, err)
		}
		if err := s.erased(ctx, erasure); err != nil {
			return err
		}
	}
	return nil
}

// Expired is the body of an event of [TypeExpire]: the texts of calls before a
// time went, as the configuration wants it.
type Expired struct {
	Before int64 `json:"before_unix_ms"` // of events that have a call, by their own time
	Texts  int64 `json:"texts"`          // at least
}

// expire removes the texts of calls that are older than they may get, some at a
// time. What is not older than its neighbours (the clock was set) stays until
// they go.
func (w *writer) expire(before time.Time) error {
	const page = 2000
	if err := w.settle(); err != nil {
		return err
	}
	noted := false
	for after := int64(0); ; {
		rows, err := w.conn.rows(`SELECT b.seq, e.call IS NOT NULL, e.time_unix_ms < ? FROM (SELECT seq FROM bodies WHERE seq > ? ORDER BY seq LIMIT ?) b
			JOIN events e ON e.seq = b.seq`, before.UnixMilli(), after, int64(page))
		if err != nil {
			return err
		}
		var old []int64
		young := true // also if there is none
		for _, row := range rows {
			after, young = row[0].(int64), row[2].(int64) == 0
			if row[1].(int64) != 0 && !young {
				old = append(old, after)
			}
		}
		switch {
		case len(old) > 0:
		case young && noted:
			return w.clearJournal() // it may hold some of them
		case young:
			return nil
		default:
			continue // the gateway's own, which stay
		}
		if !noted {
			// A start that folds these calls again would not find what policy remembers.
			if err := w.snapshot(); err != nil {
				return err
			}
			if err := w.writeDurably([]*Event{ownEvent(TypeExpire, Expired{before.UnixMilli(), int64(len(old))})}); err != nil {
				return err
			}
			noted = true
		}
		list := string(marshal(old))
		for _, statement := range []string{"DELETE FROM bodies WHERE seq IN (SELECT value FROM json_each(?))", wordsDue, dropWords} {
			if err := w.secretly(statement, list); err != nil {
				return err
			}
		}
		w.serve()
	}
}
