package upstream_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"toolward/gateway"
	"toolward/mcp/client"
	"toolward/upstream"
	"toolward/upstream/upstreamtest"
)

// made is a server of a digest.
func made(s upstream.Server, digest string, labels ...string) upstream.Server {
	s.Digest, s.Labels = digest, labels
	return s
}

// change puts servers in force as the gateway does.
func (c catalog) change(t *testing.T, grace time.Duration, servers ...upstream.Server) {
	t.Helper()
	ch, err := c.Prepare(t.Context(), servers)
	if err != nil {
		t.Fatal(err)
	}
	ch.Apply()
	ch.Finish(grace)
	ch.Wait()
}

// held finds a tool and holds its upstream, as the road does.
func (c catalog) held(t *testing.T, wire string) (do func(*upstreamtest.Agent) (*gateway.Result, error)) {
	t.Helper()
	tool, err := c.Find(gateway.KindTool, "", wire)
	if err != nil {
		t.Fatal(err)
	}
	hold := tool.Upstream.(gateway.Holder)
	hold.Hold()
	return func(a *upstreamtest.Agent) (*gateway.Result, error) {
		defer hold.Release()
		cl := upstreamtest.Call(a, tool.Name, `{}`)
		cl.Tool, cl.Name = tool, wire
		return tool.Upstream.Do(context.Background(), cl)
	}
}

const toolsChanged = "notifications/tools/list_changed"

func TestChangeAddsRemovesAndLeavesTheRest(t *testing.T) {
	kept := made(server(t, "kept", tools(def("a")), client.Options{}), "1")
	gone := made(server(t, "gone", tools(def("b")), client.Options{}), "1")
	c := start(t, upstream.Options{Servers: []upstream.Server{kept, gone}})
	heard := map[string]int{}
	for _, name := range []string{"added", "kept", "gone"} {
		heard[name] = c.events.count(name, toolsChanged)
	}
	added := made(server(t, "added", tools(def("c")), client.Options{}), "1", "private")
	c.change(t, time.Minute, added, kept)
	if got := names(c.List(gateway.KindTool, "")); got != "added__c kept__a" {
		t.Errorf("tools: %s", got)
	}
	for _, name := range []string{"added", "kept"} {
		if about, ok := c.About(name); !ok || !about.Up || about.Connects != 1 {
			t.Errorf("%s: %+v", name, about)
		}
	}
	if _, ok := c.About("gone"); ok {
		t.Error("what was taken out is known")
	}
	if _, err := c.call(t.Context(), nil, "gone__b", `{}`); err == nil {
		t.Error("what was taken out is called")
	} else {
		wantCode(t, err, gateway.UnknownTool)
	}
	for name, want := range map[string]int{"added": 1, "gone": 1, "kept": 0} {
		if n := c.events.count(name, toolsChanged) - heard[name]; n != want {
			t.Errorf("%d times agents hear of %s, want %d", n, name, want)
		}
	}
}

// An entry that changed is another server: with its labels, and by a connection of its
// own, which is there before the old one goes.
func TestChangeReplacesAnEntryWithoutAGap(t *testing.T) {
	one := made(server(t, "s", tools(def("a")), client.Options{}), "1", "private")
	c := start(t, upstream.Options{Servers: []upstream.Server{one}})
	old := c.held(t, "s__a")
	finished := make(chan struct{})
	ch, err := c.Prepare(t.Context(), []upstream.Server{made(server(t, "s", tools(def("a")), client.Options{}), "2", "untrusted")})
	if err != nil {
		t.Fatal(err)
	}
	before, err := c.Find(gateway.KindTool, "", "s__a")
	if err != nil || before.Labels[0] != "private" {
		t.Fatalf("while it is prepared: %v %v", before, err)
	}
	ch.Apply()
	after, err := c.Find(gateway.KindTool, "", "s__a")
	if err != nil || after.Labels[0] != "untrusted" {
		t.Fatalf("once it is in force: %v %v", after, err)
	}
	if _, err := c.call(t.Context(), nil, "s__a", `{}`); err != nil {
		t.Errorf("the new one: %v", err)
	}
	go func() { ch.Finish(time.Minute); ch.Wait(); close(finished) }()
	if _, err := old(nil); err != nil {
		t.Errorf("a call that found the old one: %v", err)
	}
	<-finished
}

