package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
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
	mu     sync.Mutex
	all    []gateway.Approval // newest first
	bell   gateway.Bell
	looked int
}

func (w *waiting) Changed() <-chan struct{} { return w.bell.Next() }

func (w *waiting) Approvals(_ context.Context, state gateway.ApprovalState, most int) (list []gateway.Approval, _ error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.looked++
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
	w.bell.Ring()
	return *a, nil
}

func (w *waiting) ask(id, agent string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = slices.Insert(w.all, 0, gateway.Approval{ID: id, Agent: agent, Issuer: issuer, Identities: (&gateway.Agent{ID: agent, Issuer: issuer}).Identities(), Tool: "bank__pay", State: gateway.ApprovalOpen, Args: []byte(`{"to":"bob"}`)})
	w.bell.Ring()
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

// named has the named tokens that were made.
type named struct {
	mu    sync.Mutex
	all   []gateway.NamedToken
	ended []string // grants
}

func (n *named) Held() gateway.Held {
	n.mu.Lock()
	defer n.mu.Unlock()
	return gateway.Held{Tokens: slices.Clone(n.all), Grants: []gateway.Grant{{ID: "grant-1", Agent: "ann", Name: "a client"}}}
}

func (n *named) CreateToken(_ context.Context, t gateway.NamedToken) (string, gateway.NamedToken, error) {
	if err := gateway.CheckTokenName(t.Name); err != nil {
		return "", t, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if slices.ContainsFunc(n.all, func(old gateway.NamedToken) bool { return old.Name == t.Name }) {
		return "", t, gateway.ErrTokenTaken
	}
	t.Digest = "digest-" + t.Name
	n.all = append(n.all, t)
	return "the-token", t, nil
}

func (n *named) End(_ context.Context, name string, by gateway.Operator, _ string) (gateway.Ended, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if name == "grant-1" {
		n.ended = append(n.ended, name+" by "+by.Subject)
		return gateway.Ended{Name: name, Subject: "ann", Client: "a client"}, nil
	}
	i := slices.IndexFunc(n.all, func(t gateway.NamedToken) bool { return t.Name == name })
	if i < 0 {
		return gateway.Ended{}, gateway.ErrNoToken
	}
	t := n.all[i]
	n.all = slices.Delete(n.all, i, i+1)
	return gateway.Ended{Name: t.Name, Subject: t.Subject}, nil
}

const issuer = "https://id.test"

// desk is a handler with everything behind it.
type desk struct {
	broken error    // of the configuration
	notes  []string // what was put on record
	*Handler
	road  *road
	room  *waiting
	tools *tools
	named *named
	local string // the operator's credential
}

func newDesk(t *testing.T, change ...func(*Options)) *desk {
	t.Helper()
	d := &desk{road: &road{agents: map[string]*gateway.Agent{}}, room: &waiting{}, tools: &tools{}, named: &named{all: []gateway.NamedToken{{Name: "old", Subject: "bot"}}}}
	d.tools.fingerprint.Store(shown)
	for name, roles := range map[string][]string{"agent": nil, "viewer": {"v"}, "approver": {"ap"}, "admin": {"ad"}, "other": {"ap"}} {
		d.road.agents[name] = &gateway.Agent{ID: name, Issuer: issuer, Roles: roles, Claims: map[string]any{"sub": name}, Expires: time.Now().Add(time.Hour)}
	}
	path := filepath.Join(t.TempDir(), "operator")
	credential, err := OpenCredential(path, "http://127.0.0.1:1", "")
	if err != nil {
		t.Fatal(err)
	}
	way, err := ReadCredential(path)
	if err != nil {
		t.Fatal(err)
	}
	d.local = way.Token
	opt := Options{
		Road: d.road, Approvals: d.room, Tools: d.tools, Tokens: d.named, Version: "test",
		Health: func() Health { return Health{Version: "test", Ready: true} },
		Note: func(_ context.Context, eventType string, detail any) error {
			d.notes = append(d.notes, fmt.Sprint(eventType, " ", detail))
			return nil
		},
		Reload: func(_ context.Context, by gateway.Operator) (Reloaded, error) {
			if d.broken != nil {
				return Reloaded{}, d.broken
			}
			return Reloaded{Fields: []string{"guard.pii"}, Changed: []string{by.Subject}}, nil
		},
		Roles: func() Roles { return Roles{Viewers: []string{"v"}, Approvers: []string{"ap"}, Admins: []string{"ad"}} },
		Local: &Local{Credential: credential, User: "ann"},
		Limit: func(*gateway.Agent) (func(), error) { return func() {}, nil },
		Token: func(r *http.Request) (string, error) {
			return strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), nil
		},
		Challenge: func(string, string, *gateway.Refusal, bool) string { return "" },
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
