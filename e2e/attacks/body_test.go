//go:build e2e

package attacks

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"toolward/e2e/lab"
)

// routes are the paths that take a body.
var routes = []string{"/mcp", "/mcp/lab", "/v1/tools/lab__echo/call", "/v1/tool_calls"}

// TestBodyOverTheLimit sends more than http.body: said beforehand, chunked, and
// without an end.
func TestBodyOverTheLimit(t *testing.T) {
	g := lab.Start(t, lab.Options{Config: map[string]any{"http": map[string]any{"body": "64KiB"}}})
	for _, route := range routes {
		for name, body := range map[string]io.Reader{
			"said beforehand": strings.NewReader(lab.Text(strings.Repeat("a", 65<<10))),
			"chunked":         io.MultiReader(strings.NewReader(lab.Text(strings.Repeat("a", 65<<10)))),
			"without an end":  io.MultiReader(strings.NewReader(`{"text":"`), endlessly('a')),
		} {
			t.Run(route+" "+name, func(t *testing.T) {
				status := postMuch(t, g, route, body)
				if status != http.StatusRequestEntityTooLarge {
					t.Errorf("got %d, want 413", status)
				}
			})
		}
	}
	if n := g.Count(t, "", "code = 'too_large'"); n != 3*len(routes) {
		t.Errorf("%d refusals are on record, want %d", n, 3*len(routes))
	}
	if ledger := g.Upstream.Ledger(); len(ledger) > 0 {
		t.Errorf("the upstream was called: %v", ledger)
	}
	g.CheckAlive(t)
}

// postMuch posts a body that the gateway may stop reading, and returns the status.
func postMuch(t *testing.T, g *lab.Gateway, route string, body io.Reader) int {
	t.Helper()
	r := lab.NewRequest(t, g.URL+route, g.Tester(), body)
	ctx, cancel := context.WithTimeout(t.Context(), lab.Patience)
	defer cancel()
	r = r.WithContext(ctx)
	r.Header.Set("Mcp-Protocol-Version", "2026-07-28")
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

type endlessly byte

func (b endlessly) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(b)
	}
	return len(p), nil
}

// TestContentEncoding refuses what would have to be inflated (a bomb of 10 MiB
// that becomes 10 GiB) before it is read.
func TestContentEncoding(t *testing.T) {
	g := lab.Start(t, lab.Options{})
	for _, route := range routes {
		for _, coding := range []string{"gzip", "br", "gzip, gzip", "made-up"} {
			r := lab.NewRequest(t, g.URL+route, g.Tester(), strings.NewReader("\x1f\x8b"))
			r.Header.Set("Content-Encoding", coding)
			if a := lab.Do(t, r); a.Status != http.StatusUnsupportedMediaType {
				t.Errorf("%s with %s: got %+v, want 415", route, coding, a)
			}
		}
	}
	if n := g.Count(t, "", "code = 'unsupported_media'"); n != 4*len(routes) {
		t.Errorf("%d refusals are on record, want %d", n, 4*len(routes))
	}
	g.CheckAlive(t)
}

// dial opens a connection and sends the head of a POST and some of its body.
func dial(t *testing.T, g *lab.Gateway, route, head, body string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(g.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(lab.Patience)); err != nil {
		t.Fatal(err)
	}
	_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n%s\r\n%s",
		route, strings.TrimPrefix(g.URL, "http://"), g.Tester(), head, body)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// TestSlowBody sends a byte a time and never all of it (slowloris): it is cut at
