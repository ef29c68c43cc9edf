package plain

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// small is an answer that leaves the connection open.
const small = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"

// asks makes n exchanges one after another, and returns the numbers of the
// connections that they came on, as the server saw them.
func asks(t *testing.T, c *http.Client, s *server, n int) string {
	t.Helper()
	for range n {
		ask(t, c, http.MethodPost, s.url, "{}")
	}
	var on []string
	for _, r := range s.requests() {
		number, _, _ := strings.Cut(r, " ")
		on = append(on, number)
	}
	return strings.Join(on, " ")
}

func TestConnectionsAreUsedAgainAfterWholeAnswers(t *testing.T) {
	for name, tt := range map[string]struct {
		answer, on string
		left       bool // bytes after the answer that would be taken for the next
	}{
		"length":           {small, "1 1 1", false},
		"chunked":          {answers["chunked"], "1 1 1", false},
		"trailers":         {answers["trailers"], "1 1 1", false},
		"empty":            {answers["empty"], "1 1 1", false},
		"no content":       {answers["no content"], "1 1 1", false},
		"early hints":      {answers["early hints"], "1 1 1", false},
		"HTTP/1.0 kept":    {answers["HTTP/1.0 kept"], "1 1 1", false},
		"HTTP/1.0":         {"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nold", "1 2 3", false},
		"connection close": {answers["connection close"], "1 2 3", false},
		"closing, close":   {"HTTP/1.1 200 OK\r\nConnection: keep-alive, Close\r\nContent-Length: 3\r\n\r\nabc", "1 2 3", false},
		"status 099":       {answers["status 099"], "1 2 3", false},
		"a second answer":  {answers["a second answer"], "1 2 3", true},
		"garbage after":    {answers["garbage after"], "1 2 3", true},
		"body after 204":   {answers["no content, with some"], "1 2 3", true},
		"malformed chunk":  {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "1 2 3", false},
		"malformed":        {answers["no colon"], "1 2 3", false},
	} {
		t.Run(name, func(t *testing.T) {
			for road, transport := range roads(t) {
				if tt.left && road == "net/http" {
					continue // whether it notices in time is a matter of luck
				}
				s := serve(t, func(int) ([]string, bool) { return []string{tt.answer}, false })
				if got := asks(t, client(t, transport), s, 3); got != tt.on {
					t.Errorf("%s: came on connections %s, want %s", road, got, tt.on)
				}
			}
		})
	}
}

// An answer that was not read to its end leaves bytes that the next would be
// taken from.
func TestConnectionOfABodyThatIsLeftIsNotUsedAgain(t *testing.T) {
	s := serve(t, func(k int) ([]string, bool) {
		return []string{[]string{small, strings.TrimSuffix(small, "c"), small, small}[k]}, false
	})
	c := client(t, New(bare()))
	for range 3 {
		resp, err := c.Post(s.url, "", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(resp.Body, make([]byte, 2)); err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if _, err := resp.Body.Read(make([]byte, 1)); !errors.Is(err, http.ErrBodyReadAfterClose) {
			t.Errorf("reading a closed body: %v", err)
		}
	}
	if got := asks(t, c, s, 1); got != "1 2 3 4" {
		t.Errorf("came on connections %s", got)
	}
}

// Whoever says that a request is the last of its connection is taken at the word.
func TestConnectionOfALastRequestIsNotUsedAgain(t *testing.T) {
	for name, change := range map[string]func(*http.Request){
		"close": func(r *http.Request) { r.Close = true },
		"field": func(r *http.Request) { r.Header.Set("Connection", "close") },
	} {
		s := serve(t, func(int) ([]string, bool) { return []string{small}, false })
		c := client(t, New(bare()))
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		change(req)
		resp, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(resp.Body); err != nil {
			t.Fatal(err)
		}
		if got := asks(t, c, s, 1); got != "1 2" {
			t.Errorf("%s: came on connections %s", name, got)
		}
	}
}

// rude is a server of which each connection answers once, and is then ended.
func rude(t *testing.T, end func(*net.TCPConn)) (url string, heard func() int) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var work sync.WaitGroup
	n := 0
	work.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			work.Go(func() {
				defer c.Close()
				buf := make([]byte, 1<<10)
				if _, err := c.Read(buf); err != nil {
					return
				}
				mu.Lock()
				n++
				mu.Unlock()
				_, _ = io.WriteString(c, small)
				end(c.(*net.TCPConn))
				_, _ = c.Read(buf) // until the client closes
			})
		}
	})
	t.Cleanup(func() { l.Close(); work.Wait() })
	return "http://" + l.Addr().String(), func() int { mu.Lock(); defer mu.Unlock(); return n }
}

