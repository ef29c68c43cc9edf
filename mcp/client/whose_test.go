package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"toolward/gateway"
	"toolward/mcp"
)

// person is an agent's side that notes for which call it is asked, and says yes.
type person struct {
	id string

	mu    sync.Mutex
	asked []*gateway.Call
}

func (p *person) Session() string                                           { return p.id }
func (*person) Protocol() string                                            { return "2025-11-25" }
func (*person) ClientInfo() []byte                                          { return nil }
func (*person) Capabilities() []byte                                        { return []byte(`{"sampling":{},"elicitation":{},"roots":{}}`) }
func (*person) LogLevel() string                                            { return "" }
func (*person) Notify(context.Context, *gateway.Call, string, []byte) error { return nil }
func (p *person) Request(_ context.Context, cause *gateway.Call, _ string, _ []byte) (*gateway.Result, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, cause)
	return &gateway.Result{Raw: json.RawMessage(`{}`)}, nil
}

// takes is a link on which nothing ever answers, and which keeps what is sent.
type takes struct {
	link
	mu   sync.Mutex
	sent []string
}

func (*takes) done() <-chan struct{} { return nil }
func (t *takes) send(_ context.Context, body []byte) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sent = append(t.sent, string(body))
	return nil
}

func sharing(t *testing.T, origin gateway.Origin) (*Conn, *takes) {
	t.Helper()
	cl, err := New(Options{Name: "s", Command: "none", Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	c, l := newConn(t.Context(), cl, origin, func(gateway.Event) {}), &takes{}
	c.link = l
	t.Cleanup(func() { c.end(); c.work.Wait() })
	return c, l
}

func callOf(p *person, principal, tool string, kind gateway.Kind) *gateway.Call {
	c := &gateway.Call{Kind: kind, Method: "tools/call", Name: tool, Agent: &gateway.Agent{ID: principal}, Tool: &gateway.Tool{Name: tool}}
	if p != nil {
		c.Origin = p
	}
	return c
}

func asks(id int, method, meta string) mcp.Message {
	params := `{"message":"?"`
	if meta != "" {
		params += `,"_meta":` + meta
	}
	return mcp.Message{ID: json.RawMessage(fmt.Sprint(id)), Method: method, Params: json.RawMessage(params + `}`)}
}

const about7 = `{"io.modelcontextprotocol/related-task":{"taskId":"7"}}`

// On a stream that calls share, a question is judged as the call that asked, or
// put to nobody. Rows are the calls in flight as SESSION/PRINCIPAL/TOOL; one in
// parentheses was given up, task:ID asks for a task, and a session "-" cannot be
// asked. Own is the session that has the connection for itself, "none" if it is
// an agent's without one. Want is the number of the call, "outside", or what the refusal says.
func TestWhoAsksOnASharedStream(t *testing.T) {
	tests := []struct {
		name   string
		own    string
		calls  string
		method string // "" is elicitation
		meta   string
		want   string
	}{
		{"one call", "", "a/a/x", "", "", "0"},
		{"one call, its own connection", "a", "a/a/x", "", "", "0"},
		{"two of one session, one tool", "", "a/a/x a/a/x", "", "", "2 calls are in flight"},
		{"two of one session, two tools", "", "a/a/x a/a/y", "", "", "2 calls are in flight"},
		{"two of one session, its own connection", "a", "a/a/x a/a/y", "", "", "2 calls are in flight"},
		{"two sessions of one principal", "", "a/a/x b/a/x", "", "", "2 calls are in flight"},
		{"two agents", "", "a/a/x b/b/x", "", "", "2 calls are in flight"},
		{"another has no session", "", "a/a/x /b/x", "", "", "2 calls are in flight"},
		{"another cannot be asked", "", "a/a/x -/b/x", "", "", "2 calls are in flight"},
		{"sampling, two tools", "", "a/a/x a/a/y", "sampling/createMessage", "", "2 calls are in flight"},
		{"roots, two tools", "", "a/a/x a/a/y", "roots/list", "", "2 calls are in flight"},
		{"roots are the session's", "a", "a/a/x a/a/y", "roots/list", "", "outside"},
		{"roots at the start race no call", "a", "a/a/x", "roots/list", "", "outside"},
		{"the only call cannot be asked", "", "-/a/x", "", "", "cannot be asked"},
		{"the only call has no session", "", "/a/x", "", "", "0"},
		{"the only call was given up", "", "(a/a/x)", "", "", "was given up"},
		{"the other call was given up", "", "(a/a/x) a/a/y", "", "", "2 calls are in flight"},
		{"another's call was given up", "", "(b/b/x) a/a/y", "", "", "2 calls are in flight"},
		{"roots of a stateless agent are its call's", "none", "/a/x", "roots/list", "", "0"},
		{"roots of a stateless agent, two calls", "none", "/a/x /a/x", "roots/list", "", "2 calls are in flight"},
		{"roots of a stateless agent, no call", "none", "", "roots/list", "", "no session to be asked in"},
		{"no call", "", "", "", "", "many agents share"},
		{"no call, its own connection", "a", "", "", "", "outside"},
		{"about a task that is asked for", "", "a/a/x b/b/task:7", "", about7, "1"},
		{"about a task that another is asked for", "", "a/a/x b/b/task:8", "", about7, "nobody is asking for the task"},
		{"about a task, one other call", "", "a/a/x", "", about7, "nobody is asking for the task"},
		{"about a task whose call was given up", "", "a/a/x (b/b/task:7)", "", about7, "nobody is asking for the task"},
		{"a progress token is the asker's own", "", "a/a/x a/a/y", "", `{"progressToken":1}`, "2 calls are in flight"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			people := map[string]*person{"a": {id: "a"}, "b": {id: "b"}, "": {}}
			var origin gateway.Origin
			switch tt.own {
			case "a":
				origin = people["a"]
			case "none":
				origin = people[""]
			}
			c, l := sharing(t, origin)
			var calls []*gateway.Call
			for _, word := range strings.Fields(tt.calls) {
				left := word[0] == '('
				parts := strings.Split(strings.Trim(word, "()"), "/")
				call := callOf(people[parts[0]], parts[1], parts[2], gateway.KindTool)
				if task, ok := strings.CutPrefix(parts[2], "task:"); ok {
					call = callOf(people[parts[0]], parts[1], task, gateway.KindTask)
				}
				clock := startClock(t.Context(), time.Minute)
				t.Cleanup(clock.stop)
				f := c.begin(clock, call)
				if left {
					c.leave(f)
				}
				calls = append(calls, call)
			}
			method := tt.method
			if method == "" {
				method = "elicitation/create"
			}
			var recorded string
			c.client.opts.Unasked = func(_ context.Context, _ *gateway.Agent, m string, _ []byte, r *gateway.Refusal) {
				recorded = m + " " + r.Reasons[0]
			}
			c.serve(asks(1, method, tt.meta), nil)
			c.work.Wait()
			got := ""
			for _, p := range people {
				for _, cause := range p.asked {
					got = "outside"
					for i := range calls {
						if calls[i] == cause {
							got = fmt.Sprint(i)
						}
					}
				}
			}
			if got != "" {
				if got != tt.want || recorded != "" {
					t.Errorf("judged as %s (record %q), want %s", got, recorded, tt.want)
				}
				return
			}
			if len(l.sent) != 1 || !strings.Contains(l.sent[0], tt.want) {
				t.Errorf("the server got %q, want a refusal with %q", l.sent, tt.want)
			}
			if !strings.HasPrefix(recorded, method+" ") && tt.want != "cannot be asked" || !strings.Contains(recorded, tt.want) {
				t.Errorf("recorded %q, want %q", recorded, tt.want)
			}
		})
	}
}

// Whatever begins, ends, is given up or asked, in any order: a question is
// never put for another call than the one that asked, and where one call alone
// can have asked, it is put.
func TestNoQuestionIsJudgedAsAnothers(t *testing.T) {
	for seed := range uint64(300) {
		synctest.Test(t, func(t *testing.T) { wander(t, seed) })
	}
}

func wander(t *testing.T, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	people := []*person{{id: "a"}, {id: "b"}, {id: ""}}
	c, _ := sharing(t, nil)
	refused := 0
	c.client.opts.Unasked = func(context.Context, *gateway.Agent, string, []byte, *gateway.Refusal) { refused++ }
	type running struct {
		call   *gateway.Call
		flight *flight
		clock  *clock
		left   time.Time
		task   bool
	}
	var open []running // what the server is at work on
	drop := func(i int) { open = append(open[:i], open[i+1:]...) }
	for step := range 60 {
		switch op := r.IntN(10); {
		case op < 3 && len(open) < 4:
			p, kind := people[r.IntN(3)], gateway.KindTool
			name := "tool" + fmt.Sprint(r.IntN(2))
			task := r.IntN(5) == 0
			if task {
				kind, name = gateway.KindTask, fmt.Sprint("task", step)
			}
			call, clock := callOf(p, p.id, name, kind), startClock(t.Context(), time.Hour)
			open = append(open, running{call: call, flight: c.begin(clock, call), clock: clock, task: task})
		case op < 5 && len(open) > 0: // it is answered
			i := r.IntN(len(open))
			if open[i].left.IsZero() {
				c.finish(open[i].flight)
				open[i].clock.stop()
			} else {
				c.route([]byte(`{"jsonrpc":"2.0","id":` + open[i].flight.id + `,"result":{}}`))
			}
			drop(i)
		case op < 6 && len(open) > 0: // it is given up; the server goes on
			if i := r.IntN(len(open)); open[i].left.IsZero() {
				open[i].clock.cancel(errors.New("given up"))
				c.leave(open[i].flight)
				open[i].clock.stop()
				open[i].left = time.Now()
			}
		case op < 7: // time passes, and what was given up for so long is over
			<-time.After(time.Duration(r.IntN(40)) * time.Second)
			for i := len(open) - 1; i >= 0; i-- {
				if !open[i].left.IsZero() && time.Since(open[i].left) > time.Minute {
					drop(i)
				}
			}
		case len(open) > 0:
			asker := open[r.IntN(len(open))]
			meta := ""
			if asker.task && r.IntN(2) == 0 {
				meta = `{"io.modelcontextprotocol/related-task":{"taskId":"` + asker.call.Name + `"}}`
			}
			before := refused
			c.serve(asks(step, []string{"elicitation/create", "sampling/createMessage"}[r.IntN(2)], meta), nil)
			synctest.Wait()
			asked := 0
			for _, p := range people {
				for _, cause := range p.asked {
					asked++
					if cause != asker.call {
						t.Fatalf("seed %d step %d: a question of %s was put for %v", seed, step, asker.call.Name, cause)
					}
				}
				p.asked = nil
			}
			if alone := asker.left.IsZero() && (len(open) == 1 || meta != ""); alone && asked != 1 {
				t.Fatalf("seed %d step %d: the only call was not asked for", seed, step)
			}
			if asked+refused-before != 1 {
				t.Fatalf("seed %d step %d: asked %d times, refused %d times", seed, step, asked, refused-before)
			}
		}
	}
	for _, o := range open {
		o.clock.stop()
	}
	c.end()
	c.work.Wait()
}

// One agent's calls wait for each other where their questions could not be told
// apart, and for nothing else.
func TestTurns(t *testing.T) {
	can, cannot := &person{id: "a"}, quietPerson{&person{id: "a"}}
	poll := callOf(can, "p", "7", gateway.KindTask)
	poll.Method = "tasks/get"
	tests := []struct {
		name          string
		first, second *gateway.Call
		asks, modern  bool
		waits         bool
	}{
		{"one session", callOf(can, "p", "x", gateway.KindTool), callOf(can, "p", "y", gateway.KindTool), true, false, true},
		{"two sessions", callOf(can, "p", "x", gateway.KindTool), callOf(&person{id: "b"}, "p", "x", gateway.KindTool), true, false, false},
		{"no session, one principal", callOf(&person{}, "p", "x", gateway.KindTool), callOf(&person{}, "p", "x", gateway.KindTool), true, false, true},
		{"no session, two principals", callOf(&person{}, "p", "x", gateway.KindTool), callOf(&person{}, "q", "x", gateway.KindTool), true, false, false},
		{"no rule", callOf(can, "p", "x", gateway.KindTool), callOf(can, "p", "y", gateway.KindTool), false, false, false},
		{"questions are in results", callOf(can, "p", "x", gateway.KindTool), callOf(can, "p", "y", gateway.KindTool), true, true, false},
		{"an agent that cannot be asked", &gateway.Call{Method: "tools/call", Origin: cannot, Agent: &gateway.Agent{ID: "p"}}, &gateway.Call{Method: "tools/call", Origin: cannot, Agent: &gateway.Agent{ID: "p"}}, true, false, false},
		{"a task that is asked for", callOf(can, "p", "x", gateway.KindTool), poll, true, false, false},
		{"REST", callOf(nil, "p", "x", gateway.KindTool), callOf(nil, "p", "x", gateway.KindTool), true, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, _ := sharing(t, nil)
				c.client.opts.Asks, c.modern = func() bool { return tt.asks }, tt.modern
				first, err := c.turn(t.Context(), tt.first)
				if err != nil {
					t.Fatal(err)
				}
				entered := make(chan error, 1)
				go func() {
					done, err := c.turn(t.Context(), tt.second)
					if err == nil {
						done()
					}
					entered <- err
				}()
				synctest.Wait()
				if waits := len(entered) == 0; waits != tt.waits {
					t.Errorf("waits: %v, want %v", waits, tt.waits)
				}
				first()
				if err := <-entered; err != nil {
					t.Error(err)
				}
			})
		})
	}
	t.Run("not for ever", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c, _ := sharing(t, nil)
			first, err := c.turn(t.Context(), tests[0].first)
			if err != nil {
				t.Fatal(err)
			}
			defer first()
			_, err = c.turn(t.Context(), tests[0].second)
			var r *gateway.Refusal
			if !errors.As(err, &r) || r.Code != gateway.Overloaded {
				t.Errorf("got %v", err)
			}
		})
	})
}

