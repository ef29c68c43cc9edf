//go:build e2e

package field

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"toolward/e2e/lab"
	"toolward/upstream/upstreamtest"
)

// askTool asks what its arguments say, all at once.
const askTool = `{"name":"ask","description":"Asks.","inputSchema":{"type":"object"}}`

// askers are servers of older revisions that ask, by how they are reached.
func askers(t *testing.T) map[string]any {
	script := upstreamtest.Script{Revision: "2025-11-25", Extra: []string{askTool}}
	old, sessions := script, script
	old.Revision = "2024-11-05"
	sessions.Faults = []string{"sessions"}
	process := func(isolate string) map[string]any {
		u := commandOf(t, script)
		u["isolate"] = isolate
		return u
	}
	sse := func(isolate string) map[string]any {
		return map[string]any{"url": upstreamtest.Serve(t, old).Test.URL + "/sse", "transport": "sse", "isolate": isolate}
	}
	return map[string]any{
		"http":     map[string]any{"url": upstreamtest.Serve(t, script).URL},
		"sessions": map[string]any{"url": upstreamtest.Serve(t, sessions).URL},
		"shared":   process("shared"), "own": process("session"), "apart": process("call"),
		"sse": sse("shared"), "sse_apart": sse("call"),
	}
}

// asking is a gateway before these servers, which may ask whatever they like.
func asking(t *testing.T, upstreams map[string]any) *lab.Gateway {
	policies := map[string]string{"all.rego": lab.AllowTesters}
	for name := range upstreams {
		policies[name+".rego"] = "package reverse." + name + "\n\nallow := true\n"
	}
	return lab.Start(t, lab.Options{Config: map[string]any{"upstreams": upstreams}, Policies: policies})
}

// round is one answer to a stateless agent's call.
type round struct {
	asked  map[string]string // keys of inputRequests by the mark of the question
	method map[string]string
	state  string
	got    []any // what the server was answered, when the call is over
	text   string
}

const canBeAsked = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"elicitation":{"form":{},"url":{}},"sampling":{},"roots":{}}}`

// callRound sends a call, or a retry of it with more members.
func callRound(t *testing.T, g *lab.Gateway, token, server, args, more string) (r round) {
	body := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"ask","arguments":%s,%s%s}}`, args, canBeAsked, more)
	req := lab.NewRequest(t, g.URL+"/mcp/"+server, token, strings.NewReader(body))
	for name, value := range map[string]string{"Mcp-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "ask"} {
		req.Header.Set(name, value)
	}
	a := lab.Do(t, req)
	r.text = a.Text
	result := a.Result()
	r.state, _ = result["requestState"].(string)
	requests, _ := result["inputRequests"].(map[string]any)
	r.asked, r.method = map[string]string{}, map[string]string{}
	for key, q := range requests {
		params, _ := q.(map[string]any)["params"].(map[string]any)
		mark, _ := params["message"].(string)
		if meta, ok := params["_meta"].(map[string]any); ok && mark == "" {
			mark, _ = meta["mark"].(string)
		}
		r.asked[mark] = key
		r.method[mark], _ = q.(map[string]any)["method"].(string)
	}
	over, _ := result["structuredContent"].(map[string]any)
	r.got, _ = over["got"].([]any)
	return r
}

// answering is what a retry says to these questions.
func (r round) answering(marks ...string) string {
	var given []string
	for _, mark := range marks {
		given = append(given, fmt.Sprintf(`%q:%s`, r.asked[mark], r.answerTo(mark)))
	}
	return fmt.Sprintf(`,"requestState":%q,"inputResponses":{%s}`, r.state, strings.Join(given, ","))
}

// answerTo is an answer that tells the questions apart, whatever they ask.
func (r round) answerTo(mark string) string {
	members := map[string]string{
		"elicitation/create":     `"action":"accept"`,
		"sampling/createMessage": `"role":"assistant","model":"m","content":{"type":"text","text":"yes"}`,
		"roots/list":             `"roots":[]`,
	}[r.method[mark]]
	return fmt.Sprintf(`{%s,"_meta":{"mark":%q}}`, members, mark)
}

