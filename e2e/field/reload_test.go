//go:build e2e

package field

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"toolward/e2e/lab"
)

// config is a configuration as a test edits it.
type config = map[string]any

func upstreamsOf(c config) config { return c["upstreams"].(config) }

func labOf(c config) config { return upstreamsOf(c)["lab"].(config) }

// loads is how many configurations came into force since the start, and how many did not.
func loads(t *testing.T, g *lab.Gateway) (good, bad int) {
	t.Helper()
	return len(g.Rows(t, "", "SELECT 1 FROM events WHERE type = 'config.loaded'")), len(g.Rows(t, "", "SELECT 1 FROM events WHERE type = 'config.reload_failed'"))
}

const person = "reach jane.doe@example.net" // synthetic

// Each kind of change takes effect without a restart, whoever says that there is one.
func TestConfigChangesWhileItRuns(t *testing.T) {
	other := lab.NewUpstream(t)
	code := func(tool, args string) func(*testing.T, *lab.Gateway) string {
		return func(t *testing.T, g *lab.Gateway) string { return lab.CallREST(t, g, g.Tester(), tool, args).Code }
	}
	twice := func(t *testing.T, g *lab.Gateway) string {
		lab.CallREST(t, g, g.Tester(), "lab__echo", lab.Text("one"))
		return lab.CallREST(t, g, g.Tester(), "lab__echo", lab.Text("two")).Code
	}
	where := func(t *testing.T, g *lab.Gateway) string {
		text := lab.Marker()
		lab.CallREST(t, g, g.Tester(), "lab__echo", lab.Text(text))
		return fmt.Sprint(g.Upstream.Executed(text), other.Executed(text))
	}
	slow := config{"rate": "1/d", "burst": 1}
	for name, tt := range map[string]struct {
		edit          func(config)
		check         func(*testing.T, *lab.Gateway) string
		before, after string
		event         string // what the record says about it
	}{
		"an upstream more": {func(c config) { upstreamsOf(c)["more"] = config{"url": other.URL()} }, code("more__echo", lab.Text("x")), "unknown_tool", "", `"added":["more"]`},
		"an upstream less": {func(c config) { delete(upstreamsOf(c), "lab") }, code("lab__echo", lab.Text("x")), "", "unknown_tool", `"removed":["lab"]`},
		"another address":  {func(c config) { labOf(c)["url"] = other.URL() }, where, "1 0", "0 1", `"changed":["lab"]`},
		"another name": {func(c config) { upstreamsOf(c)["new"] = labOf(c); delete(upstreamsOf(c), "lab") },
			code("new__echo", lab.Text("x")), "unknown_tool", "", `"removed":["lab"]`},
		"scopes":            {func(c config) { labOf(c)["scopes"] = []string{"lab.use"} }, code("lab__echo", lab.Text("x")), "", "insufficient_scope", `"fields":["upstreams.lab.scopes[0]"]`},
		"labels":            {func(c config) { labOf(c)["labels"] = []string{"forbidden"} }, code("lab__echo", lab.Text("x")), "", "policy", `"upstreams.lab.labels[0]"`},
		"an agent's limit":  {func(c config) { c["limits"].(config)["agents"] = config{"tester": slow} }, twice, "", "rate_limited", `limits.agents.tester`},
		"the default limit": {func(c config) { c["limits"].(config)["default"] = slow }, twice, "", "rate_limited", `limits.default`},
		"a tool's limit":    {func(c config) { c["limits"].(config)["tools"] = config{"lab__echo": slow} }, twice, "", "rate_limited", `limits.tools.lab__echo`},
		"guard":             {func(c config) { c["guard"] = config{"pii": "block"} }, code("lab__echo", lab.Text(person)), "", "guard", `"fields":["guard.pii"]`},
		"guard of an upstream": {func(c config) { c["guard"] = config{"servers": config{"lab": config{"pii": "block"}}} }, code("lab__echo", lab.Text(person)), "", "guard",
			`"fields":["guard.servers.lab.pii"]`},
		"a honeytoken": {func(c config) { c["guard"] = config{"honeytokens": []string{"synthetic-honey-4711"}} }, code("lab__echo", lab.Text("synthetic-honey-4711")), "", "guard",
			`"fields":["guard.honeytokens[0]"]`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, by := range []string{"the file", "SIGHUP", "an operator"} {
				g := lab.Start(t, lab.Options{Policies: map[string]string{"all.rego": lab.AllowTesters + "\ndeny contains \"no\" if \"forbidden\" in input.tool.labels\n"}})
				if got := tt.check(t, g); got != tt.before {
					t.Fatalf("before: %q", got)
				}
				g.Edit(t, tt.edit)
				switch by {
				case "SIGHUP":
					g.Signal(t, syscall.SIGHUP)
				case "an operator":
					if a := g.Reload(t); a.Detail != "" {
						t.Fatal(a.Detail)
					}
				}
				g.Until(t, by+" changes nothing", func() bool { good, _ := loads(t, g); return good == 1 })
				g.Until(t, by+": it is recorded and not in force", func() bool { return tt.check(t, g) == tt.after })
				if body := fmt.Sprint(g.Rows(t, "", "SELECT body FROM events WHERE type = 'config.loaded'")[0]["body"]); !strings.Contains(body, tt.event) {
					t.Errorf("%s: the record says %s", by, body)
				}
				g.Stop(t)
			}
		})
	}
}

