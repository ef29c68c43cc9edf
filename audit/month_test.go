package audit

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"toolward/gateway"
)

// atScale is how many calls a record at scale has, and where it is: what
// TOOLWARD_CALLS and TOOLWARD_RECORD say, or few and in a place of the test's own.
func atScale(t *testing.T) (calls int, path string) {
	if n, err := strconv.Atoi(os.Getenv("TOOLWARD_CALLS")); err == nil {
		return n, os.Getenv("TOOLWARD_RECORD")
	}
	return 3000, t.TempDir() + "/toolward.db"
}

// TestRecordOfAMonth makes such a record, and says what a call of it takes. `make
// scale` runs it.
func TestRecordOfAMonth(t *testing.T) {
	calls, path := atScale(t)
	start := time.Now()
	makeMonth(t, path, calls)
	took := time.Since(start)
	info, err := os.Stat(path)
	must(t, err)
	t.Logf("%d calls, %d bytes: %d bytes a call, %.0f calls a second", calls, info.Size(), info.Size()/int64(calls), float64(calls)/took.Seconds())
	r, err := OpenReader(path)
	must(t, err)
	defer r.Close() //nolint:errcheck // reading only
	var made int
	must(t, r.db.QueryRowContext(t.Context(), "SELECT sum(calls) FROM counts").Scan(&made))
	if made != calls {
		t.Errorf("%d calls are counted, want %d", made, calls)
	}
}

// makeMonth records calls that are spread over thirty days, or as many as
// TOOLWARD_DAYS says, as the store does.
func makeMonth(t *testing.T, path string, calls int) {
	t.Helper()
	s, err := Open(Options{Path: path, Every: time.Hour})
	must(t, err)
	days := 30 * 24 * time.Hour
	if n, err := strconv.Atoi(os.Getenv("TOOLWARD_DAYS")); err == nil {
		days = time.Duration(n) * 24 * time.Hour
	}
	m := month{newTypicalCalls(), s, time.Now().Add(-days), days / time.Duration(calls)}
	next := make(chan int, 1024)
	go func() {
		for i := range calls {
			next <- i
		}
		close(next)
	}()
	inFlightN(t, 64, calls, func() error { return m.record(t, <-next) })
	for more := true; more; {
		more, err = s.indexSpan(t.Context())
		must(t, err)
	}
	must(t, s.Close())
}

// month is calls of a dozen agents to eight servers, each agent in a new session
// after 280 calls: seven in a hundred are denied, one in eighty fails, one in a
// hundred carries a credential; agent-03 has neither failures nor credentials.
type month struct {
	*typicalCalls
	store *Store
	begin time.Time
	step  time.Duration
}

// record records the call of a number.
func (m *month) record(t *testing.T, i int) error {
	draw, ctx := rand.New(rand.NewPCG(1, uint64(i))).Float64(), t.Context()
	c := m.nth(t, i)
	c.Time = m.begin.Add(time.Duration(i) * m.step)
	note := fmt.Sprintf(`{"id":"%d","note":"note-%d `, i, i)
	c.Args, _ = gateway.ParseArgs([]byte(note + strings.Repeat("for the quarterly report ", 11)[:257-2-len(note)] + `"}`))
	c.Session.ID = fmt.Sprintf("%016x", i/7/40*12+i/7%12)
	three := c.Agent == m.agents[3]
	if i == 1234 {
		rare := *c.Agent
		rare.ID = "agent-rare"
		c.Agent = &rare
	}
	if draw > 0.99 && !three {
		c.Findings = []gateway.Finding{{Kind: gateway.FindingSecret, Rule: "secret.github-pat", Stage: gateway.StageRequest, Where: "/note", Severity: gateway.SeverityHigh, Action: gateway.ActionObserve}}
	}
	us := int64(900 + 20000*draw)
	if draw < 0.0001 {
		us = 9_500_000
	}
	if draw > 0.9 && draw < 0.97 {
		c.Decision.Effect = gateway.EffectDeny
		c.Refusal = gateway.Refuse("policy", gateway.PolicyDenied, "not for this role")
		return appendAt(ctx, m.store, gateway.PhaseRefusal, c, us)
	}
	if err := appendAt(ctx, m.store, gateway.PhaseAttempt, c, 0); err != nil || i%100_003 == 5 {
		return err
	}
	switch {
	case draw < 0.01 && !three:
		c.Refusal = gateway.Refuse("upstream", gateway.UpstreamTimeout, "it took too long")
	case draw < 0.012:
		c.Refusal = gateway.Refuse("upstream", gateway.UpstreamDown, "it is down")
	default:
		m.answer(c)
	}
	return appendAt(ctx, m.store, gateway.PhaseOutcome, c, us)
}

// appendAt records a phase of a call of the past.
func appendAt(ctx context.Context, s *Store, p gateway.Phase, c *gateway.Call, us int64) error {
	e := s.recorder.event(p, c)
	if p == gateway.PhaseOutcome {
		e.TimeUnixMs = c.Time.UnixMilli() + us/1000
	}
	e.Us = us
	_, err := s.writer.append(ctx, e)
	return err
}
