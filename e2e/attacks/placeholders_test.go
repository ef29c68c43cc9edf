//go:build e2e

package attacks

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"toolward/e2e/lab"
)

// A made-up password, put together here so that no file holds it.
var keptPassword = "Tr0ub4dor" + "&3-xkcd"

// keeper is a server with a secret, which says what it is sent.
func keeper(t *testing.T) *lab.Scripted {
	return lab.NewScripted(t, func(r lab.Request) string {
		switch r.Method {
		case "initialize":
			return `"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{},"prompts":{},"resources":{},"completions":{}},"serverInfo":{"name":"keeper","version":"1"}}`
		case "tools/list":
			return `"result":{"tools":[{"name":"read","inputSchema":{"type":"object"}},{"name":"write","inputSchema":{"type":"object"}}]}`
		case "prompts/list":
			return `"result":{"prompts":[{"name":"greet","arguments":[{"name":"a"}]}]}`
		case "resources/templates/list":
			return `"result":{"resourceTemplates":[{"name":"note","uriTemplate":"note://{id}"}]}`
		case "prompts/get":
			return `"result":{"messages":[]}`
		case "resources/read":
			return `"result":{"contents":[]}`
		case "completion/complete":
			return `"result":{"completion":{"values":[]}}`
		case "tools/call":
			if strings.Contains(string(r.Params), `"read"`) {
				return `"result":{"content":[{"type":"text","text":` + quoted("password: "+keptPassword) + `}]}`
			}
			return `"result":{"content":[{"type":"text","text":"done"}]}`
		}
		return ""
	})
}

var placeholderIn = regexp.MustCompile(`\[redacted secret\.password [0-9a-z]{12}\]`)

// keepers is a gateway with three such servers, of which one sends out of the house.
type keepers struct {
	g               *lab.Gateway
	own, other, out *lab.Scripted
}

func newKeepers(t *testing.T, policies map[string]string) *keepers {
	t.Helper()
	k := &keepers{own: keeper(t), other: keeper(t), out: keeper(t)}
	out := k.out.Config()
	out["labels"] = []string{"external"}
	k.g = lab.Start(t, lab.Options{Policies: policies, Config: map[string]any{
		"upstreams": map[string]any{"lab": k.own.Config(), "other": k.other.Config(), "out": out}}})
	return k
}

// read has a token's agent read a server's secret, and returns what it is shown.
func (k *keepers) read(t *testing.T, token, server string) string {
	t.Helper()
	a := lab.CallREST(t, k.g, token, server+"__read", `{}`)
	if a.Code != "" || strings.Contains(a.Text, keptPassword) {
		t.Fatalf("%s: %s", a.Code, a.Text)
	}
	p := placeholderIn.FindString(a.Text)
	if p == "" {
		t.Fatalf("no placeholder in %s", a.Text)
	}
	return p
}

// silent fails the test if an upstream was told more than its tools' names.
func (k *keepers) silent(t *testing.T, placeholder string) {
	t.Helper()
	id := placeholder[len(placeholder)-13 : len(placeholder)-1]
	for name, u := range map[string]*lab.Scripted{"own": k.own, "other": k.other, "out": k.out} {
		if all := u.All(); strings.Contains(all, keptPassword) || strings.Contains(strings.ToLower(all), id) || strings.Contains(all, "edacted") {
			t.Errorf("%s was told: %s", name, all)
		}
	}
}

