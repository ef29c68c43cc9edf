package audit

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"toolward/audit/verify"
	"toolward/gateway"
)

// crashOperation, when set, has the test binary do that to a record again and
// again until it is killed, and say when it begins.
const crashOperation = "AUDIT_TEST_CRASH_OPERATION"

// operations change a record other than by appending calls.
var operations = map[string]func(path string, n int) error{
	"rotate": func(path string, _ int) error {
		_, err := RotateKeys(Options{Path: path}, "rita", "a test")
		return err
	},
	"segment": func(path string, _ int) error {
		if err := foreignRow(path); err != nil {
			return err
		}
		_, err := NewSegment(Options{Path: path}, "rita", "a test", true)
		return err
	},
	"backup": func(path string, n int) error {
		_, err := MakeBackup(context.Background(), Options{Path: path}, fmt.Sprint(path, ".backup", os.Getpid(), n), "rita")
		return err
	},
	"prune": onOpen(func(s *Store) error {
		_, err := s.Prune(context.Background(), time.Now(), "rita", "a test")
		return err
	}),
	"erase": onOpen(func(s *Store) error {
		_, err := s.Erase(context.Background(), Erasure{Agent: testAgent.ID, Why: "a test", By: gateway.Operator{Issuer: gateway.LocalOperators, Subject: "dpo"}})
		return err
	}),
	"snapshot": onOpen(func(s *Store) error { return s.writer.do(context.Background(), s.writer.snapshotNow) }),
	"expire": onOpen(func(s *Store) error {
		return s.writer.do(context.Background(), func() error { return s.writer.expire(time.Now()) })
	}),
}

func onOpen(do func(*Store) error) func(string, int) error {
	return func(path string, _ int) error {
		s, err := Open(Options{Path: path})
		if err != nil {
			return err
		}
		err = s.Attach(context.Background(), nobody{})
		for range 3 {
			c := gateway.NewCall(gateway.SurfaceMCP, gateway.KindTool, "tools/call")
			c.Agent, c.Tool = testAgent, testTool
			c.Args, _ = gateway.ParseArgs([]byte(`{"synthetic":true}`))
			err = errors.Join(err, s.Record(context.Background(), gateway.PhaseAttempt, c))
		}
		if err == nil {
			err = do(s)
		}
		return errors.Join(err, s.Close())
	}
}

// foreignRow is what somebody else writes into a record, who has not the key.
func foreignRow(path string) error {
	db, err := sql.Open("sqlite3", "file:"+path)
	if err != nil {
		return err
	}
	_, err = db.Exec(`INSERT INTO events (seq, time_unix_ms, type, body, hash, mac) SELECT max(seq) + 1, 0, 'other', '{}', zeroblob(32), zeroblob(16) FROM events`)
	return errors.Join(err, db.Close())
}

func operateForever(path, operation string) {
	for n := 0; ; n++ {
		fmt.Println("begin")
		if err := operations[operation](path, n); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(3)
		}
	}
}

// TestKilledInOperations kills what changes a record other than by appending, at
// random. Each time the record verifies as it is, opens, and is gone on with, and
// every backup that has its name is whole. Only behind a foreign row a person has to
// say so again.
func TestKilledInOperations(t *testing.T) {
	for name := range operations {
		t.Run(name, func(t *testing.T) {
			// Not in parallel: what another starts would have this record's lock open until it is another program.
			path := newRecord(t, 3)
			public := read(t, path+".pub")
			for round := range (kills(28) + len(operations) - 1) / len(operations) {
				killWithin(t, path, name)
				v, err := verify.Record(t.Context(), verify.Options{Path: path, PublicKey: public, Keys: keysOf(path)})
				must(t, err)
				if len(v.Problems) > 0 && name != "segment" {
					t.Fatalf("round %d: %v", round, v.Problems)
				}
				s, err := Open(Options{Path: path})
				if foreign := (*ForeignError)(nil); name == "segment" && errors.As(err, &foreign) {
					_, err = NewSegment(Options{Path: path}, "rita", "a test", true)
					must(t, err)
					s, err = Open(Options{Path: path})
				}
				if err != nil {
					t.Fatalf("round %d: %v", round, err)
				}
				must(t, s.Attach(t.Context(), nobody{}))
				record(t, s, `{}`, `{}`)
				must(t, s.Close())
				v, err = verify.Record(t.Context(), verify.Options{Path: path, PublicKey: public, Keys: path + ".keys"})
				must(t, err)
				if len(v.Problems) > 0 {
					t.Fatalf("round %d, gone on: %v", round, v.Problems)
				}
			}
			backups, err := filepath.Glob(path + ".backup*[0-9]")
			must(t, err)
			for _, backup := range backups {
				v, err := verify.Record(t.Context(), verify.Options{Path: backup, PublicKey: public, Checkpoints: []string{path + ".checkpoints"}})
				must(t, err)
				if len(v.Problems) > 0 || v.Backup == nil {
					t.Errorf("%s: %+v", backup, v)
				}
			}
		})
	}
}

// keysOf is the key file of a record that was left in the middle of a rotation:
// the next one, once the record says that it is its own.
func keysOf(path string) string {
	if exists(path + ".keys.next") {
		return "" // which of the two is not for verify to say
	}
	return path + ".keys"
}

// killWithin starts an operation and kills it at some time after the first, second
// or third began.
func killWithin(t *testing.T, path, operation string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashPath+"="+path, crashOperation+"="+operation)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	lines := bufio.NewScanner(out)
	for n := 1 + rand.IntN(3); n > 0 && lines.Scan(); n-- {
	}
	<-time.After(time.Duration(rand.IntN(40_000)) * time.Microsecond) // anywhere in it: that is the test
	must(t, cmd.Process.Kill())
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() == 3 {
		t.Fatalf("it ended by itself: %v", err)
	}
}
