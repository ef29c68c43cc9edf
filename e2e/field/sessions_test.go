//go:build e2e

package field

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"toolward/e2e/lab"
)

// inSession is a session of a revision at a path.
type inSession struct {
	t                         *testing.T
	g                         *lab.Gateway
	token, path, id, revision string
}

func openSession(t *testing.T, g *lab.Gateway, token, path, revision string) inSession {
	t.Helper()
	hello := strings.Replace(lab.Hello, "2025-06-18", revision, 1)
	a := lab.Do(t, lab.NewRequest(t, g.URL+path, token, strings.NewReader(hello)))
	s := inSession{t, g, token, path, a.Header.Get("Mcp-Session-Id"), revision}
	if a.Status != 200 || s.id == "" || !strings.Contains(a.Text, `"protocolVersion":"`+revision+`"`) {
		t.Fatalf("initialize of %s: %d %s", revision, a.Status, a.Text)
	}
	return s
}

// send sends a message with header fields over the usual ones; "" takes one out.
func (s inSession) send(method, body string, header ...string) lab.Answer {
	s.t.Helper()
	r := lab.NewRequest(s.t, s.g.URL+s.path, s.token, strings.NewReader(body))
	r.Method = method
	r.Header.Set("Mcp-Session-Id", s.id)
	if s.revision >= "2025-06-18" {
		r.Header.Set("Mcp-Protocol-Version", s.revision)
	}
	for i := 0; i < len(header); i += 2 {
		if r.Header.Set(header[i], header[i+1]); header[i+1] == "" {
			r.Header.Del(header[i])
		}
	}
	return lab.Do(s.t, r)
}

func toolCall(id, name, text string) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":"tools/call","params":{"name":%q,"arguments":{"text":%q}}}`, id, name, text)
}

func cancelOf(id string) string {
	return `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":` + id + `}}`
}

// MCP basic/utilities/cancellation. Nothing orders a call and its cancellation,
// which come on connections of their own: 86 of 205 were lost.
func TestCancellationThatComesFirst(t *testing.T) {
	g := lab.Start(t, lab.Options{})
	for name, send := range map[string]func(marker string) lab.Answer{
		"Streamable HTTP": func(m string) lab.Answer {
			s := openSession(t, g, g.Tester(), "/mcp", "2025-11-25")
			s.send("POST", cancelOf(`"a"`))
			return s.send("POST", toolCall(`"a"`, "lab__echo", m))
		},
		"batch, call first": func(m string) lab.Answer {
			s := openSession(t, g, g.Tester(), "/mcp/lab", "2025-03-26")
			return s.send("POST", "["+toolCall("5", "echo", m)+","+cancelOf("5")+"]")
		},
		"batch, call last": func(m string) lab.Answer {
			s := openSession(t, g, g.Tester(), "/mcp/lab", "2025-03-26")
			return s.send("POST", "["+cancelOf("5")+","+toolCall("5", "echo", m)+"]")
		},
		"stdio": func(m string) lab.Answer {
			return lab.Stdio.Send(t, g, g.Tester(), "echo", cancelOf("-7")+"\n"+toolCall("-7", "lab__echo", m)+"\n"+`{"jsonrpc":"2.0","id":-8,"method":"ping"}`)
		},
	} {
		marker := lab.Marker()
		a := send(marker)
		answered := strings.Contains(a.Text, "-32800")
		if name == "stdio" { // where HTTP does not want an answer, what is cancelled gets none
			answered = strings.Contains(a.Text, `"id":-8,"result"`)
		}
		if !answered || g.Upstream.Executed(marker) != 0 {
			t.Errorf("%s: executed %d times, answered %s", name, g.Upstream.Executed(marker), a.Text)
		}
	}
	g.CloseStdio(t)
	if n := g.Count(t, "", "code = 'cancelled' AND tool = 'lab__echo'"); n != 3 {
		t.Errorf("%d cancelled calls are on record, want 3", n)
	}
	g.CheckAlive(t)
}

