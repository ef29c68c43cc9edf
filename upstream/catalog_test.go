package upstream_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"toolward/gateway"
	"toolward/mcp/client"
	"toolward/upstream"
	"toolward/upstream/upstreamtest"
)

func TestMain(m *testing.M) {
	upstreamtest.Main()
	goleak.VerifyTestMain(m)
}

// server configures a scripted process as an upstream.
func server(t *testing.T, name string, s upstreamtest.Script, o client.Options) upstream.Server {
	t.Helper()
	o.Command, o.Env = upstreamtest.Command(t, s)
	return connect(t, name, o)
}

// connect configures what a client reaches as an upstream.
func connect(t *testing.T, name string, o client.Options) upstream.Server {
	t.Helper()
	o.Name, o.Logger = name, logger()
	c, err := client.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return upstream.Server{Name: name, Isolate: o.Isolate, Dial: func(ctx context.Context, origin gateway.Origin, events func(gateway.Event)) (upstream.Conn, error) {
		conn, err := c.Dial(ctx, origin, events)
		if err != nil {
			return nil, err
		}
		return conn, nil
	}}
}

func logger() *slog.Logger {
	if !testing.Verbose() {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// catalog is a catalog with its events.
type catalog struct {
	*upstream.Catalog
	events *eventLog
}

type eventLog struct {
	mu  sync.Mutex
	all []gateway.Event
}

func (l *eventLog) add(e gateway.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, e)
}

func (l *eventLog) count(server, method string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, e := range l.all {
		if e.Server == server && e.Method == method {
			n++
		}
	}
	return n
}

func start(t *testing.T, o upstream.Options) catalog {
	t.Helper()
	c := catalog{events: &eventLog{}}
	o.Events, o.Logger = c.events.add, logger()
	if o.Pins == nil {
		o.Pins = upstream.NewMemoryPins()
	}
	var err error
	if c.Catalog, err = upstream.New(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := c.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	return c
}

// call finds and performs a tool call as the road does.
func (c catalog) call(ctx context.Context, a *upstreamtest.Agent, wire, args string) (*gateway.Result, error) {
	tool, err := c.Find(gateway.KindTool, "", wire)
	if err != nil {
		return nil, err
	}
	if tool.Quarantined != "" {
		return nil, gateway.Refuse("catalog", gateway.Quarantined, tool.Quarantined)
	}
	cl := upstreamtest.Call(a, tool.Name, args)
	cl.Tool, cl.Name = tool, wire
	return tool.Upstream.Do(ctx, cl)
}

func wantCode(t *testing.T, err error, code gateway.Code) {
	t.Helper()
	var r *gateway.Refusal
	if !errors.As(err, &r) || r.Code != code {
		t.Errorf("got %v, want a refusal with code %s", err, code)
	}
}

// waitFor polls what other processes and supervisors do.
func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("never happened: %s", what)
		}
	}
}

func names(tools []*gateway.Tool) string {
	var all []string
	for _, tool := range tools {
		all = append(all, tool.Wire)
	}
	return strings.Join(all, " ")
}

func tools(defs ...string) upstreamtest.Script {
	return upstreamtest.Script{Extra: defs, OnlyExtra: true}
}

func def(name string) string {
	return fmt.Sprintf(`{"name":%q,"inputSchema":{"type":"object"}}`, name)
}

var alice = gateway.Operator{Issuer: gateway.LocalOperators, Subject: "alice"}

func TestListsKeepOrderBytesAndMembers(t *testing.T) {
	c := start(t, upstream.Options{Servers: []upstream.Server{
		server(t, "zeta", upstreamtest.Script{}, client.Options{}),
		server(t, "alpha", tools(def("b"), def("a")), client.Options{}),
	}})
	all := c.List(gateway.KindTool, "")
	if len(all) != len(upstreamtest.Tools)+2 {
		t.Fatalf("%d tools", len(all))
	}
	for i, want := range upstreamtest.Tools {
		if got := string(all[i].Definition); got != want {
			t.Errorf("definition %d\n got %s\nwant %s", i, got, want)
		}
	}
	if got := names(c.List(gateway.KindTool, "alpha")); got != "alpha__b alpha__a" {
		t.Errorf("order: %s", got)
	}
	if m := c.ListMembers("zeta", "tools/list"); len(m) != 3 || m[0].Name != "_meta" || string(m[2].Value) != "12345678901234567890" {
		t.Errorf("members: %v", m)
	}
	if about, ok := c.About("zeta"); !ok || !about.Up || about.Instructions != "scripted" || string(about.Info) != `{"name":"scripted","version":"1","x":1.0}` {
		t.Errorf("about: %+v", about)
	}
	if got := names(c.List(gateway.KindResource, "zeta")); got != "toolward://zeta/test://one toolward://zeta/test://item/{id}" {
		t.Errorf("resources: %s", got)
	}
}

