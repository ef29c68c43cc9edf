//go:build e2e

package attacks

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
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
	return lab.Start(t, lab.Options{Config: all, Policies: map[string]string{"all.rego": "package gateway\n\napprove contains \"ask\" if true\n"}})
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

// The credential beside the record works over loopback, from who is there.
func TestOperatorsCredentialFromElsewhere(t *testing.T) {
	g := asking(t, map[string]any{"listen": "0.0.0.0:0", "insecure": true, "http": map[string]any{"hosts": []string{"gw.example.com"}}})
	token := g.Credential(t)
	port := g.URL[strings.LastIndexByte(g.URL, ':')+1:]
	g.URL = "http://127.0.0.1:" + port
	if a := g.Operate(t, token, http.MethodGet, "me", "", nil); a.Status != 200 {
		t.Fatalf("from here: %d %s", a.Status, a.Text)
	}
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	for name, change := range map[string]func(*http.Request){
		"through a proxy that says so":        header("Forwarded", "for=127.0.0.1"),
		"with the address of a proxy's peer":  header("X-Forwarded-For", "203.0.113.9"),
		"that claims to be here":              header("X-Forwarded-For", "127.0.0.1"),
		"with another proxy's field":          header("X-Real-Ip", "127.0.0.1"),
		"through a gateway":                   header("Via", "1.1 gw"),
		"for the host that agents know it by": func(r *http.Request) { r.Host = "gw.example.com" },
		"as one of two tokens":                func(r *http.Request) { r.Header["Authorization"] = append(r.Header["Authorization"], "Bearer x") },
		"in the query":                        func(r *http.Request) { r.Header.Del("Authorization"); r.URL.RawQuery = "access_token=" + token },
		"as a cookie":                         func(r *http.Request) { r.Header.Del("Authorization"); r.Header.Set("Cookie", "token="+token) },
		"as a password":                       func(r *http.Request) { r.Header.Del("Authorization"); r.SetBasicAuth("admin", token) },
	} {
		t.Run(name, func(t *testing.T) {
			if a := g.Operate(t, token, http.MethodGet, "me", "", change); a.Status != 401 && a.Status != 400 || strings.Contains(a.Text, token) {
				t.Errorf("%d %s", a.Status, a.Text)
			}
		})
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, addr := range addrs {
		ip, _, err := net.ParseCIDR(addr.String())
		if err != nil || ip.IsLoopback() || ip.To4() == nil {
			continue
		}
		r := lab.NewRequest(t, "http://"+net.JoinHostPort(ip.String(), port)+"/v1/admin/me", token, nil)
		r.Method, r.Host = http.MethodGet, "127.0.0.1:"+port
		if a := lab.Do(t, r); a.Status != 401 {
			t.Errorf("from %s: %d %s", ip, a.Status, a.Text)
		}
	}
	// It is nobody at the agents' doors.
	if a := lab.CallREST(t, g, token, "lab__echo", `{}`); a.Status != 401 {
		t.Errorf("as an agent: %d %s", a.Status, a.Text)
	}
	if strings.Contains(g.Log.String(), token) || len(g.Rows(t, "", "SELECT 1 FROM events WHERE instr(body, '"+token+"')")) > 0 {
		t.Error("it is in the log or the record")
	}
	info, err := os.Stat(filepath.Join(g.Dir, "toolward.db.operator"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("its file: %v %v", info.Mode(), err)
	}
}

// A page in an operator's browser decides nothing, whatever it can make the
// browser send, also one whose origin may call tools.
func TestPagesDecideNothing(t *testing.T) {
	g := asking(t, map[string]any{"http": map[string]any{"origins": []string{"https://app.example.com"}}})
	id := ask(t, g, g.Tester(), lab.Text("x"))
	token := g.Token("rita", "admin")
	for name, tt := range map[string]struct {
		change func(*http.Request)
		want   int
	}{
		"another origin":             {func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }, 403},
		"an origin that calls tools": {func(r *http.Request) { r.Header.Set("Origin", "https://app.example.com") }, 403},
		"no origin that is named":    {func(r *http.Request) { r.Header.Set("Origin", "null") }, 403},
		"our host at another port":   {func(r *http.Request) { r.Header.Set("Origin", "http://127.0.0.1:1") }, 403},
		"a preflight": {func(r *http.Request) {
			r.Method = "OPTIONS"
			r.Header.Set("Origin", "https://app.example.com")
			r.Header.Set("Access-Control-Request-Method", "POST")
		}, 403},
		"DNS rebinding": {func(r *http.Request) { r.Host = "evil.example" }, 403},
		"a form without a token": {func(r *http.Request) {
			r.Header.Del("Authorization")
			r.Header.Set("Content-Type", "text/plain")
			r.Body = io.NopCloser(strings.NewReader("{}"))
		}, 401},
		"a link":                    {func(r *http.Request) { r.Method = "GET" }, 404},
		"a link that says it posts": {func(r *http.Request) { r.Method = "GET"; r.Header.Set("X-HTTP-Method-Override", "POST") }, 404},
		"a link with _method":       {func(r *http.Request) { r.Method = "GET"; r.URL.RawQuery = "_method=POST" }, 404},
		"HEAD":                      {func(r *http.Request) { r.Method = "HEAD" }, 404},
		"PUT":                       {func(r *http.Request) { r.Method = "PUT" }, 404},
	} {
		t.Run(name, func(t *testing.T) {
			r := lab.NewRequest(t, g.URL+"/v1/admin/approvals/"+id+"/approve", token, nil)
			tt.change(r)
			a := lab.Do(t, r)
			if a.Status != tt.want || a.Header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%d %v %s", a.Status, a.Header, a.Text)
			}
		})
	}
	if s := state(t, g, id); s.State != "pending" {
		t.Errorf("it is %+v", s)
	}
}

