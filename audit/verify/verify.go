// Package verify proves that a record is what the gateway wrote, or says where it
// is not. It follows the written format (package doc of audit) and shares none of
// the code that writes it: a mistake there would otherwise verify itself. What it
// has in common with the writer is the schema alone. It needs the database or a
// copy, the public key, and checkpoints that left the database; with the key file
// it looks at the MAC of each event too. It changes nothing, and can run beside a
// gateway.
//
// # What it does not do
//
// Nothing proves what happened after the newest checkpoint that it is given outside
// of the database: that could have been cut from the end, or rewritten by somebody
// who has the signing key. [Report.Proof] says which events are proven by what.
//
//	report, err := verify.Record(ctx, verify.Options{Path: "copy.db", PublicKey: key, Checkpoints: []string{"kept.checkpoints"}})
//	for _, p := range report.Problems {
//		fmt.Println(p) // event 3 (2026-11-28T19:54:51Z, agent ann): the event is not the one that was recorded after 2: …
//	}
package verify

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"toolward/audit/schema"
)

// Options says what to verify against what.
type Options struct {
	Path        string    // the database, or a copy of it
	PublicKey   string    // the verifier key; "": read from Path + ".pub"
	Keys        string    // the key file, for the MACs of events; "": they are not looked at
	Checkpoints []string  // files or logs with checkpoints that left the database; none: Path + ".checkpoints" if it is there
	ExpectFirst int64     // the record has to begin at this event or before; 0: wherever a prune that was signed for left it
	AsOfEvent   int64     // it is a copy that ends there: checkpoints of later events are left aside; 0: it is not
	AsOfTime    time.Time // likewise, of later times
	Live        bool      // it is the record that a gateway has in use: a backup in its place is a problem
	Strict      bool      // what was pruned, and breaks that a person went on behind, are problems too

	// Derived are the tables to compare with the events, which takes several times
	// as long; none: they are not compared.
	Derived []Derived

	// Progress is called with how much is done of how much, in rows, about every tenth
	// of a second but for what SQLite looks at by itself. It may be nil, is called on
	// the goroutine that verifies, and may not take long.
	Progress func(done, of int64)
}

// Report is what [Record] found out. What proves what is in [Proof].
type Report struct {
	Events     int64      `json:"events"`             // verified, without those that were pruned or are declared foreign
	First      int64      `json:"first"`              // sequence number of the first
	Last       int64      `json:"last"`               // and of the last
	Hash       string     `json:"hash"`               // of the last, base64
	Signed     int64      `json:"signed"`             // the last event that a checkpoint inside the database covers
	Inside     int        `json:"inside"`             // checkpoints in the database that hold
	Outside    int        `json:"outside"`            // checkpoints outside that hold
	Proof      []Proof    `json:"proof,omitempty"`    // which events are proven by what, in order
	Pruned     int64      `json:"pruned,omitempty"`   // events up to this one were pruned
	Prunes     []Prune    `json:"prunes,omitempty"`   // what was pruned, by the statements inside and outside
	Segments   []Segment  `json:"segments,omitempty"` // where a person decided to go on behind a break
	Gone       []*Gone    `json:"gone,omitempty"`     // texts that went, by event
	Rotations  []Rotation `json:"rotations,omitempty"`
	Backup     *Backup    `json:"backup,omitempty"`   // the record is a backup that was made so
	Notices    []string   `json:"notices,omitempty"`  // what the proof rests on, and what was not looked at
	Problems   []Problem  `json:"problems,omitempty"` // by sequence number; empty if everything holds
	Truncated  bool       `json:"truncated,omitempty"`
	maced      bool       // every event's MAC was looked at
	newest     claim      // the newest checkpoint outside that holds
	besideOnly bool       // key and checkpoints were read beside the database
}

