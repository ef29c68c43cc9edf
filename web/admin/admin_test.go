package admin

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"toolward/gateway"
)

// road knows tokens by their text, and remembers what it recorded.
type road struct {
	agents map[string]*gateway.Agent
	leeway time.Duration // for which a token is good after it expired

	mu       sync.Mutex
	recorded []string
}

func (r *road) AdmitPerson(_ context.Context, c gateway.Credentials) (*gateway.Agent, *gateway.Refusal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if a := r.agents[c.Token]; a != nil && time.Now().Before(a.Expires.Add(r.leeway)) {
		return a, nil
	}
	return nil, gateway.Refuse("auth", gateway.Unauthenticated, "no such token")
}

// change changes what the road knows, while requests ask it.
func (r *road) change(how func(*road)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	how(r)
}

func (r *road) Stranger(ctx context.Context, c *gateway.Call, refusal *gateway.Refusal) *gateway.Refusal {
	return r.Refused(ctx, c, refusal)
}

func (r *road) Refused(_ context.Context, c *gateway.Call, refusal *gateway.Refusal) *gateway.Refusal {
	r.mu.Lock()
	defer r.mu.Unlock()
	who := "nobody"
	if c.Agent != nil {
		who = c.Agent.ID
	}
	r.recorded = append(r.recorded, fmt.Sprintf("%s %s %s", c.Method, who, refusal.Code))
	return refusal
}

// waiting is a small working room of approvals.
type waiting struct {
	mu  sync.Mutex
	all []gateway.Approval // newest first
}

func (w *waiting) Approvals(_ context.Context, state gateway.ApprovalState, most int) (list []gateway.Approval, _ error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range w.all {
		if (state == "" || a.State == state) && len(list) < most {
			list = append(list, a)
		}
	}
	return list, nil
}

func (w *waiting) find(id string) (*gateway.Approval, error) {
	i := slices.IndexFunc(w.all, func(a gateway.Approval) bool { return a.ID == id })
	if i < 0 {
		return nil, gateway.ErrNoApproval
	}
	return &w.all[i], nil
}

func (w *waiting) Approval(_ context.Context, id string) (gateway.Approval, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a, err := w.find(id)
	if err != nil {
		return gateway.Approval{}, err
	}
	return *a, nil
}

func (w *waiting) Decide(_ context.Context, id string, state gateway.ApprovalState, by gateway.Operator, note string) (gateway.Approval, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a, err := w.find(id)
	if err != nil {
		return gateway.Approval{}, err
	}
	from := gateway.ApprovalOpen
	if state == gateway.ApprovalRevoked {
		from = gateway.ApprovalGiven
	}
	if a.State != from {
		return *a, fmt.Errorf("%w: it is %s", gateway.ErrDecided, a.State)
	}
	a.State, a.By, a.Decider, a.Note, a.Decided = state, by.String(), by, note, time.Now()
	return *a, nil
}

func (w *waiting) ask(id, agent string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = slices.Insert(w.all, 0, gateway.Approval{ID: id, Agent: agent, Issuer: issuer, Tool: "bank__pay", State: gateway.ApprovalOpen, Args: []byte(`{"to":"bob"}`)})
}

// tools is a catalog with one tool whose definition changed.
type tools struct {
	fingerprint atomic.Value // of what is offered now
	accepted    atomic.Value // gateway.Operator
	looked      atomic.Int32
	next        string // what is offered from the next look on; "" if nothing changes
}

var shown = strings.Repeat("ab", 32)

func (*tools) Servers() []string { return []string{"bank"} }
func (*tools) About(string) (gateway.About, bool) {
	return gateway.About{Server: "bank", Up: true}, true
}
func (*tools) List(k gateway.Kind, _ string) (list []*gateway.Tool) {
	if k == gateway.KindTool {
		list = append(list, &gateway.Tool{Kind: k, Server: "bank", Name: "read", Wire: "bank__read", Definition: []byte(`{"name":"read"}`)})
	}
	return list
}