// A cancellation that is sent at the same moment as its call is not lost: the
// call, which by itself would not end, ends.
func TestCancellationThatComesWithItsCall(t *testing.T) {
	g := lab.Start(t, lab.Options{Config: limits(128)})
	s := openSession(t, g, g.Tester(), "/mcp", "2025-11-25")
	var wg sync.WaitGroup
	for i := range 100 {
		id := fmt.Sprint(i)
		wg.Go(func() {
			if a := s.send("POST", toolCall(id, "lab__wait", lab.Marker())); a.Status != 200 || !strings.Contains(a.Text, "-32800") {
				t.Errorf("call %s: %d %s", id, a.Status, a.Text)
			}
		})
		wg.Go(func() {
			if a := s.send("POST", cancelOf(id)); a.Status != 202 {
				t.Errorf("cancellation of %s: %d %s", id, a.Status, a.Text)
			}
		})
	}
	wg.Wait()
	g.CheckAlive(t)
}

// limits lets so many calls be in progress.
func limits(calls int) map[string]any {
	bucket := map[string]any{"rate": "600000/min", "burst": 100000}
	return map[string]any{"limits": map[string]any{"default": bucket, "failures": bucket, "concurrency": calls}}
}

// limits.concurrency says how many calls there may be, in one session too: of
// 200 at once, 72 were refused whatever it said.
func TestCallsAtOnceInOneSession(t *testing.T) {
	const many = 200
	up := lab.NewUpstream(t)
	config := limits(many)
	config["upstreams"] = map[string]any{"lab": map[string]any{"url": up.URL(), "concurrency": 2 * many}} // an agent gets three quarters
	g := lab.Start(t, lab.Options{Upstream: up, Config: config})
	s := openSession(t, g, g.Tester(), "/mcp", "2025-11-25")
	var wg sync.WaitGroup
	for i := range many {
		wg.Go(func() {
			if a := s.send("POST", toolCall(fmt.Sprint(i), "lab__wait", lab.Marker())); a.Status != 200 || strings.Contains(a.Text, "error") {
				t.Errorf("call %d: %d %s", i, a.Status, a.Text)
			}
		})
	}
	arrived := 0
	g.Until(t, "not all calls reach the upstream", func() bool {
		for {
			select {
			case <-up.Waiting():
				arrived++
			default:
				return arrived == many
			}
		}
	})
	if a := s.send("POST", toolCall(`"more"`, "lab__echo", "x")); a.Status != 200 || !strings.Contains(a.Text, `"code":"rate_limited"`) {
		t.Errorf("one more than limits.concurrency: %d %s", a.Status, a.Text)
	}
	up.Release()
	wg.Wait()
}

