//go:build e2e

package attacks

import (
	"strings"
	"testing"

	"toolward/e2e/lab"
)

// TestPlaceholdersOfTasks reads a credential from each answer about a task: the agent is shown a
// placeholder, which it can carry back to the server that said it, and to no other.
func TestPlaceholdersOfTasks(t *testing.T) {
	said := "password: " + keptPassword
	script := func(r lab.Request) string {
		task := `"taskId":"task-1","status":"working","statusMessage":"` + said + `"`
		switch r.Method {
		case "tools/list":
			return `"result":{"tools":[{"name":"read","inputSchema":{"type":"object"},"execution":{"taskSupport":"optional"}},{"name":"write","inputSchema":{"type":"object"}}]}`
		case "tools/call":
			if strings.Contains(string(r.Params), `"ttl"`) {
				return `"result":{"task":{"taskId":"task-1","status":"working"}}`
			}
			return `"result":{"content":[{"type":"text","text":"done"}]}`
		case "tasks/result":
			return `"result":{"content":[{"type":"text","text":"` + said + `"}]}`
		case "tasks/get", "tasks/cancel":
			return `"result":{` + task + `}`
		case "tasks/list":
			return `"result":{"tasks":[{` + task + `}]}`
		}
		return everything(r)
	}
	for _, method := range []string{"tasks/result", "tasks/get", "tasks/cancel"} {
		t.Run(method, func(t *testing.T) {
			u, other := lab.NewScripted(t, script), lab.NewScripted(t, script)
			g := lab.Start(t, lab.Options{Config: map[string]any{"upstreams": map[string]any{"lab": u.Config(), "other": other.Config()}}})
			token := g.Tester()
			send := func(method string, params []string) lab.Answer {
				return lab.RPCs[0].Send(t, g, token, method, "", params, nil)
			}
			send("tools/call", []string{`"name":"lab__read"`, `"task":{"ttl":60000}`})
			a := send(method, []string{`"taskId":"task-1"`})
			p := placeholderIn.FindString(a.Text)
			if p == "" || strings.Contains(a.Text, keptPassword) {
				t.Fatalf("the agent is shown %s", a.Text)
			}
			if a := lab.CallREST(t, g, token, "lab__write", lab.Text(p)); a.Code != "" {
				t.Errorf("carried back: %q: %s", a.Code, a.Text)
			}
			if calls := u.Got("tools/call"); !strings.Contains(string(calls[len(calls)-1].Params), keptPassword) {
				t.Errorf("the server got %s", calls[len(calls)-1].Params)
			}
			if a := lab.CallREST(t, g, token, "other__write", lab.Text(p)); a.Code != "placeholder" {
				t.Errorf("to another server: %q", a.Code)
			}
			if a := lab.CallREST(t, g, g.Token("bob", "tester"), "lab__write", lab.Text(p)); a.Code != "" && a.Code != "placeholder" {
				t.Errorf("of another agent: %q", a.Code)
			}
			if n := strings.Count(u.All(), keptPassword); n != 1 || strings.Contains(other.All(), keptPassword) {
				t.Errorf("the value was sent %d times, or elsewhere", n)
			}
		})
	}
}
