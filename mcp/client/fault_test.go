package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"toolward/gateway"
	"toolward/mcp/client"
	"toolward/upstream/upstreamtest"
)

// Rows 41 to 45 of the attack table: each fault is answered, in time, with the
// right code, and harms no other call.
func TestUpstreamFaults(t *testing.T) {
	faults := []struct {
		tool string
		want gateway.Code
		// lives says that a process goes on working after it.
		lives bool
	}{
		{"hang", gateway.UpstreamTimeout, true},
		{"die", gateway.UpstreamDown, false},
		{"die_mid", gateway.UpstreamDown, false},
		{"garbage", gateway.UpstreamInvalid, true},
		{"duplicate_keys", gateway.UpstreamInvalid, true},
		{"unheld_number", gateway.UpstreamInvalid, true},
		{"wrong_id", gateway.UpstreamTimeout, true},
		{"huge", gateway.UpstreamInvalid, true},
		{"endless", gateway.UpstreamInvalid, false},
	}
	for _, transport := range []string{"stdio", "sse", "http", "http+sse-answers"} {
		for _, f := range faults {
			t.Run(transport+" "+f.tool, func(t *testing.T) {
				t.Parallel()
				want := f.want
				if transport != "stdio" && transport != "sse" {
					if f.tool == "wrong_id" {
						want = gateway.UpstreamDown // the stream ends without an answer
					}
				}
				o := client.Options{MaxAnswer: 1 << 20, Timeout: time.Minute}
				if want == gateway.UpstreamTimeout {
					o.Timeout = time.Second
				}
				r := dial(t, transport, upstreamtest.Script{}, o, nil)
				_, err := r.Do(t.Context(), upstreamtest.Call(nil, f.tool, `{}`))
				wantCode(t, err, want)
				lives := f.lives && (transport != "sse" || f.tool != "huge") // a stream cannot be read on after it
				if (transport == "stdio" || transport == "sse") && !lives {
					<-r.Done()
					_, err := r.Do(t.Context(), upstreamtest.Call(nil, "echo", `{}`))
					wantCode(t, err, gateway.UpstreamDown)
					if n := strings.Count(r.read(t), "call "+f.tool); n != 1 {
						t.Errorf("the call was executed %d times", n)
					}
					return
				}
				call(t, r, nil, "echo", `{}`)
				if n := strings.Count(r.read(t), "call "+f.tool); n != 1 {
					t.Errorf("the call was executed %d times", n)
				}
			})
		}
	}
}

// Servers cut texts in the middle of an emoji, or write bytes of another
// encoding (RFC 8259 §8.1, §8.2): the text arrives, with U+FFFD for what broke.
func TestBrokenTextIsMended(t *testing.T) {
	for _, transport := range []string{"stdio", "sse", "http", "http+sse-answers"} {
		for tool, want := range map[string]string{"lone_surrogate": `a long page, cut \ufffd"`, "invalid_utf8": "\"\ufffd\""} {
			t.Run(transport+" "+tool, func(t *testing.T) {
				t.Parallel()
				r := dial(t, transport, upstreamtest.Script{}, client.Options{}, nil)
				result := call(t, r, nil, tool, `{}`)
				if got := string(result.Raw); !strings.Contains(got, want) || result.Mended != 1 {
					t.Errorf("got %s, mended %d times, want %s", got, result.Mended, want)
				}
			})
		}
	}
}

