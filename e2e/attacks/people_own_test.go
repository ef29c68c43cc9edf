//go:build e2e

package attacks

import (
	"net/http"
	"strings"
	"testing"

	"toolward/auth/authtest"
	"toolward/e2e/lab"
)

// Nobody consents to what they asked for themselves. The agent is the program (azp), so
// the person is in other claims of its token; each row is a second token that somebody
// may hold who has the first.
func TestOneIdentityInTwoTokens(t *testing.T) {
	home, twin := authtest.New(t), authtest.New(t)
	dir := t.TempDir()
	files := &lab.Gateway{Dir: dir}
	files.WritePEM(t, "home.pem", home)
	files.WritePEM(t, "twin.pem", twin)
	issuer := func(i *authtest.Issuer, file string) map[string]any {
		return map[string]any{"issuer": i.Name(), "audience": lab.Audience, "public_key_file": file, "algorithms": []string{"ES256"}, "agent": "azp"}
	}
	g := lab.Start(t, lab.Options{
		Dir: dir,
		Config: map[string]any{
			"auth":      map[string]any{"issuers": []any{issuer(home, "home.pem"), issuer(twin, "twin.pem")}},
			"approvals": map[string]any{"wait": "0s"},
			"admin":     map[string]any{"approvers": []string{"approver"}},
		},
		Policies: map[string]string{"all.rego": "package gateway\n\napprove contains \"ask\" if true\n"},
	})
	type claims = map[string]any
	with := func(i *authtest.Issuer, sub string, changes claims) string {
		all := claims{"azp": "bot", "roles": []string{"approver"}}
		for name, v := range changes {
			all[name] = v
		}
		return i.Sign(i.Claims(sub, lab.Audience, all))
	}
	other := claims{"azp": "console"}
	rows := []struct {
		name         string
		asks, decide string
		own          bool
	}{
		{"the same token", with(home, "ann", nil), with(home, "ann", nil), true},
		{"one program, two people", with(home, "ann", nil), with(home, "bob", nil), true},
		{"one person, two programs", with(home, "ann", nil), with(home, "ann", other), true},
		{"in another case", with(home, "ann", nil), with(home, "Ann", other), true},
		{"in another case beyond ASCII", with(home, "k\u00e4te", nil), with(home, "\u212a\u00c4TE", other), true},
		{"a person named like the program", with(home, "ann", nil), with(home, "bot", other), true},
		{"a program named like the person", with(home, "ann", nil), with(home, "zoe", claims{"azp": "ann"}), true},
		{"as somebody's actor", with(home, "ann", nil), with(home, "bob", claims{"azp": "console", "act": claims{"sub": "ann"}}), true},
		{"as an actor's actor", with(home, "ann", nil), with(home, "bob", claims{"azp": "console", "act": claims{"sub": "proxy", "act": claims{"sub": "ann"}}}), true},
		{"as an actor of a named issuer", with(home, "ann", nil), with(twin, "bob", claims{"azp": "console", "act": claims{"sub": "ann", "iss": home.Name()}}), true},
		{"who asked as somebody's actor", with(home, "bob", claims{"act": claims{"sub": "ann"}}), with(home, "ann", other), true},
		{"who asked through an actor", with(home, "ann", claims{"act": claims{"sub": "proxy"}}), with(home, "ann", other), true},
		{"two actors in common", with(home, "ann", claims{"act": claims{"sub": "proxy"}}), with(home, "bob", claims{"azp": "console", "act": claims{"sub": "proxy"}}), true},
		{"one directory entry, two subjects", with(home, "p-1", claims{"oid": "77aa", "tid": "t"}), with(home, "p-2", claims{"azp": "console", "oid": "77AA", "tid": "t"}), true},
		{"one directory entry, two issuers", with(home, "p-1", claims{"oid": "77aa", "tid": "t"}), with(twin, "p-2", claims{"azp": "console", "oid": "77aa", "tid": "t"}), true},

		{"somebody else", with(home, "ann", nil), with(home, "bob", other), false},
		{"the same name at another issuer", with(home, "ann", nil), with(twin, "ann", other), false},
		{"an actor of that name at another issuer", with(home, "ann", nil), with(twin, "bob", claims{"azp": "console", "act": claims{"sub": "ann"}}), false},
		{"another tenant's directory entry", with(home, "p-1", claims{"oid": "77aa", "tid": "t"}), with(home, "p-2", claims{"azp": "console", "oid": "77aa", "tid": "u"}), false},
		{"a longer name", with(home, "ann", nil), with(home, "anna", other), false},
	}
	ids, markers := map[string]string{}, map[string]string{}
	approve := func(t *testing.T, row int) {
		tt := rows[row]
		a := g.Operate(t, tt.decide, http.MethodPost, "approvals/"+ids[tt.name]+"/approve", "", nil)
		if refused := a.Status == 403 && strings.Contains(a.Text, "own identity"); refused != tt.own || !tt.own && a.Status != 200 {
			t.Errorf("approve: %d %s", a.Status, a.Text)
		}
	}
	for row, tt := range rows {
		t.Run(tt.name, func(t *testing.T) {
			markers[tt.name] = lab.Marker()
			ids[tt.name] = ask(t, g, tt.asks, lab.Text(markers[tt.name]))
			approve(t, row)
			_ = lab.CallREST(t, g, tt.asks, "lab__echo", lab.Text(markers[tt.name]))
			if n, want := g.Upstream.Executed(markers[tt.name]), map[bool]int{false: 1}[tt.own]; n != want {
				t.Errorf("it was executed %d times", n)
			}
		})
	}
	g.Kill()
	g.Restart(t)
	for row, tt := range rows {
		if !tt.own {
			continue
		}
		t.Run(tt.name+", after a restart", func(t *testing.T) {
			approve(t, row)
			if a := g.Operate(t, tt.decide, http.MethodPost, "approvals/"+ids[tt.name]+"/deny", "", nil); a.Status != 200 {
				t.Errorf("deny: %d %s", a.Status, a.Text) // they may take it back
			}
		})
	}
	g.CheckChain(t, "")
}

