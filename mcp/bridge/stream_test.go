package bridge

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"toolward/mcp"
)

// A stream that breaks off again and again is taken up behind the last event that
// came whole: nothing is lost, nothing comes twice.
func TestAnswersAreTakenUp(t *testing.T) {
	const steps = 9
	message := func(i int) string {
		if i == steps {
			return `{"jsonrpc":"2.0","id":7,"result":{"content":[]}}`
		}
		return fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":%d}}`, i)
	}
	for name, cut := range map[string]string{
		"between events":       "",
		"within an event's ID": "id: 99",
		"within its data":      "id: 99\ndata: {\"jsonrpc\":",
		"before its end":       "id: 99\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\"}\n",
	} {
		for _, broken := range []bool{true, false} { // off, or ended in order
			t.Run(fmt.Sprintf("%s, broken off %v", name, broken), func(t *testing.T) {
				var after []string
				c := talk(t, greets(func(w http.ResponseWriter, r *http.Request) {
					from := 0
					if r.Method == http.MethodGet {
						after = append(after, r.Header.Get(mcp.HeaderLastEventID))
						if _, err := fmt.Sscan(after[len(after)-1], &from); err != nil || r.Header.Get(mcp.HeaderSession) != "s1" {
							t.Errorf("taken up with %v", r.Header)
						}
					}
					events(w, fmt.Sprint(from, " ")) // what MCP 2025-11-25 begins a stream with: an ID alone
					for i := from + 1; i <= min(from+2, steps); i++ {
						events(w, fmt.Sprint(i, " ", message(i)))
					}
					if from+2 < steps {
						_, _ = io.WriteString(w, cut)
						w.(http.Flusher).Flush()
						if broken {
							panic(http.ErrAbortHandler)
						}
					}
				}))
				c.send(hello)
				c.wants(welcome)
				c.send(`{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"x"}}`)
				for i := 1; i <= steps; i++ {
					if line := c.next(); line != message(i) {
						t.Errorf("%d: %s", i, line)
					}
				}
				c.end()
				if got := strings.Join(after, " "); got != "2 4 6 8" {
					t.Errorf("taken up after %s", got)
				}
			})
		}
	}
}

// Without an ID there is nothing to take up: the client is told, and no second call
// is made.
func TestAnswersThatCannotBeTakenUp(t *testing.T) {
	calls := 0
	c := talk(t, greets(func(w http.ResponseWriter, r *http.Request) {
		if calls++; r.Method != http.MethodPost {
			t.Errorf("%s %s", r.Method, r.Header)
		}
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{}}\n\n")
	}))
	c.send(hello)
	c.wants(welcome)
	c.send(`{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"x"}}`)
	if line := c.next(); !strings.Contains(line, "notifications/message") {
		t.Error(line)
	}
	if line := c.next(); !strings.Contains(line, `"id":7,"error"`) || !strings.Contains(line, "check whether this took effect") {
		t.Error(line)
	}
	c.end()
	if calls != 1 {
		t.Errorf("%d requests", calls)
	}
}

