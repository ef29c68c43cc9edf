package policy

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"toolward/gateway"
)

// author writes random policies. What it writes is what people write (rules
// with defaults, negation, else, sets, objects, functions, comprehensions,
// every, with, built-in functions that fail), over a vocabulary so small that
// conditions hold about as often as not. Policies that do not load are drawn
// again: there is no cheaper way to know them.
type author struct {
	*rand.Rand
	vars int // variables so far, so that each has a name of its own
}

func (a *author) pick(list ...string) string { return list[a.IntN(len(list))] }
func (a *author) oneIn(n int) bool           { return a.IntN(n) == 0 }

func (a *author) text() string {
	return strconv.Quote(a.pick("", "a", "b", "ab", "/srv", "/srv/x", "..", "x", "r", "w", "red", "files", "read_file", "mcp", "tool", "7"))
}
func (a *author) number() string { return a.pick("0", "1", "2", "1.5", "-1", "10", "1e1", "2.50") }
func (a *author) value() string  { return a.pick(a.text(), a.number(), "true", "false", "null") }

// input is a reference into input, to something of any type. Late ones exist on
// results only.
func (a *author) input(late bool) string {
	if late && a.oneIn(2) {
		return a.pick("input.result.text", "input.result.n", "input.result.deep.er")
	}
	return a.pick("input.args.path", "input.args.path", "input.args.note", "input.args.mode", "input.args.mode", "input.args.size", "input.args.n", "input.args.on",
		"input.args.deep.er", "input.args.deep.er.est", "input.args.tags[0]", "input.args.who", `input.args["odd name"]`, "input.args.none",
		"input.agent.claims.team", "input.agent.claims.org.level", `input.agent.claims["https://x/y.z"]`)
}

// compared compares a reference with what its type allows: the compiler knows
// the types of some members.
func (a *author) compared(late bool) string {
	switch a.IntN(6) {
	case 0:
		return a.pick("input.agent.id", "input.agent.issuer", "input.session.id", "input.call.method", "input.tool.name", "input.tool.server") + a.pick(" == ", " != ") + a.text()
	case 1:
		return a.pick(`input.call.surface == "mcp"`, `input.call.surface == "rest"`, `input.call.kind == "tool"`, `input.stage == "request"`, "input.tool.pinned", "not input.tool.pinned")
	case 2:
		return a.pick("input.agent.roles", "input.agent.scopes", "input.session.labels", "input.tool.labels") + "[_] == " + a.text()
	case 3:
		return a.pick("input.session.calls", "input.guard.score") + a.pick(" == ", " > ", " <= ") + a.number()
	}
	return a.input(late) + a.pick(" == ", " == ", " != ") + a.value()
}

// shape says what a rule that others refer to is.
type shape int

const (
	truth shape = iota // true, or undefined, or false
	scalar
	set
	object
	function
)

// known is a rule that bodies may refer to.
type known struct {
	name string
	is   shape
}

// use is an expression about another rule.
func (a *author) use(k known, late bool) string {
	switch k.is {
	case scalar:
		return a.pick(k.name+" == "+a.value(), "not "+k.name+" == "+a.value(), k.name, "not "+k.name, k.name+" != "+a.input(late), k.name+" > "+a.number())
	case set:
		return a.pick(a.text()+" in "+k.name, "not "+a.text()+" in "+k.name, "count("+k.name+") > 0", k.name+"["+a.text()+"]", "not "+k.name+"["+a.text()+"]", k.name+" == set()")
	case object:
		return a.pick(k.name+"["+a.text()+"] == "+a.value(), k.name+"["+a.input(late)+"]", "not "+k.name+"["+a.text()+"]", "count("+k.name+") == 1")
	case function:
		return a.pick(k.name+"("+a.input(late)+")", "not "+k.name+"("+a.input(late)+")", k.name+"("+a.input(late)+") == false")
	}
	return a.pick(k.name, k.name, "not "+k.name, k.name+" == true", k.name+" == false", "not "+k.name+" == false", k.name+" != true")
}

