package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"toolward/gateway"
	"toolward/mcp"
)

// sse is the transport of MCP 2024-11-05: one event stream from the server,
// and an endpoint, named by its first event, that takes messages.
type sse struct {
	streamable // for the header fields; its round trip is not used
	endpoint   string
	cancel     context.CancelFunc
	lost       chan struct{}
	broken     error // what ended it, once lost is closed
	once       sync.Once
}

func openSSE(ctx context.Context, c *Client, conn *Conn) (link, error) {
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s := &sse{streamable: streamable{client: c, conn: conn}, cancel: cancel, lost: make(chan struct{})}
	stop := context.AfterFunc(ctx, cancel)
	defer stop()
	resp, err := s.get(life, "", "")
	if err != nil {
		cancel()
		return nil, conn.down("upstream " + c.opts.Name + " cannot be reached").Because(err)
	}
	if resp.StatusCode/100 != 2 || mediaType(resp.Header) != "text/event-stream" {
		err = s.refused(resp, "", s.said(resp))
	} else {
		err = s.decode(resp)
	}
	if err != nil {
		resp.Body.Close()
		cancel()
		return nil, err
	}
	events := mcp.NewEventReader(resp.Body, c.opts.MaxAnswer)
	if err := s.readEndpoint(events); err != nil {
		resp.Body.Close()
		cancel()
		return nil, err
	}
	conn.work.Go(func() {
		defer resp.Body.Close()
		_, s.broken = gateway.Survive(func() (any, error) { return nil, s.read(events) })
		s.once.Do(func() { close(s.lost) })
	})
	return s, nil
}

// readEndpoint reads the first event. The endpoint must be at the same origin:
// messages carry arguments and credentials.
func (s *sse) readEndpoint(events *mcp.EventReader) error {
	e, err := events.Next()
	if err != nil {
		return s.conn.down("upstream " + s.client.opts.Name + " ended its stream").Because(err)
	}
	if e.Name != "endpoint" {
		return s.conn.invalid("a stream that does not begin with its endpoint")
	}
	ref, err := url.Parse(string(bytes.TrimSpace(e.Data)))
	if err != nil {
		return s.conn.invalid("an endpoint that is no URL")
	}
	target := s.client.base.ResolveReference(ref)
	if !sameOrigin(target, s.client.base) {
		return s.conn.invalid("an endpoint at another host")
	}
	s.endpoint = target.String()
	return nil
}

// read hands over what comes until the stream ends, and says why it did. After
// an event over the limit the next one cannot be found.
func (s *sse) read(events *mcp.EventReader) error {
	for {
		e, err := events.Next()
		switch {
		case errors.Is(err, mcp.ErrTooLong):
			s.conn.log.Error("upstream sent an event over the limit; its stream is closed", "limit", s.client.opts.MaxAnswer)
			return s.conn.tooLong()
		case errors.Is(err, io.EOF):
			return errors.New("its event stream ended")
		case err != nil:
			if s.conn.life.Err() == nil {
				s.conn.log.Warn("stream of upstream broke", "err", err)
			}
			return fmt.Errorf("its event stream broke: %w", err)
		}
		if e.Name == "" || e.Name == "message" {
			s.conn.route(e.Data)
		}
	}
}

func (s *sse) roundTrip(ctx context.Context, f *flight, r request) (mcp.Message, error) {
	var m mcp.Message
	err := s.post(ctx, r)
	if err == nil {
		m, err = s.conn.await(ctx, f)
	}
	if ctx.Err() != nil && r.method != mcp.MethodInitialize {
		s.conn.cancelled(f, "the call was cancelled or timed out")
	}
	return m, err
}

func (s *sse) send(ctx context.Context, body []byte) error { return s.post(ctx, request{body: body}) }

func (s *sse) post(ctx context.Context, r request) error {
	select {
	case <-s.lost:
		return s.conn.down("upstream " + s.client.opts.Name + " has ended its stream").Because(s.broken)
	default:
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.endpoint, bytes.NewReader(r.body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if err := s.fill(ctx, req.Header, ""); err != nil {
		return err
	}
	resp, err := s.client.http.Do(req)
	if err != nil {
		return s.conn.down("upstream " + s.client.opts.Name + " cannot be reached").Because(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		return s.refused(resp, "", s.said(resp))
	}
	_, _ = io.CopyN(io.Discard, resp.Body, 4<<10) // lets the connection be used again
	return nil
}

func (s *sse) established()          {}
func (s *sse) perSession() bool      { return true }
func (s *sse) done() <-chan struct{} { return s.lost }
func (s *sse) why() error            { return s.broken }

func (s *sse) close() error {
	s.cancel()
	t := time.NewTimer(grace)
	defer t.Stop()
	select {
	case <-s.lost:
	case <-t.C:
	}
	s.client.http.CloseIdleConnections()
	return nil
}
