//go:build e2e

package lab

import (
	"fmt"
	"net/http"
)

// Flow answers a request as an event stream: it sends messages before the answer,
// and may wait for what a test says. It returns the answer, as a [Script] does.
type Flow func(r Request, send func(message string), gone <-chan struct{}) string

// Aside sends messages on a connection's own stream, until that is gone.
type Aside func(send func(message string), gone <-chan struct{})

func (s *Scripted) aside(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	_ = http.NewResponseController(w).Flush() // or the gateway waits for the headers
	s.Aside(sending(w), r.Context().Done())
}

func sending(w http.ResponseWriter) func(message string) {
	return func(message string) {
		fmt.Fprintf(w, "event: message\ndata: %s\n\n", message)
		_ = http.NewResponseController(w).Flush()
	}
}

// flow answers with a stream, if the upstream has a flow for the method.
func (s *Scripted) flow(w http.ResponseWriter, r *http.Request, got Request) bool {
	f := s.Flows[got.Method]
	if f == nil {
		return false
	}
	w.Header().Set("Content-Type", "text/event-stream")
	send := sending(w)
	if said := f(got, send, r.Context().Done()); said != "" {
		send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,%s}`, got.ID, said))
	}
	return true
}
