//go:build e2e

package attacks

import (
	"fmt"
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
