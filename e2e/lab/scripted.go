//go:build e2e

package lab

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// Request is one JSON-RPC message that a [Scripted] upstream got, in the bytes
// that came.
type Request struct {
	ID     json.RawMessage // nil for a notification
	Method string
	Params json.RawMessage
	Header http.Header
	Body   []byte // the whole message
}

// Script is what a [Scripted] upstream answers: the members of the response
// beside jsonrpc and id, such as `"result":{"content":[]}` or
// `"error":{"code":-32601,"message":"no"}`. For "" the upstream answers as an
// ordinary server would: initialize, ping and lists that are empty.
type Script func(Request) string

// Scripted is an MCP server over Streamable HTTP whose every byte a test
// chooses, and which remembers what it was sent. It is safe for concurrent use.
type Scripted struct {
	Flows map[string]Flow // by method; set before the gateway starts
	Aside Aside           // serves what is sent outside of all calls; nil for none

	srv    *httptest.Server
	script Script

	mu  sync.Mutex
	got []Request
}

// NewScripted starts an upstream that closes with the test.
func NewScripted(t testing.TB, script Script) *Scripted {
	s := &Scripted{script: script}
	s.srv = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(func() {
		s.srv.CloseClientConnections()
		s.srv.Close()
	})
	return s
}

// Config is the upstream's entry in toolward.yaml.
func (s *Scripted) Config() map[string]any { return map[string]any{"url": s.srv.URL + "/mcp"} }

// Got are the messages with this method, in the order in which they came.
func (s *Scripted) Got(method string) []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	var got []Request
	for _, r := range s.got {
		if r.Method == method {
			got = append(got, r)
		}
	}
	return got
}

func (s *Scripted) serve(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet && s.Aside != nil {
		s.aside(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	var m struct {
		ID     json.RawMessage `json:"id"`
		Method string          `json:"method"`
		Params json.RawMessage `json:"params"`
	}
	if r.Method != http.MethodPost || err != nil || json.Unmarshal(body, &m) != nil {
		http.Error(w, "POST a message", http.StatusMethodNotAllowed)
		return
	}
	got := Request{m.ID, m.Method, m.Params, r.Header.Clone(), body}
	s.mu.Lock()
	s.got = append(s.got, got)
	s.mu.Unlock()
	if m.ID == nil {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	if s.flow(w, r, got) {
		return
	}
	said := s.script(got)
	if said == "" {
		said = ordinary[m.Method]
	}
	if said == "" {
		said = `"error":{"code":-32601,"message":"no such method"}`
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,%s}`, m.ID, said)
}

var ordinary = map[string]string{
	"initialize": `"result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{},"prompts":{},"resources":{}},` +
		`"serverInfo":{"name":"scripted","version":"1"}}`,
	"ping":                     `"result":{}`,
	"tools/list":               `"result":{"tools":[]}`,
	"prompts/list":             `"result":{"prompts":[]}`,
	"resources/list":           `"result":{"resources":[]}`,
	"resources/templates/list": `"result":{"resourceTemplates":[]}`,
}