func (t *tools) Refresh(context.Context, string) {
	if t.looked.Add(1); t.next != "" {
		t.fingerprint.Store(t.next)
	}
}

func (t *tools) Diff(bool) []gateway.Change {
	return []gateway.Change{{Server: "bank", Kind: gateway.KindTool, Name: "pay", Wire: "bank__pay", Current: []byte(`{"name":"pay"}`), Fingerprint: t.fingerprint.Load().(string), Quarantined: "changed"}}
}

func (t *tools) Pin(_ context.Context, _ string, _ gateway.Kind, _, fingerprint string, by gateway.Operator, note string) error {
	if fingerprint != t.fingerprint.Load() {
		return gateway.ErrUnseen
	}
	t.accepted.Store(by)
	return nil
}

const issuer = "https://id.test"

// desk is a handler with everything behind it.
type desk struct {
	notes []string // what was put on record
	*Handler
	road  *road
	room  *waiting
	tools *tools
	local string // the operator's credential
}

func newDesk(t *testing.T, change ...func(*Options)) *desk {
	t.Helper()
	d := &desk{road: &road{agents: map[string]*gateway.Agent{}}, room: &waiting{}, tools: &tools{}}
	d.tools.fingerprint.Store(shown)
	for name, roles := range map[string][]string{"agent": nil, "viewer": {"v"}, "approver": {"ap"}, "admin": {"ad"}, "other": {"ap"}} {
		d.road.agents[name] = &gateway.Agent{ID: name, Issuer: issuer, Roles: roles, Claims: map[string]any{"sub": name}, Expires: time.Now().Add(time.Hour)}
	}
	path := filepath.Join(t.TempDir(), "operator")
	credential, err := OpenCredential(path, "http://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	if d.local, _, err = ReadCredential(path); err != nil {
		t.Fatal(err)
	}
	opt := Options{
		Road: d.road, Approvals: d.room, Tools: d.tools, Version: "test",
		Health: func() Health { return Health{Version: "test", Ready: true} },
		Note: func(_ context.Context, eventType string, detail any) error {
			d.notes = append(d.notes, fmt.Sprint(eventType, " ", detail))
			return nil
		},
		Roles: Roles{Viewers: []string{"v"}, Approvers: []string{"ap"}, Admins: []string{"ad"}},
		Local: &Local{Credential: credential, User: "ann"},
		Limit: func(*gateway.Agent) (func(), error) { return func() {}, nil },
		Token: func(r *http.Request) (string, error) {
			return strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), nil
		},
		Challenge: func(string, *gateway.Refusal, bool) string { return "" },
		Peer:      func(r *http.Request) string { return r.RemoteAddr },
		Nearby:    func(r *http.Request) bool { return r.Header.Get("Via") == "" },
	}
	for _, f := range change {
		f(&opt)
	}
	d.Handler = New(opt)
	return d
}

// do sends a request and returns the status and the body's members.
func (d *desk) do(t *testing.T, token, method, path, body string) (int, map[string]any) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, "http://localhost"+Prefix+path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	var m map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &m); err != nil {
		t.Fatalf("%s %s: %d, not an object: %s", method, path, w.Code, w.Body)
	}
	for _, h := range []string{"Cache-Control", "Content-Security-Policy", "Cross-Origin-Resource-Policy", "Referrer-Policy"} {
		if w.Header().Get(h) == "" {
			t.Errorf("%s %s: no %s", method, path, h)
		}
	}
	if w.Header().Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("%s %s: CORS", method, path)
	}
	return w.Code, m
}

