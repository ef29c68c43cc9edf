package server

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"

	"toolward/gateway"
	"toolward/mcp"
)

func TestListenAcknowledgesAndTags(t *testing.T) {
	methods := make(chan string, 8)
	s := newStub(t, nil, func(_ context.Context, c *gateway.Call) (*gateway.Result, error) {
		methods <- c.Method + " " + string(c.Args.Raw())
		return &gateway.Result{Raw: json.RawMessage(`{}`)}, nil
	})
	s.decide = func(c *gateway.Call) (gateway.Decision, error) {
		return gateway.Decision{Effect: map[bool]gateway.Effect{true: gateway.EffectAllow, false: gateway.EffectDeny}[c.Tool.Name == "file:///a"]}, nil
	}
	s.addServer("db", nil)
	resp := s.openModern(t.Context(), "/mcp", "ann", "subscriptions/listen", "",
		`"notifications":{"toolsListChanged":true,"promptsListChanged":false,"resourceSubscriptions":["toolward://files/file:///a","toolward://files/nothing"]}`)
	stream := events(resp.Body)
	expect := func(want string) {
		t.Helper()
		if e := nextData(t, stream); string(e.Data) != want {
			t.Errorf("got %s\nwant %s", e.Data, want)
		}
	}
	const tag = `"_meta":{"io.modelcontextprotocol/subscriptionId":1}`
	expect(`{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{"notifications":{"toolsListChanged":true,"resourceSubscriptions":["toolward://files/file:///a"]},` + tag + `}}`)
	if got := <-methods; got != `resources/subscribe {"uri":"file:///a"}` {
		t.Errorf("the upstream got %s", got)
	}
	s.awaitListener()
	for _, e := range []gateway.Event{
		{Server: "files", Method: mcp.NotePromptsChanged}, // not asked for
		{Server: "files", Method: mcp.NoteMessage, Params: json.RawMessage(`{"level":"error","data":"of whom?"}`)},
		{Server: "db", Method: mcp.NoteResourceUpdated, Params: json.RawMessage(`{"uri":"file:///a"}`)}, // of another upstream
		{Server: "db", Method: mcp.NoteToolsChanged},
		{Server: "files", Method: mcp.NoteResourceUpdated, Params: json.RawMessage(`{"uri":"file:///a"}`)},
		{Server: "files", Method: mcp.NoteResourceUpdated, Params: json.RawMessage(`{"uri":"file:///a/b"}`)}, // part of it
	} {
		s.srv.Event(e)
	}
	expect(`{"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{` + tag + `}}`)
	expect(`{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"toolward://files/file:///a",` + tag + `}}`)
	expect(`{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"toolward://files/file:///a/b",` + tag + `}}`)
	resp.Body.Close()
	if got := <-methods; got != `resources/unsubscribe {"uri":"file:///a"}` {
		t.Errorf("the upstream got %s", got)
	}
}

// awaitListener waits until a listener is registered: it is so after the
// acknowledgement was queued, which the agent may read before.
func (s *stub) awaitListener() {
	for len(s.srv.listens.list()) == 0 {
		runtime.Gosched()
	}
}

func TestListenForNothingEndsAtOnce(t *testing.T) {
	s := newStub(t, nil, nil)
	r := s.modern("/mcp", "ann", "subscriptions/listen", "", `"notifications":{}`)
	if got := last(t, r); got != `{"jsonrpc":"2.0","id":1,"result":{"resultType":"complete","_meta":{"io.modelcontextprotocol/subscriptionId":1}}}` {
		t.Errorf("got %s", got)
	}
}

func TestListChangesReachTheSessionsThatShowTheServer(t *testing.T) {
	s := newStub(t, nil, nil)
	s.addServer("db", nil)
	streams := map[string]*mcp.EventReader{}
	for _, path := range []string{"/mcp", "/mcp/files", "/mcp/db"} {
		id := s.initialize(path, "ann", "2025-11-25", "{}")
		resp := s.open(t.Context(), "GET", path, "ann", "", "Mcp-Session-Id", id)
		defer resp.Body.Close()
		streams[path] = events(resp.Body)
	}
	s.srv.Event(gateway.Event{Server: "files", Method: mcp.NoteToolsChanged})
	s.srv.Event(gateway.Event{Server: "db", Method: mcp.NotePromptsChanged})
	for path, want := range map[string][]string{"/mcp": {"tools", "prompts"}, "/mcp/files": {"tools"}, "/mcp/db": {"prompts"}} {
		for _, w := range want {
			if e := nextData(t, streams[path]); !strings.Contains(string(e.Data), w) {
				t.Errorf("%s: got %s, want %s", path, e.Data, w)
			}
		}
	}
}

