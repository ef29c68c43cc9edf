package audit

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"time"

	"toolward/audit/journal"
)

// NewSegment goes on behind a break in a record that no gateway has open: behind
// rows that somebody else wrote or changed, and, if gap is accepted, behind events
// that are gone, of which checkpoints outside say that they were there. It leaves
// every row where it is, and appends a signed statement of which are not the
// record's own ([TypeSegment]), chained to the last one that is. By and why say
// whose decision that was.
func NewSegment(opts Options, by, why string, gap bool) (s Segment, err error) {
	opts = opts.withDefaults()
	lock, err := lockFile(opts.lock())
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	keys, err := prepare(opts)
	if err != nil {
		return s, err
	}
	w := &writer{opts: opts, keys: keys, own: hiding(opts.Own), open: map[string]int64{}}
	if err := w.connect(); err != nil {
		return s, fmt.Errorf("audit database %s: %w", opts.Path, err)
	}
	defer func() {
		if w.conn != nil {
			err = errors.Join(err, w.conn.close())
		}
	}()
	s, err = w.findBreak(gap)
	if err != nil {
		return s, err
	}
	s.By, s.Why, s.Time = w.said(by), w.said(why), time.Now().UTC().Format(time.RFC3339)
	carried, err := w.carried(s)
	if err != nil {
		return s, err
	}
	if err := w.begin(s, carried); err != nil {
		return s, err
	}
	j, err := w.opened()
	if err != nil {
		return s, err
	}
	return s, j.Remove()
}

// carried is what the journal holds behind the last event of the record's own: it was
// answered for, and its numbers are others' rows, so the segment has it anew. Of what does
// not follow it says that it was there.
func (w *writer) carried(s Segment) (events []*Event, err error) {
	entries, err := journal.Read(w.opts.journal())
	if err != nil {
		return nil, err
	}
	after := head{seq: s.After}
	copy(after.hash[:], s.Hash)
	found, astray := following(entries, after, w.keys)
	for _, e := range found {
		e.event.Of = 0 // its attempt has another number now
		events = append(events, &e.event)
	}
	if len(astray) > 0 {
		events = append(events, givenUp(after.seq+int64(len(found)), astray))
	}
	return events, nil
}

// survey reads a record from its beginning and finds what is not its own.
type survey struct {
	chain
	Segment
	claim head  // what the newest checkpoint outside says
	other int64 // from this event on all is another's; 0: nothing is for this reason
}

// findBreak reads the whole record and finds what a new segment has to declare.
func (w *writer) findBreak(gap bool) (Segment, error) {
	s, err := w.survey()
	if err == nil {
		err = w.eachRow(s.at.seq, s.row)
	}
	if err != nil {
		return Segment{}, err
	}
	if s.claim.seq > s.at.seq {
		s.Missing = append(s.Missing, [2]int64{s.at.seq + 1, s.claim.seq})
		s.at.seq = s.claim.seq
	}
	switch gone := s.claim.seq > s.good.seq || len(s.Missing) > 0; {
	case gone && !gap:
		return Segment{}, fmt.Errorf("the record holds up to event %d, and events after it are gone, which were there by %s or by their numbers: restore a newer copy, or accept the gap", s.good.seq, w.opts.Checkpoints)
	case !gone && len(s.Foreign) == 0:
		return Segment{}, errors.New("the record holds: there is nothing to go on behind")
	}
	s.After, s.Hash, s.Event = s.good.seq, s.good.hash[:], s.at.seq+1
	return s.Segment, nil
}

// survey begins one: at the last prune, if there was any.
func (w *writer) survey() (*survey, error) {
	s := &survey{chain: chain{keys: w.keys}}
	var err error
	if s.segments, err = w.segments(); err != nil {
		return nil, err
	}
	rows, err := w.conn.rows(prunesByAge)
	if err != nil {
		return nil, err
	}
	rows = slices.DeleteFunc(rows, func(columns []driver.Value) bool { // foreign, as the walk will say
		signed, _ := columns[2].(string)
		return w.keys.stated(statesPrune, signed, new(Prune)) != nil
	})
	p, _, err := lastPrune(w.keys, rows, s.declared)
	if err != nil {
		return nil, err
	}
	s.at.seq = p.Through
	copy(s.at.hash[:], p.Hash)
	s.good = s.at
	if s.claim, err = w.claimed(); err != nil {
		return nil, err
	}
	there, err := w.conn.at(s.claim.seq)
	if err != nil {
		return nil, err
	}
	if there.seq > 0 && there != s.claim && !s.declared(s.claim.seq) {
		s.other = s.claim.seq // the checkpoint is about another event
	}
	// A backup ends with what it says of itself, where the record went on.
	rows, err = w.conn.rows("SELECT seq FROM events WHERE type = ? AND call IS NULL AND seq >= (SELECT max(seq) - 1 FROM events) ORDER BY seq LIMIT 1", TypeBackup)
	if err == nil && len(rows) > 0 && s.claim.seq >= rows[0][0].(int64) {
		s.other = rows[0][0].(int64)
	}
	return s, err
}

// row takes the next row.
func (s *survey) row(r row) {
	if r.Seq > s.at.seq+1 && !s.missing(s.at.seq+1, r.Seq-1) {
		s.Missing = append(s.Missing, [2]int64{s.at.seq + 1, r.Seq - 1})
		s.at.seq = r.Seq - 1
	}
	good := s.good
	if _, err := s.follow(r); err == nil && (s.other == 0 || r.Seq < s.other) {
		return
	}
	if n := len(s.Foreign); n > 0 && s.Foreign[n-1][1] == r.Seq-1 {
		s.Foreign[n-1][1] = r.Seq
	} else {
		s.Foreign = append(s.Foreign, [2]int64{r.Seq, r.Seq})
	}
	s.at, s.good = head{r.Seq, r.hash}, good
}

