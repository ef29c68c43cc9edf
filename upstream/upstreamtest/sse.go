package upstreamtest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// The transport of 2024-11-05: GET /sse is the stream, POST /message takes
// messages for it. With the fault "foreign_endpoint" the stream names an
// endpoint at another host.
func (h *HTTP) sse(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	h.mu.Lock()
	h.count++
	name := fmt.Sprintf("sse-%d", h.count)
	out := make(chan string, 100)
	h.streams[name] = out
	h.mu.Unlock()
	w.Header().Set("Content-Type", "text/event-stream")
	endpoint := "/message?stream=" + name
	if h.script.has("foreign_endpoint") {
		endpoint = "http://192.0.2.1/message"
	}
	fmt.Fprintf(w, "event: endpoint\ndata: %s\n\n", endpoint)
	w.(http.Flusher).Flush()
	for {
		select {
		case raw := <-out:
			switch {
			case raw == dieNow:
				return
			case strings.HasPrefix(raw, dieMid):
				fmt.Fprintf(w, "data: %s", strings.TrimPrefix(raw, dieMid))
				return
			case raw == endless:
				for {
					if _, err := io.WriteString(w, strings.Repeat("x", 64<<10)); err != nil {
						return
					}
				}
			}
			fmt.Fprintf(w, "event: message\ndata: %s\n\n", raw)
			w.(http.Flusher).Flush()
		case <-r.Context().Done():
			return
		}
	}
}

func (h *HTTP) message(w http.ResponseWriter, r *http.Request) {
	var m message
	if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
		http.Error(w, "bad JSON", http.StatusBadRequest)
		return
	}
	out := h.stream(r.URL.Query().Get("stream"))
	if m.ID == nil || m.Method == "" {
		h.handle(m, func(raw string) { out <- raw }) // in their order
		w.WriteHeader(http.StatusAccepted)
		return
	}
	w.WriteHeader(http.StatusAccepted)
	h.work.Go(func() { h.handle(m, func(raw string) { out <- raw }) })
}

// polled is an answer in the way of servers that make clients poll: the POST's
// stream ends after an event with only an ID, and what is owed comes when the
// client returns with it.
func (h *HTTP) polled(w http.ResponseWriter, m message) {
	w.Header().Set("Content-Type", "text/event-stream")
	id := "event-" + strings.Trim(string(m.ID), `"`)
	fmt.Fprintf(w, "id: %s\nretry: 10\ndata: \n\n", id)
	h.handle(m, func(raw string) {
		h.mu.Lock()
		h.owed[id] = append(h.owed[id], raw)
		h.mu.Unlock()
	})
}

// resume sends what is owed after an event, one message each time.
func (h *HTTP) resume(w http.ResponseWriter, last string) {
	w.Header().Set("Content-Type", "text/event-stream")
	id, _, _ := strings.Cut(last, "/")
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.owed[id]) == 0 {
		return
	}
	fmt.Fprintf(w, "id: %s/%d\nretry: 10\ndata: %s\n\n", id, len(h.owed[id]), h.owed[id][0])
	h.owed[id] = h.owed[id][1:]
}
