// Package plain exchanges requests and answers with an upstream over plain
// HTTP/1.1 on the goroutine that asks: a request is one write, and its answer is
// read by who waits for it. [http.Transport] has two goroutines for each
// connection, and hands every request and every answer from one to another.
//
// # What it is, and is not
//
// It is a pool of connections. What is written and how bytes are read is
// net/http's own: [http.Request.Write] and [http.ReadResponse], which
// http.Transport uses too, so that no answer is understood in a second way.
// Whatever is not the usual request (TLS, a body of unknown length or of more
// than 64 KiB, fields that HTTP itself uses, hosts to be written in Punycode)
// goes to the http.Transport that it is made of, whose dialer, limits and times
// hold for both. Redirects are followed, or not, by the [http.Client] above.
//
// # What it guarantees
//
//   - A request is sent once. An idle connection is looked at before it is used:
//     one that its server closed, or said something on that nobody asked for, is
//     not. If it breaks after that, the request is sent on another connection
//     only if the kernel took not one byte of it, whatever its method:
//     http.Transport repeats a GET.
//   - The end of the context ends the exchange, also the reading of the body,
//     and the error is its cause.
//   - A connection serves another request only when an answer was read to its
//     end, and neither side said that it is the last.
//   - Header fields, those of interim answers (1xx) included, have at most
//     MaxResponseHeaderBytes.
//   - It has no goroutines. Idle connections are closed by a timer.
//
// The states of a connection:
//
//	         get                  answer, no body
//	idle ----------> exchanging -----------------> idle
//	 |                 |     | answer                ^
//	 | closed,         |     v                       | read to its end
//	 | too old         |   reading ------------------+
//	 v                 v     | closed early, broken, last
//	gone <-------------+-----+
package plain

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync"
)

// maxBody is how large a request's body may be, in bytes: as much as the kernel
// takes of it at once, so that writing does not wait for a server that answers
// before it has read everything.
const maxBody = 64 << 10

// New makes a transport of one that has a dialer, and says how long an answer's
// header may be, and how many connections may be idle for how long. It is safe
// for concurrent use; t must not be changed any more. With a proxy, and where
// connections cannot be looked at, it is t itself.
func New(t *http.Transport) http.RoundTripper {
	if !canLook || t.Proxy != nil {
		return t
	}
	return &transport{next: t, pool: pool{idle: map[string][]*conn{}}}
}

type transport struct {
	next *http.Transport
	pool
}

// buffers hold requests while they are written.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if !usual(req) {
		return t.next.RoundTrip(req)
	}
	if err := context.Cause(req.Context()); err != nil {
		if req.Body != nil {
			req.Body.Close()
		}
		return nil, err
	}
	out := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(out)
	out.Reset()
	if err := req.Write(out); err != nil { // it closes the body
		return nil, err
	}
	trace := httptrace.ContextClientTrace(req.Context())
	for {
		c, reused, err := t.get(req.Context(), req.URL)
		if err != nil {
			return nil, err
		}
		if trace != nil && trace.GotConn != nil {
			trace.GotConn(httptrace.GotConnInfo{Conn: c.Conn, Reused: reused, WasIdle: reused})
		}
		resp, sent, err := t.exchange(c, req, out.Bytes())
		if err == nil || sent || !reused || req.Context().Err() != nil {
			return resp, err
		}
	}
}

// exchange sends a request and reads its answer up to the body. Sent reports
// whether any of it may have left.
func (t *transport) exchange(c *conn, req *http.Request, out []byte) (resp *http.Response, sent bool, err error) {
	ctx := req.Context()
	stop := context.AfterFunc(ctx, c.cut)
	n, err := c.Write(out)
	if err == nil {
		resp, err = c.answer(req, t.next.MaxResponseHeaderBytes)
	}
	if err != nil {
		stop()
		c.Close()
		return nil, n > 0, causeOr(ctx, err)
	}
	b := &body{from: resp.Body, t: t, c: c, ctx: ctx, stop: stop, last: resp.Close || resp.StatusCode < 200}
	resp.Body = b
	if b.from == http.NoBody {
		b.end(io.EOF)
	}
	return resp, true, nil
}

// causeOr is why the context ended, which is why there is an error, else the
// error.
func causeOr(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// usual reports whether a request is one that is written here. Everything else
// is http.Transport's, to send or to refuse.
func usual(req *http.Request) bool {
	u := req.URL
	switch {
	case u == nil || u.Scheme != "http" || u.Opaque != "" || u.Host == "" || !printable(u.Host),
		req.Close, req.Trailer != nil, len(req.TransferEncoding) > 0, req.Header == nil, req.Method == http.MethodConnect:
		return false
	case req.Body != nil && req.Body != http.NoBody && (req.ContentLength <= 0 || req.ContentLength > maxBody):
		return false
	}
	for i := range len(req.Method) {
		if c := req.Method[i]; c < 'A' || c > 'Z' {
			return false
		}
	}
	for name, values := range req.Header {
		switch name {
		case "Connection", "Expect", "Upgrade", "Proxy-Connection", "":
			return false
		}
		for i := range len(name) {
			if c := name[i]; (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '-' {
				return false
			}
		}
		for _, value := range values {
			if !printable(value) {
				return false
			}
		}
	}
	return true
}

// printable reports whether a text is ASCII without control characters.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
