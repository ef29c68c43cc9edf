package audit

import (
	"bytes"
	"context"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"toolward/gateway"
)

// TypeSnapshot is an event beside which stands, as "state", what a [Follower] made
// of all events before it. The text of the one before, which it replaces, goes.
const TypeSnapshot = "state.snapshot"

// snapshotEvery is how many events may follow a snapshot: a start reads about as
// many.
const snapshotEvery = 50_000

// Follower is kept in step with the record. Its methods are called on one
// goroutine at a time, between commits, and must be quick: nothing is recorded
// meanwhile.
type Follower interface {
	// Restore begins with a snapshot, or with nothing if it is nil.
	Restore(snapshot json.RawMessage) error
	// Fold takes in the next event. It is durable, and whoever waits for that hears
	// of it after Fold returned. An error is about the event, which then counts for
	// nothing.
	Fold(gateway.Entry) error
	// Snapshot is what the events so far come to.
	Snapshot() (json.RawMessage, error)
}

// Attach brings a follower up to the end of the record, from the newest snapshot
// on, and keeps it there. Each event that it is shown is verified first. It is to
// be called once, before anything that follows from the record is asked.
func (s *Store) Attach(ctx context.Context, f Follower) error {
	return s.writer.do(ctx, func() error { return s.writer.hold(func() error { return s.attach(ctx, f) }) })
}

