//go:build e2e

package field

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"toolward/e2e/lab"
)

// desks starts a gateway with operators by their roles, and calls of all kinds on
// its record.
func desks(t *testing.T) (g *lab.Gateway, id string) {
	t.Helper()
	g = lab.Start(t, lab.Options{
		Config: map[string]any{"admin": map[string]any{"viewers": []string{"viewer"}, "approvers": []string{"approver"}, "admins": []string{"admin"}}},
		Policies: map[string]string{"all.rego": "package gateway\n\nallow if true\n\ndeny contains \"not that\" if input.args.text == \"bad\"\n\n" +
			"label contains \"private\" if input.args.text == \"secret\"\n"},
	})
	for _, text := range []string{"one", "bad", "secret", "t<w>o & \u202e three", "=1+1"} {
		a := lab.CallREST(t, g, g.Tester(), "lab__echo", lab.Text(text))
		if text == "one" {
			id = a.ID
		}
	}
	lab.CallREST(t, g, g.Tester(), "lab__nosuch", "{}")
	lab.CallREST(t, g, g.Token("ann", "tester"), "lab__echo", lab.Text("ann's"))
	return g, id
}

// TestReviewerWithNothingButAToken asks every question of review through the gateway,
// from an empty directory and without its files, and has what who reads the file
// has, to the byte.
func TestReviewerWithNothingButAToken(t *testing.T) {
	g, id := desks(t)
	rows := g.Rows(t, "", "SELECT session FROM calls WHERE session IS NOT NULL LIMIT 1")
	session := fmt.Sprint(rows[0]["session"])
	bad := fmt.Sprint(g.Rows(t, "", "SELECT id FROM calls WHERE code = 'policy'")[0]["id"])
	strange := fmt.Sprint(g.Rows(t, "", "SELECT id FROM calls WHERE tool = 'lab__nosuch'")[0]["id"])
	away := func(token string, args ...string) (string, string, int) {
		cmd := exec.Command(lab.Binary(), append(args, "--url", g.URL)...)
		cmd.Dir, cmd.Env = t.TempDir(), []string{"TOOLWARD_TOKEN=" + token, "HOME=" + t.TempDir()}
		var out, talk bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &talk
		_ = cmd.Run()
		return out.String(), talk.String(), cmd.ProcessState.ExitCode()
	}
	viewer := g.Token("vera", "viewer")
	for _, question := range []string{
		"list", "list --oldest -o json", "list --limit 2 -o jsonl", "list --sort -ms -o csv", "list --columns time,agent,args,reasons -o csv",
		"list --agent ann,tester --not outcome=ok -o json", "list --outcome refused --code policy", "list --text bad -o json", "list --arg text=one -o json",
		"list --label private -o json", "list --seen private", "list --tool lab__echo --server lab --kind tool --effect allow --min-ms 0.0001 --since 1h --until 2100-01-01 -o json",
		"list --session " + session + " -o json", "list --agent nobody -o json", "list --rule policies/all.rego:3", "list --shadow-differs",
		"show " + id, "show " + id + " -o json", "show " + id[:8] + " -o json", "show ffff", "trace " + id, "trace " + id + " -o json", "story " + session, "story " + session + " -o json", "story nobody",
		"show " + id + "CR", "trace " + id + "CR", "story " + session + "CR", "list --session " + session + "CR -o csv", "list --from-call " + id + "CR",
		"diff " + id + " " + bad, "diff " + id + " " + bad + "CR -o json", "diff " + id + " " + id, "diff " + id + " ffff",
		"policy explain " + id, "policy explain " + bad, "policy explain " + id[:8], "policy explain " + strange, "policy explain ffff", "policy explain " + id + "CR",
		"stats", "stats -o json", "stats --by agent,outcome", "stats --by agent --every 1h -o json", "stats --by code --since 24h --compare", "stats --agent ann -o json",
		"view people", "view policies -o json", "view grants --where agent=ann --sort last -o csv", "view findings --not kind=pii -o json", "view sessions -o json", "view tools -o json", "view traffic", "view hourly -o csv",
		"view grants --where nosuch=1", "view tools --since 1h",
		"events -o jsonl", "events --calls --limit 3 -o json", "events --type policy.loaded -o json",
		"export", "export --format csv", "export --format ocsf --agent ann", "export --after 0", "export --after 0 --format csv", "export --after 0 --format ocsf --events", "export --after 3 --events",
	} {
		t.Run(question, func(t *testing.T) {
			args := append([]string{"audit"}, strings.Fields(question)...)
			if args[1] == "policy" {
				args = args[1:]
			}
			asked := strings.Fields(strings.ReplaceAll(strings.Join(args, " "), "CR", ""))
			for i := range args { // of a line of CSV
				args[i] = strings.Replace(args[i], "CR", "\r", 1)
			}
			cmd := g.Command(append(asked, "--config", "toolward.yaml")...)
			var want, wantTalk bytes.Buffer
			cmd.Stdout, cmd.Stderr = &want, &wantTalk
			_ = cmd.Run()
			out, talk, code := away(viewer, args...)
			if !slices.Equal(args, asked) {
				if _, with := g.Run(t, append(slices.Clone(args), "--config", "toolward.yaml")...); with != want.String()+wantTalk.String() && with != wantTalk.String()+want.String() {
					t.Errorf("with a CR: %s", with)
				}
			}
			if strings.Contains(out, "size_bytes") { // of the file, which may have grown
				out, want = withoutSize(out), *bytes.NewBufferString(withoutSize(want.String()))
			}
			if out != want.String() || code != cmd.ProcessState.ExitCode() {
				t.Errorf("exit %d, want %d\n%s%s\nwant\n%s%s", code, cmd.ProcessState.ExitCode(), out, talk, want.String(), wantTalk.String())
			}
			if code == 0 && talk != wantTalk.String() {
				t.Errorf("says %q, want %q", talk, wantTalk.String())
			}
		})
	}
	if out, talk, code := away(g.Token("boss", "admin"), "audit", "hash", "bad"); code != 0 || !strings.HasPrefix(out, "hmac:") {
		t.Errorf("hash: %d %s %s", code, out, talk)
	} else if _, want := g.Run(t, "audit", "hash", "bad", "--config", "toolward.yaml"); out != want {
		t.Errorf("hash: %s, want %s", out, want)
	}
	for _, order := range [][]string{{"hash", "x"}, {"prune", "--before", "1h", "--why", "x"}, {"erase", "--agent", "ann", "--why", "x"}} {
		if _, talk, code := away(g.Token("apu", "approver"), append([]string{"audit"}, order...)...); code != 2 || !strings.Contains(talk, "it takes the role admin") {
			t.Errorf("%s by an approver: %d %s", order[0], code, talk)
		}
	}
	if _, talk, code := away(g.Tester(), "audit", "list"); code != 2 || !strings.Contains(talk, "no role of this token") {
		t.Errorf("an agent: %d %s", code, talk)
	}
}

