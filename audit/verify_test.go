package audit

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
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

func verify(t *testing.T, path string, checkpoints ...string) Verification {
	t.Helper()
	v, err := Verify(t.Context(), VerifyOptions{Path: path, Checkpoints: checkpoints})
	must(t, err)
	return v
}

// verifyAlone verifies without the file of checkpoints beside it.
func verifyAlone(t *testing.T, path string) Verification {
	t.Helper()
	must(t, os.Rename(path+".checkpoints", path+".aside"))
	v := verify(t, path)
	must(t, os.Rename(path+".aside", path+".checkpoints"))
	return v
}

// bare is a problem without what the event says of itself.
func bare(p Problem) string {
	p.Time = ""
	return p.String()
}

func TestVerifyAcceptsWhatWasWritten(t *testing.T) {
	path := newRecord(t, 5)
	v := verify(t, path, path+".checkpoints")
	// audit.open, checkpoint, 5 × 2, audit.close, checkpoint
	if len(v.Problems) > 0 || v.Events != 14 || v.Last != 14 || v.Inside != 2 || v.Outside != 2 || v.Signed != 13 {
		t.Errorf("got %+v", v)
	}
}

func TestVerifyFindsTampering(t *testing.T) {
	for name, test := range map[string]struct {
		statements []string
		want       string // the first problem
	}{
		"edited body":         {[]string{`UPDATE events SET body = replace(body, '"recent":"', '"recent":"f') WHERE seq = 5`}, "event 5: the event is not the one"},
		"edited column":       {[]string{`UPDATE events SET agent = 'bob' WHERE seq = 3`}, "event 3: the event is not the one"},
		"empty for NULL":      {[]string{`UPDATE events SET code = '' WHERE seq = 3`}, "event 3: the event is not the one"},
		"moved between":       {[]string{`UPDATE events SET server = 'file', tool = 's' || tool WHERE seq = 3`}, "event 3: the event is not the one"},
		"edited time":         {[]string{`UPDATE events SET time_unix_ms = time_unix_ms - 3600000 WHERE seq = 6`}, "event 6: the event is not the one"},
		"edited hash":         {[]string{`UPDATE events SET hash = zeroblob(32) WHERE seq = 7`}, "event 7: the event is not the one"},
		"deleted":             {[]string{`DELETE FROM events WHERE seq = 6`}, "event 6: event 6 is missing"},
		"deleted several":     {[]string{`DELETE FROM events WHERE seq BETWEEN 6 AND 8`}, "event 6: events 6 to 8 are missing"},
		"deleted the start":   {[]string{`DELETE FROM events WHERE seq < 4`}, "event 1: events 1 to 3 are missing"},
		"deleted, renumbered": {[]string{`DELETE FROM events WHERE seq = 6`, `UPDATE events SET seq = seq - 1 WHERE seq > 6`}, "event 6: the event is not the one"},
		"reordered": {[]string{`UPDATE events SET seq = 1000 WHERE seq = 5`, `UPDATE events SET seq = 5 WHERE seq = 6`, `UPDATE events SET seq = 6 WHERE seq = 1000`},
			"event 5: the event is not the one"},
		"inserted": {[]string{`INSERT INTO events SELECT 15, time_unix_ms, type, call, agent, server, tool, kind, effect, code, session, outcome, us, bytes, who, what, body, digest, hash, mac FROM events WHERE seq = 3`},
			"event 15: the event is not the one"},
		"checkpoints swapped": {[]string{
			`CREATE TEMP TABLE two AS SELECT seq, body FROM events WHERE type = 'audit.checkpoint'`,
			`UPDATE events SET body = (SELECT body FROM two WHERE two.seq <> events.seq) WHERE type = 'audit.checkpoint'`}, "event 2: the event is not the one"},
		"forged prune": {[]string{
			`UPDATE events SET type = 'audit.prune', call = NULL, body = '{"through":5,"note":"x"}' WHERE seq = 12`}, "event 12: its statement of a prune does not hold"},
		"trigger dropped": {[]string{`CREATE TRIGGER harmless AFTER INSERT ON interned BEGIN SELECT 1; END`, `DROP TRIGGER harmless`, `DROP VIEW calls`}, "calls is missing"},
		"trigger added":   {[]string{`CREATE TRIGGER quiet BEFORE INSERT ON events WHEN NEW.agent = 'bob' BEGIN SELECT RAISE(IGNORE); END`}, `trigger "quiet" was added`},
		"view added":      {[]string{`CREATE VIEW calls2 AS SELECT * FROM events`}, `view "calls2" was added`},
		"table added":     {[]string{`CREATE TABLE notes (x)`}, `table "notes" was added`},
		"index added":     {[]string{`CREATE UNIQUE INDEX once ON events (agent) WHERE agent = 'bob'`}, `index "once" was added`},
		"index without rows": {[]string{
			`CREATE TABLE kept AS SELECT sql FROM sqlite_schema WHERE name = 'events_session'`, `DROP INDEX events_session`,
			`CREATE INDEX events_session ON events (session, seq) WHERE session IS NULL`, `PRAGMA writable_schema = ON`,
			`UPDATE sqlite_schema SET sql = (SELECT sql FROM kept) WHERE name = 'events_session'`, `PRAGMA writable_schema = RESET`,
			`DROP TABLE kept`}, "the database is damaged or was tampered with"},
	} {
		t.Run(name, func(t *testing.T) {
			path := newRecord(t, 5)
			tamper(t, path, test.statements...)
			v := verify(t, path)
			if len(v.Problems) == 0 || !strings.HasPrefix(bare(v.Problems[0]), test.want) {
				t.Errorf("got %v, want first %q", v.Problems, test.want)
			}
		})
	}
}

