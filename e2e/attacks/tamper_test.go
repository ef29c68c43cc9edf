//go:build e2e

package attacks

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
)

// The tamper matrix: what somebody can do to the files of a record who can write
// them, and has not the gateway's key unless it is said. Off the box, with the
// public key and the checkpoints from elsewhere and the key of MACs, every row is
// found. On the box, with everything from beside the record, what the attacker
// could reach may be replaced as well; then verify says that it cannot know.
type tampering struct {
	name   string
	do     func(*testing.T, *scene)
	off    string // what is said off the box
	on     string // what is said on the box; "": nothing is found there
	killed bool   // on what a kill left
}

func statements(all ...string) func(*testing.T, *scene) {
	return func(t *testing.T, s *scene) { s.exec(t, all...) }
}

var tamperings = []tampering{
	{name: "1 a row edited", do: statements(`UPDATE events SET agent = 'mallory' WHERE seq = 9`), off: "event 9 ", on: "event 9 "},
	{name: "1 a time edited", do: statements(`UPDATE events SET time_unix_ms = time_unix_ms - 3600000 WHERE seq = 9`), off: "event 9 ", on: "event 9 "},
	{name: "2 a row deleted", do: statements(`DELETE FROM events WHERE seq = 9`), off: "event 9 is missing", on: "event 9 is missing"},
	{name: "3 a row inserted and all after it renumbered", do: statements(
		`UPDATE events SET seq = seq + 1000000 WHERE seq >= 9`, `UPDATE events SET seq = seq - 999999 WHERE seq > 1000000`,
		`INSERT INTO events SELECT 9, time_unix_ms, type, call, agent, server, tool, kind, effect, code, session, outcome, us, bytes, who, what, body, digest, hash, mac FROM events WHERE seq = 8`),
		off: "event 9 ", on: "event 9 "},
	{name: "4 two rows exchanged", do: statements(`UPDATE events SET seq = 1000000 WHERE seq = 9`, `UPDATE events SET seq = 9 WHERE seq = 10`, `UPDATE events SET seq = 10 WHERE seq = 1000000`),
		off: "event 9 ", on: "event 9 "},
	{name: "5 the end cut", do: statements(`DELETE FROM events WHERE seq > 12`), off: "cut from the end", on: "cut from the end"},
	{name: "5 the end cut, and the checkpoints beside", do: func(t *testing.T, s *scene) {
		s.exec(t, `DELETE FROM events WHERE seq > 12`, `DELETE FROM bodies WHERE seq > 12`)
		s.remove(t, ".checkpoints")
	}, off: "cut from the end"},
	{name: "6 an older copy", do: func(t *testing.T, s *scene) { s.put(t, s.early, "") }, off: "cut from the end", on: "cut from the end"},
	{name: "6 an older copy, and the checkpoints of then", do: func(t *testing.T, s *scene) { s.put(t, s.early, "", ".checkpoints") }, off: "cut from the end"},
	{name: "7 an edit, and the chain rebuilt", do: func(t *testing.T, s *scene) {
		s.exec(t, `UPDATE events SET agent = 'mallory' WHERE seq = 9`)
		s.rebuild(t)
	}, off: "the record was rewritten", on: "the record was rewritten"},
	{name: "7 the same, without any checkpoint", do: func(t *testing.T, s *scene) {
		s.exec(t, `UPDATE events SET agent = 'mallory' WHERE seq = 9`, `UPDATE events SET type = 'audit.note' WHERE type = 'audit.checkpoint'`)
		s.rebuild(t)
		s.remove(t, ".checkpoints")
	}, off: "the record was rewritten", on: "MAC is not of the gateway's key"},
	{name: "7 the same, and the key file gone", do: func(t *testing.T, s *scene) {
		s.exec(t, `UPDATE events SET agent = 'mallory' WHERE seq = 9`, `UPDATE events SET type = 'audit.note' WHERE type = 'audit.checkpoint'`)
		s.rebuild(t)
		s.remove(t, ".checkpoints", ".keys")
	}, off: "the record was rewritten"},
	{name: "8 a checkpoint inside edited", do: statements(`UPDATE events SET body = replace(body, 'toolward-audit', 'toolward-odit') WHERE seq = 2`), off: "event 2 ", on: "event 2 "},
	{name: "8 the checkpoints beside emptied, the record edited and rebuilt", do: func(t *testing.T, s *scene) {
		s.exec(t, `UPDATE events SET agent = 'mallory' WHERE seq = 9`)
		s.rebuild(t)
		s.write(t, ".checkpoints", "")
	}, off: "the record was rewritten", on: "holds no checkpoint of this record"},
	{name: "8 the checkpoints beside halved", do: func(t *testing.T, s *scene) {
		text := s.read(t, ".checkpoints")
		s.write(t, ".checkpoints", text[:len(text)/2])
		s.exec(t, `UPDATE events SET agent = 'mallory' WHERE seq = (SELECT max(seq) - 1 FROM events)`)
	}, off: "event ", on: "its end was cut off"},
	{name: "8 a checkpoint beside edited", do: func(t *testing.T, s *scene) {
		s.write(t, ".checkpoints", strings.Replace(s.read(t, ".checkpoints"), "\n1\n", "\n3\n", 1))
		s.exec(t, `UPDATE events SET agent = 'mallory' WHERE seq = 9`)
	}, off: "event 9 ", on: "does not hold"},
	{name: "9 an edit, then VACUUM", do: func(t *testing.T, s *scene) {
		s.exec(t, `UPDATE events SET agent = 'mallory' WHERE seq = 9`)
		s.sql(t, "VACUUM")
	}, off: "event 9 ", on: "event 9 "},
	{name: "10 the triggers dropped", do: func(t *testing.T, s *scene) { s.sql(t, "DROP TRIGGER events_refuse_update") },
		off: "events_refuse_update is missing", on: "events_refuse_update is missing"},
	{name: "11 a text in a page overwritten", do: func(t *testing.T, s *scene) {
		b := []byte(s.read(t, ""))
		if !bytes.Contains(b, []byte("marker-3-")) {
			t.Fatal("the text is not in the file")
		}
		// Everywhere: SQLite leaves old copies of a row where nobody reads them.
		s.write(t, "", string(bytes.ReplaceAll(b, []byte("marker-3-"), []byte("MARKER-3-"))))
	}, off: "its text is not the one that was recorded", on: "its text is not the one that was recorded"},
	{name: "11 two pages exchanged", do: func(t *testing.T, s *scene) {
		b := []byte(s.read(t, ""))
		size := int(binary.BigEndian.Uint16(b[16:])) // of a page (SQLite's file format, 1.3.2)
		one, two := bytes.Index(b, []byte("marker-3-"))&^(size-1), bytes.LastIndex(b, []byte("call.attempt"))&^(size-1)
		if one < 0 || two < 0 || one == two {
			t.Fatalf("the texts are at %d and %d", one, two)
		}
		page := bytes.Clone(b[one : one+size])
		copy(b[one:], b[two:two+size])
		copy(b[two:], page)
		s.write(t, "", string(b))
	}, off: "damaged", on: "damaged"},
	{name: "12 another record with another key", do: func(t *testing.T, s *scene) { s.put(t, s.other, "", ".pub", ".keys", ".checkpoints") },
		off: "not signed by this record's key"},
	{name: "13 the write-ahead log removed after a kill", do: func(t *testing.T, s *scene) { s.remove(t, "-wal", "-shm") }, killed: true,
		off: "cut from the end", on: "cut from the end"},
	{name: "14 the middle cut, renumbered and rebuilt", do: func(t *testing.T, s *scene) {
		s.exec(t, `DELETE FROM events WHERE seq BETWEEN 9 AND 10`, `UPDATE events SET seq = seq - 2 WHERE seq > 10`)
		s.rebuild(t)
	}, off: "the record was rewritten", on: "the record was rewritten"},
	{name: "15 a view that hides an agent", do: func(t *testing.T, s *scene) {
		s.sql(t, `DROP VIEW calls; CREATE VIEW calls AS SELECT seq, call AS id FROM events WHERE agent <> 'mallory'`)
	}, off: "calls was changed", on: "calls was changed"},
	{name: "16 a forged prune", do: func(t *testing.T, s *scene) {
		notes := strings.SplitAfter(s.read(t, ".checkpoints"), "=\n\n")
		s.insert(t, "audit.prune", fmt.Sprintf(`{"through":9,"note":%q}`, strings.TrimSuffix(notes[1], "\n")))
		s.exec(t, `DELETE FROM events WHERE seq <= 9`)
	}, off: "statement of a prune does not hold", on: "statement of a prune does not hold"},
	{name: "17 a row after the last checkpoint rewritten, and rebuilt", do: func(t *testing.T, s *scene) {
		s.exec(t, `UPDATE events SET agent = 'mallory' WHERE seq = (SELECT max(seq) FROM events)`)
		s.rebuild(t)
	}, killed: true, off: "MAC is not of the gateway's key", on: "MAC is not of the gateway's key"},
	{name: "17 a row appended", do: func(t *testing.T, s *scene) { s.insert(t, "block.lifted", `{}`) }, killed: true,
		off: "MAC is not of the gateway's key", on: "MAC is not of the gateway's key"},
	{name: "18 an index without a row", do: func(t *testing.T, s *scene) {
		s.sql(t, `CREATE TABLE kept AS SELECT sql FROM sqlite_schema WHERE name = 'events_call'; DROP INDEX events_call;
			CREATE INDEX events_call ON events (call) WHERE call IS NULL; PRAGMA writable_schema = ON;
			UPDATE sqlite_schema SET sql = (SELECT sql FROM kept) WHERE name = 'events_call'; PRAGMA writable_schema = RESET; DROP TABLE kept`)
	}, off: "tampered with", on: "tampered with"},
	{name: "19 a trigger that decides", do: func(t *testing.T, s *scene) {
		s.sql(t, `CREATE TRIGGER helper AFTER INSERT ON events WHEN new.type = 'approval.asked' BEGIN SELECT 1; END`)
	}, off: `trigger "helper" was added`, on: `trigger "helper" was added`},
	{name: "20 a decision made up", do: func(t *testing.T, s *scene) { s.insert(t, "approval.approved", `{"id":"x","by":"ceo"}`) }, killed: true,
		off: "MAC is not of the gateway's key", on: "MAC is not of the gateway's key"},
	{name: "20 what was accepted edited", do: statements(`UPDATE bodies SET text = json_set(text, '$.more', 1) WHERE seq = (SELECT min(seq) FROM bodies)`),
		off: "its text is not the one that was recorded", on: "its text is not the one that was recorded"},
}

