package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"toolward/gateway"
	"toolward/mcp"
)

// round is one result of a call of a stateless agent.
type round struct {
	notes  []string // that came before it
	asked  map[string]any
	state  string
	result string // of the last round
}

// round sends the call, or a retry of it, and reads the answer.
func (s *stub) round(ctx context.Context, token, args, more string) (round, error) {
	resp := s.openModern(ctx, "/mcp", token, "tools/call", "files__read", `"name":"files__read","arguments":`+args+more)
	defer resp.Body.Close()
	var r round
	var body []byte
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		stream := events(resp.Body)
		for e, err := stream.Next(); err == nil; e, err = stream.Next() {
			if len(e.Data) == 0 {
				continue
			}
			if body != nil {
				r.notes = append(r.notes, string(body))
			}
			body = e.Data
		}
	} else if err := json.NewDecoder(resp.Body).Decode((*json.RawMessage)(&body)); err != nil {
		return r, err
	}
	var m struct {
		Result struct {
			InputRequests map[string]any
			RequestState  string
		}
		Error json.RawMessage
	}
	if err := json.Unmarshal(body, &m); err != nil || m.Error != nil {
		return r, fmt.Errorf("%w: %s", errors.Join(err, errors.New("no result")), body)
	}
	if r.asked, r.state = m.Result.InputRequests, m.Result.RequestState; r.state == "" {
		r.result = string(body)
	}
	return r, nil
}

// answers is what a retry says: each question that answer has something for.
func (r round) answers(answer func(message string) string) string {
	var given []string
	for _, name := range slices.Sorted(maps.Keys(r.asked)) {
		params, _ := r.asked[name].(map[string]any)["params"].(map[string]any)
		message, _ := params["message"].(string)
		if a := answer(message); a != "" {
			given = append(given, fmt.Sprintf("%q:%s", name, a))
		}
	}
	return `,"requestState":"` + r.state + `","inputResponses":{` + strings.Join(given, ",") + `}`
}

func echoed(message string) string {
	return fmt.Sprintf(`{"action":"accept","content":{"q":%q}}`, message)
}

// untilDone answers every question until the call is answered.
func (s *stub) untilDone(token, args string) (result string, rounds int, err error) {
	r, err := s.round(s.t.Context(), token, args, "")
	for rounds = 1; err == nil && r.result == ""; rounds++ {
		if len(r.asked) == 0 {
			return "", rounds, errors.New("asked nothing, and answered nothing")
		}
		r, err = s.round(s.t.Context(), token, args, r.answers(echoed))
	}
	return r.result, rounds, err
}

// question asks with a message.
func question(ctx context.Context, c *gateway.Call, message string) (string, error) {
	r, err := c.Origin.Request(ctx, c, "elicitation/create", []byte(fmt.Sprintf(`{"message":%q,"requestedSchema":{"type":"object","properties":{}}}`, message)))
	if err != nil {
		return "", err
	}
	return string(r.Raw), nil
}

