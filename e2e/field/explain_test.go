//go:build e2e

package field

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"toolward/e2e/lab"
)

// explainedPolicy decides for each tool in another way.
var explainedPolicy = map[string]string{
	"plain.rego":    "package tools.lab.plain\n\nallow if \"tester\" in input.agent.roles\n",
	"approved.rego": "package tools.lab.approved\n\napprove contains \"a person has to look\" if input.args.text\n",
	"result.rego":   "package tools.lab.result\n\nallow if true\n\ndeny contains \"it says no\" if input.result.content[0].text == \"no\"\n",
	"masked.rego":   "package tools.lab.masked\n\nallow if input.args.text == \"plain\"\n\nredact contains \"args.text\" if true\n",
	"metered.rego": "package tools.lab.metered\n\nmeter contains {\"name\": \"spent\", \"amount\": input.args.n, \"window\": \"1h\"} if true\n\n" +
		"meter contains {\"name\": \"orders\", \"key\": input.args.text, \"per\": \"all\", \"window\": \"1h\"} if true\n\n" +
		"allow if true\n\ndeny contains \"too much\" if input.meters.spent.total > 10\n\ndeny contains \"twice\" if input.meters.orders.count > 0\n",
	"left.rego":  "package tools.lab.left\n\nremember contains {\"name\": \"left\", \"value\": input.args.text, \"for\": \"1h\"} if true\n\nallow if true\n",
	"after.rego": "package tools.lab.after\n\nallow if true\n\ndeny contains \"not after that\" if {\n\tsome e in input.history\n\te.value == \"b\"\n}\n",
	"sent.rego":  "package tools.mail.sent\n\nallow if true\n",
	"read.rego":  "package tools.crm.read\n\nallow if true\n",
	"web.rego":   "package tools.web.read\n\nallow if true\n",
}

// explanation is what `policy explain` prints, as far as it is looked at here.
type explanation struct {
	By, From, Partial string
	Differs           []string
	Recorded          struct{ Effect, Revision string }
	Request           stage
	Result            *stage
	Shadow            *struct {
		By, Unknown     string
		Request, Result *stage
	}
	Approval *struct{ Decision, By, Note string }
	Labels   []struct {
		Label string
		By    *struct{ Call, Tool string }
	}
	History []struct {
		Name  string
		Value any
		By    *struct{ Call string }
	}
	Meters []struct {
		Name  string
		Count int
		Calls []struct {
			Call   string
			Amount json.Number
		}
	}
}

type stage struct {
	Decision struct {
		Effect  string
		Reasons []string
	}
	Fired []struct {
		File string
		Line int
		Text string
	}
}

// fired are the rules that held, as file:line.
func (s *stage) fired() string {
	if s == nil {
		return "not explained"
	}
	var all []string
	for _, r := range s.Fired {
		all = append(all, fmt.Sprintf("%s:%d", filepath.Base(r.File), r.Line))
	}
	return strings.Join(all, " ")
}

// desk is a gateway whose calls are explained.
type desk struct{ *lab.Gateway }

func explained(t *testing.T) *desk {
	t.Helper()
	server := func(names ...string) map[string]any {
		u := lab.NewScripted(t, func(r lab.Request) string {
			switch r.Method {
			case "tools/list":
				var list []string
				for _, name := range names {
					list = append(list, `{"name":"`+name+`","inputSchema":{"type":"object","properties":{"text":{"type":"string"},"n":{"type":"number"}}}}`)
				}
				return `"result":{"tools":[` + strings.Join(list, ",") + `]}`
			case "tools/call":
				var p struct{ Arguments struct{ Text string } }
				if json.Unmarshal(r.Params, &p) != nil {
					return ""
				}
				return `"result":{"content":[{"type":"text","text":` + lab.Quote(p.Arguments.Text) + `}]}`
			}
			return ""
		})
		return u.Config()
	}
	at := func(config map[string]any, label string) map[string]any {
		config["labels"] = label
		return config
	}
	policies := map[string]string{}
	for name, text := range explainedPolicy {
		policies[name] = text
	}
	dir := t.TempDir()
	d := &desk{lab.Launch(t, lab.Options{Dir: dir, Policies: policies, Config: map[string]any{
		"approvals": map[string]any{"wait": "0s"},
		"upstreams": map[string]any{
			"lab": server("plain", "approved", "result", "masked", "metered", "left", "after"),
			"crm": at(server("read"), "private"), "web": at(server("read"), "untrusted"), "mail": at(server("sent"), "external"),
		},
		"policy": map[string]any{"path": "./policies", "shadow": writeShadow(t, dir)},
	}})}
	d.WaitReady(t)
	return d
}

