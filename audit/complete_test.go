package audit

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"toolward/audit/journal"
	"toolward/audit/verify"
)

// recorded are the outcomes of calls as a reader shows them that is not the gateway.
func recorded(t *testing.T, path string, ids []string) (outcomes []string) {
	t.Helper()
	r, err := OpenReader(path)
	must(t, err)
	defer func() { must(t, r.Close()) }()
	for _, id := range ids {
		c, _, err := r.Show(t.Context(), id)
		if err != nil {
			c.Outcome = "not there"
		}
		outcomes = append(outcomes, c.Outcome)
	}
	return outcomes
}

// TestReadersSeeWhatAKilledGatewayLeft reads a record before any gateway starts again.
func TestReadersSeeWhatAKilledGatewayLeft(t *testing.T) {
	_, killed, ids := journaled(t, 3)
	if got := strings.Join(recorded(t, killed, ids), " "); got != "not there not there not there" {
		t.Fatalf("before: %s: the test is about nothing", got)
	}
	must(t, Complete(t.Context(), Options{Path: killed}))
	if got := strings.Join(recorded(t, killed, ids), " "); got != "ok ok ok" {
		t.Errorf("got %s", got)
	}
	for _, name := range journal.Names(Options{Path: killed}.journal()) {
		if exists(name) {
			t.Errorf("%s is there", name)
		}
	}
	if v := verified(t, killed, killed+".checkpoints"); len(v.Problems) > 0 {
		t.Errorf("%v", v.Problems)
	}
	must(t, Complete(t.Context(), Options{Path: killed}))
	s, err := Open(Options{Path: killed})
	must(t, err)
	compare(t, s)
	checkChain(t, s)
}

// TestReadersWaitForTheGateway reads a record whose gateway has not moved the last calls yet.
func TestReadersWaitForTheGateway(t *testing.T) {
	s := openStore(t)
	release := held(t, s)
	c := record(t, s, `{}`, `{}`)
	var missing *MissingError
	if err := Complete(t.Context(), Options{Path: s.opts.Path, Late: 50 * time.Millisecond, Busy: 10 * time.Millisecond}); !errors.As(err, &missing) || missing.Events != 2 {
		t.Errorf("of a gateway that does not: %v, want that two events are missing", err)
	}
	done := make(chan error, 1)
	go func() { done <- Complete(t.Context(), Options{Path: s.opts.Path}) }()
	release()
	must(t, <-done)
	if got := recorded(t, s.opts.Path, []string{c.ID}); got[0] != "ok" {
		t.Errorf("got %v", got)
	}
	checkChain(t, s)
}

// TestReadersLeaveWhatIsNotTheirs has readers meet what they cannot move: they are told how
// much is missing, and the files stay as they are.
func TestReadersLeaveWhatIsNotTheirs(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, path string){
		"no keys": func(t *testing.T, path string) { must(t, os.Remove(path+".keys")) },
		"a frame that does not follow": func(t *testing.T, path string) {
			name := journal.Names(Options{Path: path}.journal())[0]
			b := replaceLast([]byte(read(t, name)), "call.outcome", "call.outcom7")
			mend(b)
			must(t, os.WriteFile(name, b, 0o600))
		},
		"a foreign row": func(t *testing.T, path string) { must(t, foreignRow(path)) },
		"a foreign row far behind": func(t *testing.T, path string) {
			db, err := sql.Open("sqlite3", path)
			must(t, err)
			_, err = db.Exec("INSERT INTO events (seq, time_unix_ms, type, body, hash, mac) SELECT max(seq) + 5000, 0, 'other', '{}', zeroblob(32), zeroblob(16) FROM events")
			must(t, errors.Join(err, db.Close()))
		},
		"a journal of something": func(t *testing.T, path string) {
			must(t, os.WriteFile(path+".journal.1", []byte("SQLite format 3"), 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, killed, ids := journaled(t, 2)
			change(t, killed)
			names := journal.Names(Options{Path: killed}.journal())
			before := read(t, names[0])
			var missing *MissingError
			if err := Complete(t.Context(), Options{Path: killed}); !errors.As(err, &missing) {
				t.Errorf("got %v, want what is missing", err)
			} else if strings.HasPrefix(err.Error(), "0 ") {
				t.Errorf("nothing is missing, it says: %v", err)
			}
			if read(t, names[0]) != before || recorded(t, killed, ids)[0] != "not there" {
				t.Error("something was moved")
			}
		})
	}
}

// A record whose gateway was killed while it made a segment is gone on with, and verifies
// before that.
func TestKilledWhileASegmentIsMade(t *testing.T) {
	const mark = "toolward journal 1\n"
	for _, half := range [][]byte{nil, []byte(mark[:9]), []byte(mark), make([]byte, 40), append([]byte(mark[:9]), make([]byte, 40)...)} {
		_, killed, ids := journaled(t, 2)
		must(t, os.WriteFile(killed+".journal.1", half, 0o600))
		if v := verified(t, killed, killed+".checkpoints"); len(v.Problems) > 0 || !strings.Contains(strings.Join(v.Notices, "\n"), "in the journal") {
			t.Errorf("%q: %v, %v", half, v.Problems, v.Notices)
		}
		s, err := Open(Options{Path: killed})
		must(t, err)
		if got := shown(t, s, ids[1]).Outcome; got != "ok" {
			t.Errorf("%q: %s", half, got)
		}
		record(t, s, `{}`, `{}`)
		checkChain(t, s)
	}
}

// TestRecordByALink reads and opens a record by a link to its database: as SQLite finds the
// write-ahead log beside the database and not beside the link, so is the journal found, and
// the lock that keeps a second gateway out.
func TestRecordByALink(t *testing.T) {
	_, killed, ids := journaled(t, 2)
	link := filepath.Join(t.TempDir(), "link.db")
	must(t, os.Symlink(killed, link))
	for _, suffix := range []string{".keys", ".pub", ".checkpoints"} {
		must(t, os.WriteFile(link+suffix, []byte(read(t, killed+suffix)), 0o600))
	}
	v, err := verify.Record(t.Context(), verify.Options{Path: link})
	must(t, err)
	if last := endOf(t, killed).seq + int64(2*len(ids)); v.Last != last {
		t.Errorf("verify goes up to event %d, not %d", v.Last, last)
	}
	must(t, Complete(t.Context(), Options{Path: link}))
	if got := fmt.Sprint(recorded(t, link, ids)); got != "[ok ok]" {
		t.Errorf("got %s", got)
	}
	s, err := Open(Options{Path: killed})
	must(t, err)
	if other, err := Open(Options{Path: link}); !errors.Is(err, ErrInUse) {
		t.Errorf("opened twice: %v, %v", err, other)
	}
	must(t, s.Close())
}
