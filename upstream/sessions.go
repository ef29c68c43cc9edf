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
//
// With [Server.Apart] an owner has as many as it has calls at once. The first is
// for everything, so that calls one after the other meet the same server; each
// of the others is for one call at a time and the tasks that it makes.
type sessions struct {
	server *server

	mu     sync.Mutex
	byID   map[connID]*sessionConn
	closed bool
	work   sync.WaitGroup // closes under way
}

// connID is one of an owner's connections; 0 is the first.
type connID struct {
	owner string
	n     int
}

type sessionConn struct {
	lasts bool          // until its session is forgotten, however idle
	ready chan struct{} // closed when conn or err is set
	conn  Conn
	err   error
	stop  context.CancelFunc // ends an attempt to dial

	// Guarded by sessions.mu.
	users int
	taken bool        // by a call that has it for itself
	tasks bool        // a call made a task on it
	since time.Time   // when users became 0
	idle  *time.Timer // runs while users is 0
}

func newSessions(s *server) *sessions {
	return &sessions{server: s, byID: map[connID]*sessionConn{}}
}

// get returns a connection of an owner, dialling it if there is none or if it
// was lost: the nth, or with alone the first that no other call has for itself.
// Origin is the agent's side of the call, nil if it has none. Release must be
// called when the call is over; it is told whether the call made a task.
func (p *sessions) get(ctx context.Context, o owner, n int, alone bool, origin gateway.Origin) (conn Conn, at int, release func(task bool), err error) {
	id, sc, err := p.enter(ctx, o, n, alone, origin)
	if err != nil {
		return nil, 0, nil, err
	}
	release = func(task bool) { p.leave(id, sc, alone, task) }
	select {
	case <-sc.ready:
	case <-ctx.Done():
		release(false)
		return nil, 0, nil, gateway.Refuse("upstream", gateway.Cancelled, "the call ended while upstream "+p.server.cfg.Name+" was being connected")
	}
	if sc.err != nil {
		release(false)
		p.drop(id, sc)
		return nil, 0, nil, sc.err
	}
	return sc.conn, id.n, release, nil
}

// open returns the first connection of a session if there is one that can be
// used now, nil if not.
func (p *sessions) open(session string) (conn Conn, release func()) {
	id := connID{owner: session}
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
	return sc.conn, func() { p.leave(id, sc, false, false) }
}

// enter finds or starts a connection and counts the caller in.
func (p *sessions) enter(ctx context.Context, o owner, n int, alone bool, origin gateway.Origin) (connID, *sessionConn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	id := connID{o.id, n}
	if p.closed {
		return id, nil, down(p.server.cfg.Name, "the gateway is shutting down")
	}
	for alone && p.byID[id] != nil && p.byID[id].taken {
		id.n++
	}
	sc := p.byID[id]
	if sc != nil && sc.lost() {
		p.remove(id, sc)
		sc = nil
	}
	if sc == nil {
		if err := p.room(); err != nil {
			return id, nil, err
		}
		sc = p.dial(ctx, o, origin)
		sc.lasts = o.session != "" && id.n == 0
		p.byID[id] = sc
	}
	sc.use()
	sc.taken = sc.taken || alone
	return id, sc, nil
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
	var oldest connID
	for id, sc := range p.byID {
		if sc.users == 0 && (p.byID[oldest] == nil || sc.since.Before(p.byID[oldest].since)) {
			oldest = id
		}
	}
	if p.byID[oldest] != nil {
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

// leave counts a caller out. What serves calls that overlap is there for a burst
// of them, unless it has a task to go on with.
func (p *sessions) leave(id connID, sc *sessionConn, alone, task bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	sc.taken = sc.taken && !alone
	sc.tasks = sc.tasks || task
	if sc.users--; sc.users > 0 || p.byID[id] != sc {
		return
	}
	sc.since = time.Now()
	if sc.lasts {
		return
	}
	idle := p.server.cfg.SessionIdle
	if id.n > 0 && !sc.tasks {
		idle = min(idle, burstIdle)
	}
	sc.idle = time.AfterFunc(idle, func() { p.expire(id, sc) })
}

// burstIdle is how long a connection is kept for the next calls that overlap.
const burstIdle = time.Minute

func (p *sessions) expire(id connID, sc *sessionConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if sc.users == 0 && p.byID[id] == sc {
		p.remove(id, sc)
	}
}

func (p *sessions) drop(id connID, sc *sessionConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.byID[id] == sc {
		p.remove(id, sc)
	}
}

// forget ends the connections of a session: it has no more of them than calls may
// be in progress at once.
func (p *sessions) forget(session string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	most := 1
	if p.server.cfg.Apart {
		most = p.server.cfg.Concurrency
	}
	for n := range most {
		id := connID{session, n}
		if sc := p.byID[id]; sc != nil {
			p.remove(id, sc)
		}
	}
}

// remove takes a session out and closes its connection in the background. The
// caller holds p.mu.
func (p *sessions) remove(id connID, sc *sessionConn) {
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
