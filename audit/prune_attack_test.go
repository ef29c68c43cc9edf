package audit

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"toolward/audit/verify"
)

// A forged prune: an event whose note the gateway signed for something else, or
// not at all. It must neither make a gateway remove anything nor verify.
// Statements are told from checkpoints by their first line; any checkpoint was
// good for a prune before that.
func TestAttackPruneByAnotherNote(t *testing.T) {
	path := newRecord(t, 6)
	keys, err := LoadKeys(path + ".keys")
	must(t, err)
	var checkpoint, hash string
	for _, n := range splitNotes([]byte(read(t, path+".checkpoints"))) {
		checkpoint = string(n) // of all but the last event
	}
	hash = strings.Split(checkpoint, "\n")[2]
	sign := func(what string, detail any) string {
		text, err := keys.state(what, detail)
		must(t, err)
		return text
	}
	detail := map[string]any{"from": 1, "through": 15, "removed": 15, "hash": hash}
	right := sign(statesPrune, detail)
	for name, note := range map[string]string{
		"a checkpoint":               checkpoint,
		"another kind's statement":   sign(statesSegment, detail),
		"a kind with more words":     sign(statesPrune+" ", detail),
		"for another event":          sign(statesPrune, map[string]any{"through": 7, "hash": hash}),
		"of another hash":            sign(statesPrune, map[string]any{"through": 15, "hash": make([]byte, 32)}),
		"without a hash":             sign(statesPrune, map[string]any{"through": 15}),
		"without a signature":        right[:strings.Index(right, "\n\n")+2],
		"another text, same signers": strings.Replace(right, `"through":15`, `"through":14`, 1),
		"nothing":                    "",
	} {
		t.Run(name, func(t *testing.T) {
			copied := copyRecord(t, path)
			body, err := json.Marshal(map[string]any{"through": 15, "note": note})
			must(t, err)
			forge(t, copied, keys, TypePrune, string(body)) // with the right MAC: it is the statement that has to hold
			v := verified(t, copied, path+".checkpoints")
			if len(v.Problems) == 0 || v.Pruned == 15 && name != "of another hash" {
				t.Errorf("it verifies: %+v", v)
			}
			if s, err := Open(Options{Path: copied}); err == nil {
				must(t, s.Close())
				t.Error("a gateway starts on it")
			}
			if n := countEvents(t, copied); n != 17 {
				t.Errorf("%d events are left of 17", n)
			}
		})
	}
	// And the other way round: a statement is no checkpoint.
	if _, ok, err := keys.newest([]byte(right)); ok || err == nil {
		t.Errorf("the gateway takes a statement for a checkpoint: %v", err)
	}
}

// With the key, a prune can be made up, and everything is signed; but what left
// before says that more was there.
func TestVerifyFindsPruneThatNobodyOutsideKnows(t *testing.T) {
	s := agedRecord(t, 10)
	young := record(t, s, `{}`, `{}`)
	must(t, s.Checkpoint(t.Context()))
	kept := t.TempDir() + "/checkpoints"
	must(t, os.WriteFile(kept, []byte(read(t, s.opts.Checkpoints)), 0o600))
	_, err := s.Prune(t.Context(), young.Time, "mallory", "space")
	must(t, err)
	must(t, s.Close())
	if v := verified(t, s.opts.Path, kept); len(v.Problems) != 1 || !strings.Contains(v.Problems[0].What, "nothing outside of the record knows") {
		t.Errorf("got %v", v.Problems)
	}
	v := verified(t, s.opts.Path, s.opts.Checkpoints)
	if len(v.Problems) > 0 || len(v.Prunes) != 1 || v.Prunes[0].By != "mallory" || v.Prunes[0].Why != "space" || v.Prunes[0].Removed != 12 {
		t.Errorf("got %v, %+v", v.Problems, v.Prunes)
	}
	for first, want := range map[int64]int{13: 0, 12: 1, 1: 1} {
		v, err := verify.Record(t.Context(), verify.Options{Path: s.opts.Path, ExpectFirst: first})
		if must(t, err); len(v.Problems) != want {
			t.Errorf("expected to begin at %d: got %v, want %d problems", first, v.Problems, want)
		}
	}
}

