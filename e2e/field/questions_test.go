//go:build e2e

package field

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
	"sync/atomic"
	"testing"

	"toolward/e2e/lab"
)

// question is a row of the table in docs/audit.md, and the query of its number.
type question struct {
	number       string
	text, answer string // what is asked, and the command without `toolward audit`
	sql          string
}

var (
	questionRow = regexp.MustCompile("(?m)^\\| (\\d+) \\| (.+) \\| `(.+)` \\|$")
	queryHead   = regexp.MustCompile(`(?m)^-- (\d+)\. `)
)

// questions reads both pages. They must have the same numbers.
func questions(t *testing.T) []question {
	t.Helper()
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join("..", "..", "docs", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	queries := map[string]string{}
	page := read("review-queries.sql")
	for _, at := range queryHead.FindAllStringSubmatchIndex(page, -1) {
		rest := page[at[1]:]
		from := strings.Index(rest, "\nSELECT ")
		queries[page[at[2]:at[3]]] = rest[from:][:strings.Index(rest[from:], ";\n")]
	}
	var all []question
	for _, row := range questionRow.FindAllStringSubmatch(read("audit.md"), -1) {
		all = append(all, question{row[1], row[2], row[3], queries[row[1]]})
	}
	if len(all) != 25 || len(queries) != 25 {
		t.Fatalf("%d commands and %d queries", len(all), len(queries))
	}
	return all
}

// many is a gateway whose record answers every question of the list. It returns
// what stands for the examples in the pages.
func many(t *testing.T) (g *lab.Gateway, examples *strings.Replacer) {
	var version atomic.Int32
	up := func(result string, tools ...string) map[string]any {
		return lab.NewScripted(t, func(r lab.Request) string {
			switch r.Method {
			case "tools/list":
				var list []string
				for _, name := range tools {
					list = append(list, fmt.Sprintf(`{"name":%q,"description":"version %d of it","inputSchema":{"type":"object"}}`, name, version.Load()))
				}
				return `"result":{"tools":[` + strings.Join(list, ",") + `]}`
			case "tools/call":
				return `"result":` + result
			}
			return ""
		}).Config()
	}
	text := func(s string) string { return `{"content":[{"type":"text","text":` + lab.Quote(s) + `}]}` }
	with := func(config map[string]any, label string) map[string]any { config["labels"] = label; return config }
	echo := lab.NewUpstream(t)
	const policy = "package gateway\n\nallow if \"tester\" in input.agent.roles\n\n" +
		"approve contains \"a person looks at mail\" if {\n\tinput.tool.server == \"mail\"\n\tinput.args.ask\n}\n\n" +
		"deny contains \"not to them\" if input.args.to == \"outsider\"\n"
	g = lab.Start(t, lab.Options{
		Upstream: echo,
		Policies: map[string]string{"all.rego": policy, "../next/all.rego": "package gateway\n\nallow if input.tool.server != \"web\"\n"},
		Config: map[string]any{
			"policy":    map[string]any{"path": "./policies", "shadow": "./next"},
			"approvals": map[string]any{"wait": "0s"},
			"limits": map[string]any{
				"default": map[string]any{"rate": "600000/min", "burst": 100000}, "failures": map[string]any{"rate": "600000/min", "burst": 100000},
				"agents": map[string]any{"hasty": map[string]any{"rate": "1/h", "burst": 1}},
			},
			"upstreams": map[string]any{
				"lab":  map[string]any{"url": echo.URL(), "timeout": "30s"},
				"crm":  with(up(text(customer), "get_customer"), "private"),
				"web":  with(up(text("An ordinary page by an outsider."), "fetch"), "untrusted"),
				"mail": with(up(text("sent"), "send"), "external"),
				"bad":  up(`{"content":[{"type":"text","text":"no disk"}],"isError":true}`, "write"),
				"evil": up(text(lab.Injection), "read"),
			},
		},
	})
	token := func(agent, session string) string {
		return g.Issuer.Sign(g.Issuer.Claims(agent, lab.Audience, map[string]any{"roles": []string{"tester"}, "sid": session}))
	}
	ann := token("ann", "s-4711")
	call := func(token, tool, args string) lab.Answer { return lab.CallREST(t, g, token, tool, args) }

	call(ann, "crm__get_customer", `{"n":1}`)
	call(ann, "mail__send", `{"text":"weekly report"}`) // allowed: private alone may leave
	call(ann, "web__fetch", `{}`)
	leak := call(ann, "mail__send", lab.Text("Hello: "+customer))
	call(ann, "mail__send", `{"to":"outsider"}`)
	call(ann, "bad__write", `{"n":1}`)
	call(token("bob", "s-2"), "evil__read", `{}`)
	const secret = "ghp_SYNTHETICsyntheticSYNTHETICsynth12345" // of no account
	call(token("bob", "s-2"), "lab__echo", lab.Text("use "+secret))
	for range 3 {
		call(token("hasty", "s-3"), "lab__echo", lab.Text("quick"))
	}
	call(g.Token("nobody"), "lab__echo", lab.Text("may I?"))
	call("not-a-token", "lab__echo", lab.Text("x"))
	for _, decision := range []string{"approve", "deny"} {
		args := `{"ask":true,"why":"` + decision + `"}`
		call(token("carl", "s-5"), "mail__send", args)
		if code, out := g.Run(t, "approvals", decision, g.Waiting(t), "--note", "seen: "+decision, "--config", "toolward.yaml"); code != 0 {
			t.Fatal(out)
		}
		call(token("carl", "s-5"), "mail__send", args)
	}
	accept(t, g, &version)
	g.Write(t, "policies/all.rego", policy+"\ndeny contains \"closed\" if input.args.to == \"nobody\"\n")
	g.Until(t, "the policy is not read again", func() bool { return strings.Contains(g.Log.String(), "policy reloaded") })
	call(ann, "crm__get_customer", `{"n":2}`)
	interrupt(t, g, token("dora", "s-6"))

	code, hash := g.Run(t, "audit", "hash", secret, "--config", "toolward.yaml")
	if code != 0 || leak.ID == "" {
		t.Fatalf("%s; the leak got %+v", hash, leak)
	}
	hash = regexp.MustCompile(`hmac:[0-9a-f]+`).FindString(hash)
	return g, strings.NewReplacer("01a20cb2-b175-7aaa-8aaa-aaaaaaaaaaaa", leak.ID, "01a20cb2-b175", leak.ID, "hmac:9f2c41d07a55e1b3", hash)
}

// accept lets a definition change, and a person accept what it is now.
func accept(t *testing.T, g *lab.Gateway, version *atomic.Int32) {
	t.Helper()
	for range 2 {
		_, out := g.Run(t, "tools", "diff", "--all", "--config", "toolward.yaml")
		name := regexp.MustCompile(`crm__get_customer@[0-9a-f]+`).FindString(out)
		if name == "" {
			t.Fatalf("nothing to accept in\n%s", out)
		}
		if code, out := g.Run(t, "tools", "pin", name, "--config", "toolward.yaml"); code != 0 {
			t.Fatal(out)
		}
		version.Add(1)
	}
}

// interrupt kills the gateway in the middle of a call, and starts it again.
func interrupt(t *testing.T, g *lab.Gateway, token string) {
	t.Helper()
	r := lab.NewRequest(t, g.URL+"/v1/tools/lab__wait/call", token, strings.NewReader(lab.Text("unanswered")))
	done := make(chan struct{})
	go func() {
		defer close(done)
		if resp, err := http.DefaultClient.Do(r); err == nil {
			resp.Body.Close()
		}
	}()
	<-g.Upstream.Waiting()
	g.Kill()
	<-done
	g.Restart(t)
}

// TestQuestionsAreAnsweredTwice asks each of the twenty-five questions by its
// command and by its query, as the pages have them, of a record that the running
// program made. Both find something, and the same.
func TestQuestionsAreAnsweredTwice(t *testing.T) {
	g, examples := many(t)
	for _, q := range questions(t) {
		t.Run(q.number, func(t *testing.T) {
			want := rowsOf(t, asJSON(t, g.Rows(t, "", examples.Replace(q.sql))), nil)
			if len(want) == 0 {
				t.Fatalf("the query of %q finds nothing", q.text)
			}
			columns := map[string]bool{}
			for _, row := range g.Rows(t, "", examples.Replace(q.sql)) {
				for name := range row {
					columns[name] = true
				}
			}
			args := append(append([]string{"audit"}, strings.Fields(examples.Replace(q.answer))...), "-o", "json", "--config", "toolward.yaml")
			out, err := g.Command(args...).Output()
			if err != nil {
				t.Fatalf("%v: %v", args, err)
			}
			if got := rowsOf(t, string(out), columns); !slices.Equal(got, want) {
				t.Errorf("%s\n%v finds\n%s\nthe query finds\n%s", q.text, args, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// rowsOf are the rows of an answer, an array or a line each, with some columns (nil:
// all), in one form whoever wrote them: what is empty is left out, and JSON in a
// text is JSON.
func rowsOf(t *testing.T, answer string, columns map[string]bool) (rows []string) {
	t.Helper()
	var objects []map[string]any
	for dec := json.NewDecoder(strings.NewReader(answer)); dec.More(); {
		var v any
		if err := dec.Decode(&v); err != nil {
			t.Fatalf("%v in %s", err, answer)
		}
		list, ok := v.([]any)
		if !ok {
			list = []any{v}
		}
		for _, one := range list {
			objects = append(objects, one.(map[string]any))
		}
	}
	for _, o := range objects {
		for name, v := range o {
			if text, ok := v.(string); ok && text != "" && strings.Contains("[{", text[:1]) {
				if inner := any(nil); json.Unmarshal([]byte(text), &inner) == nil {
					v = inner
					o[name] = v
				}
			}
			if v == nil || v == "" || v == 0.0 || columns != nil && !columns[name] {
				delete(o, name)
			}
		}
		rows = append(rows, asJSON(t, o))
	}
	sort.Strings(rows)
	return rows
}
