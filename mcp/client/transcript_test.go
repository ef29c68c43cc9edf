package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"toolward/gateway"
	"toolward/mcp/client"
	"toolward/upstream/upstreamtest"
)

var update = flag.Bool("update", false, "write what happened into testdata")

// Each file of testdata is a conversation with a server whose every byte stands
// in it. It opens with what it guards. Sections are steps, in order:
//
//	setup            options, a line each: transport (http, sse, stdio), revision,
//	                 own (the connection is one session's), agent (its revision),
//	                 capabilities (the agent's), asks (no: no rule allows questions),
//	                 level (of log messages that the agent wants), listens (the server keeps the GET stream of "open" open)
//	client N         the Nth message of the client: a line, or an HTTP request;
//	                 "client 7 8" are two that come in any order
//	server, server N what the server writes: lines, or an answer to request N and
//	                 what follows on its stream; "server N end" ends that, and
//	                 "server N cut" breaks the connection
//	dial, dialled    the client connects; what it found out
//	open REVISION    it connects as it does in the transcripts of openings
//	call X, list X   a call begins (tool or method, arguments, _meta), or a list;
//	                 "call X of bob" is another agent's
//	cancel X         its agent gives it up
//	result X         what it came to
//	asked, answer M  what the agent is asked, and its answer to method M
//	told, event      what the agent is told, and what the catalog is
//	unasked          what was asked and put to nobody
//	close            the client hangs up
//
// The sections client, dialled, result, asked, told, event and unasked are what
// has to happen. ${url} is where the server is.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no transcripts", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			replay(t, file)
		})
	}
}

func replay(t *testing.T, file string) {
	archive, err := txtar.ParseFile(file)
	if err != nil || len(archive.Comment) == 0 || archive.Files[0].Name != "setup" {
		t.Fatalf("a transcript opens with what it guards, and its setup: %v", err)
	}
	s := newStage(t, string(archive.Files[0].Data))
	for i := range archive.Files[1:] {
		step := &archive.Files[i+1]
		got, happened := s.step(step.Name, string(step.Data))
		if t.Failed() {
			t.Fatalf("at %q", step.Name)
		}
		if !happened {
			continue
		}
		if got = s.wire.hide(got) + "\n"; *update {
			step.Data = []byte(got)
		} else if d := cmp.Diff(string(step.Data), got); d != "" {
			t.Fatalf("%s (-want +got):\n%s", step.Name, d)
		}
	}
	s.nothingElse()
	if *update {
		if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// stage is where a conversation takes place.
type stage struct {
	t       *testing.T
	wire    wire
	client  *client.Client
	agent   *teller
	own     bool
	listens bool
	conn    *client.Conn
	clients int // messages of the client so far

	dialled chan string
	events  chan string
	unasked chan string
	results map[string]chan string
	cancels map[string]context.CancelFunc
	closed  chan struct{}
}

func newStage(t *testing.T, setup string) *stage {
	set := map[string]string{}
	for line := range strings.Lines(setup) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		set[name] = value
	}
	s := &stage{
		t: t, own: set["own"] != "", listens: set["listens"] != "", dialled: make(chan string, 1), events: make(chan string, 64), unasked: make(chan string, 64),
		results: map[string]chan string{}, cancels: map[string]context.CancelFunc{}, closed: make(chan struct{}),
		agent: &teller{asked: make(chan string, 64), told: make(chan string, 64), answers: map[string]chan string{"elicitation/create": make(chan string), "sampling/createMessage": make(chan string), "roots/list": make(chan string)}},
	}
	s.agent.Revision, s.agent.Caps, s.agent.Level, s.agent.ID = set["agent"], set["capabilities"], set["level"], "ann"
	if s.agent.Revision == upstreamtest.Modern {
		s.agent.ID = ""
	}
	o := client.Options{Name: "s", Version: "1", Revision: set["revision"], Isolate: s.own, Asks: func() bool { return set["asks"] != "no" }}
	o.Unasked = func(_ context.Context, _ *gateway.Agent, method string, _ []byte, r *gateway.Refusal) {
		s.unasked <- method + ": " + strings.Join(r.Reasons, "; ")
	}
	switch set["transport"] {
	case "stdio":
		s.wire = newPipe(t, &o)
	case "sse":
		o.Kind = client.KindSSE
		s.wire = newWeb(t, &o, "/sse")
	case "http":
		s.wire = newWeb(t, &o, "/mcp")
	default:
		t.Fatalf("no transport in %q", setup)
	}
	var err error
	if s.client, err = client.New(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.wire.over()
		if s.conn != nil {
			s.conn.Close()
		}
	})
	return s
}