func TestFindByWireNameAndByEndpoint(t *testing.T) {
	c := start(t, upstream.Options{Servers: []upstream.Server{server(t, "s", upstreamtest.Script{}, client.Options{})}})
	tests := []struct {
		kind         gateway.Kind
		server, name string
		want         string // own name of what is found, "" if nothing is
	}{
		{gateway.KindTool, "", "s__echo", "echo"},
		{gateway.KindTool, "s", "echo", "echo"},
		{gateway.KindTool, "", "echo", ""},
		{gateway.KindTool, "", "S__echo", ""},
		{gateway.KindTool, "", "s__Echo", ""},
		{gateway.KindTool, "s", "s__echo", ""},
		{gateway.KindTool, "t", "echo", ""},
		{gateway.KindPrompt, "", "s__greet", "greet"},
		{gateway.KindResource, "", "toolward://s/test://one", "test://one"},
		{gateway.KindResource, "", "test://one", ""},
		{gateway.KindResource, "s", "test://one", "test://one"},
		{gateway.KindResource, "s", "test://item/7", "test://item/{id}"},
		{gateway.KindResource, "s", "test://item/7/8", "*"},
		{gateway.KindResource, "", "toolward://t/test://one", ""},
		{gateway.KindCompletion, "", "s__greet", "greet"},
		{gateway.KindCompletion, "s", "test://item/{id}", "test://item/{id}"},
		{gateway.KindCompletion, "s", "test://later/{id}", "*"},
		{gateway.KindCompletion, "s", "nobody", ""},
		{gateway.KindCompletion, "", "s__nobody", ""},
		{gateway.KindTask, "s", "unheard of", ""},
	}
	for _, tt := range tests {
		tool, err := c.Find(tt.kind, tt.server, tt.name)
		switch {
		case tt.want == "" && err == nil:
			t.Errorf("%s %q %q: found %s", tt.kind, tt.server, tt.name, tool.Name)
		case tt.want == "":
			wantCode(t, err, gateway.UnknownTool)
			if tt.kind == gateway.KindCompletion && !strings.Contains(err.Error(), "prompt") {
				t.Errorf("completion of %q: %v: that speaks of no prompt", tt.name, err)
			}
		case err != nil:
			t.Errorf("%s %q %q: %v", tt.kind, tt.server, tt.name, err)
		case tool.Name != tt.want:
			t.Errorf("%s %q %q: found %s, want %s", tt.kind, tt.server, tt.name, tool.Name, tt.want)
		}
	}
}

// Row 33: a name that a server lists twice means neither.
func TestNameListedTwiceIsQuarantined(t *testing.T) {
	c := start(t, upstream.Options{Servers: []upstream.Server{
		server(t, "a", tools(def("same"), def("other"), `{"name":"same","description":"evil twin","inputSchema":{"type":"object"}}`), client.Options{}),
		server(t, "b", tools(def("same")), client.Options{}),
	}})
	if got := names(c.List(gateway.KindTool, "")); got != "a__other b__same" {
		t.Errorf("listed: %s", got)
	}
	_, err := c.call(t.Context(), nil, "a__same", `{}`)
	wantCode(t, err, gateway.Quarantined)
}

