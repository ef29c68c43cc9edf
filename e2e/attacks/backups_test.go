//go:build e2e

package attacks

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"toolward/e2e/lab"
)

// TestBackupsAndFilesOfCheckpoints verifies with the commands of docs/audit.md, as an
// auditor who has the public key and what left the database: a sound copy holds
// although the record went on, and a file in which nothing can be compared proves
// nothing.
func TestBackupsAndFilesOfCheckpoints(t *testing.T) {
	g := lab.Start(t, lab.Options{})
	say := func(n int) {
		for range n {
			lab.CallREST(t, g, g.Tester(), "lab__echo", lab.Text("x"))
		}
	}
	in := func(name string) string { return filepath.Join(g.Dir, name) }
	say(3)
	onRecord(t, g, "VACUUM INTO '"+in("copied.db")+"'") // while calls run
	succeed(t, g, "audit", "backup", "backup.db", "--config", "toolward.yaml")
	say(3)
	g.Stop(t)
	log := g.Log.String()
	g.Restart(t)
	say(2)
	g.Stop(t) // with checkpoints that are newer than both
	public, newest := strings.TrimSpace(read(t, in("toolward.db.pub"))), in("toolward.db.checkpoints")
	end := g.Rows(t, "copied.db", "SELECT max(seq) AS n FROM events")[0]["n"]
	other := lab.Start(t, lab.Options{Upstream: g.Upstream})
	other.Stop(t)
	notes := strings.SplitAfter(read(t, newest), "=\n\n")
	file := func(name, text string) string {
		path := in("kept-" + name)
		must(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	must(t, os.WriteFile(in("way-wal"), []byte("\x37\x7f\x06\x82\x00\x2d\xe2\x18"+log), 0o600))
	quiet := []string{}
	for line := range strings.Lines(log + g.Log.String()) {
		if !strings.Contains(line, "note=") {
			quiet = append(quiet, line)
		}
	}
	for _, row := range []struct {
		name, db, checkpoints string
		args                  []string
		code                  int
		says                  string
	}{
		{"the record", "toolward.db", newest, nil, 0, "outside hold"},
		{"a backup", "backup.db", newest, nil, 0, "this is a backup of the record up to event"},
		{"a backup, with the key of MACs", "backup.db", newest, []string{"--keys", "toolward.db.keys"}, 0, "this is a backup of the record up to event"},
		{"a plain copy as of then", "copied.db", newest, []string{"--as-of", fmt.Sprint(end)}, 0, "outside hold"},
		{"a plain copy as of later", "copied.db", newest, []string{"--as-of", "100000"}, 1, "was to end at 100000 or later"},
		{"a plain copy as of now", "copied.db", newest, nil, 1, "cut from the end"},
		{"the gateway's log", "toolward.db", file("log", log+g.Log.String()), nil, 0, "outside hold"},
		{"a log of another level", "toolward.db", file("quiet", strings.Join(quiet, "")), nil, 1, "holds no checkpoint of this record"},
		{"an empty file", "toolward.db", file("empty", ""), nil, 1, "holds no checkpoint of this record"},
		{"half a checkpoint", "toolward.db", file("half", notes[0][:len(notes[0])/2]), nil, 1, "holds no checkpoint of this record"},
		{"half a file", "toolward.db", file("halved", strings.Join(notes[:len(notes)/2], "")), nil, 0, "outside hold"},
		{"an older file and an empty one", "toolward.db", newest, []string{"--checkpoints", in("kept-empty")}, 1, "kept-empty holds no checkpoint of this record"},
		{"any text", "toolward.db", file("text", "it was all right yesterday\n"), nil, 1, "holds no checkpoint of this record"},
		{"the database itself", "toolward.db", in("toolward.db"), nil, 1, "is a database, and no file of checkpoints: nothing was compared with it"},
		{"the write-ahead log of a copy", "toolward.db", in("way-wal"), nil, 1, "is a database, and no file of checkpoints: nothing was compared with it"},
		{"a backup", "toolward.db", in("backup.db"), nil, 1, "is a database, and no file of checkpoints: nothing was compared with it"},
		{"another record's", "toolward.db", filepath.Join(other.Dir, "toolward.db.checkpoints"), nil, 1, "holds no checkpoint of this record"},
		{"a file that is not there", "toolward.db", in("nosuch"), nil, 2, "nosuch"},
	} {
		t.Run(row.name, func(t *testing.T) {
			args := append([]string{"audit", "verify", "--db", row.db, "--public-key", public, "--checkpoints", row.checkpoints}, row.args...)
			if code, said := g.Run(t, args...); code != row.code || !strings.Contains(said, row.says) {
				t.Errorf("got %d, want %d and %q:\n%s", code, row.code, row.says, said)
			}
		})
	}
	t.Run("nothing to compare with, and none asked for", func(t *testing.T) {
		must(t, os.Rename(newest, newest+".aside"))
		onRecord(t, g, "DROP TRIGGER events_refuse_delete", "DELETE FROM events WHERE seq > (SELECT max(seq) FROM events) - 2",
			"DELETE FROM bodies WHERE seq NOT IN (SELECT seq FROM events)", "CREATE TRIGGER events_refuse_delete "+triggerText(t, g, "copied.db", "events_refuse_delete"))
		code, said := g.Run(t, "audit", "verify", "--db", "toolward.db", "--public-key", public)
		if code != 0 || !strings.Contains(said, "note: nothing outside of the record was compared: whether its end was cut off") {
			t.Errorf("a cut end: %d:\n%s", code, said)
		}
		if code, said := g.Run(t, "audit", "verify", "--db", "toolward.db", "--public-key", public, "--checkpoints", in("kept-log")); code != 1 || !strings.Contains(said, "cut from the end") {
			t.Errorf("a cut end, by the log: %d:\n%s", code, said)
		}
	})
}
