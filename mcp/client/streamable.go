package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/propagation"

	"toolward/gateway"
	"toolward/mcp"
	"toolward/upstream/plain"
)

var (
	// errNotStreamable says that a POST met something that is not Streamable
	// HTTP: perhaps the older transport.
	errNotStreamable = errors.New("the URL does not answer like Streamable HTTP")
	// errStatus says that the server is there, but answered with an HTTP error.
	errStatus = errors.New("HTTP error status")
	// errAccepted says that the server took a request and answered nothing.
	errAccepted = errors.New("accepted without an answer")
	// errSession says that the server no longer knows the session. It did not
	// run the request.
	errSession = errors.New("the server ended the session")
)

// newHTTPClient makes the client of one upstream: its connections and its
// credentials are shared with nobody.
func newHTTPClient(o Options) *http.Client {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Client{
		Transport: plain.New(&http.Transport{
			DialContext:            dialer.DialContext,
			TLSClientConfig:        o.TLS,
			TLSHandshakeTimeout:    10 * time.Second,
			ForceAttemptHTTP2:      true,
			MaxIdleConns:           256,
			MaxIdleConnsPerHost:    256,
			IdleConnTimeout:        90 * time.Second,
			MaxResponseHeaderBytes: 64 << 10,
			DisableCompression:     true, // a small answer must not become a huge one here: see decode
		}),
	}
}

// streamable is MCP's Streamable HTTP: each message is a POST, and answers come
// as JSON or as an event stream (MCP basic/transports).
type streamable struct {
	client *Client
	conn   *Conn

	mu      sync.Mutex
	session string        // "" if the server keeps none
	heard   atomic.Bool   // the stream for what belongs to no request was opened, and is again when it ends
	renewed chan struct{} // closed when the renewal under way is over; nil if none is
}

func newStreamable(c *Client, conn *Conn) *streamable { return &streamable{client: c, conn: conn} }

func (s *streamable) roundTrip(ctx context.Context, f *flight, r request) (mcp.Message, error) {
	if r.method == mcp.MethodInitialize {
		return s.authorized(ctx, f, r, "")
	}
	session, err := s.settled(ctx)
	if err != nil {
		return mcp.Message{}, err
	}
	m, err := s.authorized(ctx, f, r, session)
	if errors.Is(err, errSession) {
		if err := s.renew(ctx, session); err != nil {
			return mcp.Message{}, err
		}
		m, err = s.authorized(ctx, f, r, s.sessionID())
	}
	if ctx.Err() != nil && !s.conn.modern {
		s.conn.cancelled(f, "the call was cancelled or timed out") // a closed stream says nothing to a legacy server
	}
	return m, err
}

// authorized sends a request, and once more with another token if the server
// does not accept the one it was sent with and another can be had.
func (s *streamable) authorized(ctx context.Context, f *flight, r request, session string) (mcp.Message, error) {
	for again := true; ; {
		m, err := s.try(ctx, f, r, session)
		var no *denied
		if s.client.opts.Credentials == nil || !errors.As(err, &no) || no.value == "" {
			return m, err
		}
		other, remedy := s.client.opts.Credentials.Denied(no.value, no.status, no.challenges)
		if !again || !other {
			var refusal *gateway.Refusal
			if errors.As(err, &refusal) {
				refusal.Remedy = remedy
			}
			return m, err
		}
		again = false
	}
}

// denied says that the server answered 401 or 403 to a credential.
type denied struct {
	value      string
	status     int
	challenges []string
	said       string
}

func (d *denied) Error() string { return "HTTP error status " + strconv.Itoa(d.status) + d.said }
func (*denied) Unwrap() error   { return errStatus }

func (s *streamable) post(ctx context.Context, r request, session string) (*http.Response, error) {
	req := s.client.posted.WithContext(ctx)
	h := make(http.Header, 8)
	h["Content-Type"], h["Accept"], h["Accept-Encoding"] = jsonType, acceptBoth, gzipOnly
	if err := s.fill(ctx, h, session); err != nil {
		return nil, err
	}
	req.Header, req.ContentLength = h, int64(len(r.body))
	req.GetBody = func() (io.ReadCloser, error) { return newSent(r.body), nil } // for a redirect
	req.Body = newSent(r.body)
	if s.conn.modern {
		h.Set(mcp.HeaderMethod, r.method)
		if r.name != "" {
			h.Set(mcp.HeaderName, mcp.EncodeHeader(r.name))
		}
		for _, f := range r.params {
			h.Set(f.Name, f.Value)
		}
	}
	resp, err := s.client.http.Do(req)
	if err != nil {
		return nil, s.conn.down("upstream " + s.client.opts.Name + " cannot be reached").Because(err)
	}
	return resp, nil
}

// What fields say in each request. Nobody changes it.
var (
	jsonType   = []string{"application/json"}
	acceptBoth = []string{"application/json, text/event-stream"}
	gzipOnly   = []string{"gzip"}
)

// sent is a body that is held in memory.
type sent struct{ bytes.Reader }

func newSent(body []byte) *sent {
	b := new(sent)
	b.Reset(body)
	return b
}

func (*sent) Close() error { return nil }

// fill sets the fields that every request carries.
func (s *streamable) fill(ctx context.Context, h http.Header, session string) error {
	for name, value := range s.client.opts.Header {
		h.Set(name, value)
	}
	if s.client.opts.Credentials != nil {
		value, err := s.client.opts.Credentials.Authorization(ctx)
		if err != nil {
			r := s.conn.down("the gateway has no credentials for upstream " + s.client.opts.Name)
			var hint interface{ Remedy() string }
			if errors.As(err, &hint) {
				r.Remedy = hint.Remedy()
			}
			return r.Because(err)
		}
		if value != "" {
			h.Set("Authorization", value)
		}
	}
	if s.conn.revision >= mcp.Revision20250618 {
		h[mcp.HeaderRevision] = []string{s.conn.revision}
	}
	if session != "" {
		h[mcp.HeaderSession] = []string{session}
	}
	propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(h))
	return nil
}

// send posts a notification or an answer.
func (s *streamable) send(ctx context.Context, body []byte) error {
	r := request{body: body}
	if s.conn.modern {
		return nil // modern servers take neither: closing a POST is the cancellation
	}
	resp, err := s.post(ctx, r, s.sessionID())
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		return fmt.Errorf("%w %d%s", errStatus, resp.StatusCode, s.said(resp))
	}
	_, _ = io.CopyN(io.Discard, resp.Body, 4<<10) // lets the connection be used again
	return nil
}

// established opens the stream for what belongs to no request. It waits a
// little until it is open: widespread servers put what they ask during a call
// on that stream, and drop it if it is not there.
func (s *streamable) established() {
	if s.conn.modern {
		s.conn.spawn(s.conn.listenAlways)
		return
	}
	opened := make(chan struct{})
	if s.conn.spawn(func() { s.listen(sync.OnceFunc(func() { close(opened) })) }) {
		t := time.NewTimer(time.Second)
		defer t.Stop()
		select {
		case <-opened:
		case <-t.C:
		}
	}
}

func (s *streamable) perSession() bool      { return s.sessionID() != "" }
func (s *streamable) done() <-chan struct{} { return nil }
func (s *streamable) why() error            { return nil }

// close ends the session at the server, if that listens.
func (s *streamable) close() error {
	defer s.client.http.CloseIdleConnections()
	session := s.sessionID()
	if session == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodDelete, s.client.opts.URL, nil)
	if err != nil {
		return err
	}
	if err := s.fill(ctx, req.Header, session); err != nil {
		return err
	}
	resp, err := s.client.http.Do(req)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}