// expr is one expression of a body, or several that belong together.
func (a *author) expr(rules []known, late bool) string {
	if len(rules) > 0 && a.oneIn(3) {
		return a.use(rules[a.IntN(len(rules))], late)
	}
	switch a.IntN(4) {
	case 0:
		return a.answered(late)
	case 1:
		return a.composed(late)
	}
	a.vars++
	v := "v" + strconv.Itoa(a.vars)
	switch a.IntN(26) {
	case 24:
		return a.pick("input.meters.m1", "input.meters.m2") + a.pick(".count", ".sum", ".total", ".amount") + a.pick(" == ", " > ", " <= ") + a.pick(a.number(), "input.args.size", "input.meters.m2.sum")
	case 25:
		return a.pick("some "+v+" in input.history\n\t"+v+".value == "+a.pick(a.value(), "input.args.mode"), "some "+v+" in input.history\n\t"+v+".name == \"n\"\n\t"+v+".age_s < "+a.number(),
			"count(input.history)"+a.pick(" > ", " == ")+a.number(), "not input.history[0]", "input.meters[input.args.mode].count > 0")
	case 0, 1, 2, 3:
		return a.pick("contains", "startswith", "endswith") + "(" + a.pick("input.args.path", "input.args.note", "input.args.mode", "input.args.deep.er", "input.args.who") + ", " + a.text() + ")"
	case 4, 5:
		return a.pick("input.args.size", "input.args.n", "input.guard.score", "input.args.path") + a.pick(" > ", " >= ", " < ", " <= ") + a.number()
	case 6, 7:
		return a.compared(late)
	case 8:
		return "not " + a.input(late) + a.pick("", " == "+a.value())
	case 9:
		return a.input(late) + a.pick(" != ", " == ", " < ") + a.input(late)
	case 10:
		return a.pick("", "not ") + a.text() + " in input.agent." + a.pick("roles", "scopes", "claims.groups")
	case 11:
		return "some " + v + " in input.args.tags\n\t" + v + " == " + a.pick(a.text(), a.input(late))
	case 12:
		return "every " + v + " in input.args.tags { " + v + a.pick(" != ", " == ") + a.text() + " }"
	case 13:
		return "count([" + v + " | some " + v + " in input.args.tags; " + v + " == " + a.input(late) + "])" + a.pick(" > 0", " == 0")
	case 14:
		return "object.get(input.args, " + a.pick(`"path"`, `["deep","er"]`, `"none"`, `"on"`) + ", " + a.pick(`"x"`, "false", "null") + ") == " + a.value()
	case 15:
		return a.pick("", "not ") + "data.closed[" + a.pick("input.args.mode", "input.agent.id", `"x"`, "input.args.n") + "]"
	case 16:
		return v + " := " + a.input(late) + "\n\t" + v + " == " + a.pick(a.text(), a.input(late))
	case 17: // these may fail
		return a.pick("lower("+a.input(late)+") == "+a.text(), "to_number("+a.input(late)+") > "+a.number(), "sprintf(\"%s\", ["+a.input(late)+"]) == "+a.text(),
			"regex.match("+a.input(late)+", \"a\")", "split("+a.input(late)+", \"/\")[0] == "+a.text(), "count("+a.input(late)+") > 1")
	case 18:
		return a.input(late) + " in {" + a.value() + ", " + a.value() + "}"
	case 19:
		return "walk(input.args, [_, " + v + "])\n\t" + v + " == " + a.text()
	case 20:
		return "not " + a.pick("contains", "startswith") + "(" + a.pick("input.args.path", "input.args.note") + ", " + a.text() + ")"
	case 21:
		return a.pick("is_string", "is_number", "is_null", "is_boolean") + "(" + a.input(late) + ")"
	case 22:
		return a.input(late) // alone: neither undefined nor false
	}
	return a.pick("true", "true", "false", "1 == 1", "time.now_ns() > 0", a.input(late)+" == "+a.input(late))
}

