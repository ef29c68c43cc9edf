//go:build e2e

package attacks

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"toolward/e2e/lab"
)

// limited is a gateway with the limits that nobody set, but for some.
func limited(t *testing.T, limits map[string]any) *lab.Gateway {
	t.Helper()
	return lab.Start(t, lab.Options{Config: map[string]any{"limits": limits}})
}

func listTools(t *testing.T, g *lab.Gateway, token string) lab.Answer {
	t.Helper()
	r := lab.NewRequest(t, g.URL+"/v1/tools", token, http.NoBody)
	r.Method = http.MethodGet
	return lab.Do(t, r)
}

// A flood of lists is refused by a bucket of its own, and calls go on meanwhile.
func TestAttackFloodOfLists(t *testing.T) {
	g := limited(t, map[string]any{"lists": map[string]any{"rate": "60/min", "burst": 5}})
	token := g.Token("eve", "tester")
	var wg sync.WaitGroup
	var refused atomic.Int64
	for range 200 {
		wg.Go(func() {
			if a := listTools(t, g, token); a.Status == 429 && a.Header.Get("Retry-After") != "" && strings.Contains(a.Text, "your lists") {
				refused.Add(1)
			}
		})
	}
	for range 10 {
		if a := lab.CallREST(t, g, token, "lab__echo", lab.Text("hello")); a.Status != 200 {
			t.Errorf("a call meanwhile: %d %s", a.Status, a.Text)
		}
	}
	wg.Wait()
	if n := refused.Load(); n < 150 {
		t.Errorf("%d of 200 lists were refused", n)
	}
	if a := listTools(t, g, g.Token("ann", "tester")); a.Status != 200 {
		t.Errorf("another agent's list: %d %s", a.Status, a.Text)
	}
}

// Calls that wait are few, whatever is sent: of 300 most are refused at once, those that
// wait hold none of the agent's places, and another agent's call goes on beside them.
func TestAttackCallsThatWait(t *testing.T) {
	g := limited(t, map[string]any{"agents": map[string]any{"eve": map[string]any{"rate": "1/s", "burst": 1}}, "wait": "10s", "total": 2, "concurrency": 1})
	token := g.Token("eve", "tester")
	var refused, late atomic.Int64
	var wg sync.WaitGroup
	for range 300 {
		wg.Go(func() {
			began := time.Now()
			if a := lab.CallREST(t, g, token, "lab__echo", lab.Text("hello")); a.Status == 429 {
				refused.Add(1)
				if time.Since(began) > 5*time.Second {
					late.Add(1)
				}
			}
		})
	}
	g.Until(t, "most are not refused", func() bool { return refused.Load() > 250 })
	if a := lab.CallREST(t, g, g.Token("ann", "tester"), "lab__echo", lab.Text("hello")); a.Status != 200 {
		t.Errorf("another agent meanwhile: %d %s", a.Status, a.Text)
	}
	wg.Wait()
	if late.Load() > 16 {
		t.Errorf("%d waited and were refused then", late.Load())
	}
	g.CheckAlive(t)
}

// An agent that leaves while its call waits takes nothing: no attempt is on record and
// the next call has its place.
func TestCancelledWaitLeavesNothing(t *testing.T) {
	g := limited(t, map[string]any{"agents": map[string]any{"ann": map[string]any{"rate": "30/min", "burst": 1}}, "wait": "10s"})
	token, gone := g.Token("ann", "tester"), lab.Marker()
	if a := lab.CallREST(t, g, token, "lab__echo", lab.Text("first")); a.Status != 200 {
		t.Fatal(a.Text)
	}
	r, err := http.NewRequest(http.MethodPost, g.URL+"/v1/tools/lab__echo/call", strings.NewReader(lab.Text(gone)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	if resp, err := (&http.Client{Timeout: 300 * time.Millisecond}).Do(r); err == nil {
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		t.Fatalf("it did not wait: %s", body)
	}
	began := time.Now()
	if a := lab.CallREST(t, g, token, "lab__echo", lab.Text("second")); a.Status != 200 {
		t.Errorf("the next: %d %s", a.Status, a.Text)
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("the next waited for %v, its own place and that of the one who left", took)
	}
	if n := g.Upstream.Executed(gone); n != 0 {
		t.Errorf("the call of who left was made %d times", n)
	}
	if n := g.Count(t, "", "code = 'cancelled' AND agent = 'ann'"); n != 1 {
		t.Errorf("%d cancelled calls are on record, want 1", n)
	}
}
