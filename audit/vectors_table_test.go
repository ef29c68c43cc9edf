package audit

import (
	"os"
	"strings"
	"testing"
	"time"

	"toolward/gateway"
)

// vector is a record, and what was done to it.
type vector struct {
	name, about string
	change      func(*testing.T, string)
	holds       bool
	needsKeys   bool  // only the MACs tell
	at          int64 // the first event with a problem; 0: it is about none
}

func sqlOn(s ...string) func(*testing.T, string) {
	return func(t *testing.T, path string) { tamper(t, path, s...) }
}

// appended is a copy of event 3 as the next one.
const appended = `INSERT INTO events SELECT 15, time_unix_ms, type, call, agent, server, tool, kind, effect, code, session, outcome, us, bytes, who, what, body, digest, hash, mac FROM events WHERE seq = 3`

// The record is one of 14 events before it is changed: audit.open, a checkpoint,
// five calls of two events, audit.close, a checkpoint.
var vectors = []vector{
	{"good", "A record as it was written.", sqlOn(), true, false, 0},

	// Events.
	{"column-edited", "Event 3 says another agent.", sqlOn(`UPDATE events SET agent = 'bob' WHERE seq = 3`), false, false, 3},
	{"null-emptied", "A column of event 3 that was NULL is the empty text.", sqlOn(`UPDATE events SET code = '' WHERE seq = 3`), false, false, 3},
	{"time-edited", "Event 6 is an hour older.", sqlOn(`UPDATE events SET time_unix_ms = time_unix_ms - 3600000 WHERE seq = 6`), false, false, 6},
	{"hash-edited", "The hash of event 7 is another.", sqlOn(`UPDATE events SET hash = zeroblob(32) WHERE seq = 7`), false, false, 7},
	{"removed", "Event 7 is gone.", sqlOn(`DELETE FROM events WHERE seq = 7`), false, false, 7},
	{"removed-renumbered", "Event 7 is gone, and the later ones have its number and on.", sqlOn(`DELETE FROM events WHERE seq = 7`,
		`UPDATE events SET seq = seq - 1 WHERE seq > 7`, `UPDATE bodies SET seq = seq - 1 WHERE seq > 7`), false, false, 7},
	{"exchanged", "Events 5 and 6 have each other's number.", sqlOn(`UPDATE events SET seq = 1000 WHERE seq = 5`, `UPDATE events SET seq = 5 WHERE seq = 6`,
		`UPDATE events SET seq = 6 WHERE seq = 1000`), false, false, 5},
	{"cut", "The end is gone from event 10 on; the checkpoints outside know.", sqlOn(`DELETE FROM events WHERE seq > 9`, `DELETE FROM bodies WHERE seq > 9`), false, false, 10},
	{"appended", "Event 3 is there again, as event 15.", sqlOn(appended), false, false, 15},
	{"mac-forged", "An event was appended that is chained as it should be, with another's MAC.", func(t *testing.T, path string) {
		forge(t, path, nil, "block.lifted", `{"id":"b"}`)
	}, false, true, 15},
	{"mac-edited", "The MAC of event 9 is another.", sqlOn(`UPDATE events SET mac = zeroblob(16) WHERE seq = 9`), false, true, 9},
	{"rebuilt", "Event 3 says another agent, and all hashes were computed anew.", func(t *testing.T, path string) {
		tamper(t, path, `UPDATE events SET agent = 'bob' WHERE seq = 3`)
		rebuildChain(t, path)
	}, false, false, 3},
	{"another-record", "It is another record, of another key.", func(t *testing.T, path string) {
		must(t, os.WriteFile(path, []byte(read(t, newRecord(t, 5))), 0o600))
	}, false, false, 1},

	// Texts beside events.
	{"text-edited", "The text beside event 3 is another.", sqlOn(`UPDATE bodies SET text = '{}' WHERE seq = 3`), false, false, 3},
	{"text-removed", "The text beside event 3 is gone, and nothing says that it may be.", sqlOn(`DELETE FROM bodies WHERE seq = 3`), false, false, 3},
	{"interned-edited", "What events have in common is another.", sqlOn(`UPDATE interned SET text = '{}'`), false, false, 0},
	{"interned-removed", "What events have in common is gone.", sqlOn(`DELETE FROM interned`), false, false, 3},
	{"erased", "One agent's texts and claims were erased on record.", erased(func(*gateway.Call) Erasure { return Erasure{Agent: "ann"} }), true, false, 0},
	{"erased-call", "One call's texts were erased on record.", erased(func(c *gateway.Call) Erasure { return Erasure{Call: c.ID} }), true, false, 0},
	{"erased-more", "One session's texts were erased on record, and with them a text of another's.", func(t *testing.T, path string) {
		erased(func(c *gateway.Call) Erasure { return Erasure{Session: c.Agent.SessionID()} })(t, path)
		tamper(t, path, `DELETE FROM bodies WHERE seq = 4`)
	}, false, false, 4},
	{"expired", "The texts of all calls are older than the configuration lets them get.", onStore(func(t *testing.T, s *Store) {
		must(t, s.writer.do(t.Context(), func() error { return s.writer.expire(time.Now().Add(time.Second)) }))
	}), true, false, 0},
	{"snapshots", "A snapshot of the state replaced another, whose text went.", onStore(func(t *testing.T, s *Store) {
		must(t, s.Attach(t.Context(), nobody{}))
		for range 2 {
			must(t, s.writer.do(t.Context(), s.writer.snapshotNow))
		}
	}), true, false, 0},

	// Checkpoints.
	{"checkpoint-edited", "The checkpoint in event 2 has no note.", sqlOn(`UPDATE events SET body = replace(body, '"note"', '"nite"') WHERE seq = 2`), false, false, 2},
	{"outside-emptied", "The file of checkpoints is empty.", func(t *testing.T, path string) { must(t, os.WriteFile(path+".checkpoints", nil, 0o600)) }, false, false, 0},
	{"outside-edited", "A checkpoint outside says another number.", func(t *testing.T, path string) {
		must(t, os.WriteFile(path+".checkpoints", []byte(strings.Replace(read(t, path+".checkpoints"), "\n13\n", "\n12\n", 1)), 0o600))
	}, false, false, 0},

	// What changes a record.
	{"rotated", "The keys were changed on record; the public key is the first one.", rotated(1), true, false, 0},
	{"rotated-twice", "The keys were changed twice.", rotated(2), true, false, 0},
	{"rotated-unstated", "The keys were changed, and the statement of it is gone from the event.", func(t *testing.T, path string) {
		rotated(1)(t, path)
		tamper(t, path, `UPDATE events SET body = json_remove(body, '$.note') WHERE type = 'audit.keys'`)
	}, false, false, 18},
	{"segment", "A person went on behind a foreign row.", func(t *testing.T, path string) {
		tamper(t, path, appended)
		_, err := NewSegment(Options{Path: path}, "rita", "why not", true)
		must(t, err)
	}, true, false, 0},
	{"segment-gap", "A person went on behind events that are gone.", func(t *testing.T, path string) {
		tamper(t, path, `DELETE FROM events WHERE seq > 9`, `DELETE FROM bodies WHERE seq > 9`)
		_, err := NewSegment(Options{Path: path}, "rita", "why not", true)
		must(t, err)
	}, true, false, 0},
	{"segment-replayed", "A person went on behind a foreign row; the statement stands at another event too.", func(t *testing.T, path string) {
		tamper(t, path, appended)
		_, err := NewSegment(Options{Path: path}, "rita", "why not", true)
		must(t, err)
		forge(t, path, nil, TypeSegment, column1of(t, path, `SELECT body FROM events WHERE type = 'audit.segment'`))
	}, false, false, 18},
	{"pruned", "What was before the last call was pruned.", pruned, true, false, 0},
	{"pruned-more", "What was before the last call was pruned, and one event more is gone.", func(t *testing.T, path string) {
		pruned(t, path)
		tamper(t, path, `DELETE FROM events WHERE seq = (SELECT min(seq) FROM events)`)
	}, false, false, 17},
	{"prune-forged", "A checkpoint is given for the statement of a prune.", func(t *testing.T, path string) {
		notes := splitNotes([]byte(read(t, path+".checkpoints")))
		forge(t, path, nil, TypePrune, string(marshal(map[string]any{"through": 13, "note": string(notes[len(notes)-1])})))
	}, false, false, 15},
	{"backup", "A backup of a record that went on.", func(t *testing.T, path string) {
		live := path + ".live"
		for _, suffix := range []string{"", ".pub", ".keys", ".checkpoints"} {
			must(t, os.Rename(path+suffix, live+suffix))
		}
		_, err := MakeBackup(t.Context(), Options{Path: live}, path, "rita")
		must(t, err)
		onStore(func(t *testing.T, s *Store) { record(t, s, `{}`, `{}`) })(t, live)
		for _, suffix := range []string{".keys", ".checkpoints"} {
			must(t, os.Rename(live+suffix, path+suffix))
		}
	}, true, false, 0},
}