// answered is an expression of a form that is answered without OPA.
func (a *author) answered(late bool) string {
	in, text := a.input(late), a.text()
	given := func(takes ...string) string { // what a function takes, or anything
		return a.pick(append(takes, a.input(late), "input.args.path")...)
	}
	root := a.pick(`"/srv"`, `"/srv/"`, `"/"`, `"srv"`, "root", "data.roots[0]", "input.args.note")
	roots := a.pick(`{"/srv", "/x"}`, `["/", "/x"]`, "roots", "data.roots", "input.args.tags", "set()", `{"a": "/srv"}`)
	words := a.pick(`{"a", "x", 7}`, `["r", null]`, "modes", "data.modes", "roots", "input.args.tags", "input.agent.roles", `{"k": "r", "l": [1]}`, `"ab"`)
	return a.pick("", "", "not ") + a.pick(
		"path.under("+given()+", "+root+")", "path.under("+given()+", "+root+")", "path.under_any("+given()+", "+roots+")", "path.all_under("+given("input.args.tags")+", "+root+")",
		"path.hidden("+given("lower(input.args.path)")+")", "path.relative("+given()+")", "path.plain("+in+")", "path.clean("+given()+") == "+text, "path.extension("+in+") == "+text, "path.extension("+in+") in "+words,
		"url.host("+given("input.args.link")+") == \"a.example\"", "url.on_any("+given("input.args.link")+", "+a.pick(`{".example"}`, `{"a.example"}`, "modes", `["a.example", 1]`)+")",
		"mail.all_within("+given("input.args.mail")+", {\"a.example\"})", "mail.domain("+given("input.args.mail")+") != \"b.example\"",
		"shell.runs("+given("input.args.line")+", "+words+")", "shell.plain("+given("input.args.line")+")", "shell.program("+given("input.args.line")+") == \"ls\"", "shell.words("+given("input.args.line")+")[1] == \"-a\"",
		"\"-a\" in shell.options("+given("input.args.line")+")", "count(shell.operands("+given("input.args.line")+"))"+a.pick(" == 0", " > 0"),
		"sql.read_only("+given("input.args.query")+")", "sql.limited("+given("input.args.query")+", "+a.number()+")",
		"count("+given("input.args.tags", "input.args", "input.agent.roles", "input.args.deep")+")"+a.pick(" == ", " > ", " != ", " <= ")+a.pick(a.number(), "count(input.args.tags)"),
		"regex.match("+a.pick("`^/srv`", "`(?i)B$`", "`.`", "`^[a-z]+$`", "`(`", "root")+", "+given("input.args.note")+")", "regex.match(\"a\", lower("+in+"))",
		a.pick("lower", "upper", "trim_space")+"("+in+") == "+text, a.pick("trim", "trim_prefix", "trim_suffix", "trim_left", "trim_right")+"("+in+", "+a.pick(`"/"`, `"x"`, `"/srv"`)+") == "+text,
		"split("+given()+", \"/\")["+a.pick("0", "1", "2")+"] == "+text, "split("+given()+", \"/\")[1] in "+words, "count(split("+given()+", \"/\")) > 2", "startswith(upper("+in+"), \"/S\")",
		in+" in "+words, text+" in "+in, in+a.pick(" == ", " != ", " < ", " >= ", " = ")+a.pick(a.value(), in, "root", "modes", `["a","b"]`, `{"er": "x"}`, `{"a"}`, "input.agent.id", "count("+a.input(late)+")", "data.modes"),
		a.value()+a.pick(" == ", " > ")+in, "count("+in+")", "is_string("+in+")", "is_array("+in+") == false", "is_object("+in+")", "contains("+in+", "+a.pick(text, "input.args.note", "root")+")",
	)
}

func (a *author) body(rules []known, late bool) string {
	lines := make([]string, 1+a.IntN(3))
	for i := range lines {
		lines[i] = a.expr(rules, late)
	}
	if late {
		lines = append([]string{`input.stage == "result"`}, lines...)
	}
	return "{\n\t" + strings.Join(lines, "\n\t") + "\n}"
}

// rule writes one rule for others to refer to.
func (a *author) rule(name string, rules []known) (string, known) {
	body := func() string { return a.body(rules, false) }
	k := known{name, shape(a.IntN(5))}
	switch k.is {
	case scalar:
		return a.pick("", "default "+name+" := "+a.value()+"\n\n") + name + " := " + a.value() + " if " + body() + a.pick("", " else := "+a.value(), " else := "+a.value()+" if "+body()) + "\n\n", k
	case set:
		var b strings.Builder
		for range 1 + a.IntN(2) {
			b.WriteString(name + " contains " + a.pick(a.text(), a.input(false)) + " if " + body() + "\n\n")
		}
		return b.String(), k
	case object:
		return name + "[" + a.pick(a.text(), "input.args.mode") + "] := " + a.pick(a.value(), "input.args.n") + " if " + body() + "\n\n", k
	case function:
		lines := "{\n\tx == " + a.pick(a.text(), a.input(false)) + "\n\t" + a.expr(rules, false) + "\n}\n\n"
		return a.pick("", "default "+name+"(_) := "+a.pick("false", "true")+"\n\n") + name + "(x) := " + a.pick("true", "true", "false") + " if " + lines, k
	}
	switch a.IntN(5) {
	case 0:
		return "default " + name + " := " + a.pick("false", "false", "true") + "\n\n" + name + a.pick("", "", " := false", " := true") + " if " + body() + "\n\n", k
	case 1:
		return name + " if " + body() + " else := " + a.pick("false", "true") + a.pick("", " if "+body()) + "\n\n", k
	case 2:
		return name + " := " + a.pick("true", "false") + "\n\n", k
	}
	return name + " if " + body() + "\n\n" + a.pick("", name+" if "+body()+"\n\n"), k
}

