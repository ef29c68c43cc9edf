package audit

import (
	"bytes"
	"database/sql"
	"errors"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"toolward/gateway"
)

const (
	annsText = "ann's synthetic diary"
	bobsText = "bob's synthetic diary"
)

// diaries is a record of calls of two agents, with texts and claims of each.
func diaries(t *testing.T, s *Store) (ann, bob *gateway.Call) {
	t.Helper()
	call := func(agent, text string) *gateway.Call {
		c := newCall(t, `{"text":"`+text+`"}`)
		a := *testAgent
		a.ID, a.Session, a.Claims = agent, "s-"+agent, map[string]any{"name": "Synthetic " + agent}
		c.Agent, c.Session = &a, gateway.Session{}
		must(t, s.Record(t.Context(), gateway.PhaseAttempt, c))
		respond(c, `{"content":[{"type":"text","text":"`+text+` back"}]}`)
		must(t, s.Record(t.Context(), gateway.PhaseOutcome, c))
		return c
	}
	for range 3 {
		ann, bob = call("ann", annsText), call("bob", bobsText)
	}
	return ann, bob
}

// TestErase removes one person's texts in each way there is: they are nowhere in
// the files, the other's are where they were, and the record verifies.
func TestErase(t *testing.T) {
	for name, test := range map[string]struct {
		whose  func(ann *gateway.Call) Erasure
		texts  int64
		claims bool // gone too
		some   bool // other texts of hers stay
	}{
		"agent":   {func(*gateway.Call) Erasure { return Erasure{Agent: "ann"} }, 6, true, false},
		"session": {func(c *gateway.Call) Erasure { return Erasure{Session: c.Agent.SessionID()} }, 6, false, false},
		"call":    {func(c *gateway.Call) Erasure { return Erasure{Call: c.ID} }, 2, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := openStore(t)
			ann, bob := diaries(t, s)
			e := test.whose(ann)
			e.Why, e.By = "she asked for it", gateway.Operator{Issuer: gateway.LocalOperators, Subject: "dpo"}
			got, err := s.Erase(t.Context(), e)
			must(t, err)
			if got.Texts != test.texts || (got.Shared > 0) != test.claims {
				t.Errorf("got %+v", got)
			}
			if c := shown(t, s, ann.ID); c.Args != "" || c.Result != "" || c.Agent != "ann" || c.Outcome != "ok" || c.ArgsBytes == 0 || (c.Roles == "") != test.claims {
				t.Errorf("hers is %+v", c)
			}
			if c := shown(t, s, bob.ID); !strings.Contains(string(c.Args), bobsText) || !strings.Contains(string(c.Result), bobsText) || c.Roles == "" {
				t.Errorf("his is %+v", c)
			}
			for _, file := range []string{s.opts.Path, s.opts.Path + "-wal"} {
				b, err := os.ReadFile(file)
				must(t, err)
				if found := bytes.Contains(b, []byte(annsText)); found != test.some && !strings.HasSuffix(file, "-wal") || found && strings.HasSuffix(file, "-wal") {
					t.Errorf("her texts in %s: %v", file, found)
				}
				if test.claims && bytes.Contains(b, []byte("Synthetic ann")) {
					t.Errorf("her claims are in %s", file)
				}
			}
			if inJournal(t, s, annsText) || test.claims && inJournal(t, s, "Synthetic ann") {
				t.Error("she is in the journal")
			}
			v := verified(t, s.opts.Path)
			if len(v.Problems) > 0 || len(v.Gone) != 1 || v.Gone[0].Texts != test.texts || v.Gone[0].By != "local:dpo" || v.Gone[0].Why == "" {
				t.Errorf("verify says %+v", v)
			}
			compare(t, s)
			again, _ := diaries(t, s) // and it goes on
			if c := shown(t, s, again.ID); c.Roles == "" {
				t.Errorf("what she claims later is not on record: %+v", c)
			}
			if c := shown(t, s, ann.ID); (c.Roles == "") != test.claims {
				t.Errorf("what she claims later shows in the past: %+v", c)
			}
			if counted := column1(t, s, "SELECT count(*) FROM counts JOIN facets ON id = facet WHERE agent = 'ann' AND mark ->> '$.roles' IS NOT NULL AND calls > 0 AND first <= "+strconv.FormatInt(v.Last, 10)); test.claims && counted[0] != "0" {
				t.Errorf("her roles are counted: %v", counted)
			}
			compare(t, s)
		})
	}
}

