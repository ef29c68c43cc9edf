package plain

import (
	"bufio"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"syscall"
	"time"
)

// conn is a connection that one exchange has at a time.
type conn struct {
	net.Conn
	raw   syscall.RawConn // nil if it cannot be looked at, and so serves once
	host  string
	in    *bufio.Reader // reads through Read below
	left  int64         // what may still be read, in bytes
	since time.Time     // it is idle
}

func newConn(host string, nc net.Conn) *conn {
	c := &conn{Conn: nc, host: host}
	if sc, ok := nc.(syscall.Conn); ok {
		c.raw, _ = sc.SyscallConn()
	}
	c.in = bufio.NewReader(c)
	return c
}

// Read bounds what is read while a header is being waited for.
func (c *conn) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, errors.New("read limit exhausted")
	}
	n, err := c.Conn.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	return n, err
}

// cut ends what is being read or written.
func (c *conn) cut() { _ = c.Close() }

// answer reads an answer up to its body. Interim answers (RFC 9110 §15.2) are
// passed over; they share the limit with the final one.
//
//	HTTP/1.1 103 Early Hints\r\nLink: ...\r\n\r\nHTTP/1.1 200 OK\r\n...  ->  200
func (c *conn) answer(req *http.Request, limit int64) (*http.Response, error) {
	c.left = limit
	for {
		resp, err := http.ReadResponse(c.in, req)
		switch {
		case err != nil && c.left <= 0:
			return nil, fmt.Errorf("the answer's header has more than %d bytes", limit)
		case err != nil:
			return nil, err
		case resp.StatusCode == http.StatusSwitchingProtocols:
			return nil, errors.New("the server switches to a protocol that nobody asked for") // RFC 9110 §15.2.2
		case resp.StatusCode < 100 || resp.StatusCode > 199:
			c.left = math.MaxInt64
			return resp, nil
		}
	}
}

// idle reports whether the server has, since c was put back, neither closed the connection nor said
// anything on it that nobody asked for.
func (c *conn) idle() bool {
	return quiet(c.raw)
}
