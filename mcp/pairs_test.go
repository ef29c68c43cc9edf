package mcp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"toolward/gateway"
	"toolward/guard/vault"
	"toolward/mcp"
	"toolward/mcp/client"
	"toolward/mcp/server"
	"toolward/state/statetest"
	"toolward/upstream"
	"toolward/upstream/shape"
	"toolward/upstream/upstreamtest"
)

func TestMain(m *testing.M) {
	upstreamtest.Main()
	os.Exit(m.Run())
}

// open are rooms that let everything pass.
type open struct{ gateway.Catalog }

func (open) Refused(gateway.Credentials) *gateway.Refusal { return nil }

func (open) Tried(gateway.Attempt) {}

func (open) Known(c gateway.Credentials) *gateway.Agent {
	return &gateway.Agent{ID: c.Token, Issuer: "test"}
}
func (open) Verify(context.Context, gateway.Credentials) (*gateway.Agent, error) { return nil, nil }
func (open) Request(context.Context, *gateway.Call) (gateway.Report, error) {
	return gateway.Report{}, nil
}
func (open) Result(context.Context, *gateway.Call) (gateway.Report, error) {
	return gateway.Report{}, nil
}
func (open) Revision() string { return "" }

func (open) CountRequest(context.Context, *gateway.Call) (gateway.Tally, error) {
	return gateway.Tally{}, nil
}
func (open) CountResult(context.Context, *gateway.Call) (gateway.Tally, error) {
	return gateway.Tally{}, nil
}
func (open) DecideRequest(context.Context, *gateway.Call) (gateway.Decision, error) {
	return gateway.Decision{Effect: gateway.EffectAllow}, nil
}
func (open) DecideResult(context.Context, *gateway.Call) (gateway.Decision, error) {
	return gateway.Decision{Effect: gateway.EffectAllow}, nil
}
func (open) Visible(_ context.Context, _ *gateway.Agent, all []*gateway.Tool) ([]*gateway.Tool, error) {
	return all, nil
}
func (open) Wait(context.Context, *gateway.Call) error                  { return nil }
func (open) Record(context.Context, gateway.Phase, *gateway.Call) error { return nil }

