//go:build e2e

package field

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"toolward/e2e/lab"
)

// Fields beyond upstreams, limits and guard: each takes effect while the gateway runs, and
// is on record.
func TestFieldsChangeWhileItRuns(t *testing.T) {
	code := func(text string) func(*testing.T, *lab.Gateway) string {
		return func(t *testing.T, g *lab.Gateway) string {
			return lab.CallREST(t, g, g.Tester(), "lab__echo", lab.Text(text)).Code
		}
	}
	operator := func(role string) func(*testing.T, *lab.Gateway) string {
		return func(t *testing.T, g *lab.Gateway) string {
			return fmt.Sprint(g.Operate(t, g.Token("olga", role), http.MethodGet, "approvals", "", nil).Status)
		}
	}
	admin := func(list string, roles ...string) func(config) {
		return func(c config) { c["admin"].(config)[list] = roles }
	}
	policies := func(field, value string) func(config) {
		return func(c config) { c["policy"].(config)[field] = value }
	}
	for name, tt := range map[string]struct {
		config        config // beside the lab's, at the start
		edit          func(config)
		check         func(*testing.T, *lab.Gateway) string
		before, after string
		field         string // as log and record name it
	}{
		"sessions of an agent":  {nil, func(c config) { c["limits"].(config)["sessions"] = config{"agent": 1} }, firstOfTwoSessions, "200", "404", "limits.sessions.agent"},
		"sessions in all":       {nil, func(c config) { c["limits"].(config)["sessions"] = config{"total": 1} }, firstOfTwoSessions, "200", "404", "limits.sessions.total"},
		"exceptions":            {config{"guard": config{"pii": "block"}}, func(c config) { c["guard"].(config)["allow"] = "other.json" }, code(person), "guard", "", "guard.allow"},
		"the wait for a person": {config{"approvals": config{"wait": "0s"}}, func(c config) { c["approvals"].(config)["wait"] = "1h" }, askPerson, "approval_pending", "waits", "approvals.wait"},
		"how long a consent lasts": {config{"approvals": config{"wait": "0s", "expire": "1h"}}, func(c config) { c["approvals"].(config)["expire"] = "5h" }, lifeOfConsent, "1h0m0s", "5h0m0s",
			"approvals.expire"},
		"another folder of policies":     {nil, policies("path", "./others"), code("x"), "", "policy", "policy.path"},
		"policies where there were none": {config{"policy": config{}}, policies("path", "./policies"), code("x"), "policy", "", "policy.path"},
		"no policies any more":           {nil, func(c config) { c["policy"] = config{} }, code("x"), "", "policy", "policy.path"},
		"data":                           {nil, policies("data", "./data.json"), code("by data"), "policy", "", "policy.data"},
		"a shadow":                       {nil, policies("shadow", "./others"), shadowOf, "", "deny", "policy.shadow"},
		"OPA for each call":              {nil, func(c config) { c["policy"].(config)["exact"] = true }, code("x"), "", "", "policy.exact"},
		"a viewer more":                  {config{"admin": config{"admins": []string{"boss"}}}, admin("viewers", "support"), operator("support"), "403", "200", "admin.viewers[0]"},
		"an approver more":               {config{"admin": config{"admins": []string{"boss"}}}, admin("approvers", "lead"), operator("lead"), "403", "200", "admin.approvers[0]"},
		"an admin less":                  {config{"admin": config{"admins": []string{"boss", "lead"}}}, admin("admins", "boss"), operator("lead"), "200", "403", "admin.admins[1]"},
		"an issuer of operators":         {config{"admin": config{"admins": []string{"lead"}}}, admin("issuers", "toolward-local"), operator("lead"), "200", "403", "admin.issuers[0]"},
		"the log's level":                {config{"log": config{"level": "error"}}, func(c config) { c["log"].(config)["level"] = "info" }, saysInfo, "false", "true", "log.level"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := lab.Launch(t, lab.Options{Policies: map[string]string{"all.rego": lab.AllowTesters + fieldRules}, Config: tt.config, Local: true})
			g.Write(t, "others/none.rego", "package gateway\n\nallow := false\n")
			g.Write(t, "data.json", `{"open": true}`)
			g.Write(t, "other.json", `{"allow": [{"id": "a1", "rule": "pii.*", "reason": "synthetic people", "created": "2026-01-01T00:00:00Z"}]}`)
			g.WaitReady(t)
			if got := tt.check(t, g); got != tt.before {
				t.Fatalf("before: %q, want %q", got, tt.before)
			}
			g.Edit(t, tt.edit)
			g.Reload(t) // says nothing if the file was noticed before
			g.Until(t, "it is not in force", func() bool { return tt.check(t, g) == tt.after })
			body := fmt.Sprint(g.Rows(t, "", "SELECT body FROM events WHERE type = 'config.loaded' ORDER BY seq LIMIT 1")[0]["body"])
			if !strings.Contains(body, `"`+tt.field) {
				t.Errorf("the record says %s", body)
			}
		})
	}
}

const fieldRules = `
approve contains "a person looks" if contains(input.args.text, "person")

deny contains "the data say no" if {
	contains(input.args.text, "by data")
	not data.open
}
`

