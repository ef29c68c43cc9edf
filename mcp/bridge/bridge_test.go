package bridge

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"toolward/mcp"
)

// wait is for what must come. Nothing is asserted about how long it takes.
const wait = 10 * time.Second

// client is one on lines, with a bridge to a gateway whose bytes a test writes.
type client struct {
	t     *testing.T
	in    *io.PipeWriter
	lines chan string
	ended chan error
}

// over starts a bridge on a transport. what may change its options.
func over(t *testing.T, transport http.RoundTripper, what func(*Options)) *client {
	t.Helper()
	opt := Options{
		Client: &http.Client{Transport: transport}, MaxLine: 1 << 20, Log: slog.New(slog.DiscardHandler),
		Reach: func(context.Context, bool) (string, string, error) {
			return "http://gateway.test/mcp", "synthetic", nil
		},
		Unsent: func(err error) bool { return errors.Is(err, errNobody) },
	}
	if what != nil {
		what(&opt)
	}
	in, from := io.Pipe()
	to, out := io.Pipe()
	c := &client{t: t, in: from, lines: make(chan string, 100), ended: make(chan error, 1)}
	go func() {
		err := New(opt).Run(t.Context(), in, out)
		out.Close()
		c.ended <- err
	}()
	go func() {
		r := bufio.NewReader(to)
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				close(c.lines)
				return
			}
			c.lines <- strings.TrimSuffix(line, "\n")
		}
	}()
	return c
}

var errNobody = errors.New("nobody listens")

// talk starts a bridge to a handler.
func talk(t *testing.T, gateway http.HandlerFunc) *client {
	t.Helper()
	s := httptest.NewServer(gateway)
	t.Cleanup(s.Close)
	return over(t, http.DefaultTransport, func(o *Options) {
		o.Reach = func(context.Context, bool) (string, string, error) { return s.URL + "/mcp", "synthetic", nil }
	})
}

func (c *client) send(lines ...string) {
	c.t.Helper()
	if _, err := io.WriteString(c.in, strings.Join(lines, "\n")+"\n"); err != nil {
		c.t.Fatal(err)
	}
}

// next is the next line.
func (c *client) next() string {
	c.t.Helper()
	select {
	case line, open := <-c.lines:
		if !open {
			c.t.Fatal("the bridge ended")
		}
		return line
	case <-time.After(wait):
		c.t.Fatal("nothing comes")
		return ""
	}
}

// wants compares the next lines, in any order.
func (c *client) wants(want ...string) {
	c.t.Helper()
	left := map[string]int{}
	for _, w := range want {
		left[w]++
	}
	for range want {
		if line := c.next(); left[line] == 0 {
			c.t.Errorf("got %s\nwant one of %v", line, left)
		} else {
			left[line]--
		}
	}
}

// end ends the input; nothing more must come.
func (c *client) end() {
	c.t.Helper()
	c.in.Close()
	for line := range c.lines {
		c.t.Errorf("left over: %s", line)
	}
	if err := <-c.ended; err != nil {
		c.t.Errorf("it ended with %v", err)
	}
}

// body reads a request.
func body(r *http.Request) string {
	raw, _ := io.ReadAll(r.Body) // what is missing shows in the test
	return string(raw)
}

// events writes server-sent events, "ID data" each or only "ID ".
func events(w http.ResponseWriter, all ...string) {
	w.Header().Set("Content-Type", "text/event-stream")
	for _, e := range all {
		id, data, _ := strings.Cut(e, " ")
		_, _ = io.WriteString(w, "id: "+id+"\ndata: "+data+"\n\n") // a client that is gone shows in the test
	}
	w.(http.Flusher).Flush()
}

const (
	hello   = `{"jsonrpc":"2.0","id":"hello","method":"initialize","params":{"protocolVersion":"2025-11-25"}}`
	welcome = `{"jsonrpc":"2.0","id":"hello","result":{"protocolVersion":"2025-11-25"}}`
	ready   = `{"jsonrpc":"2.0","method":"notifications/initialized"}`
)

// greets answers what opens and closes a session, and leaves the rest to then.
func greets(then http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			if r.Method == http.MethodDelete {
				return
			}
			then(w, r)
			return
		}
		switch said := body(r); said {
		case hello:
			w.Header().Set(mcp.HeaderSession, "s1")
			_, _ = io.WriteString(w, welcome)
		case ready:
			w.WriteHeader(http.StatusAccepted)
		default:
			r.Body = io.NopCloser(strings.NewReader(said))
			then(w, r)
		}
	}
}

// Each request of a batch has its answer, whatever becomes of the batch.
func TestBatches(t *testing.T) {
	const (
		batch = `[{"jsonrpc":"2.0","id":1,"method":"ping"},{"jsonrpc":"2.0","method":"notifications/x"},{"jsonrpc":"2.0","id":"b","method":"ping"}]`
		one   = `{"jsonrpc":"2.0","id":1,"result":{}}`
		two   = `{"jsonrpc":"2.0","id":"b","result":{}}`
	)
	lost := func(id, why string) string {
		return `{"jsonrpc":"2.0","id":` + id + `,"error":{"code":-32000,"message":"` + why + `"}}`
	}
	answer := func(status int, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, text)
		}
	}
	for _, tt := range []struct {
		name    string
		line    string
		gateway http.HandlerFunc
		want    []string
	}{
		{"an array", batch, answer(200, "["+one+","+two+"]"), []string{"[" + one + "," + two + "]"}},
		{"events", batch, func(w http.ResponseWriter, _ *http.Request) { events(w, "1 "+two, "2 "+one) }, []string{two, one}},
		{"one error for all", batch, answer(400, `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"no"}}`), []string{
			`{"jsonrpc":"2.0","id":1,"error":{"code":-32600,"message":"no"}}`, `{"jsonrpc":"2.0","id":"b","error":{"code":-32600,"message":"no"}}`,
		}},
		{"no JSON-RPC", batch, answer(403, `{"detail":"not here"}`), []string{lost("1", "not here"), lost(`"b"`, "not here")}},
		{"gone before an answer", batch, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, []string{lost("1", errGone.Error()), lost(`"b"`, errGone.Error())}},
		{"gone between answers, to be taken up", batch, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				events(w, "2 "+two)
				return
			}
			events(w, "1 "+one)
			panic(http.ErrAbortHandler)
		}, []string{one, two}},
		{"gone between answers for good", batch, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				w.WriteHeader(http.StatusNotFound)
				return
			}
			events(w, "1 "+one)
			panic(http.ErrAbortHandler)
		}, []string{one, lost(`"b"`, errGone.Error())}},
		{"an end between answers", batch, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				w.WriteHeader(http.StatusNotFound)
				return
			}
			events(w, "1 "+one)
		}, []string{one, lost(`"b"`, errGone.Error())}},
		{"no request in it", `[{"jsonrpc":"2.0","method":"notifications/x"}]`, answer(202, ""), nil},
		{"half an array", `[{"jsonrpc":"2.0","id":1,"method":"ping"}`, answer(400, `{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"no"}}`), []string{`{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"no"}}`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := talk(t, greets(tt.gateway))
			c.send(hello)
			c.wants(welcome)
			c.send(tt.line)
			c.wants(tt.want...)
			c.end()
		})
	}
}
