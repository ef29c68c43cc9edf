package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"toolward/gateway"
	"toolward/mcp"
)

func TestForeignSessionDoesNotExist(t *testing.T) {
	s := newStub(t, nil, never(t))
	s.addServer("db", nil)
	id := s.initialize("/mcp/files", "ann", "2025-11-25", "{}")
	ping := `{"jsonrpc":"2.0","id":1,"method":"ping"}`
	for name, c := range map[string]struct{ path, token, id string }{
		"another principal": {"/mcp/files", "bob", id},
		"another endpoint":  {"/mcp/db", "ann", id},
		"all upstreams":     {"/mcp", "ann", id},
		"a guess":           {"/mcp/files", "ann", "AAAAAAAAAAAAAAAAAAAAAAAAAA"},
	} {
		want := s.legacy("/mcp/files", "ann", "AAAAAAAAAAAAAAAAAAAAAAAAAB", ping)
		if r := s.legacy(c.path, c.token, c.id, ping); r.status != 404 || len(r.body) != len(want.body) {
			t.Errorf("%s: got %d %s", name, r.status, r.body)
		}
		for _, method := range []string{"GET", "DELETE"} {
			if r := s.send(method, c.path, c.token, "", "Mcp-Session-Id", c.id); r.status != 404 {
				t.Errorf("%s: %s: got %d", name, method, r.status)
			}
		}
		if r := s.send("POST", "/message?sessionId="+c.id, c.token, ping); r.status != 404 {
			t.Errorf("%s: /message: got %d", name, r.status)
		}
	}
	if r := s.legacy("/mcp/files", "ann", id, ping); r.status != 200 {
		t.Errorf("the owner lost the session: %d %s", r.status, r.body)
	}
	if r := s.send("POST", "/mcp/files", "ann", ping, "Mcp-Session-Id", id, "Mcp-Session-Id", id); r.status != 400 {
		t.Errorf("session ID twice: got %d", r.status)
	}
	if r := s.send("DELETE", "/mcp/files", "ann", "", "Mcp-Session-Id", id); r.status != 204 {
		t.Errorf("DELETE: got %d", r.status)
	}
	if r := s.legacy("/mcp/files", "ann", id, ping); r.status != 404 {
		t.Errorf("after DELETE: got %d", r.status)
	}
	if len(s.forgot) != 1 || s.forgot[0] != id {
		t.Errorf("upstreams were told to forget %v", s.forgot)
	}
}

// blocking is an upstream whose calls wait until they are released or cancelled.
type blocking struct {
	begun chan string
	free  chan struct{}
	ended chan error
}

func newBlocking() *blocking {
	return &blocking{make(chan string, 8), make(chan struct{}), make(chan error, 8)}
}

func (b *blocking) do(ctx context.Context, c *gateway.Call) (*gateway.Result, error) {
	b.begun <- c.Agent.ID
	select {
	case <-b.free:
		b.ended <- nil
		return &gateway.Result{Raw: json.RawMessage(`{"content":[]}`)}, nil
	case <-ctx.Done():
		b.ended <- ctx.Err()
		return nil, ctx.Err()
	}
}

func TestCancelReachesOnlyItsOwnCall(t *testing.T) {
	b := newBlocking()
	s := newStub(t, nil, b.do)
	call := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"files__read"}}`
	cancel := `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`
	ann := s.initialize("/mcp", "ann", "2025-11-25", "{}")
	bob := s.initialize("/mcp", "bob", "2025-11-25", "{}")
	ann2 := s.initialize("/mcp", "ann", "2025-11-25", "{}")
	answers := make(chan reply, 2)
	for token, id := range map[string]string{"ann": ann, "bob": bob} {
		go func() { answers <- s.legacy("/mcp", token, id, call) }()
		<-b.begun
	}
	s.legacy("/mcp", "ann", ann2, cancel) // the same principal's other session
	s.modern("/mcp", "ann", "notifications/cancelled", "", `"requestId":1`)
	s.send("POST", "/mcp", "bob", cancel, "Mcp-Protocol-Version", "2026-07-28")
	s.legacy("/mcp", "bob", ann, cancel) // a foreign session
	select {
	case err := <-b.ended:
		t.Fatalf("a foreign cancellation ended a call: %v", err)
	default:
	}
	s.legacy("/mcp", "ann", ann, cancel)
	if err := <-b.ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the own cancellation did not arrive: %v", err)
	}
	if r := <-answers; member(t, r.body, "error", "code") != -32800.0 {
		t.Errorf("cancelled call: %s", r.body)
	}
	close(b.free)
	if r := <-answers; member(t, r.body, "result") == nil {
		t.Errorf("the other call: %s", r.body)
	}
}

func TestAnIDInUseIsRefused(t *testing.T) {
	b := newBlocking()
	s := newStub(t, nil, b.do)
	id := s.initialize("/mcp", "ann", "2025-11-25", "{}")
	call := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"files__read"}}`
	first := make(chan reply)
	go func() { first <- s.legacy("/mcp", "ann", id, call) }()
	<-b.begun
	if r := s.legacy("/mcp", "ann", id, call); r.status != 400 {
		t.Errorf("got %d %s", r.status, r.body)
	}
	close(b.free)
	if r := <-first; r.status != 200 {
		t.Errorf("the first: %d", r.status)
	}
}