// Row 34: a definition that changed after it was pinned is out until a person
// accepts it, and what was accepted is that definition and no later one.
func TestChangedDefinitionIsQuarantinedUntilAccepted(t *testing.T) {
	pins := upstream.NewLockFile(filepath.Join(t.TempDir(), "toolward.lock"))
	c := start(t, upstream.Options{Pins: pins, Servers: []upstream.Server{server(t, "s", upstreamtest.Script{}, client.Options{})}})
	before, err := c.Find(gateway.KindTool, "", "s__echo")
	if err != nil || before.Quarantined != "" || before.Pinned {
		t.Fatalf("at first: %+v, %v", before, err)
	}
	if _, err := c.call(t.Context(), nil, "s__change", `{}`); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "quarantine", func() bool { tool, _ := c.Find(gateway.KindTool, "", "s__echo"); return tool.Quarantined != "" })
	waitFor(t, "two list changes: up, and changed", func() bool { return c.events.count("s", "notifications/tools/list_changed") == 2 })
	changes := c.Diff(false)
	if len(changes) != 1 || strings.Join(changes[0].Members, " ") != "description" || changes[0].Wire != "s__echo" {
		t.Fatalf("diff: %+v", changes)
	}
	after, _ := c.Find(gateway.KindTool, "", "s__echo")
	if err := c.Pin(t.Context(), "s", gateway.KindTool, "echo", before.Fingerprint, alice, ""); err == nil {
		t.Error("a definition that is gone was accepted")
	}
	if err := c.Pin(t.Context(), "s", gateway.KindTool, "echo", after.Fingerprint, alice, ""); err != nil {
		t.Fatal(err)
	}
	if tool, _ := c.Find(gateway.KindTool, "", "s__echo"); tool.Quarantined != "" || !tool.Pinned {
		t.Errorf("after: %q %v", tool.Quarantined, tool.Pinned)
	}

	// Another gateway that shares the lock file meets the old definition again.
	d := start(t, upstream.Options{Pins: pins, Servers: []upstream.Server{server(t, "s", upstreamtest.Script{}, client.Options{})}})
	if tool, _ := d.Find(gateway.KindTool, "", "s__echo"); !strings.Contains(tool.Quarantined, "changed since it was pinned: description") {
		t.Errorf("quarantined: %q", tool.Quarantined)
	}
}

// What a person accepts in another process is in force here soon.
func TestAcceptedElsewhereIsAcceptedHere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "toolward.lock")
	one := start(t, upstream.Options{Strict: true, Pins: upstream.NewLockFile(path), Servers: []upstream.Server{server(t, "s", tools(def("a")), client.Options{})}})
	other := start(t, upstream.Options{Strict: true, Pins: upstream.NewLockFile(path), Servers: []upstream.Server{server(t, "s", tools(def("a")), client.Options{})}})
	told := one.events.count("s", "notifications/tools/list_changed")
	tool, _ := other.Find(gateway.KindTool, "", "s__a")
	if err := other.Pin(t.Context(), "s", gateway.KindTool, "a", tool.Fingerprint, alice, ""); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the other's pin", func() bool { return names(one.List(gateway.KindTool, "")) == "s__a" })
	waitFor(t, "the list change", func() bool { return one.events.count("s", "notifications/tools/list_changed") == told+1 })
}

func TestStrictQuarantinesWhatNobodyAccepted(t *testing.T) {
	c := start(t, upstream.Options{Strict: true, Servers: []upstream.Server{server(t, "s", tools(def("a")), client.Options{})}})
	if got := c.List(gateway.KindTool, ""); len(got) > 0 {
		t.Errorf("listed: %s", names(got))
	}
	if about, _ := c.About("s"); about.Instructions != "" {
		t.Errorf("instructions: %q", about.Instructions)
	}
	tool, _ := c.Find(gateway.KindTool, "", "s__a")
	if err := c.Pin(t.Context(), "s", gateway.KindTool, "a", tool.Fingerprint, alice, ""); err != nil {
		t.Fatal(err)
	}
	if got := names(c.List(gateway.KindTool, "")); got != "s__a" {
		t.Errorf("listed: %s", got)
	}
}

// A server that lists other names each time is not believed without end: what is
// beyond a bound waits for a person, and every other server is as it was.
func TestNewNamesAreAcceptedUpToABound(t *testing.T) {
	const most = 10_000
	pins := upstream.NewMemoryPins()
	for i := range most - 2 {
		old := gateway.Pin{Server: "s", Kind: gateway.KindTool, Name: fmt.Sprint("old", i), Fingerprint: "0123456789abcdef"}
		if i == 0 {
			old.By = alice // whom nobody has to bound
		}
		if err := pins.PutPins(t.Context(), old); err != nil {
			t.Fatal(err)
		}
	}
	c := start(t, upstream.Options{Pins: pins, Servers: []upstream.Server{
		server(t, "s", tools(def("a"), def("b"), def("c"), def("d"), def("e")), client.Options{}), server(t, "other", tools(def("a")), client.Options{}),
	}})
	if got := names(c.List(gateway.KindTool, "")); got != "s__a s__b s__c other__a" {
		t.Errorf("listed: %s", got)
	}
	tool, err := c.Find(gateway.KindTool, "", "s__d")
	if err != nil || !strings.Contains(tool.Quarantined, "10000 definitions") {
		t.Fatalf("%+v, %v", tool, err)
	}
	all, _ := pins.Pins(t.Context())
	if n := len(slices.DeleteFunc(all, func(p gateway.Pin) bool { return p.Server != "s" })); n != most+1 { // with alice's
		t.Errorf("%d are pinned", n)
	}
	if err := c.Pin(t.Context(), "s", gateway.KindTool, "d", tool.Fingerprint, alice, ""); err != nil {
		t.Fatal(err)
	}
	if got := names(c.List(gateway.KindTool, "s")); got != "s__a s__b s__c s__d" {
		t.Errorf("listed when a person accepted one: %s", got)
	}
	a, _ := c.Find(gateway.KindTool, "", "s__a")
	if err := c.Pin(t.Context(), "s", gateway.KindTool, "a", a.Fingerprint, alice, ""); err != nil {
		t.Fatal(err)
	}
}