// Record proves that nothing in a record was changed, removed or reordered, or says
// where it was. The error is for what keeps it from verifying: no file, no key, and
// a context that ended.
func Record(ctx context.Context, opts Options) (v Report, err error) {
	db, err := schema.Open(opts.Path)
	if err != nil {
		return v, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	c := &verifier{Report: &v, opts: opts, outside: map[int64][]claim{}, grouped: map[string]int{}}
	for _, step := range []func(context.Context, *sql.DB) error{
		c.openOutside, c.readKeys, c.readOutside, c.checkTables, c.checkIntegrity,
		c.readBackup, c.readSegments, c.anchor, c.readJournal, c.walk, c.followJournal, c.checkKept, c.checkPrunes, c.end, c.checkDerived,
	} {
		err := step(ctx, db)
		if err != nil && c.damaged && ctx.Err() == nil {
			c.problem(0, "", "something could not be looked at for it: %v", err)
		} else if err != nil {
			return v, err
		}
	}
	c.prove()
	slices.SortStableFunc(v.Problems, func(a, b Problem) int { return int(a.Seq - b.Seq) })
	return v, nil
}

type verifier struct {
	*Report
	opts     Options
	ring     []epoch           // who signs from which event on
	macs     []macEpoch        // whose MACs, likewise; none: they are not looked at
	outside  map[int64][]claim // by the event that they cover, until they were compared
	claims   int               // how many there were
	files    []notesFile       // what left the database
	stated   []string          // statements outside that this record's keys signed
	furthest claim             // of the outside checkpoints
	held     []claim           // outside, and about the events that are here
	inDB     []int64           // the events that checkpoints in the database cover
	last     []byte            // hash of the event before
	good     claim             // the last event that is the record's own
	row      *rowView          // the event that is looked at
	damaged  bool              // SQLite finds the file damaged
	grouped  map[string]int    // the problem of a kind that further ones belong to
	began    int64             // number of the first row
	ends     int64             // and of the last
	frames   []frame           // of the journal, as it was before the walk
	stored   int64             // the last event that the database has
	pruneAt  []int64           // the events of the first of Prunes
}

// rowView is an event as the verifier reads it: its columns up to the body as
// they are hashed, and what it is sealed with.
type rowView struct {
	seq     int64
	columns []sql.NullString // after seq
	of      bool             // its call is the number of an attempt
	hash    []byte
	mac     []byte
}

// hashed are the columns that the hash of an event covers, in order.
var hashed = []string{"seq", "time_unix_ms", "type", "call", "agent", "server", "tool", "kind", "effect", "code", "session", "outcome", "us", "bytes", "who", "what", "body", "digest"}

// column is the text of one of hashed, "" if it is NULL.
func (r *rowView) column(name string) string { return r.columns[slices.Index(hashed, name)-1].String }

// own reports whether the gateway itself wrote the event, and it is of a type.
func (r *rowView) own(eventType string) bool {
	return r.column("type") == eventType && !r.columns[slices.Index(hashed, "call")-1].Valid
}

// readRows hands over events.
func readRows(ctx context.Context, db *sql.DB, where string, args []any, f func(*rowView) error) (err error) {
	rows, err := db.QueryContext(ctx, "SELECT "+strings.Join(hashed, ", ")+", typeof(call) = 'integer', hash, mac FROM events WHERE "+where+" ORDER BY seq", args...)
	if err != nil {
		return fmt.Errorf("read events: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	r := rowView{columns: make([]sql.NullString, len(hashed)-1)}
	dest := []any{&r.seq}
	for i := range r.columns {
		dest = append(dest, &r.columns[i])
	}
	dest = append(dest, &r.of, &r.hash, &r.mac)
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return unreadableError{err}
		}
		if err := f(&r); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil && ctx.Err() == nil {
		return unreadableError{err}
	}
	return ctx.Err()
}

// unreadableError says that the database is damaged where it was read.
type unreadableError struct{ error }

// readPublic finds the key to verify with.
func (v *verifier) readPublic() (string, error) {
	if v.opts.PublicKey != "" {
		return strings.TrimSpace(v.opts.PublicKey), nil
	}
	text, err := os.ReadFile(v.opts.Path + ".pub")
	if err != nil {
		return "", fmt.Errorf("public key: %w", err)
	}
	v.besideOnly = true
	return strings.TrimSpace(string(text)), nil
}
