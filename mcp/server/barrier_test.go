package server

import (
	"encoding/json"
	"strings"
	"sync/atomic"
	"testing"

	"toolward/gateway"
	"toolward/mcp"
)

// blocks of a stub: names of agents and servers, or "".
type blocked struct{ who atomic.Value }

func newBlocked(s *stub) *blocked {
	b := &blocked{}
	b.who.Store("")
	s.state.Blocked = func(a *gateway.Agent, server string) error {
		if who := b.who.Load(); who == a.ID || who == server && server != "" {
			return gateway.Refuse("block", gateway.Blocked, "stopped")
		}
		return nil
	}
	return b
}

func (b *blocked) set(s *stub, who string) {
	b.who.Store(who)
	s.srv.BlocksChanged()
}

// What a blocked server says outside of all calls reaches nobody, and what others
// say reaches no blocked agent; in each case the next message is what comes.
func TestNotificationsOfWhoIsBlocked(t *testing.T) {
	update := json.RawMessage(`{"uri":"file:///a"}`)
	for _, e := range []gateway.Event{
		{Method: mcp.NoteToolsChanged}, {Method: mcp.NotePromptsChanged}, {Method: mcp.NoteResourcesChanged},
		{Method: mcp.NoteResourceUpdated, Params: update},
	} {
		t.Run(e.Method, func(t *testing.T) {
			s := newStub(t, nil, nil)
			b := newBlocked(s)
			s.addServer("db", nil)
			id := s.initialize("/mcp", "ann", "2025-11-25", "{}")
			resp := s.open(t.Context(), "GET", "/mcp", "ann", "", "Mcp-Session-Id", id)
			defer resp.Body.Close()
			listen := s.openModern(t.Context(), "/mcp", "ann", "subscriptions/listen", "",
				`"notifications":{"toolsListChanged":true,"promptsListChanged":true,"resourcesListChanged":true,"resourceSubscriptions":["toolward://files/file:///a","toolward://db/file:///a"]}`)
			defer listen.Body.Close()
			for _, uri := range []string{"toolward://files/file:///a", "toolward://db/file:///a"} {
				s.legacy("/mcp", "ann", id, `{"jsonrpc":"2.0","id":1,"method":"resources/subscribe","params":{"uri":"`+uri+`"}}`)
			}
			session, listener := events(resp.Body), events(listen.Body)
			nextData(t, listener) // the acknowledgement
			s.awaitListener()

			b.who.Store("files") // its streams stay; nobody is told to read the lists again
			e.Server = "files"
			s.srv.Event(e)
			marker := gateway.Event{Server: "db", Method: mcp.NoteResourceUpdated, Params: json.RawMessage(`{"uri":"file:///a/marker"}`)}
			s.srv.Event(marker)
			for name, stream := range map[string]*mcp.EventReader{"session": session, "listener": listener} {
				if got := string(nextData(t, stream).Data); !strings.Contains(got, "marker") {
					t.Errorf("%s: a blocked server said %s", name, got)
				}
			}
			b.who.Store("ann")
			e.Server = "db"
			s.srv.Event(e)
			b.who.Store("")
			s.srv.Event(marker)
			for name, stream := range map[string]*mcp.EventReader{"session": session, "listener": listener} {
				if got := string(nextData(t, stream).Data); !strings.Contains(got, "marker") {
					t.Errorf("%s: a blocked agent heard %s", name, got)
				}
			}
		})
	}
}

// Who stays hears that the lists are others now, also when the block is lifted.
func TestBlocksChangeTheLists(t *testing.T) {
	s := newStub(t, nil, nil)
	b := newBlocked(s)
	id := s.initialize("/mcp", "ann", "2025-11-25", "{}")
	resp := s.open(t.Context(), "GET", "/mcp", "ann", "", "Mcp-Session-Id", id)
	defer resp.Body.Close()
	stream := events(resp.Body)
	for _, who := range []string{"files", ""} {
		b.set(s, who)
		for _, want := range []string{"tools", "prompts", "resources"} {
			if got := string(nextData(t, stream).Data); !strings.Contains(got, want+"/list_changed") {
				t.Errorf("%q blocked: got %s, want %s", who, got, want)
			}
		}
	}
}

// A blocked server's instructions are text of its own, which a model obeys.
func TestInstructionsOfABlockedServer(t *testing.T) {
	s := newStub(t, nil, nil)
	b := newBlocked(s)
	s.addServer("db", nil)
	b.set(s, "files")
	for path, want := range map[string]bool{"/mcp": true, "/mcp/files": false, "/mcp/db": true} {
		for method, r := range map[string]reply{
			"discover":   s.modern(path, "ann", "server/discover", "", ""),
			"initialize": s.send("POST", path, "ann", `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{}}}`),
		} {
			text := string(r.body)
			if strings.Contains(text, "read files") {
				t.Errorf("%s of %s has a blocked server's instructions: %s", method, path, text)
			}
			if strings.Contains(text, "read db") != want {
				t.Errorf("%s of %s: %s", method, path, text)
			}
		}
	}
}

// A listener of who is blocked, or at a blocked server's endpoint, is refused and
// not acknowledged.
func TestListenOfWhoIsBlocked(t *testing.T) {
	c := newLines(t, nil, nil)
	b := newBlocked(c.stub)
	for _, who := range []string{"ann", ""} {
		b.set(c.stub, who)
		c.write(`{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{` + modernMeta + `,"notifications":{}}}`)
		if got := c.read(); strings.Contains(got, "stopped") != (who == "ann") {
			t.Errorf("%q blocked, on a line: %s", who, got)
		}
		if who == "" {
			c.read() // its result, after the acknowledgement
		}
	}
	c.close()
	s := newStub(t, nil, nil)
	newBlocked(s).set(s, "files")
	if got := s.modern("/mcp/files", "ann", "subscriptions/listen", "", `"notifications":{"toolsListChanged":true}`); !strings.Contains(string(got.body), "stopped") {
		t.Errorf("at a blocked server's endpoint: %s", got.body)
	}
}
