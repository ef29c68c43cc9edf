// Package client speaks MCP to upstream servers: over standard input and
// output, Streamable HTTP, and the HTTP with SSE of 2024-11-05, in every
// revision from 2024-11-05 to 2026-07-28.
//
// # What it guarantees
//
//   - Results, errors and definitions are the bytes that the upstream wrote.
//     Arguments are spliced into the request as they are, never encoded again.
//   - Every answer is checked before it is passed on: JSON that two readers
//     understand alike, the ID of a request in flight, at most
//     [Options.MaxAnswer] bytes. What nobody asked for is dropped.
//   - A request is sent once. It is repeated only where the server proved that
//     it did not run it: by the answer that it no longer knows the session
//     (404), that the token is no good any more or not for this (401, 403, where
//     the gateway can get another), or that it wants input first (2026-07-28).
//   - What a server asks is judged as the call that asked, or put to nobody.
//     What it tells reaches the agent session that it is for, or nobody.
//   - A process is ended together with its whole process group. Credentials are
//     sent to the configured origin only: a redirect within it is followed if it
//     asks for the same request (307, 308), and no other.
//
// # Who asked
//
// A request of the server (sampling, elicitation, roots) is judged by the rules
// of the tool that asks, and put to the agent that called it. On Streamable HTTP
// it comes on the stream of the call's own POST. On standard input and output,
// on the SSE of 2024-11-05 and on the GET stream, JSON-RPC does not say which
// call it belongs to, and whoAsks knows it
//
//   - by the task that its _meta names, if a call asks for that task;
//   - because one call alone is in flight;
//   - because no call is, and one agent session has the connection for itself:
//     it belongs to the session, and reverse.SERVER judges it without a call;
//   - because it is roots/list, which is the session's in any case.
//
// Otherwise the server gets an error that says so, and the record a refusal. The
// progressToken in a request's _meta is no evidence: it is the asker's own, and
// small numbers meet (MCP basic/utilities/progress).
//
// A call that policy lets ask has to be alone, then, to get an answer: the calls
// of one agent wait for each other (turn), where a rule allows questions and the
// agent answers them. Nobody waits for another agent's. Questions of 2026-07-28
// are in results, so they need none of this, and neither does who gives each call
// a connection (isolate: call). A second connection that nobody asked for would
// not be the same server: a process has its memory, a browser its page.
//
// The states of a call, each a type, and who may be asked in each:
//
//	       begin            answer
//	turns --------> flight ----------> over
//	                  |  asked for       ^
//	    agent leaves, |  the call        | answer, or
//	    time runs out v                  | Timeout passed
//	               givenUp --------------+
//	                  nobody is asked: the server may not have heard
//
// A question ends with the call that it belongs to, when the server cancels it,
// or with the connection; the end of another call does not touch it.
//
// # Why not mcp-go's client
//
// github.com/mark3labs/mcp-go supplies the constants and the header rules (see
// toolward/mcp). Its client is not used: decoding into its types loses order,
// unknown members and large integers; its transports decode error data
// likewise, turn each HTTP 404 into "session terminated" although servers of
// 2026-07-28 answer unknown methods so, put no bound on lines, events and
// bodies, give an agent 30 seconds to answer an elicitation, follow redirects,
// and drop what a server of the old SSE transport asks.
//
// # Eras
//
// A connection is legacy (a handshake, up to 2025-11-25) or modern (stateless,
// since 2026-07-28). Dial probes with server/discover and falls back to
// initialize. The agent on the other side may be of either era; what each
// needs of the other is in meta.go and input.go.
package client

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"toolward/gateway"
	"toolward/mcp"
)

// Kind says how an upstream is reached over HTTP.
type Kind string

// The kinds. The zero value tries Streamable HTTP, and the older transport if
// the server does not know it (MCP 2025-11-25 basic/transports, backwards
// compatibility).
const (
	KindAuto Kind = ""
	KindHTTP Kind = "http"
	KindSSE  Kind = "sse"
)

// Options configures the client of one upstream: a command, or a URL.
type Options struct {
	Name string // of the upstream, for messages and the log

	Command string   // run without a shell
	Args    []string //
	Env     []string // the process's whole environment, "NAME=value"; nothing is inherited
	Dir     string   // "" is the gateway's own

	URL    string            // http or https
	Kind   Kind              //
	Header map[string]string // sent with each request; the upstream's credentials among them
	// Credentials gives the Authorization field of each request. It overrides
	// Header. Optional; [toolward/mcp/client/oauth] is one.
	Credentials Credentials
	TLS         *tls.Config // nil is the system's roots, TLS 1.2 and up

	// Asks reports whether any rule could let the server ask an agent something
	// (sampling, elicitation, roots) now. Where none can, it is not told that it
	// may. Nil means yes.
	Asks func() bool
	// Unasked gets each request of the server that is put to nobody, because
	// nothing says which call, or which agent, it belongs to. Agent is nil if not
	// even that is known. It may block. Optional.
	Unasked func(ctx context.Context, agent *gateway.Agent, method string, params []byte, r *gateway.Refusal)

	Revision  string        // speak this MCP revision; "" negotiates
	Isolate   bool          // each connection serves one agent session: it is told that agent's name and capabilities
	Timeout   time.Duration // for a call, without the time that an agent is being asked something; 0 means 60 s
	MaxAnswer int           // bytes of one message from the server; 0 means 16 MiB
	Version   string        // of toolward, told to the server
	Logger    *slog.Logger  // default discards
}