// requests are a request that works for each operation of the table.
var requests = map[string]struct{ path, body string }{
	"me": {"me", ""}, "describe": {"openapi.json", ""}, "health": {"health", ""},
	"approvals.list": {"approvals", ""}, "approvals.show": {"approvals/a1", ""},
	"approvals.approve": {"approvals/a1/approve", `{"note":"fine"}`}, "approvals.deny": {"approvals/a1/deny", ""}, "approvals.revoke": {"approvals/a2/revoke", ""},
	"tools.list": {"tools", ""}, "tools.show": {"tools/bank__read", ""},
	"notes.add":    {"notes", `{"what":"token.minted","detail":{"subject":"bot","by":"ceo"}}`},
	"changes.list": {"changes?all=true", ""}, "changes.accept": {"changes/accept", `{"name":"bank__pay","fingerprint":"` + shown + `"}`},
}

// TestTableByRole walks every operation with everybody who could ask. One that
// is added without a request here fails.
func TestTableByRole(t *testing.T) {
	for _, op := range newDesk(t).operations() {
		req, ok := requests[op.id]
		if !ok {
			t.Errorf("no request for the operation %s", op.id)
			continue
		}
		for _, who := range []struct {
			token string
			role  Role
		}{{"", -1}, {"nobody's", -1}, {"twop_" + strings.Repeat("A", 43), -1}, {"agent", 0}, {"viewer", Viewer}, {"approver", Approver}, {"admin", Admin}, {"local", Admin}} {
			t.Run(op.id+" by "+who.token, func(t *testing.T) {
				d := newDesk(t)
				d.room.ask("a1", "bot")
				d.room.ask("a2", "bot")
				d.room.all[0].State = gateway.ApprovalGiven
				token := who.token
				if token == "local" {
					token = d.local
				}
				status, m := d.do(t, token, op.method, req.path, req.body)
				want := http.StatusOK
				switch {
				case who.role < 0:
					want = http.StatusUnauthorized
				case who.role < op.role, op.local && who.token != "local":
					want = http.StatusForbidden
				}
				if (len(d.notes) > 0) != (op.id == "notes.add" && want == http.StatusOK) {
					t.Errorf("on record: %q", d.notes)
				}
				if status != want {
					t.Fatalf("status %d, want %d: %v", status, want, m)
				}
				if decided := d.room.all[1].State != gateway.ApprovalOpen || d.room.all[0].State != gateway.ApprovalGiven; decided && want != http.StatusOK {
					t.Error("it was done all the same")
				}
				if want == http.StatusForbidden && !slices.Contains(d.road.recorded, "admin."+op.id+" "+who.token+" forbidden") {
					t.Errorf("not recorded: %q", d.road.recorded)
				}
			})
		}
	}
}

// TestDescriptionIsTheTable compares the OpenAPI document with the table: each
// operation is in it, and nothing else.
func TestDescriptionIsTheTable(t *testing.T) {
	d := newDesk(t)
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			OperationID string
			Description string
			RequestBody any
		}
	}
	if err := json.Unmarshal(d.openAPI, &doc); err != nil || doc.OpenAPI != "3.1.0" {
		t.Fatal(doc.OpenAPI, err)
	}
	n := 0
	for path, methods := range doc.Paths {
		n += len(methods)
		for method, o := range methods {
			i := slices.IndexFunc(d.operations(), func(op operation) bool { return op.id == o.OperationID })
			if i < 0 {
				t.Fatalf("%s %s is not in the table", method, path)
			}
			op := d.operations()[i]
			if Prefix+op.path != path || !strings.EqualFold(op.method, method) || !strings.Contains(o.Description, op.role.String()) || (o.RequestBody != nil) != (op.body != nil) {
				t.Errorf("%s %s: %+v", method, path, o)
			}
		}
	}
	if n != len(d.operations()) {
		t.Errorf("%d operations are described, of %d", n, len(d.operations()))
	}
}

