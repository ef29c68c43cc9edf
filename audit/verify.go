package audit

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// The verifier follows the format in the package doc and shares none of the
// code that writes it: a mistake there would otherwise verify itself.

// VerifyOptions says what to verify against what.
type VerifyOptions struct {
	Path        string   // the database, or a copy of it
	PublicKey   string   // the verifier key; "": read from Path + ".pub"
	Checkpoints []string // files with checkpoints that left the database; a cut tail shows only against them
}

// Verification is what [Verify] found out.
type Verification struct {
	Events    int64     `json:"events"`             // verified, without those that were pruned
	First     int64     `json:"first"`              // sequence number of the first
	Last      int64     `json:"last"`               // and of the last
	Hash      string    `json:"hash"`               // of the last, base64
	Pruned    int64     `json:"pruned,omitempty"`   // events up to this one were pruned in order
	Signed    int64     `json:"signed"`             // the last event that a checkpoint inside the database covers; the rest only the chain
	Inside    int       `json:"inside"`             // checkpoints in the database that hold
	Outside   int       `json:"outside"`            // checkpoints outside that hold
	Gone      []*Gone   `json:"gone,omitempty"`     // texts that went, by event
	Problems  []Problem `json:"problems,omitempty"` // by sequence number; empty if everything holds
	Truncated bool      `json:"truncated,omitempty"`
}

// Problem is one place where the record is not as it was written.
type Problem struct {
	Seq  int64  `json:"seq"`
	What string `json:"what"`
}

// maxProblems bounds the report on a database that is broken everywhere.
const maxProblems = 100

