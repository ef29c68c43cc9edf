//go:build e2e

package lab

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Lock has another program hold the gateway's database until unlock.
func (g *Gateway) Lock(t testing.TB) (unlock func()) {
	t.Helper()
	other := exec.Command("sqlite3", filepath.Join(g.Dir, "toolward.db"))
	in, err := other.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var said Log
	other.Stdout, other.Stderr = &said, &said
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprint(in, ".timeout 10000\nBEGIN EXCLUSIVE;\n.print locked\n"); err != nil {
		t.Fatal(err)
	}
	g.Until(t, "sqlite3 does not get the lock", func() bool { return strings.Contains(said.String(), "locked") })
	return func() {
		t.Helper()
		if _, err := fmt.Fprint(in, "ROLLBACK;\n.quit\n"); err != nil {
			t.Fatal(err)
		}
		if err := other.Wait(); err != nil {
			t.Fatalf("%v: %s", err, &said)
		}
	}
}
