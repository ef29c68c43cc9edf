package state_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"toolward/audit"
	"toolward/audit/verify"
	"toolward/gateway"
	"toolward/state"
)

var _ audit.Follower = (*state.Room)(nil)

// open is a record and the room that follows it.
func open(t *testing.T, path string) (*audit.Store, *state.Room) {
	t.Helper()
	store, err := audit.Open(audit.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	room, err := state.New(state.Options{Journal: store})
	if err == nil {
		err = store.Attach(t.Context(), room)
	}
	if err != nil {
		t.Fatal(errors.Join(err, store.Close()))
	}
	t.Cleanup(func() { _ = store.Close() }) // a second time, where a test closed it
	return store, room
}

// walk is what the road does with a call, as far as the record and state see it.
func walk(t *testing.T, store *audit.Store, room *state.Room, agent string, labels ...string) {
	t.Helper()
	c := gateway.NewCall(gateway.SurfaceREST, gateway.KindTool, "tools/call")
	c.Agent = &gateway.Agent{ID: agent, Issuer: "https://id.test"}
	c.Tool = &gateway.Tool{Kind: gateway.KindTool, Server: "s", Name: "t", Wire: "s__t", Fingerprint: "f"}
	c.Name, c.Decision = "s__t", gateway.Decision{Effect: gateway.EffectAllow, Revision: "r"}
	var err error
	if c.Args, err = gateway.ParseArgs([]byte(`{"a":1}`)); err != nil {
		t.Fatal(err)
	}
	ctx, held, err := room.Begin(t.Context(), c)
	if err == nil {
		err = store.Record(ctx, gateway.PhaseAttempt, c)
	}
	if err == nil {
		c.Result = &gateway.Result{Raw: json.RawMessage(`{"content":[]}`), Labels: labels}
		err = held.Finish(ctx, c)
	}
	if err == nil {
		err = store.Record(t.Context(), gateway.PhaseOutcome, c)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func seen(t *testing.T, room *state.Room) string {
	t.Helper()
	approvals, err := room.Approvals(t.Context(), "", 100)
	if err != nil {
		t.Fatal(err)
	}
	pins, err := room.Pins(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	sessions := room.Sessions()
	for i := range sessions {
		sessions[i].Last = sessions[i].Last.Truncate(time.Minute) // the record has milliseconds
	}
	text, err := json.MarshalIndent(map[string]any{"sessions": sessions, "approvals": approvals, "pins": pins, "blocks": room.Blocks(), "tokens": room.Held().Tokens}, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// copied is the record as it would be found if the gateway were killed now.
func copied(t *testing.T, path string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "toolward.db")
	for _, suffix := range []string{"", "-wal", ".journal.0", ".keys", ".checkpoints"} {
		from, err := os.Open(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		out, err := os.OpenFile(to+suffix, os.O_CREATE|os.O_WRONLY, 0o600)
		if err == nil {
			_, err = io.Copy(out, from)
		}
		if err := errors.Join(err, from.Close(), out.Close()); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// What was answered before a kill holds after it: labels, counts, decisions,
// pins, blocks, named tokens, whether they stand before or behind a snapshot.
func TestStateOutlivesAKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "toolward.db")
	by := gateway.Operator{Issuer: gateway.LocalOperators, Subject: "rita"}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	decide := func(room *state.Room, id string) {
		t.Helper()
		a := gateway.Approval{ID: id, Binding: id, Agent: "ann", Args: json.RawMessage(`{"x":"\u202e"}`), Created: time.Now(), Expires: time.Now().Add(time.Hour)}
		_, err := room.Ask(t.Context(), a, 32)
		must(err)
		_, err = room.Decide(t.Context(), id, gateway.ApprovalGiven, by, "go on")
		must(err)
		_, err = room.Block(t.Context(), gateway.Block{Kind: gateway.BlockTool, Name: "s__" + id, Reason: "it leaks", By: by})
		must(err)
		must(room.AddToken(t.Context(), gateway.NamedToken{Digest: "d-" + id, Name: id, Subject: "ann", Expires: time.Now().Add(time.Hour).UTC(), By: by}))
		must(room.AddToken(t.Context(), gateway.NamedToken{Digest: "e-" + id, Name: id + "-gone", Subject: "ann", Expires: time.Now().Add(time.Hour).UTC(), By: by}))
		_, err = room.End(t.Context(), id+"-gone", by, "")
		must(err)
		must(room.PutPins(t.Context(), gateway.Pin{Server: "s", Kind: gateway.KindTool, Name: id, Fingerprint: id, Definition: []byte(`{"name":"t"}`), Time: time.Now().UTC()}))
	}
	for round := range 3 {
		store, room := open(t, path)
		for i := range 20 {
			walk(t, store, room, string(rune('a'+i%7)), string(rune('k'+(i+round)%5)))
		}
		decide(room, "id-"+string(rune('a'+round)))
		want := seen(t, room)
		killed, after := open(t, copied(t, path))
		if diff := cmp.Diff(want, seen(t, after)); diff != "" {
			t.Fatalf("round %d, after a kill (-before +after):\n%s", round, diff)
		}
		must(killed.Close())
		must(store.Close()) // writes a snapshot, which the next round begins with
		store, room = open(t, path)
		if diff := cmp.Diff(want, seen(t, room)); diff != "" {
			t.Fatalf("round %d, after an end in order (-before +after):\n%s", round, diff)
		}
		if removed, err := store.Prune(t.Context(), time.Now().Add(time.Hour), "rita", "a test"); err != nil || removed == 0 {
			t.Fatalf("pruned %d, %v", removed, err)
		}
		must(store.Close())
		store, room = open(t, path)
		if diff := cmp.Diff(want, seen(t, room)); diff != "" {
			t.Fatalf("round %d, after a prune (-before +after):\n%s", round, diff)
		}
		must(store.Close())
	}
}

// An event that the gateway did not write decides nothing: the gateway does not
// start on it.
func TestAttackForgedDecisions(t *testing.T) {
	for name, forge := range map[string]string{
		"a new event, chained":             `INSERT INTO events SELECT max(seq) + 1, 0, 'block.lifted', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '{"id":"x"}', NULL, randomblob(32), randomblob(16) FROM events`,
		"an old one again":                 `INSERT INTO events SELECT (SELECT max(seq) + 1 FROM events), time_unix_ms, type, call, agent, server, tool, kind, effect, code, session, outcome, us, bytes, who, what, body, digest, hash, mac FROM events WHERE type = 'block.added'`,
		"what a person is shown of a call": `UPDATE bodies SET text = replace(text, 'a lot', 'a bit') WHERE seq = (SELECT seq FROM events WHERE type = 'approval.asked')`,
		"a token that was revoked":         `INSERT INTO events SELECT (SELECT max(seq) + 1 FROM events), time_unix_ms, type, call, agent, server, tool, kind, effect, code, session, outcome, us, bytes, who, what, body, digest, hash, mac FROM events WHERE type = 'token.created'`,
		"the snapshot":                     `UPDATE bodies SET text = '{"state":{}}' WHERE seq = (SELECT max(seq) FROM events WHERE type = 'state.snapshot')`,
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "toolward.db")
			store, room := open(t, path)
			if _, err := room.Block(t.Context(), gateway.Block{Kind: gateway.BlockAll, Reason: "an incident"}); err != nil {
				t.Fatal(err)
			}
			if err := store.Close(); err != nil {
				t.Fatal(err)
			}
			store, room = open(t, path) // from here on behind a snapshot
			if err := room.AddToken(t.Context(), gateway.NamedToken{Digest: "d", Name: "n", Expires: time.Now().Add(time.Hour)}); err != nil {
				t.Fatal(err)
			}
			if _, err := room.End(t.Context(), "n", gateway.Operator{}, ""); err != nil {
				t.Fatal(err)
			}
			a := gateway.Approval{ID: "1", Binding: "1", Agent: "ann", Args: json.RawMessage(`{"amount":"a lot"}`), Created: time.Now(), Expires: time.Now().Add(time.Hour)}
			if _, err := room.Ask(t.Context(), a, 32); err != nil {
				t.Fatal(err)
			}
			if _, _, err := store.List(t.Context(), audit.Filter{}, 1, 0); err != nil { // the database has it all then
				t.Fatal(err)
			}
			path = copied(t, path)
			tamper(t, path, forge)
			again, err := audit.Open(audit.Options{Path: path})
			if err == nil {
				room, err = state.New(state.Options{Journal: again})
				if err == nil {
					err = again.Attach(t.Context(), room)
				}
				_ = again.Close()
			}
			if err == nil || !strings.Contains(err.Error(), "foreign") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// What an agent's calls would have sent, which people were shown, goes with an
// erasure from events, state and snapshot; the decision stays.
func TestErasureReachesApprovals(t *testing.T) {
	path := filepath.Join(t.TempDir(), "toolward.db")
	store, room := open(t, path)
	person := "synthetic-person-" + "4711"
	for _, agent := range []string{"ann", "bob"} {
		a := gateway.Approval{ID: agent, Binding: agent, Agent: agent, Args: json.RawMessage(`{"who":"` + person + agent + `"}`), Created: time.Now(), Expires: time.Now().Add(time.Hour)}
		if _, err := room.Ask(t.Context(), a, 32); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.Close(); err != nil { // a snapshot quotes both
		t.Fatal(err)
	}
	store, room = open(t, path)
	if a, err := room.Approval(t.Context(), "ann"); err != nil || !strings.Contains(string(a.Args), person) {
		t.Fatalf("after a restart: %s, %v", a.Args, err)
	}
	if _, err := store.Erase(t.Context(), audit.Erasure{Agent: "ann", Why: "asked to", By: gateway.Operator{Issuer: gateway.LocalOperators, Subject: "rita"}}); err != nil {
		t.Fatal(err)
	}
	check := func(room *state.Room) {
		t.Helper()
		a, err := room.Approval(t.Context(), "ann")
		if err != nil || a.Args != nil || a.State != gateway.ApprovalOpen {
			t.Errorf("ann's: %s, %s, %v", a.Args, a.State, err)
		}
		if b, err := room.Approval(t.Context(), "bob"); err != nil || !strings.Contains(string(b.Args), person) {
			t.Errorf("bob's: %s, %v", b.Args, err)
		}
	}
	check(room)
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil || strings.Contains(string(whole), person+"ann") || !strings.Contains(string(whole), person+"bob") {
		t.Errorf("the file holds ann's: %v, bob's: %v, %v", strings.Contains(string(whole), person+"ann"), strings.Contains(string(whole), person+"bob"), err)
	}
	_, room = open(t, path)
	check(room)
	report, err := verify.Record(t.Context(), verify.Options{Path: path})
	if err != nil || len(report.Problems) > 0 {
		t.Errorf("verify: %v, %v", report.Problems, err)
	}
}
