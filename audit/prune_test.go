package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"toolward/gateway"
)

// nobody follows a record and makes nothing of it.
type nobody struct{}

func (nobody) Restore(json.RawMessage) error      { return nil }
func (nobody) Fold(gateway.Entry) error           { return nil }
func (nobody) Snapshot() (json.RawMessage, error) { return json.RawMessage("{}"), nil }

// agedRecord opens a record of which n calls are a day old, and so is
// everything before them.
func agedRecord(t *testing.T, n int) *Store {
	t.Helper()
	path := filepath.Join(t.TempDir(), "toolward.db")
	s, err := Open(Options{Path: path})
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	must(t, s.Attach(t.Context(), nobody{}))
	yesterday := time.Now().Add(-24 * time.Hour)
	for range n {
		c := newCall(t, `{"old":true}`)
		c.Time = yesterday
		must(t, s.Record(t.Context(), gateway.PhaseRefusal, c))
	}
	return s
}

func TestPruneKeepsTheChain(t *testing.T) {
	s := agedRecord(t, 3*pruneChunk/2)
	young := record(t, s, `{"new":true}`, `{}`)
	removed, err := s.Prune(t.Context(), young.Time, "rita", "too old")
	must(t, err)
	// audit.open and the checkpoint after it are seconds old, but older than
	// the young call, and so is everything before it.
	if want := int64(3*pruneChunk/2 + 2); removed != want {
		t.Errorf("removed %d, want %d", removed, want)
	}
	if left := column1(t, s, "SELECT count(*) FROM calls"); left[0] != "1" {
		t.Errorf("%s calls are left, want the young one", left[0])
	}
	record(t, s, `{"later":true}`, `{}`)
	must(t, s.Close())
	v := verified(t, s.opts.Path, s.opts.Checkpoints)
	if len(v.Problems) > 0 || v.Pruned != removed || v.First != removed+1 {
		t.Errorf("got %+v", v)
	}
	again, err := Open(Options{Path: s.opts.Path})
	must(t, err)
	must(t, again.Close())
}

func TestPruneOfNothing(t *testing.T) {
	s := agedRecord(t, 2)
	removed, err := s.Prune(t.Context(), time.Now().Add(-48*time.Hour), "rita", "")
	if err != nil || removed != 0 {
		t.Errorf("got %d, %v", removed, err)
	}
}

func TestPruneWhileRecording(t *testing.T) {
	s := agedRecord(t, 3*pruneChunk)
	before := time.Now()
	done := make(chan error, 1)
	go func() {
		_, err := s.Prune(t.Context(), before, "rita", "")
		done <- err
	}()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				if err := s.Record(t.Context(), gateway.PhaseAttempt, newCall(t, `{}`)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	must(t, <-done)
	if left := column1(t, s, "SELECT count(*) FROM calls"); left[0] != "400" {
		t.Errorf("%s calls are left, want 400", left[0])
	}
	checkChain(t, s)
}

// A prune that was cut short verifies, and the next start finishes it.
func TestInterruptedPrune(t *testing.T) {
	s := agedRecord(t, 10)
	young := record(t, s, `{}`, `{}`)
	must(t, s.writer.do(t.Context(), func() error {
		_, _, err := s.writer.notePrune(young.Time, "rita", "too old")
		return err
	}))
	must(t, s.Close())
	v := verified(t, s.opts.Path, s.opts.Checkpoints)
	if hash := column1of(t, s.opts.Path, "SELECT hash FROM events WHERE seq = 12"); len(v.Problems) > 0 || v.Pruned != 12 || string(v.Prunes[0].Hash) != hash {
		t.Errorf("in the middle: %+v, and the hash is %x", v, hash)
	}
	again, err := Open(Options{Path: s.opts.Path})
	must(t, err)
	if first := column1(t, again, "SELECT min(seq) FROM events"); first[0] != "13" {
		t.Errorf("the first event after the restart is %s, want 13", first[0])
	}
	checkChain(t, again)
}

// Removing events and calling it a prune needs the signing key.
func TestAttackForgedPrune(t *testing.T) {
	path := newRecord(t, 5)
	tamper(t, path,
		`INSERT INTO events (seq, time_unix_ms, type, body, hash, mac) SELECT max(seq) + 1, 0, 'audit.prune', '{"through":5,"note":"audit\n5\nAAAA\n"}', zeroblob(32), zeroblob(16) FROM events`,
		`DELETE FROM events WHERE seq <= 5`)
	v := verified(t, path)
	if len(v.Problems) < 2 || !strings.Contains(fmt.Sprint(v.Problems), "its statement of a prune does not hold") {
		t.Errorf("got %v", v.Problems)
	}
	if _, err := Open(Options{Path: path}); err == nil || errors.Is(err, ErrInUse) {
		t.Errorf("opened: %v", err)
	}
}

// What events have in common goes when the last that can use it has gone.
func TestPruneRemovesWhatNothingUses(t *testing.T) {
	s := agedRecord(t, 20)
	young := record(t, s, `{"new":true}`, `{}`)
	must(t, s.writer.do(t.Context(), func() error {
		return s.writer.conn.exec(`INSERT INTO interned (digest, salt, text, last) VALUES (x'01', x'00', '"long gone"', ?), (x'02', x'00', '"maybe used"', ?)`, int64(10-renew), int64(30-renew))
	}))
	before := column1(t, s, "SELECT count(*) FROM interned")
	_, err := s.Prune(t.Context(), young.Time, "rita", "too old")
	must(t, err)
	if left := column1(t, s, "SELECT text FROM interned WHERE length(digest) = 1"); len(left) != 1 || left[0] != `"maybe used"` {
		t.Errorf("%v are left", left)
	}
	if after := column1(t, s, "SELECT count(*) + 1 FROM interned"); after[0] != before[0] {
		t.Errorf("%s are left of %s", after, before)
	}
}