// attach is for who holds the record.
func (s *Store) attach(ctx context.Context, f Follower) error {
	if s.writer.follower != nil {
		return errors.New("audit: the record is followed already")
	}
	from, state, err := s.newestSnapshot(ctx)
	if err == nil {
		err = f.Restore(state)
	}
	if err != nil {
		return fmt.Errorf("audit database %s: %w", s.opts.Path, err)
	}
	db := &remembering{answering: s.writer.conn, issuers: map[string][][]driver.Value{}}
	err = s.Fold(ctx, from, func(e Event) error {
		s.writer.followed++
		entry, err := told(&e, db)
		if err == nil {
			s.writer.tell(f, entry)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("audit database %s: %w", s.opts.Path, err)
	}
	s.writer.follower, s.writer.snapped = f, from
	return nil
}

// answering answers questions about what the database has.
type answering interface {
	rows(query string, args ...driver.Value) ([][]driver.Value, error)
}

// remembering answers again what it was asked about whoever asked: that never changes, and a
// start asks it for each of up to [snapshotEvery] events.
type remembering struct {
	answering
	issuers map[string][][]driver.Value // by digest
}

func (r *remembering) rows(query string, args ...driver.Value) ([][]driver.Value, error) {
	if query != issuerOf {
		return r.answering.rows(query, args...)
	}
	digest, _ := args[0].([]byte)
	rows, ok := r.issuers[string(digest)]
	if ok {
		return rows, nil
	}
	rows, err := r.answering.rows(query, args...)
	if err == nil {
		r.issuers[string(digest)] = rows
	}
	return rows, err
}

// newestSnapshot is the newest snapshot of the record's own, and the number of its
// event; 0 if there is none.
func (s *Store) newestSnapshot(ctx context.Context) (seq int64, state json.RawMessage, err error) {
	segments, err := s.Reader.segments(ctx, s.recorder.keys)
	if err != nil {
		return 0, nil, err
	}
	rows, err := s.writer.conn.rows("SELECT "+readColumns+" FROM events WHERE type = ? AND call IS NULL ORDER BY seq DESC LIMIT 64", TypeSnapshot)
	if err != nil {
		return 0, nil, err
	}
	for _, columns := range rows {
		r, err := parseRow(columns)
		if err != nil {
			return 0, nil, err
		}
		c := chain{keys: s.recorder.keys, segments: segments}
		if c.declared(r.Seq) {
			continue // a person said that it is not the record's
		}
		if c.at, err = s.writer.conn.at(r.Seq - 1); err != nil {
			return 0, nil, err
		}
		if c.at.seq == 0 { // pruned: the MAC says that the hash is ours
			err = c.begin(r)
		} else {
			_, err = c.follow(r)
		}
		if err != nil {
			return 0, nil, err
		}
		state, err = s.snapshotOf(r)
		return r.Seq, state, err
	}
	return 0, nil, nil
}

// snapshotOf is the text beside a snapshot's event.
func (s *Store) snapshotOf(r row) (json.RawMessage, error) {
	text, _, err := keptOf(&r.Event, s.writer.conn)
	if err != nil {
		return nil, err
	}
	if text == nil {
		return nil, fmt.Errorf("the text of the snapshot in event %d is missing", r.Seq)
	}
	var kept struct{ State json.RawMessage }
	if err := json.Unmarshal(text, &kept); err != nil {
		return nil, fmt.Errorf("event %d: %w", r.Seq, err)
	}
	return kept.State, nil
}

// told is an event as followers see it. What an outcome does not say itself is
// read from the attempt.
func told(e *Event, db answering) (gateway.Entry, error) {
	entry := gateway.Entry{
		Seq: e.Seq, Time: time.UnixMilli(e.TimeUnixMs), Type: e.Type, Call: e.Call, Agent: e.Agent, Session: e.Session,
		Kind: gateway.Kind(e.Kind), Tool: e.Tool, Effect: gateway.Effect(e.Effect), Code: gateway.Code(e.Code),
	}
	switch {
	case e.Call == "" && e.Digest == nil:
		entry.Body = []byte(e.Body)
	case e.Call == "":
		entry.Body = []byte(e.Body)
		return entry, beside(e, &entry, db)
	case e.left != nil:
		entry.Session, entry.Agent, entry.Issuer, entry.Labels, entry.Tally = e.left.session, e.left.agent, e.left.issuer, e.left.labels, e.left.tally
		entry.Why, entry.Tool = e.left.why, e.left.tool
	default:
		return entry, recalledBy(e, &entry, db)
	}
	return entry, nil
}

// left is what a call's event says to followers besides its columns.
type left struct {
	session, agent, issuer string
	tool                   string // wire name
	labels                 []string
	why                    string // what guard suspects in it
	tally                  *gateway.Tally
	hidden                 bool // a value that policy remembers is not shown
}

func leftBy(p gateway.Phase, c *gateway.Call) *left {
	if c.Agent == nil {
		return &left{}
	}
	l := &left{session: c.Session.ID, agent: column(c.Agent.ID), issuer: c.Agent.Issuer}
	if p == gateway.PhaseOutcome {
		l.labels = c.Said().Labels
		if c.Result != nil && len(c.Result.Labels) > 0 {
			l.labels = c.Result.Labels // of the whole: those of what was said among them
		}
		l.why = gateway.Suspicion(c.Findings)
	}
	if c.Tool != nil {
		l.tool = c.Tool.Wire
	}
	return l
}

// beside adds the text that stands beside an event, unless it is gone. What is
// there has to be what was recorded.
func beside(e *Event, entry *gateway.Entry, db answering) error {
	if e.Text != "" {
		entry.Text = []byte(e.Text)
		return nil
	}
	text, _, err := keptOf(e, db)
	if text != nil {
		entry.Text = text
	}
	return err
}

// keptOf is the text of an event, and what stands beside it, as the database has
// them; nil if they are gone.
func keptOf(e *Event, db answering) (text, beside []byte, err error) {
	rows, err := db.rows("SELECT salt, text, beside FROM bodies WHERE seq = ?", e.Seq)
	if err != nil || len(rows) == 0 {
		return nil, nil, err
	}
	salt, _ := rows[0][0].([]byte)
	kept, _ := rows[0][1].(string)
	with, _ := rows[0][2].(string)
	if !bytes.Equal(digestOf(salt, Raw(kept), Raw(with)), e.Digest) {
		return nil, nil, &ForeignError{e.Seq, "the text beside it is another"}
	}
	return []byte(kept), []byte(with), nil
}

// issuerOf is who vouches for whoever asked, in the place that [recalledBy] reads it from.
const issuerOf = "SELECT NULL, NULL, NULL, text ->> '$.agent.issuer', NULL FROM interned WHERE digest = ?"

// recalledBy reads what a call's event left behind from the record.
func recalledBy(e *Event, entry *gateway.Entry, db answering) error {
	var b struct {
		Labels   []string
		Findings []gateway.Finding
		Adds     *gateway.Tally
	}
	if e.Type == TypeOutcome && !bytes.Contains([]byte(e.Body), []byte(`"labels"`)) && !bytes.Contains([]byte(e.Body), []byte(`"adds"`)) {
		return nil
	}
	if err := json.Unmarshal([]byte(e.Body), &b); err != nil {
		return fmt.Errorf("event %d: %w", e.Seq, err)
	}
	entry.Tally = b.Adds
	if b.Adds != nil && len(b.Adds.Memories) > 0 {
		_, beside, err := keptOf(e, db)
		if err != nil {
			return err
		}
		values, err := valuesBeside(beside)
		if err != nil {
			return fmt.Errorf("event %d: %w", e.Seq, err)
		}
		(*added)(b.Adds).valued(values)
	}
	if e.Type != TypeOutcome && e.Who == nil {
		return nil // it names nobody beside its columns
	}
	query, args := issuerOf, values(e.Who)
	if e.Type == TypeOutcome {
		entry.Labels, entry.Why = b.Labels, gateway.Suspicion(b.Findings)
		query, args = `SELECT a.call, a.session, a.agent, who.text ->> '$.agent.issuer', a.tool FROM events a LEFT JOIN interned who ON who.digest = a.who
			WHERE a.seq = ?`, values(e.Of)
	}
	rows, err := db.rows(query, args...)
	if err == nil && len(rows) > 0 {
		for i, into := range []*string{&entry.Call, &entry.Session, &entry.Agent, &entry.Issuer, &entry.Tool} {
			if text, ok := rows[0][i].(string); ok {
				*into = text
			}
		}
	}
	return err
}

// follow shows the follower what was just made durable. What [Store.Record] writes
// brings all along that followers see.
func (w *writer) follow(events []*Event) {
	if w.follower == nil {
		return
	}
	for _, e := range events {
		w.followed++
		entry, err := told(e, w.reader)
		if err != nil {
			w.opts.Log.Error("an event could not be followed", "type", e.Type, "error", err)
			continue
		}
		w.tell(w.follower, entry)
	}
}

func (w *writer) tell(f Follower, e gateway.Entry) {
	if err := f.Fold(e); err != nil {
		w.opts.Log.Error("an event of the record counts for nothing", "error", err)
	}
}

// snapshot records what the events so far come to, unless none came since the last.
func (w *writer) snapshot() error {
	return w.hold(func() error {
		if w.followed == 0 {
			return nil
		}
		return w.snapshotHeld()
	})
}

// snapshotNow is snapshot also if none came.
func (w *writer) snapshotNow() error { return w.hold(w.snapshotHeld) }

// snapshotHeld is for who holds the record: what comes is not in the snapshot, and
// stands behind it.
func (w *writer) snapshotHeld() error {
	if w.follower == nil {
		return nil // it is told of everything when it follows
	}
	state, err := w.follower.Snapshot()
	if err != nil {
		return fmt.Errorf("snapshot of the state: %w", err)
	}
	e := ownEvent(TypeSnapshot, map[string]any{"replaces": w.snapped})
	e.seal(appendLine(nil, marshal(map[string]any{"state": state})), nil, nil)
	if _, err := w.writeHeld([]*Event{e}); err != nil {
		return err
	}
	old := w.snapped
	w.followed, w.snapped = 0, w.head.seq
	return w.secretly("DELETE FROM bodies WHERE seq = ?", old)
}

// snapshotOrLog is [writer.snapshot] where nobody waits for the error: a start
// then reads more.
func (w *writer) snapshotOrLog() {
	if w.failure() != nil {
		return
	}
	if err := w.snapshot(); err != nil {
		w.opts.Log.Error("the state could not be written into the record", "error", err)
	}
}
