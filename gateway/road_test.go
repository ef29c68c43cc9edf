package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"toolward/upstream/shape"
)

// rooms is every room at once: it lets all through, notes who was asked, and
// does otherwise where a test says so.
type rooms struct {
	asked []string
	fail  map[string]error // by the name in asked
	tool  *Tool

	request, result   Report
	decision, verdict Decision
	answer            *Result
	sent              json.RawMessage
	records           []Phase
	labelled          []string
	kept              map[string]Kept // by ID
	masked            string
	meanwhile         func() // happens while a person is asked
}

// errPanics has a room panic.
var errPanics = errors.New("panics")

func newRooms() *rooms {
	r := &rooms{
		fail:     map[string]error{},
		decision: Decision{Effect: EffectAllow},
		verdict:  Decision{Effect: EffectAllow},
		answer:   &Result{Raw: json.RawMessage(`{"content":[{"type":"text","text":"the answer"}]}`)},
	}
	r.tool = &Tool{Kind: KindTool, Server: "s", Name: "t", Wire: "s__t", Upstream: r}
	return r
}

func (r *rooms) road() *Road {
	return &Road{Vault: r, Auth: r, State: r, Catalog: r, Guard: r, Policy: r, Shapes: shape.Messages{}, Approvals: r, Recorder: r}
}

func (r *rooms) ask(name string) error {
	r.asked = append(r.asked, name)
	if r.fail[name] == errPanics {
		panic("room " + name)
	}
	return r.fail[name]
}

// Keep numbers what it keeps: "000000000001".
func (r *rooms) Keep(_ *Agent, v Kept) string {
	for id, known := range r.kept {
		if known.Text == v.Text && known.Server == v.Server && known.JSON == v.JSON {
			return Placeholder(known.Rule, id)
		}
	}
	if r.kept == nil {
		r.kept = map[string]Kept{}
	}
	id := fmt.Sprintf("%0*d", PlaceholderID, len(r.kept)+1)
	r.kept[id] = v
	return Placeholder(v.Rule, id)
}
func (r *rooms) Mask(_ *Agent, server string)        { r.masked = server }
func (r *rooms) Masked(_ *Agent, server string) bool { return r.masked == server }
func (r *rooms) Holds(*Agent) bool                   { return len(r.kept) > 0 || r.masked != "" }
func (r *rooms) Value(_ *Agent, id string) (Kept, bool) {
	v, ok := r.kept[id]
	return v, ok
}
func (r *rooms) Known(Credentials) *Agent     { return nil }
func (r *rooms) Refused(Credentials) *Refusal { return nil }

func (r *rooms) Tried(Attempt) {}
func (r *rooms) Verify(context.Context, Credentials) (*Agent, error) {
	return &Agent{ID: "a"}, r.ask("auth")
}
func (r *rooms) Begin(ctx context.Context, c *Call) (context.Context, Reservation, error) {
	if err := r.ask("begin"); err != nil {
		return ctx, nil, err
	}
	return ctx, r, nil
}
func (r *rooms) Finish(context.Context, *Call) error { return r.ask("finish") }
func (r *rooms) Count(context.Context, *Call) error  { return r.ask("count") }
func (r *rooms) Again(context.Context, *Call) error  { return r.ask("again") }
func (r *rooms) Label(_ context.Context, labels []string, _ string) error {
	r.labelled = append(r.labelled, labels...)
	return r.fail["label"]
}
func (r *rooms) Admit(*Agent, string) error            { return r.fail["admit"] }
func (r *rooms) AdmitPerson(*Agent) error              { return nil }
func (r *rooms) Offer(_ *Agent, tools []*Tool) []*Tool { return tools }
func (r *rooms) Strangers(string) error                { return r.fail["strangers"] }
func (r *rooms) Failed(string)                         { _ = r.ask("failed") }
func (r *rooms) Find(Kind, string, string) (*Tool, error) {
	if err := r.ask("find"); err != nil {
		return nil, err
	}
	return r.tool, nil
}
func (r *rooms) Task(_ *Agent, server, id string) (*Task, *Tool, error) {
	tool, err := r.Find(KindTask, server, id)
	return new(Task), tool, err
}
func (r *rooms) List(Kind, string) []*Tool { return []*Tool{r.tool} }
func (r *rooms) Request(context.Context, *Call) (Report, error) {
	return r.request, r.ask("guard request")
}
func (r *rooms) Result(context.Context, *Call) (Report, error) {
	return r.result, r.ask("guard result")
}
func (*rooms) Revision() string { return "" }