// A call under way ends as if nothing had happened if it does so in time, and else
// with a reason.
func TestChangeWaitsForCallsUnderWay(t *testing.T) {
	for name, tt := range map[string]struct {
		grace time.Duration
		code  gateway.Code
	}{
		"in time": {time.Minute, ""},
		"late":    {time.Millisecond, gateway.Cancelled},
	} {
		t.Run(name, func(t *testing.T) {
			s := made(server(t, "s", upstreamtest.Script{}, client.Options{Asks: func() bool { return true }}), "1")
			c := start(t, upstream.Options{Servers: []upstream.Server{s}})
			asked, answer := make(chan struct{}), make(chan struct{})
			a := &upstreamtest.Agent{ID: "1", Caps: `{"elicitation":{}}`, Answer: func(ctx context.Context, _ string, _ []byte) (*gateway.Result, error) {
				close(asked)
				select {
				case <-answer:
				case <-ctx.Done():
				}
				return &gateway.Result{Raw: []byte(`{"action":"accept","content":{}}`)}, nil
			}}
			do := c.held(t, "s__elicit")
			var ended sync.WaitGroup
			var err error
			ended.Go(func() { _, err = do(a) })
			<-asked
			ch, failed := c.Prepare(t.Context(), nil)
			if failed != nil {
				t.Fatal(failed)
			}
			ch.Apply()
			if tt.code == "" {
				close(answer)
			}
			ch.Finish(tt.grace)
			ch.Wait()
			ended.Wait()
			if tt.code != "" {
				wantCode(t, err, tt.code)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

// What cannot be reached is in force and down, and comes when it is up; what is wrong
// starts nothing.
func TestChangeToWhatIsNotUp(t *testing.T) {
	c := start(t, upstream.Options{Servers: []upstream.Server{made(server(t, "s", tools(def("a")), client.Options{}), "1")}})
	nowhere := connect(t, "nowhere", client.Options{URL: "http://127.0.0.1:1/mcp"})
	c.change(t, time.Minute, made(nowhere, "1"))
	if about, ok := c.About("nowhere"); !ok || about.Up || about.Reason == "" {
		t.Errorf("%+v", about)
	}
	_, err := c.call(t.Context(), nil, "nowhere__x", `{}`)
	wantCode(t, err, gateway.UpstreamDown)
	for name, servers := range map[string][]upstream.Server{
		"twice": {made(nowhere, "1"), made(nowhere, "1")}, "no name": {{Name: "a__b", Dial: nowhere.Dial}},
	} {
		if _, err := c.Prepare(t.Context(), servers); err == nil {
			t.Errorf("%s is prepared", name)
		}
	}
	ch, err := c.Prepare(t.Context(), []upstream.Server{made(server(t, "t", tools(def("a")), client.Options{}), "1")})
	if err != nil {
		t.Fatal(err)
	}
	ch.Abandon()
	if got := c.Servers(); len(got) != 1 || got[0] != "nowhere" {
		t.Errorf("%v", got)
	}
}

// A task belongs to the process that made it: no other is asked for it.
func TestChangeForgetsTasks(t *testing.T) {
	s := server(t, "s", upstreamtest.Script{}, client.Options{})
	c := start(t, upstream.Options{Servers: []upstream.Server{made(s, "1")}})
	a := &upstreamtest.Agent{ID: "1"}
	if _, err := c.call(t.Context(), a, "s__task", `{}`); err != nil {
		t.Fatal(err)
	}
	agent := upstreamtest.Call(a, "task", `{}`).Agent
	id := "task-1"
	if _, _, err := c.Task(agent, "s", id); err != nil {
		t.Fatalf("before: %v", err)
	}
	c.change(t, time.Minute)
	if _, _, err := c.Task(agent, "s", id); err == nil {
		t.Error("a task outlived its server")
	}
}
