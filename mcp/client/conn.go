package client

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"toolward/gateway"
	"toolward/mcp"
)

// link carries messages of one connection. There is one for each transport.
type link interface {
	// roundTrip sends a request and returns its answer. What the server sends
	// before is handed to the connection.
	roundTrip(ctx context.Context, f *flight, r request) (mcp.Message, error)
	// send sends a notification or a response.
	send(ctx context.Context, body []byte) error
	// established is called once the revision is agreed on.
	established()
	// perSession reports whether the server keeps state for this connection.
	perSession() bool
	// done is closed when the connection is lost, nil if it cannot be.
	done() <-chan struct{}
	// why says what ended the connection, once done is closed.
	why() error
	close() error
}

// request is one request as a link sends it.
type request struct {
	body   []byte
	method string
	name   string            // for Mcp-Name, "" for none
	params []mcp.HeaderField // Mcp-Param-*
}

// Conn is a connection to an upstream. It is safe for concurrent use.
type Conn struct {
	client *Client
	log    *slog.Logger
	origin gateway.Origin // the session that it serves alone, nil if shared
	events func(gateway.Event)
	link   link

	started  atomic.Bool // it has said who it is
	revision string
	modern   bool
	about    gateway.About
	server   gateway.Object // its capabilities
	bindings mcp.ParamHeadersCache
	elicited elicited

	life context.Context // ends with Close
	end  context.CancelFunc
	work sync.WaitGroup

	asking   atomic.Int32  // requests of the server outside of calls that an agent is being asked
	calm     chan struct{} // full when asking has become 0
	replying atomic.Int32  // requests of the server that the gateway answers itself

	ids     atomic.Int64
	mu      sync.Mutex
	flights map[string]*flight
	givenUp map[string]givenUp // by the ID of the flight
	turns   turns
	asked   map[string]context.CancelCauseFunc // requests of the server under way, by their ID
	latest  gateway.Origin                     // of the last call, for what comes between calls
	level   string                             // log level that the server was told
	telling chan struct{}                      // full while the server is told a level

	listenMu sync.Mutex
	listening
}

// newConn makes a connection that outlives ctx, and keeps its values: who it is
// made for.
func newConn(ctx context.Context, c *Client, origin gateway.Origin, events func(gateway.Event)) *Conn {
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	return &Conn{
		client: c, log: c.log, origin: origin, events: events, latest: origin,
		life: life, end: end, telling: make(chan struct{}, 1), calm: make(chan struct{}, 1),
		flights: map[string]*flight{}, givenUp: map[string]givenUp{}, turns: turns{}, asked: map[string]context.CancelCauseFunc{},
	}
}

// About implements upstream.Conn.
func (c *Conn) About() gateway.About { return c.about }

// PerSession implements upstream.Conn.
func (c *Conn) PerSession() bool { return !c.modern && c.link.perSession() }

// Done implements upstream.Conn.
func (c *Conn) Done() <-chan struct{} { return c.link.done() }

// Close ends the connection: the process with its group, or the session at the
// server. It waits until all of it is gone.
func (c *Conn) Close() error {
	c.mu.Lock()
	c.end() // under the lock: after it, spawn starts nothing that Wait could miss
	c.mu.Unlock()
	err := c.link.close()
	c.work.Wait()
	return err
}

// abandon closes what a failed Dial left behind.
func (c *Conn) abandon() {
	if c.link == nil {
		c.end()
		return
	}
	if err := c.Close(); err != nil {
		c.log.Debug("close", "err", err)
	}
}

// Do performs a call. It implements gateway.Upstream.
func (c *Conn) Do(ctx context.Context, call *gateway.Call) (*gateway.Result, error) {
	if call.Origin != nil {
		c.mu.Lock()
		c.latest = call.Origin
		c.mu.Unlock()
	}
	done, err := c.turn(ctx, call)
	if err != nil {
		return nil, err
	}
	defer done()
	clock := startClock(ctx, c.client.opts.Timeout)
	defer clock.stop()
	if r, err := c.subscribe(clock.ctx, call); r != nil || err != nil {
		return r, err
	}
	c.setLevel(clock.ctx, call)
	params, err := c.paramsOf(clock.ctx, call)
	if err != nil {
		return nil, err
	}
	r := request{method: call.Method}
	if c.modern {
		r.name = nameHeader(call, params)
		r.params = c.headers(call)
	}
	result, err := c.exchange(clock, call, r, params)
	c.subscribed(call, result)
	if err != nil || !c.modern || !asksInput(call, result) {
		return result, err
	}
	return c.giveInput(clock, call, r, params, result)
}

