package admin

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"toolward/gateway"
)

// Who is over a limit is refused before anything is done, and gives back what they
// took otherwise.
func TestLimitOfOperators(t *testing.T) {
	taken, over := 0, false
	d := newDesk(t, func(o *Options) {
		o.Limit = func(*gateway.Agent) (func(), error) {
			if over {
				return nil, gateway.Refuse("limit", gateway.RateLimited, "too often")
			}
			taken++
			return func() { taken-- }, nil
		}
	})
	d.room.ask("a1", "bot")
	d.do(t, "viewer", "GET", "me", "")
	d.do(t, "viewer", "POST", "approvals/a1/approve", "")
	if taken != 0 {
		t.Errorf("%d places are not given back", taken)
	}
	over = true
	if status, _ := d.do(t, "approver", "POST", "approvals/a1/approve", ""); status != 429 || d.room.all[0].State != gateway.ApprovalOpen {
		t.Errorf("%d, %s", status, d.room.all[0].State)
	}
}

// A role counts from the issuers that are named, and a partner's "admin" is nobody.
func TestRolesOfOtherIssuers(t *testing.T) {
	d := newDesk(t, func(o *Options) {
		roles := o.Roles()
		roles.Issuers = []string{issuer}
		o.Roles = func() Roles { return roles }
	})
	d.road.agents["partner"] = &gateway.Agent{ID: "p", Issuer: "https://partner.test", Roles: []string{"ad"}, Expires: time.Now().Add(time.Hour)}
	if status, _ := d.do(t, "partner", "GET", "me", ""); status != 403 {
		t.Errorf("a partner's admin: %d", status)
	}
	if status, m := d.do(t, "admin", "GET", "me", ""); status != 200 || m["role"] != "admin" {
		t.Errorf("our admin: %d %v", status, m)
	}
	d = newDesk(t, func(o *Options) { o.Roles = func() Roles { return Roles{} } })
	if status, _ := d.do(t, "admin", "GET", "me", ""); status != 403 {
		t.Errorf("with no role configured: %d", status)
	}
}

// The credential is for this machine, and for nothing else than what it is.
func TestAttackOperatorsCredentialFromElsewhere(t *testing.T) {
	d := newDesk(t)
	r := httptest.NewRequestWithContext(t.Context(), "GET", "http://localhost"+Prefix+"me", nil)
	r.Header.Set("Authorization", "Bearer "+d.local)
	r.Header.Set("Via", "1.1 proxy")
	w := httptest.NewRecorder()
	if d.ServeHTTP(w, r); w.Code != 401 || strings.Contains(w.Body.String(), d.local) {
		t.Errorf("through a proxy: %d %s", w.Code, w.Body)
	}
	for name, token := range map[string]string{
		"cut": d.local[:len(d.local)-1], "longer": d.local + "A", "another": prefix + strings.Repeat("A", 43), "its name alone": prefix,
	} {
		if status, _ := d.do(t, token, "GET", "me", ""); status != 401 {
			t.Errorf("%s: %d", name, status)
		}
	}
	if status, m := d.do(t, d.local, "GET", "me", ""); status != 200 || m["name"] != "local:ann" || m["local"] != true {
		t.Errorf("the credential: %d %v", status, m)
	}
}
