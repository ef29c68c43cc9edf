package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"toolward/gateway"
	"toolward/mcp"
)

// Random interleavings of what can happen to one session: calls, cancellations
// before and after them, questions and answers, connections that break and are
// resumed, time that passes, and an end. Whatever the order,
//
//   - a request has one answer, or its connection was dropped, or the session
//     ended;
//   - what was cancelled, and acknowledged so, before it began is not executed,
//     and what runs ends;
//   - a call goes on without its connection if, and only if, the agent can come
//     back for it;
//   - nothing is left when the server is closed (synctest would find a goroutine).
func TestInterleavings(t *testing.T) {
	seeds := 150
	if testing.Short() {
		seeds = 40
	}
	for seed := range uint64(seeds) {
		synctest.Test(t, func(t *testing.T) {
			p := newPlay(t, seed)
			for range 10 + p.rand.IntN(50) {
				p.step()
			}
			p.end()
			if t.Failed() {
				t.Fatalf("seed %d:\n%s", seed, strings.Join(p.script, "\n"))
			}
		})
	}
}

// play is one interleaving.
type play struct {
	*stub
	rand    *rand.Rand
	session string
	script  []string
	work    sync.WaitGroup

	mu        sync.Mutex
	executed  map[string]int
	cancelled map[string]bool // acknowledged before the call was sent
	free      map[string]chan struct{}
	running   map[string]bool

	calls   []*playCall
	gets    []*wireWriter
	deleted bool
}

type playCall struct {
	id      string
	kind    string
	dropped bool
	w       *wireWriter
	resumed []*wireWriter
}

var playKinds = []string{"quick", "slow", "tell", "ask", "ask twice", "tell and wait"}

func newPlay(t *testing.T, seed uint64) *play {
	p := &play{rand: rand.New(rand.NewPCG(seed, 1)), executed: map[string]int{}, cancelled: map[string]bool{}, free: map[string]chan struct{}{}, running: map[string]bool{}}
	p.stub = newBareStub(t, nil, p.do)
	w := p.serve(context.Background(), "POST", `{"jsonrpc":"2.0","id":"hello","method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{"elicitation":{}}}}`)
	synctest.Wait()
	p.session = w.header.Get("Mcp-Session-Id")
	return p
}

// do is the upstream.
func (p *play) do(ctx context.Context, c *gateway.Call) (*gateway.Result, error) {
	args, _ := c.Args.Value().(map[string]any)
	id, kind := args["id"].(string), args["kind"].(string)
	p.mu.Lock()
	p.executed[id]++
	if p.cancelled[id] && ctx.Err() == nil {
		p.t.Errorf("%s was executed after its cancellation was acknowledged", id)
	}
	free := p.free[id]
	p.running[id] = true
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.running, id)
	}()
	tell := func() {
		_ = c.Origin.Notify(ctx, c, mcp.NoteProgress, []byte(`{"progressToken":"`+id+`","progress":1}`))
	}
	ask := func() error {
		_, err := question(ctx, c, id)
		return err
	}
	wait := func() error {
		select {
		case <-free:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	var err error
	switch kind {
	case "slow":
		err = wait()
	case "tell":
		tell()
	case "ask":
		err = ask()
	case "ask twice":
		err = errors.Join(ask(), ask())
	case "tell and wait":
		tell()
		if err = wait(); err == nil {
			tell()
		}
	}
	if err != nil {
		return nil, err
	}
	return &gateway.Result{Raw: json.RawMessage(`{"content":[],"id":"` + id + `"}`)}, nil
}

func (p *play) note(format string, args ...any) {
	p.script = append(p.script, fmt.Sprintf(format, args...))
}

// serve makes one request of the session, and does not wait for its end.
func (p *play) serve(ctx context.Context, method, body string, header ...string) *wireWriter {
	ctx, drop := context.WithCancel(ctx)
	req, err := http.NewRequestWithContext(ctx, method, "http://gw/mcp", strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header = http.Header{"Authorization": {"Bearer ann"}, "Content-Type": {"application/json"}, "Accept": {"application/json, text/event-stream"}}
	if p.session != "" {
		req.Header["Mcp-Session-Id"] = []string{p.session}
	}
	for i := 0; i < len(header); i += 2 {
		req.Header[header[i]] = []string{header[i+1]}
	}
	w := &wireWriter{header: http.Header{}, drop: drop}
	p.work.Go(func() {
		defer drop()
		p.srv.ServeHTTP(w, req)
		w.finish()
	})
	return w
}

// wireWriter is a response as the agent gets it.
type wireWriter struct {
	header http.Header
	drop   context.CancelFunc

	mu     sync.Mutex
	status int
	body   bytes.Buffer
	ended  bool
	broken bool
}

func (w *wireWriter) Header() http.Header { return w.header }

func (w *wireWriter) WriteHeader(status int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.status = status
}

func (w *wireWriter) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken {
		return 0, io.ErrClosedPipe
	}
	return w.body.Write(b)
}

func (w *wireWriter) Flush() {}

func (w *wireWriter) finish() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
}