// TestPlaceholdersGoNowhereElse carries what stands for a server's password to
// everything but that server's own tools, as it is and in pieces.
func TestPlaceholdersGoNowhereElse(t *testing.T) {
	k := newKeepers(t, nil)
	token := k.g.Tester()
	p := k.read(t, token, "lab")
	id := p[len(p)-13 : len(p)-1]
	text := func(s string) string { return `{"text":` + quoted(s) + `}` }

	for name, to := range map[string]struct{ token, tool, args string }{
		"another server":                     {token, "other__write", text(p)},
		"another server, among other words":  {token, "other__write", text("x" + p + "y")},
		"another server, as a member's name": {token, "other__write", `{` + quoted(p) + `:1}`},
		"a tool that sends out":              {token, "out__write", text(p)},
		"the same server, as another agent":  {k.g.Token("eve", "tester"), "lab__write", text(p)},
		"the same server, in another session": {k.g.Issuer.Sign(k.g.Issuer.Claims("tester", lab.Audience,
			map[string]any{"roles": []string{"tester"}, "sid": "two"})), "lab__write", text(p)},
		"a guess":                     {token, "lab__write", text("[redacted secret.password 000000000000]")},
		"another rule":                {token, "lab__write", text("[redacted secret.github-pat " + id + "]")},
		"upper case":                  {token, "lab__write", text(strings.ToUpper(p))},
		"title case":                  {token, "lab__write", text("[Redacted" + p[len("[redacted"):])},
		"no bracket":                  {token, "lab__write", text(strings.Trim(p, "[]"))},
		"the ID alone":                {token, "lab__write", text(id)},
		"two blanks":                  {token, "lab__write", text(strings.Replace(p, " ", "  ", 1))},
		"a no-break space":            {token, "lab__write", text(strings.Replace(p, " ", "\u00a0", 1))},
		"percent-encoded":             {token, "lab__write", text(strings.NewReplacer("[", "%5B", " ", "%20", "]", "%5D").Replace(p))},
		"as HTML":                     {token, "lab__write", text(strings.NewReplacer("[", "&#91;", "]", "&#93;").Replace(p))},
		"the beginning":               {token, "lab__write", text(p[:len(p)-5])},
		"the rule alone":              {token, "lab__write", text(p[:len("[redacted secret.password")])},
		"the end":                     {token, "lab__write", text(p[len("[redac"):])},
		"cut in the middle of the ID": {token, "lab__write", fmt.Sprintf(`{"a":[%s,%s]}`, quoted(p[:len(p)-7]), quoted(p[len(p)-7:]))},
		"cut in three":                {token, "lab__write", fmt.Sprintf(`{"a":[%s,%s,%s]}`, quoted(p[:5]), quoted(p[5:len(p)-7]), quoted(p[len(p)-7:]))},
		"without its ID":              {token, "lab__write", text("[redacted secret.password]")},
		"escaped, to another server":  {token, "other__write", `{"text":"\u005b` + p[1:] + `"}`},
	} {
		t.Run(name, func(t *testing.T) {
			a := lab.CallREST(t, k.g, to.token, to.tool, to.args)
			if a.Code != "placeholder" || strings.Contains(a.Text, keptPassword) {
				t.Errorf("%q: %s", a.Code, a.Text)
			}
		})
	}
	for _, way := range lab.RPCs[:4] {
		for name, to := range map[string]struct {
			method, name string
			params, meta []string
		}{
			"_meta of a call": {"tools/call", way.Wire("lab", "write"), []string{`"name":` + quoted(way.Wire("lab", "write")), `"arguments":{}`}, []string{`"example.com/a":` + quoted(p)}},
			"a prompt":        {"prompts/get", way.Wire("lab", "greet"), []string{`"name":` + quoted(way.Wire("lab", "greet")), `"arguments":{"a":` + quoted(p) + `}`}, nil},
			"a resource":      {"resources/read", way.URI("lab", "note://"+id), []string{`"uri":` + quoted(way.URI("lab", "note://"+id))}, nil},
			"a completion": {"completion/complete", "", []string{`"ref":{"type":"ref/prompt","name":` + quoted(way.Wire("lab", "greet")) + `}`,
				`"argument":{"name":"a","value":` + quoted(p) + `}`}, nil},
		} {
			t.Run(name+" over "+way.Name, func(t *testing.T) {
				a := way.Send(t, k.g, token, to.method, to.name, to.params, to.meta)
				if a.Code != "placeholder" || strings.Contains(a.Text, keptPassword) {
					t.Errorf("%q: %s", a.Code, a.Text)
				}
			})
		}
	}
	k.silent(t, p)
	if a := lab.CallREST(t, k.g, token, "lab__write", text("it is "+p)); a.Code != "" {
		t.Errorf("its own server: %q: %s", a.Code, a.Text)
	}
	if all := k.own.All(); !strings.Contains(all, `"it is `+keptPassword+`"`) {
		t.Errorf("the server got %s", all)
	}
	k.g.Stop(t)
	k.g.Restart(t)
	if a := lab.CallREST(t, k.g, token, "lab__write", text("after: "+p)); a.Code != "placeholder" || !strings.Contains(a.Text, "read it again") {
		t.Errorf("after a restart: %q: %s", a.Code, a.Text)
	}
	if strings.Contains(k.own.All(), "after:") {
		t.Error("a placeholder without a value was sent")
	}
	k.g.CheckChain(t, "")
}

