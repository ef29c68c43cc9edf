package server

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"toolward/gateway"
	"toolward/mcp"
)

// nextData returns the next event that has data.
func nextData(t *testing.T, stream *mcp.EventReader) mcp.Event {
	t.Helper()
	for {
		e, err := stream.Next()
		if err != nil {
			t.Fatalf("the stream ended: %v", err)
		}
		if len(e.Data) > 0 {
			return e
		}
	}
}

func TestDroppedStreamResumesWithNothingLostOrDoubled(t *testing.T) {
	s := newStub(t, nil, nil)
	id := s.initialize("/mcp", "ann", "2025-11-25", "{}")
	send := func(n int) {
		ss := s.srv.sessions.byOwnID(id)
		if err := ss.main.send([]byte(fmt.Sprintf(`{"n":%d}`, n)), false, false); err != nil {
			t.Error(err)
		}
	}
	last, want := "", 1
	for round := range 4 {
		ctx, drop := context.WithCancel(t.Context())
		header := []string{"Mcp-Session-Id", id}
		if last != "" {
			header = append(header, "Last-Event-Id", last)
		}
		resp := s.open(ctx, "GET", "/mcp", "ann", "", header...)
		if resp.StatusCode != 200 {
			t.Fatalf("round %d: got %d", round, resp.StatusCode)
		}
		stream := events(resp.Body)
		for i := range 5 {
			send(round*5 + i + 1)
		}
		for range 3 { // the others were written, and are lost on the way
			e := nextData(t, stream)
			if string(e.Data) != fmt.Sprintf(`{"n":%d}`, want) {
				t.Fatalf("round %d: got %s, want %d", round, e.Data, want)
			}
			last = e.ID
			want++
		}
		drop()
		resp.Body.Close()
	}
	resp := s.open(t.Context(), "GET", "/mcp", "ann", "", "Mcp-Session-Id", id, "Last-Event-Id", last)
	defer resp.Body.Close()
	stream := events(resp.Body)
	for ; want <= 20; want++ {
		if e := nextData(t, stream); string(e.Data) != fmt.Sprintf(`{"n":%d}`, want) {
			t.Fatalf("got %s, want %d", e.Data, want)
		}
	}
}

func TestACallOutlivesItsConnectionAndIsPickedUp(t *testing.T) {
	free := make(chan struct{})
	s := newStub(t, nil, func(ctx context.Context, c *gateway.Call) (*gateway.Result, error) {
		if err := c.Origin.Notify(ctx, c, mcp.NoteProgress, []byte(`{"progressToken":1,"progress":1}`)); err != nil {
			return nil, err
		}
		select {
		case <-free:
			return &gateway.Result{Raw: json.RawMessage(`{"content":[]}`)}, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	})
	id := s.initialize("/mcp", "ann", "2025-06-18", "{}")
	ctx, drop := context.WithCancel(t.Context())
	resp := s.open(ctx, "POST", "/mcp", "ann", `{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{"name":"files__read"}}`, "Mcp-Session-Id", id)
	last := nextData(t, events(resp.Body)).ID
	drop()
	resp.Body.Close()
	again := s.open(t.Context(), "GET", "/mcp", "ann", "", "Mcp-Session-Id", id, "Last-Event-Id", last)
	defer again.Body.Close()
	close(free)
	stream := events(again.Body)
	if e := nextData(t, stream); string(e.Data) != `{"jsonrpc":"2.0","id":9,"result":{"content":[]}}` {
		t.Errorf("got %s", e.Data)
	}
	if _, err := stream.Next(); err != io.EOF {
		t.Errorf("the stream of the call goes on after its result: %v", err)
	}
	// What was delivered can be asked for again, by its owner only.
	if r := s.send("GET", "/mcp", "ann", "", "Mcp-Session-Id", id, "Last-Event-Id", last); !strings.Contains(r.body, `"id":9`) {
		t.Errorf("the replay: %d %s", r.status, r.body)
	}
	if r := s.send("GET", "/mcp", "bob", "", "Mcp-Session-Id", id, "Last-Event-Id", last); r.status != 404 {
		t.Errorf("a foreign replay: %d %s", r.status, r.body)
	}
}

func TestWhatIsNotKeptCannotBeResumed(t *testing.T) {
	s := newStub(t, func(o *Options) { o.Replay = 100 }, nil)
	id := s.initialize("/mcp", "ann", "2025-11-25", "{}")
	ss := s.srv.sessions.byOwnID(id)
	r, _ := ss.main.attach(0, false)
	for i := range 10 {
		_ = ss.main.send([]byte(strings.Repeat("x", 40)), false, false)
		ss.main.delivered(r, uint64(i+1))
	}
	ss.main.detach(r)
	for _, last := range []string{"0.1", "0.11", "7.1", "0", "x.1", "0.-1", ""} {
		if last == "" {
			continue
		}
		if r := s.send("GET", "/mcp", "ann", "", "Mcp-Session-Id", id, "Last-Event-Id", last); r.status != 400 {
			t.Errorf("after %q: got %d", last, r.status)
		}
	}
	if kept := s.srv.kept.used.Load(); kept > 100 {
		t.Errorf("%d bytes are kept, want at most 100", kept)
	}
	resp := s.open(t.Context(), "GET", "/mcp", "ann", "", "Mcp-Session-Id", id, "Last-Event-Id", "0.9")
	defer resp.Body.Close()
	if e := nextData(t, events(resp.Body)); e.ID != "0.10" {
		t.Errorf("got event %s, want 0.10", e.ID)
	}
}

// A stream that was opened shows it at once, not a pause later.
func TestAnOpenedStreamShowsItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStream("", 0, &budget{most: 1 << 20})
		p := &postStream{stream: st}
		p.once.Do(func() {}) // it is one already
		r, _ := st.attach(0, false)
		begin, signs := time.Now(), make(chan time.Duration, 8)
		go func() {
			_ = st.pump(t.Context(), r, time.Hour, func(batch []event) error {
				signs <- time.Since(begin)
				return nil
			})
		}()
		defer p.openLater(20 * time.Second)()
		if got := <-signs; got != 20*time.Second {
			t.Errorf("the first sign of life came after %v", got)
		}
		st.close()
	})
}

