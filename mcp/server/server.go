package server

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"toolward/gateway"
	"toolward/mcp"
)

// Upstreams is what the surface needs to know of upstreams beside
// [gateway.Catalog].
type Upstreams interface {
	// Servers are the names of all upstreams, in the order of the lists.
	Servers() []string
	// About describes an upstream; ok is false if there is none of that name.
	About(server string) (about gateway.About, ok bool)
	// ListMembers returns the members of an upstream's list result beside its
	// entries and nextCursor, nil if there are none.
	ListMembers(server, method string) []gateway.Member
	// Notify passes a notification of an agent session on to the upstreams that
	// have a connection of their own for it.
	Notify(ctx context.Context, session, method string, params json.RawMessage)
	// Forget ends what belongs to an agent session that is over.
	Forget(session string)
}

// Options configures a server. Road, Upstreams and Token are required; the zero
// value of any other field is its default.
type Options struct {
	Road      *gateway.Road
	Upstreams Upstreams
	// Token takes the bearer token out of a request, "" if it has none, or
	// returns a *gateway.Refusal.
	Token func(*http.Request) (string, error)
	// Resource is the canonical URI (RFC 8707) of the endpoint at a path.
	// Without it tokens are not asked to name the endpoint.
	Resource func(path string) string
	// CarryToken hands the agent's token on with its calls ([gateway.WithToken]),
	// for upstreams whose authorization server exchanges it (RFC 8693), while there
	// are any. Nil is never.
	CarryToken func() bool
	// Challenge is the WWW-Authenticate value for a refusal at a path; sent
	// says whether the request had a token. Default "Bearer" for 401.
	Challenge func(host, path string, r *gateway.Refusal, sent bool) string

	Name    string // in serverInfo on /mcp; default "toolward"
	Version string // in serverInfo on /mcp; default "dev"

	MaxBody int64 // bytes of one message; default 4 MiB
	// Body bounds the bodies of an agent that are read at once; nil bounds nothing.
	// What it reads fails with a *gateway.Refusal.
	Body         func(*gateway.Agent, io.Reader) io.ReadCloser
	MaxSessions  int           // default 10 000; as many subscriptions/listen besides. The principal with the most makes room.
	PerPrincipal int           // of one principal; default 1 000. Its session that was unused longest makes room.
	IdleTTL      time.Duration // a session unused and without a stream ends; default 30 min
	Replay       int           // bytes of events kept for the return of one session's agent; default 512 KiB
	ReplayAll    int64         // bytes of events in all streams beyond which none are kept, and no notifications taken; default 64 MiB
	KeepAlive    time.Duration // pause after which a stream sends a comment; default 20 s
	PageSize     int           // entries of a list page; default 1 000
	Parked       int           // calls waiting for the answer of a stateless agent; default 1 024
	ParkTTL      time.Duration // how long such a call waits, and one whose agent lost its stream; default 10 min

	// Key seals cursors and request states, 32 bytes. Random by default, and
	// then neither outlives the process.
	Key    []byte
	Logger *slog.Logger // default discards
}

// Defaults of what [Server.SetSessions] sets.
const (
	defaultMaxSessions  = 10_000
	defaultPerPrincipal = 1_000
)

func (o *Options) setDefaults() {
	def(&o.Name, "toolward")
	def(&o.Version, "dev")
	def(&o.MaxBody, 4<<20)
	def(&o.IdleTTL, 30*time.Minute)
	def(&o.Replay, 512<<10)
	def(&o.ReplayAll, 64<<20)
	def(&o.KeepAlive, 20*time.Second)
	def(&o.PageSize, 1_000)
	def(&o.Parked, 1_024)
	def(&o.ParkTTL, 10*time.Minute)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Resource == nil {
		o.Resource = func(string) string { return "" }
	}
	if o.Challenge == nil {
		o.Challenge = func(_, _ string, r *gateway.Refusal, _ bool) string {
			if r.Code == gateway.Unauthenticated {
				return "Bearer"
			}
			return ""
		}
	}
}

func def[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// Server is the surface. It is an http.Handler for /mcp, /mcp/{server}, /sse
// and /message, and is safe for concurrent use.
type Server struct {
	opt      Options
	road     *gateway.Road
	log      *slog.Logger
	seal     *sealer
	sessions *sessions
	listens  *listens
	barriers *barriers
	parked   *parking
	lists    listCache
	bindings mcp.ParamHeadersCache
	kept     budget // bytes of events in all streams

	base     context.Context // ends with Close
	stop     context.CancelFunc
	draining context.Context // ends with Drain, or Close
	drain    context.CancelFunc
	done     sync.WaitGroup
}

// New makes a server. It fails if a required option is missing or Key has the
// wrong length.
func New(o Options) (*Server, error) {
	if o.Road == nil || o.Upstreams == nil || o.Token == nil {
		return nil, errors.New("mcp/server: Road, Upstreams and Token are required")
	}
	o.setDefaults()
	key := o.Key
	if key == nil {
		key = make([]byte, 32)
		_, _ = rand.Read(key) // never fails
	}
	seal, err := newSealer(key)
	if err != nil {
		return nil, err
	}
	s := &Server{opt: o, road: o.Road, log: o.Logger, seal: seal, listens: newListens(), parked: newParking(o.Parked, o.ParkTTL)}
	s.kept.most = o.ReplayAll
	s.base, s.stop = context.WithCancel(context.Background())
	s.draining, s.drain = context.WithCancel(s.base)
	s.barriers = newBarriers(s.road.State)
	s.sessions = newSessions(s)
	s.SetSessions(o.PerPrincipal, o.MaxSessions)
	s.done.Go(func() { s.barriers.run(s.base, s.ListsChanged) })
	s.done.Go(func() { s.sessions.expire(s.base) })
	return s, nil
}

// SetSessions puts other bounds in force ([Options.PerPrincipal], [Options.MaxSessions];
// 0 is their default). Of what is open beyond them, sessions that are not in use end at
// once, those that are when others come, and the oldest subscriptions at once.
func (s *Server) SetSessions(perPrincipal, most int) {
	def(&perPrincipal, defaultPerPrincipal)
	def(&most, defaultMaxSessions)
	s.sessions.bound(perPrincipal, most)
	s.listens.bound(perPrincipal, most)
}

// Drain ends the streams that would otherwise never end: those that carry no
// call at once, those of the 2024-11-05 transport when their calls are
// answered. Calls go on. It returns at once; agents come back elsewhere.
func (s *Server) Drain() { s.drain() }

// Close ends every session, stream and parked call, and waits until what was
// running in them has returned. HTTP handlers return soon after it.
func (s *Server) Close() error {
	s.stop()
	s.sessions.closeAll()
	s.parked.closeAll()
	s.done.Wait()
	return nil
}

// Sessions is the number of open sessions.
func (s *Server) Sessions() int { return s.sessions.len() }
