package audit

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"database/sql"

	"toolward/audit/journal"
	"toolward/gateway"
)

// untilRecorded records until it works again: recovery is the store's own doing.
func untilRecorded(t *testing.T, s *Store) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var err error
	for ctx.Err() == nil {
		if err = s.Record(ctx, gateway.PhaseAttempt, newCall(t, `{"after":true}`)); err == nil {
			must(t, s.Ready())
			return
		}
	}
	t.Fatalf("never recovered: %v", err)
}

// untilRefused records until it fails, at most n times, and returns the error.
func untilRefused(t *testing.T, s *Store, n int) error {
	t.Helper()
	for range n {
		if err := s.Record(t.Context(), gateway.PhaseAttempt, newCall(t, `{"fill":"`+strings.Repeat("x", 4000)+`"}`)); err != nil {
			if s.Ready() == nil {
				t.Errorf("ready although: %v", err)
			}
			return err
		}
	}
	t.Fatalf("%d records went through", n)
	return nil
}

func checkChain(t *testing.T, s *Store) {
	t.Helper()
	must(t, s.Close())
	if v := verified(t, s.opts.Path, s.opts.Checkpoints); len(v.Problems) > 0 {
		t.Errorf("after it all: %v", v.Problems)
	}
}

// Another program that locks the database stops nobody for a while.
func TestLockedByAnotherProcess(t *testing.T) {
	s := openStore(t, func(o *Options) { o.Busy = 20 * time.Millisecond })
	unlock := locked(t, s)
	c := newCall(t, `{}`)
	must(t, s.Record(t.Context(), gateway.PhaseAttempt, c))
	if _, _, err := s.Reader.List(t.Context(), Filter{}, 10, 0); err != nil {
		t.Errorf("reading meanwhile: %v", err)
	}
	var late *LateError
	if err := s.Ready(); !errors.As(err, &late) || !late.Degraded() || late.Events != 2 || !strings.Contains(err.Error(), "locked") {
		t.Errorf("ready: %v, want that it works, and that two events wait because the database is locked", err)
	}
	unlock()
	shown(t, s, c.ID)
	checkChain(t, s)
}

// checkRefusedForLock expects a call to be refused for the record, which says so.
func checkRefusedForLock(t *testing.T, s *Store, err error) {
	t.Helper()
	if errors.As(err, new(*gateway.Refusal)) || !strings.Contains(err.Error(), "another program has kept it locked since") {
		t.Errorf("refused with %v, want that the database is locked", err)
	}
	if err := s.Ready(); err == nil || errors.As(err, new(interface{ Degraded() bool })) {
		t.Errorf("ready: %v, want that it does not work", err)
	}
}

// What waits for a locked database is bounded in events, in bytes and in time. Past each
// bound calls are refused as by a record that cannot be written, and go on behind an event
// that says so; all that was answered is there.
func TestBoundsOfALockedDatabase(t *testing.T) {
	for name, test := range map[string]struct {
		set  func(*Options)
		fill func(*Store, func(body int) error) error
	}{
		"events": {func(o *Options) { o.Queue = 20 }, func(s *Store, call func(int) error) error {
			return repeat(t, 20, func() error { return call(10) })
		}},
		"bytes": {func(o *Options) { o.Queue = 1 << 20 }, func(s *Store, call func(int) error) error {
			return repeat(t, 2*journal.Size/(60<<10), func() error { return call(60 << 10) })
		}},
		"time": {func(o *Options) { o.Late = 100 * time.Millisecond }, func(s *Store, call func(int) error) error {
			must(t, call(10))
			for s.writer.failure() == nil { // nobody has to call for it to be noticed
				must(t, s.writer.do(t.Context(), func() error { s.writer.upkeep(); return nil }))
			}
			return call(10)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := openStore(t, func(o *Options) { o.Busy = 20 * time.Millisecond; test.set(o) })
			unlock := locked(t, s)
			var answered []string
			checkRefusedForLock(t, s, test.fill(s, func(body int) error {
				c := newCall(t, `{"fill":"`+strings.Repeat("x", body)+`"}`)
				err := s.Record(t.Context(), gateway.PhaseAttempt, c)
				if err == nil {
					answered = append(answered, c.ID)
				}
				return err
			}))
			unlock()
			untilRecorded(t, s)
			for _, id := range answered {
				if got := shown(t, s, id).Outcome; got != "interrupted" {
					t.Errorf("%s shows as %s", id, got)
				}
			}
			if said, _, err := s.Events(t.Context(), EventQuery{Types: []string{TypeRecover}, Own: true}, 10, 0); err != nil || len(said) != 1 || !strings.Contains(string(said[0].Body), "locked") {
				t.Errorf("on record: %v, %v", said, err)
			}
			checkChain(t, s)
		})
	}
}