// waits is an agent that answers nothing until it is told to stop.
type waits struct{ *person }

func (w waits) Request(ctx context.Context, _ *gateway.Call, _ string, _ []byte) (*gateway.Result, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// What comes right after a question is about it, however busy the machine is: a
// cancellation ends it, and its ID again is no other question.
func TestWhatComesWithItsQuestion(t *testing.T) {
	for range 100 {
		synctest.Test(t, func(t *testing.T) {
			c, l := sharing(t, nil)
			clock := startClock(t.Context(), time.Minute)
			defer clock.stop()
			c.begin(clock, &gateway.Call{Method: "tools/call", Origin: waits{&person{id: "a"}}, Agent: &gateway.Agent{ID: "p"}})
			c.handle(asks(7, mcp.MethodElicitation, ""), nil)
			c.handle(asks(7, mcp.MethodElicitation, ""), nil)
			c.handle(mcp.Message{Method: mcp.NoteCancelled, Params: json.RawMessage(`{"requestId":7}`)}, nil)
			c.work.Wait() // of a question that goes on it would be for ever
			if len(l.sent) != 0 {
				t.Errorf("the server got %s", l.sent)
			}
		})
	}
}

// quietPerson is an agent that answers nothing.
type quietPerson struct{ *person }

func (quietPerson) Capabilities() []byte { return []byte(`{"tasks":{}}`) }

// A task is named however the server spells its member: PHP escapes each slash.
func TestTasksAreNamedInEverySpelling(t *testing.T) {
	for _, name := range []string{"io.modelcontextprotocol/related-task", `io.modelcontextprotocol\/related-task`, `io.modelcontextprotocol/related\u002dtask`} {
		m := mcp.Message{Method: "sampling/createMessage", Params: []byte(`{"_meta":{"` + name + `":{"taskId":"7"}}}`)}
		if got := aboutTask(m); got != "7" {
			t.Errorf("%s: it is about task %q", name, got)
		}
		own := `{"a":1,"_meta":{"` + strings.Replace(name, "related-task", "subscriptionId", 1) + `":"x"}}`
		if strings.Contains(own, "subscriptionId") && string(withoutSubscription([]byte(own))) != `{"a":1}` {
			t.Errorf("%s: the gateway's own subscription is left", own)
		}
	}
}