// What real clients send in a session, per revision, and the status that is
// right (basic/transports): a request is answered with a message and 200.
func TestSessionsOfEachRevision(t *testing.T) {
	g := lab.Start(t, lab.Options{})
	request := func(id, method, params string) string {
		return `{"jsonrpc":"2.0","id":` + id + `,"method":"` + method + `","params":` + params + `}`
	}
	for _, revision := range []string{"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"} {
		t.Run(revision, func(t *testing.T) {
			s := openSession(t, g, g.Tester(), "/mcp/lab", revision)
			batches := revision == "2025-03-26"
			for _, c := range []struct {
				name, body string
				header     []string
				status     int
				want       string // in the body
			}{
				{name: "initialized", body: `{"jsonrpc":"2.0","method":"notifications/initialized"}`, status: 202},
				{name: "ping", body: request("1", "ping", "{}"), status: 200, want: `"id":1,"result":{}`},
				{name: "log level", body: request("1", "logging/setLevel", `{"level":"debug"}`), status: 200, want: `"result":{}`},
				{name: "no such level", body: request("1", "logging/setLevel", `{"level":"loud"}`), status: 200, want: "-32602"},
				{name: "unknown notification", body: `{"jsonrpc":"2.0","method":"notifications/later","params":{"x":1}}`, status: 202},
				{name: "cancellation of nothing", body: cancelOf("99"), status: 202},
				{name: "cancellation without an ID", body: `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{}}`, status: 202},
				{name: "answer to nothing", body: `{"jsonrpc":"2.0","id":"gw-77","result":{}}`, status: 202},
				{name: "error to nothing", body: `{"jsonrpc":"2.0","id":3,"error":{"code":1,"message":"x"}}`, status: 202},
				{name: "unknown method", body: request("1", "later/thing", "{}"), status: 200, want: "-32601"},
				{name: "params array", body: request("1", "tools/call", `["echo"]`), status: 200, want: "-32602"},
				{name: "name missing", body: request("1", "tools/call", `{"arguments":{}}`), status: 200, want: "-32602"},
				{name: "arguments text", body: request("1", "tools/call", `{"name":"echo","arguments":"{}"}`), status: 200, want: "-32602"},
				{name: "cursor number", body: request("1", "tools/list", `{"cursor":7}`), status: 200, want: "-32602"},
				{name: "completion for an unknown prompt", body: request("1", "completion/complete", `{"ref":{"type":"ref/prompt","name":"no"},"argument":{"name":"a","value":""}}`), status: 200, want: "no prompt of this name"},
				{name: "id text", body: request(`"a\u0062"`, "ping", "{}"), status: 200, want: `"id":"a\u0062"`},
				{name: "id 0", body: request("0", "ping", "{}"), status: 200, want: `"id":0,`},
				{name: "id -1", body: request("-1", "ping", "{}"), status: 200, want: `"id":-1,`},
				{name: "id 2^53-1", body: request("9007199254740991", "ping", "{}"), status: 200, want: `"id":9007199254740991,`},
				{name: "id fraction", body: request("1.5", "ping", "{}"), status: 400, want: `"id":null`},
				{name: "id null", body: request("null", "ping", "{}"), status: 400, want: `"id":null`},
				{name: "no JSON", body: `{"jsonrpc":`, status: 400, want: "-32700"},
				{name: "only JSON accepted", body: request("1", "ping", "{}"), header: []string{"Accept", "application/json"}, status: 200, want: `"result":{}`},
				{name: "anything accepted", body: request("1", "ping", "{}"), header: []string{"Accept", "*/*"}, status: 200, want: `"result":{}`},
				{name: "nothing said of Accept", body: request("1", "ping", "{}"), header: []string{"Accept", ""}, status: 200, want: `"result":{}`},
				{name: "only streams accepted", body: request("1", "ping", "{}"), header: []string{"Accept", "text/event-stream"}, status: 200, want: `data: {"jsonrpc":"2.0","id":1,"result":{}}`},
				{name: "only pictures accepted", body: request("1", "ping", "{}"), header: []string{"Accept", "image/png"}, status: 406},
				{name: "JSON with a charset", body: request("1", "ping", "{}"), header: []string{"Content-Type", "application/json; charset=utf-8"}, status: 200},
				{name: "version header missing", body: request("1", "ping", "{}"), header: []string{"Mcp-Protocol-Version", ""}, status: 200},
				{name: "version header of nothing", body: request("1", "ping", "{}"), header: []string{"Mcp-Protocol-Version", "1999-01-01"}, status: 400},
				{name: "version header no date", body: request("1", "ping", "{}"), header: []string{"Mcp-Protocol-Version", "latest"}, status: 400},
				{name: "session header missing", body: request("1", "ping", "{}"), header: []string{"Mcp-Session-Id", ""}, status: 400, want: `"id":1`},
				{name: "unknown session", body: request("1", "ping", "{}"), header: []string{"Mcp-Session-Id", "AAAAAAAAAAAAAAAAAAAAAAAAAA"}, status: 404, want: "-32001"},
				{name: "unknown session, wrong message", body: request("1", "ping", "[]"), header: []string{"Mcp-Session-Id", "AAAAAAAAAAAAAAAAAAAAAAAAAA"}, status: 404, want: "-32001"},
			} {
				if a := s.send("POST", c.body, c.header...); a.Status != c.status || !strings.Contains(a.Text, c.want) {
					t.Errorf("%s: %d %s, want %d and %s", c.name, a.Status, a.Text, c.status, c.want)
				}
			}
			status, want := 400, "only revision 2025-03-26"
			if batches {
				status, want = 200, `[{"jsonrpc":"2.0","id":1,"result":{}},{"jsonrpc":"2.0","id":2,"result":{}}]`
			}
			if a := s.send("POST", "["+request("1", "ping", "{}")+`,{"jsonrpc":"2.0","method":"notifications/x"},`+request("2", "ping", "{}")+"]"); a.Status != status || !strings.Contains(a.Text, want) {
				t.Errorf("batch: %d %s, want %d and %s", a.Status, a.Text, status, want)
			}
			if a := s.send("DELETE", ""); a.Status != 204 {
				t.Errorf("DELETE: %d", a.Status)
			}
			for _, method := range []string{"POST", "GET", "DELETE"} {
				if a := s.send(method, request("1", "ping", "{}")); a.Status != 404 || !strings.Contains(a.Text, "-32001") {
					t.Errorf("%s after DELETE: %d %s", method, a.Status, a.Text)
				}
			}
		})
	}
}

