//go:build unix

package audit

import (
	"fmt"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// TestReviewAtScale measures what a reviewer waits for, on a record of
// TOOLWARD_CALLS calls over thirty days. It is made at TOOLWARD_RECORD if it is not
// there. `make review` runs it; without the variable, a small one is tested.
func TestReviewAtScale(t *testing.T) {
	calls, path := atScale(t)
	if _, err := os.Stat(path); err != nil {
		makeMonth(t, path, calls)
	}
	r, err := OpenReader(path)
	must(t, err)
	defer r.Close() //nolint:errcheck // reading only
	newest, _, err := r.List(t.Context(), Filter{}, 1, 0)
	must(t, err)
	end := time.UnixMilli(newest[0].TimeUnixMs)
	oldest, _, err := r.ListOldest(t.Context(), Filter{}, 20, 0)
	must(t, err)
	is := func(m Match) Filter { return Filter{Match: m} }
	since := func(f Filter, d time.Duration) Filter { f.Since = end.Add(-d); return f }
	until := func(f Filter, d time.Duration) Filter { f.Until = end.Add(-d); return f }
	week := 7 * 24 * time.Hour
	filters := []struct {
		name string
		f    Filter
	}{
		{"newest", Filter{}},
		{"agent", is(Match{Agent: Values{"agent-03"}})},
		{"agent, nobody's", is(Match{Agent: Values{"nobody"}})},
		{"agent, of one call", is(Match{Agent: Values{"agent-rare"}})},
		{"tool", is(Match{Tool: Values{"crm__get_customer1"}})},
		{"server", is(Match{Server: Values{"slack"}})},
		{"server, none", is(Match{Server: Values{"nosuch"}})},
		{"outcome failed", is(Match{Outcome: Values{"failed"}})},
		{"outcome withheld, none", is(Match{Outcome: Values{"withheld"}})},
		{"outcome interrupted", is(Match{Outcome: Values{"interrupted"}})},
		{"code policy", is(Match{Code: Values{"policy"}})},
		{"two codes", is(Match{Code: Values{"policy", "upstream_timeout"}})},
		{"not ok", Filter{Not: Match{Outcome: Values{"ok"}}}},
		{"finding", is(Match{Finding: Values{"secret"}})},
		{"finding's rule", is(Match{Rule: Values{"secret.github-pat"}})},
		{"policy rule", is(Match{Rule: Values{"policies/web.rego:3"}})},
		{"label", is(Match{Label: Values{"external"}})},
		{"role", is(Match{Role: Values{"support"}})},
		{"peer, none", is(Match{Peer: Values{"203.0.113.9"}})},
		{"session", Filter{Session: Values{oldest[len(oldest)-1].Session}}},
		{"session by name", Filter{Session: Values{"s-agent-03"}}},
		{"agent, never with this outcome", is(Match{Agent: Values{"agent-03"}, Outcome: Values{"timeout"}})},
		{"finding, never of this agent", is(Match{Agent: Values{"agent-03"}, Finding: Values{"secret"}})},
		{"label, tool, outcome", is(Match{Label: Values{"external"}, Tool: Values{"slack__post_message1"}, Outcome: Values{"refused"}})},
		{"last day, denied", since(is(Match{Effect: Values{"deny"}}), 24*time.Hour)},
		{"last day, failed, of one agent", since(is(Match{Agent: Values{"agent-05"}, Outcome: Values{"failed"}}), 24*time.Hour)},
		{"before three weeks", until(Filter{}, 3*week)},
		{"before three weeks, agent", until(is(Match{Agent: Values{"agent-03"}}), 3*week)},
		{"slower than 40 s, none", Filter{MinMs: 40_000}},
		{"slower than 9 s", Filter{MinMs: 9_000}},
		{"text of one call", Filter{Text: "note-" + strconv.Itoa(calls/3)}},
		{"text of a hash, none", Filter{Text: "hmac:9f2c41d07a55e1b3"}},
		{"text of many", Filter{Text: "ipsum"}},
		{"argument", Filter{Args: []Arg{{"id", strconv.Itoa(calls / 2)}}}},
		{"from a call, none", Filter{FromCall: "01a20cb2-b175-7000-8000-000000000000"}},
	}
	t.Logf("%-36s %9s %9s %9s %6s", fmt.Sprintf("%d calls; list of 50", calls), "newest", "oldest", "both CPU", "rows")
	for _, one := range filters {
		start, used := time.Now(), processor(t)
		down, _, err := r.List(t.Context(), one.f, 50, 0)
		must(t, err)
		between := time.Now()
		up, _, err := r.ListOldest(t.Context(), one.f, 50, 0)
		must(t, err)
		took, tookUp := between.Sub(start), time.Since(between)
		t.Logf("%-36s %7dms %7dms %7dms %6d", one.name, took.Milliseconds(), tookUp.Milliseconds(), (processor(t) - used).Milliseconds(), len(down))
		if len(down) != len(up) {
			t.Errorf("%s: %d newest and %d oldest", one.name, len(down), len(up))
		}
		if worst := max(took, tookUp); worst > time.Second && calls > 3000 {
			t.Errorf("%s took %v", one.name, worst)
		}
	}
	for _, one := range []struct {
		name string
		do   func() error
	}{
		{"stats of all", func() error { _, err := r.Stats(t.Context(), Filter{}); return err }},
		{"stats of an hour", func() error { _, err := r.Stats(t.Context(), since(Filter{}, time.Hour)); return err }},
		{"stats of a week, one agent", func() error {
			_, err := r.Stats(t.Context(), since(is(Match{Agent: Values{"agent-03"}}), week))
			return err
		}},
		{"series by outcome, hours", func() error { _, err := r.Series(t.Context(), Filter{}, []string{"outcome"}, time.Hour); return err }},
		{"series by role, days", func() error { _, err := r.Series(t.Context(), Filter{}, []string{"role"}, 24*time.Hour); return err }},
		{"stats of a month", func() error { _, err := r.Stats(t.Context(), since(Filter{}, 30*24*time.Hour)); return err }},
		{"a week against the week before", func() error {
			_, err := r.Changes(t.Context(), since(Filter{}, week), []string{"tool", "outcome"})
			return err
		}},
		{"series by tool, hours", func() error { _, err := r.Series(t.Context(), Filter{}, []string{"tool"}, time.Hour); return err }},
		{"view grants", func() error { _, err := r.View(t.Context(), ViewQuery{Name: "grants", Limit: 50}); return err }},
		{"view tools", func() error { _, err := r.View(t.Context(), ViewQuery{Name: "tools", Limit: 50}); return err }},
		{"view habits", func() error { _, err := r.View(t.Context(), ViewQuery{Name: "habits", Limit: 50}); return err }},
		{"view hourly", func() error { _, err := r.View(t.Context(), ViewQuery{Name: "hourly", Limit: 50}); return err }},
		{"view findings", func() error { _, err := r.View(t.Context(), ViewQuery{Name: "findings", Limit: 50}); return err }},
	} {
		start, used := time.Now(), processor(t)
		must(t, one.do())
		took := time.Since(start)
		t.Logf("%-36s %7dms %17dms", one.name, took.Milliseconds(), (processor(t) - used).Milliseconds())
		if took > 3*time.Second && calls > 3000 {
			t.Errorf("%s took %v", one.name, took)
		}
	}
}

// processor is the processor time that this process took so far: on a shared machine
// it says more than the time on the wall.
func processor(t *testing.T) time.Duration {
	t.Helper()
	var r syscall.Rusage
	must(t, syscall.Getrusage(syscall.RUSAGE_SELF, &r))
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
