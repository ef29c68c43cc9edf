package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/propagation"

	"toolward/gateway"
	"toolward/mcp"
)

var (
	// errNotStreamable says that a POST met something that is not Streamable
	// HTTP: perhaps the older transport.
	errNotStreamable = errors.New("the URL does not answer like Streamable HTTP")
	// errStatus says that the server is there, but answered with an HTTP error.
	errStatus = errors.New("HTTP error status")
	// errSession says that the server no longer knows the session. It did not
	// run the request.
	errSession = errors.New("the server ended the session")
)

// newHTTPClient makes the client of one upstream: its connections and its
// credentials are shared with nobody.
func newHTTPClient(o Options) *http.Client {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Client{
		Transport: &http.Transport{
			DialContext:            dialer.DialContext,
			TLSClientConfig:        o.TLS,
			TLSHandshakeTimeout:    10 * time.Second,
			ForceAttemptHTTP2:      true,
			MaxIdleConns:           256,
			MaxIdleConnsPerHost:    256,
			IdleConnTimeout:        90 * time.Second,
			MaxResponseHeaderBytes: 64 << 10,
			DisableCompression:     true, // a small answer must not become a huge one here
		},
		// A redirect would carry arguments and credentials to a place that
		// nobody configured.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// streamable is MCP's Streamable HTTP: each message is a POST, and answers come
// as JSON or as an event stream (MCP basic/transports).
type streamable struct {
	client *Client
	conn   *Conn

	mu      sync.Mutex
	session string        // "" if the server keeps none
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

// authorized sends a request, and once more with a new token if the server
// does not accept the one it was sent with.
func (s *streamable) authorized(ctx context.Context, f *flight, r request, session string) (mcp.Message, error) {
	m, err := s.try(ctx, f, r, session)
	var no *unauthorized
	if s.client.opts.Credentials == nil || !errors.As(err, &no) || no.value == "" {
		return m, err
	}
	s.client.opts.Credentials.Rejected(no.value)
	return s.try(ctx, f, r, session)
}

// unauthorized says that the server answered 401 to a credential.
type unauthorized struct{ value string }

func (*unauthorized) Error() string { return "HTTP error status 401" }
func (*unauthorized) Unwrap() error { return errStatus }

// try sends a request once. The exchange has a context of its own, which ends
// with the call's until the answer is there: what is left of a stream after
// that is read in the background, so that its connection can be used again.
func (s *streamable) try(ctx context.Context, f *flight, r request, session string) (mcp.Message, error) {
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, cancel)
	resp, err := s.post(own, r, session)
	if err != nil {
		stop()
		cancel()
		return mcp.Message{}, err
	}
	m, err := s.take(own, f, r, resp, session)
	stop()
	s.leave(resp.Body, cancel)
	return m, err
}

// leave gives the connection back.
func (s *streamable) leave(body io.ReadCloser, cancel context.CancelFunc) {
	drain := func() {
		defer cancel()
		defer body.Close()
		late := time.AfterFunc(100*time.Millisecond, cancel)
		defer late.Stop()
		_, _ = io.CopyN(io.Discard, body, 64<<10)
	}
	if b, ok := body.(*counted); ok && b.ended {
		body.Close()
		cancel()
	} else if !s.conn.spawn(drain) {
		body.Close()
		cancel()
	}
}

// counted notes whether a body was read to its end.
type counted struct {
	io.ReadCloser
	ended bool
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	if err != nil {
		c.ended = true
	}
	return n, err
}

// take reads the answer from a response.
func (s *streamable) take(ctx context.Context, f *flight, r request, resp *http.Response, session string) (mcp.Message, error) {
	if r.method == mcp.MethodInitialize {
		if err := s.keepSession(resp.Header); err != nil {
			return mcp.Message{}, err
		}
	}
	if resp.Header.Get("Content-Encoding") != "" {
		return mcp.Message{}, s.conn.invalid("with a content encoding that was not asked for")
	}
	resp.Body = &counted{ReadCloser: resp.Body}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")) // "" is refused below
	switch {
	case resp.StatusCode == http.StatusUnauthorized:
		return mcp.Message{}, s.refused(resp.StatusCode, session, resp.Header).Because(&unauthorized{resp.Request.Header.Get("Authorization")})
	case resp.StatusCode == http.StatusOK && kind == "text/event-stream":
		return s.stream(ctx, f, resp.Body, session)
	case kind == "application/json":
		raw, err := s.readAll(resp)
		if err != nil {
			return mcp.Message{}, err
		}
		return s.answer(f, resp.StatusCode, raw, session)
	}
	return mcp.Message{}, s.refused(resp.StatusCode, session, resp.Header)
}

func (s *streamable) post(ctx context.Context, r request, session string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.client.opts.URL, bytes.NewReader(r.body))
	if err != nil {
		return nil, err
	}
	h := req.Header
	h["Content-Type"] = []string{"application/json"}
	h["Accept"] = []string{"application/json, text/event-stream"}
	if err := s.fill(ctx, h, session); err != nil {
		return nil, err
	}
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

// fill sets the fields that every request carries.
func (s *streamable) fill(ctx context.Context, h http.Header, session string) error {
	for name, value := range s.client.opts.Header {
		h.Set(name, value)
	}
	if s.client.opts.Credentials != nil {
		value, err := s.client.opts.Credentials.Authorization(ctx)
		if err != nil {
			return s.conn.down("the gateway has no credentials for upstream " + s.client.opts.Name).Because(err)
		}
		if value != "" {
			h.Set("Authorization", value)
		}
	}
	if s.conn.revision >= mcp.Revision20250618 {
		h.Set(mcp.HeaderRevision, s.conn.revision)
	}
	if session != "" {
		h.Set(mcp.HeaderSession, session)
	}
	propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(h))
	return nil
}

// keepSession remembers the session that an initialize opened.
func (s *streamable) keepSession(h http.Header) error {
	id := h.Get(mcp.HeaderSession)
	for i := range len(id) {
		if id[i] < 0x21 || id[i] > 0x7e || len(id) > 1024 {
			return s.conn.invalid("with a session ID that is not visible ASCII, or too long")
		}
	}
	s.mu.Lock()
	s.session = id
	s.mu.Unlock()
	return nil
}

func (s *streamable) sessionID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.session
}