// brokenPins reads, and cannot write.
type brokenPins struct{ *upstream.MemoryPins }

func (brokenPins) PutPins(context.Context, ...gateway.Pin) error { return errors.New("disk full") }

func TestWhatCannotBePinnedIsQuarantined(t *testing.T) {
	c := start(t, upstream.Options{Pins: brokenPins{upstream.NewMemoryPins()}, Servers: []upstream.Server{server(t, "s", tools(def("a")), client.Options{})}})
	_, err := c.call(t.Context(), nil, "s__a", `{}`)
	wantCode(t, err, gateway.Quarantined)
}

// Row 35: guard's objection quarantines, an error of guard's too, and a person
// can overrule it.
func TestWhatGuardObjectsToIsQuarantined(t *testing.T) {
	c := start(t, upstream.Options{
		Inspect: func(_ context.Context, tool *gateway.Tool) (string, error) {
			switch tool.Name {
			case "evil":
				return "it gives orders to the model", nil
			case "odd":
				return "", errors.New("scanner broke")
			}
			return "", nil
		},
		Servers: []upstream.Server{server(t, "s", tools(def("evil"), def("odd"), def("good")), client.Options{})},
	})
	if got := names(c.List(gateway.KindTool, "")); got != "s__good" {
		t.Errorf("listed: %s", got)
	}
	tool, _ := c.Find(gateway.KindTool, "", "s__evil")
	if tool.Quarantined != "it gives orders to the model" {
		t.Errorf("quarantined: %q", tool.Quarantined)
	}
	if err := c.Pin(t.Context(), "s", gateway.KindTool, "evil", tool.Fingerprint, alice, ""); err != nil {
		t.Fatal(err)
	}
	if got := names(c.List(gateway.KindTool, "")); got != "s__evil s__good" {
		t.Errorf("listed: %s", got)
	}
}

// A template that may not be used must not be usable as what nobody listed.
func TestURIOfAQuarantinedTemplateIsQuarantined(t *testing.T) {
	c := start(t, upstream.Options{Strict: true, Servers: []upstream.Server{server(t, "s", upstreamtest.Script{}, client.Options{})}})
	for uri, quarantined := range map[string]bool{"test://item/7": true, "test://other": false} {
		tool, err := c.Find(gateway.KindResource, "s", uri)
		if err != nil || (tool.Quarantined != "") != quarantined {
			t.Errorf("%s: %q, %v", uri, tool.Quarantined, err)
		}
	}
}

// Rows 31 and 38: odd names and endless lists.
func TestOddNamesAndEndlessLists(t *testing.T) {
	c := start(t, upstream.Options{Servers: []upstream.Server{
		server(t, "odd", tools(def("pаy"), def("pay"), def("a/b"), def("a b"), def("x\u200by"), def(strings.Repeat("n", 2000)), def(""), `7`, `{"inputSchema":{}}`), client.Options{}),
		server(t, "loop", upstreamtest.Script{Faults: []string{"cursor_loop"}}, client.Options{}),
		server(t, "many", upstreamtest.Script{Faults: []string{"many"}}, client.Options{}),
	}})
	list := c.List(gateway.KindTool, "odd")
	if len(list) != 5 {
		t.Errorf("odd: %s", names(list))
	}
	seen := map[string]bool{}
	for _, tool := range list {
		if seen[tool.Wire] || len(tool.Wire) > 64 || strings.Trim(tool.Wire, "abcdefghijklmnopqrstuvwxyz0123456789_-") != "" {
			t.Errorf("wire name %q", tool.Wire)
		}
		seen[tool.Wire] = true
		if found, err := c.Find(gateway.KindTool, "", tool.Wire); err != nil || found != tool {
			t.Errorf("%q does not lead back", tool.Wire)
		}
	}
	if got := len(c.List(gateway.KindTool, "loop")); got != 1 { // the same tool on each page
		t.Errorf("loop: %d tools", got)
	}
	if got := len(c.List(gateway.KindTool, "many")); got != 10_000 {
		t.Errorf("many: %d tools", got)
	}
}
