package audit

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"toolward/audit/verify"
)

func TestOpenGoesOnWhereItStopped(t *testing.T) {
	path := newRecord(t, 3)
	s, err := Open(Options{Path: path})
	must(t, err)
	record(t, s, `{"n":4}`, `{}`)
	must(t, s.Close())
	if v := verified(t, path, path+".checkpoints"); len(v.Problems) > 0 || v.Outside != 4 {
		t.Errorf("got %+v", v)
	}
}

func TestSecondGatewayIsRefused(t *testing.T) {
	s := openStore(t)
	_, err := Open(Options{Path: s.opts.Path})
	if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), "process ") {
		t.Errorf("got %v, want %v with a process", err, ErrInUse)
	}
	record(t, s, `{}`, `{}`) // the first goes on
}

// TestOpenRefusesWithTheReason damages a good record in every way a file can
// be damaged. Nothing may be made anew in its place.
func TestOpenRefusesWithTheReason(t *testing.T) {
	execIn := func(t *testing.T, path, statement string) {
		t.Helper()
		db, err := sql.Open("sqlite3", "file:"+path)
		must(t, err)
		_, err = db.Exec(statement)
		must(t, err)
		must(t, db.Close())
	}
	for name, test := range map[string]struct {
		damage func(*testing.T, string)
		want   string
	}{
		"deleted":      {func(t *testing.T, p string) { must(t, os.Remove(p)) }, "is missing or empty, but"},
		"emptied":      {func(t *testing.T, p string) { must(t, os.Truncate(p, 0)) }, "is missing or empty, but"},
		"truncated":    {func(t *testing.T, p string) { must(t, os.Truncate(p, 5000)) }, "malformed"},
		"random bytes": {func(t *testing.T, p string) { must(t, os.WriteFile(p, []byte(strings.Repeat("random", 2000)), 0o600)) }, "not a database"},
		"a directory":  {func(t *testing.T, p string) { must(t, os.Remove(p)); must(t, os.Mkdir(p, 0o700)) }, "is not a file"},
		"another program's": {func(t *testing.T, p string) {
			must(t, os.Remove(p))
			execIn(t, p, "CREATE TABLE x (y)")
		}, "not an audit record of toolward (application_id 0)"},
		"newer schema": {func(t *testing.T, p string) { execIn(t, p, "PRAGMA user_version = 6") }, "schema is version 6, newer than this program's 5"},
		"older schema": {func(t *testing.T, p string) { execIn(t, p, "PRAGMA user_version = 0") }, "schema is version 0, and this program knows no way"},
		"trigger gone": {func(t *testing.T, p string) { execIn(t, p, "DROP TRIGGER events_refuse_delete") }, "events_refuse_delete is missing"},
		"trigger softened": {func(t *testing.T, p string) {
			execIn(t, p, "DROP TRIGGER events_refuse_update; CREATE TRIGGER events_refuse_update BEFORE UPDATE ON events BEGIN SELECT 1; END")
		}, "events_refuse_update was changed"},
		"trigger added": {func(t *testing.T, p string) {
			execIn(t, p, "CREATE TRIGGER quiet BEFORE INSERT ON events BEGIN SELECT RAISE(IGNORE); END")
		}, `it has the trigger "quiet", which this program did not make`},
		"view added":  {func(t *testing.T, p string) { execIn(t, p, "CREATE VIEW mine AS SELECT * FROM events") }, `it has the view "mine"`},
		"table added": {func(t *testing.T, p string) { execIn(t, p, "CREATE TABLE mine (x)") }, `it has the table "mine"`},
		"index added": {func(t *testing.T, p string) { execIn(t, p, "CREATE UNIQUE INDEX mine ON events (agent, seq)") }, `it has the index "mine"`},
		"row edited":  {func(t *testing.T, p string) { tamper(t, p, "UPDATE events SET agent = 'bob' WHERE seq = 3") }, "event 3 is foreign: the chain is broken there"},
		"tail cut":    {func(t *testing.T, p string) { tamper(t, p, "DELETE FROM events WHERE seq > 6") }, "ends at event 6, but"},
		"keys gone":   {func(t *testing.T, p string) { must(t, os.Remove(p+".keys")) }, "are missing: without them"},
		"no database": {func(t *testing.T, p string) {
			must(t, os.Remove(p+".keys"))
			must(t, os.WriteFile(p, []byte("garbage\n"), 0o600))
		}, "is no SQLite database"},
		"keys damaged":  {func(t *testing.T, p string) { must(t, os.WriteFile(p+".keys", []byte("hash 00\n"), 0o600)) }, "the hash key is missing or damaged"},
		"keys readable": {func(t *testing.T, p string) { must(t, os.Chmod(p+".keys", 0o644)) }, "can be read by others"},
		"another's keys": {func(t *testing.T, p string) {
			must(t, os.WriteFile(p+".keys", []byte(read(t, newRecord(t, 1)+".keys")), 0o600))
		}, "is not the public key of this record's keys"},
		"another's keys, public key too": {func(t *testing.T, p string) {
			must(t, os.WriteFile(p+".keys", []byte(read(t, newRecord(t, 1)+".keys")), 0o600))
			must(t, os.Remove(p+".pub"))
		}, "its MAC is not of this gateway's key"},
		"another record": {func(t *testing.T, p string) {
			other := newRecord(t, 8)
			must(t, os.WriteFile(p, []byte(read(t, other)), 0o600))
		}, "its MAC is not of this gateway's key"},
	} {
		t.Run(name, func(t *testing.T) {
			path := newRecord(t, 3)
			test.damage(t, path)
			before, _ := os.ReadFile(path)
			s, err := Open(Options{Path: path})
			if err == nil {
				must(t, s.Close())
				t.Fatal("opened")
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %q, want %q in it", err, test.want)
			}
			if after, _ := os.ReadFile(path); string(after) != string(before) {
				t.Error("the file was changed")
			}
		})
	}
}

