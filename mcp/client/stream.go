package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"toolward/gateway"
	"toolward/mcp"
)

// Bounds of reconnecting to a stream.
const (
	retryFirst  = time.Second
	retryLast   = 30 * time.Second
	maxResumes  = 20 // attempts in a row that bring nothing
	streamLived = 5 * time.Second
)

// stream reads a POST's event stream until the answer. A legacy server may end
// it before and expect the client to come back for the rest with the last
// event's ID (MCP 2025-11-25 basic/transports, resumability): that asks for
// what the one call is owed, and sends nothing again.
func (s *streamable) stream(ctx context.Context, f *flight, body io.Reader, session string) (mcp.Message, error) {
	at := position{retry: retryFirst}
	m, found, err := s.events(body, f, &at)
	for tries := 0; !found && err == nil && tries < maxResumes; tries++ {
		if at.id == "" || s.conn.modern {
			break
		}
		if !pause(ctx, at.retry) {
			return mcp.Message{}, ctx.Err()
		}
		before := at.id
		m, found, err = s.resume(ctx, f, &at, session)
		if at.id != before {
			tries = 0
		}
	}
	switch {
	case err != nil:
		return mcp.Message{}, err
	case !found:
		return mcp.Message{}, s.conn.down("upstream " + s.client.opts.Name + " ended the stream without an answer; it may have done what was asked")
	}
	return m, nil
}

// position is where a stream was left.
type position struct {
	id    string
	retry time.Duration
}

func (s *streamable) resume(ctx context.Context, f *flight, at *position, session string) (mcp.Message, bool, error) {
	resp, err := s.get(ctx, session, at.id)
	if err != nil {
		return mcp.Message{}, false, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return mcp.Message{}, false, s.conn.down("upstream " + s.client.opts.Name + " does not let its stream be resumed").Because(fmt.Errorf("%w %d%s", errStatus, resp.StatusCode, s.said(resp)))
	}
	if err := s.decode(resp); err != nil {
		return mcp.Message{}, false, err
	}
	return s.events(resp.Body, f, at)
}

// events reads a stream until the answer of f, or its end. A stream without a
// flight has no answer.
func (s *streamable) events(body io.Reader, f *flight, at *position) (m mcp.Message, found bool, err error) {
	reader := mcp.NewEventReader(body, s.client.opts.MaxAnswer)
	for {
		e, err := reader.Next()
		var refusal *gateway.Refusal
		switch {
		case errors.Is(err, mcp.ErrTooLong):
			return m, false, s.tooLong()
		case errors.As(err, &refusal):
			return m, false, refusal
		case err != nil:
			return m, false, nil //nolint:nilerr // a stream that breaks is one that ends: the caller resumes it
		}
		if e.ID != "" {
			at.id = e.ID
		}
		if e.Retry > 0 {
			at.retry = min(e.Retry, retryLast)
		}
		if len(e.Data) == 0 || e.Name != "" && e.Name != "message" {
			continue
		}
		first, more, err := messagesIn(e.Data)
		switch {
		case err != nil && f == nil:
			s.conn.log.Warn("invalid message from upstream is dropped", "err", err)
			continue
		case err != nil:
			return m, false, s.conn.invalid("what is not a valid message").Because(err)
		}
		if m, found = s.answerAmong(f, first, more, true); found {
			return m, true, nil
		}
	}
}

func (s *streamable) get(ctx context.Context, session, lastEvent string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.client.opts.URL, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "text/event-stream")
	if err := s.fill(ctx, req.Header, session); err != nil {
		return nil, err
	}
	if lastEvent != "" {
		req.Header.Set(mcp.HeaderLastEventID, lastEvent)
	}
	return s.client.http.Do(req)
}

// listen keeps the stream open on which a legacy server sends what belongs to
// no request. A server that offers none says so, and is not asked again. Opened
// is called when it answered for the first time.
func (s *streamable) listen(opened func()) {
	defer s.heard.Store(false)
	ctx := s.conn.life
	at := position{retry: retryFirst}
	backoff := retryFirst
	for {
		start := time.Now()
		session := s.sessionID()
		again := s.listenOnce(ctx, session, &at, opened)
		if !again || ctx.Err() != nil {
			return
		}
		if time.Since(start) > streamLived {
			backoff = at.retry
		}
		if !pause(ctx, backoff) {
			return
		}
		backoff = min(2*backoff, retryLast)
	}
}

func (s *streamable) listenOnce(ctx context.Context, session string, at *position, opened func()) (again bool) {
	resp, err := s.get(ctx, session, at.id)
	if err != nil {
		opened()
		return true
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		s.heard.Store(true)
	}
	opened()
	switch {
	case resp.StatusCode == http.StatusOK:
		if err := s.decode(resp); err != nil {
			s.conn.log.Warn("stream of upstream is closed", "err", err)
			return false
		}
		if _, _, err := s.events(resp.Body, nil, at); err != nil {
			s.conn.log.Warn("stream of upstream is closed", "err", err)
		}
		return true
	case resp.StatusCode == http.StatusNotFound && session != "":
		*at = position{retry: retryFirst}
		return s.renew(ctx, session) == nil
	}
	return resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests
}

// pause waits, and reports whether ctx is still going on.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
