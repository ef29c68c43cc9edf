package bridge

import (
	"context"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"toolward/mcp"
)

// gate is a transport without a network, so that time can be the test's.
type gate func(*http.Request) (*http.Response, error)

func (g gate) RoundTrip(r *http.Request) (*http.Response, error) {
	if t := httptrace.ContextClientTrace(r.Context()); t != nil {
		t.WroteRequest(httptrace.WroteRequestInfo{})
	}
	return g(r)
}

func respond(status int, text string) (*http.Response, error) {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(text))}, nil
}

const (
	ping = `{"jsonrpc":"2.0","id":1,"method":"ping"}`
	pong = `{"jsonrpc":"2.0","id":1,"result":{}}`
)

// What was not sent waits for a gateway that begins, and not for ever.
func TestUnsentRequestsWait(t *testing.T) {
	for _, tt := range []struct {
		gone, want time.Duration
		answer     string
	}{
		{0, 0, pong},
		{time.Second, time.Second, pong},
		{time.Hour, 5 * time.Second, `{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"Post \"http://gateway.test/mcp\": nobody listens"}}`},
	} {
		synctest.Test(t, func(t *testing.T) {
			begun := time.Now()
			c := over(t, gate(func(*http.Request) (*http.Response, error) {
				if time.Since(begun) < tt.gone {
					return nil, errNobody
				}
				return respond(200, pong)
			}), nil)
			c.send(ping)
			c.wants(tt.answer)
			if took := time.Since(begun); took != tt.want {
				t.Errorf("gone for %v: it took %v", tt.gone, took)
			}
			c.end()
		})
	}
}

// A gateway that is gone for hours is looked for every few seconds, and heard soon
// after it is back.
func TestTheStreamWaitsForTheGateway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		const gone = time.Hour
		tried, session := 0, ""
		c := over(t, gate(func(r *http.Request) (*http.Response, error) {
			switch since := time.Since(begun); {
			case r.Method == http.MethodPost && body(r) == hello:
				if since > 0 {
					session = "s2"
				} else {
					session = "s1"
				}
				resp, _ := respond(200, welcome)
				resp.Header.Set(mcp.HeaderSession, session)
				return resp, nil
			case r.Method == http.MethodPost:
				return respond(202, "")
			case r.Method == http.MethodDelete:
				return respond(200, "")
			case since < gone:
				tried++
				return nil, errNobody
			case r.Header.Get(mcp.HeaderSession) != "s2":
				return respond(404, "")
			}
			resp, _ := respond(200, "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/tools/list_changed\"}\n\n")
			resp.Body = struct {
				io.Reader
				io.Closer
			}{io.MultiReader(resp.Body, waiting{r.Context()}), resp.Body}
			return resp, nil
		}), nil)
		c.send(hello)
		c.wants(welcome)
		c.send(ready)
		time.Sleep(gone - time.Second) // of the bubble's time
		c.wants(`{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`)
		if took := time.Since(begun); took > gone+rest+time.Second {
			t.Errorf("heard after %v", took)
		}
		if tried < 600 || tried > 800 {
			t.Errorf("looked for %d times", tried)
		}
		c.end()
	})
}

// waiting is a stream on which nothing comes.
type waiting struct{ ctx context.Context }

func (w waiting) Read([]byte) (int, error) { <-w.ctx.Done(); return 0, w.ctx.Err() }

// When the input ends, what runs is waited for, and what only listens is not.
func TestTheEndOfTheInput(t *testing.T) {
	for name, tt := range map[string]struct {
		line string
		want time.Duration
	}{
		"a call that takes a while":  {`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"quick"}}`, 10 * time.Second},
		"a call that takes too long": {`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"slow"}}`, 30 * time.Second},
		"a subscription":             {`{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{` + meta + `}}`, 0},
		"nothing":                    {``, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := over(t, gate(func(r *http.Request) (*http.Response, error) {
					quick := time.Hour
					if strings.Contains(body(r), "quick") {
						quick = 10 * time.Second
					}
					select {
					case <-time.After(quick):
						return respond(200, pong)
					case <-r.Context().Done():
						return nil, r.Context().Err()
					}
				}), nil)
				c.send(tt.line)
				synctest.Wait()
				begun := time.Now()
				c.in.Close()
				if err := <-c.ended; err != nil {
					t.Error(err)
				}
				if took := time.Since(begun); took != tt.want {
					t.Errorf("it took %v, want %v", took, tt.want)
				}
				got := 0
				for line := range c.lines {
					if got++; line != pong {
						t.Error(line)
					}
				}
				if (got == 1) != (tt.want == 10*time.Second) {
					t.Errorf("%d answers", got)
				}
			})
		})
	}
}

// A cancellation goes behind the request that it cancels, though it was written with
// it, and again if it came first all the same.
func TestCancellationsFollowTheirRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var order []string
		var cancelled chan struct{}
		c := over(t, roundTripper(func(r *http.Request) (*http.Response, error) {
			m := parse([]byte(body(r)))
			if m.method == mcp.NoteCancelled {
				if order = append(order, "cancelled"); len(order) == 3 { // the first is overtaken by its request
					close(cancelled)
				}
				return respond(202, "")
			}
			time.Sleep(time.Second) // a connection is opened, of the bubble's time
			order = append(order, m.method)
			cancelled = make(chan struct{})
			httptrace.ContextClientTrace(r.Context()).WroteRequest(httptrace.WroteRequestInfo{})
			<-cancelled
			return respond(200, pong)
		}), nil)
		c.send(ping, `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`)
		c.end() // without an answer
		if got := strings.Join(order, " "); got != "ping cancelled cancelled" {
			t.Errorf("the gateway got %s", got)
		}
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A token that is refused is asked for anew, once for each request.
func TestRefusedTokensAreRenewed(t *testing.T) {
	for renewal, want := range map[string]string{
		"good":    pong,
		"no good": `{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"no such token"}}`,
	} {
		var asked, sent atomic.Int32
		c := over(t, gate(func(r *http.Request) (*http.Response, error) {
			sent.Add(1)
			if r.Header.Get("Authorization") == "Bearer good" {
				return respond(200, pong)
			}
			return respond(401, `{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"no such token"}}`)
		}), func(o *Options) {
			o.Reach = func(_ context.Context, anew bool) (string, string, error) {
				if asked.Add(1); anew {
					return "http://gateway.test/mcp", renewal, nil
				}
				return "http://gateway.test/mcp", "old", nil
			}
		})
		c.send(ping)
		c.wants(want)
		c.end()
		if asked.Load() != 2 || sent.Load() != 2 {
			t.Errorf("%s: asked for %d tokens, sent %d requests", renewal, asked.Load(), sent.Load())
		}
	}
}