// step does one step. What has to happen is returned.
func (s *stage) step(name, data string) (got string, happened bool) {
	verb, arg, _ := strings.Cut(name, " ")
	switch verb {
	case "client":
		return s.messages(strings.Fields(arg)), true
	case "server":
		s.wire.say(arg, data)
	case "dial":
		go s.dial()
	case "open":
		s.open(arg)
	case "dialled":
		return await(s.t, "the end of dialling", s.dialled), true
	case "call", "list":
		word, of, _ := strings.Cut(arg, " of ")
		s.begin(word, of, verb, data)
	case "cancel":
		s.cancels[arg]()
	case "result":
		return await(s.t, "the result", s.results[arg]), true
	case "asked":
		return await(s.t, "a question to the agent", s.agent.asked), true
	case "answer":
		select {
		case s.agent.answers[arg] <- strings.TrimSpace(data):
		case <-time.After(patience):
			s.t.Error("no question waits for this")
		}
	case "told":
		return await(s.t, "something told to the agent", s.agent.told), true
	case "event":
		return await(s.t, "an event", s.events), true
	case "unasked":
		return await(s.t, "a question that is put to nobody", s.unasked), true
	case "close":
		go func() {
			s.conn.Close()
			close(s.closed)
		}()
	default:
		s.t.Errorf("there is no step %q", verb)
	}
	return "", false
}

// messages are those of the client with these numbers; several may come in any
// order, and are sorted.
func (s *stage) messages(numbers []string) string {
	var got []string
	for _, want := range numbers {
		s.clients++
		if n := strconv.Itoa(s.clients); want != n {
			s.t.Errorf("this is message %s of the client", n)
		}
		got = append(got, await(s.t, "a message of the client", s.wire.sent()))
	}
	slices.Sort(got)
	return strings.Join(got, "\n\n")
}

// patience is how long a step may be in coming; nothing is asserted about time.
const patience = 5 * time.Second

func await(t *testing.T, what string, from <-chan string) string {
	t.Helper()
	select {
	case got := <-from:
		return got
	case <-time.After(patience):
		t.Errorf("never came: %s", what)
		return ""
	}
}

// nothingElse checks that nothing happened that the transcript does not have.
func (s *stage) nothingElse() {
	for what, c := range map[string]<-chan string{"client": s.wire.sent(), "asked": s.agent.asked, "told": s.agent.told, "event": s.events, "unasked": s.unasked} {
		select {
		case got := <-c:
			s.t.Errorf("one more %s: %s", what, got)
		default:
		}
	}
}

func (s *stage) dial() {
	var origin gateway.Origin
	if s.own {
		origin = s.agent
	}
	conn, err := s.client.Dial(s.t.Context(), origin, func(e gateway.Event) { s.events <- strings.TrimSpace(e.Method + " " + string(e.Params)) })
	if err != nil {
		s.dialled <- refusedAs(err)
		return
	}
	s.conn = conn
	about := conn.About()
	s.dialled <- fmt.Sprintf("%s %s", about.Revision, about.Info)
}

