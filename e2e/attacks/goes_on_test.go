//go:build e2e

package attacks

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"toolward/e2e/lab"
)

// mended are the ways in which a record goes on that was broken, lost or given new
// keys: what a person does to the files of a gateway that stopped.
var mended = []struct {
	name string
	do   func(t *testing.T, g *lab.Gateway)
}{
	{"new segment behind a foreign row", func(t *testing.T, g *lab.Gateway) {
		g.Stop(t)
		foreignRow(t, g)
		refusesToStart(t, g, "is foreign")
		succeed(t, g, "audit", "new-segment", "--why", "somebody wrote there", "--config", "toolward.yaml")
	}},
	{"new segment behind a foreign row after a kill", func(t *testing.T, g *lab.Gateway) {
		g.Kill() // no snapshot: the events are folded
		g.Wait(t)
		foreignRow(t, g)
		succeed(t, g, "audit", "new-segment", "--why", "somebody wrote there", "--config", "toolward.yaml")
	}},
	{"new segment behind a cut", func(t *testing.T, g *lab.Gateway) {
		g.Stop(t)
		onRecord(t, g, "DROP TRIGGER events_refuse_delete", "DELETE FROM events WHERE seq > (SELECT max(seq) FROM events) - 2",
			`CREATE TRIGGER events_refuse_delete `+triggerText(t, g, "", "events_refuse_delete"))
		refusesToStart(t, g, "events are missing at the end")
		succeed(t, g, "audit", "new-segment", "--accept-gap", "--why", "the disk lost them", "--config", "toolward.yaml")
	}},
	{"restored backup of a record that went on", func(t *testing.T, g *lab.Gateway) {
		restoreBackup(t, g, func() { lab.CallREST(t, g, g.Token("late", "tester"), "lab__echo", lab.Text("after the backup")) })
		refusesToStart(t, g, "audit new-segment --accept-gap")
		succeed(t, g, "audit", "new-segment", "--accept-gap", "--why", "the disk broke", "--config", "toolward.yaml")
	}},
	{"new keys", func(t *testing.T, g *lab.Gateway) {
		g.Stop(t)
		succeed(t, g, "audit", "rotate-keys", "--why", "a year is over", "--config", "toolward.yaml")
	}},
	{"new keys twice, and a snapshot between", func(t *testing.T, g *lab.Gateway) {
		for range 2 {
			g.Stop(t)
			succeed(t, g, "audit", "rotate-keys", "--why", "a year is over", "--config", "toolward.yaml")
			g.Restart(t)
		}
		g.Kill()
		g.Wait(t)
	}},
	{"new keys, then a foreign row", func(t *testing.T, g *lab.Gateway) {
		g.Stop(t)
		succeed(t, g, "audit", "rotate-keys", "--why", "they leaked", "--config", "toolward.yaml")
		foreignRow(t, g)
		succeed(t, g, "audit", "new-segment", "--why", "who had them wrote there", "--config", "toolward.yaml")
	}},
}

const goesOnPolicy = `package gateway

allow if "tester" in input.agent.roles

approve contains "a person is asked" if input.args.text == "ask"

label contains "private" if input.args.text == "secret"

deny contains "it has seen private data" if {
	input.args.text == "send"
	"private" in input.session.labels
}

meter contains {"name": "spent", "amount": 40, "window": "24h"} if input.args.text == "spend"

deny contains "more than 100" if input.meters.spent.total > 100

deny contains "three calls are enough" if {
	input.args.text == "count"
	input.session.calls >= 3
}
`

// carried are what a record makes of the future: what came before, and what a call of
// the agent is told after.
var carried = []struct {
	what   string
	before func(t *testing.T, g *lab.Gateway, call func(text, want string))
	after  func(t *testing.T, g *lab.Gateway, call func(text, want string))
}{
	{"labels", func(_ *testing.T, _ *lab.Gateway, call func(text, want string)) { call("secret", "") },
		func(_ *testing.T, _ *lab.Gateway, call func(text, want string)) {
			call("send", "policy")
			call("other", "")
		}},
	{"counts", func(_ *testing.T, _ *lab.Gateway, call func(text, want string)) {
		call("count", "")
		call("count", "")
		call("count", "")
	},
		func(_ *testing.T, _ *lab.Gateway, call func(text, want string)) { call("count", "policy") }},
	{"sums", func(_ *testing.T, _ *lab.Gateway, call func(text, want string)) { call("spend", ""); call("spend", "") },
		func(_ *testing.T, _ *lab.Gateway, call func(text, want string)) {
			call("spend", "policy")
			call("other", "")
		}},
	{"consents", func(t *testing.T, g *lab.Gateway, call func(text, want string)) {
		call("ask", "approval_pending")
		succeed(t, g, "approvals", "approve", g.Waiting(t), "--note", "once", "--config", "toolward.yaml")
	}, func(_ *testing.T, _ *lab.Gateway, call func(text, want string)) {
		call("ask", "")
		call("ask", "approval_pending")
	}},
	{"blocks", func(t *testing.T, g *lab.Gateway, _ func(text, want string)) {
		succeed(t, g, "block", "add", "--agent", "of-blocks", "--why", stopReason, "--config", "toolward.yaml")
	}, func(t *testing.T, g *lab.Gateway, call func(text, want string)) {
		call("other", "blocked")
		if _, out := g.Run(t, "block", "list", "--config", "toolward.yaml"); !strings.Contains(out, stopReason) {
			t.Errorf("its reason is gone: %s", out)
		}
	}},
}

