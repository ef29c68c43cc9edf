package bridge

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"sync/atomic"

	"toolward/gateway"
	"toolward/mcp"
)

// message is a line, and what HTTP wants to know of it.
type message struct {
	raw      []byte
	id       json.RawMessage // nil for what is not answered, and for a batch
	method   string          // "" for responses, batches and what cannot be read
	params   json.RawMessage
	name     string          // for Mcp-Name
	revision string          // of its _meta
	cancels  json.RawMessage // the request that a cancellation names
	batch    bool            // with a request in it
	broken   bool            // the gateway says what is wrong with it
}

func (m *message) wantsAnswer() bool { return m.batch || m.method != "" && m.id != nil }
func (m *message) modern() bool      { return mcp.Modern(m.revision) }

// parse reads a line. It never fails: what is wrong with a message the gateway says,
// and records.
func parse(raw []byte) message {
	m := message{raw: raw}
	if trimmed := bytes.TrimLeft(raw, " \t\r"); len(trimmed) > 0 && trimmed[0] == '[' {
		m.batch = true // one without requests is answered by 202
		return m
	}
	read, err := mcp.ParseAgent(raw)
	if m.id = read.ID; err != nil {
		m.broken = true
		return m
	}
	m.method, m.params = read.Method, read.Params
	if m.params == nil {
		return m
	}
	params, err := gateway.Split(m.params)
	if err != nil {
		return m
	}
	if meta, err := params.Object("_meta"); err == nil {
		revision, _ := meta.Get(mcp.MetaRevision)
		m.revision = mcp.Unquote(revision)
	}
	switch m.method {
	case mcp.MethodToolsCall, mcp.MethodPromptsGet:
		m.name = member(params, "name")
	case mcp.MethodResourcesRead, mcp.MethodSubscribe, mcp.MethodUnsubscribe:
		m.name = member(params, "uri")
	case mcp.NoteCancelled:
		m.cancels, _ = params.Get("requestId")
	}
	return m
}

func member(o gateway.Object, name string) string {
	v, _ := o.Get(name)
	return mcp.Unquote(v)
}

// fill writes the headers that mirror a message of 2026-07-28 (MCP
// basic/transports/streamable-http).
func (m *message) fill(h http.Header) {
	h.Set(mcp.HeaderRevision, m.revision)
	h.Set(mcp.HeaderMethod, m.method)
	if m.name != "" {
		h.Set(mcp.HeaderName, mcp.EncodeHeader(m.name))
	}
}

// flight is a request that is not answered yet.
type flight struct {
	message
	ctx       context.Context
	stop      context.CancelFunc
	cancelled atomic.Bool // nothing more of it is written
}

// flights are the requests that run, by ID.
type flights struct {
	mu   sync.Mutex
	byID map[string]*flight
}

func (fs *flights) begin(ctx context.Context, m message) *flight {
	f := &flight{message: m}
	f.ctx, f.stop = context.WithCancel(ctx)
	if m.id == nil {
		return f
	}
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if fs.byID == nil {
		fs.byID = map[string]*flight{}
	}
	if fs.byID[string(m.id)] == nil { // the gateway refuses one whose ID is in use
		fs.byID[string(m.id)] = f
	}
	return f
}

func (fs *flights) end(f *flight) {
	f.stop()
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if fs.byID[string(f.id)] == f {
		delete(fs.byID, string(f.id))
	}
}

// cancel marks a request; nil if it does not run.
func (fs *flights) cancel(id json.RawMessage) *flight {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	f := fs.byID[string(id)]
	if f != nil {
		f.cancelled.Store(true)
	}
	return f
}
