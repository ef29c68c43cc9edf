//go:build e2e

package attacks

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"toolward/e2e/lab"
)

// streams are what stays open beside calls. path is the endpoint's.
var streams = []struct {
	name, path string
	open       func(t *testing.T, g *lab.Gateway, token, path string) *http.Response
}{
	{"GET", "/mcp", openGET},
	{"GET", "/mcp/lab", openGET},
	{"SSE", "/sse", func(t *testing.T, g *lab.Gateway, token, path string) *http.Response {
		r := lab.NewRequest(t, g.URL+path, token, nil)
		r.Method = http.MethodGet
		return stream(t, r)
	}},
	{"listen", "/mcp", openListen},
	{"listen", "/mcp/lab", openListen},
}

func stream(t *testing.T, r *http.Request) *http.Response {
	t.Helper()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

func openGET(t *testing.T, g *lab.Gateway, token, path string) *http.Response {
	session, refused := lab.OpenSession(t, g, token, path)
	if refused != nil {
		t.Fatalf("no session: %+v", refused)
	}
	r := lab.NewSessionRequest(t, g, token, path, session, "")
	r.Method = http.MethodGet
	return stream(t, r)
}

func openListen(t *testing.T, g *lab.Gateway, token, path string) *http.Response {
	r := lab.NewRequest(t, g.URL+path, token, strings.NewReader(
		`{"jsonrpc":"2.0","id":7,"method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true},"_meta":{`+lab.Latest+`}}}`))
	r.Header.Set("Mcp-Protocol-Version", "2026-07-28")
	r.Header.Set("Mcp-Method", "subscriptions/listen")
	return stream(t, r)
}

// A stream that was opened before a block ends with it; one that the block does
// not concern hears that lists have changed, and goes on.
func TestStreamsEndWithABlock(t *testing.T) {
	g := lab.Start(t, lab.Options{})
	for i, s := range streams {
		for _, b := range stops {
			if b.kind == "tool" || b.kind == "server" && s.path != "/mcp/lab" {
				continue // streams of others, too
			}
			t.Run(s.name+" "+s.path+"/"+b.kind, func(t *testing.T) {
				agent := fmt.Sprintf("stream-%s-%d", b.kind, i)
				resp := s.open(t, g, holder(g, agent), s.path)
				first := bufio.NewReader(resp.Body)
				if _, err := first.ReadString('\n'); err != nil {
					t.Fatalf("%d: %v", resp.StatusCode, err)
				}
				other := s.open(t, g, holder(g, "bystander"), s.path)
				id := block(t, g, lab.REST, b.kind, b.name(agent))
				rest, err := io.ReadAll(first) // returns when the stream ends
				if err != nil {
					t.Errorf("the stream ended with %v after %q", err, rest)
				}
				again := lab.NewRequest(t, g.URL+s.path, holder(g, agent), strings.NewReader(lab.Hello))
				if s.path == "/sse" {
					again.Method = http.MethodGet
				}
				if a := lab.Do(t, again); !strings.Contains(a.Text, stopReason) {
					t.Errorf("it comes back: %+v", a)
				}
				if b.kind != "all" && b.kind != "server" && s.name != "SSE" { // on /sse nobody said hello
					told := bufio.NewReader(other.Body)
					for line := ""; !strings.Contains(line, "tools/list_changed"); {
						if line, err = told.ReadString('\n'); err != nil {
							t.Fatalf("a bystander's stream ended with %v", err)
						}
					}
				}
				lift(t, g, lab.REST, id)
				if resp := s.open(t, g, holder(g, agent), s.path); resp.StatusCode != http.StatusOK {
					t.Errorf("after the lift: %s", resp.Status)
				}
			})
		}
	}
	g.CheckAlive(t)
}
