package verify

import (
	"context"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
)

func TestAcceptsWhatWasWritten(t *testing.T) {
	path := newRecord(t, 5)
	v := verified(t, path, path+".checkpoints")
	// audit.open, checkpoint, 5 × 2, audit.close, checkpoint
	if len(v.Problems) > 0 || v.Events != 14 || v.Last != 14 || v.Inside != 2 || v.Outside != 2 || v.Signed != 13 {
		t.Errorf("got %+v", v)
	}
}

func TestFindsTampering(t *testing.T) {
	for name, test := range map[string]struct {
		statements []string
		want       string // the first problem
	}{
		"edited body":          {[]string{`UPDATE events SET body = json_set(body, '$.recent', 'f') WHERE seq = 5`}, "event 5: the event is not the one"},
		"edited column":        {[]string{`UPDATE events SET agent = 'bob' WHERE seq = 3`}, "event 3: the event is not the one"},
		"empty for NULL":       {[]string{`UPDATE events SET code = '' WHERE seq = 3`}, "event 3: the event is not the one"},
		"moved between":        {[]string{`UPDATE events SET server = 'file', tool = 's' || tool WHERE seq = 3`}, "event 3: the event is not the one"},
		"edited time":          {[]string{`UPDATE events SET time_unix_ms = time_unix_ms - 3600000 WHERE seq = 6`}, "event 6: the event is not the one"},
		"its attempt's number": {[]string{`UPDATE events SET call = CAST(call AS TEXT) WHERE seq = 4`}, "event 4: the number of its call's attempt was made a text"},
		"edited hash":          {[]string{`UPDATE events SET hash = zeroblob(32) WHERE seq = 7`}, "event 7: the event is not the one"},
		"deleted":              {[]string{`DELETE FROM events WHERE seq = 6`}, "event 6: event 6 is missing"},
		"deleted several":      {[]string{`DELETE FROM events WHERE seq BETWEEN 6 AND 8`}, "event 6: events 6 to 8 are missing"},
		"deleted the start":    {[]string{`DELETE FROM events WHERE seq < 4`}, "event 1: events 1 to 3 are missing"},
		"deleted, renumbered":  {[]string{`DELETE FROM events WHERE seq = 6`, `UPDATE events SET seq = seq - 1 WHERE seq > 6`}, "event 6: the event is not the one"},
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
			v := verified(t, path)
			if len(v.Problems) == 0 || !strings.HasPrefix(bare(v.Problems[0]), test.want) {
				t.Errorf("got %v, want first %q", v.Problems, test.want)
			}
		})
	}
}

// Without a checkpoint from outside the shorter chain is as good as the longer:
// the test shows both that it passes alone and that the outside one finds it.
func TestFindsCutTail(t *testing.T) {
	path := newRecord(t, 5)
	tamper(t, path, "DELETE FROM events WHERE seq > 9")
	if v := verifyAlone(t, path); len(v.Problems) > 0 {
		t.Fatalf("alone: %v", v.Problems)
	}
	v := verified(t, path, path+".checkpoints")
	if len(v.Problems) != 1 || v.Problems[0].Seq != 10 || !strings.Contains(v.Problems[0].What, "events 10 to 13 are gone, cut from the end") {
		t.Errorf("got %v", v.Problems)
	}
}

func TestFindsRebuiltChain(t *testing.T) {
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
	v := verified(t, path, path+".checkpoints")
	if len(v.Problems) == 0 || !strings.Contains(v.Problems[0].What, "cut from the end") {
		t.Errorf("by the checkpoint outside: %v", v.Problems)
	}
}

func TestFindsAnotherRecord(t *testing.T) {
	path, other := newRecord(t, 5), newRecord(t, 5)
	v, err := Record(t.Context(), Options{Path: other, PublicKey: read(t, path+".pub"), Checkpoints: []string{path + ".checkpoints"}})
	must(t, err)
	if len(v.Problems) < 2 {
		t.Errorf("got %v", v.Problems)
	}
}

func TestFindsForgedOutsideCheckpoint(t *testing.T) {
	path := newRecord(t, 2)
	forged := filepath.Join(t.TempDir(), "checkpoints")
	text := strings.Replace(read(t, path+".checkpoints"), "\n1\n", "\n2\n", 1)
	must(t, os.WriteFile(forged, []byte(text), 0o600))
	v := verified(t, path, forged)
	if len(v.Problems) != 1 || !strings.Contains(v.Problems[0].What, "does not hold") {
		t.Errorf("got %v", v.Problems)
	}
	must(t, os.WriteFile(forged, []byte(text[:len(text)-30]), 0o600)) // and one that a crash cut short is none
	if v := verified(t, path, forged); len(v.Problems) != 2 || !strings.Contains(v.Problems[1].What, "holds no checkpoint") {
		t.Errorf("got %v", v.Problems)
	}
}