func TestEraseWantsOneAndWhy(t *testing.T) {
	s := openStore(t)
	for _, e := range []Erasure{{Agent: "ann"}, {Why: "x"}, {Agent: "ann", Call: "1", Why: "x"}} {
		if _, err := s.Erase(t.Context(), e); err == nil {
			t.Errorf("%+v was erased", e)
		}
	}
	before := column1(t, s, "SELECT count(*) FROM events")
	if e, err := s.Erase(t.Context(), Erasure{Agent: "nobody", Why: "x"}); err != nil || e.Texts != 0 {
		t.Errorf("got %+v, %v", e, err)
	}
	if after := column1(t, s, "SELECT count(*) FROM events"); after[0] != before[0] {
		t.Error("nothing was erased, and an event says that something was")
	}
}

// A gateway that died between the event and the last text goes on when it opens.
func TestEraseIsFinished(t *testing.T) {
	s := openStore(t)
	diaries(t, s)
	e := Erasure{Agent: "ann", Why: "she asked", Through: 1000, Texts: 6}
	must(t, s.Note(t.Context(), TypeErase, e)) // as far as it came
	path := s.opts.Path
	must(t, s.Close())
	again, err := Open(Options{Path: path})
	must(t, err)
	if left := column1(t, again, "SELECT count(*) FROM bodies WHERE instr(text, 'ann''s')"); left[0] != "0" {
		t.Errorf("%s texts are left", left[0])
	}
	must(t, again.Close())
	if v := verified(t, path); len(v.Problems) > 0 {
		t.Errorf("verify says %+v", v.Problems)
	}
}

// Texts live shorter than what was decided.
func TestBodiesExpire(t *testing.T) {
	path := newRecord(t, 0)
	s, err := Open(Options{Path: path})
	must(t, err)
	old := newCall(t, `{"text":"old"}`)
	old.Time = time.Now().Add(-48 * time.Hour)
	must(t, s.Record(t.Context(), gateway.PhaseAttempt, old))
	young := record(t, s, `{"text":"young"}`, `{}`)
	_, err = s.Append(t.Context(), Event{Type: "policy.loaded", TimeUnixMs: 1, Body: "{}", Kept: Kept{Text: `{"files":{"a.rego":"package a"}}`}})
	must(t, err)
	must(t, s.writer.do(t.Context(), func() error { return s.writer.expire(time.Now().Add(-24 * time.Hour)) }))
	if c := shown(t, s, old.ID); c.Args != "" {
		t.Errorf("the old one's arguments are %s", c.Args)
	}
	if c := shown(t, s, young.ID); c.Args == "" || c.Result == "" {
		t.Errorf("the young one is %+v", c)
	}
	if kept := column1(t, s, "SELECT count(*) FROM bodies WHERE text ->> '$.files' IS NOT NULL"); kept[0] != "1" {
		t.Error("the text of a policy went with those of calls")
	}
	must(t, s.Close())
	if v := verified(t, path); len(v.Problems) > 0 || len(v.Gone) != 1 || v.Gone[0].Texts != 1 {
		t.Errorf("verify says %+v", v)
	}
}

func TestUpkeepExpires(t *testing.T) {
	s := openStore(t, func(o *Options) { o.RetainBodies = time.Hour })
	old := newCall(t, `{"text":"old"}`)
	old.Time = time.Now().Add(-2 * time.Hour)
	must(t, s.Record(t.Context(), gateway.PhaseAttempt, old))
	must(t, s.writer.do(t.Context(), func() error { s.writer.upkeep(); return nil }))
	if c := shown(t, s, old.ID); c.Args != "" {
		t.Errorf("the arguments are %s", c.Args)
	}
}

// TestAttackTextsAreTamperedWith changes what stands beside the events in every
// way; nothing but what an event on record allows may pass.
func TestAttackTextsAreTamperedWith(t *testing.T) {
	for name, test := range map[string]struct{ statement, want string }{
		"edited":                    {`UPDATE bodies SET text = replace(text, 'diary', 'novel') WHERE seq = 7`, "event 7: its text is not the one"},
		"moved beside":              {`UPDATE bodies SET text = NULL, beside = text WHERE seq = 7`, "event 7: its text is not the one"},
		"salted anew":               {`UPDATE bodies SET salt = zeroblob(16) WHERE seq = 7`, "event 7: its text is not the one"},
		"removed":                   {`DELETE FROM bodies WHERE seq = 8`, "event 8: its text is missing, and nothing"},
		"swapped":                   {`UPDATE bodies SET text = (SELECT text FROM bodies WHERE seq = 9), salt = (SELECT salt FROM bodies WHERE seq = 9) WHERE seq = 7`, "event 7: its text is not the one"},
		"added":                     {`INSERT INTO bodies VALUES (1, x'00', '{}', NULL)`, "event 1: there is a text for it"},
		"added beyond":              {`INSERT INTO bodies VALUES (99999, x'00', '{}', NULL)`, "event 99999: there is a text for it"},
		"claims edited":             {`UPDATE interned SET text = replace(text, '"dev"', '"root"') WHERE instr(text, '"dev"')`, "is not what was recorded"},
		"claims removed":            {`DELETE FROM interned WHERE instr(text, 'Synthetic bob')`, "is missing, and nothing"},
		"rules removed":             {`DELETE FROM interned WHERE instr(text, 'files.rego')`, "is missing, and nothing"},
		"removed beyond an erasure": {`DELETE FROM bodies WHERE instr(text, 'bob')`, "its text is missing, and nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			path := newRecord(t, 0)
			s, err := Open(Options{Path: path})
			must(t, err)
			diaries(t, s)
			if name == "removed beyond an erasure" {
				_, err = s.Erase(t.Context(), Erasure{Agent: "ann", Why: "she asked"})
				must(t, err)
			}
			must(t, s.Close())
			tamper(t, path, test.statement)
			v := verified(t, path)
			if len(v.Problems) == 0 || !strings.Contains(v.Problems[0].String(), test.want) {
				t.Errorf("verify says %v, want %q", v.Problems, test.want)
			}
		})
	}
}