func withoutSize(text string) string {
	var v map[string]any
	if json.Unmarshal([]byte(text), &v) != nil {
		return text
	}
	delete(v, "size_bytes")
	raw, _ := json.Marshal(v)
	return string(raw)
}

// Texts are erased and events pruned through the gateway that runs, by who the token
// says, and calls go on.
func TestEraseAndPruneWhileItRuns(t *testing.T) {
	g, _ := desks(t)
	boss := g.Token("boss", "admin")
	a := g.Operate(t, boss, http.MethodPost, "audit/erase", `{"agent":"ann","why":"request 4711"}`, nil)
	if a.Status != 200 || len(g.Rows(t, "", "SELECT 1 FROM calls WHERE agent = 'ann' AND args IS NOT NULL")) != 0 || len(g.Rows(t, "", "SELECT 1 FROM calls WHERE agent = 'tester' AND args IS NOT NULL")) == 0 {
		t.Errorf("erase: %d %s", a.Status, a.Text)
	}
	if code, out := g.Run(t, "audit", "erase", "--agent", "tester", "--why", "x", "--config", "toolward.yaml"); code != 0 {
		t.Errorf("erase by the command: %d %s", code, out)
	}
	soon := time.Now().Add(time.Second).UTC().Format(time.RFC3339)
	for time.Now().UTC().Format(time.RFC3339) < soon {
		lab.CallREST(t, g, g.Tester(), "lab__echo", lab.Text("later"))
	}
	a = g.Operate(t, boss, http.MethodPost, "audit/prune", `{"before":"`+soon+`","why":"a test"}`, nil)
	var gone struct{ Removed int }
	if err := json.Unmarshal([]byte(a.Text), &gone); err != nil || a.Status != 200 || gone.Removed == 0 {
		t.Errorf("prune: %d %s", a.Status, a.Text)
	}
	if a := lab.CallREST(t, g, g.Tester(), "lab__echo", lab.Text("after")); a.Status != 200 {
		t.Errorf("a call: %d %s", a.Status, a.Text)
	}
	who := g.Rows(t, "", "SELECT type, coalesce(body ->> '$.by.subject', body ->> '$.by') AS who FROM events WHERE type IN ('audit.erase', 'audit.prune') ORDER BY seq")
	if text := fmt.Sprint(who); len(who) == 0 || !strings.Contains(text, "boss") {
		t.Errorf("on record: %v", who)
	}
	g.CheckChain(t, "")
	g.Stop(t)
	g.CheckChain(t, "")
}