// The checkpoints inside a record are legible in its files, and prove nothing of it.
func TestAttackRecordForCheckpoints(t *testing.T) {
	path := newRecord(t, 2)
	log := filepath.Join(t.TempDir(), "copy-wal")
	must(t, os.WriteFile(log, []byte("\x37\x7f\x06\x83"+`{"note":"`+strings.ReplaceAll(read(t, path+".checkpoints"), "\n", `\n`)+`"}`), 0o600))
	for _, file := range []string{path, log} {
		if v := verified(t, path, file); len(v.Problems) == 0 || !strings.Contains(v.Problems[0].What, "is a database") || v.Outside != 0 {
			t.Errorf("%s: %v, %d outside", file, v.Problems, v.Outside)
		}
	}
}

func TestSaysWhatItCannotRead(t *testing.T) {
	path := newRecord(t, 1)
	if _, err := Record(t.Context(), Options{Path: path + ".absent", PublicKey: read(t, path+".pub")}); err == nil {
		t.Error("a database that is not there verifies")
	}
	if _, err := Record(t.Context(), Options{Path: path, PublicKey: "nonsense"}); err == nil {
		t.Error("a key that is none verifies")
	}
	must(t, os.Remove(path+".pub"))
	if _, err := Record(t.Context(), Options{Path: path}); err == nil {
		t.Error("verifies without a key")
	}
}

// A statement is no checkpoint, whoever signed it.
func TestAttackStatementForCheckpoint(t *testing.T) {
	path := newRecord(t, 1)
	v := &verifier{Report: &Report{}, opts: Options{Path: path}}
	must(t, v.readKeys(t.Context(), open(t, path)))
	_, rest, _ := strings.Cut(read(t, path+".keys"), "\nsign ")
	private, _, _ := strings.Cut(rest, "\n")
	signer, err := note.NewSigner(private)
	must(t, err)
	name, hash := signer.Name()+"\n", base64.StdEncoding.EncodeToString(make([]byte, 32))+"\n"
	for text, want := range map[string]bool{
		name + "1\n" + hash + "2026-11-28T19:54:51Z\n":                true,
		"toolward audit prune\n" + name + `{"through":1}` + "\n":      false,
		"toolward audit prune\n1\n" + hash + "2026-11-28T19:54:51Z\n": false,
		"another-record\n1\n" + hash + "2026-11-28T19:54:51Z\n":       false,
		name + "1\n" + hash: false,
		name + "1\n" + hash + "2026-11-28T19:54:51Z\nmore\n": false,
		name + "one\n" + hash + "2026-11-28T19:54:51Z\n":     false,
		name + "1\n" + hash[8:] + "2026-11-28T19:54:51Z\n":   false,
	} {
		signed, err := note.Sign(&note.Note{Text: text}, signer)
		must(t, err)
		if _, err := v.checkpoint(string(signed)); (err == nil) != want {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// Whoever waits is told how far it is: from more than nothing up to all, and never
// back.
func TestProgress(t *testing.T) {
	path := newRecord(t, progressEvery)
	var said [][2]int64
	v, err := Record(t.Context(), Options{Path: path, Progress: func(done, of int64) { said = append(said, [2]int64{done, of}) }})
	must(t, err)
	if len(v.Problems) > 0 || len(said) != 4 {
		t.Fatalf("got %v, and was told %v", v.Problems, said)
	}
	for i, s := range said {
		if s[1] != 2*v.Last || s[0] <= 0 || s[0] > s[1] || i > 0 && s[0] <= said[i-1][0] {
			t.Errorf("told %v, of a record of %d events", said, v.Last)
		}
	}
}

// A check of a derived table is asked when the rest holds, and what it finds is one
// problem of the table.
func TestDerived(t *testing.T) {
	path := newRecord(t, 1)
	asked := 0
	opts := Options{Path: path, Derived: []Derived{{"counts", func(context.Context) ([]string, error) { asked++; return []string{"one", "two"}, nil }}}}
	v, err := Record(t.Context(), opts)
	must(t, err)
	if len(v.Problems) != 1 || v.Problems[0].What != "counts differs from the events: one" || v.Problems[0].Count != 2 {
		t.Errorf("got %+v", v.Problems)
	}
	opts.Derived[0].Check = func(context.Context) ([]string, error) { return nil, errors.New("unreadable") }
	if _, err := Record(t.Context(), opts); err == nil {
		t.Error("a check that could not be made is no error")
	}
	tamper(t, path, "DELETE FROM events WHERE seq = 3")
	if v, err = Record(t.Context(), opts); err != nil || len(v.Problems) == 0 || asked != 1 {
		t.Errorf("beside events that are not what was recorded: %v, %v, asked %d times", v.Problems, err, asked)
	}
}
