package upstream_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"toolward/gateway"
	"toolward/mcp/client"
	"toolward/upstream"
	"toolward/upstream/upstreamtest"
)

// A hundred agent sessions, each with its own upstream session that sends it
// progress and asks it for sampling and by elicitation: none goes astray.
func TestAHundredSessionsGetTheirOwn(t *testing.T) {
	for name, faults := range map[string][]string{"http with sessions": {"sessions"}, "http without": nil} {
		t.Run(name, func(t *testing.T) {
			scripted := upstreamtest.Serve(t, upstreamtest.Script{Faults: faults})
			s := connect(t, "s", client.Options{URL: scripted.URL})
			s.Concurrency = 100
			c := start(t, upstream.Options{Servers: []upstream.Server{s}})
			var wg sync.WaitGroup
			for i := range 100 {
				wg.Go(func() {
					a := &upstreamtest.Agent{ID: fmt.Sprint("session", i), Caps: `{"sampling":{},"elicitation":{}}`}
					for round := range 3 {
						for _, tool := range []string{"sample", "elicit"} {
							got, err := c.call(t.Context(), a, "s__"+tool, `{}`)
							if err != nil {
								t.Error(err)
								return
							}
							if want := `{"content":[],"structuredContent":{"from":"` + a.ID + `"}}`; string(got.Raw) != want {
								t.Errorf("got %s, want %s", got.Raw, want)
							}
						}
						args := fmt.Sprintf(`{"marker":"%s-%d"}`, a.ID, round)
						if _, err := c.call(t.Context(), a, "s__log", args); err != nil {
							t.Error(err)
						}
					}
					notes := a.Notes()
					if len(notes) != 6 {
						t.Errorf("%s got %d notifications, want 6", a.ID, len(notes))
					}
					for _, n := range notes {
						if !strings.Contains(n.Params, `"`+a.ID+`-`) {
							t.Errorf("%s got %s", a.ID, n.Params)
						}
					}
				})
			}
			wg.Wait()
		})
	}
}

// Rows 46 and 47: agents leave at any moment. Each call ends, its slot is
// free again, and nothing was sent twice.
func TestAgentsThatLeaveAtAnyMoment(t *testing.T) {
	for _, transport := range []string{"stdio", "http"} {
		t.Run(transport, func(t *testing.T) {
			ledger := filepath.Join(t.TempDir(), "ledger")
			script := upstreamtest.Script{Ledger: ledger}
			var s upstream.Server
			if transport == "stdio" {
				s = server(t, "s", script, client.Options{})
			} else {
				s = connect(t, "s", client.Options{URL: upstreamtest.Serve(t, script).URL})
			}
			s.Concurrency = 8
			c := start(t, upstream.Options{Servers: []upstream.Server{s}})
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			var wg sync.WaitGroup
			for i := range 300 {
				delay := time.Duration(rand.New(rand.NewPCG(seed, uint64(i))).Int64N(int64(5 * time.Millisecond)))
				wg.Go(func() {
					ctx, cancel := context.WithTimeout(t.Context(), delay)
					defer cancel()
					tool := []string{"echo", "progress", "hang"}[i%3]
					_, err := c.call(ctx, &upstreamtest.Agent{ID: fmt.Sprint(i)}, "s__"+tool, fmt.Sprintf(`{"call":"<%d>"}`, i))
					if err != nil && ctx.Err() == nil {
						t.Errorf("call %d: %v", i, err)
					}
				})
			}
			wg.Wait()
			for range 8 { // every slot is free
				if _, err := c.call(t.Context(), nil, "s__echo", `{}`); err != nil {
					t.Fatal(err)
				}
			}
			for i := range 300 {
				if n := lines(t, ledger, fmt.Sprintf(`call %s {"name":"%[1]s","arguments":{"call":"<%d>"}`, []string{"echo", "progress", "hang"}[i%3], i)); n > 1 {
					t.Errorf("call %d ran %d times", i, n)
				}
			}
		})
	}
}

// What the gateway costs in memory must not grow with the sessions that were
// there once.
func TestForgottenSessionsLeaveNothing(t *testing.T) {
	scripted := upstreamtest.Serve(t, upstreamtest.Script{Faults: []string{"sessions"}, Ledger: filepath.Join(t.TempDir(), "ledger")})
	c := start(t, upstream.Options{Servers: []upstream.Server{connect(t, "s", client.Options{URL: scripted.URL})}})
	for i := range 200 {
		a := &upstreamtest.Agent{ID: fmt.Sprint(i)}
		if _, err := c.call(t.Context(), a, "s__echo", `{}`); err != nil {
			t.Fatal(err)
		}
		c.Forget(a.ID)
	}
	waitFor(t, "the end of every upstream session but the shared one", func() bool { return scripted.Sessions() == 1 })
}

func BenchmarkFindAndDo(b *testing.B) {
	for _, n := range []int{10, 5_000} {
		b.Run(fmt.Sprint(n, " tools"), func(b *testing.B) {
			fixed := upstream.Server{Name: "s", Dial: func(context.Context, gateway.Origin, func(gateway.Event)) (upstream.Conn, error) {
				return fixedConn{tools: n}, nil
			}}
			c, err := upstream.New(b.Context(), upstream.Options{Servers: []upstream.Server{fixed}, Pins: upstream.NewMemoryPins()})
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			if err := c.Ready(b.Context()); err != nil {
				b.Fatal(err)
			}
			call := upstreamtest.Call(nil, "t7", `{}`)
			b.ReportAllocs()
			for b.Loop() {
				if call.Tool, err = c.Find(gateway.KindTool, "", "s__t7"); err != nil {
					b.Fatal(err)
				}
				if _, err := call.Tool.Upstream.Do(b.Context(), call); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// fixedConn answers without a server, so that what is measured is the catalog.
type fixedConn struct{ tools int }

func (fixedConn) Do(context.Context, *gateway.Call) (*gateway.Result, error) {
	return &gateway.Result{Raw: []byte(`{"content":[]}`)}, nil
}

func (f fixedConn) List(_ context.Context, method, _ string) (json.RawMessage, error) {
	if method != "tools/list" {
		return nil, nil
	}
	var defs []string
	for i := range f.tools {
		defs = append(defs, def(fmt.Sprint("t", i)))
	}
	return json.RawMessage(`{"tools":[` + strings.Join(defs, ",") + `]}`), nil
}

func (fixedConn) About() gateway.About  { return gateway.About{} }
func (fixedConn) PerSession() bool      { return false }
func (fixedConn) Done() <-chan struct{} { return nil }
func (fixedConn) Close() error          { return nil }
