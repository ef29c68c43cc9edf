//go:build e2e

package field

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"toolward/e2e/lab"
)

// step is a call and what becomes of it; "+" after the code: a person consents to it
// and it is made once more, and then it is delivered.
type step struct{ agent, tool, args, want string }

// overTime is what each policy of examples/policies/over-time is to do, on the running
// program: what is refused in the end is refused after kill -9 too.
var overTime = []struct {
	name  string
	steps []step
	still []step // after kill -9
}{
	{"sum", []step{
		{"a", "shop__refund", `{"order":"o1","amount":600}`, ""},
		{"a", "shop__refund", `{"order":"o2","amount":400.01}`, "policy"},
		{"a", "shop__refund", `{"order":"o1","amount":1}`, "policy"},
		{"b", "shop__refund", `{"order":"o1","amount":1}`, "policy"},
		{"a", "shop__refund", `{"order":"o2","amount":-5}`, "policy"},
		{"a", "shop__refund", `{"order":"o2","amount":"5"}`, "policy"},
		{"a", "shop__refund", `{"order":"o2"}`, "policy"},
		{"a", "shop__refund", `{"order":"o2","amount":400}`, ""},
		{"b", "shop__refund", `{"order":"o3","amount":1000}`, ""},
		{"c", "shop__refund", `{"order":"o4","amount":1000}`, ""},
		{"d", "shop__refund", `{"order":"o5","amount":1000}`, ""},
		{"e", "shop__refund", `{"order":"o6","amount":999.99}`, ""},
		{"f", "shop__refund", `{"order":"o7","amount":0.02}`, "policy"},
		{"f", "shop__refund", `{"order":"o7","amount":0.01}`, ""},
	}, []step{{"f", "shop__refund", `{"order":"o8","amount":0.01}`, "policy"}, {"g", "shop__refund", `{"order":"o7","amount":0.01}`, "policy"}}},
	{"rate", []step{
		{"a", "social__post", `{"n":1}`, ""}, {"a", "social__post", `{"n":2}`, ""}, {"a", "social__post", `{"n":3}`, ""}, {"a", "social__post", `{"n":4}`, ""},
		{"a", "social__post", `{"n":5}`, ""}, {"a", "social__post", `{"n":6}`, "policy"}, {"b", "social__post", `{"n":7}`, ""},
	}, []step{{"a", "social__post", `{"n":8}`, "policy"}, {"b", "social__post", `{"n":9}`, ""}}},
	{"velocity", []step{
		{"a", "bank__pay", `{"to":"ann","amount":10}`, "approval_pending+"},
		{"a", "bank__pay", `{"to":"ann","amount":20}`, ""},
		{"a", "bank__pay", `{"to":"ann","amount":30}`, ""},
		{"a", "bank__pay", `{"to":"ann","amount":40}`, "approval_pending"},
		{"a", "bank__pay", `{"to":"ann","amount":9941}`, "policy"},
		{"b", "bank__pay", `{"to":"ann","amount":1}`, "approval_pending"},
	}, []step{{"a", "bank__pay", `{"to":"ann","amount":5}`, "approval_pending"}}},
	{"budget", []step{
		{"a", "models__complete", `{"max_tokens":60000}`, ""},
		{"a", "models__complete", `{"max_tokens":40001}`, "policy"},
		{"a", "models__complete", `{"max_tokens":0}`, "policy"},
		{"a", "models__complete", `{"max_tokens":10}`, ""},
		{"a", "models__complete", `{"max_tokens":10}`, ""}, // 60 of 50 are spent by now
		{"a", "models__complete", `{"max_tokens":10}`, "policy"},
		{"b", "models__complete", `{"max_tokens":10}`, ""},
	}, []step{{"a", "models__complete", `{"max_tokens":10}`, "policy"}, {"b", "models__complete", `{"max_tokens":10}`, ""}}},
	{"not after that", []step{
		{"a", "web__send", `{}`, ""}, {"a", "crm__read_customer", `{"id":7}`, ""}, {"a", "web__send", `{}`, "policy"}, {"a", "web__read", `{}`, ""}, {"b", "web__send", `{}`, ""},
	}, []step{{"a", "web__send", `{}`, "policy"}}},
	{"sequence", []step{
		{"a", "wiki__write", `{"page":"home"}`, "policy"}, {"a", "wiki__read", `{"page":"home"}`, ""}, {"a", "wiki__write", `{"page":"other"}`, "policy"},
		{"b", "wiki__write", `{"page":"home"}`, "policy"}, {"a", "wiki__write", `{"page":"home"}`, ""},
		{"a", "ci__deploy", `{"version":"v1"}`, "policy"}, {"a", "ci__test", `{"version":"bad"}`, ""}, {"a", "ci__deploy", `{"version":"bad"}`, "policy"},
		{"a", "ci__test", `{"version":"v1"}`, ""}, {"a", "ci__deploy", `{"version":"v1"}`, ""}, {"a", "ci__deploy", `{"version":"v1"}`, "policy"},
	}, []step{{"a", "wiki__write", `{"page":"home"}`, ""}, {"a", "ci__deploy", `{"version":"v1"}`, "policy"}}},
	{"separation of duties", []step{
		{"a", "orders__release", `{"order":"7"}`, "policy"}, {"c", "orders__release", `{}`, "policy"}, {"a", "orders__draft", `{"order":"7"}`, ""}, {"a", "orders__release", `{"order":"7"}`, "policy"},
		{"b", "orders__draft", `{"order":"7"}`, "policy"}, {"c", "orders__release", `{}`, "policy"}, {"b", "orders__release", `{"order":"8"}`, "policy"}, {"b", "orders__release", `{"order":"7"}`, ""},
	}, []step{{"a", "orders__release", `{"order":"7"}`, "policy"}, {"c", "orders__release", `{"order":"7"}`, ""}}},
	{"pause after denials", []step{
		{"a", "vault__open", `{"path":"team/x"}`, ""}, {"a", "vault__open", `{"path":"other"}`, "policy"}, {"a", "vault__open", `{"path":"other"}`, "policy"},
		{"a", "vault__open", `{"path":"team/x"}`, ""}, {"a", "vault__open", `{"path":"other"}`, "policy"}, {"a", "vault__open", `{"path":"team/x"}`, "policy"},
		{"b", "vault__open", `{"path":"team/x"}`, ""},
	}, []step{{"a", "vault__open", `{"path":"team/x"}`, "policy"}, {"b", "vault__open", `{"path":"team/x"}`, ""}}},
	{"recipients a day", []step{
		{"a", "letters__send", `{"to":"p1"}`, ""}, {"a", "letters__send", `{"to":"p2"}`, ""}, {"a", "letters__send", `{"to":"p3"}`, ""}, {"a", "letters__send", `{"to":"p4"}`, ""},
		{"a", "letters__send", `{"to":"p5"}`, ""}, {"a", "letters__send", `{"to":"P1"}`, ""}, {"a", "letters__send", `{"to":"p6"}`, "policy"},
		{"a", "letters__send", `{"to":["p1"]}`, "policy"}, {"a", "letters__send", `{}`, "policy"}, {"a", "letters__read", `{}`, ""}, {"b", "letters__send", `{"to":"p6"}`, ""},
	}, []step{{"a", "letters__send", `{"to":"p6"}`, "policy"}, {"a", "letters__send", `{"to":"p2"}`, ""}}},
	{"a team's budget", []step{
		{"north-1", "travel__book", `{"price":400}`, ""}, {"north-2", "travel__book", `{"price":100.01}`, "policy"}, {"north-2", "travel__book", `{"price":100}`, ""},
		{"south-1", "travel__book", `{"price":500}`, ""}, {"alone", "travel__book", `{"price":1}`, "policy"},
	}, []step{{"north-3", "travel__book", `{"price":0.01}`, "policy"}, {"east-1", "travel__book", `{"price":1}`, ""}}},
	{"one at a time", []step{{"a", "exports__run", `{}`, ""}, {"a", "exports__run", `{}`, ""}}, []step{{"a", "exports__run", `{}`, ""}}},
	{"pauses that grow", []step{
		{"a", "safe__open", `{"code":"1"}`, "policy"}, {"a", "safe__open", `{"code":"2"}`, "policy"}, {"a", "safe__open", `{"code":"3"}`, "policy"}, {"a", "safe__open", `{"code":"4"}`, "policy"},
		{"a", "safe__open", `{"code":"5"}`, "policy"}, {"a", "safe__open", `{"code":"6"}`, "policy"}, {"a", "safe__open", `{"code":"4711"}`, "policy"}, {"b", "safe__open", `{"code":"4711"}`, ""},
	}, []step{{"a", "safe__open", `{"code":"4711"}`, "policy"}, {"b", "safe__open", `{"code":"4711"}`, ""}}},
	{"only after success", []step{
		{"a", "transfers__transfer", `{"account":"7"}`, "policy"}, {"a", "transfers__check", `{"account":"bad"}`, ""}, {"a", "transfers__transfer", `{"account":"bad"}`, "policy"},
		{"a", "transfers__check", `{"account":"7"}`, ""}, {"a", "transfers__transfer", `{"account":"7"}`, ""}, {"b", "transfers__transfer", `{"account":"7"}`, "policy"},
	}, []step{{"a", "transfers__transfer", `{"account":"7"}`, ""}, {"a", "transfers__transfer", `{"account":"bad"}`, "policy"}}},
	{"first use", []step{
		{"a", "admin__restart", `{"n":1}`, "approval_pending+"}, {"a", "admin__restart", `{"n":2}`, ""}, {"a", "admin__stop", `{"n":1}`, "approval_pending"},
		{"b", "admin__restart", `{"n":1}`, "approval_pending"},
	}, []step{{"a", "admin__restart", `{"n":3}`, ""}, {"b", "admin__restart", `{"n":3}`, "approval_pending"}}},
}

