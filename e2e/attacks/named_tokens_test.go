//go:build e2e

package attacks

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"toolward/e2e/lab"
)

// named makes a named token with the command and returns it.
func named(t *testing.T, g *lab.Gateway, name string, args ...string) string {
	t.Helper()
	cmd := g.Command(append([]string{"token", "create", name, "--subject", "agent-" + name, "--role", "tester", "--config", "toolward.yaml"}, args...)...)
	var talk strings.Builder
	cmd.Stderr = &talk
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, talk.String())
	}
	token := strings.TrimSpace(string(out))
	if strings.Count(token, ".") != 2 || strings.Contains(talk.String(), token) {
		t.Fatalf("printed %q, and said %s", out, talk.String())
	}
	return token
}

func revokeNamed(t *testing.T, g *lab.Gateway, name string) {
	t.Helper()
	if code, out := g.Run(t, "token", "revoke", name, "--why", "lost", "--config", "toolward.yaml"); code != 0 {
		t.Fatalf("%d %s", code, out)
	}
}

// A token that was revoked gets in nowhere from the next call on, and only it.
func TestRevokedTokenOnEverySurface(t *testing.T) {
	g := lab.Start(t, lab.Options{Local: true})
	bystander := named(t, g, "bystander")
	for i, s := range lab.Surfaces {
		if s.DB != "" {
			continue // a gateway of its own, with its own record
		}
		t.Run(s.Name, func(t *testing.T) {
			name := fmt.Sprintf("t%d", i)
			token := named(t, g, name, "--ttl", "90d")
			for range 2 { // the second time it is remembered
				if a := s.Call(t, g, token, "echo", lab.Text("x")); a.Code != "" {
					t.Fatalf("%+v", a)
				}
			}
			revokeNamed(t, g, name)
			marker := lab.Marker()
			for range 2 {
				a := s.Call(t, g, token, "echo", lab.Text(marker))
				if a.Status != http.StatusUnauthorized || !strings.Contains(a.Text, "the token was revoked") {
					t.Errorf("%+v", a)
				}
			}
			if n := g.Upstream.Executed(marker); n != 0 {
				t.Errorf("executed %d times", n)
			}
			if a := s.Call(t, g, bystander, "echo", lab.Text("x")); a.Code != "" {
				t.Errorf("another: %+v", a)
			}
		})
	}
	g.CheckAlive(t)
}

// Streams of a token end when it is revoked, and those of others go on.
func TestStreamsEndWithTheirToken(t *testing.T) {
	g := lab.Start(t, lab.Options{Local: true})
	for i, s := range streams {
		t.Run(s.name+" "+s.path, func(t *testing.T) {
			name := fmt.Sprintf("t%d", i)
			token := named(t, g, name)
			resp := s.open(t, g, token, s.path)
			first := bufio.NewReader(resp.Body)
			if _, err := first.ReadString('\n'); err != nil {
				t.Fatalf("%d: %v", resp.StatusCode, err)
			}
			other := s.open(t, g, named(t, g, name+"-other"), s.path)
			revokeNamed(t, g, name)
			if rest, err := io.ReadAll(first); err != nil { // returns when the stream ends
				t.Errorf("the stream ended with %v after %q", err, rest)
			}
			if other.StatusCode != http.StatusOK {
				t.Errorf("another's stream: %s", other.Status)
			}
			if s.name == "SSE" {
				return // nobody said hello there
			}
			told := bufio.NewReader(other.Body)
			for line := ""; !strings.Contains(line, "tools/list_changed"); {
				var err error
				if line, err = told.ReadString('\n'); err != nil {
					t.Fatalf("another's stream ended with %v", err)
				}
			}
		})
	}
	g.CheckAlive(t)
}