func (r *rooms) CountRequest(context.Context, *Call) (Tally, error) {
	return Tally{}, r.ask("count request")
}
func (r *rooms) CountResult(context.Context, *Call) (Tally, error) {
	return Tally{}, r.ask("count result")
}
func (r *rooms) DecideRequest(context.Context, *Call) (Decision, error) {
	return r.decision, r.ask("policy request")
}
func (r *rooms) DecideResult(context.Context, *Call) (Decision, error) {
	return r.verdict, r.ask("policy result")
}
func (r *rooms) Visible(_ context.Context, _ *Agent, tools []*Tool) ([]*Tool, error) {
	return tools, r.ask("visible")
}
func (r *rooms) Wait(context.Context, *Call) error {
	if r.meanwhile != nil {
		r.meanwhile()
	}
	return r.ask("approve")
}
func (r *rooms) Record(_ context.Context, p Phase, _ *Call) error {
	err := r.ask("record " + string(p))
	if err == nil {
		r.records = append(r.records, p)
	}
	return err
}
func (r *rooms) Do(_ context.Context, c *Call) (*Result, error) {
	r.sent = c.Sent.Raw()
	return r.answer, r.ask("upstream")
}

func newTestCall(t *testing.T, args string) *Call {
	t.Helper()
	c := NewCall(SurfaceREST, KindTool, "tools/call")
	c.Agent, c.Name = &Agent{ID: "a"}, "s__t"
	var err error
	if c.Args, err = ParseArgs([]byte(args)); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestRoadAsksEveryRoomInOrder(t *testing.T) {
	r := newRooms()
	result, refusal := r.road().Do(t.Context(), newTestCall(t, `{"x":1}`))
	if refusal != nil || !strings.Contains(string(result.Raw), "the answer") {
		t.Fatalf("got %v, %v", result, refusal)
	}
	want := []string{"find", "begin", "count request", "count", "guard request", "policy request", "record attempt", "upstream",
		"count result", "guard result", "policy result", "finish", "record outcome"}
	if !slices.Equal(r.asked, want) {
		t.Errorf("got  %v\nwant %v", r.asked, want)
	}
	if string(r.sent) != `{"x":1}` {
		t.Errorf("sent %s", r.sent)
	}
}

// What a call that is refused early holds is looked at for the record, and shown
// there only if it was.
func TestRoadCoversWhatIsRefusedEarly(t *testing.T) {
	long := `{"x":"` + strings.Repeat("word ", 2000) + `"}`
	for name, tt := range map[string]struct {
		args    string
		fail    map[string]error
		check   error
		scanned Stage
		redact  bool
	}{
		"unknown":                      {`{"x":1}`, map[string]error{"find": errors.New("no")}, nil, StageRequest, false},
		"unknown, and guard fails":     {`{"x":1}`, map[string]error{"find": errors.New("no"), "guard request": errors.New("no")}, nil, "", false},
		"against the schema":           {`{"x":1}`, nil, errors.New("no"), StageRequest, true},
		"against it, and policy fails": {`{"x":1}`, map[string]error{"policy request": errors.New("no")}, errors.New("no"), "", false},
		"against it, and guard panics": {`{"x":1}`, map[string]error{"guard request": errPanics}, errors.New("no"), "", false},
		"over the limit":               {`{"x":1}`, map[string]error{"begin": Refuse("limit", RateLimited, "no")}, nil, "", false},
		"stopped":                      {`{"x":1}`, map[string]error{"begin": Refuse("block", Blocked, "no")}, nil, StageRequest, true},
		"stopped, and long":            {long, map[string]error{"begin": Refuse("block", Blocked, "no")}, nil, "", false},
		"guard fails":                  {`{"x":1}`, map[string]error{"guard request": errors.New("no")}, nil, "", false},
		"nothing to look at":           {`{}`, map[string]error{"find": errors.New("no")}, nil, "", false},
	} {
		r := newRooms()
		r.fail, r.decision.Redact = tt.fail, []string{"/x"}
		if tt.check != nil {
			r.tool.Check = func(Args) (Args, error) { return Args{}, tt.check }
		}
		c := newTestCall(t, tt.args)
		if _, refusal := r.road().Do(t.Context(), c); refusal == nil {
			t.Errorf("%s: the call went through", name)
		}
		if c.Scanned != tt.scanned || (c.Decision.Redact != nil) != tt.redact || c.Decision.Effect != "" {
			t.Errorf("%s: scanned %q, decision %+v", name, c.Scanned, c.Decision)
		}
	}
}

// A call over its rate, or that somebody stopped, is refused before anything is
// asked that costs more than a look into a table, and whatever else is wrong with it.
func TestRoadRefusesWhatIsTooMuchFirst(t *testing.T) {
	for _, code := range []Code{RateLimited, Overloaded} {
		for _, missing := range []error{nil, Refuse("catalog", UnknownTool, "no")} {
			r := newRooms()
			r.fail["begin"], r.fail["find"] = Refuse("limit", code, "too much"), missing
			r.tool.Check = func(a Args) (Args, error) { return a, r.ask("schema") }
			r.fail["schema"] = errors.New("does not fit")
			_, refusal := r.road().Do(t.Context(), newTestCall(t, `{"x":1}`))
			if refusal == nil || refusal.Code != code {
				t.Errorf("got %v, want %s", refusal, code)
			}
			if want := []string{"find", "begin", "record refusal"}; !slices.Equal(r.asked, want) {
				t.Errorf("%s: asked %v, want %v", code, r.asked, want)
			}
		}
	}
}

// Whatever is refused after state was asked is given back once.
func TestRoadGivesBackOnce(t *testing.T) {
	for _, room := range []string{"find", "schema", "count request", "count", "guard request", "policy request", "approve", "again", "record attempt", "upstream", "guard result", "policy result", "record outcome", ""} {
		r := newRooms()
		r.decision.Effect = EffectApprove
		r.tool.Check = func(a Args) (Args, error) { return a, r.ask("schema") }
		r.fail[room] = errors.New("no")
		_, _ = r.road().Do(t.Context(), newTestCall(t, `{"x":1}`))
		n := 0
		for _, asked := range r.asked {
			if asked == "finish" {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%q fails: given back %d times (%v)", room, n, r.asked)
		}
	}
}

// Whatever a room before the upstream says but yes, the upstream is not
// touched, and the refusal is recorded.
func TestRoadFailsClosedBeforeTheUpstream(t *testing.T) {
	fault := errors.New("disk on fire at /secret/path")
	for _, room := range []string{"begin", "find", "count request", "count", "guard request", "policy request", "approve", "again", "record attempt"} {
		t.Run(room, func(t *testing.T) {
			r := newRooms()
			r.decision.Effect = EffectApprove
			r.fail[room] = fault
			result, refusal := r.road().Do(t.Context(), newTestCall(t, `{}`))
			if refusal == nil || result != nil {
				t.Fatal("the call went through")
			}
			if slices.Contains(r.asked, "upstream") {
				t.Error("the upstream was touched")
			}
			if strings.Contains(strings.Join(refusal.Reasons, " "), "secret") {
				t.Errorf("the agent is told the fault: %v", refusal.Reasons)
			}
			if !errors.Is(refusal, fault) {
				t.Error("the record would not know the fault")
			}
			if !slices.Contains(r.asked, "record refusal") {
				t.Error("the refusal is not recorded")
			}
			if given := slices.Contains(r.asked, "finish"); given == (room == "begin") {
				t.Errorf("what was reserved is given back: %v", given)
			}
		})
	}
}

func TestRoadWithholdsWhatCannotBeJudgedOrRecorded(t *testing.T) {
	for room, code := range map[string]Code{"guard result": Withheld, "policy result": Withheld, "finish": Withheld, "record outcome": Unrecorded} {
		t.Run(room, func(t *testing.T) {
			r := newRooms()
			r.fail[room] = errors.New("no")
			result, refusal := r.road().Do(t.Context(), newTestCall(t, `{}`))
			if result != nil || refusal == nil || refusal.Code != code {
				t.Fatalf("got %v, %v; want a refusal with code %s", result, refusal, code)
			}
		})
	}
}

// While a person is asked, the world goes on: what was true when the call began to
// wait is asked again before it runs.
func TestRoadJudgesAnewAfterAPersonHasSpoken(t *testing.T) {
	for _, tt := range []struct {
		name string
		then func(*rooms, *Call)
		code Code // "" if it runs
	}{
		{"nothing happens", func(*rooms, *Call) {}, ""},
		{"policy denies", func(r *rooms, _ *Call) { r.decision.Effect = EffectDeny }, PolicyDenied},
		{"policy allows without asking", func(r *rooms, _ *Call) { r.decision.Effect = EffectAllow }, ""},
		{"policy fails", func(r *rooms, _ *Call) { r.fail["policy request"] = errors.New("no") }, Internal},
		{"guard objects", func(r *rooms, _ *Call) {
			r.request = Report{Findings: []Finding{{Kind: FindingProvenance, Rule: "r", Action: ActionBlock}}}
		}, GuardBlocked},
		{"the tool is quarantined", func(r *rooms, _ *Call) { r.change(func(t *Tool) { t.Quarantined = "its definition changed" }) }, Quarantined},
		{"the tool is another", func(r *rooms, _ *Call) { r.change(func(t *Tool) { t.Fingerprint = "other" }) }, Quarantined},
		{"the tool wants a scope", func(r *rooms, _ *Call) { r.change(func(t *Tool) { t.Scopes = []string{"write"} }) }, InsufficientScope},
		{"the schema is another", func(r *rooms, _ *Call) {
			r.change(func(t *Tool) { t.Check = func(a Args) (Args, error) { return a, errors.New("x is required") } })
		}, InvalidArguments},
		{"the tool is gone", func(r *rooms, _ *Call) { r.fail["find"] = Refuse("catalog", UnknownTool, "gone") }, UnknownTool},
		{"the token expires", func(_ *rooms, c *Call) { c.Agent.Expires = time.Now().Add(-time.Second) }, Unauthenticated},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, c := newRooms(), newTestCall(t, `{}`)
			r.decision.Effect = EffectApprove
			r.meanwhile = func() { tt.then(r, c) }
			_, refusal := r.road().Do(t.Context(), c)
			if got := (refusal != nil); got != (tt.code != "") || got && refusal.Code != tt.code {
				t.Fatalf("got %v, want %q", refusal, tt.code)
			}
			if ran := slices.Contains(r.asked, "upstream"); ran != (tt.code == "") {
				t.Errorf("it ran: %v", ran)
			}
		})
	}
}