// TestTamperMatrix runs all of it on records that the program wrote.
func TestTamperMatrix(t *testing.T) {
	base := newScenes(t)
	for _, row := range tamperings {
		t.Run(row.name, func(t *testing.T) {
			s := base.copy(t, row.killed)
			row.do(t, s)
			code, said := s.verify(t, "--public-key", s.kept.pub, "--checkpoints", s.kept.path+".checkpoints", "--keys", s.kept.path+".keys")
			if code != 1 || !strings.Contains(said, row.off) {
				t.Errorf("off the box: %d, without %q:\n%s", code, row.off, said)
			}
			if n := strings.Count(said, "\n"); n > 25 {
				t.Errorf("off the box it says %d lines", n)
			}
			code, said = s.verify(t)
			switch {
			case row.on != "" && (code != 1 || !strings.Contains(said, row.on)):
				t.Errorf("on the box: %d, without %q:\n%s", code, row.on, said)
			case row.on == "" && code != 0:
				t.Errorf("on the box it is found now: correct the table:\n%s", said)
			case row.on == "" && (!strings.Contains(said, "could have made another record") ||
				!strings.Contains(said, "cannot be told") && !strings.Contains(said, "could have cut both")):
				t.Errorf("on the box it does not say what it cannot know:\n%s", said)
			}
		})
	}
	t.Run("17 the end after the last checkpoint cut", func(t *testing.T) {
		s := base.copy(t, true)
		s.exec(t, `DELETE FROM events WHERE seq = (SELECT max(seq) FROM events)`, `DELETE FROM bodies WHERE seq > (SELECT max(seq) FROM events)`)
		code, said := s.verify(t, "--public-key", s.kept.pub, "--checkpoints", s.kept.path+".checkpoints", "--keys", s.kept.path+".keys")
		if code != 0 || !strings.Contains(said, "and cut off what came after them") {
			t.Errorf("got %d, and it does not say that the end could be cut:\n%s", code, said)
		}
	})
	t.Run("none", func(t *testing.T) {
		for _, killed := range []bool{false, true} {
			s := base.copy(t, killed)
			if code, said := s.verify(t, "--public-key", s.kept.pub, "--checkpoints", s.kept.path+".checkpoints"); code != 0 {
				t.Errorf("got %d:\n%s", code, said)
			}
		}
	})
}