func TestUpdatesReachTheSubscribedSession(t *testing.T) {
	s := newStub(t, nil, nil)
	var got [2]*mcp.EventReader
	var ids [2]string
	for i, token := range []string{"ann", "bob"} {
		ids[i] = s.initialize("/mcp", token, "2025-06-18", "{}")
		resp := s.open(t.Context(), "GET", "/mcp", token, "", "Mcp-Session-Id", ids[i])
		defer resp.Body.Close()
		got[i] = events(resp.Body)
	}
	sub := func(i int, token, method string) {
		t.Helper()
		if r := s.legacy("/mcp", token, ids[i], `{"jsonrpc":"2.0","id":1,"method":"`+method+`","params":{"uri":"toolward://files/file:///a"}}`); member(t, r.body, "result") == nil {
			t.Fatalf("%s: %s", method, r.body)
		}
	}
	update := func() {
		s.srv.Event(gateway.Event{Server: "files", Method: mcp.NoteResourceUpdated, Params: json.RawMessage(`{"uri":"file:///a"}`)})
		s.srv.Event(gateway.Event{Server: "files", Method: mcp.NoteToolsChanged}) // a mark that everyone gets
	}
	sub(0, "ann", "resources/subscribe")
	update()
	if e := nextData(t, got[0]); string(e.Data) != `{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"toolward://files/file:///a"}}` {
		t.Errorf("the subscriber got %s", e.Data)
	}
	if e := nextData(t, got[1]); !strings.Contains(string(e.Data), "list_changed") {
		t.Errorf("another session got %s", e.Data)
	}
	nextData(t, got[0])
	sub(0, "ann", "resources/unsubscribe")
	update()
	if e := nextData(t, got[0]); !strings.Contains(string(e.Data), "list_changed") {
		t.Errorf("after unsubscribe: %s", e.Data)
	}
}

// A change while the news of an earlier one is being written is news again: the
// agent may have looked between the two.
func TestChangeDuringDeliveryIsTold(t *testing.T) {
	st := newStream("", 0, &budget{most: 1 << 20})
	r, _ := st.attach(0, false)
	note := []byte(`{"method":"notifications/tools/list_changed"}`)
	queued := func() int {
		batch, _, err := st.next(r)
		if err != nil {
			t.Fatal(err)
		}
		return len(batch)
	}
	for range 2 {
		if err := st.send(note, false, true); err != nil {
			t.Fatal(err)
		}
	}
	if n := queued(); n != 1 { // from here on it is being written
		t.Errorf("%d events for two changes that nobody was told of, want 1", n)
	}
	if err := st.send(note, false, true); err != nil {
		t.Fatal(err)
	}
	st.delivered(r, 1)
	if n := queued(); n != 1 {
		t.Errorf("%d events for a change during the delivery, want 1", n)
	}
}

// What an upstream says on the connection of one session is that session's.
func TestSessionEventsStayInTheirSession(t *testing.T) {
	s := newStub(t, nil, nil)
	ann := s.initialize("/mcp", "ann", "2025-06-18", "{}")
	bob := s.initialize("/mcp", "bob", "2025-06-18", "{}")
	a := s.open(t.Context(), "GET", "/mcp", "ann", "", "Mcp-Session-Id", ann)
	defer a.Body.Close()
	b := s.open(t.Context(), "GET", "/mcp", "bob", "", "Mcp-Session-Id", bob)
	defer b.Body.Close()
	s.legacy("/mcp", "ann", ann, `{"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{"level":"warning"}}`)
	for _, level := range []string{"info", "error"} {
		s.srv.Event(gateway.Event{Server: "files", Session: ann, Method: mcp.NoteMessage, Params: json.RawMessage(`{"level":"` + level + `","data":"ann's"}`)})
	}
	s.srv.Event(gateway.Event{Server: "files", Method: mcp.NoteToolsChanged})
	if e := nextData(t, events(a.Body)); string(e.Data) != `{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"error","data":"ann's"}}` {
		t.Errorf("ann got %s", e.Data)
	}
	if e := nextData(t, events(b.Body)); !strings.Contains(string(e.Data), "list_changed") {
		t.Errorf("bob got %s", e.Data)
	}
}

