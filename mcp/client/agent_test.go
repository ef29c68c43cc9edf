package client_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"toolward/gateway"
	"toolward/mcp/client"
	"toolward/upstream/upstreamtest"
)

var progressMeta = gateway.Member{Name: "_meta", Value: []byte(`{"progressToken":"mine"}`)}

// Two agents may choose the same token: each gets its own progress.
func TestProgressReachesTheCallThatAskedForIt(t *testing.T) {
	for _, transport := range []string{"stdio", "http"} {
		t.Run(transport, func(t *testing.T) {
			r := dial(t, transport, upstreamtest.Script{}, client.Options{}, nil)
			agents := make([]*upstreamtest.Agent, 20)
			var wg sync.WaitGroup
			for i := range agents {
				agents[i] = &upstreamtest.Agent{ID: fmt.Sprint(i)}
				wg.Go(func() {
					if _, err := r.Do(t.Context(), upstreamtest.Call(agents[i], "progress", `{}`, progressMeta)); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			for _, a := range agents {
				var want []upstreamtest.Note
				for i := range 3 {
					want = append(want, upstreamtest.Note{Method: "notifications/progress", Params: fmt.Sprintf(`{"progressToken":"mine","progress":%d.0,"total":3,"message":"step"}`, i+1)})
				}
				if diff := cmp.Diff(want, a.Notes(), cmpopts.IgnoreFields(upstreamtest.Note{}, "Cause")); diff != "" {
					t.Errorf("agent %s (-want +got):\n%s", a.ID, diff)
				}
				if a.Notes()[0].Cause.Origin != gateway.Origin(a) {
					t.Errorf("agent %s: progress of another's call", a.ID)
				}
			}
		})
	}
}

func TestAgentWithoutTokenGetsNoProgress(t *testing.T) {
	r := dial(t, "stdio", upstreamtest.Script{}, client.Options{}, nil)
	a := &upstreamtest.Agent{ID: "a"}
	call(t, r, a, "progress", `{}`)
	if len(a.Notes()) > 0 {
		t.Errorf("got %v", a.Notes())
	}
}

func TestLogMessagesOfTheLevelAskedFor(t *testing.T) {
	tests := []struct {
		name            string
		session         string
		revision        string
		level           string
		want            int
		levelIsDeclared bool
	}{
		{"legacy agent that said nothing", "a", "", "", 2, false},
		{"legacy agent", "a", "", "error", 1, true},
		{"modern agent that said nothing", "", upstreamtest.Modern, "", 0, false},
		{"modern agent", "", upstreamtest.Modern, "debug", 2, true},
	}
	for _, transport := range []string{"stdio", "http"} {
		for _, tt := range tests {
			t.Run(transport+" "+tt.name, func(t *testing.T) {
				r := dial(t, transport, upstreamtest.Script{}, client.Options{}, nil)
				a := &upstreamtest.Agent{ID: tt.session, Revision: tt.revision, Level: tt.level}
				call(t, r, a, "log", `{"m":1.0}`)
				if got := len(a.Notes()); got != tt.want {
					t.Errorf("%d messages, want %d", got, tt.want)
				}
				if got := strings.Contains(r.read(t), "logging/setLevel"); got != tt.levelIsDeclared {
					t.Errorf("level declared: %v", got)
				}
			})
		}
	}
}

// A server that never says that it has set the level holds up no call for
// longer than that call's own time.
func TestCallsLeaveAServerThatDoesNotSetTheLevel(t *testing.T) {
	for _, transport := range []string{"stdio", "http"} {
		t.Run(transport, func(t *testing.T) {
			r := dial(t, transport, upstreamtest.Script{Faults: []string{"silent_on_level"}}, client.Options{}, nil)
			a := &upstreamtest.Agent{ID: "a", Level: "error"}
			start := func(ctx context.Context) chan error {
				done := make(chan error, 1)
				go func() {
					_, err := r.Do(ctx, upstreamtest.Call(a, "echo", `{}`))
					done <- err
				}()
				return done
			}
			firstCtx, endFirst := context.WithCancel(t.Context())
			first := start(firstCtx)
			r.wrote(t, "logging/setLevel")
			secondCtx, endSecond := context.WithCancel(t.Context())
			second := start(secondCtx)
			endSecond()
			if err := <-second; !errors.Is(err, context.Canceled) {
				t.Errorf("the call that waited: %v", err)
			}
			endFirst()
			if err := <-first; !errors.Is(err, context.Canceled) {
				t.Errorf("the call that told the level: %v", err)
			}
			thirdCtx, endThird := context.WithCancel(t.Context())
			third := start(thirdCtx)
			waitFor(t, "the level that was given up to be told again", func() bool {
				return strings.Count(r.read(t), "logging/setLevel") == 2
			})
			endThird()
			if err := <-third; !errors.Is(err, context.Canceled) {
				t.Errorf("the call that told it again: %v", err)
			}
			if strings.Contains(r.read(t), "call echo") {
				t.Error("a call that was given up was sent")
			}
		})
	}
}

func TestWhatWasGivenUpBeforeItWasSentIsNotSent(t *testing.T) {
	for _, transport := range []string{"stdio", "http", "sse"} {
		t.Run(transport, func(t *testing.T) {
			r := dial(t, transport, upstreamtest.Script{}, client.Options{}, nil)
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			for range 50 {
				if _, err := r.Do(ctx, upstreamtest.Call(&upstreamtest.Agent{ID: "a"}, "echo", `{}`)); !errors.Is(err, context.Canceled) {
					t.Errorf("got %v", err)
				}
			}
			call(t, r, &upstreamtest.Agent{ID: "a"}, "progress", `{}`) // what was sent before it has arrived
			if strings.Contains(r.read(t), "call echo") {
				t.Error("a call that was given up was sent")
			}
		})
	}
}

func TestRequestsOfTheServerReachTheAgentOfTheCall(t *testing.T) {
	for _, transport := range []string{"stdio", "http", "http+sessions"} {
		for tool, method := range map[string]string{"sample": "sampling/createMessage", "elicit": "elicitation/create", "roots": "roots/list"} {
			t.Run(transport+" "+tool, func(t *testing.T) {
				r := dial(t, transport, upstreamtest.Script{}, client.Options{}, nil)
				a := &upstreamtest.Agent{ID: "a"}
				a.Answer = func(_ context.Context, got string, params []byte) (*gateway.Result, error) {
					if got != method {
						t.Errorf("asked %s, want %s", got, method)
					}
					return &gateway.Result{Raw: []byte(`{"n":12345678901234567890,"f":1.0}`)}, nil
				}
				if got := string(call(t, r, a, tool, `{}`).Raw); got != `{"content":[],"structuredContent":{"n":12345678901234567890,"f":1.0}}` {
					t.Errorf("got %s", got)
				}
			})
		}
	}
}

// On HTTP the stream of the POST says whose call it is; a hundred at once.
func TestAHundredAgentsAskedAtOnceGetTheirOwn(t *testing.T) {
	r := dial(t, "http", upstreamtest.Script{}, client.Options{}, nil)
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			a := &upstreamtest.Agent{ID: fmt.Sprint("agent", i)}
			res, err := r.Do(t.Context(), upstreamtest.Call(a, "sample", `{}`))
			if err != nil {
				t.Error(err)
			} else if want := `{"content":[],"structuredContent":{"from":"` + a.ID + `"}}`; string(res.Raw) != want {
				t.Errorf("got %s, want %s", res.Raw, want)
			}
		})
	}
	wg.Wait()
}

