// Package upstream is the catalog of what upstream servers offer, and the
// supervised connections that calls leave by.
//
// # What it guarantees
//
//   - One upstream that is down, slow or lying does not touch the others: each
//     has its own supervisor, its own bound on concurrent calls and its own
//     circuit breaker. Lists answer with what the rest offers.
//   - A definition is kept as the upstream wrote it. Names on /mcp are a table,
//     never a split of a string: two tools never share one, whatever characters
//     an upstream puts into a name.
//   - A definition that changed since it was pinned, that guard objects to, or
//     that is not valid is quarantined: out of the lists, and refused when
//     called, until a person accepts it. A change that only narrows may be let
//     through ([Options.Narrows]).
//   - A call is sent once. Nothing here repeats a call that the upstream may
//     have executed.
//
// # What it does not do
//
// It speaks no protocol. A [Conn] does (mcp/client, upstream/openapi), made by
// the Dial function of a [Server]; cmd/toolward joins them.
//
// # States of a server
//
// A server is up once it was dialled and its lists were read. When its
// connection is lost, or its circuit breaker opens, the supervisor tries it at
// once; only when that fails is it down and its entries leave the lists. It is
// then tried again with growing pauses until it answers, and is back in the
// lists without a restart. Calls of a server that is down are refused with
// code upstream_down and are not queued.
//
// # Names on /mcp
//
// A tool or prompt is server__name where that is unambiguous and within what
// model providers take for a function's name, 64 of [a-zA-Z0-9_-]. Else it is
// server__cleaned-hash, the hash being ten hex digits of SHA-256 over server
// and name, so that it stays the same from run to run. Resources and templates
// are toolward://server/URI ([gateway.WireURI]).
package upstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"toolward/gateway"
)

// Conn is a connection to a server. It is safe for concurrent use.
type Conn interface {
	gateway.Upstream
	// About says what the server told of itself. Server, Up and Reason are not read.
	About() gateway.About
	// List sends a list request (tools/list, prompts/list, resources/list,
	// resources/templates/list) and returns the raw result: one page, the one
	// after cursor if that is not "". It returns nil if the server does not
	// offer such a list.
	List(ctx context.Context, method, cursor string) (json.RawMessage, error)
	// PerSession reports whether the server keeps state per connection, so
	// that each agent session needs a connection of its own.
	PerSession() bool
	// Done is closed when the connection is lost for good. It may be nil for
	// connections that cannot be lost.
	Done() <-chan struct{}
	// Close ends the connection and waits until what belongs to it (process
	// group, goroutines) is gone.
	Close() error
}

// Faulty is a [Conn] that knows of tools which its server means to offer, and
// which cannot be made. They are listed as quarantined, so that whoever looks
// for one finds out why it is not there.
type Faulty interface {
	Faults() []Fault
}

// Fault is a tool that cannot be made.
type Fault struct{ Name, Reason string }

// Dial makes a connection. Origin is the agent session that it will serve
// alone, nil for the shared one. Events gets what the server sends that no
// call caused; it does not block.
type Dial func(ctx context.Context, origin gateway.Origin, events func(gateway.Event)) (Conn, error)

// Server configures one upstream. The zero values are the defaults.
type Server struct {
	Name        string        // as in toolward.yaml: [a-zA-Z0-9_-], no "__"; required
	Digest      string        // what the server is made of: one of the same name and digest is left as it is by [Catalog.Prepare]; "" is like no other
	Labels      []string      // given to each of its tools
	Scopes      []string      // that a token needs for calls of it
	Dial        Dial          // required
	Concurrency int           // calls at once; 0 means 32
	QueueWait   time.Duration // how long a call waits for its turn; 0 means 5 s
	Isolate     bool          // a connection of its own for each agent session, also where the protocol does not need it
	Apart       bool          // with Isolate: and one for each call of a session that runs beside another of its calls
	Sessions    int           // connections for agent sessions at once; 0 means 4096, with Isolate 128
	SessionIdle time.Duration // one of a principal without a session is closed after being unused for so long; 0 means 30 min
	Refresh     time.Duration // lists are read again after so long; 0 means 5 min
	Failures    uint32        // consecutive failed calls that open the breaker; 0 means 5
	Cooldown    time.Duration // how long the breaker stays open; 0 means 5 s
	ListTimeout time.Duration // for dialling and for reading all lists; 0 means 60 s

	// Form is a tool as MCP agents are to be shown it, or an error that says why
	// it cannot be shown, which quarantines it. Nil shows definitions.
	Form func(*gateway.Tool) (gateway.Form, error)
}

// Pins stores what was accepted. [LockFile] is one; the audit store is another.
type Pins interface {
	Pins(ctx context.Context) ([]gateway.Pin, error)
	PutPins(ctx context.Context, pins ...gateway.Pin) error
}

// Options configures a catalog.
type Options struct {
	Servers []Server // in the order in which lists show them
	// Pins keeps accepted definitions. Required: a catalog that forgets what
	// it trusted cannot see a change. [NewMemoryPins] is for tests and demos.
	Pins Pins
	// Strict quarantines what is not pinned yet. Without it, a definition is
	// pinned when it is first seen.
	Strict bool
	// Narrows reports whether a tool's definition is no more than the one that was
	// accepted. Such a change is not quarantined. The pin stays what it was, so that
	// many small changes are held against what was accepted, and the way back is no
	// change. Nil quarantines every change.
	Narrows func(accepted, now json.RawMessage) bool
	// Inspect is guard's look at a definition: why it must be quarantined, "" if it
	// need not. An error quarantines too. Definitions that a person pinned are not
	// inspected. Optional.
	Inspect func(ctx context.Context, tool *gateway.Tool) (reason string, err error)
	// Shadows is guard's look at all definitions together, those that are down included:
	// of each, why it must be quarantined for what another server offers, "" if it need
	// not. It is asked whenever a list changes, under the catalog's lock: it does no I/O.
	// Optional.
	Shadows func(all []*gateway.Tool) (reasons []string)
	// Quarantined gets what is out of the lists from now on, why, and what was
	// accepted in its place: once for each definition and reason. It may take its
	// time. Optional.
	Quarantined func(context.Context, gateway.Change)
	// Narrower gets what is in use from now on though another was accepted, likewise.
	// Optional.
	Narrower func(context.Context, gateway.Change)
	// Events gets what agents should hear of: list changes, after the catalog
	// has read the new list, and resource updates. It must not block. Optional.
	Events func(gateway.Event)
	Logger *slog.Logger // default discards
}

