//go:build e2e

package attacks

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"toolward/e2e/lab"
)

// TestKillUnderLoad kills the gateway with calls under way, again and again, on
// one record. Afterwards the chain verifies, every answer that an agent got has
// its outcome, everything that the upstream executed has its attempt, and what
// was in flight is shown as interrupted.
func TestKillUnderLoad(t *testing.T) {
	const rounds, agents = 8, 8
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	g := lab.Start(t, lab.Options{Config: map[string]any{"limits": map[string]any{"default": map[string]any{"rate": "600000/min", "burst": 100000}}}})
	acknowledged, enough := 0, 0
	for round := range rounds {
		// One call is in flight for certain when the gateway dies.
		held := fmt.Sprintf("held-%d-end", round)
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = quietCall(g, "wait", held) })
		<-g.Upstream.Waiting()
		enough += 20 + random.IntN(60)
		var mu sync.Mutex
		reached := make(chan struct{})
		answers := map[string]bool{}
		for range agents {
			wg.Go(func() {
				for {
					marker := lab.Marker()
					ok, err := quietCall(g, "echo", marker)
					if err != nil {
						return // it is dead
					}
					mu.Lock()
					if ok {
						answers[marker] = true
						if acknowledged++; acknowledged == enough {
							close(reached)
						}
					}
					mu.Unlock()
				}
			})
		}
		<-reached
		g.Kill()
		wg.Wait()
		enough = acknowledged
		g.CheckChain(t, "") // with what only the journal has
		g.Restart(t)        // which moves that into the database
		outcomes := texts(t, g, "outcome = 'ok'")
		for marker := range answers {
			if !outcomes[marker] {
				t.Errorf("round %d: %s was answered and has no outcome", round, marker)
			}
		}
	}
	attempts := texts(t, g, "outcome IN ('ok', 'interrupted')")
	for _, c := range g.Upstream.Ledger() {
		if marker := textOf(c.Args); !attempts[marker] {
			t.Errorf("%s was executed and has no attempt", marker)
		}
	}
	interrupted := texts(t, g, "outcome = 'interrupted'")
	for round := range rounds {
		if held := fmt.Sprintf("held-%d-end", round); !interrupted[held] {
			t.Errorf("%s was in flight and is not shown as interrupted", held)
		}
	}
	if n := g.Count(t, "", "outcome = 'running'"); n != 0 {
		t.Errorf("%d calls of the dead are shown as running", n)
	}
	t.Logf("%d calls acknowledged, %d executed, %d interrupted", acknowledged, len(g.Upstream.Ledger()), len(interrupted))
	g.CheckAlive(t)
}

// quietCall calls a tool, and returns an error if no whole answer comes.
func quietCall(g *lab.Gateway, tool, text string) (ok bool, err error) {
	r, err := http.NewRequest(http.MethodPost, g.URL+"/v1/tools/lab__"+tool+"/call", strings.NewReader(lab.Text(text)))
	if err != nil {
		return false, err
	}
	r.Header.Set("Authorization", "Bearer "+g.Tester())
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	var body strings.Builder
	if err := resp.Write(&body); err != nil {
		return false, err
	}
	return resp.StatusCode == http.StatusOK && strings.Contains(body.String(), text), nil
}

// texts are the texts of the calls on record that a condition holds for.
func texts(t *testing.T, g *lab.Gateway, where string) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for _, row := range g.Rows(t, "", "SELECT args ->> '$.text' AS text FROM calls WHERE "+where) {
		if s, ok := row["text"].(string); ok {
			found[s] = true
		}
	}
	return found
}

func textOf(args string) string {
	return strings.TrimSuffix(strings.TrimPrefix(args, `{"text":"`), `"}`)
}

// TestTermWithCallsInFlight tells the gateway to stop while calls run: they
// finish and are answered, and it ends with 0.
func TestTermWithCallsInFlight(t *testing.T) {
	const calls = 20
	g := lab.Start(t, lab.Options{})
	answers := make(chan bool, calls)
	for i := range calls {
		go func() {
			ok, err := quietCall(g, "wait", fmt.Sprintf("last-%d-end", i))
			answers <- ok && err == nil
		}()
	}
	for range calls {
		<-g.Upstream.Waiting()
	}
	g.Signal(t, syscall.SIGTERM)
	g.Until(t, "new connections are still taken", func() bool {
		resp, err := http.Get(g.URL + "/readyz")
		if err == nil {
			resp.Body.Close()
		}
		return err != nil || resp.StatusCode == http.StatusServiceUnavailable
	})
	g.Upstream.Release()
	for range calls {
		if !<-answers {
			t.Error("a call that was in flight was not answered")
		}
	}
	if code := g.Wait(t); code != 0 {
		t.Errorf("it ends with %d\n%s", code, g.Log)
	}
	if n := g.Count(t, "", "outcome = 'ok' AND args LIKE '%last-%'"); n != calls {
		t.Errorf("%d outcomes are on record, want %d", n, calls)
	}
	g.CheckChain(t, "")
}

// TestNoProcessIsLeftAfterTerm stops a gateway whose upstream has started a child
// of its own: both end with it.
func TestNoProcessIsLeftAfterTerm(t *testing.T) {
	p, g := spawned(t)
	g.Signal(t, syscall.SIGTERM)
	g.Wait(t)
	until(t, "processes are left", func() bool { return len(p.Alive(t)) == 0 })
}

// TestNoUpstreamIsLeftAfterKill kills a gateway with kill -9: the kernel ends the
// upstream with it. What the upstream started itself nobody can end, if it does
// not notice; the test does.
func TestNoUpstreamIsLeftAfterKill(t *testing.T) {
	p, g := spawned(t)
	pids := p.Alive(t)
	t.Cleanup(func() { _ = syscall.Kill(pids[1], syscall.SIGKILL) })
	g.Kill()
	until(t, "the upstream is left", func() bool { return !slices.Contains(p.Alive(t), pids[0]) })
}

// spawned is a gateway with an upstream that has started a child.
func spawned(t *testing.T) (*lab.Process, *lab.Gateway) {
	t.Helper()
	p, u := lab.NewProcess(t), lab.NewUpstream(t)
	g := lab.Start(t, lab.Options{Upstream: u, Config: map[string]any{"upstreams": map[string]any{
		"lab": map[string]any{"url": u.URL()}, "proc": p.Config(),
	}}})
	if a := call(t, g, "proc", "spawn", "a child"); a.Code != "" {
		t.Fatalf("got %+v", a)
	}
	if alive := p.Alive(t); len(alive) != 2 {
		t.Fatalf("%d processes run, want the upstream and its child", len(alive))
	}
	return p, g
}

// until waits for a condition when there is no gateway to watch.
func until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(lab.Patience); !condition(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal(what)
		}
	}
}