// Who was sent to a web page is told when that is done, and not another who
// happens to be calling.
func TestVisitedPageIsToldToWhoWasSentThere(t *testing.T) {
	r := dial(t, "stdio", upstreamtest.Script{}, client.Options{}, nil)
	one, two, other := &upstreamtest.Agent{ID: "one"}, &upstreamtest.Agent{ID: "two"}, &upstreamtest.Agent{ID: "other"}
	call(t, r, one, "page", `{}`)
	if _, err := r.Do(t.Context(), upstreamtest.Call(two, "page_first", `{}`)); err != nil {
		t.Fatal(err)
	}
	call(t, r, other, "visited", `{}`)
	for _, tt := range []struct {
		agent *upstreamtest.Agent
		want  string
	}{{one, `{"elicitationId":"page-1"}`}, {two, `{"elicitationId":"page-2"}`}, {other, ""}} {
		var got string
		for _, n := range tt.agent.Notes() {
			got += n.Params
		}
		if got != tt.want {
			t.Errorf("%s was told %q, want %q", tt.agent.ID, got, tt.want)
		}
	}
}

// A modern server asks in its result. A legacy agent is asked by a request, and
// the call is sent again with the answer; a modern agent gets the result.
func TestInputRequired(t *testing.T) {
	for _, transport := range []string{"stdio", "http"} {
		t.Run(transport, func(t *testing.T) {
			r := dial(t, transport, upstreamtest.Script{Revision: upstreamtest.Modern}, client.Options{}, nil)
			legacy := &upstreamtest.Agent{ID: "a", Caps: `{"elicitation":{}}`}
			if got, want := string(call(t, r, legacy, "input", `{}`).Raw), `{"resultType":"complete","content":[],"structuredContent":{"responses":{"q":{"from":"a"}},"state":"state-1"}}`; got != want {
				t.Errorf("legacy agent: got %s, want %s", got, want)
			}
			modern := &upstreamtest.Agent{Revision: upstreamtest.Modern}
			if got := string(call(t, r, modern, "input", `{}`).Raw); !strings.Contains(got, `"resultType":"input_required"`) {
				t.Errorf("modern agent: got %s", got)
			}
			got := string(call(t, r, modern, "input", `{}`,
				gateway.Member{Name: "inputResponses", Value: []byte(`{"q":{"x":1.0}}`)}, gateway.Member{Name: "requestState", Value: []byte(`"state-1"`)}).Raw)
			if !strings.Contains(got, `"structuredContent":{"responses":{"q":{"x":1.0}},"state":"state-1"}`) {
				t.Errorf("modern agent's retry: got %s", got)
			}
		})
	}
}

