package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"toolward/gateway"
	"toolward/mcp"
)

// errProbe says that the connection was lost while it was probed with
// server/discover: to some old servers that is the end.
var errProbe = errors.New("the server ended when it was asked for server/discover")

// probeFor is how long a server has to answer server/discover. Old ones answer
// with an error; some say nothing.
const probeFor = 5 * time.Second

// negotiate agrees with the server on a revision.
func (c *Conn) negotiate(ctx context.Context) error {
	pinned := c.client.opts.Revision
	if pinned == "" && !c.client.learned.Load().legacy || mcp.Modern(pinned) {
		found, err := c.discover(ctx)
		if found {
			c.started.Store(true)
			c.link.established()
			return nil
		}
		select {
		case <-c.link.done():
			return fmt.Errorf("%w: %w", errProbe, err)
		default:
		}
		if ctx.Err() != nil || isDown(err) {
			return err
		}
		if mcp.Modern(pinned) {
			return c.invalid("no revision " + pinned).Because(err)
		}
	}
	hello, err := c.initialize(ctx)
	if err != nil {
		return err
	}
	c.introduce(hello)
	known := *c.client.learned.Load()
	known.legacy = true
	c.client.learned.Store(&known)
	c.started.Store(true)
	c.link.established()
	c.settleIn(ctx)
	return nil
}

// settleIn waits until a server that was told of an agent's roots has asked for
// them, as many do when they start, and has the answer: the call that the
// connection is made for may need them. That the server asks at once or not at
// all is known from a ping, which it reads after it was told that the session
// is open.
func (c *Conn) settleIn(ctx context.Context) {
	if c.origin == nil || !declares(c.capabilities(c.origin), "roots") {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, settleFor)
	defer cancel()
	if _, err := c.request(ctx, mcp.MethodPing, nil); err != nil {
		c.log.Debug("upstream did not answer a ping", "err", err)
	}
	c.quiet(ctx)
}

// settleFor is how long a server's questions at the start of a session may hold
// up the first call.
const settleFor = 5 * time.Second

func isDown(err error) bool {
	var r *gateway.Refusal
	return errors.As(err, &r) && r.Code == gateway.UpstreamDown && !errors.Is(err, errStatus)
}

func isInvalid(err error) bool {
	var r *gateway.Refusal
	return errors.As(err, &r) && r.Code == gateway.UpstreamInvalid
}

// discover tries the modern era (MCP 2026-07-28 server/discover).
func (c *Conn) discover(ctx context.Context) (found bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, probeFor)
	defer cancel()
	c.modern, c.revision = true, mcp.Latest
	if c.client.opts.Revision != "" {
		c.revision = c.client.opts.Revision
	}
	defer func() {
		if !found {
			c.modern, c.revision = false, ""
		}
	}()
	for range 2 {
		m, err := c.request(ctx, mcp.MethodDiscover, nil)
		if err != nil {
			return false, err
		}
		if m.Error != nil {
			next := mutual(supportedIn(m.Error))
			if mcp.ErrorCode(m.Error) != mcp.CodeRevision || !mcp.Modern(next) {
				return false, &Error{Raw: m.Error}
			}
			c.revision = next
			continue
		}
		return c.discovered(m.Result)
	}
	return false, c.invalid("no revision that it then accepted")
}

func (c *Conn) discovered(result json.RawMessage) (bool, error) {
	o, err := gateway.Split(result)
	if err != nil {
		return false, err
	}
	raw, ok := o.Get("supportedVersions")
	if !ok {
		return false, c.invalid("server/discover without supportedVersions")
	}
	if next := mutual(raw); !mcp.Modern(next) {
		return false, c.invalid("server/discover without a modern revision")
	} else if c.client.opts.Revision == "" {
		c.revision = next
	}
	meta, _ := o.Object("_meta")
	info, _ := meta.Get(mcp.MetaServerInfo)
	hello, err := c.readHello(o, info)
	if err != nil {
		return false, err
	}
	c.introduce(hello)
	return true, nil
}

// supportedIn is data.supported of an error -32022.
func supportedIn(errorObject json.RawMessage) json.RawMessage {
	o, err := gateway.Split(errorObject)
	if err != nil {
		return nil
	}
	data, err := o.Object("data")
	if err != nil {
		return nil
	}
	raw, _ := data.Get("supported")
	return raw
}

// mutual is the newest revision in a JSON array that is known here, "" if none is.
func mutual(raw json.RawMessage) string {
	var offered []string
	if json.Unmarshal(raw, &offered) != nil {
		return ""
	}
	for _, known := range mcp.Revisions() {
		for _, o := range offered {
			if o == known {
				return known
			}
		}
	}
	return ""
}