// What one reader takes for another path, or another header, is refused.
func TestPathsAndHeadersThatMeanTwoThings(t *testing.T) {
	g := asking(t, nil)
	id := ask(t, g, g.Tester(), lab.Text("x"))
	agent, viewer := g.Tester(), g.Token("vera", "viewer")
	raw := func(token, line string, headers ...string) string {
		c, err := net.Dial("tcp", strings.TrimPrefix(g.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.SetDeadline(time.Now().Add(lab.Patience)); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(c, "%s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n%s\r\n", line, strings.TrimPrefix(g.URL, "http://"), token, strings.Join(append(headers, ""), "\r\n"))
		status, _ := bufio.NewReader(c).ReadString('\n')
		return status
	}
	for _, path := range []string{
		"/v1/admin/../admin/approvals/ID/approve", "/v1/tools/../admin/approvals/ID/approve", "/v1/admin//approvals/ID/approve", "//v1/admin/approvals/ID/approve",
		"/v1/admin/approvals/ID%2fapprove", "/v1/admin/approvals/ID/%61pprove", "/v1/admin/approvals/./ID/approve", "/V1/ADMIN/approvals/ID/approve",
		"/v1/admin/approvals/ID/approve;x=1", "/v1/admin/approvals/ID/approve/.", "/v1/admin/approvals/ID/approve%00", "/v1/admin%2fapprovals/ID/approve",
		"/mcp/../v1/admin/approvals/ID/approve", "/v1/admin/me/../approvals/ID/approve", "/v1/admin/approvals/ID/approve/",
	} {
		path = strings.ReplaceAll(path, "ID", id)
		for who, token := range map[string]string{"agent": agent, "viewer": viewer} {
			if status := raw(token, "POST "+path, "Content-Length: 0"); !strings.Contains(status, " 4") {
				t.Errorf("%s as %s: %q", path, who, status)
			}
		}
	}
	admin := g.Token("rita", "admin")
	for name, headers := range map[string][]string{
		"two tokens":         {"Authorization: Bearer " + admin, "Content-Length: 0"},
		"another URL":        {"X-Original-URL: /v1/admin/approvals/" + id + "/approve", "X-Rewrite-URL: /v1/admin/approvals/" + id + "/approve", "Content-Length: 0"},
		"a role of its own":  {"X-Role: admin", "X-Forwarded-User: rita", "X-Remote-User: rita", "X-Auth-Request-Roles: admin", "Content-Length: 0"},
		"a token of a proxy": {"X-Authorization: Bearer " + admin, "Proxy-Authorization: Bearer " + admin, "Content-Length: 0"},
	} {
		if status := raw(agent, "POST /v1/admin/approvals/"+id+"/approve", headers...); !strings.Contains(status, " 4") {
			t.Errorf("%s: %q", name, status)
		}
	}
	if s := state(t, g, id); s.State != "pending" {
		t.Errorf("it is %+v", s)
	}
	for name, size := range map[string]int{"over the operation's limit": 65 << 10, "over the listener's": 5 << 20} {
		if a := g.Operate(t, admin, http.MethodPost, "approvals/"+id+"/approve", `{"note":"`+strings.Repeat("x", size)+`"}`, nil); a.Status != 413 {
			t.Errorf("%s: %d", name, a.Status)
		}
	}
	if s := state(t, g, id); s.State != "pending" {
		t.Errorf("it is %+v", s)
	}
}

// Of a hundred who decide at once one does, in the record too, and a call that
// waits runs once or not at all.
func TestHundredRacingDecisions(t *testing.T) {
	g := asking(t, map[string]any{"approvals": map[string]any{"wait": "60s"}})
	marker := lab.Marker()
	answered := make(chan lab.Answer, 1)
	go func() { answered <- lab.CallREST(t, g, g.Tester(), "lab__echo", lab.Text(marker)) }()
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

// The commands decide as who the token says, through the gateway, and without one
// over its files; the credential goes to nobody who took the gateway's port.
func TestCommandsOfOperators(t *testing.T) {
	g := asking(t, nil)
	id := ask(t, g, g.Tester(), lab.Text("x"))
	run := func(token string, args ...string) (int, string) {
		cmd := g.Command(args...)
		cmd.Env = append(cmd.Env, "TOOLWARD_TOKEN="+token)
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState == nil {
			t.Fatal(err)
		}
		return cmd.ProcessState.ExitCode(), string(out)
	}
	if code, out := run(g.Token("vera", "viewer"), "approvals", "approve", id, "--url", g.URL); code != 2 || !strings.Contains(out, "a viewer may not do that") {
		t.Errorf("a viewer: %d %s", code, out)
	}
	if code, out := run(g.Token("rita", "approver"), "approvals", "approve", id, "--url", g.URL, "--note", "fine"); code != 0 || !strings.Contains(out, "approved: lab__echo of tester by rita of ") {
		t.Errorf("an approver: %d %s", code, out)
	}
	if code, out := g.Run(t, "approvals", "approve", id, "--config", "toolward.yaml"); code != 2 || !strings.Contains(out, "rita of ") {
		t.Errorf("the second: %d %s", code, out)
	}
	if code, out := g.Run(t, "approvals", "list", "--url", g.URL, "--config", "toolward.yaml"); code != 2 || !strings.Contains(out, "TOOLWARD_TOKEN") {
		t.Errorf("a URL without a token: %d %s", code, out)
	}
	late := ask(t, g, g.Tester(), lab.Text("y"))
	g.Stop(t)
	thief, err := net.Listen("tcp", strings.TrimPrefix(g.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer thief.Close()
	if code, out := g.Run(t, "approvals", "deny", late, "--note", "too late", "--config", "toolward.yaml"); code != 0 || !strings.Contains(out, "denied: lab__echo of tester by local:") {
		t.Errorf("without a gateway: %d %s", code, out)
	}
	g.CheckChain(t, "")
	if rows := g.Rows(t, "", "SELECT body ->> '$.by.issuer' || ':' AS who FROM events WHERE type = 'approval.denied'"); len(rows) != 1 || !strings.HasPrefix(fmt.Sprint(rows[0]["who"]), "local:") {
		t.Errorf("on record: %v", rows)
	}
}

// No secret of an upstream is needed to look and to decide.
func TestCommandsNeedNoSecretOfAnUpstream(t *testing.T) {
	up := lab.NewUpstream(t)
	g := lab.Start(t, lab.Options{
		Upstream: up, Env: []string{"LAB_UPSTREAM_SECRET=synthetic-secret"},
		Config: map[string]any{
			"approvals": map[string]any{"wait": "0s"},
			"upstreams": map[string]any{"lab": map[string]any{"url": up.URL(), "headers": map[string]any{"X-Key": "${LAB_UPSTREAM_SECRET}"}}},
		},
		Policies: map[string]string{"all.rego": "package gateway\n\napprove contains \"ask\" if true\n"},
	})
	id := ask(t, g, g.Tester(), lab.Text("x"))
	run := func(args ...string) (int, string) {
		cmd := g.Command(append(args, "--config", "toolward.yaml")...)
		cmd.Env = append(cmd.Env[:2:2], "TOOLWARD_TOKEN="+g.Tester()) // which is no operator's, and not asked for
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState == nil {
			t.Fatal(err)
		}
		return cmd.ProcessState.ExitCode(), string(out)
	}
	for _, args := range [][]string{
		{"approvals", "list"}, {"approvals", "show", id}, {"approvals", "approve", id}, {"tools", "list"}, {"tools", "show", "lab__echo"}, {"tools", "diff"},
		{"tools", "call", "lab__echo", lab.Text("x"), "--url", g.URL}, {"audit", "list"}, {"audit", "verify"}, {"audit", "stats"}, {"audit", "hash", "x"}, {"policy", "test"}, {"policy", "explain", id},
		{"token", "inspect"}, {"health", "--url", g.URL},
	} {
		if code, out := run(args...); strings.Contains(out, "LAB_UPSTREAM_SECRET") || args[0] != "policy" && code != 0 {
			t.Errorf("%q: %d %s", args, code, out)
		}
	}
	g.Stop(t)
	for _, args := range [][]string{{"approvals", "list"}, {"approvals", "show", id}, {"approvals", "revoke", id}} {
		if code, out := run(args...); strings.Contains(out, "LAB_UPSTREAM_SECRET") || args[1] != "revoke" && code != 0 {
			t.Errorf("without a gateway, %q: %d %s", args, code, out)
		}
	}
	if code, out := run("tools", "list"); code != 2 || !strings.Contains(out, "LAB_UPSTREAM_SECRET") {
		t.Errorf("what starts an upstream: %d %s", code, out)
	}
}