// http.body_timeout, while others are served.
func TestSlowBody(t *testing.T) {
	g := lab.Start(t, lab.Options{Config: map[string]any{"http": map[string]any{"body_timeout": "700ms", "header_timeout": "700ms"}}})
	for _, route := range []string{"/mcp", "/v1/tools/lab__echo/call", "/v1/tool_calls"} {
		t.Run(route, func(t *testing.T) {
			before := g.Count(t, "", "code = 'malformed'")
			conn := dial(t, g, route, "Mcp-Protocol-Version: 2026-07-28\r\nContent-Length: 100000\r\n", "")
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				tick := time.NewTicker(100 * time.Millisecond)
				defer tick.Stop()
				for {
					if _, err := conn.Write([]byte(" ")); err != nil {
						return
					}
					<-tick.C
				}
			}()
			g.CheckAlive(t)                 // meanwhile
			answer, err := io.ReadAll(conn) // a reset after the answer is fine
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("it was never cut")
			}
			conn.Close()
			<-ended
			if len(answer) > 0 && !strings.HasPrefix(string(answer), "HTTP/1.1 4") {
				t.Errorf("got %s", answer)
			}
			if n := g.Count(t, "", "code = 'malformed'"); n != before+1 {
				t.Errorf("%d refusals are on record, want one", n-before)
			}
		})
	}
	t.Run("headers", func(t *testing.T) {
		conn, err := net.Dial("tcp", strings.TrimPrefix(g.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if err := conn.SetDeadline(time.Now().Add(lab.Patience)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, "POST /mcp HTTP/1.1\r\nHost:"); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, conn); err != nil {
			t.Errorf("the connection was not closed: %v", err)
		}
	})
	g.CheckAlive(t)
}

// TestLyingContentLength claims more than comes, and less.
func TestLyingContentLength(t *testing.T) {
	g := lab.Start(t, lab.Options{})
	short, marker := lab.Marker(), lab.Marker()
	conn := dial(t, g, "/v1/tools/lab__echo/call", "Content-Length: 1000000\r\n", lab.Text(short))
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if answer, err := io.ReadAll(conn); len(answer) > 0 && !strings.HasPrefix(string(answer), "HTTP/1.1 400") {
		t.Errorf("more than comes: %s %v", answer, err)
	}
	// Less: what is left must not become a second request with the first one's
	// connection (request smuggling).
	conn = dial(t, g, "/v1/tools/lab__echo/call", "Content-Length: 5\r\n", lab.Text(marker))
	answer, _ := io.ReadAll(conn) // a reset after the answer is fine
	if !strings.HasPrefix(string(answer), "HTTP/1.1 400") {
		t.Errorf("less than comes: %s", answer)
	}
	// Both, which is how front ends and back ends are set against each other.
	conn = dial(t, g, "/v1/tools/lab__echo/call", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n", "0\r\n\r\n")
	if resp, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil || resp.StatusCode < 400 {
		t.Errorf("both: %v %v", resp, err)
	}
	if g.Upstream.Executed(short)+g.Upstream.Executed(marker) > 0 {
		t.Error("the upstream was called")
	}
	g.CheckAlive(t)
}

// TestAgentLeaves goes away while its call runs: the upstream is told, and the
// outcome is on record although nobody waits for it.
func TestAgentLeaves(t *testing.T) {
	g := lab.Start(t, lab.Options{})
	for _, s := range []*lab.Surface{lab.Modern, lab.REST} {
		t.Run(s.Name, func(t *testing.T) {
			marker := lab.Marker()
			route, head := "/v1/tools/lab__wait/call", ""
			if s == lab.Modern {
				route, head = "/mcp", "Accept: application/json, text/event-stream\r\nMcp-Protocol-Version: 2026-07-28\r\nMcp-Method: tools/call\r\nMcp-Name: lab__wait\r\n"
			}
			message := s.Frame("wait", lab.Text(marker))
			conn := dial(t, g, route, fmt.Sprintf("%sContent-Length: %d\r\n", head, len(message)), message)
			if got := <-g.Upstream.Waiting(); got != marker {
				t.Fatalf("another call runs: %s", got)
			}
			conn.Close()
			g.Until(t, "the outcome is not on record", func() bool {
				return g.Count(t, "", "args LIKE '%"+marker+"%' AND outcome = 'cancelled'") == 1
			})
		})
	}
	g.CheckAlive(t)
}
