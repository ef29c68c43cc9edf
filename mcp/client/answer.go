package client

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"toolward/gateway"
	"toolward/mcp"
)

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

func (s *streamable) tooLong() error { return s.conn.tooLong() }

// answer checks a JSON body. An error that names no request, or this one, is
// the answer whatever the status: modern servers say "no such method" with 404.
func (s *streamable) answer(f *flight, resp *http.Response, raw []byte, session string) (mcp.Message, error) {
	good := resp.StatusCode/100 == 2
	refused := func() (mcp.Message, error) {
		return mcp.Message{}, s.refused(resp, session, s.shown(raw[:min(len(raw), maxSaid)], resp.Request.Header))
	}
	if resp.StatusCode == http.StatusAccepted && len(bytes.TrimSpace(raw)) == 0 {
		return mcp.Message{}, s.refused(resp, session, "").Because(fmt.Errorf("%w: %w: %w %d", errNotStreamable, errAccepted, errStatus, resp.StatusCode))
	}
	m, err := s.answerIn(f, raw)
	switch {
	case err != nil && !good:
		return refused()
	case err != nil:
		return mcp.Message{}, err
	case m.Error == nil && !good:
		return refused()
	case m.Error != nil && sessionEnded(resp.StatusCode, session, m):
		return mcp.Message{}, s.ended(resp.StatusCode)
	}
	return m, nil
}

// answerIn finds the answer to a flight in a body.
func (s *streamable) answerIn(f *flight, raw []byte) (mcp.Message, error) {
	first, more, err := messagesIn(raw)
	if err != nil {
		return first, s.conn.invalid("what is not a valid message").Because(err)
	}
	m, found := s.answerAmong(f, first, more, more != nil)
	if !found {
		return m, s.conn.invalid("another request than the one that was sent")
	}
	return m, nil
}

// answerAmong finds the answer to a flight, nil for a stream of none, among
// messages that came together. An error about a request whose ID could not be
// read is about the only one that was sent here. Others says that the rest of
// the messages goes where it belongs.
func (s *streamable) answerAmong(f *flight, first mcp.Message, more []mcp.Message, others bool) (m mcp.Message, found bool) {
	if f != nil && first.IsResponse() && (first.ID == nil || f.named(first.ID)) {
		m, found = first, true
	} else if others {
		s.conn.handle(first, f)
	}
	for _, next := range more {
		if f != nil && !found && next.IsResponse() && f.named(next.ID) {
			m, found = next, true
			continue
		}
		s.conn.handle(next, f)
	}
	return m, found
}

// sessionEnded reports whether an error means that the session is unknown. The
// specification says 404; widespread servers say 400 and name the session.
func sessionEnded(status int, session string, m mcp.Message) bool {
	if session == "" {
		return false
	}
	return status == http.StatusNotFound || status == http.StatusBadRequest && bytes.Contains(bytes.ToLower(m.Error), []byte("session"))
}

// ended says that the server no longer knows the session.
func (s *streamable) ended(status int) *gateway.Refusal {
	return s.conn.down("upstream " + s.client.opts.Name + " ended the session").Because(fmt.Errorf("%w: %w %d", errSession, errStatus, status))
}

// refused is what an HTTP status means that carries no answer. Said is what the
// server says of it, for the log.
func (s *streamable) refused(resp *http.Response, session, said string) *gateway.Refusal {
	name, status, h := s.client.opts.Name, resp.StatusCode, resp.Header
	cause := fmt.Errorf("%w %d%s", errStatus, status, said)
	switch {
	case session != "" && status == http.StatusNotFound:
		return s.ended(status)
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		r := s.conn.down("upstream " + name + " does not accept the gateway's credentials")
		r.Remedy = "check the headers or oauth of upstreams." + name + " in the configuration"
		if s.client.opts.Credentials == nil && wantsLogin(h) {
			r.Remedy = "it says where to log in: put `oauth: {grant: authorization_code}` into upstreams." + name + ", and run `toolward login " + name + "`"
		}
		return r.Because(cause)
	case status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable:
		r := s.conn.down("upstream " + name + " is overloaded")
		r.RetryAfter = retryAfter(h)
		return r.Because(cause)
	case status >= 300 && status < 400:
		r := s.conn.down("upstream " + name + " answers with a redirect, which is not followed")
		r.Remedy = "put the final address into upstreams." + name + ".url"
		return r.Because(fmt.Errorf("%w %d to %s", errStatus, status, target(resp)))
	case status == http.StatusNotFound || status == http.StatusMethodNotAllowed || status == http.StatusBadRequest || status/100 == 2 || status == http.StatusUnsupportedMediaType || status == http.StatusNotAcceptable:
		return s.conn.invalid("with HTTP status " + strconv.Itoa(status) + " and no MCP message").Because(fmt.Errorf("%w: %w", errNotStreamable, cause))
	}
	return s.conn.down("upstream " + name + " answered with HTTP status " + strconv.Itoa(status)).Because(cause)
}

// wantsLogin reports whether a server that refuses names its authorization server (RFC
// 9728 §5.1).
//
//	WWW-Authenticate: Bearer resource_metadata="https://mcp.example/.well-known/oauth-protected-resource"
func wantsLogin(h http.Header) bool {
	for _, challenge := range h.Values("WWW-Authenticate") {
		if said := strings.ToLower(challenge); strings.Contains(said, "bearer") && strings.Contains(said, "resource_metadata") {
			return true
		}
	}
	return false
}

func retryAfter(h http.Header) time.Duration {
	n, err := strconv.Atoi(strings.TrimSpace(h.Get("Retry-After")))
	if err != nil || n < 0 {
		return 0
	}
	return min(time.Duration(n)*time.Second, time.Hour)
}
