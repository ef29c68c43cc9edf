// Package server makes the local issuer a small OAuth 2.1 authorization server,
// so that a client that is given the gateway's URL and nothing else can log in:
// it is what an MCP client (2025-11-25 basic/authorization) finds behind the
// metadata of the endpoint that refused it.
//
//	GET  /.well-known/oauth-authorization-server   metadata (RFC 8414)
//	POST /oauth/register    a client makes itself known (RFC 7591)
//	GET  /oauth/authorize   the page that asks the person
//	POST /oauth/authorize   what they answered
//	POST /oauth/token       a code, or a refresh token, becomes an access token
//	POST /oauth/revoke      a client logs out (RFC 7009)
//
// What it guarantees:
//
//   - Nobody gets a code but by the machine's owner: the request comes over loopback
//     from a process of the user that the gateway runs as, or carries a code that the
//     gateway wrote to its own log.
//   - A code is good for one token, within a minute, for the client, the redirect URI
//     and the PKCE challenge (S256, nothing else) that it was made for. A second use
//     ends what the first one got.
//   - A token is for the endpoint that the client named (RFC 8707), else for the gateway.
//   - Strangers cost no memory and no row of the record: a client's ID is its own
//     metadata under a MAC of the gateway, and so is a page that waits for an answer.
//   - Refresh tokens are used once. They are not stored: one names its grant and its
//     turn under a MAC, and the record says which turn is good.
//   - A redirect goes to what the client registered, character by character; only the
//     port of a loopback address is free (RFC 8252 §7.3). Before a person was asked,
//     nothing is redirected off this machine.
//
// What it does not do: OpenID Connect, client secrets, other grants than the two,
// refresh tokens that are bound to a key.
//
// A client's ID, registered:
//
//	twc_ base64url( {"n":"Claude Code","r":["http://localhost/callback"]} HMAC-SHA256[:16] )
//
// and a refresh token:
//
//	twr_ base64url( grant's ID, 12 bytes | turn, 4 bytes | HMAC-SHA256, 32 bytes )
package server

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"toolward/auth"
	"toolward/gateway"
)

// The paths of the endpoints.
const (
	WellKnown    = "/.well-known/oauth-authorization-server" // RFC 8414 §3
	PathRegister = "/oauth/register"
	PathConsent  = "/oauth/authorize"
	PathToken    = "/oauth/token"
	PathRevoke   = "/oauth/revoke"
)

// Lifetimes.
const (
	codeLife    = time.Minute
	pageLife    = 10 * time.Minute // how long a person may think
	tokenLife   = time.Hour
	grantLife   = 180 * 24 * time.Hour // after which a person is asked again, however often the client came
	documentAge = time.Hour            // how long a client's metadata document is believed
)

// Grants is what people let clients have, on record. [state.Room] is one.
type Grants interface {
	Give(context.Context, gateway.Grant) (gateway.Grant, error)
	FindGrant(id string) (gateway.Grant, error)
	Refresh(ctx context.Context, id string, turn int, jti string) (gateway.Grant, error)
	RevokeGrant(ctx context.Context, id string, by gateway.Operator, reason string) error
}

// Options configure a [Server]. All but Documents, Roles, Scopes and Now are
// required.
type Options struct {
	Local  *auth.Local
	Grants Grants
	Base   string // canonical URL of the gateway, from configuration or its listener: the issuer's identifier
	// Endpoint is the path of the endpoint that a resource's URI names, and whether there is one.
	Endpoint func(uri string) (path string, ok bool)
	Key      []byte           // of the installation, for MACs
	Owner    gateway.Operator // who runs the gateway
	Nearby   func(*http.Request) bool
	// Documents fetches metadata documents of clients. It reaches the internet only and
	// follows no redirect. Nil: there are none.
	Documents *http.Client
	Roles     []string // that the page suggests
	Scopes    []string // that clients may have
	Log       *slog.Logger
	Now       func() time.Time // nil means [time.Now]
}

// Server serves the endpoints. It is safe for concurrent use.
type Server struct {
	opt       Options
	keys      map[string][]byte // by use
	codes     codes
	documents documents
	asked     pace // pages that need the code of the log
	guessed   pace // wrong codes
	told      pace // lines about refused clients
	renewed   paces
	uid       func(*http.Request) (int, bool)
}

// The uses of MACs: what was made for one is nothing for another.
var uses = []string{"client", "page", "spoken code", "refresh token"}

// New returns a server.
func New(o Options) (*Server, error) {
	if o.Local == nil || o.Grants == nil || o.Endpoint == nil || o.Nearby == nil || o.Log == nil || len(o.Key) < 32 || !strings.HasPrefix(o.Base, "http") {
		return nil, errors.New("auth/server: an option is missing")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Server{
		opt: o, keys: map[string][]byte{}, uid: peerUser,
		asked: pace{most: 10}, guessed: pace{most: 10}, told: pace{most: 30}, renewed: paces{most: renewals},
		documents: documents{fetched: pace{most: documentFetches}},
	}
	for _, use := range uses {
		m := hmac.New(sha256.New, o.Key)
		m.Write([]byte("toolward " + use))
		s.keys[use] = m.Sum(nil)
	}
	return s, nil
}

// mac is the MAC of a text for a use.
func (s *Server) mac(use string, text []byte) []byte {
	m := hmac.New(sha256.New, s.keys[use])
	m.Write(text)
	return m.Sum(nil)
}

// Routes are the patterns of [http.ServeMux] and what they do.
func (s *Server) Routes() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"POST " + PathRegister: s.register,
		"GET " + PathConsent:   s.ask,
		"POST " + PathConsent:  s.answer,
		"POST " + PathToken:    s.token,
		"POST " + PathRevoke:   s.revoke,
		"GET " + WellKnown:     s.metadata,
	}
}

// renewals is how often a client may renew a token in a minute. Each is a row of the
// record, so that a client gone astray could else fill the disk.
const renewals = 60

// paces is a pace for each of many names. Those that were not used for a minute go
// when there is another.
type paces struct {
	most int
	mu   sync.Mutex
	of   map[string]*pace
}

func (p *paces) take(now time.Time, name string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	one := p.of[name]
	if one == nil {
		for old, its := range p.of {
			if now.Sub(its.since) >= time.Minute {
				delete(p.of, old)
			}
		}
		if p.of == nil {
			p.of = map[string]*pace{}
		}
		one = &pace{most: p.most}
		p.of[name] = one
	}
	return one.take(now)
}

// pace bounds how often something is done in a minute.
type pace struct {
	most  int
	mu    sync.Mutex
	since time.Time
	n     int
}

func (p *pace) take(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.Sub(p.since) >= time.Minute {
		p.since, p.n = now, 0
	}
	p.n++
	return p.n <= p.most
}