// open connects as the transcripts of openings show it.
func (s *stage) open(revision string) {
	go s.dial()
	for dialled, told := false, revision == upstreamtest.Modern; !dialled || !told; {
		select {
		case message := <-s.wire.sent():
			s.clients++
			told = told || strings.Contains(message, "notifications/initialized")
			s.wire.usual(s.clients, message, revision, s.listens)
		case got := <-s.dialled:
			if dialled = true; !strings.HasPrefix(got, revision) {
				s.t.Error(got)
				return
			}
		case <-time.After(patience):
			s.t.Error("never connected")
			return
		}
	}
}

// begin makes a call: its data is "tool {arguments}" or "method {params}", and
// "_meta {…}" on a line of its own; of a list it is the method.
func (s *stage) begin(name, of, verb, data string) {
	first, more, _ := strings.Cut(strings.TrimSpace(data), "\n")
	what, args, _ := strings.Cut(first, " ")
	ctx, cancel := context.WithCancel(s.t.Context())
	result := make(chan string, 1)
	s.results[name], s.cancels[name] = result, cancel
	if verb == "list" {
		go func() {
			raw, err := s.conn.List(ctx, what, args)
			if err != nil {
				raw = json.RawMessage(refusedAs(err))
			}
			result <- string(raw)
		}()
		return
	}
	var extra []gateway.Member
	if meta, ok := strings.CutPrefix(more, "_meta "); ok {
		extra = append(extra, gateway.Member{Name: "_meta", Value: json.RawMessage(meta)})
	}
	c := upstreamtest.Call(nil, what, args, extra...)
	c.Origin, c.Protocol = s.agent, s.agent.Protocol()
	if of != "" {
		c.Origin = &teller{upstreamtest.Agent{ID: of, Caps: s.agent.Caps}, s.agent.asked, s.agent.told, s.agent.answers}
	}
	if strings.Contains(what, "/") {
		c.Kind, c.Method = gateway.KindResource, what
		if strings.HasPrefix(what, "tasks/") {
			c.Kind = gateway.KindTask
			c.Name = strings.Split(args, `"`)[3] // {"taskId":"7"}
		}
	}
	go func() {
		r, err := s.conn.Do(ctx, c)
		switch {
		case err != nil:
			result <- refusedAs(err)
		case r.Error != nil:
			result <- "error " + string(r.Error)
		default:
			result <- string(r.Raw)
		}
	}()
}

// refusedAs is a refusal as it stands in a transcript.
func refusedAs(err error) string {
	var r *gateway.Refusal
	if !errors.As(err, &r) {
		return "fault: " + err.Error()
	}
	text := fmt.Sprintf("refused %s: %s", r.Code, strings.Join(r.Reasons, "; "))
	if r.RetryAfter > 0 {
		text += ", again in " + r.RetryAfter.String()
	}
	if r.Remedy != "" {
		text += "\n  " + r.Remedy
	}
	return text
}

// teller is an agent that says what it is asked and told, and answers what the
// transcript says.
type teller struct {
	upstreamtest.Agent
	asked, told chan string
	answers     map[string]chan string // by method
}

func (a *teller) Notify(_ context.Context, _ *gateway.Call, method string, params []byte) error {
	a.told <- method + " " + string(params)
	return nil
}

func (a *teller) Request(ctx context.Context, cause *gateway.Call, method string, params []byte) (*gateway.Result, error) {
	of := "no call"
	if cause != nil {
		of = strings.TrimSpace(cause.Name + " " + string(cause.Sent.Raw()))
	}
	a.asked <- fmt.Sprintf("%s %s\nin %s", method, params, of)
	select {
	case answer := <-a.answers[method]:
		if refused, ok := strings.CutPrefix(answer, "refused "); ok {
			return nil, gateway.Refuse("policy", gateway.PolicyDenied, refused)
		}
		return &gateway.Result{Raw: json.RawMessage(answer)}, nil
	case <-ctx.Done():
		a.told <- "never mind: " + method
		return nil, ctx.Err()
	}
}