// Who made a call does not approve it, under whatever name they come, and may
// always say no.
func TestAttackApproveOwnCall(t *testing.T) {
	for _, tt := range []struct {
		name, agent string
		claims      map[string]any
		id          string
		want        int
	}{
		{"by the same name", "approver", map[string]any{"sub": "approver"}, "approver", 403},
		{"the program is the agent", "console", map[string]any{"sub": "rita"}, "console", 403},
		{"the person is the agent", "rita", map[string]any{"sub": "rita"}, "console", 403},
		{"another's", "bot", map[string]any{"sub": "rita"}, "console", 200},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDesk(t)
			d.road.agents["t"] = &gateway.Agent{ID: tt.id, Issuer: issuer, Roles: []string{"ad"}, Claims: tt.claims, Expires: time.Now().Add(time.Hour)}
			d.room.ask("a1", tt.agent)
			if status, m := d.do(t, "t", "POST", "approvals/a1/approve", ""); status != tt.want {
				t.Errorf("approve: %d %v", status, m)
			}
			if status, _ := d.do(t, "t", "POST", "approvals/a1/deny", ""); tt.want == 403 && status != 200 {
				t.Errorf("deny: %d", status)
			}
		})
	}
	t.Run("of another issuer", func(t *testing.T) {
		d := newDesk(t)
		d.room.ask("a1", "approver")
		d.room.all[0].Issuer = "https://partner.test"
		if status, m := d.do(t, "approver", "POST", "approvals/a1/approve", ""); status != 200 {
			t.Errorf("a namesake: %d %v", status, m)
		}
	})
}

// Of a hundred who decide at once one does, and the others are told who.
func TestAttackRacingDecisions(t *testing.T) {
	d := newDesk(t)
	d.room.ask("a1", "bot")
	var won, told atomic.Int32
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			verb := []string{"approve", "deny"}[i%2]
			switch status, m := d.do(t, []string{"approver", "admin", d.local}[i%3], "POST", "approvals/a1/"+verb, ""); {
			case status == 200:
				won.Add(1)
			case status == 409 && m["code"] == "decided" && m["by"] != "" && m["state"] != "":
				told.Add(1)
			default:
				t.Errorf("%d %v", status, m)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 || told.Load() != 99 {
		t.Errorf("%d won, %d were told", won.Load(), told.Load())
	}
}

// What is sent is parsed strictly, and small.
func TestBodiesAreStrict(t *testing.T) {
	for name, tt := range map[string]struct {
		body string
		want int
	}{
		"none":             {"", 200},
		"empty":            {"{}", 200},
		"a note":           {`{"note":"ok"}`, 200},
		"twice":            {`{"note":"a","note":"b"}`, 400},
		"in another case":  {`{"note":"a","Note":"b"}`, 400},
		"unknown":          {`{"by":"ceo"}`, 400},
		"who decides":      {`{"decider":{"issuer":"x","subject":"ceo"}}`, 400},
		"a list":           {`[]`, 400},
		"a number":         {`{"note":1}`, 400},
		"two documents":    {`{}{}`, 400},
		"not UTF-8":        {"{\"note\":\"\xff\"}", 400},
		"a long note":      {`{"note":"` + strings.Repeat("x", 2001) + `"}`, 400},
		"a giant":          {`{"note":"` + strings.Repeat("x", 65<<10) + `"}`, 413},
		"a giant of blank": {strings.Repeat(" ", 65<<10), 413},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			d.room.ask("a1", "bot")
			if status, m := d.do(t, "approver", "POST", "approvals/a1/approve", tt.body); status != tt.want {
				t.Errorf("%d %v, want %d", status, m, tt.want)
			}
			if open := d.room.all[0].State == gateway.ApprovalOpen; open != (tt.want != 200) {
				t.Errorf("pending: %v", open)
			}
		})
	}
	d := newDesk(t)
	if status, _ := d.do(t, "viewer", "GET", "me", `{"x":1}`); status != 400 {
		t.Errorf("a body that nobody reads: %d", status)
	}
}