// Verify proves that nothing in the record was changed, removed or reordered,
// or says where it was. What happened after the newest checkpoint that it is
// given outside of the database could have been cut from the end or rewritten
// by somebody who has the signing key. The error is for what keeps it from
// verifying: no file, no key.
func Verify(ctx context.Context, opts VerifyOptions) (v Verification, err error) {
	public := opts.PublicKey
	if public == "" {
		text, err := os.ReadFile(opts.Path + ".pub")
		if err != nil {
			return v, fmt.Errorf("public key: %w", err)
		}
		public = string(text)
	}
	key, err := note.NewVerifier(strings.TrimSpace(public))
	if err != nil {
		return v, fmt.Errorf("public key: %w", err)
	}
	r, err := OpenReader(opts.Path)
	if err != nil {
		return v, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	c := &verifier{Verification: &v, keys: note.VerifierList(key), outside: map[int64][]claim{}}
	for _, path := range opts.Checkpoints {
		if err := c.readOutside(path); err != nil {
			return v, err
		}
	}
	if err := c.checkTables(ctx, r.db); err != nil {
		return v, err
	}
	if err := c.checkIntegrity(ctx, r.db); err != nil {
		return v, err
	}
	if err := c.anchor(ctx, r.db); err != nil {
		return v, err
	}
	if err := c.walk(ctx, r.db); err != nil {
		return v, err
	}
	if err := c.checkKept(ctx, r.db); err != nil {
		return v, err
	}
	c.end()
	return v, nil
}

type verifier struct {
	*Verification
	keys     note.Verifiers
	outside  map[int64][]claim
	furthest claim  // of the outside checkpoints
	last     []byte // hash of the event before
}

func (v *verifier) problem(seq int64, format string, args ...any) {
	if len(v.Problems) < maxProblems {
		v.Problems = append(v.Problems, Problem{seq, fmt.Sprintf(format, args...)})
	} else {
		v.Truncated = true
	}
}

// checkTables looks for triggers, views, tables and indexes that were removed,
// changed or added: the triggers keep a well-meaning hand from changing events,
// and one that was added may keep an event from being written.
func (v *verifier) checkTables(ctx context.Context, db *sql.DB) (err error) {
	rows, err := db.QueryContext(ctx, "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid")
	if err != nil {
		return fmt.Errorf("read the schema: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	want := schemaStatements()
	for rows.Next() {
		var kind, name, got string
		if err := rows.Scan(&kind, &name, &got); err != nil {
			return fmt.Errorf("read the schema: %w", err)
		}
		text, ours := want[name]
		switch {
		case ours && got != text:
			v.problem(0, "%s was changed in the database", name)
		case !ours && !ownOfSQLite(kind, name):
			v.problem(0, "%s %q was added to the database", kind, name)
		}
		delete(want, name)
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		v.problem(0, "%s is missing from the database", name)
	}
	return rows.Err()
}

// checkIntegrity lets SQLite look whether tables and indexes agree: an index
// that lacks a row hides the event from whoever searches by it, though the
// chain, which is read in the order of the table, holds.
func (v *verifier) checkIntegrity(ctx context.Context, db *sql.DB) (err error) {
	rows, err := db.QueryContext(ctx, fmt.Sprintf("PRAGMA integrity_check(%d)", maxProblems))
	if err != nil {
		v.problem(0, "SQLite cannot check the database: %v", err)
		return ctx.Err()
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var said string
		if err := rows.Scan(&said); err != nil {
			return fmt.Errorf("check the database: %w", err)
		}
		if said != "ok" {
			v.problem(0, "the database is damaged or was tampered with: %s", said)
		}
	}
	if err := rows.Err(); err != nil && ctx.Err() == nil {
		v.problem(0, "SQLite cannot check the database: %v", err)
	}
	return ctx.Err()
}

// anchor finds where the chain begins: at zero, or at the signed note of the
// last prune.
func (v *verifier) anchor(ctx context.Context, db *sql.DB) error {
	v.last = make([]byte, sha256.Size)
	var seq int64
	var body string
	err := db.QueryRowContext(ctx, "SELECT seq, body FROM events WHERE type = 'audit.prune' AND call IS NULL ORDER BY seq DESC LIMIT 1").Scan(&seq, &body)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for prunes: %w", err)
	}
	var prune struct {
		Through int64
		Note    string
	}
	if err := json.Unmarshal([]byte(body), &prune); err != nil {
		v.problem(seq, "its prune note cannot be read: %v", err)
		return nil
	}
	c, err := v.open(prune.Note)
	if err != nil || c.seq != prune.Through {
		v.problem(seq, "its prune note does not hold (%v): events up to %d are gone without a signature", err, prune.Through)
		return nil
	}
	v.Pruned, v.last = c.seq, c.hash
	v.Signed = c.seq
	v.compare(c.seq, c.hash)
	return nil
}

// walk follows the chain.
func (v *verifier) walk(ctx context.Context, db *sql.DB) (err error) {
	rows, err := db.QueryContext(ctx, `SELECT seq, time_unix_ms, type, call, agent, server, tool, kind, effect, code, session, outcome, us, body, digest, hash
		FROM events WHERE seq > ? ORDER BY seq`, v.Pruned)
	if err != nil {
		return fmt.Errorf("read events: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	v.Last = v.Pruned
	for rows.Next() {
		var seq int64
		var at string
		var text [columns]sql.NullString
		var stored []byte
		dest := []any{&seq, &at}
		for i := range text {
			dest = append(dest, &text[i])
		}
		if err := rows.Scan(append(dest, &stored)...); err != nil {
			v.problem(v.Last+1, "the event cannot be read: %v", err)
			return nil
		}
		v.event(seq, at, text, stored)
	}
	if err := rows.Err(); err != nil {
		if ctx.Err() != nil {
			return err
		}
		v.problem(v.Last+1, "the database is damaged here, nothing after it can be read: %v", err)
	}
	return nil
}

func (v *verifier) event(seq int64, at string, text [columns]sql.NullString, stored []byte) {
	switch {
	case seq == v.Last+2:
		v.problem(v.Last+1, "the event is missing")
	case seq > v.Last+2:
		v.problem(v.Last+1, "events %d to %d are missing", v.Last+1, seq-1)
	}
	h := sha256.New()
	h.Write(v.last)
	netstring(h, strconv.FormatInt(seq, 10))
	netstring(h, at)
	for _, t := range text {
		if t.Valid {
			netstring(h, t.String)
		} else {
			h.Write([]byte("-"))
		}
	}
	if sum := h.Sum(nil); string(sum) != string(stored) && seq == v.Last+1 {
		v.problem(seq, "the event is not the one that was recorded after %d: one of the two was changed, replaced or moved", v.Last)
	}
	if text[0].String == "audit.checkpoint" && !text[1].Valid {
		v.inside(seq, text[columns-2].String)
	}
	if v.Events == 0 {
		v.First = seq
	}
	v.Events++
	// Going on from what is stored shows each break once, where it is.
	v.Last, v.last = seq, stored
	v.Hash = base64.StdEncoding.EncodeToString(stored)
	v.compare(seq, stored)
}

// columns is how many columns of text an event has: type to digest.
const columns = 13

func netstring(h hash.Hash, s string) { fmt.Fprintf(h, "%d:%s,", len(s), s) }

// String is the problem as a line for people.
func (p Problem) String() string { return "event " + strconv.FormatInt(p.Seq, 10) + ": " + p.What }