// leave breaks the connection.
func (w *wireWriter) leave() {
	w.mu.Lock()
	w.broken = true
	w.mu.Unlock()
	w.drop()
}

// messages are what has come, with the IDs of their events, and the ID of the
// last event.
func (w *wireWriter) messages() (all map[string]string, last string) {
	w.mu.Lock()
	text := w.body.String()
	w.mu.Unlock()
	all = map[string]string{}
	if strings.HasPrefix(text, "{") {
		all[""] = text
		return all, ""
	}
	stream := events(strings.NewReader(text))
	for e, err := stream.Next(); err == nil; e, err = stream.Next() {
		if e.ID != "" {
			last = e.ID
		}
		if len(e.Data) > 0 {
			all[e.ID] = string(e.Data)
		}
	}
	return all, last
}

// step does one thing, and mostly waits for what comes of it.
func (p *play) step() {
	switch n := p.rand.IntN(100); {
	case n < 30:
		p.call(p.cancelOf(p.rand.IntN(8) == 0))
	case n < 45:
		p.cancel()
	case n < 60:
		p.answer()
	case n < 70:
		p.dropOne()
	case n < 78:
		p.resumeOne()
	case n < 84:
		p.get()
	case n < 94:
		p.release()
	case n < 99:
		d := time.Duration(p.rand.IntN(90)) * time.Second
		p.note("%v pass", d)
		time.Sleep(d)
	default:
		p.delete()
	}
	if p.rand.IntN(3) > 0 {
		synctest.Wait()
	}
}

func (p *play) nextID() string { return fmt.Sprintf("c%d", len(p.calls)) }

// cancelOf cancels the next call before it is sent, if so.
func (p *play) cancelOf(before bool) string {
	id := p.nextID()
	if before && !p.deleted {
		p.sendCancel(id)
		synctest.Wait() // it is acknowledged
		p.mu.Lock()
		p.cancelled[id] = true
		p.mu.Unlock()
	}
	return id
}

func (p *play) sendCancel(id string) {
	p.note("cancel %s", id)
	p.serve(context.Background(), "POST", `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"`+id+`"}}`)
}

func (p *play) call(id string) {
	c := &playCall{id: id, kind: playKinds[p.rand.IntN(len(playKinds))]}
	p.note("call %s, %s", c.id, c.kind)
	p.mu.Lock()
	p.free[id] = make(chan struct{})
	p.mu.Unlock()
	c.w = p.serve(context.Background(), "POST", `{"jsonrpc":"2.0","id":"`+id+`","method":"tools/call","params":{"name":"files__read","arguments":{"id":"`+id+`","kind":"`+c.kind+`"},"_meta":{"progressToken":"`+id+`"}}}`)
	p.calls = append(p.calls, c)
}

func (p *play) some() *playCall {
	if len(p.calls) == 0 {
		return nil
	}
	return p.calls[p.rand.IntN(len(p.calls))]
}

func (p *play) runs(id string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.running[id]
}

func (p *play) cancel() {
	c := p.some()
	if c == nil {
		return
	}
	p.sendCancel(c.id)
	if p.rand.IntN(2) == 0 && !p.deleted {
		synctest.Wait()
		if p.runs(c.id) {
			p.t.Errorf("%s, %s, runs on after its cancellation", c.id, c.kind)
		}
	}
}

// answer answers a question that was seen, again now and then, or one that was
// never asked.
func (p *play) answer() {
	var asked []string
	for _, w := range p.streams() {
		all, _ := w.messages()
		for _, m := range all {
			if id, ok := member(p.t, m, "id").(string); ok && strings.HasPrefix(id, "gw-") {
				asked = append(asked, id)
			}
		}
	}
	id := "gw-999"
	if len(asked) > 0 {
		id = asked[p.rand.IntN(len(asked))]
	}
	p.note("answer %s", id)
	p.serve(context.Background(), "POST", `{"jsonrpc":"2.0","id":"`+id+`","result":{"action":"accept"}}`)
}