// A prune that follows another names its own range; what the first one removed is
// known from outside.
func TestVerifyListsEveryPrune(t *testing.T) {
	s := agedRecord(t, 4)
	first := record(t, s, `{}`, `{}`)
	_, err := s.Prune(t.Context(), first.Time, "rita", "one")
	must(t, err)
	second := record(t, s, `{}`, `{}`)
	_, err = s.Prune(t.Context(), second.Time.Add(time.Millisecond), "rita", "two")
	must(t, err)
	must(t, s.Close())
	v := verified(t, s.opts.Path)
	var whys []string
	for _, p := range v.Prunes {
		whys = append(whys, fmt.Sprintf("%s %d", p.Why, p.Through-p.From+1-p.Removed))
	}
	if len(v.Problems) > 0 || fmt.Sprint(whys) != "[two 0 one 0]" {
		t.Errorf("got %q, %v", whys, v.Problems)
	}
}

// Clocks are wrong now and then. Ages are in days, oldest event first; a prune
// removes what is older than 90.
func TestPruneWithWrongClocks(t *testing.T) {
	for name, test := range map[string]struct {
		ages    []int
		removed int // of those, from the start
	}{
		"right":                              {[]int{120, 110, 100, 80, 1}, 3},
		"one from the future among old ones": {[]int{120, -2000, 110, 100, 80, 1}, 4},
		"many from the future":               {[]int{120, -1, -2, -3, -2000, 100, 80}, 6},
		"the first is from the future":       {[]int{-2000, 120, 110, 80}, 3},
		"one from the future before young":   {[]int{120, -2000, 80, 70}, 1},
		"one from the future at the end":     {[]int{120, 110, -2000}, 2},
		"all from the future":                {[]int{-10, -20, -30}, 0}, // or the clock is behind now
		"one of the past among young ones":   {[]int{50, 40, 20000, 30, 20}, 0},
		"one of the past after old ones":     {[]int{120, 50, 20000, 30}, 1},
		"old behind young":                   {[]int{120, 80, 120, 70}, 1},
		"none is old":                        {[]int{80, 70}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			path := newRecord(t, 0)
			tamper(t, path, "DELETE FROM events")
			must(t, os.Remove(path+".checkpoints"))
			s, err := Open(Options{Path: path})
			must(t, err)
			defer func() { must(t, s.Close()) }()
			must(t, s.Attach(t.Context(), nobody{}))
			// audit.open and its checkpoint are there: as old as the first.
			now := time.Now()
			for _, age := range test.ages {
				_, err := s.Append(t.Context(), Event{Type: TypeHangup, TimeUnixMs: now.AddDate(0, 0, -age).UnixMilli(), Body: "{}"})
				must(t, err)
			}
			must(t, s.writer.do(t.Context(), func() error {
				return s.writer.conn.exec("DROP TRIGGER events_refuse_update; UPDATE events SET time_unix_ms = 0 WHERE seq < 3")
			}))
			from, through, err := s.Prunable(t.Context(), now.AddDate(0, 0, -90))
			must(t, err)
			removed, err := s.Prune(t.Context(), now.AddDate(0, 0, -90), "rita", "90 days")
			must(t, err)
			if removed != int64(test.removed)+2 || from != 1 || through != removed {
				t.Errorf("removed %d, announced %d to %d, want %d", removed, from, through, test.removed+2)
			}
		})
	}
}

// forge appends an event to a closed record. Without keys it is as somebody does
// it who has only the file: the chain is right, and the MAC another event's.
func forge(t *testing.T, path string, keys *Keys, eventType, body string) {
	t.Helper()
	c, err := dial(Options{Path: path, Durability: DurabilityProcess, Busy: time.Second}, false)
	must(t, err)
	rows, err := c.rows("SELECT " + readColumns + " FROM events ORDER BY seq DESC LIMIT 1")
	must(t, err)
	last, err := parseRow(rows[0])
	must(t, err)
	e := ownEvent(eventType, json.RawMessage(body))
	next, _ := head{last.Seq, last.hash}.next(e, nil)
	if keys != nil {
		last.mac = keys.seal(next.hash)
	}
	must(t, c.add(e, next.hash[:], last.mac[:]))
	must(t, c.close())
}

func copyRecord(t *testing.T, path string) string {
	t.Helper()
	copied := t.TempDir() + "/toolward.db"
	for _, suffix := range []string{"", ".keys", ".pub", ".checkpoints"} {
		must(t, os.WriteFile(copied+suffix, []byte(read(t, path+suffix)), 0o600))
	}
	return copied
}

func countEvents(t *testing.T, path string) (n int) {
	t.Helper()
	must(t, openReader(t, path).QueryRowContext(t.Context(), "SELECT count(*) FROM events").Scan(&n))
	return n
}

func openReader(t *testing.T, path string) *sql.DB {
	t.Helper()
	r, err := OpenReader(path)
	must(t, err)
	t.Cleanup(func() { must(t, r.Close()) })
	return r.db
}