// TestEraseWhileTheAgentCalls erases what an agent claimed while it goes on calling: of its
// calls before, the claims are gone and stay gone, and of those after none is missing.
func TestEraseWhileTheAgentCalls(t *testing.T) {
	s := openStore(t)
	ann, _ := diaries(t, s)
	over, first := make(chan struct{}), make(chan struct{})
	var calls sync.WaitGroup
	calls.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-over:
				return
			default:
				diaries(t, s)
			}
			if n == 0 {
				close(first)
			}
		}
	})
	<-first
	e, err := s.Erase(t.Context(), Erasure{Agent: "ann", Why: "she asked for it"})
	close(over)
	calls.Wait()
	must(t, err)
	settled(t, s)
	var shows int64
	must(t, s.Reader.now(t.Context()).QueryRowContext(t.Context(), "SELECT count(*) FROM events JOIN interned i ON i.digest = who WHERE agent = 'ann' AND seq <= ?", e.Through).Scan(&shows))
	if c := shown(t, s, ann.ID); shows > 0 || c.Roles != "" {
		t.Errorf("%d events before show what she claimed: %+v", shows, c)
	}
	must(t, s.Close())
	if v := verified(t, s.opts.Path); len(v.Problems) > 0 {
		t.Errorf("got %v", v.Problems)
	}
}

// TestEraseWhileSomebodyReads has another program in the middle of reading. The bytes
// stay in the write-ahead log then, which is said; nothing that can be asked for stays.
func TestEraseWhileSomebodyReads(t *testing.T) {
	s := openStore(t, func(o *Options) { o.Busy = 20 * time.Millisecond })
	ann, _ := diaries(t, s)
	db, err := sql.Open("sqlite3", "file:"+s.opts.Path+"?mode=ro")
	must(t, err)
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), "SELECT seq FROM events")
	must(t, err)
	if !rows.Next() {
		t.Fatal("nothing to read")
	}
	_, err = s.Erase(t.Context(), Erasure{Agent: "ann", Why: "she asked for it"})
	if !errors.Is(err, ErrLogHeld) {
		t.Fatalf("got %v", err)
	}
	var left int
	must(t, s.Reader.now(t.Context()).QueryRowContext(t.Context(), "SELECT (SELECT count(*) FROM interned WHERE text LIKE '%Synthetic ann%') + (SELECT count(*) FROM bodies WHERE text LIKE '%ann''s synthetic%')").Scan(&left))
	if left != 0 {
		t.Errorf("%d texts of %s are left", left, ann.Agent.ID)
	}
	must(t, rows.Close())
}

// TestTextsExpireBehindWhatStays: what the gateway says of itself keeps its texts, however
// much there is of it before the first call that is old.
func TestTextsExpireBehindWhatStays(t *testing.T) {
	s := openStore(t)
	inFlightN(t, 64, 2100, func() error {
		e := ownEvent(TypeHangup, struct{}{})
		e.seal([]byte(`{"kept":1}`), nil, nil)
		_, err := s.writer.append(t.Context(), *e)
		return err
	})
	c := record(t, s, `{"a":"old"}`, `{}`)
	must(t, s.writer.do(t.Context(), func() error { return s.writer.expire(time.Now().Add(time.Second)) }))
	if left := column1(t, s, "SELECT coalesce(args, '') || coalesce(result, '') FROM calls WHERE id = ?", c.ID); left[0] != "" {
		t.Errorf("the texts of an old call are there: %s", left[0])
	}
	if n := column1(t, s, "SELECT count(*) FROM bodies WHERE text = '{\"kept\":1}'"); n[0] != "2100" {
		t.Errorf("%s of the gateway's own texts are there, want 2100", n[0])
	}
}
