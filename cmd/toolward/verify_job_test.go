package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/spf13/cobra"

	"toolward/web/admin"
)

// Who interrupts a verification that they began ends it; one that somebody else began
// goes on.
func TestInterruptedVerification(t *testing.T) {
	for joined, want := range map[bool]bool{false: true, true: false} {
		cancelled := false
		watched := make(chan struct{})
		mux := http.NewServeMux()
		answer := func(w http.ResponseWriter, state string) {
			fmt.Fprintf(w, "{\"id\":\"J\",\"state\":%q,\"joined\":%v}\n", state, joined)
		}
		mux.HandleFunc("POST "+admin.Prefix+"audit/verify", func(w http.ResponseWriter, _ *http.Request) { answer(w, admin.JobRunning) })
		mux.HandleFunc("GET "+admin.Prefix+"audit/verify/J", func(w http.ResponseWriter, r *http.Request) {
			answer(w, admin.JobRunning)
			_ = http.NewResponseController(w).Flush()
			close(watched)
			<-r.Context().Done()
		})
		mux.HandleFunc("POST "+admin.Prefix+"audit/verify/J/cancel", func(w http.ResponseWriter, _ *http.Request) {
			cancelled = true
			answer(w, admin.JobCancelled)
		})
		srv := httptest.NewServer(mux)
		t.Setenv("TOOLWARD_TOKEN", "synthetic")
		ctx, interrupt := context.WithCancel(t.Context())
		go func() {
			<-watched
			interrupt()
		}()
		cmd := new(cobra.Command)
		cmd.SetContext(ctx)
		cmd.SetErr(io.Discard)
		if _, err := verifyThere(cmd, &whereFlags{url: srv.URL}, admin.VerifyOrder{}, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("joined %v: %v", joined, err)
		}
		srv.Close()
		if cancelled != want {
			t.Errorf("joined %v: cancelled %v, want %v", joined, cancelled, want)
		}
	}
}