// gatewayFor is a gateway with one scripted upstream, "s".
func gatewayFor(t *testing.T, o client.Options, isolate bool) string {
	t.Helper()
	o.Name, o.Isolate = "s", isolate
	c, err := client.New(o)
	if err != nil {
		t.Fatal(err)
	}
	var surface *server.Server
	started := make(chan struct{})
	catalog, err := upstream.New(t.Context(), upstream.Options{
		Servers: []upstream.Server{{Name: "s", Isolate: isolate, Dial: func(ctx context.Context, o gateway.Origin, events func(gateway.Event)) (upstream.Conn, error) {
			conn, err := c.Dial(ctx, o, events)
			if err != nil {
				return nil, err
			}
			return conn, nil
		}}},
		Pins:   upstream.NewMemoryPins(),
		Events: func(e gateway.Event) { <-started; surface.Event(e) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { catalog.Close() })
	r := open{catalog}
	road := &gateway.Road{Vault: vault.New(nil), Auth: r, State: new(statetest.Open), Catalog: catalog, Guard: r, Policy: r, Shapes: shape.Messages{}, Approvals: r, Recorder: r}
	surface, err = server.New(server.Options{Road: road, Upstreams: catalog, Token: func(*http.Request) (string, error) { return "ann", nil }})
	if err != nil {
		t.Fatal(err)
	}
	close(started)
	web := httptest.NewServer(surface)
	t.Cleanup(func() {
		surface.Close()
		web.Close()
	})
	if err := catalog.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	return web.URL
}

// agent is an MCP client over Streamable HTTP of one revision. It declares
// sampling, elicitation and roots, and answers each question with answer.
type agent struct {
	t        *testing.T
	url      string
	revision string
	session  string
}

const agentCaps = `{"sampling":{},"elicitation":{},"roots":{}}`

// given are the agent's answers.
var given = map[string]string{
	mcp.MethodElicitation: `{"action":"accept","content":{"name":"ann","n":1.0}}`,
	mcp.MethodSampling:    `{"model":"m","role":"assistant","content":{"type":"text","text":"\u00e4"},"stopReason":"later","x":1.0}`,
	mcp.MethodRoots:       `{"roots":[{"uri":"file:///ann","x":1e3}],"x":1.0}`,
}

func connect(t *testing.T, url, revision string) *agent {
	t.Helper()
	a := &agent{t: t, url: url, revision: revision}
	if !mcp.Modern(revision) {
		resp := a.post(t.Context(), "initialize", `"id":0,`, `"protocolVersion":"`+revision+`","capabilities":`+agentCaps+`,"clientInfo":{"name":"pairs","version":"1"}`)
		resp.Body.Close()
		a.session = resp.Header.Get("Mcp-Session-Id")
		a.post(t.Context(), "notifications/initialized", "", "").Body.Close()
	}
	return a
}

func (a *agent) post(ctx context.Context, method, id, params string) *http.Response {
	a.t.Helper()
	meta := ""
	if mcp.Modern(a.revision) {
		meta = `"_meta":{"progressToken":"p-1","io.modelcontextprotocol/protocolVersion":"` + a.revision + `","io.modelcontextprotocol/clientCapabilities":` + agentCaps + `},`
	} else if method == mcp.MethodToolsCall {
		meta = `"_meta":{"progressToken":"p-1"},`
	}
	body := `{"jsonrpc":"2.0",` + id + `"method":"` + method + `","params":{` + strings.TrimSuffix(meta+params, ",") + `}}`
	resp, err := http.DefaultClient.Do(a.request(ctx, method, body))
	if err != nil {
		if ctx.Err() == nil {
			a.t.Fatal(err)
		}
		return nil
	}
	return resp
}

func (a *agent) request(ctx context.Context, method, body string) *http.Request {
	a.t.Helper()
	req, err := http.NewRequestWithContext(ctx, "POST", a.url, bytes.NewReader([]byte(body)))
	if err != nil {
		a.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	if mcp.Modern(a.revision) {
		m, err := mcp.ParseAgent([]byte(body))
		if err != nil {
			a.t.Fatal(err)
		}
		params, _ := gateway.Split(m.Params)
		name, _, _ := params.String("name")
		req.Header.Set(mcp.HeaderRevision, a.revision)
		req.Header.Set(mcp.HeaderMethod, method)
		if name != "" {
			req.Header.Set(mcp.HeaderName, mcp.EncodeHeader(name))
		}
	} else if a.session != "" {
		req.Header.Set(mcp.HeaderSession, a.session)
		req.Header.Set(mcp.HeaderRevision, a.revision)
	}
	return req
}

// do sends a request and follows its answer to the end: it answers questions,
// of either era, and returns the notifications' params and the last message.
func (a *agent) do(method, params string) (notes []string, last mcp.Message) {
	a.t.Helper()
	for {
		resp := a.post(a.t.Context(), method, `"id":7,`, params)
		notes, last = a.follow(resp, notes)
		resp.Body.Close()
		result, _ := gateway.Split(last.Result)
		if kind, _, _ := result.String("resultType"); kind != "input_required" {
			return notes, last
		}
		questions, _ := result.Object("inputRequests")
		var answers []gateway.Member
		for _, q := range questions.Members() {
			asked, _ := gateway.Split(q.Value)
			method, _, _ := asked.String("method")
			answers = append(answers, gateway.Member{Name: q.Name, Value: json.RawMessage(given[method])})
		}
		params += `,"inputResponses":` + string(gateway.JoinMembers(answers))
		if state, ok := result.Get("requestState"); ok {
			params += `,"requestState":` + string(state)
		}
	}
}

func (a *agent) follow(resp *http.Response, notes []string) ([]string, mcp.Message) {
	a.t.Helper()
	if !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			a.t.Fatal(err)
		}
		return notes, a.parse(body)
	}
	stream := mcp.NewEventReader(resp.Body, 1<<20)
	for {
		e, err := stream.Next()
		if err != nil {
			a.t.Fatalf("the stream ended before the answer: %v", err)
		}
		if len(e.Data) == 0 {
			continue
		}
		switch m := a.parse(e.Data); {
		case m.IsResponse():
			return notes, m
		case m.IsRequest():
			r, err := http.DefaultClient.Do(a.request(a.t.Context(), "", `{"jsonrpc":"2.0","id":`+string(m.ID)+`,"result":`+given[m.Method]+`}`))
			if err != nil {
				a.t.Fatal(err)
			}
			r.Body.Close()
		default:
			notes = append(notes, string(m.Params))
		}
	}
}

func (a *agent) parse(raw []byte) mcp.Message {
	a.t.Helper()
	m, err := mcp.ParseUpstream(raw)
	if err != nil {
		a.t.Fatalf("%v in %s", err, raw)
	}
	return m
}

// same compares a result with the upstream's own, but for the member that a
// stateless agent needs and an older upstream does not write.
func (a *agent) same(got mcp.Message, want string) {
	a.t.Helper()
	result := string(got.Result)
	if mcp.Modern(a.revision) {
		result = strings.Replace(result, `"resultType":"complete",`, "", 1)
		want = strings.Replace(want, `"resultType":"complete",`, "", 1)
	}
	if result != want {
		a.t.Errorf("got  %s %s\nwant %s", result, got.Error, want)
	}
}

// Every revision of agent meets every revision of upstream, over HTTP and as a
// process: results keep their bytes, progress and questions reach the agent,
// cancellation reaches the upstream.
func TestEveryPairOfRevisions(t *testing.T) {
	revisions := mcp.Revisions()
	slices.Reverse(revisions)
	for _, below := range revisions {
		for _, over := range []string{"http", "process"} {
			ledger := filepath.Join(t.TempDir(), "ledger")
			script := upstreamtest.Script{Revision: below, Ledger: ledger}
			var url string
			if over == "http" {
				url = gatewayFor(t, client.Options{URL: upstreamtest.Serve(t, script).URL}, false)
			} else {
				command, env := upstreamtest.Command(t, script)
				url = gatewayFor(t, client.Options{Command: command, Env: env}, true)
			}
			for _, above := range revisions {
				t.Run("agent "+above+" upstream "+below+" "+over, func(t *testing.T) {
					pair(t, connect(t, url+"/mcp/s", above), below, over, ledger)
				})
			}
		}
	}
}

func pair(t *testing.T, a *agent, below, over, ledger string) {
	const args = `{"n":1.0,"e":1e3,"s":"\u00fc<","z":[{},null]}`
	_, echoed := a.do("tools/call", `"name":"echo","arguments":`+args)
	a.same(echoed, upstreamtest.EchoResult(args))

	_, failed := a.do("tools/call", `"name":"rpc_error"`)
	if string(failed.Error) != upstreamtest.RPCError {
		t.Errorf("error: got %s %s\nwant %s", failed.Error, failed.Result, upstreamtest.RPCError)
	}

	_, listed := a.do("tools/list", "")
	list, _ := gateway.Split(listed.Result)
	if tools, _ := list.Get("tools"); string(tools) != "["+strings.Join(upstreamtest.Tools, ",")+"]" {
		t.Errorf("the list is not the upstream's: %s", tools)
	}

	notes, _ := a.do("tools/call", `"name":"progress"`)
	want := []string{}
	for _, n := range []string{"1.0", "2.0", "3.0"} {
		want = append(want, `{"progressToken":"p-1","progress":`+n+`,"total":3,"message":"step"}`)
	}
	if !slices.Equal(notes, want) {
		t.Errorf("progress: got %s\nwant %s", notes, want)
	}

	if mcp.Modern(below) {
		_, asked := a.do("tools/call", `"name":"input"`)
		a.same(asked, `{"resultType":"complete","content":[],"structuredContent":{"responses":{"q":`+given[mcp.MethodElicitation]+`},"state":"state-1"}}`)
	} else if !mcp.Modern(a.revision) || over == "http" {
		for tool, method := range map[string]string{"elicit": mcp.MethodElicitation, "sample": mcp.MethodSampling, "roots": mcp.MethodRoots} {
			_, asked := a.do("tools/call", `"name":"`+tool+`"`)
			a.same(asked, `{"content":[],"structuredContent":`+given[method]+`}`)
		}
	}
	a.cancels(ledger)
}

// cancels cancels a call that hangs, and waits until the upstream knows.
func (a *agent) cancels(ledger string) {
	a.t.Helper()
	before := a.count(ledger)
	ctx, cancel := context.WithCancel(a.t.Context())
	defer cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if resp := a.post(ctx, "tools/call", `"id":8,`, `"name":"hang"`); resp != nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
	}()
	a.await(ledger, "call hang", before["call hang"])
	if mcp.Modern(a.revision) {
		cancel()
	} else {
		a.post(a.t.Context(), "notifications/cancelled", "", `"requestId":8`).Body.Close()
	}
	<-ended
	a.await(ledger, "cancel", before["cancel"])
}

// count counts calls of hang and cancellations, in whichever form they come.
func (a *agent) count(ledger string) map[string]int {
	raw, err := os.ReadFile(ledger)
	if err != nil {
		a.t.Fatal(err)
	}
	text := string(raw)
	return map[string]int{
		"call hang": strings.Count(text, "call hang"),
		"cancel":    strings.Count(text, "note notifications/cancelled") + strings.Count(text, "gone "),
	}
}

func (a *agent) await(ledger, what string, more int) {
	a.t.Helper()
	for a.count(ledger)[what] <= more {
		runtime.Gosched()
	}
}