// repeat calls f until it fails, which it has to do before it was called more than n times.
func repeat(t *testing.T, n int, f func() error) error {
	t.Helper()
	for range n + 1 {
		if err := f(); err != nil {
			return err
		}
	}
	t.Fatalf("%d went through", n+1)
	return nil
}

// locked has another program lock the database, and the store notice.
func locked(t *testing.T, s *Store) (unlock func()) {
	t.Helper()
	settled(t, s)
	other, err := sql.Open("sqlite3", "file:"+s.opts.Path+"?_txlock=exclusive")
	must(t, err)
	tx, err := other.Begin()
	must(t, err)
	must(t, s.Record(t.Context(), gateway.PhaseAttempt, newCall(t, `{}`)))
	for s.writer.lateness() == nil {
		runtime.Gosched()
	}
	return func() {
		must(t, tx.Rollback())
		must(t, other.Close())
	}
}

// A database that is free again before that has all that was recorded, and no event says
// that outcomes may be missing.
func TestLockedForAWhile(t *testing.T) {
	s := openStore(t, func(o *Options) { o.Busy = 20 * time.Millisecond })
	unlock := locked(t, s)
	c := record(t, s, `{}`, `{}`)
	unlock()
	for s.Ready() != nil {
		runtime.Gosched()
	}
	if got := shown(t, s, c.ID).Outcome; got != "ok" {
		t.Errorf("shows as %s", got)
	}
	if said, _, err := s.Events(t.Context(), EventQuery{Types: []string{TypeRecover}, Own: true}, 10, 0); err != nil || len(said) > 0 {
		t.Errorf("on record: %v, %v", said, err)
	}
	checkChain(t, s)
}

// An outcome that could not be written leaves a call of which nobody knows how
// it ended; it must not look as if it were still running.
func TestLostOutcomeShowsAsInterrupted(t *testing.T) {
	s := openStore(t, func(o *Options) { o.Busy = 20 * time.Millisecond })
	c := newCall(t, `{}`)
	must(t, s.Record(t.Context(), gateway.PhaseAttempt, c))
	settled(t, s)
	must(t, os.Rename(s.opts.Path, s.opts.Path+".aside"))
	respond(c, `{}`)
	if err := s.Record(t.Context(), gateway.PhaseOutcome, c); err == nil {
		t.Fatal("recorded")
	}
	must(t, os.Rename(s.opts.Path+".aside", s.opts.Path))
	untilRecorded(t, s)
	if got := shown(t, s, c.ID).Outcome; got != "interrupted" {
		t.Errorf("shows as %s", got)
	}
}

func TestLongReaderDoesNotBlock(t *testing.T) {
	s := openStore(t)
	record(t, s, `{}`, `{}`)
	rows, err := s.Reader.now(t.Context()).Query("SELECT seq FROM events")
	must(t, err)
	rows.Next()
	for range 50 {
		record(t, s, `{}`, `{}`)
	}
	must(t, rows.Close())
	checkChain(t, s)
}

func TestDatabaseRemovedAndRestored(t *testing.T) {
	s := openStore(t)
	record(t, s, `{}`, `{}`)
	aside := s.opts.Path + ".aside"
	settled(t, s)
	must(t, os.Rename(s.opts.Path, aside))
	if err := untilRefused(t, s, 1); !strings.Contains(err.Error(), "was removed") {
		t.Errorf("got %q", err)
	}
	must(t, os.Rename(aside, s.opts.Path))
	untilRecorded(t, s)
	checkChain(t, s)
}

func TestAttackDatabaseReplacedWhileRunning(t *testing.T) {
	s, err := Open(Options{Path: filepath.Join(t.TempDir(), "toolward.db")})
	must(t, err)
	record(t, s, `{}`, `{}`)
	other := newRecord(t, 9)
	settled(t, s)
	must(t, os.Rename(s.opts.Path, s.opts.Path+".aside"))
	must(t, os.Rename(other, s.opts.Path))
	if err := untilRefused(t, s, 1); !strings.Contains(err.Error(), "was replaced") {
		t.Errorf("got %q", err)
	}
	must(t, s.writer.do(t.Context(), func() error { s.writer.tried = time.Time{}; return nil })) // try again at once
	if err := untilRefused(t, s, 1); err == nil {
		t.Error("went on with another record")
	}
	if err := s.Close(); err == nil {
		t.Error("closing says nothing of the failure")
	}
}