// exchange sends one request for a call and makes a result of the answer.
func (c *Conn) exchange(clock *clock, call *gateway.Call, r request, p params) (*gateway.Result, error) {
	f := c.begin(clock, call)
	f.token = p.token
	r.body = p.request(f.id, call.Method)
	m, err := c.roundTrip(clock, f, r)
	if clock.ctx.Err() != nil {
		c.leave(f)
	} else {
		c.finish(f)
	}
	if err != nil {
		return nil, err
	}
	if m.Error != nil {
		c.elicited.wanted(m.Error, call.Origin)
		return &gateway.Result{Error: m.Error, IsError: true, Mended: m.Mended}, nil
	}
	result := gateway.NewResult(m.Result, m.Body)
	result.Mended, result.IsError = m.Mended, call.Kind == gateway.KindTool && saysError(result)
	return result, nil
}

// request sends a request that no agent caused.
func (c *Conn) request(ctx context.Context, method string, members []gateway.Member) (mcp.Message, error) {
	clock := startClock(ctx, c.client.opts.Timeout)
	defer clock.stop()
	f := c.begin(clock, nil)
	defer c.finish(f)
	if c.modern {
		members = append(slices.Clip(members), gateway.Member{Name: "_meta", Value: c.ownMeta()})
	}
	r := request{method: method}
	r.body = mcp.AppendRequest(nil, json.RawMessage(f.id), method, gateway.JoinMembers(members))
	return c.roundTrip(clock, f, r)
}

// roundTrip sends a request and waits for its answer. What was given up before
// it was sent is not sent: the links would do so now and then, as they notice
// the end of a context only while they wait.
func (c *Conn) roundTrip(clock *clock, f *flight, r request) (m mcp.Message, err error) {
	if err = clock.ctx.Err(); err == nil {
		m, err = c.link.roundTrip(clock.ctx, f, r)
	}
	if _, list := capabilityOf[r.method]; err == nil && m.Inside != nil && !list {
		err = c.invalid("what readers cannot hold, or do not take alike").Because(m.Inside)
	}
	if err != nil {
		return mcp.Message{}, c.failure(clock, f, err)
	}
	return m, nil
}

// List implements upstream.Conn. The server's own error is an [Error].
func (c *Conn) List(ctx context.Context, method, cursor string) (json.RawMessage, error) {
	if _, offered := c.server.Get(capabilityOf[method]); !offered {
		return nil, nil
	}
	var members []gateway.Member
	if cursor != "" {
		members = []gateway.Member{{Name: "cursor", Value: mcp.Quote(cursor)}}
	}
	m, err := c.request(ctx, method, members)
	switch {
	case err != nil:
		return nil, err
	case m.Error != nil && method == mcp.MethodTemplatesList && mcp.ErrorCode(m.Error) == mcp.CodeMethodNotFound:
		return nil, nil // resources without templates are usual
	case m.Error != nil:
		return nil, &Error{Raw: m.Error}
	}
	return m.Result, nil
}

var capabilityOf = map[string]string{
	mcp.MethodToolsList:     "tools",
	mcp.MethodPromptsList:   "prompts",
	mcp.MethodResourcesList: "resources",
	mcp.MethodTemplatesList: "resources",
}

// Notify tells the server something on behalf of the agent session that the
// connection serves: notifications/roots/list_changed.
func (c *Conn) Notify(ctx context.Context, method string, params json.RawMessage) error {
	return c.link.send(ctx, mcp.AppendNotification(nil, method, params))
}

// Error is a JSON-RPC error that a server answered to a request of the
// gateway's own.
type Error struct{ Raw json.RawMessage }

// Error is the server's message, quoted and bounded.
func (e *Error) Error() string {
	o, err := gateway.Split(e.Raw)
	if err != nil {
		return "the server answered an error"
	}
	raw, _ := o.Get("message")
	text := mcp.Unquote(raw)
	if len(text) > 300 {
		text = text[:300]
	}
	return "the server answered error " + strconv.Itoa(mcp.ErrorCode(e.Raw)) + ": " + strconv.QuoteToGraphic(text)
}

// failure turns what went wrong with a request into a refusal.
func (c *Conn) failure(clock *clock, f *flight, err error) error {
	var r *gateway.Refusal
	name := c.client.opts.Name
	switch {
	case clock.expired() || f.call == nil && errors.Is(clock.ctx.Err(), context.DeadlineExceeded):
		r = gateway.Refuse("upstream", gateway.UpstreamTimeout, "upstream "+name+" did not answer in time; it may have done what was asked")
		r.Remedy = "raise upstreams." + name + ".timeout if such calls take longer than " + c.client.opts.Timeout.String()
	case clock.ctx.Err() != nil:
		r = gateway.Refuse("upstream", gateway.Cancelled, "the call was cancelled")
	case errors.As(err, &r):
		return r
	default:
		r = c.down("the connection to upstream " + name + " failed")
	}
	return r.Because(err)
}

func (c *Conn) down(reason string) *gateway.Refusal {
	return gateway.Refuse("upstream", gateway.UpstreamDown, reason)
}

func (c *Conn) invalid(reason string) *gateway.Refusal {
	return gateway.Refuse("upstream", gateway.UpstreamInvalid, "upstream "+c.client.opts.Name+" answered "+reason)
}