// TestStateGoesOn: what was seen, counted, allowed and stopped holds after the record
// was mended in each way there is, and after a kill -9 behind that.
func TestStateGoesOn(t *testing.T) {
	for _, m := range mended {
		t.Run(m.name, func(t *testing.T) {
			g := lab.Start(t, lab.Options{
				Config:   map[string]any{"approvals": map[string]any{"wait": "0s"}},
				Policies: map[string]string{"all.rego": goesOnPolicy},
			})
			caller := func(t *testing.T, what string) func(text, want string) {
				return func(text, want string) {
					t.Helper()
					if a := lab.CallREST(t, g, holder(g, "of-"+what), "lab__echo", lab.Text(text)); a.Code != want {
						t.Errorf("%s: %q is answered with %q, want %q: %s", what, text, a.Code, want, a.Text)
					}
				}
			}
			for _, k := range carried {
				k.before(t, g, caller(t, k.what))
			}
			m.do(t, g)
			g.Restart(t)
			g.Kill()
			g.Wait(t)
			g.Restart(t)
			for _, k := range carried {
				t.Run(k.what, func(t *testing.T) { k.after(t, g, caller(t, k.what)) })
			}
			g.CheckChain(t, "")
			g.Stop(t)
			g.CheckChain(t, "")
		})
	}
}

func succeed(t *testing.T, g *lab.Gateway, args ...string) string {
	t.Helper()
	code, out := g.Run(t, args...)
	if code != 0 {
		t.Fatalf("%s: %d %s", strings.Join(args, " "), code, out)
	}
	return out
}

// refusesToStart starts the gateway, which says why it does not go on.
func refusesToStart(t *testing.T, g *lab.Gateway, why string) {
	t.Helper()
	g.Relaunch(t)
	if code := g.Wait(t); code == 0 || !strings.Contains(g.Log.String(), why) {
		t.Fatalf("it ends with %d and does not say %q:\n%s", code, why, g.Log)
	}
}

// restoreBackup makes a backup of the running gateway, and puts it where the record
// was after something more came.
func restoreBackup(t *testing.T, g *lab.Gateway, meanwhile func()) {
	t.Helper()
	succeed(t, g, "audit", "backup", "backup.db", "--config", "toolward.yaml")
	meanwhile()
	g.Stop(t)
	path := filepath.Join(g.Dir, "toolward.db")
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(path + suffix); !os.IsNotExist(err) {
			must(t, err)
		}
	}
	copyFile(t, filepath.Join(g.Dir, "backup.db"), path)
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	must(t, err)
	must(t, os.WriteFile(to, b, 0o600))
}

// foreignRow appends a row as any program can, with the shipped triggers in place.
func foreignRow(t *testing.T, g *lab.Gateway) {
	t.Helper()
	onRecord(t, g, `INSERT INTO events (seq, time_unix_ms, type, body, hash, mac)
		SELECT seq + 1, time_unix_ms, 'block.lifted', '{}', zeroblob(32), mac FROM events ORDER BY seq DESC LIMIT 1`)
}

// onRecord runs statements on the gateway's record as they are.
func onRecord(t *testing.T, g *lab.Gateway, all ...string) {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(g.Dir, "toolward.db")+"?_busy_timeout=5000")
	must(t, err)
	db.SetMaxOpenConns(1)
	for _, statement := range all {
		if _, err := db.Exec(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	must(t, db.Close())
}

// triggerText is how a trigger of the record goes on after its name.
func triggerText(t *testing.T, g *lab.Gateway, db, trigger string) string {
	t.Helper()
	rows := g.Rows(t, db, "SELECT sql FROM sqlite_schema WHERE name = '"+trigger+"'")
	if len(rows) != 1 {
		t.Fatalf("no trigger %s", trigger)
	}
	_, rest, _ := strings.Cut(rows[0]["sql"].(string), trigger+" ")
	return rest
}
