//go:build e2e

package attacks

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"toolward/e2e/lab"
)

// Somebody has the record open that is not the gateway whose address is noted: a
// gateway that begins, or another command. Who listens at that address gets neither
// the operator's credential nor a token that a command makes.
func TestAttackThePortOfAGatewayThatIsGone(t *testing.T) {
	g := lab.Start(t, lab.Options{Config: map[string]any{"auth": map[string]any{"local": map[string]any{}}}})
	credential := g.Credential(t)
	got := lab.Steal(t, g)
	lock, err := os.OpenFile(filepath.Join(g.Dir, "toolward.db.lock"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		t.Fatal(err)
	}
	commands := [][]string{
		{"approvals", "list"}, {"approvals", "approve", "00000000"}, {"block", "list"}, {"block", "add", "--agent", "x", "--why", "y"},
		{"sessions", "list"}, {"tools", "list"}, {"tools", "pin", "lab__echo"}, {"policy", "explain", "00000000"}, {"audit", "diff", "00000000", "00000001"},
		{"tools", "call", "lab__echo"}, {"token", "mint", "--subject", "x"}, {"guard", "allow", "add", "--rule", "secret.password", "--reason", "x"},
	}
	var wg sync.WaitGroup
	for _, args := range commands {
		wg.Go(func() {
			if code, out := g.Run(t, append(args, "--config", "toolward.yaml")...); code == 0 || strings.Contains(out, credential) {
				t.Errorf("%s: %d %s", args, code, out)
			}
		})
	}
	wg.Wait()
	asked := 0
	for _, r := range got() {
		if said := r.Header.Get("Authorization"); said != "" {
			t.Errorf("who took the port was sent %s %s with %.20s…", r.Method, r.URL.Path, said)
		}
		asked++
	}
	if asked < len(commands)/2 {
		t.Errorf("%d commands came to who took the port: this shows nothing of the others", asked)
	}
}