// What is under way on a token ends when it is revoked: a call that its upstream has,
// and one that waits for a person, whose yes comes too late.
func TestCallsEndWithTheirToken(t *testing.T) {
	g := lab.Start(t, lab.Options{Local: true, Config: map[string]any{"approvals": map[string]any{"wait": "25s"}},
		Policies: map[string]string{"all.rego": lab.AllowTesters + "\napprove contains \"ask\" if {\n\tinput.tool.name == \"echo\"\n\tstartswith(input.agent.id, \"agent-\")\n}\n"}})
	for i, s := range []*lab.Surface{lab.REST, lab.Modern} {
		t.Run(s.Name, func(t *testing.T) {
			name := fmt.Sprintf("t%d", i)
			token := named(t, g, name)
			marker, asked := lab.Marker(), lab.Marker()
			waits := lab.Beside(func() lab.Answer { return s.Call(t, g, token, "wait", lab.Text(marker)) })
			<-g.Upstream.Waiting()
			asks := lab.Beside(func() lab.Answer { return s.Call(t, g, token, "echo", lab.Text(asked)) })
			id := g.Waiting(t)
			revokeNamed(t, g, name)
			if left := <-g.Upstream.Left(); left != marker {
				t.Errorf("left: %s", left)
			}
			for _, answer := range []<-chan lab.Answer{waits, asks} {
				if a := <-answer; a.Code != "unauthenticated" || !strings.Contains(a.Text, "the token was revoked") {
					t.Errorf("%+v", a)
				}
			}
			if a := g.Operate(t, g.Credential(t), http.MethodPost, "approvals/"+id+"/approve", "", nil); a.Status != http.StatusOK {
				t.Errorf("%+v", a) // it is a consent that nobody can use
			}
			if n := g.Upstream.Executed(asked); n != 0 {
				t.Errorf("executed %d times", n)
			}
			if n := g.Count(t, "", "code = 'unauthenticated' AND tool IN ('lab__wait', 'lab__echo')"); n != 2*(i+1) {
				t.Errorf("%d are on record", n)
			}
		})
	}
	g.CheckAlive(t)
}

// Whatever was answered holds after kill -9: a token that was shown is good, one that
// was said to be revoked is not.
func TestNamedTokensOutliveAKill(t *testing.T) {
	g := lab.Start(t, lab.Options{Local: true})
	for round := range 4 {
		keeps, goes := fmt.Sprintf("keeps%d", round), fmt.Sprintf("goes%d", round)
		gone := named(t, g, goes)
		if a := lab.CallREST(t, g, gone, "lab__echo", lab.Text("x")); a.Code != "" {
			t.Fatalf("%+v", a)
		}
		if round%2 == 0 {
			kept := named(t, g, keeps)
			revokeNamed(t, g, goes)
			g.Kill()
			check(t, g, kept, gone)
		} else {
			revokeNamed(t, g, goes)
			kept := named(t, g, keeps)
			g.Kill()
			check(t, g, kept, gone)
		}
	}
	g.CheckChain(t, "")
}

func check(t *testing.T, g *lab.Gateway, kept, gone string) {
	t.Helper()
	g.Restart(t)
	if a := lab.CallREST(t, g, kept, "lab__echo", lab.Text("x")); a.Code != "" {
		t.Errorf("a token that was shown: %+v", a)
	}
	if a := lab.CallREST(t, g, gone, "lab__echo", lab.Text("x")); a.Status != http.StatusUnauthorized {
		t.Errorf("a token that was revoked: %+v", a)
	}
}

// Once the signing key is another, the tokens of the old one are none, whatever is on
// record; and names that they had can be freed.
func TestNamedTokensOfAnotherKey(t *testing.T) {
	g := lab.Start(t, lab.Options{Local: true})
	token := named(t, g, "laptop")
	g.Stop(t)
	if err := os.Remove(filepath.Join(g.Dir, "toolward.key")); err != nil {
		t.Fatal(err)
	}
	g.Restart(t)
	if a := lab.CallREST(t, g, token, "lab__echo", lab.Text("x")); a.Status != http.StatusUnauthorized || strings.Contains(a.Text, "revoked") {
		t.Errorf("%+v", a)
	}
	if code, out := g.Run(t, "token", "create", "laptop", "--config", "toolward.yaml"); code != 2 || !strings.Contains(out, "a token of this name is in use") {
		t.Errorf("%d %s", code, out)
	}
	revokeNamed(t, g, "laptop")
	if a := lab.CallREST(t, g, named(t, g, "laptop"), "lab__echo", lab.Text("x")); a.Code != "" {
		t.Errorf("%+v", a)
	}
}

