package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// Case is all that the record has on some sessions: evidence that is handed on.
type Case struct {
	Calls    []Call                     // in order
	Events   []Proven                   // of those calls, of questions to people about them, and what the gateway did meanwhile
	Policies map[string]json.RawMessage // files of the revisions that decided, as the record has them; nil where the record has it no more
	Covered  bool                       // a checkpoint among the events comes after the last call
	Gone     []int64                    // events whose text is not there any more: it was erased, or expired
}

// Proven is an event with what it can be known again by in the record it is from.
type Proven struct {
	Event
	Hash []byte `json:"hash"`
	MAC  []byte `json:"mac"`
}

// meanwhile are the types of events that say what was in force while calls were made.
var meanwhile = []string{"gateway.", "config.", "policy.", "block.", "guard.", "pin.", "tool.", "audit."}

// Case gathers what is on record about sessions, by digest or by the name in the
// token. It returns [ErrNoCall] if there is nothing.
func (r *Reader) Case(ctx context.Context, sessions ...string) (c Case, err error) {
	for call, err := range r.All(ctx, Filter{Session: sessions}) {
		if err != nil {
			return c, err
		}
		c.Calls = append(c.Calls, call)
	}
	if len(c.Calls) == 0 {
		return c, fmt.Errorf("%w: of session %s", ErrNoCall, column(strings.Join(sessions, ", ")))
	}
	if c.Events, err = r.evidence(ctx, c.Calls); err != nil {
		return c, err
	}
	last := int64(0)
	for _, call := range c.Calls {
		last = max(last, call.Seq, call.EndedSeq)
	}
	for _, e := range c.Events {
		c.Covered = c.Covered || e.Type == TypeCheckpoint && e.Seq > last
		if e.Digest != nil && e.Text == "" && e.Beside == "" {
			c.Gone = append(c.Gone, e.Seq)
		}
	}
	c.Policies = map[string]json.RawMessage{}
	for _, call := range c.Calls {
		if _, known := c.Policies[call.Revision]; call.Revision == "" || known {
			continue
		}
		text, err := r.Policy(ctx, call.Revision)
		if err != nil {
			return c, err
		}
		c.Policies[call.Revision] = text.Files
	}
	return c, nil
}

// evidence reads the events that belong to calls.
func (r *Reader) evidence(ctx context.Context, calls []Call) (all []Proven, err error) {
	about := map[string]bool{}
	first, last := calls[0].Seq, int64(0)
	var ids []string
	for _, c := range calls {
		first, last = min(first, c.Seq), max(last, c.Seq, c.EndedSeq)
		ids = append(ids, c.ID)
		for _, name := range []string{c.ID, c.Session, c.Agent, c.Approval} {
			about[name] = name != ""
		}
	}
	// What was in force at the first call began before it, and what covers the last
	// comes behind it.
	var from, to int64
	err = r.now(ctx).QueryRowContext(ctx, `SELECT min(coalesce((SELECT max(seq) FROM events WHERE type = ?3 AND call IS NULL AND seq < ?1), ?1), coalesce((SELECT max(seq) FROM events WHERE type = ?4 AND call IS NULL AND seq < ?1), ?1)),
		coalesce((SELECT min(seq) FROM events WHERE type = ?5 AND call IS NULL AND seq > ?2), ?2)`, first, last, TypeStart, TypePolicy, TypeCheckpoint).Scan(&from, &to)
	if err != nil {
		return nil, fmt.Errorf("audit case: %w", err)
	}
	events, err := r.events(ctx, "WHERE call IN (SELECT value FROM json_each(?)) OR call IS NULL AND type <> ? AND (seq BETWEEN ? AND ? OR type LIKE 'approval.%' OR type LIKE 'session.%' OR type = ?) ORDER BY seq",
		string(marshal(ids)), TypeSnapshot, from, to, TypeErase)
	if err != nil {
		return nil, err
	}
	for _, e := range events {
		always := e.Type != TypeErase && slices.ContainsFunc(meanwhile, func(p string) bool { return strings.HasPrefix(e.Type, p) })
		if e.Call == "" && !always && !isAbout(&e, about) {
			continue // of somebody else
		}
		p := Proven{Event: e}
		err := errors.Join(r.kept(ctx, &p.Event), r.now(ctx).QueryRowContext(ctx, "SELECT hash, mac, digest FROM events WHERE seq = ?", e.Seq).Scan(&p.Hash, &p.MAC, &p.Digest))
		if err != nil {
			return nil, fmt.Errorf("audit case: event %d: %w", e.Seq, err)
		}
		all = append(all, p)
	}
	return all, nil
}

// isAbout reports whether an event of the gateway's own names a call, a session or a
// question; an erasure, also an agent.
func isAbout(e *Event, about map[string]bool) bool {
	var b struct{ ID, Call, Session, Agent string }
	if json.Unmarshal([]byte(e.Body), &b) != nil {
		return false
	}
	return about[b.ID] || about[b.Call] || about[b.Session] || e.Type == TypeErase && about[b.Agent]
}

const statesCase = "toolward audit case"

// SignCase signs the SHA-256 of each file of a case, in hex by name.
func (k *Keys) SignCase(digests map[string]string) (string, error) {
	return k.state(statesCase, digests)
}

// CheckCase reads what [Keys.SignCase] signed, by the public key.
func CheckCase(public, signed string) (digests map[string]string, err error) {
	verifier, err := note.NewVerifier(strings.TrimSpace(public))
	if err != nil {
		return nil, fmt.Errorf("public key: %w", err)
	}
	n, err := note.Open([]byte(signed), note.VerifierList(verifier))
	if err != nil {
		return nil, fmt.Errorf("the list of digests: %w", err)
	}
	lines := strings.Split(n.Text, "\n")
	if len(lines) != 4 || lines[0] != statesCase {
		return nil, fmt.Errorf("the list of digests: what it signs is no %q", statesCase)
	}
	err = json.Unmarshal([]byte(lines[2]), &digests)
	return maps.Clone(digests), err
}