// askingAtOnce asks as many questions at once as the argument n says, and
// answers what it was answered to each.
func askingAtOnce(ctx context.Context, c *gateway.Call) (*gateway.Result, error) {
	args, _ := c.Args.Value().(map[string]any)
	n, _ := strconv.Atoi(fmt.Sprint(args["n"]))
	got := make([]string, n)
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { got[i], errs[i] = question(ctx, c, fmt.Sprintf("%v/%d", args["call"], i)) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return &gateway.Result{Raw: json.RawMessage(`{"content":[],"got":[` + strings.Join(got, ",") + `]}`)}, nil
}

// Calls of one agent and of several at once, with several questions each: every
// question is answered by its own answer, and no call gets another's.
func TestParallelQuestionsOfStatelessAgents(t *testing.T) {
	for _, questions := range []int{1, 2, 7} {
		for _, calls := range []int{1, 2, 20} {
			t.Run(fmt.Sprintf("%d calls with %d questions", calls, questions), func(t *testing.T) {
				s := newStub(t, nil, askingAtOnce)
				var wg sync.WaitGroup
				for i := range calls {
					wg.Go(func() {
						args := fmt.Sprintf(`{"call":"c%d","n":%d}`, i, questions)
						var want []string
						for q := range questions {
							want = append(want, echoed(fmt.Sprintf("c%d/%d", i, q)))
						}
						got, rounds, err := s.untilDone(fmt.Sprintf("agent%d", i%3), args)
						if err != nil || !strings.Contains(got, `"got":[`+strings.Join(want, ",")+`]`) || rounds > questions+1 {
							t.Errorf("call %d: %v in %d rounds: %s", i, err, rounds, got)
						}
					})
				}
				wg.Wait()
				if n := len(s.srv.parked.places); n != 0 {
					t.Errorf("%d calls are parked", n)
				}
			})
		}
	}
}

func TestAnswersMayComeOneByOne(t *testing.T) {
	s := newStub(t, nil, askingAtOnce)
	const args = `{"call":"c","n":3}`
	left := map[string]bool{"c/2": true, "c/0": true, "c/1": true}
	r, err := s.round(t.Context(), "ann", args, "")
	for rounds := 0; err == nil && r.result == "" && rounds < 10; rounds++ {
		given := false
		r, err = s.round(t.Context(), "ann", args, r.answers(func(message string) string {
			if given || !left[message] {
				return ""
			}
			given = true
			delete(left, message)
			return echoed(message)
		}))
	}
	if want := `"got":[` + echoed("c/0") + "," + echoed("c/1") + "," + echoed("c/2") + `]`; err != nil || !strings.Contains(r.result, want) {
		t.Errorf("got %v %s, want %s", err, r.result, want)
	}
}

// An upstream that no longer wants to know goes on; the agent's answer to it is
// late, and does no harm.
func TestAQuestionThatIsWithdrawn(t *testing.T) {
	withdraw, withdrawn := make(chan struct{}), make(chan struct{})
	s := newStub(t, nil, func(ctx context.Context, c *gateway.Call) (*gateway.Result, error) {
		asking, cancel := context.WithCancel(ctx)
		go func() { <-withdraw; cancel() }()
		if _, err := question(asking, c, "never mind"); !errors.Is(err, context.Canceled) {
			return nil, fmt.Errorf("the withdrawn question got %w", err)
		}
		close(withdrawn)
		got, err := question(ctx, c, "but this")
		return &gateway.Result{Raw: json.RawMessage(`{"content":[],"got":[` + got + `]}`)}, err
	})
	r, err := s.round(t.Context(), "ann", `{}`, "")
	if err != nil {
		t.Fatal(err)
	}
	close(withdraw)
	<-withdrawn
	for rounds := 0; r.result == "" && rounds < 3; rounds++ {
		if r, err = s.round(t.Context(), "ann", `{}`, r.answers(echoed)); err != nil {
			t.Fatal(err)
		}
	}
	if want := `"got":[` + echoed("but this") + `]`; !strings.Contains(r.result, want) {
		t.Errorf("got %s, want %s", r.result, want)
	}
}

// What an upstream tells while nobody listens comes with the retry, in order,
// under the retry's own progress token and log level.
func TestWhatIsToldWhileACallIsParkedIsNotLost(t *testing.T) {
	for name, c := range map[string]struct {
		meta string // of the retry
		want []string
	}{
		"another token": {`,"progressToken":"t2","io.modelcontextprotocol/logLevel":"info"`, []string{`"progressToken":"t2","progress":2`, `"data":"parked"`, `"progressToken":"t2","progress":3`}},
		"no token":      {`,"io.modelcontextprotocol/logLevel":"info"`, []string{`"data":"parked"`}},
	} {
		t.Run(name, func(t *testing.T) {
			tell, told := make(chan struct{}), make(chan struct{})
			s := newStub(t, nil, func(ctx context.Context, c *gateway.Call) (*gateway.Result, error) {
				progress := func(n int) {
					if err := c.Origin.Notify(ctx, c, mcp.NoteProgress, []byte(fmt.Sprintf(`{"progressToken":"t1","progress":%d}`, n))); err != nil {
						t.Error(err)
					}
				}
				progress(1)
				go func() {
					<-tell
					progress(2)
					if err := c.Origin.Notify(ctx, c, mcp.NoteMessage, []byte(`{"level":"info","data":"parked"}`)); err != nil {
						t.Error(err)
					}
					close(told)
				}()
				got, err := question(ctx, c, "go on?")
				progress(3)
				return &gateway.Result{Raw: json.RawMessage(`{"content":[],"got":[` + got + `]}`)}, err
			})
			with := func(meta, more string) (r round) {
				params := `{` + strings.TrimSuffix(modernMeta, "}") + meta + `},"name":"files__read"` + more + `}`
				resp := s.open(t.Context(), "POST", "/mcp", "ann", `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":`+params+`}`,
					"Mcp-Protocol-Version", "2026-07-28", "Mcp-Method", "tools/call", "Mcp-Name", "files__read")
				defer resp.Body.Close()
				stream := events(resp.Body)
				for e, err := stream.Next(); err == nil; e, err = stream.Next() {
					if len(e.Data) > 0 {
						r.notes = append(r.notes, string(e.Data))
					}
				}
				r.result = r.notes[len(r.notes)-1]
				r.notes = r.notes[:len(r.notes)-1]
				r.state, _ = member(t, r.result, "result", "requestState").(string)
				return r
			}
			first := with(`,"progressToken":"t1","io.modelcontextprotocol/logLevel":"info"`, "")
			if len(first.notes) != 1 || !strings.Contains(first.notes[0], `"progressToken":"t1","progress":1`) {
				t.Errorf("the first request was told %s", first.notes)
			}
			close(tell)
			<-told
			second := with(c.meta, `,"requestState":"`+first.state+`","inputResponses":{"gw-1":{"action":"accept"}}`)
			if len(second.notes) != len(c.want) {
				t.Fatalf("the retry was told %s, want %s", second.notes, c.want)
			}
			for i, want := range c.want {
				if !strings.Contains(second.notes[i], want) {
					t.Errorf("the retry was told %s, want %s", second.notes[i], want)
				}
			}
			if !strings.Contains(second.result, `"got":[{"action":"accept"}]`) {
				t.Errorf("got %s", second.result)
			}
		})
	}
}

// Of retries that come at once, one goes on with the call, which runs once; the
// others are told that it is not theirs. None hangs.
func TestRetriesThatComeAtOnce(t *testing.T) {
	for range 20 {
		s := newStub(t, nil, askingAtOnce)
		const args = `{"call":"c","n":1}`
		r, err := s.round(t.Context(), "ann", args, "")
		if err != nil {
			t.Fatal(err)
		}
		results := make(chan error, 4)
		for range cap(results) {
			go func() {
				_, err := s.round(t.Context(), "ann", args, r.answers(echoed))
				results <- err
			}()
		}
		good := 0
		for range cap(results) {
			switch err := <-results; {
			case err == nil:
				good++
			case !strings.Contains(err.Error(), "-32602"):
				t.Error(err)
			}
		}
		if good != 1 {
			t.Errorf("%d retries got the result, want 1", good)
		}
	}
}

// A retry that is closed cancels the call; a call that ends while it is parked
// waits for its retry with what it came to.
func TestACallThatEndsBetweenItsRequests(t *testing.T) {
	end := make(chan struct{})
	ended := make(chan error, 1)
	s := newStub(t, nil, func(ctx context.Context, c *gateway.Call) (*gateway.Result, error) {
		asking, cancel := context.WithCancel(ctx)
		go func() { <-end; cancel() }()
		_, err := question(asking, c, "still there?")
		ended <- err
		return &gateway.Result{Raw: json.RawMessage(`{"content":[],"took":"its default"}`)}, ctx.Err()
	})
	first, err := s.round(t.Context(), "ann", `{}`, "")
	if err != nil {
		t.Fatal(err)
	}
	close(end)
	<-ended
	if r, err := s.round(t.Context(), "ann", `{}`, first.answers(echoed)); err != nil || !strings.Contains(r.result, "its default") {
		t.Errorf("got %v %s", err, r.result)
	}

	b := newBlocking()
	s = newStub(t, nil, func(ctx context.Context, c *gateway.Call) (*gateway.Result, error) {
		if _, err := question(ctx, c, "go on?"); err != nil {
			return nil, err
		}
		return b.do(ctx, c)
	})
	if first, err = s.round(t.Context(), "ann", `{}`, ""); err != nil {
		t.Fatal(err)
	}
	ctx, leave := context.WithCancel(t.Context())
	req := s.request(ctx, "/mcp", "files__read")
	params := strings.Replace(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{`+modernMeta+`,"name":"files__read","arguments":{}MORE}}`, "MORE", first.answers(echoed), 1)
	req.Body, req.ContentLength = io.NopCloser(strings.NewReader(params)), int64(len(params))
	go func() {
		<-b.begun
		leave()
	}()
	if resp, err := s.http.Client().Do(req); err == nil {
		resp.Body.Close()
		t.Error("the retry was answered")
	}
	if err := <-b.ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the call ended with %v", err)
	}
}
