package upstream

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"toolward/gateway"
	"toolward/gateway/fair"
)

// server supervises one upstream and performs its calls.
type server struct {
	cat           *Catalog
	cfg           Server
	log           *slog.Logger
	schemas       schemas
	calls         *fair.Places // in flight
	breakers      breakers
	shared        atomic.Pointer[Conn]
	connects      atomic.Int64
	sessions      *sessions
	subscriptions *subscriptions
	stale         chan struct{} // a list may have changed, or calls fail: read the lists again
	wanted        chan func()   // somebody waits for the lists to be read again, and is told by this
	tried         chan struct{} // closed after the first attempt, good or bad
	stop          context.CancelFunc
	ended         chan struct{}  // closed when everything of it is gone
	users         sync.WaitGroup // calls that found it
	gone          atomic.Bool    // it is not in force any more: nobody finds it
	cut           atomic.Bool    // it was ended, whoever uses it

	// Only the supervisor uses these.
	verdicts map[string]string // of guard
	judged   int64             // the inspection that they are of
	parsed   parsed

	telling sync.Mutex      // taken before cat.mu
	told    map[string]bool // what is quarantined, and why, that was logged and recorded; guarded by telling

	// Guarded by cat.mu.
	up      bool
	reason  string
	about   gateway.About
	entries []*entry
	members map[string][]gateway.Member
}

func newServer(c *Catalog, cfg Server) *server {
	cfg = withDefaults(cfg)
	log := c.log.With("server", cfg.Name)
	s := &server{
		cat: c, cfg: cfg, log: log, schemas: schemas{log},
		calls:  fair.New(cfg.Concurrency, ofOne(cfg.Concurrency)),
		stale:  make(chan struct{}, 1),
		wanted: make(chan func()),
		tried:  make(chan struct{}),
		ended:  make(chan struct{}),
		reason: "it has not been reached yet",
	}
	s.breakers = breakers{server: s, of: map[string]*breaker{}}
	s.sessions = newSessions(s)
	s.subscriptions = newSubscriptions()
	return s
}