// Without a checkpoint from outside the shorter chain is as good as the longer:
// the test shows both that it passes alone and that the outside one finds it.
func TestVerifyFindsCutTail(t *testing.T) {
	path := newRecord(t, 5)
	tamper(t, path, "DELETE FROM events WHERE seq > 9")
	if v := verifyAlone(t, path); len(v.Problems) > 0 {
		t.Fatalf("alone: %v", v.Problems)
	}
	v := verify(t, path, path+".checkpoints")
	if len(v.Problems) != 1 || v.Problems[0].Seq != 10 || !strings.Contains(v.Problems[0].What, "events 10 to 13 are gone, cut from the end") {
		t.Errorf("got %v", v.Problems)
	}
}

// rebuild makes the chain anew over whatever is in the table, as an attacker
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

func TestVerifyFindsRebuiltChain(t *testing.T) {
	path := newRecord(t, 5)
	tamper(t, path, `UPDATE events SET agent = 'bob' WHERE seq = 3`)
	rebuildChain(t, path)
	if v := verifyAlone(t, path); len(v.Problems) != 1 || v.Problems[0].Seq != 14 || !strings.Contains(v.Problems[0].What, "checkpoint") {
		t.Errorf("by the checkpoint inside: %v", v.Problems)
	}

	tamper(t, path, `DELETE FROM events WHERE type = 'audit.checkpoint'`, `UPDATE events SET seq = seq - 1 WHERE seq > 2`, `UPDATE bodies SET seq = seq - 1 WHERE seq > 2`)
	rebuildChain(t, path)
	if v := verifyAlone(t, path); len(v.Problems) > 0 || v.Signed != 0 {
		t.Errorf("without any checkpoint, the chain alone: %+v", v)
	}
	v := verify(t, path, path+".checkpoints")
	if len(v.Problems) == 0 || !strings.Contains(v.Problems[0].What, "cut from the end") {
		t.Errorf("by the checkpoint outside: %v", v.Problems)
	}
}

func TestVerifyFindsAnotherRecord(t *testing.T) {
	path, other := newRecord(t, 5), newRecord(t, 5)
	v, err := Verify(t.Context(), VerifyOptions{Path: other, PublicKey: read(t, path+".pub"), Checkpoints: []string{path + ".checkpoints"}})
	must(t, err)
	if len(v.Problems) < 2 {
		t.Errorf("got %v", v.Problems)
	}
}

func TestVerifyFindsForgedOutsideCheckpoint(t *testing.T) {
	path := newRecord(t, 2)
	forged := filepath.Join(t.TempDir(), "checkpoints")
	text := strings.Replace(read(t, path+".checkpoints"), "\n1\n", "\n2\n", 1)
	must(t, os.WriteFile(forged, []byte(text), 0o600))
	v := verify(t, path, forged)
	if len(v.Problems) != 1 || !strings.Contains(v.Problems[0].What, "does not hold") {
		t.Errorf("got %v", v.Problems)
	}
	must(t, os.WriteFile(forged, []byte(text[:len(text)-30]), 0o600)) // and one that a crash cut short is none
	if v := verify(t, path, forged); len(v.Problems) != 2 || !strings.Contains(v.Problems[1].What, "holds no checkpoint") {
		t.Errorf("got %v", v.Problems)
	}
}

// Wherever a loss of power cuts the file of checkpoints, the record goes on and
// verifies against what is left.
func TestTornCheckpointFile(t *testing.T) {
	path := newRecord(t, 1)
	whole := read(t, path+".checkpoints")
	for cut := range len(whole) {
		must(t, os.WriteFile(path+".checkpoints", []byte(whole[:cut]), 0o600))
		must(t, appendNote(path+".checkpoints", strings.TrimSuffix(whole, "\n")[strings.LastIndex(whole, "\n\ntool")+2:]))
		if v := verify(t, path, path+".checkpoints"); len(v.Problems) > 0 || v.Outside == 0 {
			t.Fatalf("cut at %d: %+v", cut, v)
		}
	}
}

func TestVerifySaysWhatItCannotRead(t *testing.T) {
	path := newRecord(t, 1)
	if _, err := Verify(t.Context(), VerifyOptions{Path: path + ".absent", PublicKey: read(t, path+".pub")}); err == nil {
		t.Error("a database that is not there verifies")
	}
	if _, err := Verify(t.Context(), VerifyOptions{Path: path, PublicKey: "nonsense"}); err == nil {
		t.Error("a key that is none verifies")
	}
	must(t, os.Remove(path+".pub"))
	if _, err := Verify(t.Context(), VerifyOptions{Path: path}); err == nil {
		t.Error("verifies without a key")
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	return string(b)
}