// pkg writes a package that speaks about calls.
func (a *author) pkg(path string, helpers []known) string {
	var b strings.Builder
	rules := helpers
	for i := range a.IntN(4) {
		text, k := a.rule("p"+strconv.Itoa(i), rules)
		b.WriteString(text)
		rules = append(rules[:len(rules):len(rules)], k)
	}
	body := func(late bool) string { return a.body(rules, late) }
	switch a.IntN(6) {
	case 0:
		b.WriteString("allow := true\n\n")
	case 1:
		b.WriteString("default allow := false\n\nallow if " + body(false) + "\n\n")
	case 2:
		b.WriteString("default allow := true\n\nallow := false if " + body(false) + "\n\n")
	case 3:
		b.WriteString("allow if " + body(false) + " else := " + a.pick("true", "false") + "\n\n")
	default:
		for range 1 + a.IntN(2) {
			b.WriteString("allow if " + body(false) + "\n\n")
		}
	}
	for i := range a.IntN(4) {
		late := a.oneIn(4)
		b.WriteString("deny contains " + a.pick(fmt.Sprintf("\"d%d\"", i), fmt.Sprintf("sprintf(\"%%v\", [%s])", a.input(late))) + " if " + body(late) + "\n\n")
	}
	for a.oneIn(2) {
		says := a.pick("deny", "label", "approve", "redact")
		b.WriteString(a.spoken(says, says != "approve" && a.oneIn(4)))
	}
	for i := range a.IntN(2) {
		b.WriteString(fmt.Sprintf("approve contains \"a%d\" if ", i) + body(false) + "\n\n")
	}
	for range a.IntN(2) {
		late := a.oneIn(3)
		b.WriteString("label contains " + a.pick(`"l"`, "sprintf(\"%v\", ["+a.input(late)+"])") + " if " + body(late) + "\n\n")
	}
	for range a.IntN(2) {
		b.WriteString("redact contains " + a.pick(`"args.note"`, `"args.tags[*]"`, `sprintf("args.%s", [data.closed.field])`) + " if " + body(false) + "\n\n")
	}
	if a.oneIn(4) {
		b.WriteString(a.pick("", "default flow := \"deny\"\n\n") + "flow := " + a.pick(`"allow"`, `"approve"`, `"deny"`) + " if " + body(false) + "\n\n")
	}
	head := "package " + path + "\n\n"
	if strings.Contains(b.String(), "helpers.") {
		head += "import data.helpers\n\n" // one that is not used is an error
	}
	for _, of := range []string{"path", "url", "mail", "shell", "sql"} {
		if strings.Contains(b.String(), of+".") {
			head += "import data.toolward.lib." + of + "\n\n"
		}
	}
	return head + constants + composing + b.String()
}

// constants are rules of a package that are the same for each call.
const constants = "root := \"/srv\"\n\nroots := {\"/srv/x\", \"/a\"}\n\nmodes := {\"r\", \"x\", 1}\n\n"

