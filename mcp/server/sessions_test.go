package server

import (
	"fmt"
	"strings"
	"testing"

	"toolward/gateway"
)

// Who floods the gateway with sessions locks nobody out but itself, whether it
// leaves them alone or holds their streams, under one name or ten.
func TestNewcomersAreNotLockedOut(t *testing.T) {
	for name, flood := range map[string]struct {
		agents, each int
		held         bool
	}{
		"one agent":                     {agents: 1, each: 40},
		"one agent that holds streams":  {agents: 1, each: 40, held: true},
		"ten agents":                    {agents: 10, each: 20},
		"ten agents that hold streams":  {agents: 10, each: 20, held: true},
		"as many agents as sessions":    {agents: 30, each: 1},
		"more agents than sessions":     {agents: 60, each: 1},
		"an agent for each two of them": {agents: 15, each: 5},
	} {
		t.Run(name, func(t *testing.T) {
			s := newBareStub(t, func(o *Options) { o.MaxSessions, o.PerPrincipal = 30, 25 }, nil)
			defer s.srv.Close()
			open := func(agent string, held bool) (*session, *gateway.Refusal) {
				ss := newSession(s.srv, &gateway.Agent{ID: agent, Issuer: "test"}, gateway.SurfaceMCP, "")
				if held {
					ss.main.attach(0, false)
				}
				return ss, s.srv.sessions.add(ss)
			}
			for i := range flood.agents {
				for range flood.each {
					open(fmt.Sprintf("mallory-%d", i), flood.held)
				}
			}
			var ours []*session
			for i := range 3 {
				ss, refusal := open(fmt.Sprintf("ann-%d", i), false)
				if refusal != nil {
					t.Fatalf("newcomer %d: %v", i, refusal)
				}
				ours = append(ours, ss)
			}
			for i := range flood.agents {
				open(fmt.Sprintf("mallory-%d", i), flood.held)
			}
			if n := s.srv.Sessions(); n > 30 {
				t.Errorf("%d sessions are open, want at most 30", n)
			}
			if flood.each == 1 {
				return // everyone has one, and the oldest makes room
			}
			for i, ss := range ours {
				if s.srv.sessions.byOwnID(ss.id) != ss {
					t.Errorf("the only session of ann-%d made room for an agent with many", i)
				}
			}
		})
	}
}

// Nobody's only session is ended while it is in use: then the gateway is full.
func TestSessionsInUseAreNotEndedForANewcomer(t *testing.T) {
	s := newStub(t, func(o *Options) { o.MaxSessions = 3 }, nil)
	for i := range 3 {
		ss := newSession(s.srv, &gateway.Agent{ID: fmt.Sprint(i), Issuer: "test"}, gateway.SurfaceMCP, "")
		ss.main.attach(0, false)
		if refusal := s.srv.sessions.add(ss); refusal != nil {
			t.Fatal(refusal)
		}
	}
	r := s.send("POST", "/mcp", "eve", `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{}}`)
	if r.status != 503 || r.header.Get("Retry-After") != "30" || member(t, r.body, "id") != 0.0 {
		t.Errorf("got %d %v %s", r.status, r.header, r.body)
	}
}

// A principal that has as many as it may loses what it does not use.
func TestAPrincipalsOwnIdleSessionMakesRoom(t *testing.T) {
	s := newBareStub(t, func(o *Options) { o.PerPrincipal = 3 }, nil)
	defer s.srv.Close()
	var all []*session
	for i := range 5 {
		ss := newSession(s.srv, &gateway.Agent{ID: "ann", Issuer: "test"}, gateway.SurfaceMCP, "")
		if i != 1 {
			ss.main.attach(0, false)
		}
		if refusal := s.srv.sessions.add(ss); refusal != nil {
			t.Fatal(refusal)
		}
		all = append(all, ss)
	}
	for i, open := range []bool{false, false, true, true, true} {
		if got := s.srv.sessions.byOwnID(all[i].id) != nil; got != open {
			t.Errorf("session %d is open: %v, want %v", i, got, open)
		}
	}
}

