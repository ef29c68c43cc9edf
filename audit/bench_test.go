//go:build unix

package audit

import (
	"context"
	"database/sql"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"toolward/audit/verify"
	"toolward/gateway"
)

func benchCall(b *testing.B) *gateway.Call {
	c := newCall(b, `{"path":"/srv/docs/report.md","query":"`+strings.Repeat("lorem ipsum ", 40)+`"}`)
	return c
}

// BenchmarkRecord compares with the least that anything in SQLite costs: the
// same bytes in a table of two columns, one commit each.
func BenchmarkRecord(b *testing.B) {
	for _, d := range []Durability{DurabilityProcess, DurabilityPower} {
		b.Run(string(d)+"/serial", func(b *testing.B) {
			s := openStore(b, func(o *Options) { o.Durability = d })
			c := benchCall(b)
			b.ReportAllocs()
			defer cpu(b)()
			for b.Loop() {
				must(b, s.Record(context.Background(), gateway.PhaseAttempt, c))
			}
		})
		b.Run(string(d)+"/parallel64", func(b *testing.B) {
			s := openStore(b, func(o *Options) { o.Durability = d })
			c := benchCall(b)
			b.ReportAllocs()
			defer cpu(b)()
			inFlight(b, 64, func() error { return s.Record(context.Background(), gateway.PhaseAttempt, c) })
		})
	}
	// Whole calls, of 1 KiB each way, until the database has them.
	b.Run("call", func(b *testing.B) {
		s, t := openStore(b), newTypicalCalls()
		text := strings.Repeat("for the quarterly report ", 40)[:1024-48]
		message, err := gateway.CheckObject([]byte(`{"result":{"content":[{"type":"text","text":"` + text + `"}]}}`))
		must(b, err)
		var calls []*gateway.Call
		for i := range 64 {
			c := t.nth(b, 7*i)
			c.Args = newCall(b, `{"path":"/srv/docs/0001.md","note":"`+text+`"}`).Args
			calls = append(calls, c)
		}
		next := make(chan int, len(calls))
		for i := range calls {
			next <- i
		}
		b.ReportAllocs()
		defer cpu(b)()
		inFlight(b, 16, func() error {
			i := <-next
			defer func() { next <- i }()
			c := *calls[i]
			c.ID = gateway.NewCall(c.Surface, c.Kind, c.Method).ID
			if err := s.Record(context.Background(), gateway.PhaseAttempt, &c); err != nil {
				return err
			}
			c.Scanned, c.Result, c.ResultDecision = gateway.StageResult, gateway.NewResult(message.Body().Raw(), message.Body()), c.Decision
			c.Stages.Record, c.Stages.Upstream = 310*time.Microsecond, 12*time.Millisecond
			return s.Record(context.Background(), gateway.PhaseOutcome, &c)
		})
		must(b, s.Close())
	})
	b.Run("encode", func(b *testing.B) {
		s := openStore(b)
		c := benchCall(b)
		b.ReportAllocs()
		for b.Loop() {
			s.recorder.event(gateway.PhaseAttempt, c)
		}
	})
	b.Run("bare-insert", func(b *testing.B) {
		db, err := sql.Open("sqlite3", "file:"+filepath.Join(b.TempDir(), "bare.db")+"?_journal_mode=WAL&_synchronous=NORMAL")
		must(b, err)
		_, err = db.Exec("CREATE TABLE events (seq INTEGER PRIMARY KEY, body TEXT)")
		must(b, err)
		insert, err := db.Prepare("INSERT INTO events (body) VALUES (?)")
		must(b, err)
		s := openStore(b)
		e := s.recorder.event(gateway.PhaseAttempt, benchCall(b))
		b.ReportAllocs()
		defer cpu(b)()
		for b.Loop() {
			if _, err := insert.Exec(string(e.Body)); err != nil {
				b.Fatal(err)
			}
		}
		must(b, insert.Close())
		must(b, db.Close())
	})
}

// cpu reports the processor time per operation: on a shared machine it says
// more than the time on the wall.
func cpu(b *testing.B) func() {
	used := func() int64 {
		var r syscall.Rusage
		must(b, syscall.Getrusage(syscall.RUSAGE_SELF, &r))
		return r.Utime.Nano() + r.Stime.Nano()
	}
	start := used()
	return func() { b.ReportMetric(float64(used()-start)/float64(b.N), "cpu-ns/op") }
}

// inFlight runs f b.N times, n at once.
func inFlight(b *testing.B, n int, f func() error) {
	b.ResetTimer()
	inFlightN(b, n, b.N, f)
}

// inFlightN runs f the given number of times, n at once.
func inFlightN(b testing.TB, n, times int, f func() error) {
	var left atomic.Int64
	left.Store(int64(times))
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				if err := f(); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// BenchmarkReview is what a reviewer waits for, on a record of 20,000 calls.
func BenchmarkReview(b *testing.B) {
	const calls = 20_000
	s := openStore(b)
	c := benchCall(b)
	inFlightN(b, 64, calls, func() error {
		one := *c
		one.ID = gateway.NewCall(c.Surface, c.Kind, c.Method).ID
		if err := s.Record(context.Background(), gateway.PhaseAttempt, &one); err != nil {
			return err
		}
		respond(&one, `{"content":[]}`)
		return s.Record(context.Background(), gateway.PhaseOutcome, &one)
	})
	b.Run("verify", func(b *testing.B) {
		for b.Loop() {
			v, err := verify.Record(context.Background(), verify.Options{Path: s.opts.Path})
			must(b, err)
			b.ReportMetric(float64(v.Events), "events/op")
		}
	})
	for name, f := range map[string]Filter{"latest": {}, "agent": {Match: Match{Agent: Values{"ann"}}}, "nobody": {Match: Match{Agent: Values{"nobody"}}}, "withheld": {Match: Match{Outcome: Values{"withheld"}}}} {
		b.Run("list-50-"+name, func(b *testing.B) {
			for b.Loop() {
				_, _, err := s.List(context.Background(), f, 50, 0)
				must(b, err)
			}
		})
	}
	b.Run("stats", func(b *testing.B) {
		for b.Loop() {
			_, err := s.Stats(context.Background(), Filter{})
			must(b, err)
		}
	})
}