// What the gateway says unasked comes by the session's own stream: a question of a
// server reaches the client, the answer reaches the gateway in the same session, and
// the stream is opened again behind what came.
func TestTheSessionsStream(t *testing.T) {
	question := func(i int) string {
		return fmt.Sprintf(`{"jsonrpc":"2.0","id":"q%d","method":"elicitation/create","params":{"message":"which?"}}`, i)
	}
	var (
		mu      sync.Mutex
		opened  int
		answers = make(chan string, 9)
	)
	c := talk(t, greets(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get(mcp.HeaderSession) != "s1" || r.Header.Get(mcp.HeaderRevision) != "2025-11-25" {
			t.Errorf("%s %v", r.Method, r.Header)
		}
		if r.Method == http.MethodPost {
			answers <- body(r)
			w.WriteHeader(http.StatusAccepted)
			return
		}
		mu.Lock()
		opened++
		n := opened
		mu.Unlock()
		if last := r.Header.Get(mcp.HeaderLastEventID); n > 1 && last != fmt.Sprint("e", n-1) || n == 1 && last != "" {
			t.Errorf("opened the %d. time after %q", n, last)
		}
		if n <= 3 {
			events(w, fmt.Sprintf("e%d %s", n, question(n)))
			return // and the stream ends
		}
		w.Header().Set("Content-Type", "text/event-stream")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	c.send(hello)
	c.wants(welcome)
	c.send(ready)
	for i := 1; i <= 3; i++ {
		if line := c.next(); line != question(i) {
			t.Errorf("%d: %s", i, line)
		}
		said := fmt.Sprintf(`{"jsonrpc":"2.0","id":"q%d","result":{"action" : "decline"}}`, i)
		c.send(said)
		if got := <-answers; got != said {
			t.Errorf("the gateway got %s", got)
		}
	}
	c.end()
}

// A gateway that does not know the session any more, as after its restart, gets the
// client's own initialize and settings; the client sees one answer to each of its
// requests.
func TestSessionsAreOpenedAgain(t *testing.T) {
	const (
		level  = `{"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{"level":"error"}}`
		sub    = `{"jsonrpc":"2.0","id":2,"method":"resources/subscribe","params":{"uri":"a://kept"}}`
		sub2   = `{"jsonrpc":"2.0","id":3,"method":"resources/subscribe","params":{"uri":"a://left"}}`
		unsub  = `{"jsonrpc":"2.0","id":4,"method":"resources/unsubscribe","params":{"uri":"a://left"}}`
		denied = `{"jsonrpc":"2.0","id":5,"method":"resources/subscribe","params":{"uri":"a://denied"}}`
		call   = `{"jsonrpc":"2.0","id":6,"method":"ping"}`
	)
	var (
		mu    sync.Mutex
		now   = 1
		heard = map[int][]string{}
	)
	c := talk(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		said, id := body(r), fmt.Sprint("s", now)
		if said != hello && r.Header.Get(mcp.HeaderSession) != id {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		if r.Method != http.MethodPost {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		heard[now] = append(heard[now], said)
		m := parse([]byte(said))
		switch {
		case said == hello:
			w.Header().Set(mcp.HeaderSession, id)
			_, _ = io.WriteString(w, welcome)
		case m.id == nil:
			w.WriteHeader(http.StatusAccepted)
		case said == denied:
			_, _ = io.WriteString(w, `{"jsonrpc":"2.0","id":5,"error":{"code":-32002,"message":"no"}}`)
		default:
			_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{}}`, m.id)
		}
	})
	c.send(hello)
	c.wants(welcome)
	c.send(ready)
	for i, line := range []string{level, sub, sub2, unsub, denied} {
		c.send(line)
		if got := c.next(); !strings.Contains(got, fmt.Sprintf(`"id":%d,`, i+1)) {
			t.Errorf("%s: %s", line, got)
		}
	}
	for now < 4 {
		mu.Lock()
		now++
		mu.Unlock()
		c.send(call)
		c.wants(`{"jsonrpc":"2.0","id":6,"result":{}}`)
	}
	c.end()
	for n := 2; n <= 4; n++ {
		got := heard[n]
		if len(got) != 5 || got[0] != hello || got[1] != ready || got[4] != call || !contains(got, level) || !contains(got, sub) {
			t.Errorf("gateway %d heard %q", n, got)
		}
	}
}

func contains(all []string, one string) bool { return strings.Contains(strings.Join(all, "\n"), one) }

// A client that opens a second session has ended the first.
func TestTheFirstSessionEnds(t *testing.T) {
	var ended []string
	n := 0
	c := talk(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodDelete {
			ended = append(ended, r.Header.Get(mcp.HeaderSession))
			return
		}
		n++
		w.Header().Set(mcp.HeaderSession, fmt.Sprint("s", n))
		_, _ = io.WriteString(w, welcome)
	})
	c.send(hello)
	c.wants(welcome)
	c.send(hello)
	c.wants(welcome)
	c.end()
	if got := strings.Join(ended, " "); got != "s1 s2" {
		t.Errorf("ended: %s", got)
	}
}