// writeShadow is a policy that denies what the one in force allows.
func writeShadow(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "next")
	if err := os.MkdirAll(path, 0o700); err != nil {
		t.Fatal(err)
	}
	text := "package gateway\n\nallow if true\n\ndeny contains \"no more\" if input.tool.name == \"plain\"\n"
	if err := os.WriteFile(filepath.Join(path, "next.rego"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return "./next"
}

// call makes a call and returns its ID.
func (d *desk) call(t *testing.T, tool, args, code string) string {
	t.Helper()
	a := lab.CallREST(t, d.Gateway, d.Tester(), tool, args)
	if a.Code != code || a.ID == "" {
		t.Fatalf("%s: %+v, want %q", tool, a, code)
	}
	return a.ID
}

func (d *desk) explain(t *testing.T, id string, args ...string) (x explanation) {
	t.Helper()
	code, out := d.Run(t, append([]string{"policy", "explain", id, "-o", "json", "--config", "toolward.yaml"}, args...)...)
	if err := json.Unmarshal([]byte(out[max(0, strings.Index(out, "{")):]), &x); code != 0 || err != nil {
		t.Fatalf("%d, %v: %s", code, err, out)
	}
	return x
}

// TestExplainTellsTheTruth explains calls that were decided in each way there is, with
// the files as they were, broken, and deleted: it comes to the same, and names the
// earlier calls that made the decision what it was.
func TestExplainTellsTheTruth(t *testing.T) {
	d := explained(t)
	text := func(s string) string { return lab.Text(s) }
	plain := d.call(t, "lab__plain", text("x"), "")
	pending := d.call(t, "lab__approved", text("x"), "approval_pending")
	run := commands(t, d.Gateway)
	run("approvals", "approve", d.Waiting(t), "--note", "I looked")
	approved := d.call(t, "lab__approved", text("x"), "")
	withheld := d.call(t, "lab__result", text("no"), "withheld")
	shown := d.call(t, "lab__result", text("yes"), "")
	masked := d.call(t, "lab__masked", text("plain"), "")
	spent := []string{d.call(t, "lab__metered", `{"text":"o1","n":6}`, ""), d.call(t, "lab__metered", `{"text":"o2","n":4}`, "")}
	over := d.call(t, "lab__metered", `{"text":"o3","n":1}`, "policy")
	twice := d.call(t, "lab__metered", `{"text":"o2","n":0}`, "policy")
	d.call(t, "lab__left", text("a"), "")
	left := d.call(t, "lab__left", text("b"), "")
	d.call(t, "lab__left", text("c"), "")
	after := d.call(t, "lab__after", text("x"), "policy")
	early := d.call(t, "lab__plain", `{"text":7}`, "invalid_arguments")
	d.call(t, "crm__read", text("first"), "")
	web := d.call(t, "web__read", text("page"), "")
	for _, row := range d.Rows(t, "", "SELECT session FROM sessions") {
		run("sessions", "clear", row["session"].(string), "--label", "private", "--why", "a test record")
	}
	read := d.call(t, "crm__read", text("second"), "")
	d.call(t, "crm__read", text("third"), "")
	stopped := d.call(t, "mail__sent", text("out"), "policy")

	check := func(t *testing.T, from string) {
		for _, c := range []struct{ what, id, request, result, effect string }{
			{"allowed", plain, "plain.rego:3", "plain.rego:3", "allow"},
			{"asked", pending, "approved.rego:3", "not explained", "approve"},
			{"approved", approved, "approved.rego:3", "approved.rego:3", "approve"},
			{"withheld", withheld, "result.rego:3", "result.rego:3 result.rego:5", "allow"},
			{"shown", shown, "result.rego:3", "result.rego:3", "allow"},
			{"metered", over, "metered.rego:3 metered.rego:5 metered.rego:7 metered.rego:9", "not explained", "deny"},
			{"metered by key", twice, "metered.rego:3 metered.rego:5 metered.rego:7 metered.rego:11", "not explained", "deny"},
			{"after", after, "after.rego:3 after.rego:5", "not explained", "deny"},
		} {
			x := d.explain(t, c.id)
			if x.From != from || x.By != x.Recorded.Revision || x.Recorded.Effect != c.effect || x.Request.Decision.Effect != c.effect || x.Differs != nil {
				t.Errorf("%s: %+v, want it from %s", c.what, x, from)
			}
			if x.Request.fired() != c.request || x.Result.fired() != c.result {
				t.Errorf("%s: by %q and %q, want %q and %q", c.what, x.Request.fired(), x.Result.fired(), c.request, c.result)
			}
		}
		if x := d.explain(t, masked); len(x.Differs) == 0 || !strings.Contains(strings.Join(x.Differs, " "), "allow") {
			t.Errorf("a value that is not in the record is missed by nobody: %+v", x)
		}
		x := d.explain(t, plain)
		if x.Shadow == nil || x.Shadow.Request.fired() != "next.rego:3 next.rego:5" || x.Shadow.Request.Decision.Effect != "deny" {
			t.Errorf("the shadow: %+v", x.Shadow)
		}
		if x := d.explain(t, approved); x.Approval == nil || x.Approval.Decision != "approved" || x.Approval.By == "" || x.Approval.Note != "I looked" {
			t.Errorf("who approved: %+v", x.Approval)
		}
		x = d.explain(t, over)
		var counted []string
		for _, m := range x.Meters {
			for _, c := range m.Calls {
				counted = append(counted, m.Name+" "+c.Call+" "+c.Amount.String())
			}
		}
		if want := []string{"spent " + spent[1] + " 4", "spent " + spent[0] + " 6"}; fmt.Sprint(counted) != fmt.Sprint(want) {
			t.Errorf("the meter counted %q, want %q", counted, want)
		}
		x = d.explain(t, twice)
		for _, m := range x.Meters {
			if m.Name == "orders" && (len(m.Calls) != 1 || m.Calls[0].Call != spent[1]) {
				t.Errorf("the meter with a key counted %+v, want %s", m, spent[1])
			}
		}
		x = d.explain(t, after)
		if text := x.Request.Fired[1].Text; !strings.HasPrefix(text, "deny contains") || !strings.HasSuffix(text, "e.value == \"b\"\n}") {
			t.Errorf("the rule that denied reads %q", text)
		}
		for _, e := range x.History {
			if e.By == nil || e.Value == "b" && e.By.Call != left {
				t.Errorf("history: %+v, want %s", e, left)
			}
		}
		by := map[string]string{}
		for _, l := range d.explain(t, stopped).Labels {
			if l.By != nil {
				by[l.Label] = l.By.Call
			}
		}
		if by["private"] != read || by["untrusted"] != web {
			t.Errorf("labels were brought by %v, want private by %s and untrusted by %s", by, read, web)
		}
		if code, out := d.Run(t, "policy", "explain", early, "--config", "toolward.yaml"); code == 0 || !strings.Contains(out, "invalid_arguments") {
			t.Errorf("refused before policy was asked: %d %s", code, out)
		}
	}
	t.Run("as it was", func(t *testing.T) { check(t, "files") })
	d.Write(t, "next/next.rego", "package gateway\n\nallow if true\n")
	t.Run("the shadow is another", func(t *testing.T) { check(t, "files") })
	d.Write(t, "policies/plain.rego", "package tools.lab.plain\n\nallow if {")
	t.Run("broken", func(t *testing.T) { check(t, "record") })
	d.Stop(t)
	if err := os.RemoveAll(filepath.Join(d.Dir, "policies")); err != nil {
		t.Fatal(err)
	}
	t.Run("deleted", func(t *testing.T) { check(t, "record") })
}

// A revision whose event was pruned, though it was in force when calls came that
// stay, explains them still: also after another prune.
func TestExplainAfterAPrune(t *testing.T) {
	g := lab.Start(t, lab.Options{})
	loaded := time.Now()
	g.Until(t, "the clock stands still", func() bool { return time.Now().Truncate(time.Second).After(loaded) })
	before := time.Now().UTC().Format(time.RFC3339)
	id := lab.CallREST(t, g, g.Tester(), "lab__echo", lab.Text("x")).ID
	g.Stop(t)
	run := commands(t, g)
	g.Write(t, "policies/all.rego", "package gateway\n\nallow if true\n")
	for range 2 {
		run("audit", "prune", "--before", before, "--why", "too old")
		if n := len(g.Rows(t, "", "SELECT 1 FROM events WHERE type = 'policy.loaded'")); n != 0 {
			t.Fatalf("%d are left: the test proves nothing", n)
		}
		if out := run("policy", "explain", id, "-o", "json"); !strings.Contains(out, `"from": "record"`) || !strings.Contains(out, "tester") {
			t.Errorf("by the record: %s", out)
		}
		if rows := g.Rows(t, "", "SELECT files FROM policies"); len(rows) != 1 || !strings.Contains(fmt.Sprint(rows[0]["files"]), "tester") {
			t.Errorf("policies: %v", rows)
		}
	}
	if n := len(g.Rows(t, "", "SELECT 1 FROM events WHERE type = 'audit.kept'")); n != 2 {
		t.Errorf("%d copies of what was in force", n)
	}
	g.CheckChain(t, "")
}

// A revision that is in no file, and in the record not as it was, cannot be explained,
// and nothing else is told instead.
func TestExplainSaysWhatItCannot(t *testing.T) {
	g := lab.Start(t, lab.Options{Policies: map[string]string{"all.rego": lab.AllowTesters + "\n# aws_access_key_id = " + lab.Credential + "\n"}})
	id := lab.CallREST(t, g, g.Tester(), "lab__echo", lab.Text("x")).ID
	g.Stop(t)
	if out := commands(t, g)("policy", "explain", id, "-o", "json"); !strings.Contains(out, `"from": "files"`) {
		t.Errorf("by the files: %s", out)
	}
	g.Write(t, "policies/all.rego", "package gateway\n\nallow if true\n")
	code, out := g.Run(t, "policy", "explain", id, "-o", "json", "--config", "toolward.yaml")
	if code == 0 || !strings.Contains(out, "a credential was taken out of it") || strings.Contains(out, `"fired"`) {
		t.Errorf("%d: %s", code, out)
	}
}
