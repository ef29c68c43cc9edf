package server

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"toolward/gateway"
)

const (
	callOne   = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"files__read"}}`
	cancelOne = `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`
)

// Transports give no order between a call and its cancellation. Whichever comes
// first, what was cancelled is not executed, is answered, and is on record.
func TestACancellationThatComesFirstIsNotLost(t *testing.T) {
	http := func(revision string, bodies ...string) func(*testing.T, *stub) string {
		return func(t *testing.T, s *stub) string {
			id := s.initialize("/mcp", "ann", revision, "{}")
			got := ""
			for _, body := range bodies {
				got = s.legacy("/mcp", "ann", id, body).body
			}
			return got
		}
	}
	named := func(id string) (call, cancel string) {
		return strings.Replace(callOne, `"id":1`, `"id":`+id, 1), strings.Replace(cancelOne, ":1}", ":"+id+"}", 1)
	}
	text, cancelText := named(`"a/é"`)
	_, cancelEscaped := named(`"\u0061\/\u00e9"`)
	huge, cancelHuge := named("-900719925474099")
	const ping = `{"jsonrpc":"2.0","id":"next","method":"ping"}`
	for name, send := range map[string]func(*testing.T, *stub) string{
		"HTTP":               http("2025-11-25", cancelOne, callOne),
		"HTTP, twice":        http("2025-11-25", cancelOne, cancelOne, callOne),
		"a string":           http("2025-11-25", cancelText, text),
		"an escaped string":  http("2025-11-25", cancelEscaped, text),
		"a large number":     http("2025-11-25", cancelHuge, huge),
		"batch, call first":  http("2025-03-26", "["+callOne+","+cancelOne+"]"),
		"batch, call last":   http("2025-03-26", "["+cancelOne+","+callOne+"]"),
		"batch, then a call": http("2025-03-26", "["+cancelOne+"]", callOne),
		"SSE": func(t *testing.T, s *stub) string {
			c := s.openSSE("ann")
			c.post(cancelOne)
			c.post(callOne)
			c.post(ping)
			return c.next()
		},
		"stdio": func(t *testing.T, s *stub) string {
			c := s.openLines(t)
			c.write(cancelOne)
			c.write(callOne)
			c.write(ping)
			defer c.close()
			return c.read()
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStub(t, nil, never(t))
			got := send(t, s)
			got = strings.TrimSuffix(strings.TrimPrefix(got, "["), "]")
			// On a connection of lines nothing is sent for it: the next answer is the next request's.
			lines := name == "SSE" || name == "stdio"
			if lines && got != `{"jsonrpc":"2.0","id":"next","result":{}}` {
				t.Errorf("got %s", got)
			}
			if !lines && (member(t, got, "error", "code") != -32800.0 || member(t, got, "id") == nil) {
				t.Errorf("got %s", got)
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			if len(s.refused) != 1 || s.refused[0].Refusal.Code != gateway.Cancelled || s.refused[0].Name != "files__read" {
				t.Errorf("on record: %v", s.refused)
			}
		})
	}
}

// An agent that uses an ID again is not hit by what it said of the first use.
func TestALateCancellationHitsNoLaterRequest(t *testing.T) {
	s := newStub(t, nil, nil)
	id := s.initialize("/mcp", "ann", "2025-11-25", "{}")
	for range 3 {
		if r := s.legacy("/mcp", "ann", id, callOne); member(t, r.body, "result") == nil {
			t.Errorf("got %s", r.body)
		}
		s.legacy("/mcp", "ann", id, cancelOne)
	}
	other := s.initialize("/mcp", "ann", "2025-11-25", "{}")
	s.legacy("/mcp", "ann", other, strings.Replace(cancelOne, "1}", "2}", 1))
	if r := s.legacy("/mcp", "ann", id, strings.Replace(callOne, ":1,", ":2,", 1)); member(t, r.body, "result") == nil {
		t.Errorf("another session's cancellation: %s", r.body)
	}
}

// What is remembered of an agent's cancellations is bounded in number and time.
func TestEarlyCancellationsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rs := newRequests()
		id := func(i int) json.RawMessage { return json.RawMessage(fmt.Sprint(i)) }
		for i := range 3 * maxEarly {
			rs.cancel(id(i))
		}
		if len(rs.early) != maxEarly {
			t.Errorf("%d are kept, want %d", len(rs.early), maxEarly)
		}
		begins := func(i int) bool {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if rs.begin(id(i), cancel) != nil {
				return false
			}
			rs.end(id(i))
			rs.answering.Done()
			return ctx.Err() == nil
		}
		if !begins(0) || begins(3*maxEarly-1) || !begins(3*maxEarly-1) {
			t.Error("the oldest has to be forgotten, and the newest to hit once")
		}
		time.Sleep(earlyTTL + time.Second)
		if !begins(3*maxEarly-2) || rs.early != nil {
			t.Errorf("a cancellation without a request lasts for ever: %d are kept", len(rs.early))
		}
		if n := testing.AllocsPerRun(100, func() { begins(7) }); n > 8 {
			t.Errorf("%v allocations for a request", n)
		}
	})
}

// What the limiter lets in runs, however many in one session.
func TestASessionHasNoBoundOfItsOwn(t *testing.T) {
	const many = 300
	b := &blocking{make(chan string, many), make(chan struct{}), make(chan error, many)}
	s := newStub(t, nil, b.do)
	id := s.initialize("/mcp", "ann", "2025-11-25", "{}")
	status := make(chan int, many)
	for i := range many {
		go func() {
			status <- s.legacy("/mcp", "ann", id, strings.Replace(callOne, `"id":1`, `"id":`+fmt.Sprint(i), 1)).status
		}()
	}
	for range many {
		<-b.begun
	}
	close(b.free)
	var got []int
	for range many {
		got = append(got, <-status)
	}
	if slices.Max(got) != 200 {
		t.Errorf("got %v", got)
	}
}
