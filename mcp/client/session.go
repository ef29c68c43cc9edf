package client

import (
	"context"
	"net/http"

	"toolward/mcp"
)

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
	if err == nil {
		s.conn.spawn(s.conn.resubscribe)
	}
	return err
}