// Catalog implements [gateway.Catalog]. It is safe for concurrent use.
type Catalog struct {
	opts  Options
	log   *slog.Logger
	tasks *tasks

	mu    sync.Mutex // serialises changes of the fleet, the view and pins
	fleet atomic.Pointer[fleet]
	pins  *pinned
	view  atomic.Pointer[view]

	inspection atomic.Int64 // verdicts of one before are not kept

	run  context.Context // ends with Close
	stop context.CancelFunc
	done sync.WaitGroup
}

var _ gateway.Catalog = (*Catalog)(nil)

// New starts the supervisors of all servers and returns at once; see
// [Catalog.Ready]. It fails on an invalid or repeated name, and if the pins
// cannot be read.
func New(ctx context.Context, o Options) (*Catalog, error) {
	if o.Pins == nil {
		return nil, errors.New("upstream: no store for pins")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Quarantined == nil {
		o.Quarantined = func(context.Context, gateway.Change) {}
	}
	if o.Narrower == nil {
		o.Narrower = func(context.Context, gateway.Change) {}
	}
	if o.Events == nil {
		o.Events = func(gateway.Event) {}
	}
	c := &Catalog{opts: o, log: o.Logger, tasks: newTasks()}
	var err error
	if c.pins, err = loadPins(ctx, o.Pins); err != nil {
		return nil, fmt.Errorf("read pins: %w", err)
	}
	all, made, err := c.newFleet(o.Servers, &fleet{})
	if err != nil {
		return nil, err
	}
	c.fleet.Store(all)
	c.rebuild()
	c.run, c.stop = context.WithCancel(context.WithoutCancel(ctx))
	c.start(made)
	c.done.Go(func() { c.followPins(c.run) })
	return c, nil
}

func checkServer(cfg Server) error {
	switch {
	case !validServerName(cfg.Name):
		return fmt.Errorf("upstream name %q: only letters, digits, - and single _ are allowed", cfg.Name)
	case cfg.Dial == nil:
		return fmt.Errorf("upstream %q has no way to be dialled", cfg.Name)
	}
	return nil
}

// Ready waits until each server was tried once, or ctx ends.
func (c *Catalog) Ready(ctx context.Context) error { return c.fleet.Load().tried(ctx) }

// Refresh reads the lists of a server again, of all if it is "", and waits until
// that is done, for as long as ctx lets it. What cannot be read stays as it was: a
// server that is down has nothing to show.
func (c *Catalog) Refresh(ctx context.Context, server string) {
	var wg sync.WaitGroup
	for _, s := range c.fleet.Load().order {
		if server != "" && s.cfg.Name != server || s.shared.Load() == nil {
			continue
		}
		done := make(chan struct{})
		wg.Go(gateway.Contain(c.log, "refresh", func() {
			select {
			case s.wanted <- func() { close(done) }:
			case <-ctx.Done():
				return
			}
			select {
			case <-done:
			case <-ctx.Done():
			}
		}))
	}
	wg.Wait()
}

// Close ends all connections and processes and waits until they are gone.
// Calls in flight are cut: drain them first.
func (c *Catalog) Close() error {
	c.stop()
	c.done.Wait()
	return nil
}

// Forget closes the connections that belong to an agent session.
func (c *Catalog) Forget(session string) {
	for _, s := range c.fleet.Load().order {
		s.sessions.forget(session)
		s.subscriptions.forget(session, s.shared.Load())
	}
}

// About describes a server; ok is false if there is none of that name.
func (c *Catalog) About(server string) (about gateway.About, ok bool) {
	v := c.view.Load().servers[server]
	if v == nil {
		return gateway.About{}, false
	}
	about = v.about
	s := v.server
	about.Connects, about.Breaker = s.connects.Load(), s.breakers.open()
	return about, true
}

// Notify passes a notification of an agent session (that its roots changed) on
// to the servers that have a connection of their own for it. Others were not
// told of the session and have no use for it.
func (c *Catalog) Notify(ctx context.Context, session, method string, params json.RawMessage) {
	for _, s := range c.fleet.Load().order {
		conn, release := s.sessions.open(session)
		if conn == nil {
			continue
		}
		if n, ok := conn.(notifier); ok {
			if err := n.Notify(ctx, method, params); err != nil {
				s.log.Warn("notification did not reach upstream", "method", method, "err", err)
			}
		}
		release()
	}
}

// notifier is a connection to a server that wants to hear of its agent.
type notifier interface {
	Notify(ctx context.Context, method string, params json.RawMessage) error
}

// Servers lists the names of all servers in the order of the configuration,
// up or not.
func (c *Catalog) Servers() []string {
	all := c.fleet.Load().order
	names := make([]string, len(all))
	for i, s := range all {
		names[i] = s.cfg.Name
	}
	return names
}

// Revision grows with each change of what [Catalog.List] returns.
func (c *Catalog) Revision() uint64 { return c.view.Load().revision }