// firstOfTwoSessions is what the older of two sessions of an agent gets.
func firstOfTwoSessions(t *testing.T, g *lab.Gateway) string {
	first, _ := lab.OpenSession(t, g, g.Tester(), "/mcp")
	if _, refused := lab.OpenSession(t, g, g.Tester(), "/mcp"); refused != nil {
		return refused.Code
	}
	return fmt.Sprint(lab.Do(t, lab.NewSessionRequest(t, g, g.Tester(), "/mcp", first, `{"jsonrpc":"2.0","id":2,"method":"ping"}`)).Status)
}

// askPerson says whether a call that a person has to look at waits.
func askPerson(t *testing.T, g *lab.Gateway) string {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	r := lab.NewRequest(t, g.URL+"/v1/tools/lab__echo/call", g.Tester(), strings.NewReader(lab.Text("person "+lab.Marker()))).WithContext(ctx)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return "waits"
	}
	defer resp.Body.Close()
	var problem struct{ Code string }
	if err := json.NewDecoder(resp.Body).Decode(&problem); err != nil {
		t.Fatal(err)
	}
	return problem.Code
}

// lifeOfConsent is how long a question lasts that is asked now.
func lifeOfConsent(t *testing.T, g *lab.Gateway) string {
	lab.CallREST(t, g, g.Tester(), "lab__echo", lab.Text("person "+lab.Marker()))
	var list struct {
		Approvals []struct{ Created, Expires time.Time }
	}
	if err := json.Unmarshal([]byte(g.Operate(t, g.Credential(t), http.MethodGet, "approvals", "", nil).Text), &list); err != nil {
		t.Fatal(err)
	}
	var longest time.Duration
	for _, a := range list.Approvals {
		longest = max(longest, a.Expires.Sub(a.Created))
	}
	return longest.Round(time.Second).String()
}

// shadowOf is what the shadow policy says of a call.
func shadowOf(t *testing.T, g *lab.Gateway) string {
	lab.CallREST(t, g, g.Tester(), "lab__echo", lab.Text("x"))
	shadow := g.Rows(t, "", "SELECT coalesce(shadow, '') AS shadow FROM calls WHERE tool = 'lab__echo' ORDER BY time DESC LIMIT 1")[0]["shadow"]
	return fmt.Sprint(shadow)
}

// saysInfo is whether the log has what is only for information.
func saysInfo(_ *testing.T, g *lab.Gateway) string {
	return fmt.Sprint(strings.Contains(g.Log.String(), "level=INFO"))
}

// A thousand calls while policies, their data and the upstream's address change fifty times:
// none is lost, and none is judged by the rules of one and sent to the other.
func TestPoliciesChangeUnderLoad(t *testing.T) {
	const workers, each, changes = 8, 125, 50
	plain, redacted := lab.NewUpstream(t), lab.NewUpstream(t)
	g := lab.Launch(t, lab.Options{Policies: map[string]string{"all.rego": lab.AllowTesters}, Config: config{"upstreams": config{"lab": config{"url": plain.URL()}}}})
	g.Write(t, "others/all.rego", lab.AllowTesters+"\nredact contains \"args.text\" if data.hide\n")
	g.Write(t, "data.json", `{"hide": true}`)
	g.WaitReady(t)
	var calls sync.WaitGroup
	for range workers {
		calls.Go(func() {
			for range each {
				if a := lab.REST.Call(t, g, g.Tester(), "echo", lab.Text("harbour")); a.Code != "" || a.Status != http.StatusOK {
					t.Errorf("a call got %+v", a)
				}
			}
		})
	}
	for i := range changes {
		g.Edit(t, func(c config) {
			if i%2 == 0 {
				labOf(c)["url"], c["policy"] = redacted.URL(), config{"path": "./others", "data": "./data.json"}
			} else {
				labOf(c)["url"], c["policy"] = plain.URL(), config{"path": "./policies"}
			}
		})
		if a := g.Reload(t); a.Detail != "" {
			t.Fatal(a.Detail)
		}
	}
	calls.Wait()
	if n := redacted.Executed("harbour"); n > 0 {
		t.Errorf("%d calls were judged by one policy and sent to the upstream beside the other", n)
	}
	if n := plain.Executed("harbour"); n == 0 {
		t.Error("no call came to the first upstream")
	}
	if good, bad := loads(t, g); good == 0 || bad > 0 {
		t.Errorf("%d configurations in force, %d broken", good, bad)
	}
}

// A policy that is broken, or not there, leaves everything of the change as it was, and
// comes into force when it is repaired, without another edit of the configuration.
func TestBrokenPolicyElsewhereChangesNothing(t *testing.T) {
	g := lab.Start(t, lab.Options{})
	g.Write(t, "others/all.rego", "package gateway\n\nallow if {\n")
	g.Edit(t, func(c config) { c["policy"].(config)["path"] = "./others"; c["guard"] = config{"pii": "block"} })
	g.Until(t, "the record does not say so", func() bool { _, bad := loads(t, g); return bad == 1 })
	if detail := g.Reload(t).Detail; !strings.Contains(detail, "all.rego:") {
		t.Errorf("an operator is told %q, not where", detail)
	}
	if a := lab.CallREST(t, g, g.Tester(), "lab__echo", lab.Text(person)); a.Code != "" {
		t.Errorf("a call got %+v", a)
	}
	g.Write(t, "others/all.rego", lab.AllowTesters)
	g.Until(t, "it is not in force", func() bool { return lab.CallREST(t, g, g.Tester(), "lab__echo", lab.Text(person)).Code == "guard" })
	if good, _ := loads(t, g); good != 1 {
		t.Errorf("%d configurations are on record", good)
	}
}