func withDefaults(cfg Server) Server {
	setDefault(&cfg.Concurrency, 32)
	setDefault(&cfg.QueueWait, 5*time.Second)
	if cfg.Isolate {
		setDefault(&cfg.Sessions, 128)
	}
	setDefault(&cfg.Sessions, 4096)
	setDefault(&cfg.SessionIdle, 30*time.Minute)
	setDefault(&cfg.Refresh, 5*time.Minute)
	setDefault(&cfg.Failures, 5)
	setDefault(&cfg.Cooldown, 5*time.Second)
	setDefault(&cfg.ListTimeout, time.Minute)
	return cfg
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Pauses between attempts to bring a server up, and how long it has to live
// for the next failure to count as the first.
const (
	firstPause = 250 * time.Millisecond
	lastPause  = 30 * time.Second
	stableFor  = 30 * time.Second
)

// supervise keeps the server connected until ctx ends, then takes down
// everything that belongs to it.
func (s *server) supervise(ctx context.Context) {
	defer s.subscriptions.unsent.Wait()
	defer s.sessions.close()
	tried := sync.OnceFunc(func() { close(s.tried) })
	defer tried()
	pause := time.Duration(0)
	for ctx.Err() == nil {
		var up time.Time // since when it is
		_, err := gateway.Survive(func() (any, error) {
			return nil, s.connected(ctx, func() {
				up = time.Now()
				tried()
			})
		})
		s.shared.Store(nil)
		if ctx.Err() != nil {
			return
		}
		stable := !up.IsZero() && time.Since(up) > stableFor
		pause = min(max(2*pause, firstPause), lastPause)
		if stable {
			pause = 0 // it may only have been restarted
		}
		switch {
		case err != nil:
			s.log.Warn("upstream is down", "err", plain(err), "retry_in", pause)
			s.setDown(plain(err))
		case pause > firstPause:
			s.log.Warn("upstream keeps losing its connection", "retry_in", pause)
			s.setDown("it keeps losing its connection")
		default:
			s.log.Warn("connection to upstream was lost", "retry_in", pause)
		}
		tried()
		wait(ctx, jitter(pause))
	}
}

// connected dials, reads the lists and serves until the connection is lost
// (nil) or the server cannot be reached (why). Up is called in between.
func (s *server) connected(ctx context.Context, up func()) error {
	dialCtx, cancel := context.WithTimeout(ctx, s.cfg.ListTimeout)
	defer cancel()
	conn, err := s.cfg.Dial(dialCtx, nil, s.received)
	if err != nil {
		return err
	}
	defer s.hangUp(conn)
	drain(s.stale)
	l, err := s.read(dialCtx, conn)
	if err != nil {
		return err
	}
	s.shared.Store(&conn)
	s.publish(ctx, l)
	s.subscriptions.restore(ctx, s, conn)
	s.connects.Add(1)
	s.log.Info("upstream is up", "revision", l.about.Revision, "entries", len(l.entries))
	up()
	return s.serve(ctx, conn, l.ttl)
}

func (s *server) hangUp(conn Conn) {
	if err := conn.Close(); err != nil {
		s.log.Debug("close", "err", err)
	}
}

// serve reads the lists again when they may have changed. However many change
// notices arrive, one read is under way and at most one waits; between two
// reads lies a pause, so that a storm of notices costs little.
func (s *server) serve(ctx context.Context, conn Conn, ttl time.Duration) error {
	const calm = 200 * time.Millisecond
	refresh := time.NewTimer(s.refreshIn(ttl))
	defer refresh.Stop()
	for {
		waiting := func() {}
		select {
		case <-ctx.Done():
			return nil
		case <-conn.Done():
			return nil
		case <-s.stale:
		case waiting = <-s.wanted:
		case <-refresh.C:
		}
		readCtx, cancel := context.WithTimeout(ctx, s.cfg.ListTimeout)
		l, err := s.read(readCtx, conn)
		cancel()
		if err == nil {
			s.publish(ctx, l)
		}
		waiting()
		if ctx.Err() != nil {
			return nil
		}
		switch {
		case err == nil:
			ttl = l.ttl
		case hasCode(err, gateway.UpstreamTimeout) && !s.breakers.open():
			// It is busy: ending the connection would end the calls that make it so.
			s.log.Warn("lists could not be read again; they stay as they are", "err", err)
		default:
			return err
		}
		refresh.Reset(s.refreshIn(ttl))
		wait(ctx, calm)
	}
}

func (s *server) refreshIn(ttl time.Duration) time.Duration {
	if ttl == 0 {
		return s.cfg.Refresh
	}
	return max(ttl, 10*time.Second) // a server that says "1 ms" is not polled a thousand times a second
}

// received takes what the server sends that no call caused.
func (s *server) received(e gateway.Event) {
	e.Server = s.cfg.Name
	if strings.HasSuffix(e.Method, "/list_changed") {
		s.refresh()
		return
	}
	s.cat.opts.Events(e)
}

// refresh has the lists read again soon.
func (s *server) refresh() {
	select {
	case s.stale <- struct{}{}:
	default:
	}
}

func drain(c chan struct{}) {
	select {
	case <-c:
	default:
	}
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// jitter spreads d over ±25 %, so that many gateways do not come back at once.
func jitter(d time.Duration) time.Duration {
	if d < 4 {
		return d
	}
	return d*3/4 + rand.N(d/2)
}

// plain is an error for a person on one line, bounded, with what to do about it.
func plain(err error) string {
	text := firstLine(err)
	var r *gateway.Refusal
	if errors.As(err, &r) && r.Remedy != "" && !strings.Contains(text, r.Remedy) {
		text += ": " + r.Remedy
	}
	return text
}
