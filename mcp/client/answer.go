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
