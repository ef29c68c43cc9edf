//go:build e2e

package attacks

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"toolward/e2e/lab"
)

// Attacks on /v1/admin: who decides there lets calls run.

// asking starts a gateway whose every call waits for a person, and operators by
// the roles viewer, approver and admin.
func asking(t *testing.T, config map[string]any) *lab.Gateway {
	t.Helper()
	all := map[string]any{
		"approvals": map[string]any{"wait": "0s"},
		"admin":     map[string]any{"viewers": []string{"viewer"}, "approvers": []string{"approver"}, "admins": []string{"admin"}},
	}
	for name, v := range config {
		all[name] = v
	}
	return lab.Start(t, lab.Options{Config: all, Local: true, Policies: map[string]string{"all.rego": "package gateway\n\napprove contains \"ask\" if true\n"}})
}

// ask makes a call that waits, and returns its approval.
func ask(t *testing.T, g *lab.Gateway, token, args string) (id string) {
	t.Helper()
	a := lab.CallREST(t, g, token, "lab__echo", args)
	var p struct{ Approval string }
	if err := json.Unmarshal([]byte(a.Text), &p); err != nil || p.Approval == "" {
		t.Fatalf("no approval: %s", a.Text)
	}
	return p.Approval
}

// state is what has become of an approval.
func state(t *testing.T, g *lab.Gateway, id string) (a struct{ State, By, Note string }) {
	t.Helper()
	got := g.Operate(t, g.Credential(t), http.MethodGet, "approvals/"+id, "", nil)
	if err := json.Unmarshal([]byte(got.Text), &a); err != nil {
		t.Fatalf("%v in %s", err, got.Text)
	}
	return a
}

// Nobody decides who is not in the role, or whose call it is. Each way of asking
// is tried by each who must not.
func TestWhoMustNotDecide(t *testing.T) {
	g := asking(t, nil)
	other := lab.Start(t, lab.Options{})
	expired := g.Issuer.Sign(g.Issuer.Claims("rita", lab.Audience, map[string]any{"roles": []string{"admin"}, "exp": time.Now().Add(-time.Hour).Unix()}))
	elsewhere := g.Issuer.Sign(g.Issuer.Claims("rita", "https://other.example", map[string]any{"roles": []string{"admin"}}))
	for _, tt := range []struct {
		name, token string
		want        int
	}{
		{"nobody", "", 401},
		{"an agent", g.Tester(), 403},
		{"an agent of no role", g.Token("bot"), 403},
		{"an agent whose role has an operator's in it", g.Token("bot", "approver ", "Approver", "approvers", "admin,approver"), 403},
		{"a viewer", g.Token("vera", "viewer"), 403},
		{"the call's own agent, as an approver", g.Token("asker", "approver"), 403},
		{"the call's own agent, as an admin", g.Token("asker", "admin"), 403},
		{"an admin of another issuer", other.Token("rita", "admin"), 401},
		{"an admin whose token is for another place", elsewhere, 401},
		{"an admin whose token is over", expired, 401},
		{"another gateway's operator", other.Credential(t), 401},
		{"a credential that is cut", g.Credential(t)[:20], 401},
		{"the gateway's signing key, as a token", lab.Quote("toolward.db.keys"), 401},
	} {
		t.Run(tt.name, func(t *testing.T) {
			marker := lab.Marker()
			id := ask(t, g, g.Token("asker", "tester"), lab.Text(marker))
			if a := g.Operate(t, tt.token, http.MethodPost, "approvals/"+id+"/approve", `{"note":"yes"}`, nil); a.Status != tt.want {
				t.Errorf("approve: %d %s", a.Status, a.Text)
			}
			if s := state(t, g, id); s.State != "pending" {
				t.Errorf("it is %+v", s)
			}
			ask(t, g, g.Token("asker", "tester"), lab.Text(marker))
			if n := g.Upstream.Executed(marker); n != 0 {
				t.Errorf("it was executed %d times", n)
			}
		})
	}
	// What was tried in vain with a token that is good for something is on record.
	for _, who := range []string{"tester", "vera", "asker"} {
		if n := g.Count(t, "", "agent = '"+who+"' AND method = 'admin.approvals.approve' AND code = 'forbidden'"); n == 0 {
			t.Errorf("%s is not on record", who)
		}
	}
	if a := g.Operate(t, g.Token("rita", "approver"), http.MethodPost, "approvals/"+ask(t, g, g.Token("asker", "tester"), lab.Text("last"))+"/approve", "", nil); a.Status != 200 {
		t.Errorf("a good approver: %d %s", a.Status, a.Text)
	}
	g.CheckChain(t, "")
}

// Policy takes from a role what the configuration gave, also where no gateway runs.
func TestApproversThatPolicyRefuses(t *testing.T) {
	g := asking(t, nil)
	g.Write(t, "policies/operators.rego", "package operators\n\ndeny contains \"payments are for finance to approve\" if not \"finance\" in input.operator.roles\n")
	g.Until(t, "the policy is not read again", func() bool { return strings.Contains(g.Log.String(), "policy reloaded") })
	id := ask(t, g, g.Tester(), lab.Text("x"))
	for name, token := range map[string]string{"an approver": g.Token("rita", "approver"), "an admin": g.Token("ada", "admin"), "the local operator": g.Credential(t)} {
		if a := g.Operate(t, token, http.MethodPost, "approvals/"+id+"/approve", "", nil); a.Status != 403 || !strings.Contains(a.Text, "for finance to approve") {
			t.Errorf("%s: %d %s", name, a.Status, a.Text)
		}
	}
	g.Stop(t)
	if code, out := g.Run(t, "approvals", "approve", id, "--config", "toolward.yaml"); code != 2 || !strings.Contains(out, "for finance to approve") {
		t.Errorf("without a gateway: %d %s", code, out)
	}
	g.Restart(t)
	if s := state(t, g, id); s.State != "pending" {
		t.Errorf("it is %+v", s)
	}
	if a := g.Operate(t, g.Token("fay", "approver", "finance"), http.MethodPost, "approvals/"+id+"/approve", "", nil); a.Status != 200 {
		t.Errorf("finance: %d %s", a.Status, a.Text)
	}
}