func TestPagesCoverTheListOnce(t *testing.T) {
	s := newStub(t, func(o *Options) { o.PageSize = 100 }, nil)
	s.tools = nil
	for i := range 1234 {
		name := fmt.Sprintf("t%d", i)
		s.tools = append(s.tools, &gateway.Tool{Kind: gateway.KindTool, Server: "files", Name: name, Wire: "files__" + name, Definition: json.RawMessage(`{"name":"` + name + `"}`)})
	}
	s.tools[700].Name = "secret"
	cursor, seen, pages := "", 0, 0
	for {
		params := ""
		if cursor != "" {
			params = `"cursor":"` + cursor + `"`
		}
		r := s.modern("/mcp/files", "ann", "tools/list", "", params)
		for _, tool := range member(t, r.body, "result", "tools").([]any) {
			if seen == 700 {
				seen++ // hidden
			}
			if got := tool.(map[string]any)["name"]; got != fmt.Sprintf("t%d", seen) {
				t.Fatalf("got %v, want t%d", got, seen)
			}
			seen++
		}
		pages++
		next, more := member(t, r.body, "result", "nextCursor").(string)
		if pages == 1 {
			checkForeignCursors(t, s, next)
		}
		if !more {
			break
		}
		cursor = next
	}
	if seen != 1234 || pages != 13 {
		t.Errorf("saw %d in %d pages", seen, pages)
	}
}

func checkForeignCursors(t *testing.T, s *stub, cursor string) {
	t.Helper()
	for name, c := range map[string]struct{ path, token, method, cursor string }{
		"another agent": {"/mcp/files", "bob", "tools/list", cursor}, "another endpoint": {"/mcp", "ann", "tools/list", cursor},
		"another list": {"/mcp/files", "ann", "prompts/list", cursor}, "made up": {"/mcp/files", "ann", "tools/list", "100"}, "empty": {"/mcp/files", "ann", "tools/list", ""},
	} {
		if r := s.modern(c.path, c.token, c.method, "", `"cursor":"`+c.cursor+`"`); r.status != http.StatusBadRequest || member(t, r.body, "error", "code") != -32602.0 {
			t.Errorf("cursor of %s: got %d %s", name, r.status, r.body)
		}
	}
}

// A list without its upstream is an error on the upstream's own endpoint, and
// the rest of the list on /mcp.
func TestListsWhenAnUpstreamIsDown(t *testing.T) {
	s := newStub(t, nil, nil)
	s.abouts["files"] = gateway.About{Server: "files", Reason: "secret reason"}
	if r := s.modern("/mcp/files", "ann", "tools/list", "", ""); member(t, r.body, "error", "code") != float64(codeRefused) || strings.Contains(r.body, "secret reason") {
		t.Errorf("/mcp/files: got %d %s", r.status, r.body)
	}
	if r := s.modern("/mcp", "ann", "tools/list", "", ""); member(t, r.body, "result", "tools") == nil {
		t.Errorf("/mcp: got %d %s", r.status, r.body)
	}
}