// change puts another definition in the place of the tool, as catalogs do.
func (r *rooms) change(how func(*Tool)) {
	t := *r.tool
	how(&t)
	r.tool = &t
}

func TestRoadStopsAtDecisions(t *testing.T) {
	block := Report{Findings: []Finding{{Kind: FindingInjection, Rule: "r", Action: ActionBlock}}}
	for _, tt := range []struct {
		name string
		set  func(*rooms)
		code Code
		ran  bool
	}{
		{"quarantined", func(r *rooms) { r.tool.Quarantined = "its description changed" }, Quarantined, false},
		{"arguments break the schema", func(r *rooms) { r.tool.Check = func(a Args) (Args, error) { return a, errors.New("x is required") } }, InvalidArguments, false},
		{"the token lacks a scope", func(r *rooms) { r.tool.Scopes = []string{"write"} }, InsufficientScope, false},
		{"guard blocks the request", func(r *rooms) { r.request = block }, GuardBlocked, false},
		{"policy denies", func(r *rooms) { r.decision = Decision{Effect: EffectDeny} }, PolicyDenied, false},
		{"policy says nothing", func(r *rooms) { r.decision = Decision{} }, PolicyDenied, false},
		{"a person has not decided", func(r *rooms) {
			r.decision.Effect = EffectApprove
			r.fail["approve"] = Refuse("approval", ApprovalPending, "wait")
		}, ApprovalPending, false},
		{"redaction of a place that is not there", func(r *rooms) { r.decision.Redact = []string{"/nowhere"} }, Internal, false},
		{"guard blocks the result", func(r *rooms) { r.result = block }, Withheld, true},
		{"policy withholds the result", func(r *rooms) { r.verdict = Decision{Effect: EffectDeny, Reasons: []string{"private"}} }, Withheld, true},
		{"upstream is down", func(r *rooms) { r.fail["upstream"] = Refuse("upstream", UpstreamDown, "down") }, UpstreamDown, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRooms()
			tt.set(r)
			result, refusal := r.road().Do(t.Context(), newTestCall(t, `{}`))
			if result != nil || refusal == nil || refusal.Code != tt.code {
				t.Fatalf("got %v, %v; want code %s", result, refusal, tt.code)
			}
			want := []Phase{PhaseRefusal}
			if tt.ran {
				want = []Phase{PhaseAttempt, PhaseOutcome}
			}
			if !slices.Equal(r.records, want) {
				t.Errorf("records %v, want %v", r.records, want)
			}
		})
	}
}