// revealing are rules about what is put back.
var revealing = map[string]string{
	"all.rego": lab.AllowTesters + `
deny contains sprintf("%s of %s at %s, from %s", [r.rule, r.server, r.where, r.from]) if {
	some r in input.restored
	r.where == "/denied"
}
`,
	"lab.rego":   "package tools.lab.write\n\napprove contains \"ask\" if input.args.ask\n\nredact contains \"args.gone\" if true\n",
	"other.rego": "package servers.other\n\nreveal contains \"args.ok\" if input.args.to == \"friend\"\n",
	"out.rego":   "package servers.out\n\nreveal contains \"args.ok\"\n",
}

// TestPoliciesRevealWhatTheyNeverSee lets a password go to other servers where a rule
// says so, keeps it where one denies, and has a person asked who is not told it.
func TestPoliciesRevealWhatTheyNeverSee(t *testing.T) {
	k := newKeepers(t, revealing)
	token := k.g.Tester()
	p := quoted(k.read(t, token, "lab"))
	got := func(u *lab.Scripted) string {
		calls := u.Got("tools/call")
		return string(calls[len(calls)-1].Params)
	}
	k.read(t, token, "other")
	k.read(t, token, "out")

	for name, tt := range map[string]struct {
		tool, args string
		code       string
		sent       string // to the server; "" for nothing
	}{
		"revealed":                         {"other__write", `{"to":"friend","ok":` + p + `}`, "", `"ok":"` + keptPassword + `"`},
		"revealed, deep inside":            {"other__write", `{"to":"friend","ok":[{"a":` + p + `}]}`, "", `[{"a":"` + keptPassword + `"}]`},
		"beside what is revealed":          {"other__write", `{"to":"friend","ok":"x","okay":` + p + `}`, "placeholder", ""},
		"there and elsewhere":              {"other__write", `{"to":"friend","ok":` + p + `,"no":` + p + `}`, "placeholder", ""},
		"not for this call":                {"other__write", `{"to":"foe","ok":` + p + `}`, "placeholder", ""},
		"revealed to what sends it out":    {"out__write", `{"ok":` + p + `}`, "", `"ok":"` + keptPassword + `"`},
		"not revealed to what sends out":   {"out__write", `{"no":` + p + `}`, "placeholder", ""},
		"denied where it came from":        {"lab__write", `{"denied":` + p + `}`, "policy", ""},
		"taken out where it came from":     {"lab__write", `{"gone":` + p + `,"kept":` + p + `}`, "", `"gone":"[redacted]","kept":"` + keptPassword + `"`},
		"in a name, where it came from":    {"lab__write", `{` + p + `:1}`, "", `{"` + keptPassword + `":1}`},
		"twice, into the name it has then": {"lab__write", `{` + p + `:1,"` + keptPassword[:3] + `":2,"\u005b` + p[2:] + `:3}`, "malformed", ""},
	} {
		t.Run(name, func(t *testing.T) {
			server, _, _ := strings.Cut(tt.tool, "__")
			u := map[string]*lab.Scripted{"lab": k.own, "other": k.other, "out": k.out}[server]
			before := len(u.Got("tools/call"))
			a := lab.CallREST(t, k.g, token, tt.tool, tt.args)
			if a.Code != tt.code || strings.Contains(a.Text, keptPassword) {
				t.Fatalf("%q: %s", a.Code, a.Text)
			}
			switch sent := len(u.Got("tools/call")) - before; {
			case tt.sent == "" && sent != 0:
				t.Errorf("sent %s", got(u))
			case tt.sent != "" && (sent != 1 || !strings.Contains(got(u), tt.sent)):
				t.Errorf("%d calls, the last %s", sent, got(u))
			}
			if tt.code == "policy" && !strings.Contains(a.Text, "secret.password of lab at /denied, from ") {
				t.Errorf("the rule saw %s", a.Text)
			}
		})
	}

	answered := lab.Beside(func() lab.Answer { return lab.CallREST(t, k.g, token, "lab__write", `{"ask":`+p+`}`) })
	id := k.g.Waiting(t)
	_, out := k.g.Run(t, "approvals", "show", id, "--config", "toolward.yaml")
	if !strings.Contains(out, "secret.password of lab at /ask") || strings.Contains(out, keptPassword) {
		t.Errorf("the approver sees %s", out)
	}
	if code, out := k.g.Run(t, "approvals", "approve", id, "--config", "toolward.yaml"); code != 0 {
		t.Fatal(out)
	}
	a := <-answered
	if a.Code != "" || !strings.Contains(got(k.own), `"ask":"`+keptPassword+`"`) {
		t.Errorf("approved: %q, sent %s", a.Code, got(k.own))
	}
	for what, args := range map[string][]string{"audit show": {"audit", "show", a.ID}, "policy explain": {"policy", "explain", "-o", "json", a.ID}} {
		_, out := k.g.Run(t, append(args, "--config", "toolward.yaml")...)
		if !strings.Contains(out, "restored") || !strings.Contains(out, "secret.password") || strings.Contains(out, keptPassword) {
			t.Errorf("%s says %s", what, out)
		}
	}
	k.recordIsClean(t)
	k.g.CheckChain(t, "")
}