func TestClosingAStatelessRequestCancelsIt(t *testing.T) {
	b := newBlocking()
	s := newStub(t, nil, b.do)
	for _, path := range []string{"/mcp", "/mcp/files"} {
		ctx, cancel := context.WithCancel(t.Context())
		name := map[string]string{"/mcp": "files__read", "/mcp/files": "read"}[path]
		go func() {
			<-b.begun
			cancel()
		}()
		if resp, err := s.http.Client().Do(s.request(ctx, path, name)); err == nil {
			resp.Body.Close()
			t.Error("the request was answered")
		}
		if err := <-b.ended; !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// asking is an upstream that asks the agent something before it answers.
func asking(method, params string) func(context.Context, *gateway.Call) (*gateway.Result, error) {
	return func(ctx context.Context, c *gateway.Call) (*gateway.Result, error) {
		if err := c.Origin.Notify(ctx, c, mcp.NoteProgress, []byte(`{"progressToken":1,"progress":1.0}`)); err != nil {
			return nil, err
		}
		r, err := c.Origin.Request(ctx, c, method, []byte(params))
		if err != nil {
			return nil, err
		}
		return &gateway.Result{Raw: json.RawMessage(`{"content":[],"answer":` + string(r.Bytes()) + `}`)}, nil
	}
}

const elicit = `{"message":"your name?","requestedSchema":{"type":"object","properties":{}}}`

func TestQuestionComesOnTheStreamOfItsCall(t *testing.T) {
	s := newStub(t, nil, asking("elicitation/create", elicit))
	id := s.initialize("/mcp", "ann", "2025-11-25", `{"elicitation":{}}`)
	bob := s.initialize("/mcp", "bob", "2025-11-25", `{"elicitation":{}}`)
	resp := s.open(t.Context(), "POST", "/mcp", "ann", `{"jsonrpc":"2.0","id":"c","method":"tools/call","params":{"name":"files__read"}}`, "Mcp-Session-Id", id)
	defer resp.Body.Close()
	stream := events(resp.Body)
	next := func() mcp.Event {
		t.Helper()
		e, err := stream.Next()
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	if e := next(); len(e.Data) != 0 || e.ID == "" || e.Retry == 0 {
		t.Errorf("the first event is %q %q, want an ID and a retry time alone", e.ID, e.Data)
	}
	if e := next(); string(e.Data) != `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1.0}}` {
		t.Errorf("progress came as %s", e.Data)
	}
	asked := next()
	if got := member(t, string(asked.Data), "params", "message"); got != "your name?" {
		t.Errorf("the question came as %s", asked.Data)
	}
	gw := member(t, string(asked.Data), "id").(string)
	// Nobody else can answer, whatever they know.
	for token, session := range map[string]string{"bob": bob, "ann": s.initialize("/mcp", "ann", "2025-11-25", `{}`)} {
		s.legacy("/mcp", token, session, `{"jsonrpc":"2.0","id":"`+gw+`","result":{"action":"accept","content":{"name":"mallory"}}}`)
	}
	s.legacy("/mcp", "ann", id, `{"jsonrpc":"2.0","id":"gw-999","result":{"action":"accept"}}`) // never asked
	if r := s.legacy("/mcp", "ann", id, `{"jsonrpc":"2.0","id":"`+gw+`","result":{"action":"accept","content":{"name":"ann"}}}`); r.status != 202 {
		t.Errorf("the answer got %d", r.status)
	}
	if e := next(); string(e.Data) != `{"jsonrpc":"2.0","id":"c","result":{"content":[],"answer":{"action":"accept","content":{"name":"ann"}}}}` {
		t.Errorf("the result came as %s", e.Data)
	}
	if e, err := stream.Next(); err == nil {
		t.Errorf("something follows the result: %s", e.Data)
	}
}

func TestUndeclaredQuestionsAreNotAsked(t *testing.T) {
	for name, c := range map[string]struct{ caps, method, params string }{
		"nothing declared": {`{}`, "elicitation/create", elicit},
		"only sampling":    {`{"sampling":{}}`, "elicitation/create", elicit},
		"URL to a form":    {`{"elicitation":{}}`, "elicitation/create", `{"mode":"url","message":"m","url":"https://example.com","elicitationId":"e"}`},
		"form to URL only": {`{"elicitation":{"url":{}}}`, "elicitation/create", elicit},
		"roots":            {`{"elicitation":{}}`, "roots/list", `{}`},
		"anything else":    {`{"elicitation":{},"later":{}}`, "later/method", `{}`},
	} {
		t.Run(name, func(t *testing.T) {
			var got error
			s := newStub(t, nil, func(ctx context.Context, c *gateway.Call) (*gateway.Result, error) {
				_, got = c.Origin.Request(ctx, c, c.Args.Value().(map[string]any)["m"].(string), []byte(c.Args.Value().(map[string]any)["p"].(string)))
				return &gateway.Result{Raw: json.RawMessage(`{"content":[]}`)}, nil
			})
			id := s.initialize("/mcp", "ann", "2025-11-25", c.caps)
			p, _ := json.Marshal(c.params)
			r := s.legacy("/mcp", "ann", id, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"files__read","arguments":{"m":"`+c.method+`","p":`+string(p)+`}}}`)
			var refusal *gateway.Refusal
			if !errors.As(got, &refusal) || refusal.Code != gateway.Unsupported || r.header.Get("Content-Type") != "application/json" {
				t.Errorf("got %v", got)
			}
		})
	}
}

// A person may take an hour to answer, and nothing gives up on them.
func TestElicitationSlowerThan30Seconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newLines(t, nil, asking("elicitation/create", elicit))
		c.write(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{"elicitation":{}}}}`)
		c.read()
		c.write(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"files__read"}}`)
		c.read() // progress
		gw := member(t, c.read(), "id").(string)
		time.Sleep(time.Hour)
		c.write(`{"jsonrpc":"2.0","id":"` + gw + `","result":{"action":"decline"}}`)
		if got := c.read(); got != `{"jsonrpc":"2.0","id":1,"result":{"content":[],"answer":{"action":"decline"}}}` {
			t.Errorf("got %s", got)
		}
		c.close()
	})
}

// What hundred upstream calls send goes to the hundred agents that made them.
func TestNoCrossTalkBetweenSessions(t *testing.T) {
	s := newStub(t, nil, func(ctx context.Context, c *gateway.Call) (*gateway.Result, error) {
		marker := c.Args.Raw()
		with := func(members string) []byte { return []byte("{" + members + "," + string(marker[1:])) }
		for n := range 3 {
			if err := c.Origin.Notify(ctx, c, mcp.NoteProgress, with(fmt.Sprintf(`"progressToken":1,"progress":%d`, n))); err != nil {
				return nil, err
			}
		}
		r, err := c.Origin.Request(ctx, c, "sampling/createMessage", with(`"messages":[],"maxTokens":1`))
		if err != nil {
			return nil, err
		}
		return &gateway.Result{Raw: json.RawMessage(`{"marker":` + string(marker) + `,"sampled":` + string(r.Raw) + `}`)}, nil
	})
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			marker := fmt.Sprintf(`{"m":"marker-%d-"}`, i)
			token := fmt.Sprintf("agent%d", i%10)
			id := s.initialize("/mcp", token, "2025-11-25", `{"sampling":{}}`)
			for range 3 {
				resp := s.open(t.Context(), "POST", "/mcp", token, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"files__read","arguments":`+marker+`}}`, "Mcp-Session-Id", id)
				if got := s.follow(resp.Body, token, id, marker); got != fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"result":{"marker":%s,"sampled":%s}}`, marker, sampled(marker)) {
					t.Errorf("session %d got %s", i, got)
				}
				resp.Body.Close()
			}
		})
	}
	wg.Wait()
	s.srv.sessions.closeAll()
	if used := s.srv.kept.used.Load(); used != 0 {
		t.Errorf("%d bytes of events are kept after the last session", used)
	}
}

func TestSessionsAreBounded(t *testing.T) {
	s := newStub(t, func(o *Options) { o.PerPrincipal, o.MaxSessions = 3, 5 }, nil)
	first := s.initialize("/mcp", "ann", "2025-11-25", "{}")
	second := s.initialize("/mcp", "ann", "2025-11-25", "{}")
	s.initialize("/mcp", "ann", "2025-11-25", "{}")
	ping := `{"jsonrpc":"2.0","id":1,"method":"ping"}`
	s.legacy("/mcp", "ann", first, ping) // now the second is the least recently used
	s.initialize("/mcp", "ann", "2025-11-25", "{}")
	if r := s.legacy("/mcp", "ann", first, ping); r.status != 200 {
		t.Errorf("a session in use made room: %d", r.status)
	}
	if r := s.legacy("/mcp", "ann", second, ping); r.status != 404 {
		t.Errorf("nothing made room: %d", r.status)
	}
	if n := s.srv.Sessions(); n != 3 {
		t.Errorf("%d sessions are open, want 3", n)
	}
}

// Whatever way a stateless agent leaves, nothing of its stream stays.
func TestStatelessStreamsLeaveNothing(t *testing.T) {
	left := make(chan struct{})
	s := newStub(t, nil, func(ctx context.Context, c *gateway.Call) (*gateway.Result, error) {
		_ = c.Origin.Notify(ctx, c, mcp.NoteProgress, []byte(`{"progressToken":1,"progress":1}`))
		if c.Name == "files__read" && strings.Contains(string(c.Args.Raw()), "leave") {
			<-ctx.Done()
			_ = c.Origin.Notify(ctx, c, mcp.NoteProgress, []byte(`{"progressToken":1,"progress":2}`))
			close(left)
		}
		return &gateway.Result{Raw: json.RawMessage(`{"content":[]}`)}, nil
	})
	s.modern("/mcp", "ann", "tools/call", "files__read", `"name":"files__read"`)
	ctx, cancel := context.WithCancel(t.Context())
	resp := s.openModern(ctx, "/mcp", "ann", "tools/call", "files__read", `"name":"files__read","arguments":{"leave":true}`)
	nextData(t, events(resp.Body))
	cancel()
	resp.Body.Close()
	<-left
	s.http.Close() // waits for the handlers
	if used := s.srv.kept.used.Load(); used != 0 {
		t.Errorf("%d bytes of events are kept", used)
	}
}

func TestTenThousandDroppedSessionsLeaveNothing(t *testing.T) {
	s := newStub(t, func(o *Options) { o.PerPrincipal = 100 }, nil)
	agent := &gateway.Agent{ID: "ann", Issuer: "test"}
	before := runtime.NumGoroutine()
	for range 10_000 {
		ss := newSession(s.srv, agent, gateway.SurfaceMCP, "")
		if refusal := s.srv.sessions.add(ss); refusal != nil {
			t.Fatal(refusal)
		}
		st := ss.streams.newStream()
		ss.streams.add(st)
		_ = st.send([]byte(strings.Repeat("x", 1000)), false, false)
		r, _ := st.attach(0, false)
		st.delivered(r, 1)
	}
	if n := s.srv.Sessions(); n != 100 {
		t.Errorf("%d sessions are open, want 100", n)
	}
	if kept := s.srv.kept.used.Load(); kept != 100*1000 {
		t.Errorf("%d bytes of events are kept, want those of the open sessions", kept)
	}
	if now := runtime.NumGoroutine(); now > before {
		t.Errorf("%d goroutines, %d before", now, before)
	}
	s.srv.sessions.closeAll()
	if kept := s.srv.kept.used.Load(); kept != 0 {
		t.Errorf("%d bytes of events are kept after the last session", kept)
	}
}

func TestIdleSessionsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newBareStub(t, func(o *Options) { o.IdleTTL = time.Hour }, nil)
		agent := &gateway.Agent{ID: "ann", Issuer: "test"}
		idle, busy, read := newSession(s.srv, agent, gateway.SurfaceMCP, ""), newSession(s.srv, agent, gateway.SurfaceMCP, ""), newSession(s.srv, agent, gateway.SurfaceMCP, "")
		for _, ss := range []*session{idle, busy, read} {
			if refusal := s.srv.sessions.add(ss); refusal != nil {
				t.Fatal(refusal)
			}
		}
		if refusal := busy.requests.begin(json.RawMessage("1"), func() {}); refusal != nil {
			t.Fatal(refusal)
		}
		read.main.attach(0, false)
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if n := s.srv.Sessions(); n != 2 || !idle.ended {
			t.Errorf("%d sessions are open, want the busy one and the one that is read", n)
		}
		busy.end(json.RawMessage("1"))
		busy.requests.answering.Done()
		s.srv.Close()
	})
}

// Roots that changed are told to the session's own upstreams, by our own
// message: what an agent puts into it goes nowhere.
func TestChangedRootsAreToldToTheSessionsUpstreams(t *testing.T) {
	s := newStub(t, nil, never(t))
	id := s.initialize("/mcp", "ann", "2025-11-25", `{"roots":{"listChanged":true}}`)
	s.legacy("/mcp", "ann", id, `{"jsonrpc":"2.0","method":"notifications/roots/list_changed","params":{"evil":1}}`)
	s.legacy("/mcp", "bob", id, `{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}`)
	s.mu.Lock()
	defer s.mu.Unlock()
	if want := id + " notifications/roots/list_changed"; len(s.noted) != 1 || s.noted[0] != want {
		t.Errorf("told %v, want %q once", s.noted, want)
	}
}