func TestQueueIsBounded(t *testing.T) {
	s := openStore(t, func(o *Options) { o.Queue, o.Busy = 2, 50*time.Millisecond })
	hold, held := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = s.writer.do(t.Context(), func() error { close(held); <-hold; return nil })
	})
	<-held
	errs := make(chan error, 7)
	for range cap(errs) {
		wg.Go(func() { errs <- s.Record(t.Context(), gateway.PhaseAttempt, newCall(t, `{}`)) })
	}
	recorded := 0
	for range cap(errs) { // two are in the journal, the others are told: two of them after a wait
		var r *gateway.Refusal
		if err := <-errs; err == nil {
			recorded++
		} else if !errors.As(err, &r) || r.Code != gateway.Overloaded || r.RetryAfter == 0 {
			t.Errorf("got %v, want overloaded with a time", err)
		}
	}
	if recorded != 2 || s.Queued() != 2 {
		t.Errorf("%d were recorded, and %d wait, want 2", recorded, s.Queued())
	}
	close(hold)
	wg.Wait()
	checkChain(t, s)
}

// Who waits for room has it once the database took what was in the way.
func TestWaitingForRoom(t *testing.T) {
	s := openStore(t, func(o *Options) { o.Queue, o.Busy = 2, time.Minute })
	hold, held := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = s.writer.do(t.Context(), func() error { close(held); <-hold; return nil })
	})
	<-held
	must(t, s.Record(t.Context(), gateway.PhaseAttempt, newCall(t, `{}`)))
	must(t, s.Record(t.Context(), gateway.PhaseAttempt, newCall(t, `{}`))) // there is no more room
	for range 2 {
		wg.Go(func() {
			if err := s.Record(t.Context(), gateway.PhaseAttempt, newCall(t, `{}`)); err != nil {
				t.Error(err)
			}
		})
	}
	for !s.writer.waits() {
		runtime.Gosched()
	}
	close(hold)
	wg.Wait()
	checkChain(t, s)
}

func TestWaitingEndsWithTheContext(t *testing.T) {
	s := openStore(t, func(o *Options) { o.Queue, o.Busy = 1, time.Minute })
	hold, held := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = s.writer.do(t.Context(), func() error { close(held); <-hold; return nil })
	})
	<-held
	must(t, s.Record(t.Context(), gateway.PhaseAttempt, newCall(t, `{}`))) // there is no more room
	ctx, cancel := context.WithCancel(t.Context())
	wg.Go(func() {
		for !s.writer.waits() {
			runtime.Gosched()
		}
		cancel()
	})
	if err := s.Record(ctx, gateway.PhaseAttempt, newCall(t, `{}`)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if s.writer.waits() {
		t.Error("it waits on")
	}
	close(hold)
	wg.Wait()
	checkChain(t, s)
}

// One event that the table refuses must not take its neighbours with it.
func TestAttackPoisonedEventHarmsNoOther(t *testing.T) {
	s := openStore(t)
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			if i%8 == 0 {
				if _, err := s.writer.append(t.Context(), Event{Type: "x", Body: "{not json"}); err == nil {
					t.Error("an event that is not JSON was recorded")
				}
			} else if err := s.Record(t.Context(), gateway.PhaseAttempt, newCall(t, `{}`)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	must(t, s.Ready())
	checkChain(t, s)
}

func TestObserveSeesEveryEvent(t *testing.T) {
	var mu sync.Mutex
	n := 0
	s := openStore(t, func(o *Options) {
		o.Observe = func(events int, took time.Duration, err error) {
			mu.Lock()
			defer mu.Unlock()
			n += events
			if took <= 0 || err != nil {
				t.Errorf("took %v, error %v", took, err)
			}
		}
	})
	for range 5 {
		record(t, s, `{}`, `{}`)
	}
	must(t, s.Close())
	if n != 11 { // and audit.open
		t.Errorf("%d events observed, want 11", n)
	}
}

func TestCheckpointsThatCannotLeaveAreNotHidden(t *testing.T) {
	s := openStore(t)
	must(t, os.Remove(s.opts.Checkpoints))
	must(t, os.Mkdir(s.opts.Checkpoints, 0o700))
	if err := s.Checkpoint(t.Context()); err == nil {
		t.Error("a checkpoint that did not leave was reported as done")
	}
	must(t, s.Ready())
	must(t, os.Remove(filepath.Clean(s.opts.Checkpoints)))
}
