package upstream_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"toolward/gateway"
	"toolward/upstream"
	"toolward/upstream/upstreamtest"
)

// numbered is a connection in memory that says its number, and answers a call
// when the test says so.
type numbered struct {
	fixedConn
	n  int
	of *numberedServer
}

type numberedServer struct {
	mu   sync.Mutex
	made int
	open int
	ran  map[string]int         // on which connection, by the call's word
	ends map[string]chan string // what each call answers
}

func (s *numberedServer) dial(context.Context, gateway.Origin, func(gateway.Event)) (upstream.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.made++
	s.open++
	return &numbered{fixedConn{tools: 1}, s.made - 1, s}, nil
}

func (c *numbered) Do(_ context.Context, call *gateway.Call) (*gateway.Result, error) {
	word := strings.Trim(string(call.Args.Raw()), `{}":1`)
	if call.Kind == gateway.KindTask {
		word = "poll " + call.Name
	}
	c.of.mu.Lock()
	c.of.ran[word] = c.n
	end := c.of.ends[word]
	c.of.mu.Unlock()
	if end == nil {
		return &gateway.Result{Raw: json.RawMessage(stateOfTask(call.Name))}, nil
	}
	return &gateway.Result{Raw: json.RawMessage(<-end)}, nil
}

func stateOfTask(id string) string {
	return fmt.Sprintf(`{"taskId":%q,"status":"working","ttl":null}`, id)
}

func (c *numbered) Close() error {
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	c.of.open--
	return nil
}

// Calls of an owner that overlap have a connection each; those that do not meet
// the same one. Steps: "a=1" begins a call that has to run on connection 1 (0 is
// the shared one, for lists), "a!" ends it, "a?" ends it with a task, "poll:a=1"
// asks for the task, "90s" lets time pass, "forget" ends the session, and
// "open=2" counts connections.
func TestCallsThatOverlapHaveAConnectionEach(t *testing.T) {
	for name, steps := range map[string]string{
		"one after the other":         "a=1 a! b=1 b! c=1 c! open=2",
		"two at once":                 "a=1 b=2 a! b! open=3",
		"three at once, then one":     "a=1 b=2 c=3 a! b! c! d=1 d! open=4",
		"the first free one":          "a=1 b=2 c=3 b! d=2 e=4 a! c! d! e! open=5",
		"a burst is over":             "a=1 b=2 a! b! 50s c=1 c! open=3 11s open=2 10h open=2 d=1 d!",
		"a new burst":                 "a=1 b=2 a! b! 90s c=1 d=3 c! d!",
		"used is not idle":            "a=1 b=2 a! 10h open=3 b! 61s open=2",
		"a task has its connection":   "a=1 b=2 b? a! poll:b=2 c=1 poll:b=2 c! 90s poll:b=2 open=3 31m open=2",
		"a task of the first":         "a=1 b=2 a? b! poll:a=1 90s poll:a=1 open=2",
		"what is polled may be taken": "a=1 b=2 b? c=2 poll:b=2 c! a!",
		"the session ends":            "a=1 b=2 c=3 a! b! c! forget open=1 d=4 d!",
		"the session ends during one": "a=1 b=2 a! forget open=1 b!",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &numberedServer{ran: map[string]int{}, ends: map[string]chan string{}}
				c := start(t, upstream.Options{Servers: []upstream.Server{{Name: "s", Dial: s.dial, Isolate: true, Apart: true}}})
				agent := &upstreamtest.Agent{ID: "session"}
				var calls sync.WaitGroup
				for _, step := range strings.Fields(steps) {
					synctest.Wait()
					word, want, _ := strings.Cut(step, "=")
					number, _ := strconv.Atoi(want)
					pass, err := time.ParseDuration(step)
					switch {
					case err == nil:
						<-time.After(pass)
					case step == "forget":
						c.Forget("session")
					case word == "open":
						s.mu.Lock()
						if s.open != number {
							t.Errorf("%d connections are open at %s", s.open, step)
						}
						s.mu.Unlock()
					case strings.HasPrefix(word, "poll:"):
						id := strings.TrimPrefix(word, "poll:")
						task := upstreamtest.Call(agent, "", `{}`)
						task.Kind, task.Method, task.Name = gateway.KindTask, "tasks/get", id
						tool, err := c.Find(gateway.KindTool, "", "s__t0")
						if err != nil {
							t.Fatal(err)
						}
						if _, err := tool.Upstream.Do(t.Context(), task); err != nil || s.ran["poll "+id] != number {
							t.Errorf("%s ran on %d: %v", step, s.ran["poll "+id], err)
						}
					case want != "":
						s.mu.Lock()
						s.ends[word] = make(chan string, 1)
						s.mu.Unlock()
						calls.Go(func() {
							if _, err := c.call(t.Context(), agent, "s__t0", fmt.Sprintf(`{%q:1}`, word)); err != nil {
								t.Error(err)
							}
						})
						synctest.Wait()
						s.mu.Lock()
						if s.ran[word] != number {
							t.Errorf("%s ran on %d", step, s.ran[word])
						}
						s.mu.Unlock()
					case strings.HasSuffix(step, "?"):
						s.ends[step[:1]] <- `{"task":` + stateOfTask(step[:1]) + `}`
					default:
						s.ends[step[:1]] <- `{"content":[]}`
					}
				}
				calls.Wait()
			})
		})
	}
}

// Without it, calls of a session share its connection, as ever.
func TestCallsOfASessionShareItsConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &numberedServer{ran: map[string]int{}, ends: map[string]chan string{"a": make(chan string, 1)}}
		c := start(t, upstream.Options{Servers: []upstream.Server{{Name: "s", Dial: s.dial, Isolate: true}}})
		agent := &upstreamtest.Agent{ID: "session"}
		over := make(chan error, 1)
		go func() {
			_, err := c.call(t.Context(), agent, "s__t0", `{"a":1}`)
			over <- err
		}()
		synctest.Wait()
		if _, err := c.call(t.Context(), agent, "s__t0", `{"b":1}`); err != nil || s.ran["a"] != 1 || s.ran["b"] != 1 {
			t.Errorf("ran on %v: %v", s.ran, err)
		}
		s.ends["a"] <- `{"content":[]}`
		if err := <-over; err != nil {
			t.Error(err)
		}
	})
}