// A bit that flips anywhere must be found by opening or by verifying, or be in
// space that holds nothing.
func TestAttackBitFlips(t *testing.T) {
	path := newRecord(t, 20)
	good := []byte(read(t, path))
	rows := func() string {
		r, err := OpenReader(path)
		if err != nil {
			return "cannot be opened"
		}
		defer r.Close() //nolint:errcheck // reading only
		events, err := r.events(t.Context(), "ORDER BY seq")
		if err != nil {
			return "cannot be read"
		}
		return string(marshal(events))
	}
	want := rows()
	silent := 0
	for i := range 400 {
		at := (i*7919 + 13) % len(good)
		bad := append([]byte(nil), good...)
		bad[at] ^= 1 << (i % 8)
		must(t, os.WriteFile(path, bad, 0o600))
		v, err := verify.Record(t.Context(), verify.Options{Path: path})
		if err == nil && len(v.Problems) == 0 {
			silent++
			if got := rows(); got != want {
				t.Fatalf("bit %d of byte %d changed what is read, and verifies", i%8, at)
			}
		}
	}
	t.Logf("%d of 400 flips were in space that holds no event", silent)
}

func TestNewRecordIsPrivate(t *testing.T) {
	s := openStore(t)
	for _, suffix := range []string{"", "-wal", "-shm", ".keys", ".lock"} {
		info, err := os.Stat(s.opts.Path + suffix)
		must(t, err)
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %04o", filepath.Base(s.opts.Path+suffix), info.Mode().Perm())
		}
	}
}

func TestPathWithCharactersOfURIs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b?mode=memory&x#y%41.db")
	s, err := Open(Options{Path: path})
	must(t, err)
	record(t, s, `{}`, `{}`)
	must(t, s.Close())
	if v := verified(t, path); v.Events < 4 {
		t.Errorf("got %+v", v)
	}
}

func TestDurabilityIsReadBack(t *testing.T) {
	for d, want := range map[Durability]string{DurabilityProcess: "1", DurabilityPower: "2"} {
		s := openStore(t, func(o *Options) { o.Durability = d })
		must(t, s.writer.do(t.Context(), func() error {
			got, err := s.writer.conn.text("PRAGMA synchronous")
			if err == nil && got != want {
				t.Errorf("%s: the writer's synchronous is %s, want %s", d, got, want)
			}
			return err
		}))
	}
}

func TestEventsRefuseToChange(t *testing.T) {
	path := newRecord(t, 2)
	db, err := sql.Open("sqlite3", "file:"+path)
	must(t, err)
	for _, statement := range []string{
		"UPDATE events SET agent = 'bob' WHERE seq = 3",
		"DELETE FROM events WHERE seq = 3",
		"DELETE FROM events",
		"INSERT OR REPLACE INTO events SELECT seq, time_unix_ms, type, call, 'bob', server, tool, kind, effect, code, session, outcome, us, bytes, who, what, body, digest, hash, mac FROM events WHERE seq = 3",
		"INSERT INTO events (seq, time_unix_ms, type, body, hash, mac) VALUES (99, 0, 'x', 'not json', zeroblob(32), zeroblob(16))",
		"INSERT INTO events (seq, time_unix_ms, type, body, hash, mac) VALUES (99, 0, 'x', '{}', 'short', zeroblob(16))",
		"INSERT INTO events (seq, time_unix_ms, type, body, hash, mac) VALUES (99, 0, 'x', '{}', zeroblob(32), 'short')",
		"INSERT INTO events (seq, time_unix_ms, type, body, hash) VALUES (99, 0, 'x', '{}', zeroblob(32))",
	} {
		if _, err := db.Exec(statement); err == nil {
			t.Errorf("accepted: %s", statement)
		}
	}
	must(t, db.Close())
}

func TestReaderCannotWrite(t *testing.T) {
	s := openStore(t)
	if _, err := s.Reader.now(t.Context()).Exec("DELETE FROM events"); err == nil {
		t.Error("the reader deleted")
	}
}

func TestClockStepIsNoted(t *testing.T) {
	c := newClock()
	if _, set := c.step(); set {
		t.Error("a step without one")
	}
	for _, by := range []time.Duration{time.Hour, -time.Hour} {
		c.wall = c.wall.Add(-by)
		if step, set := c.step(); !set || (step-by).Abs() > time.Second {
			t.Errorf("got %v, %v; want %v", step, set, by)
		}
	}
}
