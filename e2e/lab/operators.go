//go:build e2e

package lab

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Credential is the operator's, as it lies beside the record.
func (g *Gateway) Credential(t testing.TB) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(g.Dir, "toolward.db.operator"))
	if err != nil {
		t.Fatal(err)
	}
	var f struct{ Token string }
	if err := json.Unmarshal(raw, &f); err != nil || f.Token == "" {
		t.Fatalf("no credential in %s: %v", raw, err)
	}
	return f.Token
}

// Operate asks the operators' API. change may be nil.
func (g *Gateway) Operate(t testing.TB, token, method, path, body string, change func(*http.Request)) Answer {
	t.Helper()
	r := NewRequest(t, g.URL+"/v1/admin/"+path, token, strings.NewReader(body))
	r.Method = method
	if change != nil {
		change(r)
	}
	a := Do(t, r)
	a.readProblem()
	return a
}

// Waiting returns the ID of the one call that waits for a person.
func (g *Gateway) Waiting(t testing.TB) (id string) {
	t.Helper()
	token := g.Credential(t)
	g.Until(t, "no call waits for a person", func() bool {
		var list struct{ Approvals []struct{ ID string } }
		a := g.Operate(t, token, http.MethodGet, "approvals", "", nil)
		if json.Unmarshal([]byte(a.Text), &list) != nil || len(list.Approvals) != 1 {
			return false
		}
		id = list.Approvals[0].ID
		return true
	})
	return id
}
