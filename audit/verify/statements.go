package verify

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// readStatements hands over the events of a type and the statement that each
// holds. What f does not take is a problem of the event.
func (v *verifier) readStatements(ctx context.Context, db *sql.DB, eventType, what string, f func(*rowView, string) error) error {
	err := readRows(ctx, db, "type = ? AND call IS NULL", []any{eventType}, func(r *rowView) error {
		if v.declared(r.seq) {
			return nil
		}
		v.row = r
		var body struct{ Note string }
		err := json.Unmarshal([]byte(r.column("body")), &body)
		if err == nil {
			err = f(r, body.Note)
		}
		if err != nil {
			v.problem(r.seq, "", "its statement of a %s does not hold: %v", what, err)
		}
		return nil
	})
	v.row = nil
	var unreadable unreadableError
	if errors.As(err, &unreadable) {
		return nil // walk says where
	}
	return err
}

// macEpoch is a key of MACs and the last event that it seals, 0 for the present one's.
type macEpoch struct {
	through int64
	key     []byte
}

// readKeys finds the keys: the one that is trusted, and by statements of both
// which it took over from, and which took over from it.
func (v *verifier) readKeys(ctx context.Context, db *sql.DB) error {
	public, err := v.readPublic()
	if err != nil {
		return err
	}
	key, err := note.NewVerifier(public)
	if err != nil {
		return fmt.Errorf("public key: %w", err)
	}
	v.ring = []epoch{{0, key}}
	if err := v.readRotations(ctx, db, public); err != nil {
		return err
	}
	if v.opts.Keys == "" {
		return nil
	}
	f, err := os.Open(v.opts.Keys)
	if err != nil {
		return fmt.Errorf("audit keys: %w", err)
	}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		switch word := strings.Fields(lines.Text()); {
		case len(word) == 2 && word[0] == "mac":
			key, err := hex.DecodeString(word[1])
			if err != nil {
				return errors.Join(fmt.Errorf("audit keys: %s: %w", v.opts.Keys, err), f.Close())
			}
			v.macs = append(v.macs, macEpoch{0, key})
		case len(word) >= 3 && word[0] == "former":
			through, err := strconv.ParseInt(word[1], 10, 64)
			key, err2 := hex.DecodeString(word[2])
			if err := errors.Join(err, err2); err != nil {
				return errors.Join(fmt.Errorf("audit keys: %s: %w", v.opts.Keys, err), f.Close())
			}
			v.macs = append(v.macs, macEpoch{through, key})
		}
	}
	if len(v.macs) == 0 {
		err = fmt.Errorf("audit keys: %s holds no key of MACs", v.opts.Keys)
	}
	slices.SortFunc(v.macs, func(a, b macEpoch) int {
		if a.through == 0 || b.through == 0 {
			return int(b.through - a.through) // the present one is last
		}
		return int(a.through - b.through)
	})
	return errors.Join(err, f.Close())
}

// macKey is the key that seals an event, nil if MACs are not looked at.
func (v *verifier) macKey(seq int64) []byte {
	for _, m := range v.macs {
		if m.through == 0 || seq <= m.through {
			return m.key
		}
	}
	return nil
}

// readRotations follows the keys from the one that is trusted, backwards and on.
func (v *verifier) readRotations(ctx context.Context, db *sql.DB, trusted string) error {
	byOld, byNew := map[string]Rotation{}, map[string]Rotation{}
	take := func(signed string) error {
		r, err := rotation(signed)
		if err == nil {
			byOld[r.Old], byNew[r.New] = r, r
		}
		return err
	}
	err := v.readStatements(ctx, db, "audit.keys", "new key", func(_ *rowView, signed string) error { return take(signed) })
	for _, f := range v.files {
		for _, n := range f.notes {
			if strings.HasPrefix(n.text, "toolward audit keys\n") {
				_ = take(n.text) // one that does not hold is another record's
			}
		}
	}
	for r, ok := byNew[trusted]; ok && len(v.Rotations) <= len(byNew); r, ok = byNew[r.Old] {
		v.Rotations = slices.Insert(v.Rotations, 0, r)
	}
	for r, ok := byOld[trusted]; ok && len(v.Rotations) <= len(byNew); r, ok = byOld[r.New] {
		v.Rotations = append(v.Rotations, r)
	}
	for i, r := range v.Rotations {
		oldKey, errOld := note.NewVerifier(r.Old)
		newKey, errNew := note.NewVerifier(r.New)
		if err := errors.Join(errOld, errNew); err != nil {
			return err
		}
		if i == 0 {
			v.ring = []epoch{{0, oldKey}}
		}
		v.ring = append(v.ring, epoch{r.Event + 1, newKey})
	}
	return err
}