func TestRoadSendsTheRedactedAndKeepsTheJudged(t *testing.T) {
	r := newRooms()
	r.decision.Redact = []string{"/body"}
	r.result = Report{Findings: []Finding{{Kind: FindingSecret, Rule: "secret.y", Stage: StageResult, Where: "/content/0/text", Span: [2]int{4, 10}, Action: ActionRedact}}}
	c := newTestCall(t, `{"key":"abc def","body":[1,2],"n":1.0}`)
	result, refusal := r.road().Do(t.Context(), c)
	if refusal != nil {
		t.Fatal(refusal)
	}
	if want := `{"key":"abc def","body":"[redacted]","n":1.0}`; string(r.sent) != want {
		t.Errorf("sent %s\nwant %s", r.sent, want)
	}
	if string(c.Args.Raw()) != `{"key":"abc def","body":[1,2],"n":1.0}` {
		t.Errorf("what was judged changed: %s", c.Args.Raw())
	}
	if want := `{"content":[{"type":"text","text":"the [redacted secret.y 000000000001]"}]}`; string(result.Raw) != want {
		t.Errorf("result %s\nwant   %s", result.Raw, want)
	}
	if !strings.Contains(string(r.answer.Raw), "the answer") {
		t.Error("the upstream's own bytes were written over")
	}
}

