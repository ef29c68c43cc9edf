package web

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener whose connections are pipes, so that time can be made up.
type pipes struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// TestWhoDoesNotReadLosesTheConnection: sixty readers that read nothing kept
// sixty answers of 15 MB for ever.
func TestWhoDoesNotReadLosesTheConnection(t *testing.T) {
	for _, tt := range []struct {
		name   string
		size   int
		after  time.Duration
		stream bool
	}{
		{"a large answer", 1 << 20, 62 * time.Second, false},
		{"a small one", 100, 30 * time.Second, false},
		{"an event", 100, 30 * time.Second, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begun, ended := time.Now(), make(chan time.Duration, 1)
				s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					p := pace(w)
					p.lift()
					defer p.expire(0)
					if tt.stream { // nothing to say for an hour is no reason to leave
						_ = http.NewResponseController(p).Flush()
						time.Sleep(time.Hour)
						begun = time.Now()
					}
					_, err := p.Write(bytes.Repeat([]byte("x"), tt.size))
					if flush := http.NewResponseController(p).Flush(); err == nil {
						err = flush
					}
					if err == nil {
						t.Error("the write came to an end")
					}
					ended <- time.Since(begun)
				})}
				l := &pipes{conns: make(chan net.Conn, 1), done: make(chan struct{})}
				go func() { _ = s.Serve(l) }()
				client, server := net.Pipe()
				l.conns <- server
				if _, err := io.WriteString(client, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
					t.Fatal(err)
				}
				if tt.stream {
					if _, err := client.Read(make([]byte, 4096)); err != nil && !errors.Is(err, io.EOF) { // the head
						t.Fatal(err)
					}
				}
				if took := <-ended; took != tt.after {
					t.Errorf("it was waited for %v, want %v", took, tt.after)
				}
				client.Close()
				s.Close()
				synctest.Wait()
			})
		})
	}
}
