package verify

import (
	"fmt"
	"strings"
)

// What statements say. These are the written format once more, by whoever reads
// it: a field that the writer named wrongly is empty here.

// Prune says what was removed from the beginning of a record.
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

// Segment says that a person decided to go on behind a break.
type Segment struct {
	Event   int64      `json:"event"`             // the event that states it: the first of the new segment
	After   int64      `json:"after"`             // the event that it is chained to
	Hash    []byte     `json:"hash"`              // of that one
	Foreign [][2]int64 `json:"foreign,omitempty"` // rows that are not the record's: from, through
	Missing [][2]int64 `json:"missing,omitempty"` // events that are gone: from, through
	Time    string     `json:"time"`              // RFC 3339, UTC
	By      string     `json:"by"`
	Why     string     `json:"why"`
}

// Rotation says that a key took over from another. Both sign it.
type Rotation struct {
	Event int64  `json:"event"` // the event that states it: what follows is signed by the new key
	Old   string `json:"old"`   // the public keys
	New   string `json:"new"`
	Time  string `json:"time"` // RFC 3339, UTC
	By    string `json:"by"`
	Why   string `json:"why"`
}

// Backup says of a copy of a record up to which event it goes.
type Backup struct {
	Of   int64  `json:"of"`   // the last event of the record
	Hash []byte `json:"hash"` // of that one
	Time string `json:"time"` // RFC 3339, UTC
	By   string `json:"by"`
}

// String is the prune as a line for people.
func (p Prune) String() string {
	return fmt.Sprintf("%d events (%d to %d), older than %s, were pruned at %s by %s: %s", p.Removed, p.From, p.Through, p.Before, p.Time, p.By, p.Why)
}

// String is the segment as a line for people.
func (s Segment) String() string {
	var what []string
	for _, rows := range s.Foreign {
		what = append(what, fmt.Sprintf("rows %d to %d are not the record's", rows[0], rows[1]))
	}
	for _, events := range s.Missing {
		what = append(what, areEvents(events[0], events[1])+" gone")
	}
	return fmt.Sprintf("%s: so said %s at %s, and went on at event %d after event %d: %s", strings.Join(what, ", "), s.By, s.Time, s.Event, s.After, s.Why)
}

// String is the rotation as a line for people.
func (r Rotation) String() string {
	name := func(key string) string { s, _, _ := strings.Cut(key, "+"); return s }
	return fmt.Sprintf("from event %d on the key is %s, before %s: changed at %s by %s: %s", r.Event+1, name(r.New), name(r.Old), r.Time, r.By, r.Why)
}

// String is the backup as a line for people.
func (b Backup) String() string {
	return fmt.Sprintf("this is a backup of the record up to event %d, made at %s by %s", b.Of, b.Time, b.By)
}