// onStore opens the record, does something, and closes it.
func onStore(do func(*testing.T, *Store)) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		s, err := Open(Options{Path: path})
		must(t, err)
		do(t, s)
		must(t, s.Close())
	}
}

func erased(whose func(ann *gateway.Call) Erasure) func(*testing.T, string) {
	return onStore(func(t *testing.T, s *Store) {
		ann, _ := diaries(t, s)
		e := whose(ann)
		e.Why, e.By = "she asked for it", gateway.Operator{Issuer: gateway.LocalOperators, Subject: "dpo"}
		_, err := s.Erase(t.Context(), e)
		must(t, err)
	})
}

func rotated(times int) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		for range times {
			_, err := RotateKeys(Options{Path: path}, "rita", "why not")
			must(t, err)
		}
	}
}

var pruned = onStore(func(t *testing.T, s *Store) {
	must(t, s.Attach(t.Context(), nobody{}))
	young := record(t, s, `{}`, `{}`)
	_, err := s.Prune(t.Context(), young.Time, "rita", "why not")
	must(t, err)
})

func column1of(t *testing.T, path, query string) (text string) {
	t.Helper()
	r, err := OpenReader(path)
	must(t, err)
	must(t, r.db.QueryRow(query).Scan(&text))
	must(t, r.Close())
	return text
}