// Nothing that could be used of a token is in any file or in the log, nor is it listed,
// asked for or exported; a name is one token's, however many ask at once.
func TestNamedTokensAreShownOnce(t *testing.T) {
	g := lab.Start(t, lab.Options{Local: true})
	var mu sync.Mutex
	var tokens []string
	var wg sync.WaitGroup
	taken := 0
	for range 8 {
		wg.Go(func() {
			a := g.Operate(t, g.Credential(t), http.MethodPost, "tokens", `{"name":"laptop","subject":"ann","roles":["tester"]}`, nil)
			var made struct{ Token string }
			if err := json.Unmarshal([]byte(a.Text), &made); err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			switch a.Status {
			case http.StatusOK:
				tokens = append(tokens, made.Token)
			case http.StatusConflict:
				taken++
			default:
				t.Errorf("%+v", a)
			}
		})
	}
	wg.Wait()
	if len(tokens) != 1 || taken != 7 {
		t.Fatalf("%d were made, %d refused", len(tokens), taken)
	}
	token := tokens[0]
	for range 3 {
		if a := lab.CallREST(t, g, token, "lab__echo", lab.Text("x")); a.Code != "" {
			t.Fatalf("%+v", a)
		}
	}
	g.Until(t, "its use is not on record", func() bool {
		_, out := g.Run(t, "token", "list", "-o", "json", "--config", "toolward.yaml")
		return strings.Contains(out, `"used"`)
	})
	said := g.Log.String()
	for _, args := range [][]string{
		{"token", "list"}, {"token", "list", "-o", "json"}, {"audit", "events", "-o", "json"}, {"audit", "export"}, {"audit", "export", "--format", "ocsf"}, {"audit", "view", "people", "-o", "json"},
	} {
		code, out := g.Run(t, append(args, "--config", "toolward.yaml")...)
		if code != 0 || !strings.Contains(out, "ann") {
			t.Errorf("%v: %d %s", args, code, out)
		}
		said += out
	}
	revokeNamed(t, g, "laptop")
	g.Stop(t)
	parts := strings.Split(token, ".")
	err := filepath.WalkDir(g.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		raw, err := os.ReadFile(path)
		if strings.Contains(string(raw), parts[1]) || strings.Contains(string(raw), parts[2]) {
			t.Errorf("%s has a part of the token", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(said, parts[1]) || strings.Contains(said, parts[2]) {
		t.Error("a part of the token is in the log, a listing or an export")
	}
	if code, out := g.Run(t, "audit", "view", "people", "-o", "json", "--config", "toolward.yaml"); code != 0 || !strings.Contains(out, "token.created") || !strings.Contains(out, "token.revoked") {
		t.Errorf("what people decided: %d %s", code, out)
	}
}

// Guesses at a named token read as any other token that is none, and are counted.
func TestAttackGuessedNamedTokens(t *testing.T) {
	g := lab.Start(t, lab.Options{Local: true})
	token := named(t, g, "laptop")
	parts := strings.Split(token, ".")
	for _, when := range []string{"in use", "revoked"} {
		for i := range 100 {
			guess := parts[0] + "." + parts[1] + "." + fmt.Sprintf("%03d", i) + parts[2][3:]
			if guess == token {
				continue
			}
			if a := lab.CallREST(t, g, guess, "lab__echo", lab.Text("x")); a.Status != http.StatusUnauthorized || strings.Contains(a.Text, "revoked") || strings.Contains(a.Header.Get("Www-Authenticate"), "revoked") {
				t.Fatalf("%s, guess %d: %+v", when, i, a)
			}
		}
		if when == "in use" {
			revokeNamed(t, g, "laptop")
		}
	}
	if n := g.Count(t, "", "code = 'unauthenticated'"); n < 99 { // the same guess a moment later is counted, and has no event
		t.Errorf("%d are on record", n)
	}
	g.CheckAlive(t)
}

// Named tokens are made, listed and revoked where no gateway runs, by its files; a
// gateway that starts on them has them. Of a folder that has nothing yet, too.
func TestNamedTokensWithoutAGateway(t *testing.T) {
	g := lab.Start(t, lab.Options{Local: true})
	g.Stop(t)
	token, gone := named(t, g, "laptop"), named(t, g, "gone")
	revokeNamed(t, g, "gone")
	if code, out := g.Run(t, "token", "list", "--config", "toolward.yaml"); code != 0 || !strings.Contains(out, "laptop") || strings.Contains(out, "gone") || !strings.Contains(out, "never") {
		t.Errorf("%d %s", code, out)
	}
	for tok, want := range map[string]int{token: 0, gone: 1} {
		if code, out := g.Run(t, "token", "inspect", tok, "--config", "toolward.yaml"); code != want || (want == 1) != strings.Contains(out, "was revoked") {
			t.Errorf("inspect: %d %s", code, out)
		}
	}
	check(t, g, token, gone)
	if code, out := g.Run(t, "token", "inspect", token, "--config", "toolward.yaml"); code != 0 {
		t.Errorf("inspect, by the gateway: %d %s", code, out)
	}

	g.Dir = t.TempDir()
	if code, out := g.Run(t, "token", "list"); code != 2 || !strings.Contains(out, "no gateway has run here") {
		t.Errorf("list of nothing: %d %s", code, out)
	}
	if code, out := g.Run(t, "token", "create", "first", "--ttl", "30d"); code != 0 || !strings.Contains(out, time.Now().UTC().Add(30*24*time.Hour).Format(time.DateOnly)) {
		t.Errorf("create in an empty folder: %d %s", code, out)
	}
	for _, bad := range [][]string{{"first"}, {"x", "--ttl", "367d"}, {"x", "--ttl", "0s"}, {"x", "--ttl", "-1h"}, {"x", "--ttl", "soon"}, {"a b"}, {""}, {"x", "--role", ""}, {"x", "--scope", "a b"}, {"x", "--subject", "a\nb"}} {
		if code, out := g.Run(t, append([]string{"token", "create"}, bad...)...); code != 2 || strings.Contains(out, "eyJ") {
			t.Errorf("%q: %d %s", bad, code, out)
		}
	}
}

// A gateway whose tokens come from elsewhere has no named ones, and says what to do.
func TestNoNamedTokensWithoutALocalIssuer(t *testing.T) {
	g := lab.Start(t, lab.Options{})
	for _, args := range [][]string{{"token", "create", "x"}, {"token", "list"}, {"token", "revoke", "x"}} {
		if code, out := g.Run(t, append(args, "--config", "toolward.yaml")...); code != 2 || !strings.Contains(out, "no local issuer") {
			t.Errorf("%v: %d %s", args, code, out)
		}
	}
}

// The logins of clients are listed beside named tokens, and end the same way: at the
// next call, and for good.
func TestLoginsAreRevoked(t *testing.T) {
	g := lab.StartLogin(t, lab.Options{})
	client := g.Register(t, "Synthetic Client", "http://127.0.0.1:7777/callback")
	got := g.LogIn(t, client)
	if a := lab.Modern.Call(t, g, got.Access, "echo", lab.Text("x")); a.Code != "" {
		t.Fatalf("%+v", a)
	}
	code, out := g.Run(t, "token", "list", "-o", "json", "--config", "toolward.yaml")
	var rows []struct{ Name, Client string }
	if err := json.Unmarshal([]byte(out), &rows); err != nil || code != 0 || len(rows) != 1 || rows[0].Client != "Synthetic Client" {
		t.Fatalf("%d %s", code, out)
	}
	if code, out := g.Run(t, "token", "inspect", got.Access, "--config", "toolward.yaml", "--resource", g.URL+"/mcp"); code != 0 {
		t.Errorf("inspect: %d %s", code, out)
	}
	revokeNamed(t, g, rows[0].Name)
	if a := lab.Modern.Call(t, g, got.Access, "echo", lab.Text("x")); a.Status != http.StatusUnauthorized || !strings.Contains(a.Text, "the token was revoked") {
		t.Errorf("%+v", a)
	}
	if code, out := g.Run(t, "token", "inspect", got.Access, "--config", "toolward.yaml", "--resource", g.URL+"/mcp"); code != 1 {
		t.Errorf("inspect: %d %s", code, out)
	}
	if code, out := g.Run(t, "token", "revoke", rows[0].Name, "--config", "toolward.yaml"); code != 2 || !strings.Contains(out, "no such named token") {
		t.Errorf("a second time: %d %s", code, out)
	}
}
