package audit

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"toolward/gateway"
)

// withStandby opens a record with a standby elsewhere.
func withStandby(t *testing.T) (s *Store, standby string) {
	t.Helper()
	standby = filepath.Join(t.TempDir(), "standby.jsonl")
	return openStore(t, func(o *Options) { o.Standby = standby }), standby
}

func TestStandbyTakesWhatTheDatabaseCannot(t *testing.T) {
	s, standby := withStandby(t)
	before := record(t, s, `{"n":1}`, `{}`)
	settled(t, s)
	must(t, os.Rename(s.opts.Path, s.opts.Path+".aside"))
	during := record(t, s, `{"n":"`+secretValue+`"}`, `{}`)
	must(t, s.Ready())
	if lines := strings.Count(read(t, standby), "\n"); lines != 2 {
		t.Errorf("%d events in the standby, want 2", lines)
	}
	must(t, os.Rename(s.opts.Path+".aside", s.opts.Path))
	for s.writer.failure() != nil { // the next record is the first chance, upkeep the second
		record(t, s, `{"n":3}`, `{}`)
	}
	for _, c := range []*gateway.Call{before, during} {
		if got := shown(t, s, c.ID); got.Outcome != "ok" {
			t.Errorf("%s shows as %q", c.ID, got.Outcome)
		}
	}
	if left := read(t, standby); left != "" {
		t.Errorf("left in the standby: %s", left)
	}
	if twice := column1(t, s, "SELECT id FROM calls GROUP BY id HAVING count(*) > 1"); len(twice) > 0 {
		t.Errorf("recorded twice: %v", twice)
	}
	checkChain(t, s)
}

// A gateway that dies while the standby stands in loses nothing, also if it
// dies while taking over, and what a torn line was about was never
// acknowledged.
func TestStandbyIsTakenOverAtTheNextStart(t *testing.T) {
	path, standby := newRecord(t, 0), filepath.Join(t.TempDir(), "standby.jsonl")
	s, err := Open(Options{Path: path, Standby: standby})
	must(t, err)
	settled(t, s)
	must(t, os.Rename(path, path+".aside"))
	c := record(t, s, `{}`, `{}`)
	stood := read(t, standby)
	if err := s.Close(); err == nil {
		t.Error("closing says nothing of the failure")
	}
	must(t, os.Rename(path+".aside", path))
	for range 2 { // the second time as if the file had not been emptied
		must(t, os.WriteFile(standby, []byte(stood+`{"type":"call.att`), 0o600))
		again, err := Open(Options{Path: path, Standby: standby})
		must(t, err)
		if got := shown(t, again, c.ID); got.Outcome != "ok" {
			t.Errorf("shows as %q", got.Outcome)
		}
		if n := column1(t, again, "SELECT count(*) FROM calls"); n[0] != "1" {
			t.Errorf("%s calls, want 1", n[0])
		}
		checkChain(t, again)
	}
}

func TestBrokenStandbyRefuses(t *testing.T) {
	s, standby := withStandby(t)
	must(t, os.Mkdir(standby, 0o700))
	settled(t, s)
	must(t, os.Rename(s.opts.Path, s.opts.Path+".aside"))
	err := s.Record(t.Context(), gateway.PhaseAttempt, newCall(t, `{}`))
	if err == nil || !strings.Contains(err.Error(), "standby") || s.Ready() == nil {
		t.Errorf("got %v, ready %v", err, s.Ready())
	}
	must(t, os.Remove(standby))
	must(t, os.Rename(s.opts.Path+".aside", s.opts.Path))
	untilRecorded(t, s)
	checkChain(t, s)
}

func TestDamagedStandbyIsNotSkipped(t *testing.T) {
	path := newRecord(t, 1)
	standby := filepath.Join(t.TempDir(), "standby.jsonl")
	must(t, os.WriteFile(standby, []byte("{not an event}\n"), 0o600))
	if _, err := Open(Options{Path: path, Standby: standby}); err == nil || !strings.Contains(err.Error(), standby) {
		t.Errorf("got %v, want it to name %s", err, standby)
	}
}

// While the standby takes the record's place nothing can be read, and what is
// appended about a call brings neither the gateway nor whoever follows down.
func TestAppendedWhileTheStandbyStandsIn(t *testing.T) {
	s, _ := withStandby(t)
	told := &typesOf{}
	must(t, s.Attach(t.Context(), told))
	c := record(t, s, `{"n":1}`, `{}`)
	settled(t, s)
	must(t, os.Rename(s.opts.Path, s.opts.Path+".aside"))
	for name, e := range map[string]Event{
		"about a call":           {Type: TypeHangup, Call: c.ID, Body: "{}"},
		"about whoever asked":    {Type: TypeHangup, Call: c.ID, Body: "{}", Who: bytes.Repeat([]byte("w"), sharedSize)},
		"with what it left":      {Type: TypeHangup, Call: c.ID, Body: `{"adds":{"memories":[{"name":"m","key":"k"}]}}`},
		"an outcome with labels": {Type: TypeOutcome, Call: c.ID, Of: 3, Body: `{"labels":["private"]}`},
		"with a text":            {Type: TypeHangup, Body: "{}", Kept: Kept{Text: `{"a":1}`}},
		"with a digest alone":    {Type: TypeHangup, Body: "{}", Kept: Kept{Digest: make([]byte, digestSize), Salt: make([]byte, saltSize)}},
	} {
		if _, err := s.Append(t.Context(), e); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if !s.Standing() || !slices.Contains(told.types, TypeHangup) {
		t.Errorf("standing %v, told of %v", s.Standing(), told.types)
	}
	record(t, s, `{"n":2}`, `{}`)
	must(t, os.Rename(s.opts.Path+".aside", s.opts.Path))
}

// typesOf remembers the types of what it is told of.
type typesOf struct {
	nobody
	types []string
}

func (o *typesOf) Fold(e gateway.Entry) error {
	o.types = append(o.types, e.Type)
	return nil
}
