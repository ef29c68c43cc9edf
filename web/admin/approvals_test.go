package admin

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"toolward/gateway"
)

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
		partner := &gateway.Agent{ID: "approver", Issuer: "https://partner.test"}
		d.room.all[0].Issuer, d.room.all[0].Identities = partner.Issuer, partner.Identities()
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
