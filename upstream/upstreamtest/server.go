// Package upstreamtest is a scripted MCP server for tests: over standard input
// and output as a real process (the test binary started again), and over HTTP.
// It speaks every revision, answers in bytes that the test knows, keeps a
// ledger of the calls it executed, and misbehaves on request.
//
// A test package that starts processes calls [Main] first in its TestMain.
package upstreamtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
)

// Modern is the revision without sessions.
const Modern = "2026-07-28"

// Script says how a server behaves. It travels to processes as JSON.
type Script struct {
	Revision  string   // "" is 2025-11-25
	Ledger    string   // file that gets a line per executed call and per event; "" is none
	Faults    []string // "exit", "silent_on_probe", "silent_on_level", "stubborn", "fork", "flip", "cursor_loop", "many", "storm", "twins", "poison", "sessions", "sse_answers", "asks_roots"
	Extra     []string // definitions of more tools, as JSON
	OnlyExtra bool     // offer only those
}

func (s Script) has(fault string) bool { return slices.Contains(s.Faults, fault) }

// Server is one scripted server. It is safe for concurrent use.
type Server struct {
	script Script

	mu      sync.Mutex
	lists   int                   // tools/list answered
	waiting map[string]chan reply // requests to the client, by ID
	ids     int
	changed bool

	asksRoots string // ID of the last question for roots, with the fault "asks_roots"
	roots     string // that the client told
}

type reply struct{ result, err json.RawMessage }

// New makes a server.
func New(s Script) *Server {
	if s.Revision == "" {
		s.Revision = "2025-11-25"
	}
	return &Server{script: s, waiting: map[string]chan reply{}}
}

// message is a JSON-RPC message of any sort.
type message struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  json.RawMessage `json:"error"`
}

// Note writes a line to the ledger.
func (s *Server) Note(format string, args ...any) {
	if s.script.Ledger == "" {
		return
	}
	f, err := os.OpenFile(s.script.Ledger, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		return // its folder went with the test that reads it
	}
	if err != nil {
		panic(err)
	}
	defer f.Close()
	fmt.Fprintf(f, format+"\n", args...)
}

// handle answers one message. Out writes a message to the stream that the
// message came on; it is called from this goroutine only.
func (s *Server) handle(m message, out func(string)) {
	switch {
	case m.Method == "" && m.ID != nil:
		s.answered(m)
	case m.ID == nil:
		s.Note("note %s %s", m.Method, m.Params)
		if s.script.has("asks_roots") && (m.Method == "notifications/initialized" || m.Method == "notifications/roots/list_changed") {
			s.learnRoots(out)
		}
	default:
		s.request(m, out)
	}
}

// learnRoots asks for the client's roots, as a file server does that serves them.
func (s *Server) learnRoots(out func(string)) {
	s.mu.Lock()
	s.ids++
	s.asksRoots = fmt.Sprintf(`"ask-%d"`, s.ids)
	id := s.asksRoots
	s.mu.Unlock()
	out(`{"jsonrpc":"2.0","id":` + id + `,"method":"roots/list"}`)
}

func (s *Server) answered(m message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if string(m.ID) == s.asksRoots {
		s.roots = string(m.Result)
		s.note("roots %s%s", m.Result, m.Error)
		return
	}
	if c := s.waiting[string(m.ID)]; c != nil {
		delete(s.waiting, string(m.ID))
		c <- reply{m.Result, m.Error}
	}
}

// ask sends a request to the client and waits for its answer.
func (s *Server) ask(out func(string), method, params string) reply {
	return <-s.askLater(out, method, params)
}

// askLater sends a request to the client, and returns where its answer arrives.
func (s *Server) askLater(out func(string), method, params string) chan reply {
	s.mu.Lock()
	s.ids++
	id := fmt.Sprintf(`"ask-%d"`, s.ids)
	c := make(chan reply, 1)
	s.waiting[id] = c
	s.mu.Unlock()
	out(`{"jsonrpc":"2.0","id":` + id + `,"method":"` + method + `","params":` + params + `}`)
	return c
}

const caps = `{"tools":{"listChanged":true},"prompts":{"listChanged":true},"resources":{"listChanged":true,"subscribe":true},"logging":{},"completions":{},"x-unknown":{"n":1.0}}`