// rotation reads a statement that both its keys signed.
func rotation(signed string) (r Rotation, err error) {
	lines := strings.Split(signed, "\n")
	if len(lines) < 3 || lines[0] != "toolward audit keys" {
		return r, errors.New("what it signs is no statement of new keys")
	}
	if err := json.Unmarshal([]byte(lines[2]), &r); err != nil {
		return r, err
	}
	oldKey, errOld := note.NewVerifier(r.Old)
	newKey, errNew := note.NewVerifier(r.New)
	if err := errors.Join(errOld, errNew); err != nil {
		return r, err
	}
	n, err := note.Open([]byte(signed), note.VerifierList(oldKey, newKey))
	if err == nil && len(n.Sigs) != 2 {
		err = errors.New("it is not signed by both keys")
	}
	return r, err
}

// readSegments finds where a person decided to go on.
func (v *verifier) readSegments(ctx context.Context, db *sql.DB) error {
	return v.readStatements(ctx, db, "audit.segment", "new segment", func(r *rowView, signed string) error {
		var s Segment
		if err := v.statement(r.seq, "segment", signed, &s); err != nil {
			return err
		}
		if s.Event != r.seq {
			return fmt.Errorf("it was signed for event %d", s.Event)
		}
		v.Segments = append(v.Segments, s)
		if v.opts.Strict {
			v.problem(r.seq, "", "%s", s)
		}
		return nil
	})
}

// declared reports whether a later segment says that a row is not the record's.
func (v *verifier) declared(seq int64) bool {
	for _, s := range v.Segments {
		for _, rows := range s.Foreign {
			if seq >= rows[0] && seq <= rows[1] && s.Event > seq {
				return true
			}
		}
	}
	return false
}

// segmentAt is the segment that begins at an event, nil if none does.
func (v *verifier) segmentAt(seq int64) *Segment {
	for i := range v.Segments {
		if v.Segments[i].Event == seq {
			return &v.Segments[i]
		}
	}
	return nil
}

// begin goes on at the first event of a segment, which is chained to the last
// that is the record's own.
func (v *verifier) begin(s *Segment) {
	if s.After != v.good.seq || string(s.Hash) != string(v.good.hash) {
		v.problem(s.Event, "", "the segment was begun after another event %d than the one that is there", s.After)
	}
	v.last = append(v.last[:0], s.Hash...)
}

// skip passes over events of which a segment says that they are gone. Checkpoints
// of them have nothing to be compared with.
func (v *verifier) skip(from, through int64) {
	for _, s := range v.Segments {
		if slices.Contains(s.Missing, [2]int64{from, through}) {
			v.Last = through
			for seq := range v.outside {
				if seq >= from && seq <= through {
					delete(v.outside, seq)
				}
			}
		}
	}
}

// readBackup reports whether the record is a copy that was made as a backup: the
// statement is its last event but a checkpoint. Later events of the record do not
// count as missing.
func (v *verifier) readBackup(ctx context.Context, db *sql.DB) error {
	var end sql.NullInt64
	if err := db.QueryRowContext(ctx, "SELECT max(seq) FROM events").Scan(&end); err != nil {
		return fmt.Errorf("read events: %w", err)
	}
	return v.readStatements(ctx, db, "audit.backup", "backup", func(r *rowView, signed string) error {
		var b Backup
		if err := v.statement(r.seq, "backup", signed, &b); err != nil {
			return err
		}
		if b.Of != r.seq-1 {
			return fmt.Errorf("it is about event %d", b.Of)
		}
		if end.Int64 > r.seq+1 {
			return nil // a backup that was restored, and went on
		}
		if v.Backup = &b; v.opts.Live {
			v.problem(r.seq, "", "the record is a backup of %s, and not the one that went on", b.Time)
		}
		v.furthest = claim{}
		for seq, claims := range v.outside {
			if seq > b.Of {
				delete(v.outside, seq)
			} else if seq > v.furthest.seq {
				v.furthest = claims[0]
			}
		}
		return nil
	})
}

// lists reports whether a prune is known already.
func (v *verifier) lists(p Prune) bool {
	return slices.ContainsFunc(v.Prunes, func(q Prune) bool { return q.Through == p.Through && q.Time == p.Time })
}

// statedOutside reports whether the statement of a prune is outside too.
func (v *verifier) statedOutside(p Prune) bool {
	return slices.ContainsFunc(v.stated, func(signed string) bool {
		var q Prune
		return v.statement(0, "prune", signed, &q) == nil && q.Through == p.Through && string(q.Hash) == string(p.Hash)
	})
}
