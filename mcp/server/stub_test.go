package server

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"toolward/gateway"
	"toolward/guard/vault"
	"toolward/mcp"
	"toolward/state/statetest"
	mcpshape "toolward/upstream/shape"
)

// stub is a whole gateway with rooms that let everything through, and an
// upstream that is a function.
type stub struct {
	t      testing.TB
	road   *gateway.Road
	srv    *Server
	http   *httptest.Server
	tools  []*gateway.Tool
	abouts map[string]gateway.About

	mu      sync.Mutex
	refused []*gateway.Call // refusals on record
	forgot  []string
	noted   []string
	decide  func(*gateway.Call) (gateway.Decision, error)
	limit   error
	state   statetest.Open
	expires time.Time
	members map[string][]gateway.Member
}

// newStub has a server "files" with a tool, a prompt, a resource and a
// template, all of which call do.
func newStub(t testing.TB, change func(*Options), do func(context.Context, *gateway.Call) (*gateway.Result, error)) *stub {
	s := newBareStub(t, change, do)
	s.http = httptest.NewServer(s.srv)
	t.Cleanup(func() {
		s.srv.Close()
		s.http.Close()
	})
	return s
}

func (s *stub) start(change func(*Options)) {
	s.state.Refuse = func(*gateway.Call) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.limit
	}
	s.road = &gateway.Road{Vault: vault.New(nil), Auth: s, State: &s.state, Catalog: s, Guard: s, Policy: s, Shapes: mcpshape.Messages{}, Approvals: s, Recorder: s}
	o := Options{Road: s.road, Upstreams: s, Token: func(r *http.Request) (string, error) {
		return strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), nil
	}}
	if change != nil {
		change(&o)
	}
	var err error
	if s.srv, err = New(o); err != nil {
		s.t.Fatal(err)
	}
}

type upstreamFunc func(context.Context, *gateway.Call) (*gateway.Result, error)

func (f upstreamFunc) Do(ctx context.Context, c *gateway.Call) (*gateway.Result, error) {
	return f(ctx, c)
}

func (s *stub) addServer(name string, do func(context.Context, *gateway.Call) (*gateway.Result, error)) {
	if do == nil {
		do = func(_ context.Context, c *gateway.Call) (*gateway.Result, error) {
			return &gateway.Result{Raw: json.RawMessage(`{"content":[{"type":"text","text":"done"}]}`)}, nil
		}
	}
	s.abouts[name] = gateway.About{Server: name, Up: true, Revision: mcp.LatestLegacy, Instructions: "read " + name,
		Info: json.RawMessage(`{"name":"` + name + `-server","version":"7"}`), Capabilities: json.RawMessage(`{"tools":{}}`)}
	add := func(kind gateway.Kind, own, wire, definition string) *gateway.Tool {
		t := &gateway.Tool{Kind: kind, Server: name, Name: own, Wire: wire, Definition: json.RawMessage(definition), Upstream: upstreamFunc(do)}
		s.tools = append(s.tools, t)
		return t
	}
	add(gateway.KindTool, "read", name+"__read", `{"name": "read", "x-odd":[1.0,1e3], "inputSchema":{"type":"object"}}`)
	add(gateway.KindPrompt, "ask", name+"__ask", `{"name":"ask"}`)
	add(gateway.KindResource, "file:///a", gateway.WireURI(name, "file:///a"), `{"uri":"file:///a","name":"a"}`)
	add(gateway.KindResource, "file:///{p}", gateway.WireURI(name, "file:///{p}"), `{"uriTemplate":"file:///{p}","name":"p"}`).Template = true
}

// Authenticator: the token is the agent's ID; "bad" and "" are refused.
func (*stub) Refused(gateway.Credentials) *gateway.Refusal { return nil }

func (*stub) Tried(gateway.Attempt) {}