func (r round) marks() []string { return slices.Sorted(maps.Keys(r.asked)) }

// finish answers everything until the call is over.
func (r round) finish(t *testing.T, g *lab.Gateway, token, server, args string) round {
	for n := 0; r.state != "" && n < 10; n++ {
		r = callRound(t, g, token, server, args, r.answering(r.marks()...))
	}
	return r
}

// wants checks that a call's questions got their own answers.
func (r round) wants(t *testing.T, mark string, n int) {
	t.Helper()
	if len(r.got) != n {
		t.Errorf("%s: the server was answered %d times, want %d: %s", mark, len(r.got), n, r.text)
		return
	}
	for i, got := range r.got {
		if raw, _ := json.Marshal(got); !strings.Contains(string(raw), fmt.Sprintf(`"%s-%d"`, mark, i)) {
			t.Errorf("question %d of %s got %s", i, mark, raw)
		}
	}
}

// marksOf are the marks of n questions.
func marksOf(mark string, n int) (marks []string) {
	for i := range n {
		marks = append(marks, fmt.Sprintf("%s-%d", mark, i))
	}
	return marks
}

// What an older server asks of a stateless agent comes in the call's result (MCP
// 2026-07-28 basic/patterns/mrtr): all that it asks at once in one, to be answered
// together or in parts, over every transport and of every kind.
func TestQuestionsOfOneCallComeTogether(t *testing.T) {
	upstreams := askers(t)
	g := asking(t, upstreams)
	for _, server := range slices.Sorted(maps.Keys(upstreams)) {
		for name, ask := range map[string][]string{
			"form": {"form"}, "url": {"url"}, "sampling": {"sampling"}, "roots": {"roots"},
			"two forms": {"form", "form"}, "each kind": {"form", "url", "sampling", "roots"},
			"many": {"form", "sampling", "form", "url", "form", "roots", "sampling", "form", "url", "form", "form", "form"},
		} {
			mark := strings.ReplaceAll(name, " ", "_")
			words, _ := json.Marshal(ask)
			args := fmt.Sprintf(`{"mark":%q,"ask":%s}`, mark, words)
			all := marksOf(mark, len(ask))
			slices.Sort(all)
			t.Run(server+"/"+name+"/together", func(t *testing.T) {
				r := callRound(t, g, g.Tester(), server, args, "")
				if !slices.Equal(r.marks(), all) {
					t.Errorf("asked %v at first, want %v: %s", r.marks(), all, r.text)
				}
				r.finish(t, g, g.Tester(), server, args).wants(t, mark, len(ask))
			})
			t.Run(server+"/"+name+"/in parts", func(t *testing.T) {
				r := callRound(t, g, g.Tester(), server, args, "")
				for n := 0; len(r.asked) > 0 && n <= len(ask); n++ {
					left := r.marks()
					last := left[len(left)-1]
					r = callRound(t, g, g.Tester(), server, args, r.answering(last))
					if want := left[:len(left)-1]; !slices.Equal(r.marks(), want) {
						t.Errorf("asked %v after an answer to %s, want %v", r.marks(), last, want)
					}
				}
				r.wants(t, mark, len(ask))
			})
		}
	}
}

// Calls at once, of one agent and of two, each in a loop of its own as clients
// do it.
func TestCallsThatAskAtOnce(t *testing.T) {
	upstreams := askers(t)
	delete(upstreams, "shared") // two agents there: a question while the other calls belongs to nobody
	g := asking(t, upstreams)
	for _, server := range slices.Sorted(maps.Keys(upstreams)) {
		t.Run(server, func(t *testing.T) {
			var wg sync.WaitGroup
			for _, who := range []string{"ann", "bob"} {
				token := g.Token(who, "tester")
				for i := range 4 {
					wg.Go(func() {
						mark := fmt.Sprintf("%s%d", who, i)
						args := fmt.Sprintf(`{"mark":%q,"ask":["form","sampling"]}`, mark)
						callRound(t, g, token, server, args, "").finish(t, g, token, server, args).wants(t, mark, 2)
					})
				}
			}
			wg.Wait()
		})
	}
}