// An idle connection that is no more what it was is not used: a POST on it would
// be lost, and may not be repeated.
func TestIdleConnectionIsLookedAt(t *testing.T) {
	for name, end := range map[string]func(*net.TCPConn){
		"closed":      func(c *net.TCPConn) { c.Close() },
		"half closed": func(c *net.TCPConn) { _ = c.CloseWrite() },
		"reset":       func(c *net.TCPConn) { _ = c.SetLinger(0); c.Close() },
		"told 408":    func(c *net.TCPConn) { _, _ = io.WriteString(c, "HTTP/1.1 408 Request Timeout\r\n\r\n") },
		"told an answer to the next request": func(c *net.TCPConn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong")
		},
		"told a byte": func(c *net.TCPConn) { _, _ = c.Write([]byte{'\n'}) },
	} {
		t.Run(name, func(t *testing.T) {
			road := New(bare()).(*transport)
			url, heard := rude(t, end)
			c := client(t, road)
			for i := 1; i <= 5; i++ {
				if got := ask(t, c, http.MethodPost, url, "{}"); got.Body != "abc" {
					t.Fatalf("request %d: got %+v", i, got)
				}
				for _, list := range road.idle {
					for len(list) > 0 && list[0].idle() {
						runtime.Gosched() // what the server did is on its way
					}
				}
				if heard() != i {
					t.Fatalf("the server heard %d requests, want %d", heard(), i)
				}
			}
		})
	}
}

// A connection that ends after the request went out is no reason to send it
// again, whatever its method, new or not.
func TestNothingIsSentTwice(t *testing.T) {
	for _, method := range []string{http.MethodPost, http.MethodGet, http.MethodPut, http.MethodDelete, http.MethodHead} {
		for _, part := range []string{"", "H", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 200 OK\r\n\x00"} {
			for first := range 2 { // the number of requests that are answered before
				s := serve(t, func(k int) ([]string, bool) {
					if k < first {
						return []string{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}, false
					}
					return []string{part}, true
				})
				c := client(t, New(bare()))
				for i := range first + 1 {
					if got := ask(t, c, method, s.url, ""); got.Answered != (i < first) {
						t.Errorf("%s: request %d: got %+v", method, i, got)
					}
				}
				if n := len(s.requests()); n != first+1 {
					t.Errorf("%s, answered %q after %d: the server heard %d requests", method, part, first, n)
				}
			}
		}
	}
}

// faulty is a connection whose second write takes n bytes and fails.
type faulty struct {
	*net.TCPConn
	n, writes int
}

func (f *faulty) Write(p []byte) (int, error) {
	if f.writes++; f.writes == 2 {
		n, _ := f.TCPConn.Write(p[:f.n])
		f.Close()
		return n, errors.New("broken pipe")
	}
	return f.TCPConn.Write(p)
}

func TestWhatDidNotLeaveIsSentOnAnotherConnection(t *testing.T) {
	for taken, answered := range []bool{true, false} {
		under := bare()
		under.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return &faulty{TCPConn: c.(*net.TCPConn), n: taken}, nil
		}
		s := serve(t, func(int) ([]string, bool) { return []string{small}, false })
		c := client(t, New(under))
		if got := asks(t, c, s, 1); got != "1" {
			t.Fatalf("came on connections %s", got)
		}
		if got := ask(t, c, http.MethodPost, s.url, "{}"); got.Answered != answered {
			t.Errorf("%d bytes taken: got %+v", taken, got)
		}
		if got, want := len(s.requests()), map[bool]int{true: 2, false: 1}[answered]; got != want {
			t.Errorf("%d bytes taken: the server heard %d requests, want %d", taken, got, want)
		}
	}
}

func TestIdleConnectionsAreClosed(t *testing.T) {
	t.Run("after a time", func(t *testing.T) {
		under := bare()
		under.IdleConnTimeout = 20 * time.Millisecond
		s := serve(t, func(int) ([]string, bool) { return []string{small}, false })
		road := New(under).(*transport)
		asks(t, client(t, road), s, 1)
		if n := <-s.gone; n != 1 {
			t.Errorf("connection %d is gone", n)
		}
		road.mu.Lock()
		defer road.mu.Unlock()
		if road.count != 0 || len(road.idle) != 0 || road.timer != nil {
			t.Errorf("kept %d connections, %d hosts, a timer: %v", road.count, len(road.idle), road.timer != nil)
		}
	})
	t.Run("when told to", func(t *testing.T) {
		s := serve(t, func(int) ([]string, bool) { return []string{small}, false })
		c := client(t, New(bare()))
		asks(t, c, s, 1)
		resp, err := c.Post(s.url, "", strings.NewReader("{}")) // on the same connection, and not read yet
		if err != nil {
			t.Fatal(err)
		}
		c.CloseIdleConnections()
		if _, err := io.ReadAll(resp.Body); err != nil {
			t.Errorf("an exchange under way is ended: %v", err)
		}
		if n := <-s.gone; n != 1 {
			t.Errorf("connection %d is gone", n)
		}
		if got := asks(t, c, s, 2); got != "1 1 2 2" {
			t.Errorf("came on connections %s", got)
		}
	})
	for name, bound := range map[string]func(*http.Transport) *int{
		"above the number of a host": func(t *http.Transport) *int { return &t.MaxIdleConnsPerHost },
		"above the number of all":    func(t *http.Transport) *int { return &t.MaxIdleConns },
	} {
		t.Run(name, func(t *testing.T) { above(t, bound) })
	}
}

