package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// healthz says that the process serves. It touches nothing else, so that a
// full disk does not get the process restarted.
func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintln(w, "ok")
}

// readyz says whether calls would be taken: 200, or 503 with the parts that are
// down. What only degrades a part is told with 200: a policy on disk that is broken
// must not take every gateway that shares it out of rotation. What is wrong is for
// those whom Told names, since it quotes files and addresses.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	parts := map[string]string{}
	ready := !s.Draining()
	if s.Draining() {
		parts["gateway"] = "draining"
	}
	if s.opt.Ready != nil {
		for name, err := range s.opt.Ready() {
			parts[name] = "ok"
			if err == nil {
				continue
			}
			var some interface{ Degraded() bool }
			if errors.As(err, &some) && some.Degraded() {
				parts[name] = "degraded"
			} else {
				parts[name], ready = "down", false
			}
			if s.opt.Told != nil && s.opt.Told(r) {
				parts[name] += ": " + err.Error()
			}
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if !ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"ready": ready, "parts": parts})
}

func byteSize(n int64) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<10 && n%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}
