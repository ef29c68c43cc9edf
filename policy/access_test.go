package policy

import (
	"slices"
	"strings"
	"testing"

	"toolward/gateway"
)

// accesses are policies, who asks, and what is said of files__read (and of mail__send,
// which is external).
var accesses = []struct {
	name, policy, role string
	tool               string // files__read if ""
	may, when          string
}{
	{"nobody", "package gateway\n\nallow if false\n", "reader", "", "no", ""},
	{"everybody", "package gateway\n\nallow if true\n", "", "", "yes", ""},
	{"a role", "package servers.files\n\nallow if \"reader\" in input.agent.roles\n", "reader", "", "yes", ""},
	{"another role", "package servers.files\n\nallow if \"reader\" in input.agent.roles\n", "writer", "", "no", ""},
	{"another tool", "package tools.files.write\n\nallow if true\n", "reader", "", "no", ""},
	{"by name", "package servers.files\n\nreading := {\"read\", \"list\"}\n\nallow if {\n\t\"reader\" in input.agent.roles\n\tinput.tool.name in reading\n}\n", "reader", "", "yes", ""},
	{"an argument", "package tools.files.read\n\nallow if {\n\t\"reader\" in input.agent.roles\n\tinput.args.path == \"/a\"\n}\n", "reader", "", "if", `input.args.path == "/a"`},
	{"two on a line", "package tools.files.read\n\nallow if { \"reader\" in input.agent.roles; input.args.path == \"/a\"; input.args.n < 5 }\n", "reader", "", "if", `input.args.path == "/a" and input.args.n < 5`},
	{"a helper", "package tools.files.read\n\nimport data.toolward.lib.path\n\nallow if path.under(input.args.path, \"/srv\")\n", "x", "", "if", `path.under(input.args.path, "/srv")`},
	{"a variable", "package tools.files.read\n\nallow if {\n\tp := input.args.path\n\tp == \"/a\"\n}\n", "x", "", "if", `p := input.args.path and p == "/a"`},
	{"each of a list", "package tools.files.read\n\nallow if every p in input.args.paths { p == \"/a\" }\n", "x", "", "if", `every p in input.args.paths { p == "/a" }`},
	{"some of a list", "package tools.files.read\n\nallow if {\n\tsome p in input.args.paths\n\tp == \"/a\"\n}\n", "x", "", "if", `some p in input.args.paths and p == "/a"`},
	{"either", "package tools.files.read\n\nallow if input.args.a\n\nallow if input.args.b\n", "x", "", "if", "input.args.a  or  input.args.b"},
	{"either or always", "package tools.files.read\n\nallow if input.args.a\n\nallow if true\n", "x", "", "yes", ""},
	{"a person", "package tools.files.read\n\napprove contains \"look\" if \"reader\" in input.agent.roles\n", "reader", "", "a person is asked", ""},
	{"a person for some", "package tools.files.read\n\nallow if true\n\napprove contains \"look\" if input.args.a\n", "x", "", "if", "a person is asked if input.args.a"},
	{"a person alone, for some", "package tools.files.read\n\napprove contains \"look\" if input.args.a\n", "x", "", "a person is asked, if", "input.args.a"},
	{"denied", "package tools.files.read\n\nallow if true\n\ndeny contains \"no\" if \"guest\" in input.agent.roles\n", "guest", "", "no", ""},
	{"denied to others", "package tools.files.read\n\nallow if true\n\ndeny contains \"no\" if \"guest\" in input.agent.roles\n", "reader", "", "yes", ""},
	{"denied for some", "package tools.files.read\n\nallow if true\n\ndeny contains \"no\" if input.args.a\n", "x", "", "if", "not if input.args.a"},
	{"denied when it is late", "package gateway\n\nallow if true\n\ndeny contains \"late\" if time.clock(time.now_ns())[0] > 18\n", "x", "", "if", "not if time.clock(time.now_ns())[0] > 18"},
	{"an else", "package tools.files.read\n\nallow if {\n\tinput.args.a\n} else := true if {\n\tinput.args.b\n}\n", "x", "", "if", "input.args.a  or  input.args.b"},
	{"by the session", "package tools.files.read\n\nallow if not \"untrusted\" in input.session.labels\n", "x", "", "if", `not "untrusted" in input.session.labels`},
	{"by a rule of its own", "package tools.files.read\n\nokay if input.args.a\n\nallow if okay\n", "x", "", "if", "okay"},
	{"by a rule about the agent", "package tools.files.read\n\nreader if \"reader\" in input.agent.roles\n\nallow if reader\n", "reader", "", "yes", ""},
	{"sent out", "package servers.mail\n\nallow if true\n", "x", "mail__send", "if", "not if the session has read private and untrusted data"},
	{"sent out with consent", "package servers.mail\n\nallow if true\n\nflow := \"approve\"\n", "x", "mail__send", "if", "a person is asked if the session has read private and untrusted data"},
	{"sent out freely", "package servers.mail\n\nallow if true\n\nflow := \"allow\"\n", "x", "mail__send", "yes", ""},
}