// settled is the session once no renewal is under way.
func (s *streamable) settled(ctx context.Context) (string, error) {
	for {
		s.mu.Lock()
		session, renewed := s.session, s.renewed
		s.mu.Unlock()
		if renewed == nil {
			return session, nil
		}
		select {
		case <-renewed:
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// readAll reads a body up to the limit.
func (s *streamable) readAll(resp *http.Response) ([]byte, error) {
	limit := s.client.opts.MaxAnswer
	if resp.ContentLength > int64(limit) {
		return nil, s.tooLong()
	}
	var raw bytes.Buffer
	raw.Grow(int(min(max(resp.ContentLength, 0), 256<<10)) + bytes.MinRead) // no more on the server's word alone
	_, err := raw.ReadFrom(io.LimitReader(resp.Body, int64(limit)+1))
	if err == nil && raw.Len() > limit {
		return nil, s.tooLong()
	}
	return raw.Bytes(), err
}

func (s *streamable) tooLong() error {
	return s.conn.invalid(fmt.Sprintf("more than %d bytes", s.client.opts.MaxAnswer))
}

// answer checks a JSON body. An error that names no request, or this one, is
// the answer whatever the status: modern servers say "no such method" with 404.
func (s *streamable) answer(f *flight, status int, raw []byte, session string) (mcp.Message, error) {
	m, err := mcp.ParseUpstream(raw)
	switch {
	case err != nil && status != http.StatusOK:
		return mcp.Message{}, s.refused(status, session, nil)
	case err != nil:
		return mcp.Message{}, s.conn.invalid("what is not a valid message").Because(err)
	case !m.IsResponse() || m.ID != nil && string(m.ID) != f.id:
		return mcp.Message{}, s.conn.invalid("another request than the one that was sent")
	case m.Error == nil && status != http.StatusOK:
		return mcp.Message{}, s.refused(status, session, nil)
	case m.Error != nil && sessionEnded(status, session, m):
		return mcp.Message{}, s.refused(http.StatusNotFound, session, nil)
	case m.Error != nil && (status == http.StatusUnauthorized || status == http.StatusForbidden):
		return mcp.Message{}, s.refused(status, session, nil)
	}
	return m, nil
}

// sessionEnded reports whether an error means that the session is unknown. The
// specification says 404; widespread servers say 400 and name the session.
func sessionEnded(status int, session string, m mcp.Message) bool {
	if session == "" {
		return false
	}
	return status == http.StatusNotFound || status == http.StatusBadRequest && bytes.Contains(bytes.ToLower(m.Error), []byte("session"))
}

// refused is what an HTTP status means that carries no answer.
func (s *streamable) refused(status int, session string, h http.Header) *gateway.Refusal {
	name := s.client.opts.Name
	cause := fmt.Errorf("%w %d", errStatus, status)
	switch {
	case session != "" && status == http.StatusNotFound:
		return s.conn.down("upstream " + name + " ended the session").Because(fmt.Errorf("%w: %w", errSession, cause))
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		r := s.conn.down("upstream " + name + " does not accept the gateway's credentials")
		r.Remedy = "check the headers or oauth of upstreams." + name + " in the configuration"
		return r.Because(cause)
	case status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable:
		r := s.conn.down("upstream " + name + " is overloaded")
		r.RetryAfter = retryAfter(h)
		return r.Because(cause)
	case status >= 300 && status < 400:
		r := s.conn.down("upstream " + name + " answers with a redirect, which is not followed")
		r.Remedy = "put the final address into upstreams." + name + ".url"
		return r.Because(cause)
	case status == http.StatusNotFound || status == http.StatusMethodNotAllowed || status == http.StatusBadRequest || status == http.StatusOK || status == http.StatusAccepted || status == http.StatusUnsupportedMediaType || status == http.StatusNotAcceptable:
		return s.conn.invalid("with HTTP status " + strconv.Itoa(status) + " and no MCP message").Because(fmt.Errorf("%w: %w", errNotStreamable, cause))
	}
	return s.conn.down("upstream " + name + " answered with HTTP status " + strconv.Itoa(status)).Because(cause)
}

func retryAfter(h http.Header) time.Duration {
	n, err := strconv.Atoi(strings.TrimSpace(h.Get("Retry-After")))
	if err != nil || n < 0 {
		return 0
	}
	return min(time.Duration(n)*time.Second, time.Hour)
}

// renew opens a new session in place of one that the server ended. However many
// calls notice, one of them does it.
func (s *streamable) renew(ctx context.Context, lost string) error {
	if _, err := s.settled(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	if s.renewed != nil { // another call was quicker
		s.mu.Unlock()
		_, err := s.settled(ctx)
		return err
	}
	if s.session != lost {
		s.mu.Unlock()
		return nil
	}
	s.renewed, s.session = make(chan struct{}), ""
	s.mu.Unlock()
	err := s.conn.reinitialize(ctx)
	s.mu.Lock()
	close(s.renewed)
	s.renewed = nil
	if err != nil && s.session == "" {
		s.session = lost // the next call tries again
	}
	s.mu.Unlock()
	return err
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
	_, _ = io.CopyN(io.Discard, resp.Body, 4<<10) // lets the connection be used again
	if resp.StatusCode >= 300 {
		return fmt.Errorf("%w %d", errStatus, resp.StatusCode)
	}
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