// manyServers is an upstream for each server of overTime, over one script.
func manyServers(t *testing.T) map[string]any {
	tools := map[string][]string{
		"shop": {"refund"}, "social": {"post"}, "bank": {"pay"}, "models": {"complete"}, "crm": {"read_customer"}, "web": {"send", "read"}, "wiki": {"read", "write"},
		"ci": {"test", "deploy"}, "orders": {"draft", "release"}, "vault": {"open"}, "admin": {"restart", "stop"}, "payroll": {"run"},
		"letters": {"send", "read"}, "travel": {"book"}, "exports": {"run"}, "safe": {"open"}, "transfers": {"check", "transfer"}, "phone": {"call"},
	}
	servers := map[string]any{}
	for server, names := range tools {
		var list []string
		for _, name := range names {
			list = append(list, fmt.Sprintf(`{"name":%q,"inputSchema":{"type":"object"}}`, name))
		}
		servers[server] = lab.NewScripted(t, func(r lab.Request) string {
			switch r.Method {
			case "tools/list":
				return `"result":{"tools":[` + strings.Join(list, ",") + `]}`
			case "tools/call":
				return fmt.Sprintf(`"result":{"content":[],"structuredContent":{"cost":20,"passed":%[1]v,"ok":%[1]v}}`, !strings.Contains(string(r.Params), `"bad"`))
			}
			return ""
		}).Config()
	}
	return servers
}

