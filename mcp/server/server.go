// Package server is the MCP surface for agents: Streamable HTTP at /mcp (every
// upstream, names as server__name) and /mcp/{server} (one upstream, names
// unchanged), the HTTP with SSE transport of 2024-11-05 at /sse and /message,
// and standard input and output. It speaks every revision from 2024-11-05 to
// 2026-07-28, and decides nothing: what goes to an upstream walks the
// [gateway.Road], and the answer comes back along it.
//
// # What it guarantees
//
//   - A message is parsed once, strictly, and its parts are passed on as they
//     were written (see package mcp for why mcp-go's types are not used). A
//     result through /mcp/{server} is byte for byte the upstream's but for three
//     things: 2026-07-28 agents get the members their revision requires where an
//     older upstream did not write them, requestState is sealed, and error codes
//     that the agent's revision does not have become those it has. On /mcp,
//     names and URIs are mapped besides.
//   - A session belongs to the principal and the endpoint that opened it.
//     Anyone else who names it is told that it does not exist. Requests,
//     cancellations and answers are matched by session and ID, never by ID.
//   - What an upstream sends during a call goes to the stream of that call, and
//     through [gateway.Road.Judge], so that it is judged and recorded.
//   - A call that sends nothing but its result is answered as plain JSON. The
//     first notification or request turns the answer into an event stream.
//   - Everything is bounded: sessions, streams, queued and kept events, calls
//     at once, parked calls.
//
// # What answers what
//
// initialize, server/discover, ping, logging/setLevel, subscriptions/listen and
// the lists are answered here. tools/call, prompts/get, resources/read,
// resources/subscribe, resources/unsubscribe, completion/complete and tasks/*
// are calls. Everything else is refused as the revision wants it.
//
// # What a Call holds
//
// Name is what the agent wrote: a wire name or wire URI on /mcp. Args are the
// arguments of a tool or prompt; of everything else they are the params without
// _meta, inputResponses, requestState and task, and on /mcp the URI or name in
// them is already the upstream's own, so that a policy reads the same on every
// endpoint. Extra has the other members of params; members of _meta that begin
// with "toolward/" are gone, and so is trace context that is not valid.
//
// # Batches
//
// Only 2025-03-26 has JSON-RPC batches. They are accepted in its sessions, and
// each element walks the whole road by itself. Other revisions get -32600.
//
// # Agents that cannot be asked
//
// A 2026-07-28 agent has no session in which an upstream could ask it. When an
// older upstream does, the call is parked, the agent gets an input_required
// result with a sealed requestState, and its retry goes on with the parked
// call. Parked calls are lost when the gateway restarts; the retry is then
// refused, and the agent starts over.
package server

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
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
	// for upstreams whose authorization server exchanges it (RFC 8693).
	CarryToken bool
	// Challenge is the WWW-Authenticate value for a refusal at a path; sent
	// says whether the request had a token. Default "Bearer" for 401.
	Challenge func(path string, r *gateway.Refusal, sent bool) string

	Name    string // in serverInfo on /mcp; default "toolward"
	Version string // in serverInfo on /mcp; default "dev"

	MaxBody      int64         // bytes of one message; default 4 MiB
	MaxSessions  int           // default 10 000; as many subscriptions/listen besides
	PerPrincipal int           // of one principal; default 1 000. Its session that was unused longest makes room.
	IdleTTL      time.Duration // a session unused and without a stream ends; default 30 min
	InFlight     int           // requests at once in one session; default 128
	Replay       int           // bytes of events kept for the return of one session's agent; default 512 KiB
	ReplayAll    int64         // bytes of events in all streams beyond which none are kept, and no notifications taken; default 64 MiB
	KeepAlive    time.Duration // pause after which a stream sends a comment; default 20 s
	PageSize     int           // entries of a list page; default 1 000
	Parked       int           // calls waiting for the answer of a stateless agent; default 1 024
	ParkTTL      time.Duration // how long such a call waits; default 10 min

	// Key seals cursors and request states, 32 bytes. Random by default, and
	// then neither outlives the process.
	Key    []byte
	Logger *slog.Logger // default discards
}

func (o *Options) setDefaults() {
	def(&o.Name, "toolward")
	def(&o.Version, "dev")
	def(&o.MaxBody, 4<<20)
	def(&o.MaxSessions, 10_000)
	def(&o.PerPrincipal, 1_000)
	def(&o.IdleTTL, 30*time.Minute)
	def(&o.InFlight, 128)
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
		o.Challenge = func(_ string, r *gateway.Refusal, _ bool) string {
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
	s := &Server{opt: o, road: o.Road, log: o.Logger, seal: seal, listens: newListens(o.MaxSessions, o.PerPrincipal), parked: newParking(o.Parked, o.ParkTTL)}
	s.kept.most = o.ReplayAll
	s.base, s.stop = context.WithCancel(context.Background())
	s.draining, s.drain = context.WithCancel(s.base)
	s.sessions = newSessions(s)
	s.done.Go(func() { s.sessions.expire(s.base) })
	return s, nil
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
