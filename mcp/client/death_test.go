package client_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"toolward/gateway"
	"toolward/mcp/client"
	"toolward/upstream/upstreamtest"
)

const parentVariable = "TOOLWARD_TEST_PARENT"

// parent is a process that starts a server and then does nothing: what is left
// of a gateway that is about to be killed.
func parent() {
	script := os.Getenv(parentVariable)
	if script == "" {
		return
	}
	time.AfterFunc(time.Minute, func() { os.Exit(9) })
	self, _ := os.Executable()
	c, err := client.New(client.Options{Name: "s", Command: self, Env: []string{script}})
	if err == nil {
		_, err = c.Dial(context.Background(), nil, func(gateway.Event) {})
	}
	fmt.Println("dialled:", err)
	select {}
}

// kill -9 of the gateway must not leave servers behind, not even one that
// ignores the end of its input.
func TestServerDiesWithAKilledGateway(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs the parent death signal of Linux")
	}
	ledger := filepath.Join(t.TempDir(), "ledger")
	self, env := upstreamtest.Command(t, upstreamtest.Script{Ledger: ledger, Faults: []string{"stubborn"}})
	cmd := exec.Command(self)
	cmd.Env = []string{parentVariable + "=" + env[0]}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); strings.TrimSpace(line) != "dialled: <nil>" {
		t.Errorf("parent: %q, %v", line, err)
	}
	r := rig{ledger: ledger}
	pid := pidAfter(t, r.read(t), "pid ")
	if !alive(pid) {
		t.Error("the server does not run")
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // "signal: killed"
	waitFor(t, "the server's end", func() bool { return !alive(pid) })
}
