package upstreamtest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// The transport of 2024-11-05: GET /sse is the stream, POST /message takes
// messages for it.
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
