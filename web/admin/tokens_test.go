package admin

import (
	"fmt"
	"strings"
	"testing"
)

// A named token is shown by the answer that makes it and by nothing else. By network an
// admin makes none with a role of operators: decisions take more people than one.
func TestTokensAreCreated(t *testing.T) {
	for _, tt := range []struct {
		who, body string
		want      int
	}{
		{"admin", `{"name":"laptop","subject":"bot","roles":["reader"],"expires":"2099-01-01T00:00:00Z"}`, 200},
		{"admin", `{"name":"laptop","subject":"bot","roles":["v"]}`, 403},
		{"admin", `{"name":"laptop","subject":"bot","roles":["reader","ap"]}`, 403},
		{"admin", `{"name":"laptop","subject":"bot","roles":["ad"]}`, 403},
		{"local", `{"name":"laptop","subject":"bot","roles":["ad"]}`, 200},
		{"admin", `{"name":"old","subject":"bot"}`, 409},
		{"admin", `{"name":"a b","subject":"bot"}`, 422},
		{"admin", `{"name":"laptop","subject":"bot","digest":"x"}`, 400},
		{"admin", `{"name":"laptop","subject":"bot","by":{"subject":"ceo"}}`, 400},
		{"admin", `{"name":"laptop","subject":"bot","expires":"soon"}`, 400},
	} {
		d := newDesk(t, func(o *Options) {
			roles := o.Roles()
			roles.Issuers = []string{issuer}
			o.Roles = func() Roles { return roles }
		})
		token := tt.who
		if token == "local" {
			token = d.local
		}
		status, m := d.do(t, token, "POST", "tokens", tt.body)
		if status != tt.want || (m["token"] == "the-token") != (tt.want == 200) || (len(d.named.all) == 2) != (tt.want == 200) {
			t.Errorf("%s by %s: %d %v", tt.body, tt.who, status, m)
		}
		if status == 200 && d.named.all[1].By.Subject != map[string]string{"admin": "admin", "local": "ann"}[tt.who] {
			t.Errorf("made by %+v", d.named.all[1].By)
		}
		if _, list := d.do(t, "viewer", "GET", "tokens", ""); strings.Contains(fmt.Sprint(list), "the-token") {
			t.Errorf("listed: %v", list)
		}
	}
}

func TestTokensAreRevoked(t *testing.T) {
	d := newDesk(t)
	for _, tt := range []struct {
		path, body string
		want       int
	}{
		{"tokens/other/revoke", "", 404}, {"tokens/old/revoke", `{"reason":"` + strings.Repeat("x", mostNote+1) + `"}`, 400},
		{"tokens/old/revoke", `{"reason":"lost"}`, 200}, {"tokens/old/revoke", "", 404}, {"tokens/grant-2/revoke", "", 404}, {"tokens/grant-1/revoke", "", 200},
	} {
		if status, m := d.do(t, "admin", "POST", tt.path, tt.body); status != tt.want {
			t.Errorf("%s %.40s: %d %v", tt.path, tt.body, status, m)
		}
	}
	if got := fmt.Sprint(d.named.ended); got != "[grant-1 by admin]" {
		t.Errorf("grants that ended: %s", got)
	}
}