func TestOwnConnectionTellsTheAgentsNameAndCapabilities(t *testing.T) {
	a := &upstreamtest.Agent{ID: "a", Caps: `{"roots":{"listChanged":true},"tasks":{"x":1}}`}
	r := dial(t, "stdio", upstreamtest.Script{}, client.Options{Isolate: true}, a)
	if !r.PerSession() {
		t.Error("not per session")
	}
	if got := r.read(t); !strings.Contains(got, `"capabilities":{"roots":{"listChanged":true}},"clientInfo":{"name":"agent-a","version":"1"}`) {
		t.Errorf("ledger: %s", got)
	}
	if err := r.Notify(t.Context(), "notifications/roots/list_changed", nil); err != nil {
		t.Fatal(err)
	}
	r.wrote(t, "note notifications/roots/list_changed")
}

// A server that restarted answers 404 to a session it no longer knows. It did
// not run the call, so the call is sent again, once, in a new session.
func TestLostSessionIsRenewedAndTheCallRunsOnce(t *testing.T) {
	r := dial(t, "http+sessions", upstreamtest.Script{}, client.Options{}, nil)
	call(t, r, nil, "echo", `{"before":1}`)
	c := upstreamtest.Call(nil, "", `{"uri":"test://one"}`)
	c.Kind, c.Method, c.Name, c.Server = gateway.KindResource, "resources/subscribe", "test://one", "s"
	if _, err := r.Do(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	r.http.DropSessions()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			if _, err := r.Do(t.Context(), upstreamtest.Call(nil, "echo", fmt.Sprintf(`{"call":%d}`, i))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	ledger := r.read(t)
	for i := range 8 {
		if n := strings.Count(ledger, fmt.Sprintf(`"arguments":{"call":%d}`, i)); n != 1 {
			t.Errorf("call %d ran %d times", i, n)
		}
	}
	waitFor(t, "the subscription in the new session", func() bool { return strings.Count(r.read(t), "resources/subscribe") == 2 })
}

func TestNoticesBetweenCallsReachTheCatalog(t *testing.T) {
	const updated = `{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"test://one","x":1.0%s}}`
	t.Run("legacy", func(t *testing.T) {
		r := dial(t, "http", upstreamtest.Script{}, client.Options{}, nil)
		r.http.Push("", fmt.Sprintf(updated, ""))
		if e := <-r.events; e.Method != "notifications/resources/updated" || string(e.Params) != `{"uri":"test://one","x":1.0}` {
			t.Errorf("got %s %s", e.Method, e.Params)
		}
	})
	t.Run("modern", func(t *testing.T) {
		r := dial(t, "http", upstreamtest.Script{Revision: upstreamtest.Modern}, client.Options{}, nil)
		c := upstreamtest.Call(nil, "", `{"uri":"test://one"}`)
		c.Kind, c.Method, c.Name, c.Server = gateway.KindResource, "resources/subscribe", "test://one", "s"
		if _, err := r.Do(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		r.wrote(t, `listen {"toolsListChanged":true,"promptsListChanged":true,"resourcesListChanged":true,"resourceSubscriptions":["test://one"]}`)
		r.http.Push("", fmt.Sprintf(updated, `,"_meta":{"io.modelcontextprotocol/subscriptionId":7}`))
		if e := <-r.events; e.Method != "notifications/resources/updated" || string(e.Params) != `{"uri":"test://one","x":1.0}` {
			t.Errorf("got %s %s", e.Method, e.Params)
		}
	})
}

// A server that serves an agent's roots asks for them when a session starts, and
// again when they change. The first call finds it told.
func TestRootsAreToldBeforeTheFirstCall(t *testing.T) {
	for _, transport := range []string{"stdio", "http+sessions", "sse"} {
		t.Run(transport, func(t *testing.T) {
			a := &upstreamtest.Agent{ID: "a", Caps: `{"roots":{"listChanged":true}}`}
			a.Answer = func(_ context.Context, method string, _ []byte) (*gateway.Result, error) {
				return &gateway.Result{Raw: []byte(`{"roots":[]}`)}, nil
			}
			s := upstreamtest.Script{Faults: []string{"asks_roots"}}
			if transport == "sse" {
				s.Revision = "2024-11-05"
			}
			r := dial(t, transport, s, client.Options{Isolate: true}, a)
			if transport != "http+sessions" { // there the question comes by another way than the ping's answer
				if got, want := string(call(t, r, a, "known_roots", `{}`).Raw), `{"content":[],"structuredContent":{"roots":"{\"roots\":[]}"}}`; got != want {
					t.Errorf("at the first call the server knew %s, want %s", got, want)
				}
			}
			waitFor(t, "the roots to be asked for", func() bool { return strings.Contains(r.read(t), "\nroots {") })
			if err := r.Notify(t.Context(), "notifications/roots/list_changed", nil); err != nil {
				t.Fatal(err)
			}
			waitFor(t, "the roots to be asked for again", func() bool { return strings.Count(r.read(t), "\nroots {") == 2 })
		})
	}
}

// Where no rule could allow a question, a server is not told that it may ask,
// whatever the agent could answer.
func TestCapabilitiesThatNoRuleAllowsAreNotTold(t *testing.T) {
	const agent = `{"elicitation":{},"experimental":{"x":{}},"roots":{},"sampling":{}}`
	for _, tt := range []struct {
		name, revision string
		own, asks      bool
		want           string
	}{
		{"shared, no rule", "", false, false, `"capabilities":{}`},
		{"shared", "", false, true, `"capabilities":{"sampling":{},"elicitation":{"form":{},"url":{}}}`},
		{"own, no rule", "", true, false, `"capabilities":{"experimental":{"x":{}}}`},
		{"own", "", true, true, `"capabilities":` + agent},
		{"modern, no rule", upstreamtest.Modern, false, false, `clientCapabilities":{"experimental":{"x":{}}}`},
		{"modern", upstreamtest.Modern, false, true, `clientCapabilities":` + agent},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := &upstreamtest.Agent{ID: "a", Caps: agent}
			var origin gateway.Origin
			if tt.own {
				origin = a
			}
			r := dial(t, "stdio", upstreamtest.Script{Revision: tt.revision}, client.Options{Isolate: tt.own, Asks: func() bool { return tt.asks }}, origin)
			call(t, r, a, "echo", `{}`)
			if got := r.read(t); !strings.Contains(got, tt.want) {
				t.Errorf("want %s in %s", tt.want, got)
			}
		})
	}
}

// However early a call is cancelled, either it was never sent, or the server is
// told; and the connection serves the next one.
func TestCancellationAtAnyMoment(t *testing.T) {
	for _, transport := range []string{"stdio", "http", "sse"} {
		t.Run(transport, func(t *testing.T) {
			s := upstreamtest.Script{}
			if transport == "sse" {
				s.Revision = "2024-11-05"
			}
			r := dial(t, transport, s, client.Options{}, nil)
			a := &upstreamtest.Agent{ID: "a"}
			for i := range 100 {
				ctx, cancel := context.WithCancel(t.Context())
				time.AfterFunc(time.Duration(i)*20*time.Microsecond, cancel)
				_, err := r.Do(ctx, upstreamtest.Call(a, "hang", fmt.Sprintf(`{"i":%d}`, i)))
				wantCode(t, err, gateway.Cancelled)
				cancel()
			}
			executed := func() int { return strings.Count(r.read(t), "call hang") }
			waitFor(t, "a cancellation for each call that was sent", func() bool {
				return strings.Count(r.read(t), "note notifications/cancelled") >= executed()
			})
			call(t, r, a, "echo", `{}`)
			if executed() == 0 {
				t.Error("no call was sent")
			}
		})
	}
}