// Who opens sessions without end locks nobody out: ten agents filled the
// gateway in two seconds, and everyone else got 503 for half an hour.
func TestFloodOfSessions(t *testing.T) {
	config := limits(32)
	config["limits"].(map[string]any)["sessions"] = map[string]any{"agent": 20, "total": 60}
	config["limits"].(map[string]any)["agents"] = map[string]any{"slow": map[string]any{"rate": "1/min", "burst": 5}}
	g := lab.Start(t, lab.Options{Config: config})
	for i := range 10 {
		token := g.Token(fmt.Sprintf("mallory-%d", i), "tester")
		for range 25 {
			openSession(t, g, token, "/mcp", "2025-11-25")
		}
	}
	var ours []inSession
	for i := range 5 {
		ours = append(ours, openSession(t, g, g.Token(fmt.Sprintf("ann-%d", i), "tester"), "/mcp", "2025-11-25"))
	}
	for i := range 10 {
		openSession(t, g, g.Token(fmt.Sprintf("mallory-%d", i), "tester"), "/mcp", "2025-11-25")
	}
	for i, s := range ours {
		if a := s.send("POST", `{"jsonrpc":"2.0","id":1,"method":"ping"}`); a.Status != 200 {
			t.Errorf("the only session of ann-%d is gone: %d %s", i, a.Status, a.Text)
		}
	}
	refused := 0
	for range 10 {
		a := lab.Do(t, lab.NewRequest(t, g.URL+"/mcp", g.Token("slow", "tester"), strings.NewReader(lab.Hello)))
		if a.Status == 429 && a.Header.Get("Retry-After") != "" && strings.Contains(a.Text, `"id":1`) {
			refused++
		}
	}
	if refused != 5 {
		t.Errorf("%d of 10 initializes were over a burst of 5, want 5", refused)
	}
	g.CheckAlive(t)
}

// A page that the gateway itself serves calls it with its own Origin, which
// needs no entry in http.origins.
func TestOwnOrigin(t *testing.T) {
	g := lab.Start(t, lab.Options{})
	port := g.URL[strings.LastIndex(g.URL, ":"):]
	for origin, status := range map[string]int{
		g.URL: 200, "http://localhost" + port: 200, "http://[::1]" + port: 200,
		"http://127.0.0.1": 403, "http://127.0.0.1:1": 403, "null": 403, "https://evil.example": 403, "http://evil.example" + port: 403, "": 403,
	} {
		r := lab.NewRequest(t, g.URL+"/mcp", g.Tester(), strings.NewReader(lab.Hello))
		r.Header["Origin"] = []string{origin}
		if a := lab.Do(t, r); a.Status != status {
			t.Errorf("Origin %q: %d, want %d", origin, a.Status, status)
		}
	}
}

// The same process speaks to agents of every revision at once.
func TestRevisionsAtOnce(t *testing.T) {
	g := lab.Start(t, lab.Options{Config: limits(256)})
	var wg sync.WaitGroup
	for _, surface := range []*lab.Surface{lab.Legacy, lab.Modern, lab.SSE} {
		for range 10 {
			wg.Go(func() {
				marker := lab.Marker()
				if a := surface.Call(t, g, g.Tester(), "echo", lab.Text(marker)); a.Code != "" || !strings.Contains(a.Text, marker) {
					t.Errorf("%s: %+v", surface.Name, a)
				}
			})
		}
	}
	for _, revision := range []string{"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"} {
		for range 5 {
			wg.Go(func() {
				s := openSession(t, g, g.Tester(), "/mcp", revision)
				for i := range 5 {
					marker := lab.Marker()
					var m struct {
						ID     int
						Result struct{ Content []struct{ Text string } }
					}
					a := s.send(http.MethodPost, toolCall(fmt.Sprint(i), "lab__echo", marker))
					if err := json.Unmarshal([]byte(a.Text), &m); err != nil || m.ID != i || len(m.Result.Content) != 1 || m.Result.Content[0].Text != marker {
						t.Errorf("%s: %d %s", revision, a.Status, a.Text)
					}
				}
			})
		}
	}
	wg.Wait()
}