// begin appends the first event of a segment with what is carried over into it, in one
// transaction, since a start would not find in the journal what follows it; and a checkpoint
// over both.
func (w *writer) begin(s Segment, carried []*Event) error {
	text, err := w.keys.state(statesSegment, s)
	if err != nil {
		return fmt.Errorf("sign for the segment: %w", err)
	}
	at := head{seq: s.Event - 1}
	copy(at.hash[:], s.Hash)
	w.reached(at)
	if err := w.writeDurably(append([]*Event{ownEvent(TypeSegment, segmentBody{s, text})}, carried...)); err != nil {
		return err
	}
	if err := appendNote(w.opts.Checkpoints, text); err != nil {
		return err
	}
	if err := w.recount(s.Foreign); err != nil {
		return fmt.Errorf("count calls anew: %w", err)
	}
	return w.sign()
}

// recount makes the tables that are derived from the events anew: whoever wrote
// foreign rows did not keep them, or wrote into them as well.
func (w *writer) recount(foreign [][2]int64) error {
	err := w.conn.anew(func() error {
		for _, table := range []string{"counts", "hours", "hour_counts", "day_counts", "facets", "sources"} {
			if err := w.conn.exec("DELETE FROM " + table); err != nil {
				return err
			}
		}
		for _, rows := range foreign {
			if err := w.conn.exec("DELETE FROM words WHERE block IN "+allBlocks+" AND span BETWEEN ? AND ?", rows[0]/spanSize, rows[1]/spanSize); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	rows, err := w.conn.rows("SELECT min(seq), max(seq) FROM events")
	if err != nil {
		return err
	}
	var spans []int64
	for span := rows[0][0].(int64) / spanSize; span <= rows[0][1].(int64)/spanSize; span++ {
		spans = append(spans, span)
	}
	return w.conn.recountSpans(spans, func() {})
}

// segmentBody is the body of a [TypeSegment] event.
type segmentBody struct {
	Segment
	Note string `json:"note"`
}

// segmentNotes reads the statements of segments.
const segmentNotes = "SELECT seq, body ->> '$.note' FROM events WHERE type = 'audit.segment' AND call IS NULL ORDER BY seq"

// segments are those that the record has.
func (w *writer) segments() ([]Segment, error) {
	rows, err := w.conn.rows(segmentNotes)
	if err != nil {
		return nil, err
	}
	return statedSegments(w.keys, rows), nil
}

// statedSegments are those that were signed for. Whoever appends another one has
// not the key: its row is foreign.
func statedSegments(keys *Keys, rows [][]driver.Value) (all []Segment) {
	for _, columns := range rows {
		var s Segment
		signed, _ := columns[1].(string)
		if keys.stated(statesSegment, signed, &s) == nil && s.Event == columns[0] && len(s.Hash) == len(head{}.hash) {
			all = append(all, s)
		}
	}
	return all
}

// segments are those that the record has.
func (r *Reader) segments(ctx context.Context, keys *Keys) ([]Segment, error) {
	rows, err := r.values(ctx, segmentNotes)
	if err != nil {
		return nil, fmt.Errorf("look for segments: %w", err)
	}
	return statedSegments(keys, rows), nil
}

// values returns what a query yields; for queries with bounded answers.
func (r *Reader) values(ctx context.Context, query string) ([][]driver.Value, error) {
	rows, err := r.db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	return scanAll(rows)
}

// declared reports whether a later segment says that a row is not the record's.
func (c *chain) declared(seq int64) bool {
	return slices.ContainsFunc(c.segments, func(s Segment) bool {
		return s.Event > seq && slices.ContainsFunc(s.Foreign, func(rows [2]int64) bool { return rows[0] <= seq && seq <= rows[1] })
	})
}

// missing reports whether a segment says that events are gone.
func (c *chain) missing(from, through int64) bool {
	return slices.ContainsFunc(c.segments, func(s Segment) bool { return slices.Contains(s.Missing, [2]int64{from, through}) })
}

// segmentAt is the segment that an event begins, nil if it begins none.
func (c *chain) segmentAt(seq int64) *Segment {
	if i := slices.IndexFunc(c.segments, func(s Segment) bool { return s.Event == seq }); i >= 0 {
		return &c.segments[i]
	}
	return nil
}

// eachRow hands over the rows after a number in order, a batch in memory at a time.
func (w *writer) eachRow(after int64, f func(row)) error {
	for {
		rows, err := w.conn.rows("SELECT "+readColumns+" FROM events WHERE seq > ? ORDER BY seq LIMIT 1000", after)
		if err != nil || len(rows) == 0 {
			return err
		}
		for _, columns := range rows {
			after, _ = columns[0].(int64)
			r, err := parseRow(columns)
			if err != nil {
				r = row{Event: Event{Seq: after}} // it does not follow either
			}
			f(r)
		}
	}
}

// gone reports whether a segment says that an event is gone.
func (c *chain) gone(seq int64) bool {
	return slices.ContainsFunc(c.segments, func(s Segment) bool {
		return slices.ContainsFunc(s.Missing, func(events [2]int64) bool { return events[0] <= seq && seq <= events[1] })
	})
}