// Only the definition that was shown is accepted.
func TestAcceptTakesWhatWasShown(t *testing.T) {
	for name, tt := range map[string]struct {
		body string
		want int
	}{
		"all of it":        {`{"name":"bank__pay","fingerprint":"` + shown + `"}`, 200},
		"its beginning":    {`{"name":"bank__pay","fingerprint":"` + shown[:32] + `"}`, 200},
		"too little":       {`{"name":"bank__pay","fingerprint":"` + shown[:31] + `"}`, 400},
		"none":             {`{"name":"bank__pay"}`, 400},
		"another":          {`{"name":"bank__pay","fingerprint":"` + strings.Repeat("cd", 32) + `"}`, 409},
		"of nothing there": {`{"name":"bank__steal","fingerprint":"` + shown + `"}`, 404},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			if status, m := d.do(t, "admin", "POST", "changes/accept", tt.body); status != tt.want {
				t.Errorf("%d %v, want %d", status, m, tt.want)
			}
			if looked := d.tools.looked.Load(); tt.want == 200 && looked != 1 {
				t.Errorf("the upstream was asked %d times what it offers now", looked)
			}
			by, _ := d.tools.accepted.Load().(gateway.Operator)
			if (by.Subject == "admin" && by.Issuer == issuer && slices.Equal(by.Roles, []string{"ad"})) != (tt.want == 200) {
				t.Errorf("accepted by %+v", by)
			}
		})
	}
}

// A definition that changes when the upstream is asked once more is not accepted.
func TestAttackDefinitionThatChangesAtTheLastLook(t *testing.T) {
	d := newDesk(t)
	d.tools.next = strings.Repeat("cd", 32)
	if status, m := d.do(t, "admin", "POST", "changes/accept", `{"name":"bank__pay","fingerprint":"`+shown+`"}`); status != 409 || m["code"] != "changed" {
		t.Errorf("%d %v", status, m)
	}
	if by := d.tools.accepted.Load(); by != nil {
		t.Errorf("accepted by %v", by)
	}
}

// Who is over a limit is refused before anything is done, and gives back what they
// took otherwise.
func TestLimitOfOperators(t *testing.T) {
	taken, over := 0, false
	d := newDesk(t, func(o *Options) {
		o.Limit = func(*gateway.Agent) (func(), error) {
			if over {
				return nil, gateway.Refuse("limit", gateway.RateLimited, "too often")
			}
			taken++
			return func() { taken-- }, nil
		}
	})
	d.room.ask("a1", "bot")
	d.do(t, "viewer", "GET", "me", "")
	d.do(t, "viewer", "POST", "approvals/a1/approve", "")
	if taken != 0 {
		t.Errorf("%d places are not given back", taken)
	}
	over = true
	if status, _ := d.do(t, "approver", "POST", "approvals/a1/approve", ""); status != 429 || d.room.all[0].State != gateway.ApprovalOpen {
		t.Errorf("%d, %s", status, d.room.all[0].State)
	}
}

// A role counts from the issuers that are named, and a partner's "admin" is nobody.
func TestRolesOfOtherIssuers(t *testing.T) {
	d := newDesk(t, func(o *Options) { o.Roles.Issuers = []string{issuer} })
	d.road.agents["partner"] = &gateway.Agent{ID: "p", Issuer: "https://partner.test", Roles: []string{"ad"}, Expires: time.Now().Add(time.Hour)}
	if status, _ := d.do(t, "partner", "GET", "me", ""); status != 403 {
		t.Errorf("a partner's admin: %d", status)
	}
	if status, m := d.do(t, "admin", "GET", "me", ""); status != 200 || m["role"] != "admin" {
		t.Errorf("our admin: %d %v", status, m)
	}
	d = newDesk(t, func(o *Options) { o.Roles = Roles{} })
	if status, _ := d.do(t, "admin", "GET", "me", ""); status != 403 {
		t.Errorf("with no role configured: %d", status)
	}
}

