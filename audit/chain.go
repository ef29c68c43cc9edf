package audit

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
)

// eventColumns are the columns of events in the order of the schema.
const eventColumns = "seq, time_unix_ms, type, call, agent, server, tool, kind, effect, code, session, outcome, us, body, digest, hash, mac"

// row is an event as it is stored.
type row struct {
	Event
	hash [sha256.Size]byte
	mac  [macSize]byte
}

// parseRow reads eventColumns.
func parseRow(columns []driver.Value) (row, error) {
	text := func(i int) string { s, _ := columns[i].(string); return s }
	r := row{Event: Event{Type: text(2), Call: text(3), Agent: text(4), Server: text(5), Tool: text(6), Kind: text(7), Effect: text(8), Code: text(9), Session: text(10), Outcome: text(11), Body: Raw(text(13))}}
	r.Seq, _ = columns[0].(int64)
	r.TimeUnixMs, _ = columns[1].(int64)
	r.Us, _ = columns[12].(int64)
	r.Digest, _ = columns[14].([]byte)
	hash, _ := columns[15].([]byte)
	mac, _ := columns[16].([]byte)
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
	keys    *Keys
	at      head
	scratch []byte
}

// begin takes an event without the one before it. Its MAC says that the gateway
// computed its hash; whether its columns have that hash cannot be told.
func (c *chain) begin(r row) error {
	if mac := c.keys.seal(r.hash); !hmac.Equal(mac[:], r.mac[:]) {
		return &ForeignError{r.Seq, "its MAC is not of this gateway's key"}
	}
	c.at = head{r.Seq, r.hash}
	return nil
}

// follow takes the next event.
func (c *chain) follow(r row) error {
	if r.Seq != c.at.seq+1 {
		return &ForeignError{r.Seq, fmt.Sprintf("the one before it is %d", c.at.seq)}
	}
	e := r.Event
	next, scratch := c.at.next(&e, c.scratch)
	if c.scratch = scratch; next.hash != r.hash {
		return &ForeignError{r.Seq, "the chain is broken there"}
	}
	return c.begin(r)
}

// Fold hands over the events after a number, in order, and verifies each before
// it does: that it follows from the one before, and has the MAC of the gateway's
// key. It stops at the first that does not, with a [*ForeignError], and at the
// first error of f. After a prune it begins with what is left.
func (s *Store) Fold(ctx context.Context, after int64, f func(Event) error) (err error) {
	c := chain{keys: s.recorder.keys}
	if err := s.beginAt(ctx, &c, after); err != nil {
		return err
	}
	rows, err := s.Reader.db.QueryContext(ctx, "SELECT "+eventColumns+" FROM events WHERE seq > ? ORDER BY seq", c.at.seq)
	if err != nil {
		return fmt.Errorf("read events: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		r, err := scanRow(rows)
		if err == nil {
			err = c.follow(r)
		}
		if err == nil {
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
	pruned, err := s.pruned(ctx)
	if err != nil {
		return err
	}
	if after <= pruned.seq {
		c.at = pruned
		return nil
	}
	rows, err := s.Reader.db.QueryContext(ctx, "SELECT "+eventColumns+" FROM events WHERE seq = ?", after)
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
func (s *Store) pruned(ctx context.Context) (head, error) {
	var seq, through int64
	var text string
	err := s.Reader.db.QueryRowContext(ctx, newestPrune).Scan(&seq, &through, &text)
	if errors.Is(err, sql.ErrNoRows) {
		return head{}, nil
	}
	if err != nil {
		return head{}, fmt.Errorf("look for prunes: %w", err)
	}
	p, _, err := lastPrune(s.recorder.keys, [][]driver.Value{{seq, through, text}})
	at := head{seq: p.Through}
	copy(at.hash[:], p.Hash)
	return at, err
}

// scanRow reads eventColumns of a row.
func scanRow(rows interface{ Scan(...any) error }) (row, error) {
	var scanned [17]any
	var columns [17]driver.Value
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