func TestAnAgentThatDoesNotReadIsBounded(t *testing.T) {
	st := newStream("", 0, &budget{most: 1 << 30})
	st.attach(0, false)
	var err error
	for i := 0; i < 2*maxQueued && err == nil; i++ {
		err = st.send([]byte("note"), false, false)
	}
	if err != errFull {
		t.Errorf("notifications pile up without end: %v", err)
	}
	if err := st.send([]byte("answer"), true, false); err != nil {
		t.Errorf("the answer does not get in: %v", err)
	}
	if n := len(st.events); n != maxQueued+1 {
		t.Errorf("%d events wait, want %d", n, maxQueued+1)
	}
	for err = nil; err == nil; {
		err = st.send(make([]byte, 64<<10), true, false)
	}
	if most := (maxBacklog + 1) * maxQueuedBytes; err != errFull || st.queued > most {
		t.Errorf("answers pile up: %d bytes, %v", st.queued, err)
	}
	if st.forget(); st.shared.used.Load() != 0 {
		t.Errorf("%d bytes are still counted", st.shared.used.Load())
	}
}

// An agent that asks and never reads its answers loses its session.
func TestPingsWithoutReadingEndTheSession(t *testing.T) {
	s := newStub(t, nil, nil)
	ss := newSession(s.srv, &gateway.Agent{ID: "ann", Issuer: "test"}, gateway.SurfaceSSE, "")
	if refusal := s.srv.sessions.add(ss); refusal != nil {
		t.Fatal(refusal)
	}
	ss.main.attach(0, false)
	l := &link{srv: s.srv, ss: ss}
	for i := 0; s.srv.Sessions() > 0; i++ {
		if i > 2*maxBacklog*maxQueued {
			t.Fatal("the session goes on")
		}
		l.take(t.Context(), ss.agent, []byte(`{"jsonrpc":"2.0","id":1,"method":"ping"}`))
		ss.requests.answering.Wait()
	}
}

