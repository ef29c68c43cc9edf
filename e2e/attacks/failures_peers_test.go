//go:build e2e

package attacks

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"toolward/auth/authtest"
	"toolward/e2e/lab"
)

// from is a client whose requests come from an address of this machine.
func from(address string) *http.Client {
	d := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	return &http.Client{Transport: &http.Transport{DialContext: d.DialContext, MaxIdleConnsPerHost: 8}}
}

// TestThousandFailuresAddUp makes 1,000 attempts of four kinds from two addresses, at
// once and at every door: guesses, one expired token again and again (after more
// guesses than anybody remembers), no token, a wrong operator's credential. Each is
// counted once, and the record's own refusals and its aggregates come to the same.
func TestThousandFailuresAddUp(t *testing.T) {
	g := lab.Start(t, lab.Options{Config: map[string]any{"limits": map[string]any{
		"default": map[string]any{"rate": "600000/min", "burst": 100000}, "failures": map[string]any{"rate": "1/d", "burst": 20},
	}}})
	stranger := authtest.New(t)
	claims := g.Issuer.Claims("late", lab.Audience, map[string]any{"exp": time.Now().Add(-time.Hour).Unix()})
	replayed := g.Issuer.Sign(claims)
	doors := []string{"/v1/tools/lab__echo/call", "/mcp", "/mcp/lab", "/v1/admin/me", "/sse"}
	kinds := []struct {
		name  string
		n     int
		token func(i int) string
	}{
		{"guesses", 150, func(i int) string {
			return stranger.Sign(g.Issuer.Claims(fmt.Sprint("attacker-", i), lab.Audience, nil))
		}},
		{"replayed", 200, func(int) string { return replayed }},
		{"none", 100, func(int) string { return "" }},
		{"credential", 50, func(i int) string { return fmt.Sprintf("twop_%043d", i) }},
	}
	peers := []string{"127.0.0.1", "127.0.0.2"}
	const each = 500
	before := failureMetrics(t, g)
	var wg sync.WaitGroup
	for _, peer := range peers {
		client := from(peer)
		wg.Go(func() {
			for _, kind := range kinds {
				work := make(chan int)
				var group sync.WaitGroup
				for range 4 {
					group.Go(func() {
						for i := range work {
							if status := attempt(t, client, g.URL+doors[i%len(doors)], kind.token(i)); status != 401 && status != 429 {
								t.Errorf("%s at %s: %d", kind.name, doors[i%len(doors)], status)
							}
						}
					})
				}
				for i := range kind.n {
					work <- i
				}
				close(work)
				group.Wait()
			}
		})
	}
	wg.Wait()
	after := failureMetrics(t, g)
	total := 0
	for reason, n := range after {
		total += n - before[reason]
	}
	if total != each*len(peers) {
		t.Errorf("%d of %d failures are counted: %v", total, each*len(peers), after)
	}
	if n := after["credential"] - before["credential"]; n == 0 || after["other"] != before["other"] {
		t.Errorf("guesses at the operator's credential: %d, and %d for no reason", n, after["other"])
	}
	g.Stop(t)
	for _, peer := range peers {
		var sum struct{ N, Recorded, Reasons, Same int }
		query := `SELECT coalesce(sum(body ->> 'n'), 0) AS n, coalesce(sum(body ->> 'recorded'), 0) AS recorded,
			coalesce(sum((SELECT sum(value) FROM json_each(body, '$.reasons'))), 0) AS reasons,
			coalesce(sum((SELECT max(value) FROM json_each(body, '$.tokens'))), 0) AS same
			FROM events WHERE type = 'auth.failures' AND body ->> 'peer' = '` + peer + `'`
		raw, err := json.Marshal(g.Rows(t, "", query)[0])
		must(t, err)
		must(t, json.Unmarshal(raw, &sum))
		own := g.Count(t, "", "code = 'unauthenticated' AND peer = '"+peer+"'")
		if got := own + sum.N - sum.Recorded; got != each {
			t.Errorf("%s: %d events of their own and %+v: %d failures, want %d", peer, own, sum, got, each)
		}
		if sum.Reasons != sum.N || own > 22 {
			t.Errorf("%s: reasons come to %d of %d; %d have events of their own", peer, sum.Reasons, sum.N, own)
		}
		if sum.Same < 200-3 || sum.Same > 200 {
			t.Errorf("%s: one token was used 200 times, and the record says %d", peer, sum.Same)
		}
	}
}

func attempt(t *testing.T, client *http.Client, url, token string) int {
	r, err := http.NewRequest(http.MethodPost, url, strings.NewReader(`{}`))
	if strings.HasSuffix(url, "/me") || strings.HasSuffix(url, "/sse") {
		r, err = http.NewRequest(http.MethodGet, url, nil)
	}
	if err != nil {
		t.Error(err)
		return 0
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json, text/event-stream")
	resp, err := client.Do(r)
	if err != nil {
		t.Error(err)
		return 0
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body) // so that the connection is used again
	return resp.StatusCode
}

// failureMetrics are toolward_auth_failures_total by reason.
func failureMetrics(t *testing.T, g *lab.Gateway) map[string]int {
	t.Helper()
	resp, err := http.Get(g.URL + "/metrics")
	must(t, err)
	text, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	must(t, err)
	all := map[string]int{}
	for line := range strings.Lines(string(text)) {
		rest, ok := strings.CutPrefix(line, "toolward_auth_failures_total{reason=\"")
		reason, value, found := strings.Cut(rest, "\"} ")
		if n := 0; ok && found {
			_, err := fmt.Sscan(value, &n)
			must(t, err)
			all[reason] = n
		}
	}
	return all
}
