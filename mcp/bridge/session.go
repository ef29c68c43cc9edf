package bridge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"toolward/gateway"
	"toolward/mcp"
)

// opened is a session that the gateway knows: its ID and revision, "" before.
type opened struct{ id, revision string }

func (o opened) fill(h http.Header) {
	if o.id != "" {
		h.Set(mcp.HeaderSession, o.id)
	}
	if o.revision != "" {
		h.Set(mcp.HeaderRevision, o.revision)
	}
}

// session is the client's session: what it said to open it, and what it said of
// itself since, so that it can be opened again.
type session struct {
	opening sync.Mutex // held while it is opened again

	mu        sync.Mutex
	open      opened
	hello     message            // initialize
	settings  map[string]message // by method and resource
	listening bool

	again chan struct{} // holds a value once it was opened again
}

func (s *session) now() opened {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open
}

// remember keeps a setting of the session.
func (s *session) remember(m message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.settings == nil {
		s.settings = map[string]message{}
	}
	switch m.method {
	case mcp.MethodUnsubscribe:
		delete(s.settings, mcp.MethodSubscribe+" "+m.name)
	default:
		s.settings[m.method+" "+m.name] = m
	}
}

// initialize opens the session.
func (b *Bridge) initialize(ctx context.Context, m message) {
	b.session.closeAt(b) // that of a client that begins again
	resp, body, err := b.hail(ctx, m)
	if err != nil {
		b.lost(&flight{message: m, ctx: ctx}, err)
		return
	}
	b.answer(m, resp, body)
}

// hail sends initialize and notes the session that it opens.
func (b *Bridge) hail(ctx context.Context, m message) (*http.Response, []byte, error) {
	resp, err := b.send(ctx, b.opt.Patience, http.MethodPost, m.raw, func(h http.Header) {
		h.Set("Content-Type", "application/json")
		h.Set("Accept", "application/json, text/event-stream")
	})
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, int64(b.opt.MaxAnswer)))
	if err != nil {
		return nil, nil, errGone
	}
	if id := resp.Header.Get(mcp.HeaderSession); resp.StatusCode == http.StatusOK && id != "" {
		o := opened{id: id}
		if answer, err := mcp.ParseUpstream(body); err == nil && answer.Result != nil {
			if result, err := gateway.Split(answer.Result); err == nil {
				o.revision = member(result, "protocolVersion")
			}
		}
		b.session.mu.Lock()
		b.session.open, b.session.hello = o, m
		b.session.mu.Unlock()
	}
	return resp, body, nil
}

// reopen opens the session again, unless somebody did since it was lost.
func (s *session) reopen(ctx context.Context, b *Bridge, lost string) error {
	s.opening.Lock()
	defer s.opening.Unlock()
	s.mu.Lock()
	hello, now := s.hello, s.open.id
	var again []message
	for _, m := range s.settings {
		again = append(again, m)
	}
	s.mu.Unlock()
	if now != lost {
		return nil
	}
	resp, body, err := b.hail(ctx, hello)
	if err != nil {
		return err
	}
	if s.now().id == lost {
		return fmt.Errorf("the session is over and cannot be opened again: %s", problem(resp, body))
	}
	b.opt.Log.Info("the gateway began anew, and so does the session")
	again = append([]message{{raw: []byte(`{"jsonrpc":"2.0","method":"` + mcp.NoteInitialized + `"}`)}}, again...)
	open := s.now()
	for _, m := range again {
		resp, err := b.send(ctx, b.opt.Patience, http.MethodPost, m.raw, func(h http.Header) {
			h.Set("Content-Type", "application/json")
			h.Set("Accept", "application/json, text/event-stream")
			open.fill(h)
		})
		if err != nil {
			return err
		}
		drop(resp)
	}
	select {
	case s.again <- struct{}{}:
	default:
	}
	return nil
}

// listen reads what the gateway says unasked, from when the client has said that it
// is ready.
func (s *session) listen(ctx context.Context, b *Bridge) {
	s.mu.Lock()
	begun := s.listening
	s.listening = true
	s.mu.Unlock()
	if begun {
		return
	}
	b.hearing.Go(gateway.Contain(b.opt.Log, "listening to the gateway", func() { b.hear(ctx) }))
}

// rest is how long is waited at most before the stream is opened again: what the
// client asks meanwhile finds a gateway that is back at once.
const rest = 5 * time.Second

// hear reads the session's stream for as long as there is one.
func (b *Bridge) hear(ctx context.Context) {
	last, of := "", ""
	for wait := pause; ctx.Err() == nil; {
		open := b.session.now()
		if of != open.id {
			last, of = "", open.id // event IDs are the session's
		}
		resp, err := b.send(ctx, 0, http.MethodGet, nil, func(h http.Header) {
			h.Set("Accept", "text/event-stream")
			if last != "" {
				h.Set(mcp.HeaderLastEventID, last)
			}
			open.fill(h)
		})
		switch {
		case err != nil:
		case resp.StatusCode == http.StatusNotFound:
			drop(resp)
			err = b.session.reopen(ctx, b, open.id)
		case resp.StatusCode == http.StatusMethodNotAllowed:
			drop(resp)
			return
		case resp.StatusCode != http.StatusOK:
			drop(resp)
			err = errors.New(resp.Status)
		default:
			_, _ = b.events(resp.Body, &last, func(data []byte) bool { b.write(data); return false }) // however it ends, it is opened again
			_ = resp.Body.Close()
		}
		if wait = min(2*wait, rest); err == nil {
			wait = pause
		}
		select {
		case <-time.After(wait):
		case <-b.session.again: // by a request, which found the gateway before this did
		case <-ctx.Done():
		}
	}
}

// closeAt ends the session at the gateway, which else keeps it until it is idle for
// long.
func (s *session) closeAt(b *Bridge) {
	open := s.now()
	if open.id == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if resp, err := b.send(ctx, 0, http.MethodDelete, nil, open.fill); err == nil {
		drop(resp)
	}
}