// Results that nobody came back for are let go, oldest first.
func TestAbandonedStreamsAreBounded(t *testing.T) {
	s := newStub(t, func(o *Options) { o.Replay = 10_000 }, nil)
	ss := newSession(s.srv, &gateway.Agent{ID: "ann", Issuer: "test"}, gateway.SurfaceMCP, "")
	abandon := func(size int) *stream {
		st := ss.streams.newStream()
		ss.streams.add(st)
		if err := st.send(make([]byte, size), true, false); err != nil {
			t.Fatal(err)
		}
		st.close()
		ss.streams.trim()
		return st
	}
	for range 100 {
		abandon(10)
	}
	if n := len(ss.streams.streams); n != maxStreams {
		t.Errorf("%d streams are kept, want %d", n, maxStreams)
	}
	for range 10 {
		abandon(4_000)
	}
	if used := s.srv.kept.used.Load(); used > 10_000 {
		t.Errorf("%d bytes are kept", used)
	}
	last := abandon(50_000)
	if _, ok := last.attach(0, true); !ok || len(ss.streams.streams) != 1 {
		t.Errorf("the newest result is gone, or not alone: %d streams", len(ss.streams.streams))
	}
	ss.close()
	if used := s.srv.kept.used.Load(); used != 0 {
		t.Errorf("%d bytes are kept after the session", used)
	}
}

func TestStreamEndsWithTheToken(t *testing.T) {
	s := newStub(t, nil, nil)
	id := s.initialize("/mcp", "ann", "2025-11-25", "{}")
	s.expires = time.Now().Add(-time.Second) // what the stub admits is already over
	for _, c := range []struct{ method, path, body string }{
		{"GET", "/mcp", ""}, {"GET", "/sse", ""},
	} {
		if r := s.send(c.method, c.path, "ann", c.body, "Mcp-Session-Id", id); r.status != 200 {
			t.Errorf("%s: got %d", c.path, r.status)
		} // that the body ended is the test
	}
	if r := s.modern("/mcp", "ann", "subscriptions/listen", "", `"notifications":{"toolsListChanged":true}`); !strings.Contains(r.body, `"result"`) {
		t.Errorf("subscriptions/listen: %s", r.body)
	}
}

func TestANewStreamTakesOverFromTheOld(t *testing.T) {
	s := newStub(t, nil, nil)
	id := s.initialize("/mcp", "ann", "2025-11-25", "{}")
	first := s.open(t.Context(), "GET", "/mcp", "ann", "", "Mcp-Session-Id", id)
	defer first.Body.Close()
	second := s.open(t.Context(), "GET", "/mcp", "ann", "", "Mcp-Session-Id", id)
	defer second.Body.Close()
	if _, err := io.ReadAll(first.Body); err != nil {
		t.Errorf("the first stream broke: %v", err)
	}
	s.srv.Event(gateway.Event{Server: "files", Method: mcp.NoteToolsChanged})
	if e := nextData(t, events(second.Body)); string(e.Data) != `{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}` {
		t.Errorf("got %s", e.Data)
	}
}

// A call that is silent for long becomes a stream, so that nothing in between
// gives up on it; an agent that takes no streams waits for plain JSON.
func TestLongCallsShowSignsOfLife(t *testing.T) {
	free := make(chan struct{})
	s := newStub(t, func(o *Options) { o.KeepAlive = time.Millisecond }, func(context.Context, *gateway.Call) (*gateway.Result, error) {
		<-free
		return &gateway.Result{Raw: json.RawMessage(`{"content":[]}`)}, nil
	})
	resp := s.openModern(t.Context(), "/mcp", "ann", "tools/call", "files__read", `"name":"files__read"`)
	defer resp.Body.Close()
	if got := resp.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("got %s", got)
	}
	close(free)
	if e := nextData(t, events(resp.Body)); !strings.Contains(string(e.Data), `"content":[]`) || e.ID != "" {
		t.Errorf("got %s, ID %q", e.Data, e.ID)
	}
}

// A call that asks an agent which lost its stream waits for it, and not for
// ever: it would hold its place in the limits, and its session with it.
func TestACallWhoseAgentStaysAwayIsGivenUp(t *testing.T) {
	for name, back := range map[string]bool{"stays away": false, "comes back": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPlay(t, 1)
				w := p.serve(t.Context(), "POST", `{"jsonrpc":"2.0","id":"c","method":"tools/call","params":{"name":"files__read","arguments":{"id":"c","kind":"ask"}}}`)
				synctest.Wait()
				_, last := w.messages()
				w.leave()
				time.Sleep(9 * time.Minute)
				if !p.runs("c") {
					t.Error("the call did not wait for its agent")
				}
				if back {
					p.serve(t.Context(), "GET", "", "Last-Event-Id", last)
				}
				time.Sleep(25 * time.Minute)
				synctest.Wait()
				if runs := p.runs("c"); runs != back {
					t.Errorf("the call runs: %v", runs)
				}
				p.srv.Close()
				p.work.Wait()
			})
		})
	}
}
