package audit

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"toolward/audit/verify"
)

// newRecord makes a closed record with n calls and returns its path.
func newRecord(t *testing.T, n int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "toolward.db")
	s, err := Open(Options{Path: path})
	must(t, err)
	for i := range n {
		record(t, s, fmt.Sprintf(`{"n":%d}`, i), `{"content":[]}`)
	}
	must(t, s.Close())
	return path
}

// tamper changes a record as an attacker with the file would: the triggers go,
// and come back afterwards.
func tamper(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+path)
	must(t, err)
	db.SetMaxOpenConns(1)
	var restore []string
	for _, trigger := range []string{"events_refuse_update", "events_refuse_delete", "events_refuse_replace"} {
		var text string
		must(t, db.QueryRow("SELECT sql FROM sqlite_schema WHERE name = ?", trigger).Scan(&text))
		restore = append(restore, text)
		statements = append([]string{"DROP TRIGGER " + trigger}, statements...)
	}
	for _, statement := range append(statements, restore...) {
		if _, err := db.Exec(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	must(t, db.Close())
}

func verified(t *testing.T, path string, checkpoints ...string) verify.Report {
	t.Helper()
	v, err := verify.Record(t.Context(), verify.Options{Path: path, Checkpoints: checkpoints})
	must(t, err)
	return v
}

// rebuildChain makes the chain anew over whatever is in the table, as an attacker
// without the signing key can.
func rebuildChain(t *testing.T, path string) {
	t.Helper()
	c, err := dial(Options{Path: path, Durability: DurabilityProcess, Busy: 1}, false)
	must(t, err)
	rows, err := c.rows("SELECT " + readColumns + " FROM events ORDER BY seq")
	must(t, err)
	must(t, c.close())
	var statements []string
	at := head{}
	for _, columns := range rows {
		e, err := parseRow(columns)
		must(t, err)
		at, _ = at.next(&e.Event, nil)
		statements = append(statements, fmt.Sprintf("UPDATE events SET hash = x'%x' WHERE seq = %d", at.hash, e.Seq))
	}
	tamper(t, path, statements...)
}

// Wherever a loss of power cuts the file of checkpoints, the record goes on and
// verifies against what is left.
func TestTornCheckpointFile(t *testing.T) {
	path := newRecord(t, 1)
	whole := read(t, path+".checkpoints")
	for cut := range len(whole) {
		must(t, os.WriteFile(path+".checkpoints", []byte(whole[:cut]), 0o600))
		must(t, appendNote(path+".checkpoints", strings.TrimSuffix(whole, "\n")[strings.LastIndex(whole, "\n\ntool")+2:]))
		if v := verified(t, path, path+".checkpoints"); len(v.Problems) > 0 || v.Outside == 0 {
			t.Fatalf("cut at %d: %+v", cut, v)
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	return string(b)
}
