package verify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"toolward/gateway"
)

// Gone is texts that are not in the record any more, as an event in it says.
type Gone struct {
	Seq   int64                 `json:"seq"`           // of the event that says so
	By    string                `json:"by,omitempty"`  // who wanted it; "" if the configuration did
	Why   string                `json:"why,omitempty"` //
	Whose string                `json:"whose"`         // "agent ann", "calls before 2026-11-01T00:00:00Z"
	Texts int64                 `json:"texts"`         // that are gone by it, and would be there otherwise
	allow func(k *keptRow) bool // reports whether the text of an event may be gone by it
	calls map[string]bool       // that an erasure of an agent or session is about
}

// String is a line for people.
func (g *Gone) String() string {
	line := fmt.Sprintf("%d texts of %s are gone by event %d", g.Texts, g.Whose, g.Seq)
	if g.Why != "" {
		line += fmt.Sprintf(", by %s: %s", g.By, g.Why)
	}
	return line
}

// of reports whether an event up to a number is of a call that an erasure is
// about: by what it says itself, or, if it is an outcome, by its attempt.
func (g *Gone) of(k *keptRow, through int64, itself bool) bool {
	if itself && k.call.Valid {
		g.calls[strconv.FormatInt(k.seq, 10)] = true
	}
	return k.seq <= through && (itself || g.calls[k.call.String])
}

// keptRow is an event, as far as what stands beside it is concerned.
type keptRow struct {
	seq, at              int64
	call, agent, session sql.NullString
	digest, salt         []byte
	text, beside         sql.NullString
	shared               [2][]byte // digests of who and what
}

// there reports whether the event has a row in bodies.
func (k *keptRow) there() bool { return k.text.Valid || k.beside.Valid }

// checkKept compares the rows beside the events with the digests in them, and
// finds for each that is not there the event by which it went.
func (v *verifier) checkKept(ctx context.Context, db *sql.DB) error {
	if err := v.readGone(ctx, db); err != nil {
		return err
	}
	there, err := v.checkInterned(ctx, db)
	if err != nil {
		return err
	}
	if err := v.checkBodies(ctx, db, there); err != nil {
		return err
	}
	v.Gone = slices.DeleteFunc(v.Gone, func(g *Gone) bool { return g.Texts == 0 || g.Whose == "" }) // a snapshot that another replaced is no loss
	return v.eachSeq(ctx, db, "SELECT b.seq FROM bodies b LEFT JOIN events e ON e.seq = b.seq WHERE e.digest IS NULL ORDER BY 1", func(seq int64) {
		v.problem(seq, groupExtra, "there is a text for it that it does not have")
	})
}