// A process whose entry is the same goes on; one whose entry changed is started anew, and
// one that is gone ends.
func TestReloadLeavesProcessesThatAreTheSame(t *testing.T) {
	same, changed, gone := lab.NewProcess(t), lab.NewProcess(t), lab.NewProcess(t)
	g := lab.Start(t, lab.Options{Config: config{"upstreams": config{"same": same.Config(), "changed": changed.Config(), "gone": gone.Config()}}})
	pids := func(p *lab.Process) string { return fmt.Sprint(p.Alive(t)) }
	before := []string{pids(same), pids(changed)}
	g.Edit(t, func(c config) {
		delete(upstreamsOf(c), "gone")
		upstreamsOf(c)["changed"].(config)["labels"] = []string{"private"}
	})
	g.Reload(t) // says nothing if the file was noticed before; the record says it in any case
	if body := fmt.Sprint(g.Rows(t, "", "SELECT body FROM events WHERE type = 'config.loaded'")[0]["body"]); !strings.Contains(body, `"removed":["gone"]`) || !strings.Contains(body, `"changed":["changed"]`) {
		t.Fatalf("the record says %s", body)
	}
	g.Until(t, "a process that is gone goes on", func() bool { return len(gone.Alive(t)) == 0 && len(changed.Alive(t)) == 1 })
	if got := pids(same); got != before[0] {
		t.Errorf("what is the same was %s and is %s", before[0], got)
	}
	if got := pids(changed); got == before[1] {
		t.Errorf("what changed is %s still", got)
	}
}