// TestPoliciesOverTime walks the examples.
func TestPoliciesOverTime(t *testing.T) {
	examples, err := filepath.Abs("../../examples/policies/over-time")
	if err != nil {
		t.Fatal(err)
	}
	if files, err := os.ReadDir(examples); err != nil || len(files) < 10 {
		t.Fatal(err, files)
	}
	g := lab.Start(t, lab.Options{Config: map[string]any{
		"upstreams": manyServers(t), "policy": map[string]any{"path": examples}, "approvals": map[string]any{"wait": "0s"},
		"admin": map[string]any{"approvers": []string{"approver"}},
	}})
	call := func(s step, where string) {
		t.Helper()
		claims := map[string]any{"roles": []string{
			"clerk", "publisher", "payer", "assistant", "editor", "deployer", "buyer", "keeper", "operator", "payroll", "writer", "analyst", "caller",
		}}
		if team, _, ok := strings.Cut(s.agent, "-"); ok {
			claims["team"] = team
		}
		token := g.Issuer.Sign(g.Issuer.Claims(strings.ReplaceAll(where, " ", "-")+"-"+s.agent, lab.Audience, claims))
		want, asks := strings.CutSuffix(s.want, "+")
		a := lab.CallREST(t, g, token, s.tool, s.args)
		if a.Code != want {
			t.Errorf("%s: %s calls %s %s: %q, want %q\n%s", where, s.agent, s.tool, s.args, a.Code, want, a.Text)
		}
		if !asks {
			return
		}
		var p struct{ Approval string }
		if err := json.Unmarshal([]byte(a.Text), &p); err != nil || p.Approval == "" {
			t.Fatalf("%s: nobody is asked: %s", where, a.Text)
		}
		if said := g.Operate(t, g.Token("rita", "approver"), http.MethodPost, "approvals/"+p.Approval+"/approve", "", nil); said.Status != http.StatusOK {
			t.Fatal(said.Text)
		}
		if a := lab.CallREST(t, g, token, s.tool, s.args); a.Code != "" {
			t.Errorf("%s: with a consent: %s %s: %s", where, s.tool, s.args, a.Text)
		}
	}
	for _, tt := range overTime {
		for _, s := range tt.steps {
			call(s, tt.name)
		}
	}
	if work, night, sure := hours(t); sure {
		call(step{"a", "payroll__run", `{}`, work}, "business hours")
		call(step{"a", "phone__call", `{}`, night}, "quiet hours")
	}
	g.Kill()
	g.Restart(t)
	for _, tt := range overTime {
		for _, s := range tt.still {
			call(s, tt.name)
		}
	}
	g.CheckChain(t, "")
	if code, out := g.Run(t, "policy", "replay", examples, "--config", "toolward.yaml"); code != 0 {
		t.Errorf("replay says that other decisions would be made: %d\n%s", code, out)
	}
}

// hours are what becomes of calls made now under business hours and under quiet hours in
// Berlin. It is not sure near a full hour: the call may be made after it.
func hours(t *testing.T) (work, night string, sure bool) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().In(berlin)
	if day := now.Weekday(); day == time.Saturday || day == time.Sunday || now.Hour() < 9 || now.Hour() >= 17 {
		work = "approval_pending"
	}
	if now.Hour() < 7 || now.Hour() >= 22 {
		night = "policy"
	}
	return work, night, now.Minute() > 0 && now.Minute() < 59
}
