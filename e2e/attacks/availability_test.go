//go:build e2e

package attacks

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"toolward/e2e/lab"
)

// rss is the gateway's resident memory in MiB.
func rss(t *testing.T, g *lab.Gateway) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", g.Pid()))
	if err != nil {
		t.Fatal(err)
	}
	_, line, _ := strings.Cut(string(b), "VmRSS:")
	var kib int
	if _, err := fmt.Sscan(line, &kib); err != nil {
		t.Fatal(err)
	}
	return kib >> 10
}

// connect opens a connection to the gateway and writes a request's head.
func connect(t *testing.T, g *lab.Gateway, head string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(g.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := io.WriteString(conn, head); err != nil {
		t.Fatal(err)
	}
	return conn
}

// One agent sends four hundred large bodies and finishes none. They cost memory
// from their first byte, long before the call that they hold takes from its
// limit: 400 x 3 MiB were 1.2 GiB, renewed every half minute.
func TestUnfinishedBodiesOfOneAgent(t *testing.T) {
	for _, path := range []string{"/v1/tools/lab__echo/call", "/v1/tool_calls", "/mcp"} {
		t.Run(path, func(t *testing.T) {
			g := lab.Start(t, lab.Options{})
			before := rss(t, g)
			const large = 3 << 20
			token, part := g.Tester(), strings.Repeat("a", large)
			var refused sync.WaitGroup
			var mu sync.Mutex
			codes := map[string]int{}
			for range 400 {
				conn := connect(t, g, fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\nContent-Length: %d\r\n\r\n{\"text\":\"",
					path, strings.TrimPrefix(g.URL, "http://"), token, large+20))
				refused.Go(func() {
					_, _ = io.WriteString(conn, part) // fails for those that are refused
				})
				go func() {
					resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
					if err != nil {
						return
					}
					resp.Body.Close()
					mu.Lock()
					codes[resp.Status]++
					mu.Unlock()
				}()
			}
			refused.Wait()
			g.Until(t, "the bodies are not refused", func() bool {
				mu.Lock()
				defer mu.Unlock()
				return codes["429 Too Many Requests"] > 300
			})
			if grown := rss(t, g) - before; grown > 400 {
				t.Errorf("the gateway grew by %d MiB", grown)
			}
			if a := lab.CallREST(t, g, g.Token("other", "tester"), "lab__echo", `{"text":"still here"}`); a.Status != 200 {
				t.Errorf("another agent: %d %s", a.Status, a.Text)
			}
			if a := lab.CallREST(t, g, token, "lab__echo", `{"text":"small"}`); a.Status != 200 {
				t.Errorf("a small call of the same agent: %d %s", a.Status, a.Text)
			}
		})
	}
}

// One agent's calls hang, or time out, as often as its own limit lets it. The
// upstream stays there for the others: slots of its own for them, and no circuit
// breaker that one agent can open for all.
func TestOneAgentDoesNotTakeAnUpstreamFromOthers(t *testing.T) {
	up := lab.NewUpstream(t)
	g := lab.Start(t, lab.Options{Upstream: up, Config: map[string]any{
		"upstreams": map[string]any{"lab": map[string]any{"url": up.URL(), "timeout": "20s", "concurrency": 8}},
		"limits":    map[string]any{"default": map[string]any{"rate": "600000/min", "burst": 100000}, "concurrency": 8},
	}})
	var calls sync.WaitGroup
	defer calls.Wait()
	defer up.Release()
	for i := range 8 {
		calls.Go(func() { lab.CallREST(t, g, g.Token("greedy", "tester"), "lab__wait", lab.Text(fmt.Sprint("call ", i))) })
	}
	for range 6 { // as many as one agent may have
		<-up.Waiting()
	}
	g.Until(t, "not all of its calls are on their way", func() bool {
		r, err := http.NewRequest(http.MethodGet, g.URL+"/metrics", nil)
		return err == nil && strings.Contains(lab.Do(t, r).Text, "toolward_calls_in_flight 8\n")
	})
	if a := lab.CallREST(t, g, g.Token("other", "tester"), "lab__echo", lab.Text("hello")); a.Status != 200 {
		t.Errorf("another agent while one has all that it may: %d %s", a.Status, a.Text)
	}
}

func TestTimeoutsOfOneAgentOpenNoBreakerForOthers(t *testing.T) {
	g := lab.Start(t, lab.Options{Config: map[string]any{}})
	greedy := g.Token("greedy", "tester")
	var calls sync.WaitGroup
	for range 8 {
		calls.Go(func() { lab.CallREST(t, g, greedy, "lab__hang", lab.Text("x")) })
	}
	calls.Wait()
	if a := lab.CallREST(t, g, greedy, "lab__echo", lab.Text("mine")); a.Code != "upstream_down" {
		t.Errorf("the agent whose calls time out: %d %s, want its breaker open", a.Status, a.Code)
	}
	if a := lab.CallREST(t, g, g.Token("other", "tester"), "lab__echo", lab.Text("hello")); a.Status != 200 {
		t.Errorf("another agent: %d %s", a.Status, a.Text)
	}
}

// A web page in the browser of whoever works on this machine makes requests to
// the gateway. They are refused for their Origin, and must not use up what good
// tokens from the same address may fail.
func TestRequestsOfAWebPageLockNobodyOut(t *testing.T) {
	g := lab.Start(t, lab.Options{Config: map[string]any{"limits": map[string]any{"failures": map[string]any{"rate": "1/min", "burst": 10}}}})
	for i := range 60 {
		r := lab.NewRequest(t, g.URL+"/mcp", "", strings.NewReader("{}"))
		switch i % 3 {
		case 0:
			r.Header.Set("Origin", "https://evil.example")
		case 1:
			r.Host = "evil.example"
		default:
			r.URL.Path = "/a//b"
		}
		lab.Do(t, r)
	}
	if a := lab.CallREST(t, g, g.Token("fresh", "tester"), "lab__echo", lab.Text("hello")); a.Status != 200 {
		t.Errorf("a good token after them: %d %s", a.Status, a.Text)
	}
}

// A proxy on the same machine makes every peer a loopback one. What shows that
// a request came through one takes the exception for this machine away.
func TestMetricsBehindAProxy(t *testing.T) {
	for name, set := range map[string]func(*http.Request){
		"X-Forwarded-For": func(r *http.Request) { r.Header.Set("X-Forwarded-For", "192.0.2.1") },
		"Forwarded":       func(r *http.Request) { r.Header.Set("Forwarded", "for=192.0.2.1") },
		"Via":             func(r *http.Request) { r.Header.Set("Via", "1.1 proxy") },
		"X-Real-IP":       func(r *http.Request) { r.Header.Set("X-Real-IP", "192.0.2.1") },
		"another Host":    func(r *http.Request) { r.Host = "gw.example.com" },
	} {
		t.Run(name, func(t *testing.T) {
			g := lab.Start(t, lab.Options{Config: map[string]any{"http": map[string]any{"hosts": []string{"gw.example.com"}}}})
			r, err := http.NewRequest(http.MethodGet, g.URL+"/metrics", nil)
			if err != nil {
				t.Fatal(err)
			}
			if a := lab.Do(t, r.Clone(t.Context())); a.Status != 200 {
				t.Errorf("from this machine: %d", a.Status)
			}
			set(r)
			if a := lab.Do(t, r); a.Status != 403 {
				t.Errorf("through a proxy: %d, want 403", a.Status)
			}
		})
	}
}