// An update comes to whoever has the connection on which it was subscribed to,
// once, and on a shared connection to everyone who subscribed.
func TestUpdatesComeOnceToWhomTheyAreMeant(t *testing.T) {
	s := newStub(t, nil, nil)
	id := s.initialize("/mcp", "ann", "2025-11-25", "{}")
	get := s.open(t.Context(), "GET", "/mcp", "ann", "", "Mcp-Session-Id", id)
	defer get.Body.Close()
	s.legacy("/mcp", "ann", id, `{"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{"uri":"toolward://files/file:///a"}}`)
	streams := map[string]*mcp.EventReader{"ann's session": events(get.Body)}
	for _, token := range []string{"ann", "bob"} {
		resp := s.openModern(t.Context(), "/mcp", token, "subscriptions/listen", "", `"notifications":{"toolsListChanged":true,"resourceSubscriptions":["toolward://files/file:///a"]}`)
		defer resp.Body.Close()
		streams[token+" without one"] = events(resp.Body)
		nextData(t, streams[token+" without one"]) // the acknowledgement
	}
	principal := func(id string) string { return (&gateway.Agent{ID: id, Issuer: "test"}).Principal() }
	for name, c := range map[string]struct {
		session, principal string
		hear               []string
	}{
		"on the session's connection":  {session: id, hear: []string{"ann's session"}},
		"on another session's":         {session: "another"},
		"on ann's without a session":   {principal: principal("ann"), hear: []string{"ann without one"}},
		"on bob's without a session":   {principal: principal("bob"), hear: []string{"bob without one"}},
		"on one that is nobody's here": {principal: principal("eve")},
		"on a shared one":              {hear: []string{"ann's session", "ann without one", "bob without one"}},
	} {
		s.srv.Event(gateway.Event{Server: "files", Session: c.session, Principal: c.principal, Method: mcp.NoteResourceUpdated, Params: json.RawMessage(`{"uri":"file:///a"}`)})
		s.srv.Event(gateway.Event{Server: "files", Method: mcp.NoteToolsChanged}) // a mark that everyone gets
		for who, stream := range streams {
			heard := 0
			for !strings.Contains(string(nextData(t, stream).Data), "list_changed") {
				heard++
			}
			want := 0
			if slices.Contains(c.hear, who) {
				want = 1
			}
			if heard != want {
				t.Errorf("%s: %s heard it %d times, want %d", name, who, heard, want)
			}
		}
	}
}

// Streams of agents without sessions are bounded like sessions: the oldest of
// the agent's own makes room, or of the agent that has the most.
func TestListenersAreBoundedFairly(t *testing.T) {
	s := newStub(t, func(o *Options) { o.PerPrincipal, o.MaxSessions = 4, 6 }, nil)
	listen := func(token string) *mcp.EventReader {
		resp := s.openModern(t.Context(), "/mcp", token, "subscriptions/listen", "", `"notifications":{"toolsListChanged":true}`)
		t.Cleanup(func() { resp.Body.Close() })
		if resp.StatusCode != 200 {
			return nil
		}
		stream := events(resp.Body)
		nextData(t, stream)
		return stream
	}
	var mallory []*mcp.EventReader
	for range 5 {
		mallory = append(mallory, listen("mallory"))
	}
	if e := nextData(t, mallory[0]); !strings.Contains(string(e.Data), `"result"`) {
		t.Errorf("the oldest got %s, want its end", e.Data)
	}
	for _, token := range []string{"ann", "bob", "cid"} { // the third finds the gateway full
		if listen(token) == nil {
			t.Errorf("%s is locked out", token)
		}
	}
	if e := nextData(t, mallory[1]); !strings.Contains(string(e.Data), `"result"`) {
		t.Errorf("the oldest of who has the most got %s, want its end", e.Data)
	}
	listen("dan")
	listen("eve")
	if listen("fay") != nil {
		t.Error("somebody's only listener made room")
	}
}

// Where the bounds are lower, the oldest beyond them end: an agent's own, and those of who
// has the most.
func TestBoundsOfListenersChange(t *testing.T) {
	for name, tt := range map[string]struct {
		perPrincipal, most int
		left               [2]int
	}{
		"more": {9, 9, [2]int{4, 2}}, "fewer of an agent": {3, 9, [2]int{3, 2}}, "one of an agent": {1, 9, [2]int{1, 1}},
		"fewer in all": {9, 4, [2]int{2, 2}}, "one in all": {9, 1, [2]int{1, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			l := newListens()
			l.bound(9, 9)
			ended := 0
			for i, n := range []int{4, 2} {
				for range n {
					one := &listener{x: &exchange{agent: &gateway.Agent{ID: fmt.Sprint(i), Issuer: "test"}}, end: func() { ended++ }}
					if !l.add(one) {
						t.Fatal("no room")
					}
				}
			}
			l.bound(tt.perPrincipal, tt.most)
			left := [2]int{}
			for i := range left {
				left[i] = len(l.principal[(&gateway.Agent{ID: fmt.Sprint(i), Issuer: "test"}).Principal()])
			}
			sum := left[0] + left[1]
			if sum != tt.left[0]+tt.left[1] || name != "one in all" && left != tt.left || l.open != sum || ended != 6-sum {
				t.Errorf("left are %v, want %v; %d open, %d ended", left, tt.left, l.open, ended)
			}
		})
	}
}