func (s *stub) Known(c gateway.Credentials) *gateway.Agent {
	if c.Token == "" || c.Token == "bad" {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return &gateway.Agent{ID: c.Token, Issuer: "test", Expires: s.expires}
}

func (s *stub) Verify(context.Context, gateway.Credentials) (*gateway.Agent, error) {
	return nil, gateway.Refuse("auth", gateway.Unauthenticated, "no valid token")
}

func (s *stub) Find(kind gateway.Kind, server, name string) (*gateway.Tool, error) {
	for _, t := range s.tools {
		same := kind == t.Kind || kind == gateway.KindCompletion && t.Kind != gateway.KindTool || kind == gateway.KindTask && t.Kind == gateway.KindTool
		if !same || server != "" && server != t.Server {
			continue
		}
		if kind == gateway.KindTask || server == "" && name == t.Wire || server != "" && name == t.Name {
			return t, nil
		}
	}
	return nil, gateway.Refuse("catalog", gateway.UnknownTool, "unknown: "+name)
}

func (s *stub) Task(_ *gateway.Agent, server, id string) (*gateway.Task, *gateway.Tool, error) {
	t, err := s.Find(gateway.KindTask, server, id)
	return new(gateway.Task), t, err
}

func (s *stub) List(kind gateway.Kind, server string) []*gateway.Tool {
	var seen []*gateway.Tool
	for _, t := range s.tools {
		if t.Kind == kind && (server == "" || server == t.Server) {
			seen = append(seen, t)
		}
	}
	return seen
}

func (s *stub) Request(context.Context, *gateway.Call) (gateway.Report, error) {
	return gateway.Report{}, nil
}
func (s *stub) Result(context.Context, *gateway.Call) (gateway.Report, error) {
	return gateway.Report{}, nil
}

func (*stub) Revision() string { return "" }

func (s *stub) CountRequest(context.Context, *gateway.Call) (gateway.Tally, error) {
	return gateway.Tally{}, nil
}

func (s *stub) CountResult(context.Context, *gateway.Call) (gateway.Tally, error) {
	return gateway.Tally{}, nil
}

func (s *stub) DecideResult(ctx context.Context, c *gateway.Call) (gateway.Decision, error) {
	return s.DecideRequest(ctx, c)
}

func (s *stub) DecideRequest(_ context.Context, c *gateway.Call) (gateway.Decision, error) {
	s.mu.Lock()
	decide := s.decide
	s.mu.Unlock()
	if decide != nil {
		return decide(c)
	}
	return gateway.Decision{Effect: gateway.EffectAllow}, nil
}

// Visible hides what is called "secret" from everyone but root.
func (s *stub) Visible(_ context.Context, a *gateway.Agent, tools []*gateway.Tool) ([]*gateway.Tool, error) {
	return slices.DeleteFunc(slices.Clone(tools), func(t *gateway.Tool) bool { return t.Name == "secret" && a.ID != "root" }), nil
}

func (s *stub) Wait(context.Context, *gateway.Call) error     { return nil }
func (s *stub) Servers() []string                             { return slices.Sorted(maps.Keys(s.abouts)) }
func (s *stub) About(server string) (gateway.About, bool)     { a, ok := s.abouts[server]; return a, ok }
func (s *stub) ListMembers(_, method string) []gateway.Member { return s.members[method] }

func (s *stub) Notify(_ context.Context, session, method string, _ json.RawMessage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noted = append(s.noted, session+" "+method)
}

func (s *stub) Forget(session string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgot = append(s.forgot, session)
}

func (s *stub) Record(_ context.Context, p gateway.Phase, c *gateway.Call) error {
	if p == gateway.PhaseRefusal {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.refused = append(s.refused, c)
	}
	return nil
}

func (s *stub) refusals() []gateway.Code {
	s.mu.Lock()
	defer s.mu.Unlock()
	var codes []gateway.Code
	for _, c := range s.refused {
		codes = append(codes, c.Refusal.Code)
	}
	return codes
}

// reply is an HTTP answer, read whole.
type reply struct {
	status int
	header http.Header
	body   string
}

// send makes one HTTP request. Header fields come in pairs.
func (s *stub) send(method, path, token, body string, header ...string) reply {
	s.t.Helper()
	resp := s.open(s.t.Context(), method, path, token, body, header...)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, string(b)}
}

func (s *stub) open(ctx context.Context, method, path, token, body string, header ...string) *http.Response {
	s.t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, s.http.URL+path, bytes.NewReader([]byte(body)))
	if err != nil {
		s.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	for i := 0; i < len(header); i += 2 {
		req.Header[header[i]] = append(req.Header[header[i]], header[i+1])
	}
	resp, err := s.http.Client().Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp
}

// initialize opens a session and returns its ID.
func (s *stub) initialize(path, token, revision, caps string) string {
	s.t.Helper()
	r := s.send("POST", path, token, `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"`+revision+`","capabilities":`+caps+`,"clientInfo":{"name":"test"}}}`)
	id := r.header.Get("Mcp-Session-Id")
	if r.status != 200 || id == "" {
		s.t.Fatalf("initialize: %d %s", r.status, r.body)
	}
	return id
}

// legacy sends a message in a session.
func (s *stub) legacy(path, token, session, body string) reply {
	s.t.Helper()
	return s.send("POST", path, token, body, "Mcp-Session-Id", session)
}

const modernMeta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"elicitation":{}}}`

// modern is a stateless request. Params begin after the _meta member.
func (s *stub) modern(path, token, method, name, params string, header ...string) reply {
	s.t.Helper()
	resp := s.openModern(s.t.Context(), path, token, method, name, params, header...)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, string(b)}
}

func (s *stub) openModern(ctx context.Context, path, token, method, name, params string, header ...string) *http.Response {
	if params != "" {
		params = "," + params
	}
	header = append(header, "Mcp-Protocol-Version", "2026-07-28", "Mcp-Method", method)
	if name != "" {
		header = append(header, "Mcp-Name", name)
	}
	return s.open(ctx, "POST", path, token, `{"jsonrpc":"2.0","id":1,"method":"`+method+`","params":{`+modernMeta+params+`}}`, header...)
}

// events reads an event stream.
func events(r io.Reader) *mcp.EventReader { return mcp.NewEventReader(bufio.NewReader(r), 1<<20) }

// member digs a value out of JSON by its path.
func member(t testing.TB, raw string, path ...string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(raw), &v); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	for _, p := range path {
		m, _ := v.(map[string]any)
		v = m[p]
	}
	return v
}

// never is an upstream that must not be called.
func never(t testing.TB) func(context.Context, *gateway.Call) (*gateway.Result, error) {
	return func(_ context.Context, c *gateway.Call) (*gateway.Result, error) {
		t.Errorf("the upstream was called: %s %s %s", c.Method, c.Name, c.Args.Raw())
		return nil, gateway.Refuse("test", gateway.Internal, "never")
	}
}