// Each question is tried with what nobody should send. It is refused as theirs, and
// the gateway neither fails nor answers something else.
func TestHostileQuestions(t *testing.T) {
	g, id := desks(t)
	boss := g.Token("boss", "admin")
	long := strings.Repeat("x", 5000)
	for _, path := range []string{
		"calls?agnt=x", "calls?limit=0", "calls?limit=1001", "calls?limit=-1", "calls?limit=9999999999999999999999", "calls?limit=1e3", "calls?limit=x",
		"calls?before=-1", "calls?before=x", "calls?before=99999999999999999999", "calls?oldest=yes", "calls?sort=nosuch", "calls?sort=-", "calls?sort=ms%3B+DROP+TABLE+events", "calls?sort=ms&oldest=true",
		"calls?outcome=bogus", "calls?effect=allowed", "calls?not=outcome", "calls?not=nosuch%3D1", "calls?arg=x", "calls?since=soon", "calls?since=99999999999d", "calls?min-ms=x", "calls?agent=" + long, "calls?text=" + long,
		"calls?shadow-differs=1", "calls?%zz", "calls?a;b", "stats?by=agent", "series", "series?by=nosuch", "series?by=agent&every=1m", "series?by=agent&every=-1h", "changes?by=agent", "changes?since=1h",
		"views/nosuch", "views/sqlite_master", "views/events", "views/people?where=nosuch%3D1", "views/people?where=x", "views/people?sort=nosuch", "views/tools?since=1h",
		"events?type=nosuch", "events?calls=x", "export?format=xml", "export?after=x", "export?after=-1", "export?after=1.0", "export?events=true&format=csv", "export?events=true&agent=x", "tail?after=x", "tail?limit=1",
		"calls/ffff", "calls/" + id[:1] + "/trace/x", "calls/%00", "calls/" + long,
	} {
		a := g.Operate(t, boss, http.MethodGet, "audit/"+path, "", nil)
		if a.Status < 400 || a.Status >= 500 || !strings.Contains(a.Text, `"code"`) {
			t.Errorf("GET %s: %d %s", path, a.Status, a.Text)
		}
	}
	for _, order := range []struct{ path, body string }{
		{"prune", ""}, {"prune", "{}"}, {"prune", `{"before":"1h"}`}, {"prune", `{"before":"","why":"x"}`}, {"prune", `{"before":"soon","why":"x"}`}, {"prune", `{"before":1,"why":"x"}`},
		{"prune", `{"before":"1h","why":"x","by":"ceo"}`}, {"prune", `{"before":"1h","why":"` + long + `"}`}, {"prune", `{"before":"1h","before":"0h","why":"x"}`}, {"prune", `[]`}, {"prune", `null`},
		{"erase", "{}"}, {"erase", `{"why":"x"}`}, {"erase", `{"agent":"a","call":"b","why":"x"}`}, {"erase", `{"agent":"a"}`}, {"erase", `{"agent":"a","why":"x","by":{"subject":"ceo"}}`}, {"erase", `{"agent":["a"],"why":"x"}`},
		{"hash", `{"value":1}`}, {"hash", `{"values":"x"}`},
	} {
		a := g.Operate(t, boss, http.MethodPost, "audit/"+order.path, order.body, nil)
		if a.Status < 400 || a.Status >= 500 {
			t.Errorf("POST %s %s: %d %s", order.path, order.body, a.Status, a.Text)
		}
	}
	if n := g.Count(t, "", "outcome IS NOT NULL"); n == 0 {
		t.Error("the record is empty")
	}
	g.CheckAlive(t)
}

