package audit

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql/driver"
	"errors"
	"fmt"
	"strconv"
)

// eventColumns are the columns of events in the order of the schema. [parseRow]
// takes one more: the ID of the call that an outcome is of.
const eventColumns = "seq, time_unix_ms, type, call, agent, server, tool, kind, effect, code, session, outcome, us, bytes, who, what, body, digest, hash, mac"

// readColumns are what parseRow takes.
const readColumns = eventColumns + ", (SELECT a.call FROM events a WHERE a.seq = events.call)"

// eventWidth is how many eventColumns are.
const eventWidth = 20

// row is an event as it is stored.
type row struct {
	Event
	hash [sha256.Size]byte
	mac  [macSize]byte
}

// parseRow reads readColumns.
func parseRow(columns []driver.Value) (row, error) {
	text := func(i int) string { s, _ := columns[i].(string); return s }
	r := row{Event: Event{Type: text(2), Call: text(3), Agent: text(4), Server: text(5), Tool: text(6), Kind: text(7), Effect: text(8), Code: text(9), Session: text(10), Outcome: text(11), Body: Raw(text(16))}}
	r.Seq, _ = columns[0].(int64)
	r.TimeUnixMs, _ = columns[1].(int64)
	r.Us, _ = columns[12].(int64)
	if of, ok := columns[3].(int64); ok {
		r.Of = of
		if r.Call = text(eventWidth); r.Call == "" {
			r.Call = "of event " + strconv.FormatInt(of, 10) // which is pruned
		}
	}
	if r.Of == 0 && r.ofAttempt() {
		return row{}, &ForeignError{Seq: r.Seq, What: "the number of its call's attempt was made a text"}
	}
	r.Bytes, _ = columns[13].(int64)
	r.Who, _ = columns[14].([]byte)
	r.What, _ = columns[15].([]byte)
	r.Digest, _ = columns[17].([]byte)
	hash, _ := columns[18].([]byte)
	mac, _ := columns[19].([]byte)
	if copy(r.hash[:], hash) != len(r.hash) || copy(r.mac[:], mac) != len(r.mac) {
		return row{}, &ForeignError{Seq: r.Seq, What: "its hash or MAC is damaged"}
	}
	return r, nil
}

// ForeignError says of an event that the gateway did not write it: its hash does
// not follow from the event before it, or its MAC is not of the gateway's key.
type ForeignError struct {
	Seq  int64
	What string
}

func (e *ForeignError) Error() string { return fmt.Sprintf("event %d is foreign: %s", e.Seq, e.What) }

// chain follows events that were stored, and accepts none that this gateway did
// not write where it stands.
type chain struct {
	keys     *Keys
	at       head // the last row
	good     head // the last that is the record's own; of no number while that is out of sight
	segments []Segment
	scratch  []byte
}

// begin takes an event without the one before it. Its MAC says that the gateway
// computed its hash; whether its columns have that hash cannot be told.
func (c *chain) begin(r row) error {
	if mac := c.keys.sealAt(r.Seq, r.hash); !hmac.Equal(mac[:], r.mac[:]) {
		return &ForeignError{r.Seq, "its MAC is not of this gateway's key"}
	}
	c.at = head{r.Seq, r.hash}
	c.good = c.at
	return nil
}

// follow takes the next row, and reports whether it is an event of the record: a
// later segment may say that it is not.
func (c *chain) follow(r row) (own bool, err error) {
	from := c.at
	if r.Seq != from.seq+1 && c.missing(from.seq+1, r.Seq-1) {
		from.seq = r.Seq - 1
	}
	if r.Seq != from.seq+1 {
		return false, &ForeignError{r.Seq, fmt.Sprintf("the one before it is %d", c.at.seq)}
	}
	if c.declared(r.Seq) {
		c.at = head{r.Seq, r.hash}
		return false, nil
	}
	if s := c.segmentAt(r.Seq); s != nil {
		if copy(from.hash[:], s.Hash); c.good.seq > 0 && (c.good.seq != s.After || c.good.hash != from.hash) {
			return false, &ForeignError{r.Seq, fmt.Sprintf("it begins a segment after another event %d", s.After)}
		}
	}
	e := r.Event
	next, scratch := from.next(&e, c.scratch)
	if c.scratch = scratch; next.hash != r.hash {
		return false, &ForeignError{r.Seq, "the chain is broken there"}
	}
	return true, c.begin(r)
}

// Fold hands over the events after a number, in order, and verifies each before
// it does: that it follows from the one before, and has the MAC of the gateway's
// key. It stops at the first that does not, with a [*ForeignError], and at the
// first error of f. After a prune it begins with what is left. Rows that a person
// declared foreign ([NewSegment]) are passed over.
func (s *Store) Fold(ctx context.Context, after int64, f func(Event) error) (err error) {
	c := chain{keys: s.recorder.keys}
	if c.segments, err = s.Reader.segments(ctx, c.keys); err != nil {
		return err
	}
	if err := s.beginAt(ctx, &c, after); err != nil {
		return err
	}
	rows, err := s.Reader.now(ctx).QueryContext(ctx, "SELECT "+readColumns+" FROM events WHERE seq > ? ORDER BY seq", c.at.seq)
	if err != nil {
		return fmt.Errorf("read events: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		r, err := scanRow(rows)
		own := false
		if err == nil {
			own, err = c.follow(r)
		}
		if own && err == nil {
			err = f(r.Event)
		}
		if err != nil {
			return err
		}
	}
	return rows.Err()
}

// beginAt puts the chain at an event, or at what the last prune signed for if
// that is later.
func (s *Store) beginAt(ctx context.Context, c *chain, after int64) (err error) {
	pruned, err := s.pruned(ctx, c)
	if err != nil {
		return err
	}
	if after <= pruned.seq {
		c.at, c.good = pruned, pruned
		return nil
	}
	rows, err := s.Reader.now(ctx).QueryContext(ctx, "SELECT "+readColumns+" FROM events WHERE seq = ?", after)
	if err != nil {
		return fmt.Errorf("read event %d: %w", after, err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	if !rows.Next() {
		return errors.Join(fmt.Errorf("there is no event %d", after), rows.Err())
	}
	r, err := scanRow(rows)
	if err != nil {
		return err
	}
	return c.begin(r)
}

// pruned is where the chain begins: the zero head if nothing was pruned.
func (s *Store) pruned(ctx context.Context, c *chain) (head, error) {
	rows, err := s.Reader.values(ctx, prunesByAge)
	if err != nil {
		return head{}, fmt.Errorf("look for prunes: %w", err)
	}
	p, _, err := lastPrune(c.keys, rows, c.declared)
	at := head{seq: p.Through}
	copy(at.hash[:], p.Hash)
	return at, err
}

// scanRow reads readColumns of a row.
func scanRow(rows interface{ Scan(...any) error }) (row, error) {
	var scanned [eventWidth + 1]any
	var columns [eventWidth + 1]driver.Value
	dest := make([]any, len(scanned))
	for i := range scanned {
		dest[i] = &scanned[i]
	}
	if err := rows.Scan(dest...); err != nil {
		return row{}, fmt.Errorf("read event: %w", err)
	}
	for i, v := range scanned {
		columns[i] = v
	}
	return parseRow(columns[:])
}
