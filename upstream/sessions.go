package upstream

import (
	"context"
	"sync"
	"time"

	"toolward/gateway"
)

// sessions are the connections of one server that belong to one agent session,
// or to one principal, each. They are made when first used and bounded in
// number. That of a session lasts until the session is forgotten, since what it
// subscribed to may be long in coming; that of a principal until it is idle.
type sessions struct {
	server *server

	mu     sync.Mutex
	byID   map[string]*sessionConn
	closed bool
	work   sync.WaitGroup // closes under way
}

type sessionConn struct {
	session bool          // of an agent session, not of a principal
	ready   chan struct{} // closed when conn or err is set
	conn    Conn
	err     error
	stop    context.CancelFunc // ends an attempt to dial

	// Guarded by sessions.mu.
	users int
	since time.Time   // when users became 0
	idle  *time.Timer // runs while users is 0
}

func newSessions(s *server) *sessions {
	return &sessions{server: s, byID: map[string]*sessionConn{}}
}

// get returns the connection of an owner, dialling it if there is none or if
// it was lost. Origin is the agent's side of the call, nil if it has none. Release
// must be called when the call is over.
func (p *sessions) get(ctx context.Context, o owner, origin gateway.Origin) (Conn, func(), error) {
	sc, err := p.enter(ctx, o, origin)
	if err != nil {
		return nil, nil, err
	}
	release := func() { p.leave(o.id, sc) }
	select {
	case <-sc.ready:
	case <-ctx.Done():
		release()
		return nil, nil, gateway.Refuse("upstream", gateway.Cancelled, "the call ended while upstream "+p.server.cfg.Name+" was being connected")
	}
	if sc.err != nil {
		release()
		p.drop(o.id, sc)
		return nil, nil, sc.err
	}
	return sc.conn, release, nil
}

// open returns the connection of a session if there is one that can be used
// now, nil if not.
func (p *sessions) open(id string) (conn Conn, release func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	sc := p.byID[id]
	if sc == nil || sc.lost() {
		return nil, nil
	}
	select {
	case <-sc.ready:
	default:
		return nil, nil // it learns everything when it is connected
	}
	sc.use()
	return sc.conn, func() { p.leave(id, sc) }
}

// enter finds or starts the session's connection and counts the caller in.
func (p *sessions) enter(ctx context.Context, o owner, origin gateway.Origin) (*sessionConn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, down(p.server.cfg.Name, "the gateway is shutting down")
	}
	sc := p.byID[o.id]
	if sc != nil && sc.lost() {
		p.remove(o.id, sc)
		sc = nil
	}
	if sc == nil {
		if err := p.room(); err != nil {
			return nil, err
		}
		sc = p.dial(ctx, o, origin)
		sc.session = o.session != ""
		p.byID[o.id] = sc
	}
	sc.use()
	return sc, nil
}

// use counts a caller in. The caller holds sessions.mu.
func (sc *sessionConn) use() {
	sc.users++
	if sc.idle != nil {
		sc.idle.Stop()
		sc.idle = nil
	}
}

// lost reports whether the connection is known to be gone.
func (sc *sessionConn) lost() bool {
	select {
	case <-sc.ready:
	default:
		return false
	}
	if sc.err != nil {
		return true
	}
	select {
	case <-sc.conn.Done():
		return true
	default:
		return false
	}
}

// room makes place for one more session: the one that has been idle longest
// goes first. The caller holds p.mu.
func (p *sessions) room() error {
	if len(p.byID) < p.server.cfg.Sessions {
		return nil
	}
	oldest := ""
	for id, sc := range p.byID {
		if sc.users == 0 && (oldest == "" || sc.since.Before(p.byID[oldest].since)) {
			oldest = id
		}
	}
	if oldest != "" {
		p.remove(oldest, p.byID[oldest])
		return nil
	}
	r := gateway.Refuse("upstream", gateway.Overloaded, "upstream "+p.server.cfg.Name+" has as many agent sessions as it may")
	r.RetryAfter = 10 * time.Second
	return r
}

// dial starts a connection that outlives the call which needed it first, and
// is made in the name of its agent.
func (p *sessions) dial(ctx context.Context, o owner, origin gateway.Origin) *sessionConn {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.server.cfg.ListTimeout)
	sc := &sessionConn{ready: make(chan struct{}), stop: cancel}
	events := func(e gateway.Event) {
		e.Session, e.Principal = o.session, o.principal
		p.server.received(e)
	}
	p.work.Go(func() {
		defer cancel()
		sc.conn, sc.err = gateway.Survive(func() (Conn, error) { return p.server.cfg.Dial(ctx, origin, events) })
		if sc.err != nil {
			sc.err = asDown(p.server.cfg.Name, sc.err)
		}
		close(sc.ready)
	})
	return sc
}

func asDown(server string, err error) error {
	if hasCode(err, gateway.UpstreamDown, gateway.UpstreamTimeout, gateway.UpstreamInvalid) {
		return err
	}
	return down(server, plain(err)).Because(err)
}

func (p *sessions) leave(id string, sc *sessionConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if sc.users--; sc.users > 0 || p.byID[id] != sc {
		return
	}
	sc.since = time.Now()
	if !sc.session {
		sc.idle = time.AfterFunc(p.server.cfg.SessionIdle, func() { p.expire(id, sc) })
	}
}

func (p *sessions) expire(id string, sc *sessionConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if sc.users == 0 && p.byID[id] == sc {
		p.remove(id, sc)
	}
}

func (p *sessions) drop(id string, sc *sessionConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.byID[id] == sc {
		p.remove(id, sc)
	}
}

func (p *sessions) forget(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if sc := p.byID[id]; sc != nil {
		p.remove(id, sc)
	}
}

// remove takes a session out and closes its connection in the background. The
// caller holds p.mu.
func (p *sessions) remove(id string, sc *sessionConn) {
	delete(p.byID, id)
	if sc.idle != nil {
		sc.idle.Stop()
	}
	sc.stop()
	p.work.Go(func() {
		<-sc.ready
		if sc.conn != nil && sc.err == nil {
			if err := sc.conn.Close(); err != nil {
				p.server.log.Debug("close session connection", "err", err)
			}
		}
	})
}

// close ends all of them and waits.
func (p *sessions) close() {
	p.mu.Lock()
	p.closed = true
	for id, sc := range p.byID {
		p.remove(id, sc)
	}
	p.mu.Unlock()
	p.work.Wait()
}