// Calls of one agent that has not answered any of them yet. Each has its questions
// where the transport says whose they are, or where it has a connection for itself.
func TestQuestionsOfCallsThatOverlap(t *testing.T) {
	upstreams := askers(t)
	for _, takesTurns := range []string{"shared", "own", "sse"} {
		delete(upstreams, takesTurns)
	}
	g := asking(t, upstreams)
	for _, server := range slices.Sorted(maps.Keys(upstreams)) {
		t.Run(server, func(t *testing.T) {
			var calls []round
			args := func(i int) string { return fmt.Sprintf(`{"mark":"c%d","ask":["form","sampling","roots"]}`, i) }
			for i := range 4 {
				r := callRound(t, g, g.Tester(), server, args(i), "")
				if want := marksOf(fmt.Sprintf("c%d", i), 3); !slices.Equal(r.marks(), want) {
					t.Errorf("asked %v, want %v: %s", r.marks(), want, r.text)
				}
				calls = append(calls, r)
			}
			for i, r := range slices.Backward(calls) {
				r.finish(t, g, g.Tester(), server, args(i)).wants(t, fmt.Sprintf("c%d", i), 3)
			}
			where := fmt.Sprintf("kind IN ('elicitation', 'sampling', 'roots') AND server = '%s'", server)
			own := "substr(args, instr(args, '\"c'), 3) = (SELECT substr(args, instr(args, '\"c'), 3) FROM calls p WHERE p.id = calls.parent)"
			if all, right := g.Count(t, "", where+" AND kind <> 'roots'"), g.Count(t, "", where+" AND kind <> 'roots' AND "+own); all != 8 || right != 8 {
				t.Errorf("%d of %d questions are recorded as their own call's, want 8: %v", right, all, g.Rows(t, "", "SELECT args, parent FROM calls WHERE "+where))
			}
		})
	}
}

// Where nothing says whose a question is, the calls of one agent take turns. One
// that waits for an answer keeps the next out for the time of a call, which is
// then refused with the reason and has not run; it runs when the first is over.
func TestCallThatWaitsForItsAgentKeepsOthersOutForAWhile(t *testing.T) {
	upstreams := askers(t)
	for name, u := range upstreams {
		if name != "shared" && name != "own" && name != "sse" {
			delete(upstreams, name)
			continue
		}
		u.(map[string]any)["timeout"] = "500ms"
	}
	g := asking(t, upstreams)
	for server := range upstreams {
		t.Run(server, func(t *testing.T) {
			t.Parallel()
			const first, second = `{"mark":"first","ask":["form"]}`, `{"mark":"second","ask":["form"]}`
			asked := callRound(t, g, g.Tester(), server, first, "")
			refused := callRound(t, g, g.Tester(), server, second, "")
			for _, want := range []string{`"code":"overloaded"`, "one call of an agent at a time", "answer first what that one asks"} {
				if !strings.Contains(refused.text, want) {
					t.Errorf("want %s in %s", want, refused.text)
				}
			}
			if n := g.Count(t, "", fmt.Sprintf("server = '%s' AND outcome = 'failed' AND code = 'overloaded'", server)); n != 1 {
				t.Errorf("%d such refusals on record", n)
			}
			asked.finish(t, g, g.Tester(), server, first).wants(t, "first", 1)
			again := callRound(t, g, g.Tester(), server, second, "")
			again.finish(t, g, g.Tester(), server, second).wants(t, "second", 1)
		})
	}
}