// readGone reads the events that say what went.
func (v *verifier) readGone(ctx context.Context, db *sql.DB) (err error) {
	rows, err := db.QueryContext(ctx, "SELECT seq, type, body FROM events WHERE type IN ('audit.erase', 'audit.expire', 'state.snapshot') AND call IS NULL ORDER BY seq")
	if err != nil {
		return fmt.Errorf("look for what was erased: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var seq int64
		var kind, body string
		if err := rows.Scan(&seq, &kind, &body); err != nil {
			return fmt.Errorf("look for what was erased: %w", err)
		}
		if v.declared(seq) {
			continue
		}
		var said struct {
			Agent, Session, Call, Why string
			By                        gateway.Operator
			Through, Replaces         int64
			Before                    int64 `json:"before_unix_ms"`
		}
		if err := json.Unmarshal([]byte(body), &said); err != nil {
			v.problem(seq, "", "what it says about texts that went cannot be read: %v", err)
			continue
		}
		by := ""
		if !said.By.None() {
			by = said.By.String()
		}
		g := &Gone{Seq: seq, By: by, Why: said.Why, calls: map[string]bool{}}
		through := min(said.Through, seq-1)
		switch {
		case kind == "state.snapshot":
			g.allow = func(k *keptRow) bool { return k.seq == said.Replaces }
		case kind == "audit.expire":
			g.Whose = "calls before " + formatMs(said.Before)
			g.allow = func(k *keptRow) bool { return k.seq < seq && k.call.Valid && k.at < said.Before }
		case said.Call != "":
			g.Whose = "call " + said.Call
			g.allow = func(k *keptRow) bool { return g.of(k, through, k.call.String == said.Call) }
		default:
			g.Whose = "agent " + said.Agent
			if said.Session != "" {
				g.Whose = "session " + said.Session
			}
			g.allow = func(k *keptRow) bool {
				whose := said.Agent != "" && k.agent.String == said.Agent || said.Session != "" && k.session.String == said.Session
				return g.of(k, through, whose)
			}
		}
		v.Gone = append(v.Gone, g)
	}
	return rows.Err()
}

// checkInterned compares what is interned with its digests, and returns those
// that are there.
func (v *verifier) checkInterned(ctx context.Context, db *sql.DB) (there map[string]bool, err error) {
	rows, err := db.QueryContext(ctx, "SELECT digest, salt, text FROM interned")
	if err != nil {
		return nil, fmt.Errorf("read what is interned: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	there = map[string]bool{}
	for rows.Next() {
		var text string
		var digest, salt []byte
		if err := rows.Scan(&digest, &salt, &text); err != nil {
			v.problem(0, "", "what is interned cannot be read: %v", err)
			return there, nil
		}
		if sum := sha256.Sum256(append(salt, text...)); !bytes.Equal(sum[:16], digest) {
			v.problem(0, "interned", "what is interned as %x is not what was recorded", digest)
		}
		there[string(digest)] = true
	}
	return there, rows.Err()
}

// checkBodies goes through the events that have something beside them.
func (v *verifier) checkBodies(ctx context.Context, db *sql.DB, there map[string]bool) (err error) {
	rows, err := db.QueryContext(ctx, `SELECT e.seq, e.time_unix_ms, e.call, e.agent, e.session, e.digest, b.salt, b.text, b.beside, e.who, e.what
		FROM events e LEFT JOIN bodies b ON b.seq = e.seq WHERE e.seq > ? AND (e.digest IS NOT NULL OR e.call IS NOT NULL) ORDER BY e.seq`, v.Pruned)
	if err != nil {
		return fmt.Errorf("read texts: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for n := 1; rows.Next(); n++ {
		var k keptRow
		if err := rows.Scan(&k.seq, &k.at, &k.call, &k.agent, &k.session, &k.digest, &k.salt, &k.text, &k.beside, &k.shared[0], &k.shared[1]); err != nil {
			v.problem(k.seq, "", "its text cannot be read: %v", err)
			return nil
		}
		if !v.declared(k.seq) {
			v.keptBeside(&k, there)
		}
		if n%progressEvery == 0 {
			v.progress(1, k.seq)
		}
	}
	if err := rows.Err(); err != nil && ctx.Err() == nil {
		v.problem(0, "", "the texts cannot be read: %v", err)
	}
	return ctx.Err()
}

func (v *verifier) keptBeside(k *keptRow, there map[string]bool) {
	var by *Gone // the event by which something of this one may be gone
	for _, g := range v.Gone {
		if g.allow(k) && by == nil {
			by = g
		}
	}
	switch {
	case k.digest == nil:
	case !k.there() && by == nil:
		v.problem(k.seq, groupText, "its text is missing, and nothing on record says that it may be")
	case !k.there():
		by.Texts++
	default:
		text := k.text.String
		if k.beside.Valid {
			text += "\n" + k.beside.String
		}
		if sum := sha256.Sum256(append(k.salt, text...)); string(sum[:16]) != string(k.digest) {
			v.problem(k.seq, groupOther, "its text is not the one that was recorded")
		}
	}
	for i, digest := range k.shared {
		if len(digest) == 0 || there[string(digest)] || i == 0 && by != nil {
			continue
		}
		v.problem(k.seq, groupShared, "what it calls %x is missing, and nothing on record says that it may be", digest)
	}
}

func (v *verifier) eachSeq(ctx context.Context, db *sql.DB, query string, f func(int64)) (err error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return fmt.Errorf("read texts: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var seq int64
		if err := rows.Scan(&seq); err != nil {
			return fmt.Errorf("read texts: %w", err)
		}
		if !v.declared(seq) {
			f(seq)
		}
	}
	return rows.Err()
}

func formatMs(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC3339) }