// A file that is wrong in any way changes nothing, and says so where people look: log,
// record, readiness, the operators' API, and once. When it is repaired, all is well.
func TestBrokenConfigChangesNothing(t *testing.T) {
	g := lab.Start(t, lab.Options{})
	good := readFile(t, g, "toolward.yaml")
	for name, text := range map[string]string{
		"not YAML":                     "upstreams: [",
		"empty":                        "",
		"an unknown field":             strings.Replace(good, `"upstreams"`, `"upstream"`, 1),
		"a variable that is not set":   strings.Replace(good, `"url"`, `"headers":{"K":"${NOT_SET_AT_ALL}"},"url"`, 1),
		"a file that is not there":     strings.Replace(good, `"url"`, `"headers":{"K":"${file:nowhere}"},"url"`, 1),
		"a secret that cannot be read": strings.Replace(good, `"url"`, `"oauth":{"grant":"client_credentials","issuer":"https://id.example","client_id":"a","client_secret_file":"nowhere"},"url"`, 1),
		"a rate that is none":          strings.Replace(good, `600000/min`, `fast`, 1),
		"a limit of no upstream":       strings.Replace(good, `"limits": {`, `"limits": {"tools":{"crm__read":{"rate":"1/s"}},`, 1),
		"two ways in one entry":        strings.Replace(good, `"url"`, `"command":"cat","url"`, 1),
	} {
		t.Run(name, func(t *testing.T) {
			if text == good {
				t.Fatal("nothing is wrong")
			}
			loaded, failed := loads(t, g)
			g.Log.Reset()
			g.Write(t, "toolward.yaml", text)
			g.Until(t, "the record does not say so", func() bool { _, n := loads(t, g); return n == failed+1 })
			detail := g.Reload(t).Detail
			if detail == "" {
				t.Error("an operator is told nothing")
			}
			status, body := get(t, g.URL+"/readyz")
			if status != http.StatusOK || !strings.Contains(body, `"config":"degraded: `) {
				t.Errorf("readiness: %d %s", status, body)
			}
			if n := strings.Count(g.Log.String(), "level=ERROR"); n != 1 || !strings.Contains(g.Log.String(), "what was before stays") {
				t.Errorf("the log has %d errors:\n%s", n, g.Log)
			}
			if a := lab.REST.Call(t, g, g.Tester(), "echo", lab.Text("x")); a.Code != "" {
				t.Errorf("a call got %+v", a)
			}
			g.Write(t, "toolward.yaml", good)
			g.Until(t, "it is not well again", func() bool { _, body := get(t, g.URL+"/readyz"); return strings.Contains(body, `"config":"ok"`) })
			if n, bad := loads(t, g); n != loaded || bad != failed+1 {
				t.Errorf("%d configurations in force, %d broken", n-loaded, bad-failed)
			}
		})
	}
}

// What only a restart changes is named, and the rest of the file is in force.
func TestColdFieldsAreNamed(t *testing.T) {
	g := lab.Start(t, lab.Options{})
	for field, edit := range map[string]func(config){
		"listen":         func(c config) { c["listen"] = "127.0.0.1:1" },
		"audit.path":     func(c config) { c["audit"] = config{"path": "other.db"} },
		"sessions.idle":  func(c config) { c["sessions"] = config{"idle": "7h"} },
		"log.format":     func(c config) { c["log"] = config{"format": "json"} },
		"admin.listen":   func(c config) { c["admin"] = config{"listen": "127.0.0.1:2"} },
		"http.body":      func(c config) { c["http"] = config{"body": "2MiB"} },
		"pins.strict":    func(c config) { c["pins"] = config{"strict": true} },
		"auth.scopes[0]": func(c config) { c["auth"].(config)["scopes"] = []string{"tools"} },
	} {
		t.Run(field, func(t *testing.T) {
			g.Log.Reset()
			g.Edit(t, func(c config) { edit(c); labOf(c)["labels"] = []string{field} })
			g.Until(t, "the log does not name it", func() bool {
				return strings.Contains(g.Log.String(), "only a restart changes") && strings.Contains(g.Log.String(), field)
			})
			a := g.Reload(t)
			if !slices.Contains(a.Restart, field) || a.Detail != "" {
				t.Errorf("an operator is told %+v", a)
			}
			rows := g.Rows(t, "", "SELECT body FROM events WHERE type = 'config.loaded' ORDER BY seq DESC LIMIT 1")
			if !strings.Contains(fmt.Sprint(rows), field) {
				t.Errorf("the record says %v", rows)
			}
		})
	}
}

