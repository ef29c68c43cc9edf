package audit

import (
	"database/sql/driver"
	"fmt"
)

// lasting are the events that say what is in force from then on: they matter as long
// as events do that came after them.
var lasting = []string{TypeStart, TypeConfig, TypePolicy}

// keptBody is the body of a [TypeKept] event: an event that was pruned though it still
// says what was in force. What stood beside it stands beside this one.
type keptBody struct {
	Type string `json:"type"`
	Seq  int64  `json:"seq"`          // its number
	At   int64  `json:"time_unix_ms"` // its time
	Body Raw    `json:"body"`
}

// newestLasting is the newest event of a type up to a number, or the copy of one.
const newestLasting = `SELECT coalesce(e.body ->> '$.seq', e.seq), e.seq, e.type, e.time_unix_ms, e.body, coalesce(b.text, '') FROM events e LEFT JOIN bodies b ON b.seq = e.seq
	WHERE e.call IS NULL AND e.seq <= ?1 AND (e.type = ?2 OR e.type = '` + TypeKept + `' AND e.body ->> '$.type' = ?2) ORDER BY e.seq DESC LIMIT 1`

// keepInForce copies what was in force at an event that is about to go, with all
// before it.
func (w *writer) keepInForce(through int64) error {
	for _, of := range lasting {
		rows, err := w.conn.rows(newestLasting, through, of)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			continue
		}
		again, err := w.conn.rows("SELECT 1 FROM events WHERE type = ? AND call IS NULL AND seq > ? AND body ->> '$.seq' = ? LIMIT 1", TypeKept, through, rows[0][0])
		if err != nil {
			return err
		}
		if len(again) > 0 {
			continue // an earlier prune did, and did not come as far as its copy
		}
		e, err := keptEvent(rows[0], of)
		if err != nil {
			return err
		}
		if err := w.writeDurably([]*Event{e}); err != nil {
			return err
		}
	}
	return nil
}

// keptEvent is the copy of an event, or of a copy.
func keptEvent(row []driver.Value, of string) (*Event, error) {
	seq, okSeq := row[1].(int64)
	at, okAt := row[3].(int64)
	body, okBody := row[4].(string)
	text, okText := row[5].(string)
	if !okSeq || !okAt || !okBody || !okText {
		return nil, fmt.Errorf("an event of type %s is not what it should be", of)
	}
	var e *Event
	if row[2] == TypeKept {
		e = ownEvent(TypeKept, Raw(body)) // it says already what it is a copy of
	} else {
		e = ownEvent(TypeKept, keptBody{of, seq, at, Raw(body)})
	}
	if text != "" {
		e.seal([]byte(text), nil, nil)
	}
	return e, nil
}
