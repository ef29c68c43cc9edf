package upstreamtest

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// EchoResult is the result of the tool echo for arguments as they arrived.
func EchoResult(args string) string {
	text, _ := json.Marshal(args) // strings always encode
	return `{"content":[{"type":"text","text":` + string(text) + `,"x":1.0},{"type":"text","text":"","n":12345678901234567890}],"structuredContent":{"args":` + args + `},"_meta":{"k":1e3},"isError":false,"z":[],"a":{}}`
}

// RPCError is the error that the tool rpc_error answers.
const RPCError = `{"code":-32042,"message":"<no> \u003cway\u003e","data":{"big":12345678901234567890,"f":1.0},"extra":true}`

func (s *Server) call(m message, out, ok, fail func(string)) {
	var p struct {
		Name           string          `json:"name"`
		Arguments      json.RawMessage `json:"arguments"`
		InputResponses json.RawMessage `json:"inputResponses"`
		RequestState   json.RawMessage `json:"requestState"`
		Meta           struct {
			Token json.RawMessage `json:"progressToken"`
		} `json:"_meta"`
	}
	if err := json.Unmarshal(m.Params, &p); err != nil {
		fail(`{"code":-32602,"message":"bad params"}`)
		return
	}
	s.Note("call %s %s", p.Name, m.Params)
	id := string(m.ID)
	switch p.Name {
	case "rpc_error":
		fail(RPCError)
	case "tool_error":
		ok(`{"content":[{"type":"text","text":"no"}],"isError":true}`)
	case "hang":
	case "die":
		out(dieNow)
	case "die_mid":
		out(dieMid + `{"jsonrpc":"2.0","id":` + id + `,"result":{"content":[{"ty`)
	case "garbage":
		out(`{"jsonrpc":"2.0","id":` + id + `,"result":{"content":nonsense}}`)
	case "duplicate_keys":
		ok(`{"content":[],"content":[{"type":"text","text":"second"}]}`)
	case "invalid_utf8":
		ok("{\"content\":[{\"type\":\"text\",\"text\":\"\xff\xfe\"}]}")
	case "lone_surrogate":
		ok(`{"content":[{"type":"text","text":"a long page, cut \ud83d"}]}`)
	case "unheld_number":
		ok(`{"content":[{"type":"text","text":"n","annotations":{"priority":1e50000000}}]}`)
	case "wrong_id":
		out(`{"jsonrpc":"2.0","id":99999999,"result":{"content":[]}}`)
	case "twice":
		ok(`{"content":[{"type":"text","text":"first"}]}`)
		ok(`{"content":[{"type":"text","text":"second"}]}`)
	case "huge":
		ok(`{"content":[{"type":"text","text":"` + strings.Repeat("x", 4<<20) + `"}]}`)
	case "endless":
		out(endless)
	case "progress":
		for i := range 3 {
			if p.Meta.Token != nil {
				out(fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":%s,"progress":%d.0,"total":3,"message":"step"}}`, p.Meta.Token, i+1))
			}
		}
		ok(EchoResult(string(p.Arguments)))
	case "log":
		for _, level := range []string{"debug", "error"} {
			out(`{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"` + level + `","data":` + string(p.Arguments) + `}}`)
		}
		ok(`{"content":[]}`)
	case "sample":
		s.relay(out, ok, "sampling/createMessage", `{"messages":[{"role":"user","content":{"type":"text","text":"q"}}],"maxTokens":10,"x":1.0}`)
	case "unheld_question":
		s.relay(out, ok, "sampling/createMessage", `{"messages":[],"maxTokens":1e50000000}`)
	case "elicit":
		s.relay(out, ok, "elicitation/create", `{"message":"name?","requestedSchema":{"type":"object","properties":{"name":{"type":"string"}}}}`)
	case "ask":
		s.relayAll(out, ok, p.Arguments)
	case "roots":
		s.relay(out, ok, "roots/list", `{}`)
	case "change":
		s.mu.Lock()
		s.changed = true
		s.mu.Unlock()
		out(`{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`)
		ok(`{"content":[]}`)
	case "input":
		if p.InputResponses == nil {
			ok(`{"resultType":"input_required","inputRequests":{"q":{"method":"elicitation/create","params":{"message":"name?","requestedSchema":{"type":"object"}}}},"requestState":"state-1"}`)
			return
		}
		ok(`{"resultType":"complete","content":[],"structuredContent":{"responses":` + string(p.InputResponses) + `,"state":` + string(p.RequestState) + `}}`)
	case "task":
		ok(`{"task":{"taskId":"task-1","status":"working","createdAt":"2026-01-01T00:00:00Z","lastUpdatedAt":"2026-01-01T00:00:00Z","ttl":null}}`)
	case "page":
		s.relay(out, ok, "elicitation/create", `{"mode":"url","elicitationId":"page-1","url":"https://example.com/1","message":"go there"}`)
	case "page_first":
		fail(`{"code":-32042,"message":"go there","data":{"elicitations":[{"mode":"url","elicitationId":"page-2","url":"https://example.com/2","message":"go there"}]}}`)
	case "visited":
		for _, page := range []string{"page-1", "page-2", "page-3"} {
			out(`{"jsonrpc":"2.0","method":"notifications/elicitation/complete","params":{"elicitationId":"` + page + `"}}`)
		}
		ok(`{"content":[]}`)
	case "known_roots": // what it was told so far
		s.mu.Lock()
		known := s.roots
		s.mu.Unlock()
		ok(`{"content":[],"structuredContent":{"roots":` + strconv.Quote(known) + `}}`)
	case "meanwhile": // another task goes on
		s.askForTask(out, ok)
	case "stderr":
		fmt.Fprintln(os.Stderr, "line with \"quotes\"\x1b[31m and an escape")
		ok(`{"content":[]}`)
	default:
		ok(EchoResult(string(p.Arguments)))
	}
	if s.script.has("storm") {
		for range 500 {
			out(`{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`)
		}
	}
}

// askForTask tells of a task and asks something for it, and makes what it is
// told the result.
func (s *Server) askForTask(out, ok func(string)) {
	out(`{"jsonrpc":"2.0","method":"notifications/tasks/status","params":{"taskId":"task-that-asks","status":"input_required"}}`)
	s.relay(out, ok, "elicitation/create", `{"message":"name?","requestedSchema":{"type":"object"},"_meta":{"io.modelcontextprotocol/related-task":{"taskId":"task-that-asks"}}}`)
}

// relay asks the client and makes its answer, or its error, the result.
func (s *Server) relay(out, ok func(string), method, params string) {
	r := s.ask(out, method, params)
	answer := r.result
	if answer == nil {
		answer = r.err
	}
	ok(`{"content":[],"structuredContent":` + string(answer) + `}`)
}

// Questions are what a server can ask, by a word: the method and its params but
// for what makes them this one's.
var Questions = map[string][2]string{
	"form":     {"elicitation/create", `"requestedSchema":{"type":"object","properties":{"name":{"type":"string"}}}`},
	"url":      {"elicitation/create", `"mode":"url","elicitationId":"MARK","url":"https://example.com/MARK"`},
	"sampling": {"sampling/createMessage", `"messages":[{"role":"user","content":{"type":"text","text":"MARK"}}],"maxTokens":10`},
	"roots":    {"roots/list", ``},
}

// relayAll asks everything at once that the argument "ask" says, before it reads
// an answer, and makes the answers the result, in the order of the questions:
//
//	{"mark":"a","ask":["form","url"]}   {"content":[],"structuredContent":{"got":[…,…]}}
func (s *Server) relayAll(out, ok func(string), args json.RawMessage) {
	var want struct {
		Mark string
		Ask  []string
	}
	if err := json.Unmarshal(args, &want); err != nil {
		panic(err)
	}
	var open []chan reply
	for i, word := range want.Ask {
		mark := fmt.Sprintf("%s-%d", want.Mark, i)
		params := `"message":"` + mark + `",` + strings.ReplaceAll(Questions[word][1], "MARK", mark)
		if word == "roots" {
			params = `"_meta":{"mark":"` + mark + `"}`
		}
		open = append(open, s.askLater(out, Questions[word][0], "{"+params+"}"))
	}
	var got []string
	for _, c := range open {
		r := <-c
		if r.result == nil {
			r.result = r.err
		}
		got = append(got, string(r.result))
	}
	ok(`{"content":[],"structuredContent":{"got":[` + strings.Join(got, ",") + `]}}`)
}

// Outputs that the transport carries out instead of writing them.
const (
	dieNow  = "\x00die"
	dieMid  = "\x00mid" // then what to write before
	endless = "\x00endless"
)

// patience ends processes that a failed test left behind.
const patience = 2 * time.Minute
