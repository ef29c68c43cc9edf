//go:build e2e

package attacks

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"toolward/e2e/lab"
)

// checkUnrecorded expects every surface to refuse, and the upstream not to be
// touched.
func checkUnrecorded(t *testing.T, g *lab.Gateway) {
	t.Helper()
	for _, s := range []*lab.Surface{lab.REST, lab.Modern} {
		marker := lab.Marker()
		a := s.Call(t, g, g.Tester(), "echo", lab.Text(marker))
		if a.Status != http.StatusServiceUnavailable || a.Code != "unrecorded" {
			t.Errorf("%s: got %+v, want 503", s.Name, a)
		}
		if g.Upstream.Executed(marker) > 0 {
			t.Errorf("%s: the upstream was called without a record", s.Name)
		}
	}
	if resp, err := http.Get(g.URL + "/healthz"); err != nil || resp.Body.Close() != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("/healthz: %v %v", resp, err)
	}
}

// smallDisk is a disk of 4 MiB, and how to fill it and to make room again.
func smallDisk(t *testing.T) (disk string, fill, free func()) {
	t.Helper()
	disk = t.TempDir()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=4m"); err != nil {
		t.Skip("mounting a small disk is not permitted here: ", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(disk, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	filler := filepath.Join(disk, "filler")
	return disk, func() {
		f, err := os.Create(filler)
		must(t, err)
		_, _ = io.Copy(f, io.LimitReader(endlessly('x'), 16<<20)) // until there is no room
		must(t, f.Close())
	}, func() { must(t, os.Remove(filler)) }
}

// TestDiskFull fills the disk of the record: calls are refused until there is
// room, and then go on without anybody's help.
func TestDiskFull(t *testing.T) {
	disk, fill, free := smallDisk(t)
	g := lab.Start(t, lab.Options{Config: map[string]any{"audit": map[string]any{"path": filepath.Join(disk, "toolward.db")}}})
	g.CheckAlive(t)
	fill()
	untilFull(t, g)
	checkUnrecorded(t, g)
	free()
	untilRoom(t, g)
	g.CheckAlive(t)
}

func untilFull(t *testing.T, g *lab.Gateway) {
	t.Helper()
	g.Until(t, "the full disk is not noticed", func() bool {
		return lab.REST.Call(t, g, g.Tester(), "echo", lab.Text("filling")).Code == "unrecorded"
	})
}

func untilRoom(t *testing.T, g *lab.Gateway) {
	t.Helper()
	g.Until(t, "it does not recover", func() bool {
		return lab.REST.Call(t, g, g.Tester(), "echo", lab.Text("is there room?")).Code == ""
	})
}

// TestDiskFullWhileAPersonDecides has people decide while nothing can be recorded:
// they are told that it did not happen, and it did not. When there is room they
// decide again, and a restart remembers what they were told.
func TestDiskFullWhileAPersonDecides(t *testing.T) {
	disk, fill, free := smallDisk(t)
	g := lab.Start(t, lab.Options{
		Config: map[string]any{"audit": map[string]any{"path": filepath.Join(disk, "toolward.db")}, "approvals": map[string]any{"wait": "0s"}},
		Policies: map[string]string{"all.rego": "package gateway\n\nallow if \"tester\" in input.agent.roles\n\n" +
			"approve contains \"ask\" if contains(input.args.text, \"ask-me\")\n"},
	})
	asking := lab.Text("ask-me " + lab.Marker())
	if a := lab.CallREST(t, g, g.Tester(), "lab__echo", asking); a.Code != "approval_pending" {
		t.Fatalf("the call does not wait: %+v", a)
	}
	id := waiting(t, g)
	decide := map[string][]string{
		"approve": {"approvals", "approve", id, "--config", "toolward.yaml"},
		"block":   {"block", "add", "--agent", "somebody", "--why", "a test", "--config", "toolward.yaml"},
	}
	fill()
	untilFull(t, g)
	for name, args := range decide {
		if code, out := g.Run(t, args...); code == 0 {
			t.Errorf("%s: nothing could be recorded, and the person is told that it is done:\n%s", name, out)
		}
	}
	free()
	untilRoom(t, g)
	if _, out := g.Run(t, "block", "list", "--config", "toolward.yaml"); strings.Contains(out, "somebody") {
		t.Errorf("the block that was not recorded is in force:\n%s", out)
	}
	if a := lab.CallREST(t, g, g.Tester(), "lab__echo", asking); a.Code != "approval_pending" {
		t.Errorf("the approval that was not recorded counts: %+v", a)
	}
	for name, args := range decide {
		if code, out := g.Run(t, args...); code != 0 {
			t.Errorf("%s, with room: %d\n%s", name, code, out)
		}
	}
	g.Kill()
	g.Wait(t)
	g.Restart(t)
	if a := lab.CallREST(t, g, g.Tester(), "lab__echo", asking); a.Code != "" {
		t.Errorf("the approval that was recorded does not count: %+v", a)
	}
	if _, out := g.Run(t, "block", "list", "--config", "toolward.yaml"); !strings.Contains(out, "somebody") {
		t.Errorf("the block that was recorded is gone:\n%s", out)
	}
	g.CheckChain(t, "")
}

// TestLockedDatabase has another process hold the database. Calls go on to be recorded, in
// the journal, and readiness says so; when that has lasted they are refused, and readiness
// says that. What was answered is on record in the end.
func TestLockedDatabase(t *testing.T) {
	g := lab.Start(t, lab.Options{})
	unlock := g.Lock(t)
	var answered []string
	g.Until(t, "readiness does not say that it waits", func() bool {
		marker := lab.Marker()
		if a := lab.REST.Call(t, g, g.Tester(), "echo", lab.Text(marker)); a.Code != "" {
			t.Fatalf("refused at once: %+v", a)
		}
		answered = append(answered, marker)
		status, body := readyz(t, g, false)
		return status == http.StatusOK && strings.Contains(body, "wait in the journal") && strings.Contains(body, "locked")
	})
	untilFull(t, g)
	checkUnrecorded(t, g)
	if status, body := readyz(t, g, false); status != http.StatusServiceUnavailable || !strings.Contains(body, "another program has kept it locked") {
		t.Errorf("readiness, past the bound: %d %s", status, body)
	}
	unlock()
	untilRoom(t, g)
	g.CheckAlive(t)
	done := texts(t, g, "outcome = 'ok'")
	for _, marker := range answered {
		if !done[marker] {
			t.Errorf("%s was answered, and is not on record", marker)
		}
	}
	if rows := g.Rows(t, "", "SELECT body FROM events WHERE type = 'audit.recover'"); len(rows) != 1 || !strings.Contains(fmt.Sprint(rows), "locked") {
		t.Errorf("on record: %v", rows)
	}
}

// TestDamagedDatabase starts the gateway on a record that is not what it left:
// it refuses with the reason, and makes no new one.
func TestDamagedDatabase(t *testing.T) {
	g := lab.Start(t, lab.Options{})
	g.CheckAlive(t)
	g.Stop(t)
	path := filepath.Join(g.Dir, "toolward.db")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	tamper := func(sql string) func(*testing.T) {
		return func(t *testing.T) {
			if out, err := exec.Command("sqlite3", path, sql).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
		}
	}
	put := func(content []byte) func(*testing.T) {
		return func(*testing.T) { g.Write(t, "toolward.db", string(content)) }
	}
	for name, damage := range map[string]func(*testing.T){
		"cut short":        put(good[:len(good)/2]),
		"random bytes":     put([]byte(strings.Repeat("not a database ", 4096))),
		"empty":            put(nil),
		"removed":          func(t *testing.T) { must(t, os.Remove(path)) },
		"another's":        func(t *testing.T) { must(t, os.Remove(path)); tamper("CREATE TABLE notes (text)")(t) },
		"a row was edited": tamper("DROP TRIGGER events_refuse_update; UPDATE events SET agent = 'somebody else' WHERE agent IS NOT NULL"),
		"its tail was cut": tamper("DROP TRIGGER events_refuse_delete; DELETE FROM events WHERE seq > 3"),
	} {
		t.Run(name, func(t *testing.T) {
			put(good)(t)
			damage(t)
			before, _ := os.ReadFile(path) // there is none if it was removed
			g.Relaunch(t)
			if code := g.Wait(t); code != 2 {
				t.Errorf("it ends with %d, want 2", code)
			}
			if log := g.Log.String(); !strings.Contains(log, "toolward.db") {
				t.Errorf("the reason does not name the file: %s", log)
			}
			if after, _ := os.ReadFile(path); string(after) != string(before) {
				t.Error("the file was changed")
			}
		})
	}
	put(good)(t)
	g.Restart(t)
	g.CheckAlive(t)
}

// TestSecondGateway is refused on the same record, and does the first no harm.
func TestSecondGateway(t *testing.T) {
	g := lab.Start(t, lab.Options{})
	code, out := g.Run(t, "serve", "--config", "toolward.yaml")
	if code != 2 || !strings.Contains(out, fmt.Sprintf("process %d", g.Pid())) {
		t.Errorf("got %d %s, want 2 and the first one's process", code, out)
	}
	g.CheckAlive(t)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
