package bridge

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"

	"toolward/gateway"
	"toolward/mcp"
)

// message is a line, and what HTTP wants to know of it.
type message struct {
	raw      []byte
	id       json.RawMessage   // nil for what is not answered, and for a batch
	ids      []json.RawMessage // of the requests in it: one, or those of a batch
	method   string            // "" for responses, batches and what cannot be read
	params   json.RawMessage
	name     string          // for Mcp-Name
	revision string          // of its _meta
	cancels  json.RawMessage // the request that a cancellation names
	batch    bool
	broken   bool // the gateway says what is wrong with it
}

func (m *message) wantsAnswer() bool { return m.batch || m.method != "" && m.id != nil }
func (m *message) modern() bool      { return mcp.Modern(m.revision) }

// parse reads a line. It never fails: what is wrong with a message the gateway says,
// and records.
func parse(raw []byte) message {
	m := message{raw: raw}
	if trimmed := bytes.TrimLeft(raw, " \t\r"); len(trimmed) > 0 && trimmed[0] == '[' {
		m.batch, m.ids = true, requests(raw)
		return m
	}
	read, err := mcp.ParseAgent(raw)
	if m.id = read.ID; err != nil {
		m.broken = true
		return m
	}
	m.method, m.params = read.Method, read.Params
	if read.IsRequest() {
		m.ids = []json.RawMessage{m.id}
	}
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

// requests are the IDs of the requests in a batch. One without any is answered by
// 202, and one that cannot be read by an error of no ID.
func requests(batch []byte) (ids []json.RawMessage) {
	var elements []json.RawMessage
	if json.Unmarshal(batch, &elements) != nil {
		return nil
	}
	for _, element := range elements {
		if m, err := mcp.ParseAgent(element); err == nil && m.IsRequest() {
			ids = append(ids, m.ID)
		}
	}
	return ids
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
	cancelled atomic.Bool   // nothing more of it is written
	sent      chan struct{} // closed once it is on its way, or over
	leave     func()        // closes sent
}

// flights are the requests that run, by ID.
type flights struct {
	mu   sync.Mutex
	byID map[string]*flight
}

func (fs *flights) begin(ctx context.Context, m message) *flight {
	f := &flight{message: m, sent: make(chan struct{})}
	f.leave = sync.OnceFunc(func() { close(f.sent) })
	f.ctx, f.stop = context.WithCancel(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { f.leave() }}))
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
	f.leave()
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

// hangUp ends the requests that only listen, and end no other way.
func (fs *flights) hangUp() {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for _, f := range fs.byID {
		if f.method == mcp.MethodListen {
			f.stop()
		}
	}
}
