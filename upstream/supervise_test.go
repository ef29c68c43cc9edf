package upstream_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"toolward/gateway"
	"toolward/mcp/client"
	"toolward/upstream"
	"toolward/upstream/upstreamtest"
)

// Row 42: a process that dies in a call is one refusal; it is started again,
// its tools stay or come back, and the others notice nothing.
func TestCrashedProcessComesBack(t *testing.T) {
	c := start(t, upstream.Options{Servers: []upstream.Server{
		server(t, "s", upstreamtest.Script{}, client.Options{}),
		server(t, "other", upstreamtest.Script{}, client.Options{}),
	}})
	for range 3 {
		_, err := c.call(t.Context(), nil, "s__die", `{}`)
		wantCode(t, err, gateway.UpstreamDown)
		if _, err := c.call(t.Context(), nil, "other__echo", `{}`); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "the restart", func() bool { _, err := c.call(t.Context(), nil, "s__echo", `{}`); return err == nil })
	}
}

func TestServerThatCannotStartLeavesTheRest(t *testing.T) {
	c := start(t, upstream.Options{Servers: []upstream.Server{
		server(t, "bad", upstreamtest.Script{Faults: []string{"exit"}}, client.Options{}),
		server(t, "good", tools(def("a")), client.Options{}),
	}})
	if got := names(c.List(gateway.KindTool, "")); got != "good__a" {
		t.Errorf("listed: %s", got)
	}
	about, _ := c.About("bad")
	if about.Up || !strings.Contains(about.Reason, "exit status 3") {
		t.Errorf("about: %+v", about)
	}
	_, err := c.Find(gateway.KindResource, "bad", "test://one")
	wantCode(t, err, gateway.UpstreamDown)
	// A name of one that was never up is no misspelt name.
	for name, code := range map[string]gateway.Code{"bad__x": gateway.UpstreamDown, "good__x": gateway.UnknownTool, "none__x": gateway.UnknownTool, "bad": gateway.UnknownTool} {
		_, err := c.Find(gateway.KindTool, "", name)
		wantCode(t, err, code)
	}
}