// The credential is for this machine, and for nothing else than what it is.
func TestAttackOperatorsCredentialFromElsewhere(t *testing.T) {
	d := newDesk(t)
	r := httptest.NewRequestWithContext(t.Context(), "GET", "http://localhost"+Prefix+"me", nil)
	r.Header.Set("Authorization", "Bearer "+d.local)
	r.Header.Set("Via", "1.1 proxy")
	w := httptest.NewRecorder()
	if d.ServeHTTP(w, r); w.Code != 401 || strings.Contains(w.Body.String(), d.local) {
		t.Errorf("through a proxy: %d %s", w.Code, w.Body)
	}
	for name, token := range map[string]string{
		"cut": d.local[:len(d.local)-1], "longer": d.local + "A", "another": prefix + strings.Repeat("A", 43), "its name alone": prefix,
	} {
		if status, _ := d.do(t, token, "GET", "me", ""); status != 401 {
			t.Errorf("%s: %d", name, status)
		}
	}
	if status, m := d.do(t, d.local, "GET", "me", ""); status != 200 || m["name"] != "local:ann" || m["local"] != true {
		t.Errorf("the credential: %d %v", status, m)
	}
}

// Policy can take from a role, and what it says of a no does not matter.
func TestPolicyNarrowsWhoApproves(t *testing.T) {
	d := newDesk(t, func(o *Options) {
		o.Permit = func(_ context.Context, by gateway.Operator, role string, a gateway.Approval) ([]string, error) {
			switch {
			case a.Agent == "broken":
				return nil, fmt.Errorf("policy is broken")
			case by.Subject != "admin" || role != "admin":
				return []string{"payments are the admin's"}, nil
			}
			return nil, nil
		}
	})
	d.room.ask("a1", "bot")
	d.room.ask("a2", "broken")
	if status, m := d.do(t, "approver", "POST", "approvals/a1/approve", ""); status != 403 || !strings.Contains(fmt.Sprint(m["detail"]), "payments are") {
		t.Errorf("refused by policy: %d %v", status, m)
	}
	if status, m := d.do(t, "admin", "POST", "approvals/a2/approve", ""); status != 500 || strings.Contains(fmt.Sprint(m), "broken") {
		t.Errorf("policy fails: %d %v", status, m)
	}
	if status, _ := d.do(t, "approver", "POST", "approvals/a2/deny", ""); status != 200 {
		t.Errorf("deny: %d", status)
	}
	if status, _ := d.do(t, "admin", "POST", "approvals/a1/approve", ""); status != 200 {
		t.Errorf("permitted: %d", status)
	}
}

// A list leaves out what is too long for it, and says so.
func TestListOfLongArguments(t *testing.T) {
	d := newDesk(t)
	d.room.ask("a1", "bot")
	d.room.all[0].Args = []byte(`{"text":"` + strings.Repeat("x", mostShown) + `"}`)
	_, m := d.do(t, "viewer", "GET", "approvals", "")
	a := m["approvals"].([]any)[0].(map[string]any)
	if a["args"] != nil || a["cut"] != true || a["bytes"].(float64) <= mostShown {
		t.Errorf("%v", a)
	}
	if _, m := d.do(t, "viewer", "GET", "approvals/a1", ""); len(fmt.Sprint(m["args"])) < mostShown {
		t.Error("showing it does not show it")
	}
}

func TestFiltersOfLists(t *testing.T) {
	d := newDesk(t)
	d.room.ask("a1", "ann")
	d.room.ask("a2", "bob")
	d.room.ask("a3", "bob")
	d.room.all[0].State = gateway.ApprovalRefused
	for query, want := range map[string]string{
		"": "a2 a1", "?state=all": "a3 a2 a1", "?state=denied": "a3", "?agent=bob": "a2", "?agent=bob&state=all": "a3 a2",
		"?tool=nosuch": "", "?state=bogus": "400", "?watch=perhaps": "400",
	} {
		status, m := d.do(t, "viewer", "GET", "approvals"+query, "")
		list, _ := m["approvals"].([]any)
		var got []string
		for _, a := range list {
			got = append(got, a.(map[string]any)["id"].(string))
		}
		if status == 400 {
			got = []string{"400"}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %q, want %q", query, got, want)
		}
	}
}