// A consent is for whoever asked: another person of the same program does not find it.
func TestConsentOfAnotherPersonsCall(t *testing.T) {
	i := authtest.New(t)
	dir := t.TempDir()
	(&lab.Gateway{Dir: dir}).WritePEM(t, "home.pem", i)
	g := lab.Start(t, lab.Options{
		Dir: dir,
		Config: map[string]any{
			"auth":      map[string]any{"issuers": []any{map[string]any{"issuer": i.Name(), "audience": lab.Audience, "public_key_file": "home.pem", "algorithms": []string{"ES256"}, "agent": "azp"}}},
			"approvals": map[string]any{"wait": "0s"},
			"admin":     map[string]any{"approvers": []string{"approver"}},
		},
		Policies: map[string]string{"all.rego": "package gateway\n\napprove contains \"ask\" if true\n"},
	})
	token := func(sub, azp string) string {
		return i.Sign(i.Claims(sub, lab.Audience, map[string]any{"azp": azp, "roles": []string{"approver"}}))
	}
	marker := lab.Marker()
	id := ask(t, g, token("bob", "bot"), lab.Text(marker))
	// Ann approves bob's call, and sends the same through the same program.
	if a := g.Operate(t, token("ann", "console"), http.MethodPost, "approvals/"+id+"/approve", "", nil); a.Status != 200 {
		t.Fatalf("approve: %d %s", a.Status, a.Text)
	}
	if own := ask(t, g, token("ann", "bot"), lab.Text(marker)); own == id || g.Upstream.Executed(marker) != 0 {
		t.Errorf("it ran on the consent that she gave herself: %s", own)
	}
	if a := lab.CallREST(t, g, token("bob", "bot"), "lab__echo", lab.Text(marker)); a.Status != 200 || g.Upstream.Executed(marker) != 1 {
		t.Errorf("bob's own: %d %s", a.Status, a.Text)
	}
}