// counting writes rules that count and remember, of what was asked and of what came
// back.
func (a *author) counting() string {
	var b strings.Builder
	b.WriteString("package gateway\n\n")
	condition := func(late bool) string {
		given := a.input(late) + a.pick(" == ", " != ") + a.value()
		return a.pick(given, given, given, a.input(late), a.text()+" in input.agent.roles", "contains(input.args.path, "+a.text()+")", "input.tool.name == \"read_file\"",
			"input.args.size > "+a.number(), "to_number(input.args.note) > "+a.number(), "lower(input.args.mode) == "+a.text(),
			"input.call.surface == \"mcp\"", "data.closed[input.args.mode]", "some x in input.args.tags\n\tx == "+a.text(), "not "+a.input(late), "wanted")
	}
	rule := func(head string, late bool) {
		b.WriteString(head + " if {\n\t" + condition(false))
		if late {
			b.WriteString("\n\tinput.stage == \"result\"")
		}
		b.WriteString("\n\t" + condition(late) + "\n}\n\n")
	}
	b.WriteString("wanted if " + a.input(false) + " == " + a.value() + "\n\n")
	rule("meter contains {\"name\": \"m1\", \"key\": "+a.pick("input.args.mode", "input.args.who", "sprintf(\"%v\", [input.args.n])", `"k"`)+", \"window\": \"1h\"}", false)
	rule("meter contains {\"name\": \"m2\", \"per\": "+a.pick(`"agent"`, `"all"`, `"tool"`, `"session"`)+", \"amount\": "+a.pick("input.args.size", "input.args.n", "count(input.args.tags)", "2")+", \"window\": \"1d\"}", false)
	rule("remember contains {\"name\": \"n\", \"value\": "+a.input(false)+", \"for\": \"1h\"}", false)
	for range a.IntN(2) {
		rule("meter contains {\"name\": \"late\", \"amount\": "+a.pick("input.result.n", "1")+", \"window\": \"1h\"}", true)
	}
	for range a.IntN(2) {
		rule("remember contains {\"name\": \"told\", \"value\": "+a.input(true)+", \"for\": \"1h\"}", true)
	}
	return b.String()
}

// policy writes the files of a policy.
func (a *author) policy() map[string]string {
	var helpers []known
	var b strings.Builder
	for i := range 1 + a.IntN(3) {
		text, k := a.rule("h"+strconv.Itoa(i), helpers)
		b.WriteString(strings.ReplaceAll(text, "helpers.", ""))
		helpers = append(helpers, known{"helpers." + k.name, k.is})
	}
	head := "package helpers\n\n"
	for _, of := range []string{"path", "url", "mail", "shell", "sql"} {
		if strings.Contains(b.String(), of+".") {
			head += "import data.toolward.lib." + of + "\n\n"
		}
	}
	helping := head + constants + composing + b.String()
	files := map[string]string{
		"m.rego": a.counting(), "h.rego": helping, "t.rego": a.pkg("tools.files.read_file", helpers),
		"data.json": `{"closed":{"x":true,"r":true,"a":false,"field":"note"},"roots":["/srv","/x"],"modes":{"a":"r","b":1},"nested":{"r":{"list":["a",1,null]},"x":{"list":["x"]}}}`,
	}
	for _, f := range [][2]string{{"s.rego", "servers.files"}, {"g.rego", "gateway"}, {"w.rego", "tools.files.write_file"}} {
		if a.oneIn(2) {
			files[f[0]] = a.pkg(f[1], helpers)
		}
	}
	return files
}

// agents are those whose calls a policy is asked about.
func (a *author) agents() []*gateway.Agent {
	out := make([]*gateway.Agent, 3)
	for i := range out {
		out[i] = &gateway.Agent{
			ID: a.pick("a", "b"), Issuer: a.pick("a", "x"), Roles: strings.Fields(a.pick("r", "", "r w", "a")), Scopes: strings.Fields(a.pick("", "x")),
			Claims: map[string]any{
				"https://x/y.z": a.pick("red", "a"), "team": a.pick("red", "b"),
				"org": map[string]any{"level": json.Number(a.pick("0", "1", "1.5", "2e0"))},
			},
		}
		if a.oneIn(2) {
			out[i].Claims["groups"] = []any{a.pick("a", "x"), "red"}
		}
	}
	return out
}

// tools are those of the policy's packages, and one without a package.
func (a *author) tools() []*gateway.Tool {
	var out []*gateway.Tool
	for _, name := range []string{"read_file", "write_file", "list"} {
		out = append(out, &gateway.Tool{
			Kind: gateway.KindTool, Server: "files", Name: name, Wire: "files__" + name,
			Labels: strings.Fields(a.pick("", "external", "external private")), Pinned: a.oneIn(2),
		})
	}
	return out
}