// watchIn opens a stream and returns its lines, closed at its end.
func watchIn(t *testing.T, d *desk, token string) (lines chan map[string]any, leave func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r := httptest.NewRequestWithContext(ctx, "GET", "http://localhost"+Prefix+"approvals?watch=true", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	out, in := io.Pipe()
	go func() {
		defer in.Close()
		d.ServeHTTP(pipeWriter{http.Header{}, in}, r)
	}()
	lines = make(chan map[string]any, 100)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			var m map[string]any
			if err := json.Unmarshal(bytes.TrimSpace(s.Bytes()), &m); err != nil {
				t.Error(err)
			}
			lines <- m
		}
	}()
	return lines, cancel
}

type pipeWriter struct {
	header http.Header
	io.Writer
}

func (w pipeWriter) Header() http.Header { return w.header }
func (w pipeWriter) WriteHeader(int)     {}
func (w pipeWriter) Flush()              {}

func TestWatchTellsWhatChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		d.room.ask("a1", "bot")
		lines, leave := watchIn(t, d, "viewer")
		expect := func(id, state string) {
			t.Helper()
			if m := <-lines; m["id"] != id || m["state"] != state {
				t.Errorf("got %v, want %s %s", m, id, state)
			}
		}
		expect("a1", "pending")
		d.room.ask("a2", "bot")
		expect("a2", "pending")
		d.do(t, "approver", "POST", "approvals/a1/approve", "")
		expect("a1", "approved")
		d.do(t, "approver", "POST", "approvals/a1/revoke", "")
		expect("a1", "revoked")
		leave()
		if m, open := <-lines; open {
			t.Errorf("after the client left: %v", m)
		}
	})
}

// A stream ends with what lets its operator see it.
func TestAttackTokenThatExpiresInAStream(t *testing.T) {
	for name, end := range map[string]func(*desk){
		"it expires":      func(*desk) { time.Sleep(time.Hour) },
		"within a leeway": func(d *desk) { d.road.change(func(r *road) { r.leeway = time.Hour }); time.Sleep(time.Hour) },
		"it is revoked":   func(d *desk) { d.road.change(func(r *road) { r.agents["viewer"] = nil }) },
		"it loses a role": func(d *desk) {
			d.road.change(func(r *road) { a := *r.agents["viewer"]; a.Roles = nil; r.agents["viewer"] = &a })
		},
		"the gateway ends": func(d *desk) { d.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t)
				lines, leave := watchIn(t, d, "viewer")
				defer leave()
				synctest.Wait()
				end(d)
				began := time.Now()
				if m, open := <-lines; open {
					t.Errorf("it goes on: %v", m)
				}
				if late := time.Since(began); late > beat {
					t.Errorf("it ended %v later", late)
				}
				d.room.ask("a1", "bot")
			})
		})
	}
}

// Commands may say what they did, and nothing that did not happen in them; who says
// so is not theirs to say.
func TestNotesAreOfCommands(t *testing.T) {
	for body, want := range map[string]int{
		`{"what":"token.minted","detail":{"subject":"bot"}}`:       200,
		`{"what":"approval.approved","detail":{"id":"a1"}}`:        400,
		`{"what":"gateway.start","detail":{}}`:                     400,
		`{"what":"token.minted"}`:                                  400,
		`{"detail":{}}`:                                            400,
		`{"what":"token.minted","detail":{},"by":"ceo"}`:           400,
		`{"what":"token.minted","detail":{"by":"ceo","roles":[]}}`: 200,
	} {
		d := newDesk(t)
		if status, m := d.do(t, d.local, "POST", "notes", body); status != want || (len(d.notes) > 0) != (want == 200) {
			t.Errorf("%s: %d %v, on record %q", body, status, m, d.notes)
		}
		if strings.Contains(fmt.Sprint(d.notes), "ceo") {
			t.Errorf("on record: %q", d.notes)
		}
	}
}
