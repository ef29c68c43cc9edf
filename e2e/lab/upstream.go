//go:build e2e

package lab

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// Call is one call that an upstream executed.
type Call struct {
	Tool, Args string
	Header     http.Header // of the request that brought it; nil on standard input
}

// Upstream is a scripted MCP server over HTTP (revision 2025-06-18). Each tool
// takes {"text": string} and is hostile in a way of its own ([tools]). Its
// ledger holds a call from before it does anything. It is safe for concurrent use.
type Upstream struct {
	srv     *httptest.Server
	waiting chan string   // gets the text of each call of "wait" that has begun
	left    chan string   // gets the text of each that its caller gave up
	release chan struct{} // closed by Release

	mu     sync.Mutex
	ledger []Call
}

// NewUpstream starts an upstream that closes with the test.
func NewUpstream(t testing.TB) *Upstream {
	u := &Upstream{waiting: make(chan string, 1024), left: make(chan string, 1024), release: make(chan struct{})}
	u.srv = httptest.NewServer(http.HandlerFunc(u.serve))
	t.Cleanup(func() {
		u.srv.CloseClientConnections()
		u.srv.Close()
	})
	return u
}

// URL is where the upstream is.
func (u *Upstream) URL() string { return u.srv.URL + "/mcp" }

// Close takes the upstream down: connections are refused from then on.
func (u *Upstream) Close() {
	u.srv.CloseClientConnections()
	u.srv.Close()
}

// Waiting gets the text of each call of the tool "wait", once it has begun.
func (u *Upstream) Waiting() <-chan string { return u.waiting }

// Left gets the text of each call of "wait" that was given up while it waited.
func (u *Upstream) Left() <-chan string { return u.left }

// Release lets every call of "wait" go on, now and later.
func (u *Upstream) Release() { close(u.release) }

// Ledger is a copy of the calls that were executed.
func (u *Upstream) Ledger() []Call {
	u.mu.Lock()
	defer u.mu.Unlock()
	return append([]Call(nil), u.ledger...)
}

// Executed is how many executed calls hold a text in their arguments.
func (u *Upstream) Executed(text string) int {
	n := 0
	for _, c := range u.Ledger() {
		if strings.Contains(c.Args, text) {
			n++
		}
	}
	return n
}

// message is what the upstream reads of a request.
type message struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params struct {
		Name      string          `json:"name"`
		Arguments json.RawMessage `json:"arguments"`
	} `json:"params"`
}

// text is the argument of the lab's tools.
func (m message) text() string {
	var args struct {
		Text string `json:"text"`
	}
	_ = json.Unmarshal(m.Params.Arguments, &args) // schema-checked by the gateway, or echoed as it came
	return args.Text
}

func (u *Upstream) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var m message
	if r.Method != http.MethodPost || err != nil || json.Unmarshal(body, &m) != nil {
		http.Error(w, "POST a message", http.StatusMethodNotAllowed)
		return
	}
	if m.ID == nil {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	if m.Method == "tools/call" {
		u.mu.Lock()
		u.ledger = append(u.ledger, Call{m.Params.Name, string(m.Params.Arguments), r.Header.Clone()})
		u.mu.Unlock()
		if hostile := hostileHTTP[m.Params.Name]; hostile != nil {
			hostile(u, w, r, m)
			return
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(answer(m, r.Header.Get("Authorization")))
}

// hostileHTTP are the tools that misbehave on the wire.
var hostileHTTP = map[string]func(*Upstream, http.ResponseWriter, *http.Request, message){
	"wait": func(u *Upstream, w http.ResponseWriter, r *http.Request, m message) {
		u.waiting <- m.text()
		select {
		case <-u.release:
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(result(m.ID, m.text()))
		case <-r.Context().Done():
			u.left <- m.text()
		}
	},
	"hang": func(_ *Upstream, _ http.ResponseWriter, r *http.Request, _ message) { <-r.Context().Done() },
	"hang_in_the_answer": func(_ *Upstream, w http.ResponseWriter, r *http.Request, m message) {
		write(w, "application/json", result(m.ID, "half")[:20])
		<-r.Context().Done()
	},
	"die": func(*Upstream, http.ResponseWriter, *http.Request, message) { panic(http.ErrAbortHandler) },
	"die_in_the_answer": func(_ *Upstream, w http.ResponseWriter, _ *http.Request, m message) {
		write(w, "application/json", result(m.ID, "half")[:20])
		panic(http.ErrAbortHandler)
	},
	"die_in_a_stream": func(_ *Upstream, w http.ResponseWriter, _ *http.Request, m message) {
		write(w, "text/event-stream", append([]byte("event: message\ndata: "), result(m.ID, "half")[:20]...))
		panic(http.ErrAbortHandler)
	},
	"html": func(_ *Upstream, w http.ResponseWriter, _ *http.Request, _ message) {
		write(w, "text/html", []byte("<html><body>Bad gateway</body></html>"))
	},
	"truncated": func(_ *Upstream, w http.ResponseWriter, _ *http.Request, m message) {
		write(w, "application/json", result(m.ID, "cut")[:40])
	},
	"not_utf8": func(_ *Upstream, w http.ResponseWriter, _ *http.Request, m message) {
		write(w, "application/json", bytes.Replace(result(m.ID, "HERE"), []byte("HERE"), []byte("\xff\xfe"), 1))
	},
	"says_it_twice": func(_ *Upstream, w http.ResponseWriter, _ *http.Request, m message) {
		write(w, "application/json", fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%s,"result":{"content":[],"content":[{"type":"text","text":"two"}]}}`, m.ID))
	},
	"other_id": func(_ *Upstream, w http.ResponseWriter, _ *http.Request, _ message) {
		write(w, "application/json", result(json.RawMessage(`"nobody-asked"`), "for someone else"))
	},
	"endless": func(_ *Upstream, w http.ResponseWriter, r *http.Request, m message) {
		write(w, "application/json", fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%s,"result":{"content":[{"type":"text","text":"`, m.ID))
		endless(w, r, bytes.Repeat([]byte("a"), 64<<10))
	},
	"endless_stream": func(_ *Upstream, w http.ResponseWriter, r *http.Request, _ message) {
		w.Header().Set("Content-Type", "text/event-stream")
		endless(w, r, bytes.Repeat([]byte(": still working\n"), 4<<10))
	},
	"bomb": func(_ *Upstream, w http.ResponseWriter, _ *http.Request, m message) {
		w.Header().Set("Content-Encoding", "gzip")
		write(w, "application/json", gzipped(result(m.ID, strings.Repeat("a", 16<<20))))
	},
}

func write(w http.ResponseWriter, kind string, body []byte) {
	w.Header().Set("Content-Type", kind)
	_, _ = w.Write(body)
	_ = http.NewResponseController(w).Flush()
}

// endless writes until whoever reads has had enough.
func endless(w http.ResponseWriter, r *http.Request, chunk []byte) {
	for r.Context().Err() == nil {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}