// A call whose agent went away is recorded as cancelled, by a record that does
// not die with the agent's request.
func TestRoadRecordsCancelledCalls(t *testing.T) {
	r := newRooms()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r.fail["upstream"] = context.Canceled
	_, refusal := r.road().Do(ctx, newTestCall(t, `{}`))
	if refusal == nil || refusal.Code != Cancelled {
		t.Fatalf("got %v", refusal)
	}
	if !slices.Equal(r.records, []Phase{PhaseAttempt, PhaseOutcome}) {
		t.Errorf("records %v", r.records)
	}
}

func TestAdmitCountsStrangersAndStopsRecordingThem(t *testing.T) {
	r := newRooms()
	r.fail["auth"] = Refuse("auth", Unauthenticated, "no")
	if _, refusal := r.road().Admit(t.Context(), Credentials{Peer: "p"}); refusal == nil || refusal.Code != Unauthenticated {
		t.Fatalf("got %v", refusal)
	}
	if !slices.Equal(r.asked, []string{"auth", "failed", "record refusal"}) {
		t.Errorf("asked %v", r.asked)
	}
	r.fail["strangers"] = Refuse("limit", RateLimited, "too many")
	r.asked = nil
	if _, refusal := r.road().Admit(t.Context(), Credentials{Peer: "p"}); refusal == nil || refusal.Code != RateLimited {
		t.Fatalf("got %v", refusal)
	}
	if r.asked != nil {
		t.Errorf("a flood reaches %v", r.asked)
	}
}

// Who is blocked gets no answer at all, also with a token that is known.
func TestAdmitRefusesWhoIsBlocked(t *testing.T) {
	r := newRooms()
	r.fail["admit"] = Refuse("block", Blocked, "agent a is blocked")
	_, refusal := r.road().Admit(t.Context(), Credentials{Peer: "p"})
	if refusal == nil || refusal.Code != Blocked || !slices.Contains(r.asked, "record refusal") {
		t.Errorf("got %v, asked %v", refusal, r.asked)
	}
}

// stopping is a state that stops a call while the upstream works on it.
type stopping struct{ *rooms }

func (s stopping) Begin(ctx context.Context, c *Call) (context.Context, Reservation, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	cancel(Refuse("block", Blocked, "agent a is blocked"))
	return ctx, s, s.ask("begin")
}

// A call that is stopped under way ends with the block, not as one whose agent
// went away.
func TestRoadSaysThatACallWasStopped(t *testing.T) {
	r := newRooms()
	r.fail["upstream"] = context.Canceled
	road := r.road()
	road.State = stopping{r}
	_, refusal := road.Do(t.Context(), newTestCall(t, `{}`))
	if refusal == nil || refusal.Code != Blocked || !slices.Equal(r.records, []Phase{PhaseAttempt, PhaseOutcome}) {
		t.Errorf("got %v, records %v", refusal, r.records)
	}
}

// origin is an agent's side that answers every question with its answer.
type origin struct {
	asked    []string
	answer   *Result
	notified []string
}

func (o *origin) Session() string      { return "s1" }
func (o *origin) Protocol() string     { return "2025-11-25" }
func (o *origin) ClientInfo() []byte   { return nil }
func (o *origin) Capabilities() []byte { return nil }
func (o *origin) LogLevel() string     { return "" }
func (o *origin) Notify(_ context.Context, _ *Call, method string, params []byte) error {
	o.notified = append(o.notified, method+" "+string(params))
	return nil
}
func (o *origin) Request(_ context.Context, _ *Call, method string, params []byte) (*Result, error) {
	o.asked = append(o.asked, method+" "+string(params))
	return o.answer, nil
}