// initialize is the handshake of the legacy era (MCP 2025-11-25 basic/lifecycle).
func (c *Conn) initialize(ctx context.Context) (gateway.About, error) {
	asked := mcp.LatestLegacy
	if c.client.opts.Revision != "" {
		asked = c.client.opts.Revision
	}
	info := c.client.info
	if c.origin != nil && c.origin.ClientInfo() != nil {
		info = c.origin.ClientInfo()
	}
	m, err := c.request(ctx, mcp.MethodInitialize, []gateway.Member{
		{Name: "protocolVersion", Value: mcp.Quote(asked)},
		{Name: "capabilities", Value: c.capabilities(c.origin)},
		{Name: "clientInfo", Value: info},
	})
	if err != nil {
		return gateway.About{}, err
	}
	if m.Error != nil {
		return gateway.About{}, c.invalid("initialize with an error").Because(&Error{Raw: m.Error})
	}
	o, err := gateway.Split(m.Result)
	if err != nil {
		return gateway.About{}, c.invalid("initialize with what is not an object")
	}
	revision, _, err := o.String("protocolVersion")
	if err != nil || !mcp.Known(revision) || mcp.Modern(revision) {
		return gateway.About{}, c.invalid("initialize with a revision that is not known")
	}
	server, _ := o.Get("serverInfo")
	hello, err := c.readHello(o, server)
	if err != nil {
		return gateway.About{}, err
	}
	hello.Revision = revision
	if c.revision == "" {
		c.revision = revision // for the header fields of all that follows; a renewed session has the same
	}
	return hello, c.link.send(ctx, mcp.AppendNotification(nil, mcp.NoteInitialized, nil))
}

// reinitialize makes a new session in place of a lost one. What the old one
// knew is told again; lists may have changed meanwhile.
func (c *Conn) reinitialize(ctx context.Context) error {
	hello, err := c.initialize(ctx)
	if err != nil {
		return err
	}
	if hello.Revision != c.revision {
		return c.down("upstream " + c.client.opts.Name + " came back with another revision")
	}
	c.mu.Lock()
	c.level = ""
	c.mu.Unlock()
	c.log.Info("upstream ended the session; a new one is open")
	c.events(gateway.Event{Method: mcp.NoteToolsChanged})
	return nil
}

// readHello reads what a server says of itself, in either era.
func (c *Conn) readHello(o gateway.Object, info json.RawMessage) (gateway.About, error) {
	caps, err := o.Object("capabilities")
	if err != nil {
		return gateway.About{}, c.invalid("capabilities that are not an object")
	}
	instructions, _, err := o.String("instructions")
	if err != nil {
		return gateway.About{}, c.invalid("instructions that are not a string")
	}
	return gateway.About{Revision: c.revision, Info: info, Capabilities: caps.Raw(), Instructions: instructions}, nil
}

// introduce keeps it. It is called once, before the connection is used.
func (c *Conn) introduce(hello gateway.About) {
	c.about = hello
	c.server, _ = gateway.Split(hello.Capabilities) // readHello split it before
}

// setLevel tells a legacy server how much the agent wants to hear. On a shared
// connection the most talkative wish counts; what an agent did not ask for is
// kept from it when it comes. Calls wait until the server has been told: what
// it says during the first of several that begin at once would be lost.
func (c *Conn) setLevel(ctx context.Context, call *gateway.Call) {
	if c.modern || call.Origin == nil || call.Origin.LogLevel() == "" || c.hears(call.Origin.LogLevel()) {
		return
	}
	if _, ok := c.server.Get("logging"); !ok {
		return
	}
	select {
	case c.telling <- struct{}{}:
		defer func() { <-c.telling }()
	case <-ctx.Done():
		return // the call itself ends the same way
	}
	want := call.Origin.LogLevel()
	if c.hears(want) {
		return
	}
	_, err := c.request(ctx, mcp.MethodSetLevel, []gateway.Member{{Name: "level", Value: mcp.Quote(want)}})
	if ctx.Err() != nil {
		return // the call was given up, not refused: the next one tells the server
	}
	if err != nil {
		c.log.Warn("log level could not be set", "level", want, "err", err)
	}
	c.mu.Lock()
	c.level = want // also if it failed: a server that refuses a level refuses it again
	c.mu.Unlock()
}

// hears reports whether the server was told a level that covers this one.
func (c *Conn) hears(want string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return want == c.level || c.origin == nil && c.level != "" && severity(want) >= severity(c.level)
}

// severity orders log levels (RFC 5424 names, as MCP uses them); unknown ones
// count as the most severe, so that they are not kept back.
func severity(level string) int {
	for i, l := range []string{"debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"} {
		if l == level {
			return i
		}
	}
	return 8
}