func accessTools() map[string]*gateway.Tool {
	return map[string]*gateway.Tool{
		"":           {Kind: gateway.KindTool, Server: "files", Name: "read", Wire: "files__read"},
		"mail__send": {Kind: gateway.KindTool, Server: "mail", Name: "send", Wire: "mail__send", Labels: []string{"external"}},
	}
}

func TestAccess(t *testing.T) {
	for _, c := range accesses {
		t.Run(c.name, func(t *testing.T) {
			e := open(t, c.policy)
			agent := &gateway.Agent{ID: "a", Roles: []string{c.role}}
			got, err := e.Access(t.Context(), agent, []*gateway.Tool{accessTools()[c.tool]})
			if err != nil {
				t.Fatal(err)
			}
			if got[0].String() != c.may || got[0].When() != c.when {
				t.Errorf("%s, %s\nwant %s, %s", got[0], got[0].When(), c.may, c.when)
			}
			seen, err := e.Visible(t.Context(), agent, []*gateway.Tool{accessTools()[c.tool]})
			if err != nil || (len(seen) == 1) != (got[0].Effect != gateway.EffectDeny) {
				t.Errorf("the list shows %d tools, and access is %s (%v)", len(seen), got[0].Effect, err)
			}
		})
	}
}

// TestAccessHolds: what is said to be allowed always is, and what is said not to be
// is not, whatever the arguments.
func TestAccessHolds(t *testing.T) {
	for _, c := range accesses {
		e := open(t, c.policy)
		for _, args := range []string{`{}`, `{"path":"/a","n":1}`, `{"a":true}`, `{"b":true,"paths":["/a"]}`, `{"paths":[]}`} {
			call := readCall(t, args, c.role)
			call.Tool = accessTools()[c.tool]
			got, err := e.Access(t.Context(), call.Agent, []*gateway.Tool{call.Tool})
			if err != nil {
				t.Fatal(err)
			}
			effect := decide(t, e, call).Effect
			if got[0].Always && effect != got[0].Effect || got[0].Effect == gateway.EffectDeny && effect != gateway.EffectDeny {
				t.Errorf("%s, %s: %s, and access says %s", c.name, args, effect, got[0])
			}
		}
	}
}

func TestPrincipals(t *testing.T) {
	e := open(t, strings.Join([]string{
		"package gateway",
		"readers := {\"r1\", \"r2\"}",
		"allow if \"plain\" in input.agent.roles",
		"allow if input.agent.roles[_] == \"indexed\"",
		"allow if {\n\tsome r in input.agent.roles\n\tr in readers\n}",
		"allow if {\n\tsome r in input.agent.roles\n\tr in {\"s1\", \"s2\"}\n\tinput.args.x == 1\n}",
		"allow if input.agent.id == \"ann\"",
		"deny contains \"no\" if {\n\thas(\"by-function\")\n}",
		"has(role) if role in input.agent.roles",
		"label contains \"not-a-role\" if true",
	}, "\n\n")+"\n")
	roles, ids := e.Principals()
	for _, want := range []string{"plain", "indexed", "r1", "r2", "s1", "s2"} {
		if !slices.Contains(roles, want) {
			t.Errorf("%q is not among the roles %q", want, roles)
		}
	}
	if slices.Contains(roles, "not-a-role") || !slices.Contains(ids, "ann") || slices.Contains(ids, "plain") {
		t.Errorf("roles %q, IDs %q", roles, ids)
	}
}
