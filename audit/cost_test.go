package audit

import (
	"context"
	"database/sql"
	"strings"
	"testing"
	"time"

	"toolward/gateway"
)

// While somebody reads, what was erased stays in the write-ahead log, and the
// erasure waits. Nobody else does.
func TestCallsAreRecordedWhileAnErasureWaitsForAReader(t *testing.T) {
	s := openStore(t, func(o *Options) { o.Busy = time.Minute })
	diaries(t, s)
	settled(t, s)
	db, err := sql.Open("sqlite3", "file:"+s.opts.Path+"?mode=ro")
	must(t, err)
	defer db.Close()
	reading, err := db.Begin()
	must(t, err)
	count := func(q interface {
		QueryRow(string, ...any) *sql.Row
	}) (n int) {
		must(t, q.QueryRow("SELECT count(*) FROM bodies").Scan(&n))
		return n
	}
	texts := count(reading) // the transaction reads as of now

	erased := make(chan error, 1)
	go func() {
		_, err := s.Erase(context.Background(), Erasure{Session: (&gateway.Agent{Issuer: testAgent.Issuer, ID: "ann", Session: "s-ann"}).SessionID(),
			Why: "she asked for it", By: gateway.Operator{Issuer: gateway.LocalOperators, Subject: "dpo"}})
		erased <- err
	}()
	for other, err := sql.Open("sqlite3", "file:"+s.opts.Path+"?mode=ro"); ; {
		must(t, err)
		if count(other) < texts {
			must(t, other.Close())
			break
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for range 50 {
		must(t, s.Record(ctx, gateway.PhaseAttempt, newCall(t, `{}`)))
	}
	select {
	case err := <-erased:
		t.Fatalf("the erasure is over while somebody reads the log: %v", err)
	default:
	}
	must(t, reading.Rollback())
	must(t, <-erased)
}

// counts has no row for longer than its span that counts no call, and nobody takes
// such a row for a call.
func TestRowsThatCountNoCall(t *testing.T) {
	s := openStore(t)
	empty := func(where string) (n int) {
		t.Helper()
		must(t, s.Reader.now(t.Context()).QueryRow("SELECT count(*) FROM counts WHERE calls = 0"+where).Scan(&n))
		return n
	}
	call := func() error {
		c := newCall(t, `{}`)
		if err := s.Record(t.Context(), gateway.PhaseAttempt, c); err != nil {
			return err
		}
		settled(t, s) // the database sees it under way
		respond(c, `{"content":[]}`)
		return s.Record(t.Context(), gateway.PhaseOutcome, c)
	}
	must(t, call())
	if n := empty(""); n != 1 {
		t.Fatalf("%d rows count no call after one, want that of calls under way", n)
	}
	series, err := s.Series(t.Context(), Filter{}, []string{"outcome"}, 0)
	must(t, err)
	if len(series) != 1 || series[0].Calls != 1 {
		t.Errorf("%+v, want one call", series)
	}
	inFlightN(t, 16, spanSize/2+32, call)
	if n := empty(" AND span = 0"); n > 0 {
		t.Errorf("%d rows of the first span count no call in the second", n)
	}
	problems, err := s.Compare(t.Context())
	must(t, err)
	if len(problems) > 0 {
		t.Errorf("the counts are not those of the events: %v", problems)
	}
}

// Sums over a span are those of its calls, whether they were made before or after the
// rows that count none have gone.
func TestRowsThatCountNoCallAreInNoSums(t *testing.T) {
	s := openStore(t)
	call := func() error {
		c := newCall(t, `{}`)
		if err := s.Record(t.Context(), gateway.PhaseAttempt, c); err != nil {
			return err
		}
		respond(c, `{"content":[]}`)
		return s.Record(t.Context(), gateway.PhaseOutcome, c)
	}
	inFlightN(t, 16, spanSize/2-32, call)
	inFlightN(t, 16, 2*32, func() error { return s.Note(t.Context(), TypeStart, struct{}{}) })
	var left, summed int
	must(t, s.Reader.now(t.Context()).QueryRow("SELECT count(*) FROM counts WHERE span = 0 AND calls = 0").Scan(&left))
	if left == 0 {
		t.Fatal("no row counts no call: the test is about nothing")
	}
	for more := true; more; {
		var err error
		more, err = s.indexSpan(t.Context())
		must(t, err)
	}
	must(t, s.Reader.now(t.Context()).QueryRow("SELECT count(*) FROM hours WHERE first IS NOT NULL").Scan(&summed))
	if summed == 0 {
		t.Fatal("the span is in no sums: the test is about nothing")
	}
	for _, when := range []string{"before", "after"} {
		problems, err := s.Compare(t.Context())
		must(t, err)
		if len(problems) > 0 {
			t.Errorf("%s the rows have gone: %v", when, problems)
		}
		must(t, call()) // the next span begins
	}
}

// An outcome whose facet nobody worked out, as those that come from the standby, is
// counted by what is on record, whether or not its attempt is remembered.
func TestOutcomeWithoutAFacetIsCountedByTheRecord(t *testing.T) {
	for name, forgotten := range map[string]bool{"remembered": false, "forgotten": true} {
		t.Run(name, func(t *testing.T) {
			s := openStore(t)
			c := newCall(t, `{"path":"/srv/a"}`)
			c.Findings = []gateway.Finding{{Kind: gateway.FindingSecret, Rule: "secret.synthetic", Stage: gateway.StageRequest, Where: "/path", Severity: gateway.SeverityHigh, Action: gateway.ActionObserve}}
			must(t, s.Record(t.Context(), gateway.PhaseAttempt, c))
			if forgotten {
				must(t, s.writer.do(t.Context(), func() error { clear(s.writer.conn.counting.open); return nil }))
			}
			respond(c, `{"content":[]}`)
			e := s.recorder.event(gateway.PhaseOutcome, c)
			e.facet, e.sources = facet{}, nil
			_, err := s.writer.append(t.Context(), e)
			must(t, err)
			problems, err := s.Compare(t.Context())
			must(t, err)
			if len(problems) > 0 {
				t.Errorf("the counts are not those of the events: %v", problems)
			}
		})
	}
}

// A value lies in a buffer of the connection until the next: no column of an event
// may keep what an event before it had, and none that is empty may be anything.
func TestColumnsOfOneEventAreNotThoseOfAnother(t *testing.T) {
	s := openStore(t)
	full := newCall(t, `{"path":"/srv/a"}`)
	must(t, s.Record(t.Context(), gateway.PhaseAttempt, full))
	seq, err := s.Append(t.Context(), Event{Type: TypeStart, Body: `{}`})
	must(t, err)
	rows, err := s.Reader.now(t.Context()).Query("SELECT call, agent, server, tool, kind, effect, code, session, outcome, us, bytes, who, what, digest FROM events WHERE seq = ?", seq)
	must(t, err)
	defer rows.Close()
	if !rows.Next() {
		t.Fatal("the event is not there")
	}
	columns, into := make([]any, 14), make([]any, 14)
	for i := range columns {
		into[i] = &columns[i]
	}
	must(t, rows.Scan(into...))
	for i, v := range columns {
		if v != nil {
			t.Errorf("column %d is %v, want NULL", i, v)
		}
	}
}

// Texts go to SQLite in one of two ways, by their length.
func TestTextsOfAnyLengthAreStored(t *testing.T) {
	s := openStore(t)
	for _, length := range []int{0, 1, 4 << 10, maxBuffer - 20, maxBuffer + 20, 1 << 20} {
		text := `{"definition":"` + strings.Repeat("a", length) + `"}`
		seq, err := s.Append(t.Context(), Event{Type: TypeStart, Body: `{}`, Kept: Kept{Text: Raw(text)}})
		must(t, err)
		var stored string
		must(t, s.Reader.now(t.Context()).QueryRow("SELECT text FROM bodies WHERE seq = ?", seq).Scan(&stored))
		if stored != text {
			t.Errorf("of %d bytes %d are stored", len(text), len(stored))
		}
	}
	checkChain(t, s)
}
