package verify

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"slices"
	"strconv"
)

// progressEvery is after how many rows [Options.Progress] is called: those of about
// a tenth of a second.
const progressEvery = 10_000

// progress says how far two walks over the events are: along the chain, and
// through what stands beside them.
func (v *verifier) progress(walks, seq int64) {
	if v.opts.Progress == nil {
		return
	}
	begin, all := max(v.began-1, v.Pruned), v.ends-max(v.began-1, v.Pruned)
	v.opts.Progress(walks*all+seq-begin, 2*all)
}

// walk follows the chain.
func (v *verifier) walk(ctx context.Context, db *sql.DB) error {
	var first, last sql.NullInt64
	if err := db.QueryRowContext(ctx, "SELECT min(seq), max(seq) FROM events").Scan(&first, &last); err != nil {
		return fmt.Errorf("read events: %w", err)
	}
	v.began, v.ends, v.Last = first.Int64, last.Int64, v.Pruned
	v.maced = len(v.macs) > 0
	err := readRows(ctx, db, "seq > ?", []any{v.Pruned}, func(r *rowView) error {
		v.event(r)
		if v.Events%progressEvery == 0 {
			v.progress(0, r.seq)
		}
		return nil
	})
	v.row = nil
	var unreadable unreadableError
	if errors.As(err, &unreadable) {
		v.problem(v.Last+1, "", "the database is damaged here, nothing after it can be read: %v", err)
		return nil
	}
	return err
}

func (v *verifier) event(r *rowView) {
	v.row = r
	if r.seq > v.Last+1 {
		v.skip(v.Last+1, r.seq-1)
	}
	if v.declared(r.seq) {
		delete(v.outside, r.seq)
		v.Last, v.last = r.seq, append(v.last[:0], r.hash...)
		return
	}
	if segment := v.segmentAt(r.seq); segment != nil {
		v.begin(segment)
	}
	if r.seq > v.Last+1 {
		v.problem(v.Last+1, "", "%s missing", areEvents(v.Last+1, r.seq-1))
	}
	if sum := chained(v.last, r); string(sum) != string(r.hash) && r.seq == v.Last+1 {
		v.problem(r.seq, groupChain, "the event is not the one that was recorded after %d: one of the two was changed, replaced or moved", v.Last)
	}
	if key := v.macKey(r.seq); key != nil && !hmac.Equal(sealed(key, r.hash), r.mac) {
		v.problem(r.seq, groupMAC, "the gateway did not write this event: its MAC is not of the gateway's key")
	}
	if !r.of && r.ofAttempt() {
		v.problem(r.seq, groupOf, "the number of its call's attempt was made a text, which has the same hash and finds no attempt")
	}
	if r.own("audit.checkpoint") {
		v.insideCheckpoint(r)
	}
	if r.own("audit.astray") {
		v.givenUp(r)
	}
	if v.Events == 0 {
		v.First = r.seq
	}
	v.Events++
	// Going on from what is stored shows each break once, where it is.
	v.Last, v.last = r.seq, append(v.last[:0], r.hash...)
	v.good = claim{seq: r.seq, hash: append(v.good.hash[:0], r.hash...)}
	v.Hash = base64.StdEncoding.EncodeToString(r.hash)
	v.compare(r.seq, r.hash)
}

// givenUp says what a start, or a new segment, found in the journal and did not take.
func (v *verifier) givenUp(r *rowView) {
	var lost struct{ After, Through, Events int64 }
	if json.Unmarshal([]byte(r.column("body")), &lost) != nil {
		return // the chain says whether it is what was recorded
	}
	v.Notices = append(v.Notices, fmt.Sprintf("event %d: %d were found in the journal, up to number %d, which did not follow event %d, and what they said was given up: the power was lost, or somebody changed the journal or the database",
		r.seq, lost.Events, lost.Through, lost.After))
}