// Credentials are tokens of the gateway's own that come and go.
type Credentials interface {
	// Authorization returns the field's value for a request, "" for none.
	Authorization(ctx context.Context) (string, error)
	// Denied is told that the server answered 401 or 403 to a value, with these
	// WWW-Authenticate fields. It reports whether another value is worth one
	// more try, and what a person can do if that does not help.
	Denied(value string, status int, challenges []string) (again bool, remedy string)
}

// Client makes connections to one upstream. It is safe for concurrent use.
type Client struct {
	opts    Options
	log     *slog.Logger
	http    *http.Client
	base    *url.URL
	posted  *http.Request   // what all POSTs to base have in common
	info    json.RawMessage // clientInfo where no agent has one
	learned atomic.Pointer[learned]

	redirected sync.Once // it is logged that the server redirects
}

// learned is what an earlier connection found out, so that the next need not.
type learned struct {
	legacy bool // server/discover did not work
	sse    bool // Streamable HTTP did not work
}

// New checks the options. It does not connect.
func New(o Options) (*Client, error) {
	if (o.Command == "") == (o.URL == "") {
		return nil, fmt.Errorf("upstream %s: give either a command or a URL", o.Name)
	}
	if o.Revision != "" && !mcp.Known(o.Revision) {
		return nil, fmt.Errorf("upstream %s: MCP revision %q is not known", o.Name, o.Revision)
	}
	if o.Timeout == 0 {
		o.Timeout = time.Minute
	}
	if o.MaxAnswer == 0 {
		o.MaxAnswer = 16 << 20
	}
	if o.Version == "" {
		o.Version = "dev"
	}
	if o.Asks == nil {
		o.Asks = func() bool { return true }
	}
	if o.Unasked == nil {
		o.Unasked = func(context.Context, *gateway.Agent, string, []byte, *gateway.Refusal) {}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	c := &Client{opts: o, log: o.Logger.With("server", o.Name)}
	c.info = gateway.JoinMembers([]gateway.Member{{Name: "name", Value: mcp.Quote("toolward")}, {Name: "version", Value: mcp.Quote(o.Version)}})
	c.learned.Store(&learned{})
	if o.URL == "" {
		return c, nil
	}
	var err error
	if c.base, err = url.Parse(o.URL); err != nil {
		return nil, fmt.Errorf("upstream %s: %w", o.Name, err)
	}
	if c.base.Scheme != "http" && c.base.Scheme != "https" || c.base.Host == "" {
		return nil, fmt.Errorf("upstream %s: %q is not an http or https URL", o.Name, c.base.Redacted())
	}
	if c.posted, err = http.NewRequestWithContext(context.Background(), http.MethodPost, o.URL, nil); err != nil {
		return nil, fmt.Errorf("upstream %s: %w", o.Name, err)
	}
	c.http = newHTTPClient(o)
	c.http.CheckRedirect = c.follow
	return c, nil
}

// Dial connects and agrees on a revision. Origin is the agent session that the
// connection will serve alone, nil for a connection that many share. Events
// gets list changes, resource updates, and nothing else; it must not block.
// The context bounds the dialling only.
func (c *Client) Dial(ctx context.Context, origin gateway.Origin, events func(gateway.Event)) (*Conn, error) {
	conn, err := c.dial(ctx, origin, events)
	if err == nil {
		return conn, nil
	}
	known := *c.learned.Load()
	switch {
	case ctx.Err() != nil:
	case known.legacy && isInvalid(err):
		c.learned.Store(&learned{}) // the server may have become another one: the next attempt asks again
	case c.opts.Command != "" && !known.legacy && errors.Is(err, errProbe):
		// Some old servers end when asked something before initialize.
		c.learned.Store(&learned{legacy: true})
		return c.dial(ctx, origin, events)
	case c.opts.URL != "" && c.opts.Kind == KindAuto && !known.sse && errors.Is(err, errNotStreamable):
		c.learned.Store(&learned{legacy: true, sse: true})
		conn, sseErr := c.dial(ctx, origin, events)
		if sseErr != nil {
			c.learned.Store(&known)
			return nil, err
		}
		return conn, nil
	}
	return nil, err
}

func (c *Client) dial(ctx context.Context, origin gateway.Origin, events func(gateway.Event)) (*Conn, error) {
	conn := newConn(ctx, c, origin, events)
	err := c.open(ctx, conn)
	if err == nil {
		err = conn.negotiate(ctx)
	}
	if err != nil {
		conn.abandon()
		return nil, err
	}
	return conn, nil
}

// open gives the connection its link. On an error there is none: a link that
// holds a nil pointer would not be nil.
func (c *Client) open(ctx context.Context, conn *Conn) error {
	switch {
	case c.opts.Command != "":
		p, err := startProcess(c, conn)
		if err != nil {
			return err
		}
		conn.link = p
	case c.opts.Kind == KindSSE || c.learned.Load().sse:
		s, err := openSSE(ctx, c, conn)
		if err != nil {
			return err
		}
		conn.link = s
	default:
		conn.link = newStreamable(c, conn)
	}
	return nil
}
