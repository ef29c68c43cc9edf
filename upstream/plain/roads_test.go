package plain

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	log.SetOutput(io.Discard) // net/http prints what it was sent unasked
	goleak.VerifyTestMain(m)
}

// limit is the limit of a header in tests.
const limit = 4 << 10

func bare() *http.Transport {
	return &http.Transport{
		DialContext:  (&net.Dialer{}).DialContext,
		MaxIdleConns: 8, MaxIdleConnsPerHost: 8, IdleConnTimeout: time.Minute,
		MaxResponseHeaderBytes: limit, DisableCompression: true,
	}
}

// roads are both ways to make an exchange: net/http's alone, and this package's.
func roads(t testing.TB) map[string]http.RoundTripper {
	direct := New(bare())
	if _, ours := direct.(*transport); !ours {
		t.Skip("connections cannot be looked at here")
	}
	return map[string]http.RoundTripper{"net/http": bare(), "plain": direct}
}

func client(t testing.TB, road http.RoundTripper) *http.Client {
	c := &http.Client{Transport: road, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

// server writes what it is told to, and keeps what it was sent.
type server struct {
	url string

	mu    sync.Mutex
	heard []string // requests as bytes, by connection: "1 POST / HTTP/1.1\r\n..."
	conns int
	gone  chan int // the numbers of connections that the client or the script has closed
}

// script says what is answered to a request, the first being 0, in writes, and
// whether the connection is closed then.
type script func(request int) (writes []string, last bool)

func serve(t testing.TB, answer script) *server {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{url: "http://" + l.Addr().String() + "/mcp?q=1", gone: make(chan int, 1000)}
	var work sync.WaitGroup
	work.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns++
			n := s.conns
			s.mu.Unlock()
			work.Go(func() { s.serve(c, n, answer) })
		}
	})
	t.Cleanup(func() { l.Close(); work.Wait() })
	return s
}

func (s *server) serve(c net.Conn, n int, answer script) {
	defer func() { s.gone <- n }()
	defer c.Close()
	var raw strings.Builder
	in := bufio.NewReader(io.TeeReader(c, &raw))
	for {
		raw.Reset()
		req, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, req.Body); err != nil {
			return
		}
		s.mu.Lock()
		k := len(s.heard)
		s.heard = append(s.heard, fmt.Sprint(n, " ", strings.ReplaceAll(raw.String(), req.Host, "HOST")))
		s.mu.Unlock()
		writes, last := answer(k)
		for _, w := range writes {
			if _, err := io.WriteString(c, w); err != nil {
				return
			}
		}
		if last {
			return
		}
	}
}

func (s *server) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.heard...)
}

// outcome is what whoever asked can tell of an exchange.
type outcome struct {
	Answered bool
	Status   int
	Proto    string
	Header   http.Header
	Length   int64
	Body     string
	Broken   bool // the body did not end as it should
	Trailer  http.Header
}

func ask(t testing.TB, c *http.Client, method, url, sent string) outcome {
	t.Helper()
	// The deadline ends what waits for more than the script has; both roads get it.
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var from io.Reader
	if sent != "" {
		from = strings.NewReader(sent)
	}
	req, err := http.NewRequestWithContext(ctx, method, url, from)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Mcp-Session-Id", "s 1")
	resp, err := c.Do(req)
	if ctx.Err() != nil {
		t.Fatalf("%s: timed out", method)
	}
	if err != nil {
		return outcome{}
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("%s: timed out in the body", method)
	}
	return outcome{
		Answered: true, Status: resp.StatusCode, Proto: resp.Proto, Header: resp.Header, Length: resp.ContentLength,
		Body: string(raw), Broken: err != nil, Trailer: resp.Trailer,
	}
}

// alike holds both roads against each other on one exchange: the server writes
// and closes.
func alike(t *testing.T, method, sent string, writes ...string) outcome {
	t.Helper()
	got := map[string]outcome{}
	heard := map[string][]string{}
	for name, road := range roads(t) {
		s := serve(t, func(int) ([]string, bool) { return writes, true })
		got[name] = ask(t, client(t, road), method, s.url, sent)
		heard[name] = s.requests()
	}
	if d := cmp.Diff(got["net/http"], got["plain"]); d != "" {
		t.Errorf("%s, answered %q: the roads differ (-net/http +plain)\n%s", method, writes, d)
	}
	if d := cmp.Diff(heard["net/http"][:1], heard["plain"]); d != "" {
		t.Errorf("%s: the server was sent (-net/http +plain)\n%s", method, d)
	}
	return got["plain"]
}

// wroteAlike holds what the server is sent by one road against the other, and
// whether anything is.
func wroteAlike(t *testing.T, change func(*http.Request)) {
	t.Helper()
	heard, failed := map[string][]string{}, map[string]bool{}
	for name, road := range roads(t) {
		s := serve(t, func(int) ([]string, bool) { return []string{answers["length"]}, true })
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url, strings.NewReader(`{"id":1}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer x")
		change(req)
		resp, err := client(t, road).Do(req)
		if failed[name] = err != nil; err == nil {
			resp.Body.Close()
		}
		heard[name] = s.requests()
	}
	if failed["net/http"] != failed["plain"] {
		t.Errorf("failed: %v", failed)
	}
	if d := cmp.Diff(heard["net/http"], heard["plain"]); d != "" {
		t.Errorf("the server was sent (-net/http +plain)\n%s", d)
	}
}