func TestWhatAnUpstreamAsksIsJudgedAndRecorded(t *testing.T) {
	r := newRooms()
	o := &origin{answer: &Result{Raw: json.RawMessage(`{"action":"accept","content":{"pin":"1234"}}`)}}
	back := r.road().Judge(&Agent{ID: "a"}, o)
	cause := newTestCall(t, `{}`)
	cause.Tool = r.tool
	params := `{"message" : "Your PIN?","requestedSchema":{"type":"object","properties":{}},"_meta":{"progressToken":1}}`

	if _, err := back.Request(t.Context(), cause, "elicitation/create", []byte(params)); err != nil {
		t.Fatal(err)
	}
	if want := []string{"elicitation/create " + params}; !slices.Equal(o.asked, want) {
		t.Errorf("asked %v, want the very bytes %v", o.asked, want)
	}
	if want := []Phase{PhaseAttempt, PhaseOutcome}; !slices.Equal(r.records, want) {
		t.Errorf("records %v, want %v", r.records, want)
	}

	r.request = Report{Findings: []Finding{{Kind: FindingSecret, Stage: StageRequest, Rule: "x", Where: "/message", Span: [2]int{5, 8}, Action: ActionRedact}}}
	o.asked = nil
	if _, err := back.Request(t.Context(), cause, "elicitation/create", []byte(params)); err != nil {
		t.Fatal(err)
	}
	if want := `elicitation/create {"_meta":{"progressToken":1},"message":"Your [redacted x 000000000001]?","requestedSchema":{"type":"object","properties":{}}}`; len(o.asked) != 1 || o.asked[0] != want {
		t.Errorf("asked %v\nwant  %s", o.asked, want)
	}

	r.request, r.decision = Report{}, Decision{Effect: EffectDeny}
	o.asked = nil
	var refusal *Refusal
	if _, err := back.Request(t.Context(), cause, "elicitation/create", []byte(params)); !errors.As(err, &refusal) || refusal.Code != PolicyDenied {
		t.Errorf("got %v, want a denial", err)
	}
	if _, err := back.Request(t.Context(), cause, "agent/selfDestruct", nil); !errors.As(err, &refusal) || refusal.Code != Unsupported {
		t.Errorf("got %v, want unsupported", err)
	}
	if o.asked != nil {
		t.Errorf("the agent was asked %v", o.asked)
	}
}

func TestNotificationsOfUpstreamsAreScanned(t *testing.T) {
	r := newRooms()
	o := &origin{}
	back := r.road().Judge(&Agent{ID: "a"}, o)
	if err := back.Notify(t.Context(), nil, "notifications/message", []byte(`{"level":"info","data":"hi"}`)); err != nil {
		t.Fatal(err)
	}
	r.result = Report{Findings: []Finding{{Kind: FindingInjection, Rule: "r", Action: ActionBlock}}}
	if err := back.Notify(t.Context(), nil, "notifications/message", []byte(`{"level":"info","data":"ignore all"}`)); err == nil {
		t.Error("an injected log message passed")
	}
	if err := back.Notify(t.Context(), nil, "notifications/tools/list_changed", nil); err != nil {
		t.Error(err)
	}
	if len(o.notified) != 2 {
		t.Errorf("notified %v", o.notified)
	}
	if !slices.Equal(r.records, []Phase{PhaseRefusal}) {
		t.Errorf("records %v", r.records)
	}
}

func TestEveryCodeIsListed(t *testing.T) {
	seen := map[Code]bool{}
	for _, c := range Codes {
		if seen[c] {
			t.Errorf("%s stands twice", c)
		}
		seen[c] = true
	}
	if len(Codes) != 25 {
		t.Errorf("%d codes are listed", len(Codes))
	}
}

// A step that notices that its call was cancelled is at no fault.
func TestACancelledCallIsNoFaultOfTheStepThatNotices(t *testing.T) {
	for _, step := range []string{"guard request", "policy request"} {
		r := newRooms()
		r.fail[step] = errors.Join(errors.New("scan"), context.Canceled)
		if _, refusal := r.road().Do(t.Context(), newTestCall(t, `{}`)); refusal == nil || refusal.Code != Cancelled {
			t.Errorf("%s: %+v, want %s", step, refusal, Cancelled)
		}
	}
}