func (s *Server) request(m message, out func(string)) {
	ok := func(result string) { out(`{"jsonrpc":"2.0","id":` + string(m.ID) + `,"result":` + result + `}`) }
	fail := func(e string) { out(`{"jsonrpc":"2.0","id":` + string(m.ID) + `,"error":` + e + `}`) }
	switch m.Method {
	case "server/discover":
		switch {
		case s.script.has("silent_on_probe"):
		case s.script.Revision == Modern:
			ok(`{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":` + caps + `,"instructions":"scripted","ttlMs":0,"cacheScope":"private","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"scripted","version":"1","x":1.0}}}`)
		default:
			fail(`{"code":-32601,"message":"Method not found"}`)
		}
	case "initialize":
		if s.script.Revision == Modern {
			fail(`{"code":-32601,"message":"Method not found"}`)
			return
		}
		s.Note("initialize %s", m.Params)
		ok(`{"protocolVersion":"` + s.script.Revision + `","capabilities":` + caps + `,"serverInfo":{"name":"scripted","version":"1","x":1.0},"instructions":"scripted"}`)
	case "ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe":
		s.Note("%s %s", m.Method, m.Params)
		if m.Method == "logging/setLevel" && s.script.has("silent_on_level") {
			return
		}
		ok(`{}`)
	case "tools/list":
		ok(s.toolsList(m.Params))
	case "prompts/list":
		ok(`{"prompts":[{"name":"greet","title":"Greet","arguments":[{"name":"who","required":true}],"x":1e3}]}`)
	case "prompts/get":
		s.Note("prompts/get %s", m.Params)
		ok(`{"messages":[{"role":"user","content":{"type":"text","text":"hi"}}],"x":1.0}`)
	case "resources/list":
		ok(`{"resources":[{"uri":"test://one","name":"one","size":12345678901234567890}]}`)
	case "resources/templates/list":
		ok(`{"resourceTemplates":[{"uriTemplate":"test://item/{id}","name":"item"}]}`)
	case "resources/read":
		s.Note("resources/read %s", m.Params)
		ok(`{"contents":[{"uri":"test://one","text":"one","x":1.0}]}`)
	case "completion/complete":
		s.Note("completion/complete %s", m.Params)
		ok(`{"completion":{"values":["a"],"total":1,"hasMore":false}}`)
	case "tasks/get", "tasks/cancel", "tasks/result":
		s.Note("%s %s", m.Method, m.Params)
		if strings.Contains(string(m.Params), "task-that-asks") {
			s.askForTask(out, ok)
			return
		}
		ok(`{"taskId":"task-1","status":"completed"}`)
	case "tasks/list":
		ok(`{"tasks":[{"taskId":"task-1","status":"working"},{"taskId":"foreign","status":"working"}],"x":1.0}`)
	case "tools/call":
		s.call(m, out, ok, fail)
	default:
		fail(`{"code":-32601,"message":"Method not found"}`)
	}
}

// Tools are the definitions that an undisturbed server lists, in order.
var Tools = func() []string {
	var defs []string
	for _, name := range strings.Fields(`echo rpc_error tool_error hang die die_mid garbage duplicate_keys invalid_utf8 lone_surrogate unheld_number unheld_question wrong_id twice huge endless
		progress log sample elicit roots change input task stderr`) {
		defs = append(defs, `{"name":"`+name+`","title":"T","description":"The <b>`+name+`</b> tool","inputSchema":{"type":"object","x-order":[3,1,2],"big":12345678901234567890},"annotations":{"readOnlyHint":true,"x":1.0},"icons":[{"src":"data:,","theme":"dark"}],"_meta":{"n":1e3}}`)
	}
	return defs
}()

func (s *Server) toolsList(params json.RawMessage) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lists++
	s.note("tools/list %s", params)
	if s.script.has("cursor_loop") {
		return `{"tools":[` + Tools[0] + `],"nextCursor":"again"}`
	}
	defs := s.script.Extra
	if !s.script.OnlyExtra {
		defs = append(slices.Clone(Tools), defs...)
	}
	switch {
	case s.script.has("many"):
		for i := range 100_000 {
			defs = append(defs, fmt.Sprintf(`{"name":"t%d","inputSchema":{"type":"object"}}`, i))
		}
	case s.script.has("flip") && s.lists > 1 || s.changed:
		defs[0] = strings.Replace(defs[0], "The <b>", "Changed: the <b>", 1)
	}
	return `{"tools":[` + strings.Join(defs, ",") + `],"_meta":{"list":1.0},"ttlMs":600000,"x-list":12345678901234567890}`
}

// note is Note for callers that hold mu.
func (s *Server) note(format string, args ...any) { s.Note(format, args...) }