// A program that ends at once did not start, and what it said first is why: behind
// it comes how it is used, or the version of its interpreter.
func TestProgramThatEndsAtOnceSaysWhy(t *testing.T) {
	for _, script := range []string{
		"echo 'no current-context in kubeconfig' >&2; for i in 1 2 3 4 5 6; do echo usage $i >&2; done; exit 1",
		"echo 'no current-context in kubeconfig' >&2; exit 1",
	} {
		c, err := client.New(client.Options{Name: "kube", Command: "sh", Args: []string{"-c", script}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Dial(t.Context(), nil, func(gateway.Event) {})
		if err == nil || !strings.Contains(err.Error(), "upstream kube did not start") || !strings.Contains(err.Error(), `begins "no current-context in kubeconfig`) ||
			strings.Contains(err.Error(), "during the call") || strings.Contains(script, "usage") != strings.Contains(err.Error(), `ends "usage 6"`) {
			t.Errorf("%s\n%v", script, err)
		}
	}
}

// Whoever looks why an upstream is down is told what to do about it.
func TestReasonOfADownUpstreamSaysWhatToDo(t *testing.T) {
	refusal := gateway.Refuse("upstream", gateway.UpstreamDown, "it wants a login")
	refusal.Remedy = "run `toolward login bad`"
	dial := func(context.Context, gateway.Origin, func(gateway.Event)) (upstream.Conn, error) { return nil, refusal }
	c := start(t, upstream.Options{Servers: []upstream.Server{{Name: "bad", Dial: dial}}})
	if about, _ := c.About("bad"); about.Up || !strings.Contains(about.Reason, "it wants a login: run `toolward login bad`") {
		t.Errorf("about: %+v", about)
	}
}

// An upstream that is started after the gateway, dies, and comes back is in the
// lists, out of them, and in them again.
func TestListsFollowAServerThatComesAndGoes(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	scripted := upstreamtest.Serve(t, tools(def("a")))
	c := start(t, upstream.Options{Servers: []upstream.Server{
		connect(t, "s", client.Options{URL: "http://" + address + "/mcp"}),
		server(t, "good", tools(def("b")), client.Options{}),
	}})
	if got := names(c.List(gateway.KindTool, "")); got != "good__b" {
		t.Errorf("at first: %s", got)
	}
	run := func() *http.Server {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		s := &http.Server{Handler: scripted, ReadHeaderTimeout: time.Second}
		go func() { _ = s.Serve(l) }()
		return s
	}
	s := run()
	waitFor(t, "the list with it", func() bool { return names(c.List(gateway.KindTool, "")) == "s__a good__b" })
	s.Close()
	for range 5 { // opens the breaker, and has the supervisor look
		_, err := c.call(t.Context(), nil, "s__a", `{}`)
		wantCode(t, err, gateway.UpstreamDown)
	}
	waitFor(t, "the list without it", func() bool { return names(c.List(gateway.KindTool, "")) == "good__b" })
	_, err = c.call(t.Context(), nil, "s__a", `{}`)
	wantCode(t, err, gateway.UpstreamDown)
	s = run()
	defer s.Close()
	waitFor(t, "the list with it again", func() bool { return names(c.List(gateway.KindTool, "")) == "s__a good__b" })
	if n := c.events.count("s", "notifications/tools/list_changed"); n != 3 {
		t.Errorf("%d list changes were told, want 3", n)
	}
}

// busyConn answers calls when it is told to, and lists only while none is under
// way, as servers with one thread do.
type busyConn struct {
	fixedConn
	events func(gateway.Event)
	busy   atomic.Bool
	asked  chan struct{}
	answer chan struct{}
}

func (b *busyConn) List(ctx context.Context, method, cursor string) (json.RawMessage, error) {
	if b.busy.Load() {
		b.asked <- struct{}{}
		<-ctx.Done()
		return nil, gateway.Refuse("upstream", gateway.UpstreamTimeout, "busy")
	}
	return b.fixedConn.List(ctx, method, cursor)
}

func (b *busyConn) Do(ctx context.Context, c *gateway.Call) (*gateway.Result, error) {
	<-b.answer
	return b.fixedConn.Do(ctx, c)
}

// A server that is too busy to list its tools keeps its connection, and the
// call that keeps it busy its answer.
func TestBusyServerIsNotRestarted(t *testing.T) {
	b := &busyConn{fixedConn: fixedConn{tools: 1}, asked: make(chan struct{}), answer: make(chan struct{})}
	dials := 0
	c := start(t, upstream.Options{Servers: []upstream.Server{{Name: "s", ListTimeout: 250 * time.Millisecond,
		Dial: func(_ context.Context, _ gateway.Origin, events func(gateway.Event)) (upstream.Conn, error) {
			dials++
			b.events = events
			return b, nil
		}}}})
	done := make(chan error)
	go func() {
		_, err := c.call(t.Context(), nil, "s__t0", `{}`)
		done <- err
	}()
	b.busy.Store(true)
	for range 3 {
		b.events(gateway.Event{Method: "notifications/tools/list_changed"})
		<-b.asked
	}
	b.busy.Store(false)
	close(b.answer)
	if err := <-done; err != nil || dials != 1 {
		t.Errorf("%v after %d dials", err, dials)
	}
	if got := names(c.List(gateway.KindTool, "")); got != "s__t0" {
		t.Errorf("listed: %s", got)
	}
}

// Row 48: the breaker opens, refuses without touching the upstream, lets one
// call through after its pause, and closes when that succeeds.
func TestBreakerOpensAndProbes(t *testing.T) {
	var failing atomic.Bool
	var hits atomic.Int32
	scripted := upstreamtest.Serve(t, tools(def("a")))
	front := http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hits.Add(1)
		if failing.Load() {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		scripted.ServeHTTP(w, r)
	}), ReadHeaderTimeout: time.Second}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = front.Serve(l) }()
	defer front.Close()
	s := connect(t, "s", client.Options{URL: "http://" + l.Addr().String()})
	s.Failures, s.Cooldown = 3, 100*time.Millisecond
	c := start(t, upstream.Options{Servers: []upstream.Server{s}})
	tool, err := c.Find(gateway.KindTool, "", "s__a")
	if err != nil {
		t.Fatal(err)
	}
	do := func() error {
		call := upstreamtest.Call(nil, "a", `{}`)
		call.Tool = tool
		_, err := tool.Upstream.Do(t.Context(), call)
		return err
	}
	failing.Store(true)
	for range 3 {
		wantCode(t, do(), gateway.UpstreamDown)
	}
	err = do()
	wantCode(t, err, gateway.UpstreamDown)
	if !strings.Contains(err.Error(), "circuit breaker") && !strings.Contains(err.Error(), "being made again") {
		t.Errorf("got %v", err)
	}
	failing.Store(false)
	waitFor(t, "a good call", func() bool { return do() == nil })
}