// call makes a call that differs from others in little, so that it meets what
// is remembered of them.
func (a *author) call(t testing.TB, agent *gateway.Agent, tool *gateway.Tool) *gateway.Call {
	usual := func(values ...string) string {
		if a.IntN(3) > 0 {
			return values[0]
		}
		return a.pick(values...)
	}
	var members []string
	for _, m := range []struct {
		name   string
		values []string
	}{
		{"path", []string{`"/srv"`, `"/srv/x"`, `"/srv/../x"`, `"/srv/.x/b.TXT"`, `"x"`, `7`, `null`, `["/srv"]`, `{"/srv":1}`, `"a"`, `".."`, `""`}},
		{"note", []string{`"ab"`, `""`, `"a"`, `3`}},
		{"mode", []string{`"r"`, `"w"`, `"x"`, `[]`, `false`}},
		{"size", []string{`1`, `1.0`, `2.5`, `10`, `1e1`, `"9"`, `true`, `-0.0`}},
		{"n", []string{`1`, `0`, `"a"`, `2.50`, `-1`, `"7"`}},
		{"on", []string{`true`, `false`, `null`}},
		{"tags", []string{`["a","b"]`, `[]`, `["x"]`, `{"0":"a"}`, `"a"`, `[["a"]]`}},
		{"deep", []string{`{"er":"x"}`, `{"er":{"est":"x"}}`, `{"er":3}`, `[{"er":"x"}]`, `"x"`}},
		{"who", []string{`"a"`, `"b"`, `1`}},
		{"link", []string{`"https://a.example/x"`, `"https://b.example"`, `"https://a.example@b.example"`, `3`}},
		{"mail", []string{`"x@a.example"`, `["x@a.example","y@A.example"]`, `["x@b.example",1]`, `[]`, `{"a":"x@a.example"}`}},
		{"line", []string{`"ls -a /srv"`, `"ls"`, `"ls;id"`, `"x=1 ls"`, `["ls"]`}},
		{"query", []string{`"select 1 limit 2"`, `"drop table t"`, `"select 'drop' from t limit 007"`, `null`}},
		{"mixed", []string{`["a",1,"b"]`, `[null,"a"]`, `["/srv/x","a"]`, `[{"name":"a"},{"name":"x"},3]`, `[["a","x"],["b"]]`, `{"b":"a","a":"x"}`, `7`}},
		{"items", []string{`[{"name":"a","n":1}]`, `[{"name":"x"},{"n":2}]`, `[]`, `{"name":"a"}`}},
		{"odd name", []string{`"x"`, `"a"`, `1`}},
	} {
		if !a.oneIn(5) {
			members = append(members, strconv.Quote(m.name)+":"+usual(m.values...))
		}
	}
	s := callSpec{Args: json.RawMessage("{" + strings.Join(members, ",") + "}")}
	s.Session.ID, s.Session.Calls, s.Session.Labels = usual("s", "t"), a.IntN(3), strings.Fields(usual("", "private untrusted", "private", "x"))
	for _, name := range []string{"m1", "m2"} {
		sum, _ := gateway.ParseAmount(usual("0", "1", "2.5", "10"))
		s.Session.Meters = append(s.Session.Meters, gateway.Used{Name: name, Count: a.IntN(3), Sum: sum, Amount: gateway.One})
	}
	for range a.IntN(3) {
		s.Session.History = append(s.Session.History, gateway.Memory{Name: "n", Value: json.RawMessage(usual(`"r"`, `"w"`, "1", "true")), Tool: "files__list", Time: callTime.Add(-time.Duration(a.IntN(3)) * time.Second)})
	}
	s.Guard.Score = float64(a.IntN(3)) / 2
	if a.oneIn(4) {
		s.Guard.Findings = []gateway.Finding{{Kind: gateway.FindingInjection, Stage: gateway.StageResult, Rule: "r", Action: gateway.ActionPolicy}}
	}
	if a.oneIn(3) {
		s.Result = json.RawMessage(usual(`{"text":"a"}`, `{"text":"b"}`, `{"n":1}`, `{"n":2,"deep":{"er":"x"}}`, `{"text":5}`))
	}
	c := s.call(t)
	c.Agent, c.Tool, c.Surface = agent, tool, gateway.Surface(usual("mcp", "rest"))
	return c
}
