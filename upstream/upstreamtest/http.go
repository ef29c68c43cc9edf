package upstreamtest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// HTTP is a scripted server over Streamable HTTP. With the fault "sessions" it
// keeps sessions; with "sse_answers" it answers every request with a stream.
// Under /sse it speaks the transport of 2024-11-05.
type HTTP struct {
	*Server
	URL  string
	Test *httptest.Server

	mu       sync.Mutex
	sessions map[string]bool
	count    int
	headers  map[string]http.Header // of the last POST of a method
	posted   map[string]string
	streams  map[string]chan string // GET streams by session
	work     sync.WaitGroup
}

// Serve starts a server that ends with the test.
func Serve(t testing.TB, s Script) *HTTP {
	t.Helper()
	h := &HTTP{Server: New(s), sessions: map[string]bool{}, streams: map[string]chan string{}, headers: map[string]http.Header{}, posted: map[string]string{}}
	h.Test = httptest.NewServer(h)
	h.URL = h.Test.URL + "/mcp"
	t.Cleanup(func() {
		h.Test.CloseClientConnections()
		h.Test.Close()
	})
	return h
}

// Last is the last POST of a method so far: its header and body.
func (h *HTTP) Last(method string) (http.Header, string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.headers[method], h.posted[method]
}

// Sessions is how many sessions are open.
func (h *HTTP) Sessions() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.sessions)
}

// DropSessions forgets all sessions: clients get 404 from then on.
func (h *HTTP) DropSessions() {
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.sessions)
}

// Push sends a message on the GET stream of a session; "" is the only one of a
// server without sessions. It waits until the stream is open.
func (h *HTTP) Push(session, raw string) { h.stream(session) <- raw }

func (h *HTTP) stream(session string) chan string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.streams[session] == nil {
		h.streams[session] = make(chan string)
	}
	return h.streams[session]
}

// ServeHTTP implements [http.Handler].
func (h *HTTP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/sse":
		h.sse(w, r)
		return
	case "/message":
		h.message(w, r)
		return
	}
	session := r.Header.Get("Mcp-Session-Id")
	if !h.known(session, r) {
		http.Error(w, "session not found", http.StatusNotFound)
		return
	}
	switch r.Method {
	case http.MethodGet:
		h.get(w, r, session)
	case http.MethodDelete:
		h.mu.Lock()
		delete(h.sessions, session)
		h.mu.Unlock()
		h.Note("delete %s", session)
	case http.MethodPost:
		h.post(w, r)
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

func (h *HTTP) known(session string, r *http.Request) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return session == "" || h.sessions[session]
}

func (h *HTTP) get(w http.ResponseWriter, r *http.Request, session string) {
	if h.script.Revision == Modern {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.(http.Flusher).Flush()
	for {
		select {
		case raw := <-h.stream(session):
			fmt.Fprintf(w, "data: %s\n\n", raw)
			w.(http.Flusher).Flush()
		case <-r.Context().Done():
			return
		}
	}
}

func (h *HTTP) post(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	var m message
	if err := json.Unmarshal(body, &m); err != nil {
		http.Error(w, "bad JSON", http.StatusBadRequest)
		return
	}
	h.mu.Lock()
	h.headers[m.Method] = r.Header.Clone()
	h.posted[m.Method] = string(body)
	if m.Method == "initialize" && h.script.has("sessions") {
		h.count++
		id := fmt.Sprintf("session-%d", h.count)
		h.sessions[id] = true
		w.Header().Set("Mcp-Session-Id", id)
	}
	h.mu.Unlock()
	if m.ID == nil && h.script.has("asks_roots") {
		session := r.Header.Get("Mcp-Session-Id")
		h.work.Go(func() { h.handle(m, func(raw string) { h.Push(session, raw) }) })
		w.WriteHeader(http.StatusAccepted)
		return
	}
	if m.ID == nil || m.Method == "" {
		h.handle(m, nil)
		w.WriteHeader(http.StatusAccepted)
		return
	}
	if m.Method == "subscriptions/listen" && h.script.Revision == Modern {
		h.listen(w, r, m)
		return
	}
	h.answer(w, r, m)
}

// answer writes JSON unless something comes before the answer.
func (h *HTTP) answer(w http.ResponseWriter, r *http.Request, m message) {
	stream := h.script.has("sse_answers")
	started := false
	h.handle(m, func(raw string) {
		isAnswer := strings.HasPrefix(raw, `{"jsonrpc":"2.0","id":`+string(m.ID)+`,`)
		switch {
		case raw == dieNow:
			panic(http.ErrAbortHandler)
		case raw == endless:
			w.Header().Set("Content-Type", "application/json")
			for {
				if _, err := io.WriteString(w, strings.Repeat("x", 64<<10)); err != nil {
					panic(http.ErrAbortHandler)
				}
			}
		case strings.HasPrefix(raw, dieMid):
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, strings.TrimPrefix(raw, dieMid))
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		case isAnswer && !stream && !started:
			w.Header().Set("Content-Type", "application/json")
			if h.script.Revision == Modern && strings.Contains(raw, "-32601") {
				w.WriteHeader(http.StatusNotFound)
			}
			_, _ = io.WriteString(w, raw)
			started = true
		default:
			if !started {
				w.Header().Set("Content-Type", "text/event-stream")
				started = true
			}
			stream = true
			fmt.Fprintf(w, "data: %s\n\n", raw)
			w.(http.Flusher).Flush()
		}
	})
	if !started { // hang: hold the request until the client goes away
		<-r.Context().Done()
		h.Note("gone %s", m.ID)
	}
}

// listen acknowledges a subscriptions/listen and then relays what is pushed.
func (h *HTTP) listen(w http.ResponseWriter, r *http.Request, m message) {
	var p struct {
		Notifications json.RawMessage `json:"notifications"`
	}
	_ = json.Unmarshal(m.Params, &p) // a test sees the ledger
	h.Note("listen %s", p.Notifications)
	w.Header().Set("Content-Type", "text/event-stream")
	meta := `"_meta":{"io.modelcontextprotocol/subscriptionId":` + string(m.ID) + `}`
	fmt.Fprintf(w, "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/subscriptions/acknowledged\",\"params\":{\"notifications\":%s,%s}}\n\n", p.Notifications, meta)
	w.(http.Flusher).Flush()
	for {
		select {
		case raw := <-h.stream(""):
			fmt.Fprintf(w, "data: %s\n\n", raw)
			w.(http.Flusher).Flush()
		case <-r.Context().Done():
			return
		}
	}
}
