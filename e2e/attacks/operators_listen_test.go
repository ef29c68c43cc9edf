//go:build e2e

package attacks

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"toolward/e2e/lab"
)

// freeAddress is a port of loopback that nothing listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// With a listener of its own the operators' API is not at the agents' door, and
// the agents' doors are not at its.
func TestOperatorsListenerOfItsOwn(t *testing.T) {
	address := freeAddress(t)
	g := asking(t, map[string]any{"admin": map[string]any{"listen": address, "approvers": []string{"approver"}}})
	id := ask(t, g, g.Tester(), lab.Text("x"))
	approver := g.Token("rita", "approver")
	if a := g.Operate(t, approver, http.MethodPost, "approvals/"+id+"/approve", "", nil); a.Status != 404 {
		t.Errorf("at the agents' door: %d %s", a.Status, a.Text)
	}
	agents := g.URL
	g.URL = "http://" + address
	for _, path := range []string{"/v1/tools", "/mcp", "/metrics", "/v1/openapi.json"} {
		r := lab.NewRequest(t, g.URL+path, g.Tester(), strings.NewReader("{}"))
		if a := lab.Do(t, r); a.Status != 404 {
			t.Errorf("%s at the operators' door: %d %s", path, a.Status, a.Text)
		}
	}
	if a := g.Operate(t, approver, http.MethodPost, "approvals/"+id+"/approve", "", nil); a.Status != 200 {
		t.Errorf("at its own: %d %s", a.Status, a.Text)
	}
	if code, out := g.Run(t, "approvals", "list", "--all", "--config", "toolward.yaml"); code != 0 || !strings.Contains(out, id) {
		t.Errorf("the command: %d %s", code, out)
	}
	g.URL = agents
	g.Stop(t)
}

// A listener that is taken is an error at the start, and no gateway without its
// operators runs.
func TestOperatorsListenerThatIsTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	g := lab.Launch(t, lab.Options{Config: map[string]any{"admin": map[string]any{"listen": l.Addr().String()}}})
	if code := g.Wait(t); code != 2 || !strings.Contains(g.Log.String(), "address already in use") {
		t.Errorf("%d %s", code, g.Log)
	}
}

// Turned off, there is neither the API nor a credential for it.
func TestOperatorsAPIThatIsOff(t *testing.T) {
	g := asking(t, map[string]any{"admin": map[string]any{"enabled": false}})
	for who, token := range map[string]string{"an agent": g.Tester(), "an admin": g.Token("rita", "admin"), "nobody": ""} {
		if a := g.Operate(t, token, http.MethodGet, "me", "", nil); a.Status != 404 {
			t.Errorf("%s: %d %s", who, a.Status, a.Text)
		}
	}
	if _, err := os.Stat(filepath.Join(g.Dir, "toolward.db.operator")); !os.IsNotExist(err) {
		t.Errorf("a credential: %v", err)
	}
}

// One operator who asks without end is stopped, and keeps nobody else from it.
func TestOperatorWhoAsksWithoutEnd(t *testing.T) {
	g := asking(t, nil)
	token := g.Token("vera", "viewer")
	var last lab.Answer
	for n := 0; n < 5000 && last.Status != 429; n++ {
		last = g.Operate(t, token, http.MethodGet, "me", "", nil)
	}
	if last.Status != 429 || last.Header.Get("Retry-After") == "" {
		t.Errorf("%d %v", last.Status, last.Header)
	}
	if a := g.Operate(t, g.Token("val", "viewer"), http.MethodGet, "me", "", nil); a.Status != 200 {
		t.Errorf("another operator: %d %s", a.Status, a.Text)
	}
	if a := lab.CallREST(t, g, token, "lab__echo", lab.Text("x")); a.Code != "approval_pending" {
		t.Errorf("a call of theirs: %s", a.Text)
	}
}