// chained is the hash of an event after another's.
func chained(last []byte, r *rowView) []byte {
	h := sha256.New()
	h.Write(last)
	netstring(h, strconv.FormatInt(r.seq, 10))
	for _, c := range r.columns {
		if c.Valid {
			netstring(h, c.String)
		} else {
			h.Write([]byte("-"))
		}
	}
	return h.Sum(nil)
}

func netstring(h hash.Hash, s string) { fmt.Fprintf(h, "%d:%s,", len(s), s) }

// sealed is the MAC over a hash.
func sealed(key, hash []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(hash)
	return h.Sum(nil)[:16]
}

// anchor finds where the chain begins: at zero, or at the signed statement of the
// last prune.
func (v *verifier) anchor(ctx context.Context, db *sql.DB) error {
	v.last = make([]byte, sha256.Size)
	err := v.readStatements(ctx, db, "audit.prune", "prune", func(r *rowView, signed string) error {
		var p Prune
		if err := v.statement(r.seq, "prune", signed, &p); err != nil {
			return err
		}
		if len(p.Hash) != sha256.Size {
			return errors.New("a hash of the wrong length")
		}
		v.Prunes = append(v.Prunes, p)
		v.pruneAt = append(v.pruneAt, r.seq)
		v.Pruned, v.last = p.Through, slices.Clone(p.Hash) // walk writes there
		return nil
	})
	v.good = claim{seq: v.Pruned, hash: append([]byte(nil), v.last...)}
	if v.Pruned > 0 {
		v.Signed = v.Pruned
		v.compare(v.Pruned, v.last)
	}
	return err
}

// checkPrunes looks whether the outside knows of the last prune: who has the key
// could have made up one to lose what came before.
func (v *verifier) checkPrunes(ctx context.Context, db *sql.DB) error {
	for _, signed := range v.stated {
		var p Prune
		if v.statement(0, "prune", signed, &p) == nil && !v.lists(p) {
			v.Prunes = append(v.Prunes, p) // the event is pruned itself, or this is an older copy
		}
	}
	if v.opts.ExpectFirst > 0 && (v.First > v.opts.ExpectFirst || v.First == 0) {
		v.problem(v.First, "", "the record begins here, and was to begin at event %d", v.opts.ExpectFirst)
	}
	if n := len(v.pruneAt); n > 0 && v.claims > 0 && v.began > v.Prunes[n-1].From && v.newest.seq < v.pruneAt[n-1] && !v.statedOutside(v.Prunes[n-1]) {
		v.problem(v.pruneAt[n-1], "", "nothing outside of the record knows that events up to %d were pruned: get newer checkpoints, or somebody who has the gateway's key made it up", v.Pruned)
	}
	return nil
}

// end looks for what should come after the last event.
func (v *verifier) end(context.Context, *sql.DB) error {
	// A checkpoint leaves when the database has what it covers, not the journal alone.
	if v.furthest.seq > v.stored {
		v.problem(v.stored+1, "", "%s gone, cut from the end: the checkpoint of %s in %s counted them",
			areEvents(v.stored+1, v.furthest.seq), v.furthest.time, v.furthest.file)
	}
	if v.opts.AsOfEvent > v.Last {
		v.problem(v.Last+1, "", "the record ends at event %d, and was to end at %d or later", v.Last, v.opts.AsOfEvent)
	}
	if len(v.opts.Checkpoints) > 0 || v.Backup != nil || v.claims == 0 {
		return nil
	}
	// The gateway writes each checkpoint to the file beside the record at the time
	// at which it writes it into the record, so only the last may be missing there.
	missing := 0
	for _, seq := range v.inDB {
		if seq > v.furthest.seq {
			missing++
		}
	}
	if missing > 1 {
		v.problem(0, "", "%s ends with event %d, and the record has %d newer checkpoints: its end was cut off, or it could not be written", v.opts.Path+".checkpoints", v.furthest.seq, missing)
	}
	return nil
}
