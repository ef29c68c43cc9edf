//go:build e2e

package attacks

import (
	"crypto/sha256"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/mattn/go-sqlite3" // an attacker's, too

	"toolward/e2e/lab"
)

// files is a record in a folder: the path of its database, and its public key.
type files struct{ path, pub string }

// scenes are records that the program wrote.
type scenes struct {
	g                          *lab.Gateway
	early, late, killed, other files
}

// scene is a copy of one to tamper with, and what was kept elsewhere.
type scene struct {
	*scenes
	files
	kept files
}

func newScenes(t *testing.T) *scenes {
	t.Helper()
	g := lab.Start(t, lab.Options{})
	calls := func(from, through int) {
		for i := from; i <= through; i++ {
			if a := lab.REST.Call(t, g, g.Tester(), "echo", lab.Text(fmt.Sprintf("marker-%d-", i))); a.Code != "" {
				t.Fatalf("call %d: %+v", i, a)
			}
		}
	}
	s := &scenes{g: g}
	calls(1, 3)
	g.Stop(t)
	s.early = keep(t, g.Dir)
	g.Restart(t)
	calls(4, 8)
	g.Stop(t)
	s.late = keep(t, g.Dir)
	g.Restart(t)
	calls(9, 10)
	g.Kill()
	g.Wait(t)
	s.killed = keep(t, g.Dir)
	other := lab.Start(t, lab.Options{Upstream: g.Upstream})
	other.CheckAlive(t)
	other.Stop(t)
	s.other = keep(t, other.Dir)
	return s
}

var recordFiles = []string{"", "-wal", "-shm", ".journal.0", ".journal.1", ".pub", ".keys", ".checkpoints"}

// keep copies a record's files.
func keep(t *testing.T, dir string) files {
	t.Helper()
	f := files{path: filepath.Join(t.TempDir(), "toolward.db")}
	for _, suffix := range recordFiles {
		b, err := os.ReadFile(filepath.Join(dir, "toolward.db"+suffix))
		if os.IsNotExist(err) {
			continue
		}
		must(t, err)
		must(t, os.WriteFile(f.path+suffix, b, 0o600))
	}
	pub, err := os.ReadFile(f.path + ".pub")
	must(t, err)
	f.pub = strings.TrimSpace(string(pub))
	return f
}

func (s *scenes) copy(t *testing.T, killed bool) *scene {
	from := s.late
	if killed {
		from = s.killed
	}
	return &scene{scenes: s, files: keep(t, filepath.Dir(from.path)), kept: from}
}

func (s *scene) verify(t *testing.T, args ...string) (int, string) {
	t.Helper()
	return s.g.Run(t, append([]string{"audit", "verify", "--db", s.path}, args...)...)
}

// put replaces files by those of another record.
func (s *scene) put(t *testing.T, from files, suffixes ...string) {
	t.Helper()
	s.remove(t, "-wal", "-shm")
	for _, suffix := range suffixes {
		b, err := os.ReadFile(from.path + suffix)
		must(t, err)
		must(t, os.WriteFile(s.path+suffix, b, 0o600))
	}
}

func (s *scene) remove(t *testing.T, suffixes ...string) {
	t.Helper()
	for _, suffix := range suffixes {
		if err := os.Remove(s.path + suffix); !os.IsNotExist(err) {
			must(t, err)
		}
	}
}

func (s *scene) read(t *testing.T, suffix string) string {
	t.Helper()
	b, err := os.ReadFile(s.path + suffix)
	must(t, err)
	return string(b)
}

func (s *scene) write(t *testing.T, suffix, text string) {
	t.Helper()
	must(t, os.WriteFile(s.path+suffix, []byte(text), 0o600))
}

// sql runs statements as they are.
func (s *scene) sql(t *testing.T, all ...string) {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+s.path)
	must(t, err)
	db.SetMaxOpenConns(1)
	for _, statement := range all {
		if _, err := db.Exec(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	must(t, db.Close())
}

// exec runs statements without the triggers, which come back afterwards.
func (s *scene) exec(t *testing.T, all ...string) {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+s.path)
	must(t, err)
	rows, err := db.Query("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
	must(t, err)
	var drop, back []string
	for rows.Next() {
		var name, text string
		must(t, rows.Scan(&name, &text))
		drop, back = append(drop, "DROP TRIGGER "+name), append(back, text)
	}
	must(t, rows.Close())
	must(t, db.Close())
	s.sql(t, append(append(drop, all...), back...)...)
}

// rebuild computes the chain anew over what is there, as anybody can.
func (s *scene) rebuild(t *testing.T) {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+s.path)
	must(t, err)
	rows, err := db.Query("SELECT seq, time_unix_ms, type, call, agent, server, tool, kind, effect, code, session, outcome, us, bytes, who, what, body, digest FROM events ORDER BY seq")
	must(t, err)
	var hash [sha256.Size]byte
	var update []string
	for rows.Next() {
		var columns [18]sql.NullString
		dest := make([]any, len(columns))
		for i := range columns {
			dest[i] = &columns[i]
		}
		must(t, rows.Scan(dest...))
		text := string(hash[:])
		for _, c := range columns {
			if c.Valid {
				text += fmt.Sprintf("%d:%s,", len(c.String), c.String)
			} else {
				text += "-"
			}
		}
		hash = sha256.Sum256([]byte(text))
		update = append(update, fmt.Sprintf("UPDATE events SET hash = x'%x' WHERE seq = %s", hash, columns[0].String))
	}
	must(t, rows.Close())
	must(t, db.Close())
	s.exec(t, update...)
}

// insert appends an event that is chained as it should be, with the MAC of the
// one before it.
func (s *scene) insert(t *testing.T, eventType, body string) {
	t.Helper()
	s.sql(t, fmt.Sprintf(`INSERT INTO events (seq, time_unix_ms, type, body, hash, mac)
		SELECT seq + 1, time_unix_ms, '%s', '%s', zeroblob(32), mac FROM events ORDER BY seq DESC LIMIT 1`, eventType, body))
	s.rebuild(t)
}