// TestTailGoesOn reads calls as they end, loses the connection, and goes on from the
// last cursor.
func TestTailGoesOn(t *testing.T) {
	g, _ := desks(t)
	viewer := g.Token("vera", "viewer")
	cursor, seen := "0", []string{}
	read := func(most int) {
		r := lab.NewRequest(t, g.URL+"/v1/admin/audit/tail?after="+cursor, viewer, nil)
		r.Method = http.MethodGet
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		dec := json.NewDecoder(resp.Body)
		for range most {
			var c struct{ ID, Cursor string }
			if err := dec.Decode(&c); err != nil {
				t.Fatal(err)
			}
			cursor, seen = c.Cursor, append(seen, c.ID)
		}
	}
	read(2)
	read(3)
	for range 3 {
		lab.CallREST(t, g, g.Tester(), "lab__echo", lab.Text("more"))
	}
	read(5)
	want := []string{}
	for _, row := range g.Rows(t, "", "SELECT id FROM calls WHERE ended_seq IS NOT NULL ORDER BY ended_seq LIMIT 10") {
		want = append(want, fmt.Sprint(row["id"]))
	}
	if fmt.Sprint(seen) != fmt.Sprint(want) {
		t.Errorf("calls\n%v\nwant\n%v", seen, want)
	}
}

// A stream ends within a second of what ends its operator's right to it, and says so.
func TestStreamsThatEnd(t *testing.T) {
	for _, path := range []string{"audit/tail", "approvals?watch=true"} {
		for name, tt := range map[string]struct {
			life time.Duration
			end  func(*testing.T, *lab.Gateway)
			want string
		}{
			"the token expires": {3 * time.Second, func(*testing.T, *lab.Gateway) {}, "expired"},
			"the operator is blocked": {time.Hour, func(t *testing.T, g *lab.Gateway) {
				if a := g.Operate(t, g.Credential(t), http.MethodPost, "blocks", `{"kind":"agent","name":"vera","reason":"left the house"}`, nil); a.Status != 200 {
					t.Fatal(a.Text)
				}
			}, "left the house"},
		} {
			t.Run(path+", "+name, func(t *testing.T) {
				g, _ := desks(t)
				token := g.Issuer.Sign(g.Issuer.Claims("vera", lab.Audience, map[string]any{"roles": []string{"viewer"}, "exp": time.Now().Add(tt.life).Unix()}))
				r := lab.NewRequest(t, g.URL+"/v1/admin/"+path, token, nil)
				r.Method = http.MethodGet
				resp, err := http.DefaultClient.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				if resp.StatusCode != 200 {
					t.Fatal(resp.Status)
				}
				tt.end(t, g)
				began := time.Now()
				if _, err := io.Copy(io.Discard, resp.Body); err != nil {
					t.Fatal(err)
				}
				if took := time.Since(began); took > tt.life%time.Hour+5*time.Second {
					t.Errorf("it ended after %v", took)
				}
				if why := resp.Trailer.Get("Toolward-Ended"); !strings.Contains(why, tt.want) {
					t.Errorf("it ended because %q", why)
				}
			})
		}
	}
}

// TestUnixUserWithNothingButAToken runs a command as somebody who may read none of
// the gateway's files.
func TestUnixUserWithNothingButAToken(t *testing.T) {
	g, _ := desks(t)
	setpriv, err := exec.LookPath("setpriv")
	if err != nil || os.Getuid() != 0 {
		t.Skip("it takes root and setpriv(1) to be another user")
	}
	shared, err := os.MkdirTemp("", "desk")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(shared) })
	raw, err := os.ReadFile(lab.Binary())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(shared+"/toolward", raw, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(shared, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(setpriv, "--reuid", "65534", "--regid", "65534", "--clear-groups", shared+"/toolward", "audit", "list", "--agent", "ann", "--url", g.URL)
	cmd.Dir, cmd.Env = "/", []string{"TOOLWARD_TOKEN=" + g.Token("vera", "viewer"), "HOME=/nonexistent"}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "lab__echo") {
		t.Errorf("%v %s", err, out)
	}
}