func (p *play) streams() []*wireWriter {
	all := p.gets
	for _, c := range p.calls {
		all = append(append(all[:len(all):len(all)], c.w), c.resumed...)
	}
	return all
}

func (p *play) dropOne() {
	c := p.some()
	if c == nil {
		return
	}
	p.note("drop the connection of %s", c.id)
	check := p.rand.IntN(2) == 0
	if check {
		synctest.Wait()
	}
	_, event := c.w.messages()
	ran := p.runs(c.id)
	c.dropped = true
	c.w.leave()
	for _, w := range c.resumed {
		w.leave()
	}
	if !check {
		return
	}
	synctest.Wait()
	switch runs := p.runs(c.id); {
	case runs && event == "":
		p.t.Errorf("%s, %s, runs on, and nobody can come back for it", c.id, c.kind)
	case ran && !runs && event != "" && !p.quick(c):
		p.t.Errorf("%s, %s, ended with its connection, and could have been resumed", c.id, c.kind)
	}
}

// quick reports whether a call may end by itself at any time.
func (p *play) quick(c *playCall) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.free[c.id]:
		return true
	default:
		return c.kind != "tell and wait" || p.deleted
	}
}

func (p *play) resumeOne() {
	c := p.some()
	if c == nil {
		return
	}
	if _, last := c.w.messages(); last != "" {
		p.note("resume %s after %s", c.id, last)
		c.dropped = true // the old connection is taken over
		c.resumed = append(c.resumed, p.serve(context.Background(), "GET", "", "Last-Event-Id", last))
	}
}

func (p *play) get() {
	if n := len(p.gets); n > 0 && p.rand.IntN(2) == 0 {
		p.note("drop the session's stream")
		p.gets[n-1].leave()
		return
	}
	p.note("open the session's stream")
	p.gets = append(p.gets, p.serve(context.Background(), "GET", ""))
}

func (p *play) release() {
	if c := p.some(); c != nil {
		p.note("%s goes on", c.id)
		p.let(c.id)
	}
}

func (p *play) let(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.free[id]:
	default:
		close(p.free[id])
	}
}

func (p *play) delete() {
	p.note("delete")
	p.deleted = true
	p.serve(context.Background(), "DELETE", "")
}

// end lets every call come to its end and checks what the agent got.
func (p *play) end() {
	p.note("end")
	for _, c := range p.calls {
		p.let(c.id)
	}
	for range 3 { // a call asks twice at most
		synctest.Wait()
		for _, c := range p.calls {
			if strings.HasPrefix(c.kind, "ask") && !p.deleted {
				for n := range 200 {
					p.serve(context.Background(), "POST", fmt.Sprintf(`{"jsonrpc":"2.0","id":"gw-%d","result":{"action":"accept"}}`, n))
				}
				break
			}
		}
	}
	synctest.Wait()
	for _, c := range p.calls {
		p.check(c)
	}
	p.srv.Close()
	p.work.Wait()
	if used := p.srv.kept.used.Load(); used != 0 {
		p.t.Errorf("%d bytes of events are kept", used)
	}
}

func (p *play) check(c *playCall) {
	answers := map[string]string{}
	for _, w := range append(c.resumed, c.w) {
		all, _ := w.messages()
		for event, m := range all {
			if member(p.t, m, "id") == c.id {
				answers[event] = m
			} else if strings.Contains(m, `"result":{"content"`) {
				p.t.Errorf("%s got the answer of another call: %s", c.id, m)
			}
		}
	}
	c.w.mu.Lock()
	ended := c.w.ended
	c.w.mu.Unlock()
	p.mu.Lock()
	times := p.executed[c.id]
	p.mu.Unlock()
	switch {
	case !ended && len(c.resumed) == 0:
		p.t.Errorf("%s, %s: its request hangs", c.id, c.kind)
	case len(answers) > 1:
		p.t.Errorf("%s has %d answers: %v", c.id, len(answers), answers)
	case len(answers) == 0 && !c.dropped && !p.deleted:
		p.t.Errorf("%s, %s, has no answer: %d %s", c.id, c.kind, c.w.status, c.w.body.String())
	case times > 1:
		p.t.Errorf("%s was executed %d times", c.id, times)
	}
}
