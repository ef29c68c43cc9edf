//go:build e2e

package lab

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// Requested is one request that an API got.
type Requested struct {
	Method, URI, Body string
	Header            http.Header
}

// API is an HTTP API that a document of the test's describes. It records every
// request before it answers, and is safe for concurrent use.
type API struct {
	URL string
	dir string

	mu  sync.Mutex
	got []Requested
}

// NewAPI starts an API; answer may be nil.
func NewAPI(t testing.TB, answer http.HandlerFunc) *API {
	a := &API{dir: t.TempDir()}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		a.mu.Lock()
		a.got = append(a.got, Requested{r.Method, r.RequestURI, string(body), r.Header.Clone()})
		a.mu.Unlock()
		if answer != nil {
			answer(w, r)
		}
	}))
	t.Cleanup(srv.Close)
	a.URL = srv.URL
	return a
}

// Config is the upstream in toolward.yaml: the document, where the API is, and
// further members.
func (a *API) Config(t testing.TB, document string, more map[string]any) map[string]any {
	t.Helper()
	a.Write(t, "api.yaml", document)
	config := map[string]any{"openapi": filepath.Join(a.dir, "api.yaml"), "base_url": a.URL}
	for name, v := range more {
		if v == nil {
			delete(config, name)
		} else {
			config[name] = v
		}
	}
	return config
}

// Write writes a file beside the document.
func (a *API) Write(t testing.TB, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(a.dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Requests takes what was recorded since the last time.
func (a *API) Requests() []Requested {
	a.mu.Lock()
	defer a.mu.Unlock()
	got := a.got
	a.got = nil
	return got
}
