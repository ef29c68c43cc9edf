//go:build e2e

// Package lab runs the built binary for tests of it: a gateway as a process
// of its own in a folder of its own, a scripted upstream with a ledger of the
// calls that it really executed, and a client for each surface.
//
// The ledger is what tells a refusal from a promise: a call that was refused
// must not be in it. The record is read as a reviewer would, with sqlite3.
package lab

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"toolward/auth/authtest"
)

// Patience is how long the lab waits for something that must come. Nothing is
// asserted about how long it takes.
const Patience = 30 * time.Second

// Audience is what the lab's tokens are for.
const Audience = "toolward-e2e"

// Options say what [Launch] starts. The zero value is a gateway with an upstream
// named "lab", which agents with the role "tester" may use.
type Options struct {
	Upstream *Upstream      // the upstream "lab"; nil starts one
	Config   map[string]any // members of toolward.yaml, over the lab's; nil leaves one out
	Policies map[string]string
	Env      []string // of the gateway, beside PATH and HOME
	Dir      string   // where the gateway lives; "" for a new folder
	Local    bool     // it has an issuer of its own, beside the lab's
}

// Gateway is the binary, running or not.
type Gateway struct {
	Dir      string
	URL      string
	Upstream *Upstream
	Issuer   *authtest.Issuer
	Log      *Log

	env    []string
	config map[string]any
	cmd    *exec.Cmd
	ended  chan struct{}
	err    error // how it ended, once ended is closed
	pipe   *pipe
}

// AllowTesters is the lab's policy.
const AllowTesters = "package gateway\n\nallow if \"tester\" in input.agent.roles\n"

// Launch writes configuration and policies and starts the gateway, without
// waiting for more than its process.
func Launch(t testing.TB, o Options) *Gateway {
	t.Helper()
	g := &Gateway{Dir: o.Dir, Upstream: o.Upstream, Issuer: authtest.New(t), Log: &Log{}, env: o.Env}
	if g.Dir == "" {
		g.Dir = t.TempDir()
	}
	if g.Upstream == nil {
		g.Upstream = NewUpstream(t)
	}
	g.WritePEM(t, "issuer.pem", g.Issuer)
	if o.Policies == nil {
		o.Policies = map[string]string{"all.rego": AllowTesters}
	}
	for name, text := range o.Policies {
		g.Write(t, filepath.Join("policies", name), text)
	}
	g.config = map[string]any{
		"listen": "127.0.0.1:0",
		"auth": map[string]any{"issuers": []any{map[string]any{
			"issuer": g.Issuer.Name(), "audience": Audience, "public_key_file": "issuer.pem", "algorithms": []string{"ES256"},
		}}},
		"upstreams": map[string]any{"lab": map[string]any{"url": g.Upstream.URL(), "timeout": "2s"}},
		"policy":    map[string]any{"path": "./policies"},
		"limits": map[string]any{
			"default":  map[string]any{"rate": "600000/min", "burst": 100000},
			"lists":    map[string]any{"rate": "600000/min", "burst": 100000},
			"failures": map[string]any{"rate": "600000/min", "burst": 100000},
		},
	}
	if o.Local {
		g.config["auth"].(map[string]any)["local"] = map[string]any{}
	}
	maps.Copy(g.config, o.Config)
	maps.DeleteFunc(g.config, func(_ string, value any) bool { return value == nil })
	g.writeConfig(t, "toolward.yaml", g.config)
	g.Relaunch(t)
	return g
}

// Start is [Launch], and waits until the gateway is ready and its upstreams are up.
func Start(t testing.TB, o Options) *Gateway {
	t.Helper()
	g := Launch(t, o)
	g.WaitReady(t)
	return g
}

// Relaunch starts the gateway again, on the files that are there.
func (g *Gateway) Relaunch(t testing.TB, flags ...string) {
	t.Helper()
	g.Log.Reset()
	g.cmd = g.Command(append([]string{"serve", "--config", "toolward.yaml"}, flags...)...)
	g.cmd.Stdout, g.cmd.Stderr = g.Log, g.Log
	if err := g.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	cmd, ended := g.cmd, make(chan struct{})
	g.ended = ended
	go func() {
		g.err = cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it has ended already if the test went well
		<-ended
		if g.pipe != nil {
			_ = g.pipe.cmd.Process.Kill() // a test failed in the middle
			_ = g.pipe.cmd.Wait()
			g.pipe = nil
		}
	})
}

// Restart starts the gateway again and waits until it is ready.
func (g *Gateway) Restart(t testing.TB) {
	t.Helper()
	g.Relaunch(t)
	g.WaitReady(t)
}

var address = regexp.MustCompile(`MCP +(http://[^/ ]+)/mcp`)