// recordIsClean reads the bytes of the record, and the log.
func (k *keepers) recordIsClean(t *testing.T) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(k.g.Dir, "toolward.db*"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no record: %v", err)
	}
	for _, name := range names {
		if b, err := os.ReadFile(name); err == nil && bytes.Contains(b, []byte(keptPassword)) {
			t.Errorf("%s holds the password", name)
		}
	}
	if strings.Contains(k.g.Log.String(), keptPassword) {
		t.Error("the log holds the password")
	}
}

// What was taken out of a server's result belongs to that server, not to its name: where
// the configuration gives the name to another, nothing goes there.
func TestPlaceholdersDoNotFollowAName(t *testing.T) {
	for name, edit := range map[string]func(map[string]any, *lab.Scripted){
		"another address": func(upstreams map[string]any, other *lab.Scripted) { upstreams["lab"] = other.Config() },
		"names exchanged": func(upstreams map[string]any, _ *lab.Scripted) {
			upstreams["lab"], upstreams["other"] = upstreams["other"], upstreams["lab"]
		},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKeepers(t, nil)
			placeholder := k.read(t, k.g.Tester(), "lab")
			k.g.Edit(t, func(c map[string]any) { edit(c["upstreams"].(map[string]any), k.other) })
			if a := k.g.Reload(t); a.Detail != "" {
				t.Fatal(a.Detail)
			}
			if a := lab.CallREST(t, k.g, k.g.Tester(), "lab__write", `{"text":`+quoted("password: "+placeholder)+`}`); a.Code != "placeholder" {
				t.Errorf("got %q: %s", a.Code, a.Text)
			}
			k.silent(t, placeholder)
		})
	}
}