// Opening a session costs what a call costs, and is refused like one.
func TestInitializeIsLimited(t *testing.T) {
	s := newStub(t, nil, nil)
	over := gateway.Refuse("limit", gateway.RateLimited, "too many")
	over.RetryAfter = 1500000000
	s.limit = over
	r := s.send("POST", "/mcp", "ann", `{"jsonrpc":"2.0","id":"i","method":"initialize","params":{}}`)
	if r.status != 429 || r.header.Get("Retry-After") != "2" || member(t, r.body, "id") != "i" || member(t, r.body, "error", "code") != -32000.0 {
		t.Errorf("initialize: got %d %v %s", r.status, r.header, r.body)
	}
	if r := s.send("GET", "/sse", "ann", ""); r.status != 429 || r.header.Get("Retry-After") != "2" {
		t.Errorf("/sse: got %d %v", r.status, r.header)
	}
	if n := s.srv.Sessions(); n != 0 || len(s.refused) != 2 {
		t.Errorf("%d sessions are open, %d refusals are on record", n, len(s.refused))
	}
}

// Other bounds hold at once for what is not in use, and for the rest as others come.
func TestBoundsOfSessionsChange(t *testing.T) {
	for name, tt := range map[string]struct {
		ann, bob           string // a letter for each session, oldest first: i is idle, u in use
		perPrincipal, most int
		left               string // of both
	}{
		"more":                               {"iii", "ii", 10, 10, "iii ii"},
		"none of them, which is as before":   {"iii", "ii", 0, 0, "iii ii"},
		"fewer of an agent":                  {"iii", "ii", 2, 10, "ii ii"},
		"one of an agent":                    {"iii", "ii", 1, 10, "i i"},
		"fewer of an agent, some in use":     {"uiui", "u", 2, 10, "uu u"},
		"fewer of an agent, all in use":      {"uuuu", "i", 2, 10, "uuuu i"},
		"fewer in all: who has most":         {"iiii", "i", 10, 3, "ii i"},
		"fewer in all: as even as it goes":   {"iii", "iii", 10, 2, "i i"},
		"fewer in all, some in use":          {"uuiu", "iii", 10, 4, "uuu i"},
		"fewer in all, all in use":           {"uuu", "uu", 10, 2, "uuu uu"},
		"fewer of an agent and fewer in all": {"iiii", "iii", 3, 4, "ii ii"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newBareStub(t, func(o *Options) { o.MaxSessions, o.PerPrincipal = 10, 10 }, nil)
			defer s.srv.Close()
			for agent, all := range map[string]string{"ann": tt.ann, "bob": tt.bob} {
				for _, use := range all {
					ss := newSession(s.srv, &gateway.Agent{ID: agent, Issuer: "test"}, gateway.SurfaceMCP, "")
					if use == 'u' {
						ss.main.attach(0, false)
					}
					if refusal := s.srv.sessions.add(ss); refusal != nil {
						t.Fatal(refusal)
					}
				}
			}
			s.srv.SetSessions(tt.perPrincipal, tt.most)
			var left []string
			for _, agent := range []string{"ann", "bob"} {
				uses := ""
				held := s.srv.sessions.holders[(&gateway.Agent{ID: agent, Issuer: "test"}).Principal()]
				for e := held.Front(); e != nil; e = e.Next() {
					uses += map[bool]string{true: "i", false: "u"}[e.Value.(*session).unused()]
				}
				left = append(left, uses)
			}
			if got := strings.Join(left, " "); got != tt.left {
				t.Errorf("left is %s, want %s", got, tt.left)
			}
		})
	}
}

// A bound that is lower holds for who comes then, too.
func TestALowerBoundOfSessionsHolds(t *testing.T) {
	s := newBareStub(t, nil, nil)
	defer s.srv.Close()
	s.srv.SetSessions(2, 3)
	for i := range 12 {
		ss := newSession(s.srv, &gateway.Agent{ID: fmt.Sprint(i % 3), Issuer: "test"}, gateway.SurfaceMCP, "")
		if refusal := s.srv.sessions.add(ss); refusal != nil {
			t.Fatal(refusal)
		}
	}
	if n := s.srv.Sessions(); n != 3 {
		t.Errorf("%d sessions are open, want 3", n)
	}
}