// WaitReady waits until the gateway says where it listens, and is ready.
func (g *Gateway) WaitReady(t testing.TB) {
	t.Helper()
	g.Until(t, "the gateway is not ready", func() bool {
		m := address.FindStringSubmatch(g.Log.String())
		if m == nil {
			return false
		}
		g.URL = m[1]
		resp, err := http.Get(g.URL + "/readyz")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

// Until waits for a condition. It fails the test at once if the gateway ends.
func (g *Gateway) Until(t testing.TB, what string, condition func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-g.ended:
			t.Fatalf("%s: the gateway ended with %v\n%s", what, g.err, g.Log)
		case <-ctx.Done():
			t.Fatalf("%s\n%s", what, g.Log)
		}
	}
}

// Kill is kill -9.
func (g *Gateway) Kill() {
	_ = g.cmd.Process.Kill()
	<-g.ended
}

// Signal sends a signal to the gateway.
func (g *Gateway) Signal(t testing.TB, s syscall.Signal) {
	t.Helper()
	if err := g.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// Wait returns the exit code once the gateway has ended, -1 if a signal ended it.
func (g *Gateway) Wait(t testing.TB) int {
	t.Helper()
	select {
	case <-g.ended:
		return g.cmd.ProcessState.ExitCode()
	case <-time.After(Patience):
		t.Fatalf("the gateway does not end\n%s", g.Log)
		return 0
	}
}

// Pid is the gateway's process ID.
func (g *Gateway) Pid() int { return g.cmd.Process.Pid }

// Stop ends the gateway in order.
func (g *Gateway) Stop(t testing.TB) {
	t.Helper()
	g.Signal(t, syscall.SIGTERM)
	if code := g.Wait(t); code != 0 {
		t.Errorf("the gateway ended with code %d\n%s", code, g.Log)
	}
}

// Command is a command of the binary, in the gateway's folder.
func (g *Gateway) Command(args ...string) *exec.Cmd {
	cmd := exec.Command(Binary(), args...)
	cmd.Dir = g.Dir
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + g.Dir}, g.env...)
	return cmd
}

// Binary is the program under test: what `make build` leaves in bin.
func Binary() string {
	_, here, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(here), "..", "..", "bin", "toolward")
}

// Run runs a command to its end and returns its exit code and all its output.
func (g *Gateway) Run(t testing.TB, args ...string) (code int, output string) {
	t.Helper()
	cmd := g.Command(args...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// Write writes a file into the gateway's folder.
func (g *Gateway) Write(t testing.TB, name, content string) {
	t.Helper()
	path := filepath.Join(g.Dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (g *Gateway) writeConfig(t testing.TB, name string, config map[string]any) {
	t.Helper()
	text, err := json.MarshalIndent(config, "", "  ") // JSON is YAML
	if err != nil {
		t.Fatal(err)
	}
	g.Write(t, name, string(text))
}

// WritePEM writes an issuer's public key.
func (g *Gateway) WritePEM(t testing.TB, name string, issuer *authtest.Issuer) {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(issuer.Public())
	if err != nil {
		t.Fatal(err)
	}
	g.Write(t, name, string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})))
}

// Token is a good token of an agent.
func (g *Gateway) Token(subject string, roles ...string) string {
	return g.Issuer.Sign(g.Issuer.Claims(subject, Audience, map[string]any{"roles": append([]string{}, roles...)}))
}

// Tester is a good token of an agent that may do everything.
func (g *Gateway) Tester() string { return g.Token("tester", "tester") }

// Rows are what a query of the record returns; db is "" for the gateway's own.
func (g *Gateway) Rows(t testing.TB, db, query string) []map[string]any {
	t.Helper()
	if db == "" {
		db = "toolward.db"
	}
	g.settled(filepath.Join(g.Dir, db))
	cmd := exec.Command("sqlite3", "-readonly", "-json", filepath.Join(g.Dir, db), ".timeout 10000", query)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("sqlite3: %v\n%s", err, out)
	}
	var rows []map[string]any
	if len(out) == 0 {
		return nil
	}
	if err := json.Unmarshal(out, &rows); err != nil {
		t.Fatalf("sqlite3: %v\n%s", err, out)
	}
	return rows
}

// Count is the number of calls that a condition on the view `calls` holds for.
func (g *Gateway) Count(t testing.TB, db, where string) int {
	t.Helper()
	n, _ := g.Rows(t, db, "SELECT count(*) AS n FROM calls WHERE "+where)[0]["n"].(float64)
	return int(n)
}

// CheckAlive checks what holds after every attack: the process lives, it is
// healthy, a good call works, and the record verifies.
func (g *Gateway) CheckAlive(t testing.TB) {
	t.Helper()
	select {
	case <-g.ended:
		t.Fatalf("the gateway ended with %v\n%s", g.err, g.Log)
	default:
	}
	resp, err := http.Get(g.URL + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Errorf("/healthz answers %s", resp.Status)
	}
	marker := Marker()
	if a := REST.Call(t, g, g.Tester(), "echo", Text(marker)); a.Code != "" || !strings.Contains(a.Text, marker) {
		t.Errorf("the next good call got %+v", a)
	}
	if n := g.Upstream.Executed(marker); n != 1 {
		t.Errorf("the next good call was executed %d times", n)
	}
	g.CheckChain(t, "")
}

// CheckChain checks that `toolward audit verify` passes.
func (g *Gateway) CheckChain(t testing.TB, db string) {
	t.Helper()
	args := []string{"audit", "verify", "--config", "toolward.yaml"}
	if db != "" {
		args = append(args, "--db", db)
	}
	if code, out := g.Run(t, args...); code != 0 {
		t.Errorf("audit verify ends with %d:\n%s", code, out)
	}
}

// Recorded is the row of a call.
func (g *Gateway) Recorded(t testing.TB, db, id string) map[string]any {
	t.Helper()
	if id == "" {
		t.Fatal("the answer names no call")
	}
	rows := g.Rows(t, db, fmt.Sprintf("SELECT * FROM calls WHERE id = '%s'", strings.ReplaceAll(id, "'", "''")))
	if len(rows) != 1 {
		t.Fatalf("call %s has %d rows in the record", id, len(rows))
	}
	return rows[0]
}