// Row 49: a server that is full refuses, and the others do not wait for it.
func TestSlowServerIsFullAndAlone(t *testing.T) {
	s := server(t, "slow", upstreamtest.Script{}, client.Options{})
	s.Concurrency, s.QueueWait = 2, 20*time.Millisecond
	c := start(t, upstream.Options{Servers: []upstream.Server{s, server(t, "fast", upstreamtest.Script{}, client.Options{})}})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	started := make(chan struct{}, 2)
	for range 2 {
		wg.Go(func() {
			started <- struct{}{}
			_, err := c.call(ctx, nil, "slow__hang", `{}`)
			wantCode(t, err, gateway.Cancelled)
		})
	}
	<-started
	<-started
	waitFor(t, "a full server", func() bool {
		_, err := c.call(t.Context(), nil, "slow__echo", `{}`)
		return err != nil && strings.Contains(err.Error(), "overloaded")
	})
	for range 50 {
		if _, err := c.call(t.Context(), nil, "fast__echo", `{}`); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	wg.Wait()
	if _, err := c.call(t.Context(), nil, "slow__echo", `{}`); err != nil {
		t.Errorf("a slot is lost: %v", err)
	}
}

// A storm of change notices is one reading of the list at a time.
func TestListChangeStormIsCoalesced(t *testing.T) {
	ledger := filepath.Join(t.TempDir(), "ledger")
	c := start(t, upstream.Options{Servers: []upstream.Server{server(t, "s", upstreamtest.Script{Ledger: ledger, Faults: []string{"storm"}}, client.Options{})}})
	for range 20 { // ten thousand notices
		if _, err := c.call(t.Context(), nil, "s__echo", `{}`); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, "a second reading", func() bool { return lines(t, ledger, "tools/list ") >= 2 })
	if n := lines(t, ledger, "tools/list "); n > 20 {
		t.Errorf("the list was read %d times", n)
	}
}

func lines(t *testing.T, path, prefix string) int {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, line := range strings.Split(string(raw), "\n") {
		if strings.HasPrefix(line, prefix) {
			n++
		}
	}
	return n
}

func TestEachAgentSessionHasItsOwnProcessIfIsolated(t *testing.T) {
	ledger := filepath.Join(t.TempDir(), "ledger")
	s := server(t, "s", upstreamtest.Script{Ledger: ledger}, client.Options{Isolate: true})
	s.Sessions = 2
	c := start(t, upstream.Options{Servers: []upstream.Server{s}})
	a, b := &upstreamtest.Agent{ID: "a", Caps: `{"sampling":{}}`}, &upstreamtest.Agent{ID: "b"}
	for range 2 {
		for _, agent := range []*upstreamtest.Agent{a, b} {
			got, err := c.call(t.Context(), agent, "s__sample", `{}`)
			if err != nil {
				t.Fatal(err)
			}
			if want := `{"content":[],"structuredContent":{"from":"` + agent.ID + `"}}`; string(got.Raw) != want {
				t.Errorf("got %s, want %s", got.Raw, want)
			}
		}
	}
	if n := lines(t, ledger, "pid "); n != 3 { // the shared one and two
		t.Errorf("%d processes", n)
	}
	// A third makes the one that is unused longest go.
	if _, err := c.call(t.Context(), &upstreamtest.Agent{ID: "c"}, "s__echo", `{}`); err != nil {
		t.Fatal(err)
	}
	c.Forget("b")
	if _, err := c.call(t.Context(), b, "s__echo", `{}`); err != nil {
		t.Fatal(err)
	}
	if n := lines(t, ledger, "pid "); n != 5 {
		t.Errorf("%d processes", n)
	}
}

func TestHTTPSessionsBelongToAgentSessions(t *testing.T) {
	scripted := upstreamtest.Serve(t, upstreamtest.Script{Faults: []string{"sessions"}, Ledger: filepath.Join(t.TempDir(), "ledger")})
	c := start(t, upstream.Options{Servers: []upstream.Server{connect(t, "s", client.Options{URL: scripted.URL})}})
	seen := map[string]string{}
	for _, agent := range []*upstreamtest.Agent{nil, {ID: "a"}, {ID: "b"}} {
		if _, err := c.call(t.Context(), agent, "s__echo", `{}`); err != nil {
			t.Fatal(err)
		}
		h, _ := scripted.Last("tools/call")
		id := h.Get("Mcp-Session-Id")
		if other, taken := seen[id]; taken || id == "" {
			t.Errorf("session %q is shared with %q", id, other)
		}
		seen[id] = fmt.Sprint(agent)
	}
}

func TestUnsubscribeOfOneAgentLeavesTheOthers(t *testing.T) {
	ledger := filepath.Join(t.TempDir(), "ledger")
	c := start(t, upstream.Options{Servers: []upstream.Server{server(t, "s", upstreamtest.Script{Ledger: ledger}, client.Options{})}})
	do := func(agent, method string) {
		t.Helper()
		tool, err := c.Find(gateway.KindResource, "s", "test://one")
		if err != nil {
			t.Fatal(err)
		}
		call := upstreamtest.Call(&upstreamtest.Agent{ID: agent}, "", `{"uri":"test://one"}`)
		call.Kind, call.Method, call.Server, call.Name, call.Tool = gateway.KindResource, method, "s", "test://one", tool
		if _, err := tool.Upstream.Do(t.Context(), call); err != nil {
			t.Fatal(err)
		}
	}
	do("a", "resources/subscribe")
	do("b", "resources/subscribe")
	do("a", "resources/unsubscribe")
	if n := lines(t, ledger, "resources/unsubscribe"); n != 0 {
		t.Error("the server was told although b still wants updates")
	}
	if _, err := c.call(t.Context(), nil, "s__die", `{}`); err == nil {
		t.Fatal("it lives")
	}
	waitFor(t, "the subscription on the new process", func() bool { return lines(t, ledger, "resources/subscribe") == 3 })
	c.Forget("b")
	waitFor(t, "its end", func() bool { return lines(t, ledger, "resources/unsubscribe") == 1 })
}

// Row 40 and API1: a task belongs to the principal whose call made it.
func TestTaskOfAnotherPrincipalIsUnknown(t *testing.T) {
	c := start(t, upstream.Options{Servers: []upstream.Server{server(t, "s", upstreamtest.Script{}, client.Options{})}})
	if _, err := c.call(t.Context(), nil, "s__task", `{}`); err != nil {
		t.Fatal(err)
	}
	poll := func(server, id, agent, method string) (*gateway.Result, error) {
		var task *gateway.Task
		tool, err := c.Find(gateway.KindTask, server, "")
		if id != "" {
			task, tool, err = c.Task(&gateway.Agent{ID: agent, Issuer: "test"}, server, id)
		}
		if err != nil {
			return nil, err
		}
		call := upstreamtest.Call(nil, "", `{"taskId":"`+id+`"}`)
		call.Kind, call.Method, call.Server, call.Name, call.Tool, call.Task = gateway.KindTask, method, server, id, tool, task
		call.Agent = &gateway.Agent{ID: agent, Issuer: "test"}
		return tool.Upstream.Do(t.Context(), call)
	}
	for _, server := range []string{"", "s"} {
		if _, err := poll(server, "task-1", "agent", "tasks/get"); err != nil {
			t.Errorf("owner: %v", err)
		}
		_, err := poll(server, "task-1", "thief", "tasks/get")
		wantCode(t, err, gateway.UnknownTool)
		_, err = poll(server, "foreign", "agent", "tasks/get")
		wantCode(t, err, gateway.UnknownTool)
	}
	task, tool, err := c.Task(&gateway.Agent{ID: "agent", Issuer: "test"}, "", "task-1")
	if err != nil || tool.Kind != gateway.KindTool || tool.Name != "task" || tool.Wire != "s__task" || string(task.Args.Raw()) != `{}` {
		t.Errorf("found %+v, %v", tool, err)
	}
	all, err := poll("s", "", "agent", "tasks/list")
	if err != nil || string(all.Raw) != `{"tasks":[{"taskId":"task-1","status":"working"}],"x":1.0}` {
		t.Errorf("list: %s, %v", all.Raw, err)
	}
	none, err := poll("s", "", "thief", "tasks/list")
	if err != nil || string(none.Raw) != `{"tasks":[],"x":1.0}` {
		t.Errorf("list of another: %s, %v", none.Raw, err)
	}
}

// A principal's connection goes when it is idle; an agent session's stays, for
// what the session subscribed to may be long in coming.
func TestIdleConnectionsOfPrincipalsAreClosed(t *testing.T) {
	scripted := upstreamtest.Serve(t, upstreamtest.Script{Faults: []string{"sessions"}})
	s := connect(t, "s", client.Options{URL: scripted.URL})
	s.SessionIdle = time.Millisecond
	c := start(t, upstream.Options{Servers: []upstream.Server{s}})
	for _, agent := range []*upstreamtest.Agent{{ID: "a"}, {Revision: upstreamtest.Modern}} {
		if _, err := c.call(t.Context(), agent, "s__echo", `{}`); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, "the shared session and the agent's alone", func() bool { return scripted.Sessions() == 2 })
	if _, err := c.call(t.Context(), &upstreamtest.Agent{ID: "a"}, "s__echo", `{}`); err != nil {
		t.Fatal(err)
	}
	if h, _ := scripted.Last("tools/call"); h.Get("Mcp-Session-Id") != "session-2" {
		t.Errorf("session %s", h.Get("Mcp-Session-Id"))
	}
}