func TestSecondAnswerIsDropped(t *testing.T) {
	for _, transport := range []string{"stdio", "http+sse-answers"} {
		t.Run(transport, func(t *testing.T) {
			r := dial(t, transport, upstreamtest.Script{}, client.Options{}, nil)
			if got := string(call(t, r, nil, "twice", `{}`).Raw); !strings.Contains(got, "first") {
				t.Errorf("got %s", got)
			}
			if got, want := string(call(t, r, nil, "echo", `{}`).Raw), upstreamtest.EchoResult(`{}`); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

func TestExitAtStartSaysWhy(t *testing.T) {
	_, err := tryDial(t, "stdio", upstreamtest.Script{Faults: []string{"exit"}}, client.Options{}, nil)
	if err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.Contains(err.Error(), "cannot start: scripted") {
		t.Errorf("got %v", err)
	}
}

func TestStubbornProcessIsKilled(t *testing.T) {
	r := dial(t, "stdio", upstreamtest.Script{Faults: []string{"stubborn"}}, client.Options{}, nil)
	r.wrote(t, "pid ")
	pid := pidAfter(t, r.read(t), "pid ")
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if alive(pid) {
		t.Errorf("process %d survived", pid)
	}
}

func TestGrandchildrenEndWithTheProcess(t *testing.T) {
	for _, how := range []string{"close", "crash"} {
		t.Run(how, func(t *testing.T) {
			r := dial(t, "stdio", upstreamtest.Script{Faults: []string{"fork"}}, client.Options{}, nil)
			r.wrote(t, "grandchild ")
			pid := pidAfter(t, r.read(t), "grandchild ")
			if how == "crash" {
				_, err := r.Do(t.Context(), upstreamtest.Call(nil, "die", `{}`))
				wantCode(t, err, gateway.UpstreamDown)
			} else if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			waitFor(t, "the grandchild's end", func() bool { return !alive(pid) })
		})
	}
}

func pidAfter(t *testing.T, ledger, key string) int {
	t.Helper()
	_, rest, ok := strings.Cut(ledger, key)
	if !ok {
		t.Fatalf("no %q in %q", key, ledger)
	}
	var pid int
	if _, err := fmt.Sscan(rest, &pid); err != nil {
		t.Fatal(err)
	}
	return pid
}

// alive reports whether a process runs; a zombie that waits for a reaper of
// the machine's does not.
func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(state, "Z")
}

func TestCancellationReachesTheServer(t *testing.T) {
	for transport, trace := range map[string]string{"stdio": "notifications/cancelled", "http": "notifications/cancelled"} {
		t.Run(transport, func(t *testing.T) {
			r := dial(t, transport, upstreamtest.Script{}, client.Options{}, nil)
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() {
				_, err := r.Do(ctx, upstreamtest.Call(nil, "hang", `{}`))
				done <- err
			}()
			r.wrote(t, "call hang")
			cancel()
			wantCode(t, <-done, gateway.Cancelled)
			r.wrote(t, trace)
		})
	}
	t.Run("modern http: the closed request is the cancellation", func(t *testing.T) {
		r := dial(t, "http", upstreamtest.Script{Revision: upstreamtest.Modern}, client.Options{}, nil)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			_, err := r.Do(ctx, upstreamtest.Call(nil, "hang", `{}`))
			done <- err
		}()
		r.wrote(t, "call hang")
		cancel()
		wantCode(t, <-done, gateway.Cancelled)
		r.wrote(t, "gone ")
		if strings.Contains(r.read(t), "cancelled") {
			t.Error("a modern server was sent a notification")
		}
	})
}

// Row 61: a redirect is not followed, wherever it leads.
func TestRedirectIsNotFollowed(t *testing.T) {
	hits := make(chan string, 10)
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { hits <- r.Header.Get("Authorization") }))
	defer other.Close()
	first := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer first.Close()
	c, err := client.New(client.Options{Name: "s", URL: first.URL, Header: map[string]string{"Authorization": "Bearer synthetic"}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Dial(t.Context(), nil, func(gateway.Event) {})
	wantCode(t, err, gateway.UpstreamDown)
	if len(hits) > 0 {
		t.Errorf("the other host was asked, with %q", <-hits)
	}
}

// Row 48: what does not verify is not talked to.
func TestCertificateIsVerified(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a request got through") }))
	defer s.Close()
	s.Config.ErrorLog = nil
	c, err := client.New(client.Options{Name: "s", URL: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Dial(t.Context(), nil, func(gateway.Event) {})
	wantCode(t, err, gateway.UpstreamDown)
}

// changing are credentials that get a new token after each rejection.
type changing struct{ rejected atomic.Int32 }

func (c *changing) Authorization(context.Context) (string, error) {
	return fmt.Sprintf("Bearer synthetic-%d", c.rejected.Load()), nil
}
func (c *changing) Denied(string, int, []string) (bool, string) {
	c.rejected.Add(1)
	return true, "synthetic remedy"
}

func TestRejectedTokenIsRenewedOnce(t *testing.T) {
	scripted := upstreamtest.Serve(t, upstreamtest.Script{})
	var calls atomic.Int32
	good := atomic.Pointer[string]{}
	set := func(s string) { good.Store(&s) }
	set("Bearer synthetic-0")
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != *good.Load() {
			calls.Add(1)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		scripted.ServeHTTP(w, r)
	}))
	defer front.Close()
	creds := &changing{}
	c, err := client.New(client.Options{Name: "s", URL: front.URL, Credentials: creds})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := c.Dial(t.Context(), nil, func(gateway.Event) {})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	set("Bearer synthetic-1")
	if _, err := conn.Do(t.Context(), upstreamtest.Call(nil, "echo", `{}`)); err != nil {
		t.Fatal(err)
	}
	set("Bearer none")
	before := calls.Load()
	_, err = conn.Do(t.Context(), upstreamtest.Call(nil, "echo", `{}`))
	wantCode(t, err, gateway.UpstreamDown)
	if n := calls.Load() - before; n > 3 { // the call twice, and perhaps the listening stream
		t.Errorf("%d requests with bad tokens", n)
	}
}

// scoped are credentials that get a wider token where a server asks for it.
type scoped struct {
	again bool
	mu    sync.Mutex
	asked []string // challenges
}

func (s *scoped) Authorization(context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Sprintf("Bearer synthetic-%d", len(s.asked)), nil
}
func (s *scoped) Denied(_ string, status int, challenges []string) (bool, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if status == http.StatusForbidden {
		s.asked = append(s.asked, challenges...)
	}
	return s.again, "synthetic remedy"
}

// MCP's step-up: 403 insufficient_scope is answered with a wider token, once,
// or with what a person has to do.
func TestInsufficientScope(t *testing.T) {
	const challenge = `Bearer error="insufficient_scope", scope="w"`
	for _, tt := range []struct {
		name  string
		again bool
		good  string
		calls int32
		asked int
	}{
		{"a wider token", true, "Bearer synthetic-1", 2, 1},
		{"a wider token that is not enough", true, "none", 2, 2},
		{"a person is needed", false, "none", 1, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			scripted := upstreamtest.Serve(t, upstreamtest.Script{})
			var calls atomic.Int32
			front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				if err != nil {
					t.Error(err)
				}
				r.Body = io.NopCloser(bytes.NewReader(body))
				if bytes.Contains(body, []byte("tools/call")) {
					calls.Add(1)
					if r.Header.Get("Authorization") != tt.good {
						w.Header().Set("WWW-Authenticate", challenge)
						w.Header().Set("Content-Type", "application/json")
						w.WriteHeader(http.StatusForbidden)
						_, _ = io.WriteString(w, `{"error":"insufficient_scope"}`)
						return
					}
				}
				scripted.ServeHTTP(w, r)
			}))
			defer front.Close()
			creds := &scoped{again: tt.again}
			c, err := client.New(client.Options{Name: "s", URL: front.URL, Credentials: creds})
			if err != nil {
				t.Fatal(err)
			}
			conn, err := c.Dial(t.Context(), nil, func(gateway.Event) {})
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_, err = conn.Do(t.Context(), upstreamtest.Call(nil, "echo", `{}`))
			if tt.good == "none" {
				wantCode(t, err, gateway.UpstreamDown)
				if r := gateway.AsRefusal("", err); r.Remedy != "synthetic remedy" {
					t.Errorf("remedy %q", r.Remedy)
				}
			} else if err != nil {
				t.Fatal(err)
			}
			if calls := calls.Load(); calls != tt.calls || len(creds.asked) != tt.asked || creds.asked[0] != challenge {
				t.Errorf("%d calls, asked for %q", calls, creds.asked)
			}
		})
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for name, o := range map[string]client.Options{
		"neither":  {},
		"both":     {Command: "x", URL: "http://x"},
		"scheme":   {URL: "file:///etc/passwd"},
		"revision": {URL: "http://x", Revision: "1999-01-01"},
	} {
		if _, err := client.New(o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := client.New(client.Options{URL: "http://x/mcp"}); err != nil {
		t.Error(errors.Unwrap(err))
	}
}

// A command that is not there, and an address where nobody listens, are errors
// and nothing worse.
func TestWhatCannotBeOpenedIsAnError(t *testing.T) {
	for name, o := range map[string]client.Options{
		"no such command": {Command: filepath.Join(t.TempDir(), "nothing")},
		"a directory":     {Command: t.TempDir()},
		"nobody listens":  {URL: "http://127.0.0.1:1/mcp"},
		"no old server":   {URL: "http://127.0.0.1:1/sse", Kind: client.KindSSE},
	} {
		t.Run(name, func(t *testing.T) {
			o.Name = "s"
			c, err := client.New(o)
			if err != nil {
				t.Fatal(err)
			}
			if conn, err := c.Dial(t.Context(), nil, func(gateway.Event) {}); err == nil {
				t.Errorf("dialled: %v", conn.Close())
			}
		})
	}
}

// A program that sends back what it gets answers with our own refusal, which must say
// what it is.
func TestAnEchoIsNoServer(t *testing.T) {
	echo, err := exec.LookPath("cat")
	if err != nil {
		t.Skip(err)
	}
	c, err := client.New(client.Options{Name: "s", Command: echo})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := c.Dial(t.Context(), nil, func(gateway.Event) {})
	if err == nil {
		_ = conn.Close()
		t.Fatal("it is taken for a server")
	}
	if !strings.Contains(err.Error(), "is no MCP server") {
		t.Error(err)
	}
}