// Secrets that come with a change are kept from log and record as those of the start
// are, and so are those that went.
func TestReloadHidesSecrets(t *testing.T) {
	secrets := []string{"synthetic-first-8812", "synthetic-second-3371"}
	g := lab.Start(t, lab.Options{Config: config{}, Env: []string{"FIRST=" + secrets[0], "SECOND=" + secrets[1]}})
	for i, header := range []string{"Bearer ${FIRST}", "Bearer ${SECOND}", "Bearer synthetic-third-9904"} {
		g.Edit(t, func(c config) { labOf(c)["headers"] = config{"Authorization": header} })
		if a := g.Reload(t); a.Detail != "" && i == 0 {
			t.Fatal(a.Detail)
		}
		g.Until(t, "it is not in force", func() bool { n, _ := loads(t, g); return n == i+1 })
		a := lab.REST.Call(t, g, g.Tester(), "leak", lab.Text("x"))
		for _, secret := range append(secrets, "synthetic-third-9904") {
			if strings.Contains(a.Text, secret) {
				t.Errorf("change %d: an agent reads %s", i, secret)
			}
		}
	}
	g.Stop(t)
	for _, secret := range append(secrets, "synthetic-third-9904") {
		if strings.Contains(g.Log.String(), secret) {
			t.Errorf("the log has %s", secret)
		}
		if n := len(g.Rows(t, "", "SELECT 1 FROM events LEFT JOIN bodies USING (seq) WHERE body LIKE '%"+secret+"%' OR text LIKE '%"+secret+"%'")); n > 0 {
			t.Errorf("%d events have %s", n, secret)
		}
	}
}

var callName = regexp.MustCompile(`call \d+-\d+\.`)

// A thousand calls while the configuration changes fifty times, each time guard and the
// address of the upstream: none is lost, and none is judged by one and sent by the other.
func TestReloadUnderLoad(t *testing.T) {
	const workers, each, changes = 8, 125, 50
	plain, redacted := lab.NewUpstream(t), lab.NewUpstream(t)
	set := func(c config, u *lab.Upstream, pii string) {
		labOf(c)["url"], c["guard"] = u.URL(), config{"pii": pii, "args": config{"pii": "observe"}}
	}
	c := config{"upstreams": config{"lab": config{"url": plain.URL()}}, "guard": config{"pii": "observe"}}
	g := lab.Start(t, lab.Options{Config: c})
	var calls sync.WaitGroup
	var shown sync.Map // by call: whether its agent was shown the person
	for w := range workers {
		calls.Go(func() {
			for i := range each {
				call := fmt.Sprintf("call %d-%d.", w, i)
				a := lab.REST.Call(t, g, g.Tester(), "echo", lab.Text(person+" in "+call))
				if a.Code != "" || a.Status != http.StatusOK {
					t.Errorf("a call got %+v", a)
				}
				shown.Store(call, strings.Contains(a.Text, "jane.doe"))
			}
		})
	}
	for i := range changes {
		g.Edit(t, func(c config) {
			if i%2 == 0 {
				set(c, redacted, "redact")
			} else {
				set(c, plain, "observe")
			}
		})
		if a := g.Reload(t); a.Detail != "" {
			t.Fatal(a.Detail)
		}
	}
	calls.Wait()
	if n := len(plain.Ledger()) + len(redacted.Ledger()); n != workers*each {
		t.Errorf("%d calls were executed, of %d", n, workers*each)
	}
	for name, u := range map[string]*lab.Upstream{"observe": plain, "redact": redacted} {
		for _, call := range u.Ledger() {
			if got, ok := shown.Load(callName.FindString(call.Args)); !ok || got != (name == "observe") {
				t.Fatalf("of the upstream of %s, which got %s, the agent was shown the person: %v", name, call.Args, got)
			}
		}
	}
	if good, bad := loads(t, g); bad > 0 || good < changes {
		t.Errorf("%d configurations in force, %d not", good, bad)
	}
	g.Stop(t)
	g.CheckChain(t, "")
}

func readFile(t *testing.T, g *lab.Gateway, name string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(g.Dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(raw)
}
