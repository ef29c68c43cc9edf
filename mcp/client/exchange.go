package client

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"toolward/mcp"
)

// try sends a request once. The exchange has a context of its own, which ends
// with the call's until the answer is there: what is left of a stream after
// that is read in the background, so that its connection can be used again.
func (s *streamable) try(ctx context.Context, f *flight, r request, session string) (mcp.Message, error) {
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, cancel)
	f.reading.Store(&cancel)
	resp, err := s.post(own, r, session)
	if err != nil {
		stop()
		cancel()
		return s.elsewhere(ctx, f, mcp.Message{}, err)
	}
	body := &counted{ReadCloser: resp.Body}
	resp.Body = body // what undoes an encoding may come to stand before it
	m, err := s.take(own, f, r, resp, session)
	stop()
	s.leave(body, cancel)
	return s.elsewhere(ctx, f, m, err)
}

// elsewhere is the answer that came on another stream than the call's own. A
// server that accepts a request and says no more (202, no body) is waited for
// if there is a stream on which it could still answer.
func (s *streamable) elsewhere(ctx context.Context, f *flight, m mcp.Message, err error) (mcp.Message, error) {
	if err == nil {
		return m, nil
	}
	wait := make(chan struct{})
	if !errors.Is(err, errAccepted) || !s.heard.Load() {
		close(wait)
	}
	select {
	case r := <-f.answer:
		return r.message, r.err
	default:
	}
	select {
	case r := <-f.answer:
		return r.message, r.err
	case <-ctx.Done():
	case <-wait:
	}
	return m, err
}

// leave gives the connection back.
func (s *streamable) leave(body *counted, cancel context.CancelFunc) {
	drain := func() {
		defer cancel()
		defer body.Close()
		late := time.AfterFunc(100*time.Millisecond, cancel)
		defer late.Stop()
		_, _ = io.CopyN(io.Discard, body, 64<<10)
	}
	if body.ended {
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
	kind := mediaType(resp.Header)
	switch {
	case resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden:
		no := &denied{resp.Request.Header.Get("Authorization"), resp.StatusCode, resp.Header.Values("WWW-Authenticate"), s.said(resp)}
		return mcp.Message{}, s.refused(resp, session, "").Because(no)
	case resp.StatusCode/100 == 2 && kind == "text/event-stream":
		if err := s.decode(resp); err != nil {
			return mcp.Message{}, err
		}
		return s.stream(ctx, f, resp.Body, session)
	case isJSON(kind):
		if err := s.decode(resp); err != nil {
			return mcp.Message{}, err
		}
		raw, err := s.readAll(resp)
		if err != nil {
			return mcp.Message{}, err
		}
		return s.answer(f, resp, raw, session)
	}
	return mcp.Message{}, s.refused(resp, session, s.said(resp))
}

// mediaType is that of a body, without parameters and in lower case.
func mediaType(h http.Header) string {
	kind, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	return strings.ToLower(strings.TrimSpace(kind))
}

// isJSON reports whether a body may be a message. The specification says
// application/json; servers and what stands before them leave it out, or name a
// relative. What is no message is found out by reading it.
func isJSON(kind string) bool {
	switch kind {
	case "application/json", "", "text/json", "text/plain":
		return true
	}
	return strings.HasPrefix(kind, "application/") && strings.HasSuffix(kind, "+json")
}
