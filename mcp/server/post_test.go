package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"toolward/gateway"
)

// leaving is the connection of an agent that resets its stream while an answer is written:
// like that of HTTP/2, it returns and has the bytes still to send.
type leaving struct {
	*httptest.ResponseRecorder
	sending []byte
}

func (l *leaving) Write(b []byte) (int, error) {
	l.sending = b
	return 0, errors.New("stream closed")
}

// What is still on its way to one agent is not written over with another's answer.
func TestAnswerOnItsWayIsNotWrittenOver(t *testing.T) {
	s := newStub(t, nil, func(_ context.Context, c *gateway.Call) (*gateway.Result, error) {
		return &gateway.Result{Raw: json.RawMessage(`{"content":[{"type":"text","text":"for ` + c.Agent.ID + `"}]}`)}, nil
	})
	call := func(agent string, w http.ResponseWriter) {
		r := httptest.NewRequest(http.MethodPost, "/mcp", strings.NewReader(
			`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"files__read","arguments":{},`+modernMeta+`}}`))
		for name, value := range map[string]string{
			"Authorization": "Bearer " + agent, "Content-Type": "application/json", "Accept": "application/json, text/event-stream",
			"Mcp-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "files__read",
		} {
			r.Header.Set(name, value)
		}
		s.srv.ServeHTTP(w, r)
	}
	for range 20 { // the pool may give other memory now and then
		ann := &leaving{ResponseRecorder: httptest.NewRecorder()}
		call("ann", ann)
		if !strings.Contains(string(ann.sending), "for ") {
			t.Fatalf("the answer is %d %s", ann.Code, ann.sending)
		}
		before := string(ann.sending)
		call("bob", httptest.NewRecorder())
		if got := string(ann.sending); got != before {
			t.Fatalf("on its way to ann is %s, was %s", got, before)
		}
	}
}