// A decision is on record with who made it, and what they call themselves does
// not matter.
func TestWhoDecidedIsOnRecord(t *testing.T) {
	g := asking(t, nil)
	rita := g.Issuer.Sign(g.Issuer.Claims("rita", lab.Audience, map[string]any{"roles": []string{"approver"}, "name": "The CEO"}))
	for verb, token := range map[string]string{"approve": rita, "deny": g.Credential(t)} {
		marker := lab.Marker()
		id := ask(t, g, g.Tester(), lab.Text(marker))
		for _, body := range []string{`{"by":"ceo"}`, `{"note":"x","decider":{"issuer":"local","subject":"ceo"}}`} {
			if a := g.Operate(t, token, http.MethodPost, "approvals/"+id+"/"+verb, body, nil); a.Status != 400 {
				t.Errorf("%s: %d %s", body, a.Status, a.Text)
			}
		}
		if a := g.Operate(t, token, http.MethodPost, "approvals/"+id+"/"+verb, `{"note":"because"}`, nil); a.Status != 200 {
			t.Fatalf("%s: %d %s", verb, a.Status, a.Text)
		}
		want := "rita of " + g.Issuer.Name()
		if verb == "deny" {
			want = "local:"
		}
		if s := state(t, g, id); !strings.HasPrefix(s.By, want) || s.Note != "because" {
			t.Errorf("%+v", s)
		}
	}
	rows := g.Rows(t, "", "SELECT type, body ->> '$.by.subject' AS who, body ->> '$.by.issuer' AS issuer FROM events WHERE type IN ('approval.approved', 'approval.denied') ORDER BY type")
	if len(rows) != 2 || rows[0]["who"] != "rita" || rows[0]["issuer"] != g.Issuer.Name() || rows[1]["issuer"] != "local" {
		t.Errorf("%v", rows)
	}
}

// Of a hundred who decide at once one does, in the record too, and a call that
// waits runs once or not at all.
func TestHundredRacingDecisions(t *testing.T) {
	g := asking(t, map[string]any{"approvals": map[string]any{"wait": "60s"}})
	marker := lab.Marker()
	answered := lab.Beside(func() lab.Answer { return lab.CallREST(t, g, g.Tester(), "lab__echo", lab.Text(marker)) })
	id := g.Waiting(t)
	var won, approved atomic.Int32
	var wg sync.WaitGroup
	for i := range 100 {
		token, verb := g.Token(fmt.Sprint("person-", i), "approver"), []string{"approve", "deny"}[i%2]
		wg.Go(func() {
			a := g.Operate(t, token, http.MethodPost, "approvals/"+id+"/"+verb, "", nil)
			var p struct{ By, State, Code string }
			_ = json.Unmarshal([]byte(a.Text), &p)
			switch {
			case a.Status == 200:
				won.Add(1)
				if verb == "approve" {
					approved.Add(1)
				}
			case a.Status != 409 || p.By == "" || p.Code != "decided":
				t.Errorf("%d %s", a.Status, a.Text)
			}
		})
	}
	wg.Wait()
	a := <-answered
	if won.Load() != 1 || int32(g.Upstream.Executed(marker)) != approved.Load() || (a.Code == "") != (approved.Load() == 1) {
		t.Errorf("%d won, %d approved, executed %d times, the call got %q", won.Load(), approved.Load(), g.Upstream.Executed(marker), a.Code)
	}
	if n := len(g.Rows(t, "", "SELECT 1 FROM events WHERE type IN ('approval.approved', 'approval.denied')")); n != 1 {
		t.Errorf("%d decisions are on record", n)
	}
	g.CheckChain(t, "")
}

// An operator who watches sees no longer than their token is good for.
func TestTokenThatExpiresWhileItsOperatorWatches(t *testing.T) {
	g := asking(t, nil)
	token := g.Issuer.Sign(g.Issuer.Claims("vera", lab.Audience, map[string]any{"roles": []string{"viewer"}, "exp": time.Now().Add(3 * time.Second).Unix()}))
	r := lab.NewRequest(t, g.URL+"/v1/admin/approvals?watch=true", token, nil)
	r.Method = http.MethodGet
	resp, err := http.DefaultClient.Do(r)
	if err != nil || resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "application/jsonl" {
		t.Fatal(resp, err)
	}
	defer resp.Body.Close()
	id := ask(t, g, g.Tester(), lab.Text("x"))
	line, err := bufio.NewReader(resp.Body).ReadString('\n')
	if err != nil || !strings.Contains(line, id) {
		t.Errorf("%q %v", line, err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, resp.Body)
		ended <- err
	}()
	select {
	case <-ended:
	case <-time.After(lab.Patience):
		t.Error("the stream goes on")
	}
}

// The gateway ends in order while somebody watches.
func TestStopWhileAnOperatorWatches(t *testing.T) {
	g := asking(t, map[string]any{"http": map[string]any{"drain": "20s"}})
	r := lab.NewRequest(t, g.URL+"/v1/admin/approvals?watch=true", g.Credential(t), nil)
	r.Method = http.MethodGet
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	g.Stop(t)
}