// above has three exchanges at once where two connections may be idle.
func above(t *testing.T, bound func(*http.Transport) *int) {
	under := bare()
	*bound(under) = 2
	s := serve(t, func(int) ([]string, bool) { return []string{small}, false })
	c := client(t, New(under))
	var open []*http.Response
	for range 3 {
		resp, err := c.Post(s.url, "", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, resp)
	}
	for _, resp := range open {
		if _, err := io.ReadAll(resp.Body); err != nil {
			t.Fatal(err)
		}
	}
	if n := <-s.gone; n != 3 {
		t.Errorf("connection %d is gone", n)
	}
}

func TestEndOfTheContext(t *testing.T) {
	reason := errors.New("the reason")
	for name, tt := range map[string]struct {
		writes []string
		read   int // bytes of the body before the context ends; -1 for no answer
	}{
		"before the answer": {nil, -1},
		"in the header":     {[]string{"HTTP/1.1 200 OK\r\n"}, -1},
		"after the header":  {[]string{"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"}, 0},
		"in the body":       {[]string{"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\na"}, 1},
		"in a stream":       {[]string{"HTTP/1.1 200 OK\r\n\r\nd"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			s := serve(t, func(int) ([]string, bool) {
				if tt.read < 0 {
					cancel(reason)
				}
				return tt.writes, false
			})
			c := client(t, New(bare()))
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			resp, err := c.Do(req)
			if tt.read >= 0 {
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				if _, err := io.ReadFull(resp.Body, make([]byte, tt.read)); err != nil {
					t.Fatal(err)
				}
				cancel(reason)
				_, err = io.ReadAll(resp.Body)
			}
			if !errors.Is(err, reason) {
				t.Errorf("got %v", err)
			}
			if n := <-s.gone; n != 1 {
				t.Errorf("connection %d is gone", n)
			}
			if _, err := c.Do(req.Clone(ctx)); !errors.Is(err, reason) || len(s.requests()) != 1 {
				t.Errorf("a request of an ended context: %v, the server heard %d", err, len(s.requests()))
			}
		})
	}
}

// A context that ends as the body does closes the connection in its own time.
func TestConnectionOfAnEndedContextIsNotUsedAgain(t *testing.T) {
	road := New(bare()).(*transport)
	s := serve(t, func(int) ([]string, bool) { return []string{small}, false })
	resp, err := client(t, road).Post(s.url, "", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.(*body).stop = func() bool { return false }
	if _, err := io.ReadAll(resp.Body); err != nil {
		t.Fatal(err)
	}
	if road.count != 0 {
		t.Error("it is in the pool")
	}
}

func TestDialerRefuses(t *testing.T) {
	refused := errors.New("no address of an API")
	under := bare()
	under.DialContext = (&net.Dialer{Control: func(string, string, syscall.RawConn) error { return refused }}).DialContext
	s := serve(t, func(int) ([]string, bool) { return []string{small}, true })
	if _, err := client(t, New(under)).Post(s.url, "", strings.NewReader("{}")); !errors.Is(err, refused) {
		t.Errorf("got %v", err)
	}
}

// Many ask at once, some leave early or are cancelled: each gets the answer to
// its own request, or none.
func TestAnswersBelongToTheirRequests(t *testing.T) {
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if said, err := io.ReadAll(r.Body); err == nil {
			_, _ = w.Write(said)
		}
	})}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	work.Go(func() { _ = srv.Serve(l) })
	t.Cleanup(func() { srv.Close(); work.Wait() })
	c := client(t, New(bare()))
	var asking sync.WaitGroup
	for g := range 16 {
		asking.Go(func() {
			for i := range 100 {
				ctx, cancel := context.WithCancel(t.Context())
				said := strings.Repeat(fmt.Sprintf("%d/%d ", g, i), 1+i*20)
				req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+l.Addr().String(), strings.NewReader(said))
				if err != nil {
					t.Error(err)
				}
				if i%5 == 1 {
					go cancel()
				}
				resp, err := c.Do(req)
				if err == nil {
					from := io.Reader(resp.Body)
					if i%7 == 2 {
						from = io.LimitReader(from, int64(i))
					}
					got, err := io.ReadAll(from)
					resp.Body.Close()
					if !strings.HasPrefix(said, string(got)) || err == nil && i%7 != 2 && len(got) != len(said) {
						t.Errorf("asked %.20q, got %.20q: %v", said, got, err)
					}
				} else if i%5 != 1 {
					t.Error(err)
				}
				cancel()
			}
		})
	}
	asking.Wait()
}
