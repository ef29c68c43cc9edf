package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// lab is the processes under test, in a folder of their own.
type lab struct {
	dir                     string
	upstream, bare, gateway *exec.Cmd
	bareAddr, gatewayAddr   string
	token                   string
	atRest                  float64       // resident memory of the gateway before any load, MiB
	ready                   time.Duration // how long that took
	firstList               time.Duration // that anybody asked it for
}

// gatewayArgs starts the gateway, with its profiles on an address if there is one.
func gatewayArgs(dir, profile string) []string {
	args := []string{"serve", "--config", filepath.Join(dir, "toolward.yaml")}
	if profile != "" {
		args = append(args, "--pprof", profile)
	}
	return args
}

// newLab starts them. The gateway is run by under, if that names a program.
func (p plan) newLab(ctx context.Context, profile, policy string, under ...string) (*lab, error) {
	binary, err := filepath.Abs(p.binary)
	if err != nil {
		return nil, err
	}
	root, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	l := &lab{}
	if l.dir, err = os.MkdirTemp("", "toolward-bench"); err != nil {
		return nil, err
	}
	addrs, err := freeAddrs(3)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if l.upstream, err = l.start(ctx, "upstream", self, "upstream", fmt.Sprintf("%s,%d,%s", addrs[0], p.tools, root)); err != nil {
		return nil, err
	}
	l.bareAddr, l.gatewayAddr = addrs[1], addrs[2]
	if l.bare, err = l.start(ctx, "bare", self, "bare", addrs[1]+",http://"+addrs[0]); err != nil {
		l.close()
		return nil, err
	}
	if err := l.configure(addrs[0], policy, p.tools); err != nil {
		l.close()
		return nil, err
	}
	run := append(append(under, binary), gatewayArgs(l.dir, profile)...)
	if p.processors != "" {
		run = append([]string{"env", "GOMAXPROCS=" + p.processors}, run...)
	}
	begun := time.Now()
	if l.gateway, err = l.start(ctx, "gateway", run[0], run[1:]...); err != nil {
		l.close()
		return nil, err
	}
	if err := l.settle(ctx, binary, addrs, begun); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// settle waits until all three answer, gets a token, and asks for the first list.
func (l *lab) settle(ctx context.Context, binary string, addrs []string, begun time.Time) error {
	for _, addr := range addrs {
		if err := reachable(ctx, addr); err != nil {
			return fmt.Errorf("%w; see %s", err, l.dir)
		}
	}
	if err := l.untilReady(ctx); err != nil {
		return err
	}
	l.ready = time.Since(begun)
	if err := l.mint(ctx, binary); err != nil {
		return err
	}
	var err error
	if l.firstList, err = l.list(ctx); err != nil {
		return err
	}
	l.atRest, err = memory(l.gateway.Process.Pid)
	return err
}

// untilReady waits until the gateway says that it has all that it needs.
func (l *lab) untilReady(ctx context.Context) error {
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+l.gatewayAddr+"/readyz", nil)
		if err != nil {
			return err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return nil
		}
		pause(ctx, time.Millisecond)
	}
}

// mint gets a token.
func (l *lab) mint(ctx context.Context, binary string) error {
	var out []byte
	var err error
	for range 5 { // under valgrind on a busy machine the gateway may take longer to put it on record than the command waits
		mint := exec.CommandContext(ctx, binary, "token", "mint", "--config", filepath.Join(l.dir, "toolward.yaml"),
			"--subject", "bench", "--role", "analyst", "--ttl", "2h")
		said := &bytes.Buffer{}
		mint.Dir, mint.Stderr = l.dir, said
		if out, err = mint.Output(); err == nil {
			l.token = string(bytes.TrimSpace(out))
			return nil
		}
		err = fmt.Errorf("token mint: %w: %s", err, said)
	}
	return err
}

// list is how long a list of tools takes over REST.
func (l *lab) list(ctx context.Context) (time.Duration, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+l.gatewayAddr+"/v1/tools", nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+l.token)
	begun := time.Now()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if n, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK || n == 0 {
		return 0, fmt.Errorf("a list was answered with status %d and %d bytes: %w", resp.StatusCode, n, err)
	}
	return time.Since(begun), nil
}

// The shapes of policy that calls are judged by, 30 rules each.
const (
	conditions = "conditions" // what a text contains, how large a number is, who asks
	written    = "written"    // as the README's are: paths, lengths, patterns
)

// configure writes the gateway's configuration, a policy for the tool that is called,
// and one for each of the others.
func (l *lab) configure(upstream, policy string, tools int) error {
	if err := os.Mkdir(filepath.Join(l.dir, "policies"), 0o700); err != nil {
		return err
	}
	yaml := fmt.Sprintf(`listen: %s
upstreams:
  bench: {url: "http://%s/mcp", concurrency: 256}
auth: {local: {}, issuers: [{issuer: "%s", audience: %s, secret: "%s"}]}
policy: {path: ./policies}
limits: {default: {rate: 1000000/s, burst: 1000000}, concurrency: 256}
audit: {path: ./toolward.db, durability: process}
log: {level: warn}
`, l.gatewayAddr, upstream, crowdIssuer, crowdAudience, crowdSecret)
	if err := os.WriteFile(filepath.Join(l.dir, "toolward.yaml"), []byte(yaml), 0o600); err != nil {
		return err
	}
	var b strings.Builder
	b.WriteString("package tools.bench.report\n\n")
	switch policy {
	case conditions:
		for i := range 27 {
			fmt.Fprintf(&b, "deny contains \"text names case %d, which is closed\" if contains(input.args.text, \"case-%d-closed\")\n\n", i, i)
		}
	case written:
		b.WriteString("import data.toolward.lib.path\n\n")
		for i := range 21 {
			fmt.Fprintf(&b, "deny contains \"folder %d is closed\" if path.under(input.args.path, \"/srv/closed/%d\")\n\n", i, i)
		}
		b.WriteString("deny contains \"outside the reports\" if not path.under(input.args.path, \"/srv/reports\")\n\n")
		b.WriteString("deny contains \"a hidden file\" if path.hidden(input.args.path)\n\n")
		b.WriteString("deny contains \"too long\" if count(input.args.text) > 1048576\n\n")
		b.WriteString("deny contains \"too many records\" if count(input.args.records) > 10000\n\n")
		b.WriteString("deny contains \"no kind\" if count(input.args.kind) == 0\n\n")
		b.WriteString("deny contains \"a closed case\" if regex.match(`(?i)\\bcase-[0-9]+-closed\\b`, input.args.text)\n\n")
	default:
		return fmt.Errorf("there is no shape of policy %q; there are %s and %s", policy, conditions, written)
	}
	b.WriteString("deny contains \"too large\" if input.args.bytes > 1048576\n\n")
	b.WriteString("allow if {\n\t\"analyst\" in input.agent.roles\n\tinput.args.bytes > 0\n}\n\n")
	b.WriteString("allow if \"admin\" in input.agent.roles\n")
	if err := os.WriteFile(filepath.Join(l.dir, "policies", "report.rego"), []byte(b.String()), 0o600); err != nil {
		return err
	}
	for i := 1; i < tools; i++ {
		text := fmt.Sprintf("package tools.bench.other%d\n\nallow if \"analyst\" in input.agent.roles\n\ndeny contains \"too many\" if input.args.limit > %d\n", i, 100+i)
		if err := os.WriteFile(filepath.Join(l.dir, "policies", fmt.Sprintf("other%d.rego", i)), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (l *lab) start(ctx context.Context, name, binary string, args ...string) (*exec.Cmd, error) {
	logFile, err := os.Create(filepath.Join(l.dir, name+".log"))
	if err != nil {
		return nil, err
	}
	defer logFile.Close()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = l.dir, logFile, logFile
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return cmd, nil
}

func (l *lab) close() {
	l.stop()
	os.RemoveAll(l.dir)
}

// stop ends the processes, which have written by then what they write at their end.
func (l *lab) stop() {
	for _, cmd := range []*exec.Cmd{l.gateway, l.bare, l.upstream} {
		if cmd == nil {
			continue
		}
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait() // it was told to stop: how it says so does not matter
	}
	l.gateway, l.bare, l.upstream = nil, nil, nil
}

func (l *lab) bareTarget(m mode, texts []string) target {
	return target{mode: m, addr: l.bareAddr, tool: "report", texts: texts, pid: l.bare.Process.Pid}
}

func (l *lab) gatewayTarget(m mode, texts []string) target {
	return target{mode: m, addr: l.gatewayAddr, token: l.token, tool: "bench__report", texts: texts, pid: l.gateway.Process.Pid}
}

func freeAddrs(n int) ([]string, error) {
	var addrs []string
	for range n {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer ln.Close()
		addrs = append(addrs, ln.Addr().String())
	}
	return addrs, nil
}

func reachable(ctx context.Context, addr string) error {
	for range 3000 { // under valgrind on a busy machine it takes minutes
		c, err := net.Dial("tcp", addr)
		if err == nil {
			return c.Close()
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		pause(ctx, 100*time.Millisecond)
	}
	return fmt.Errorf("nothing answers on %s", addr)
}

// cpuTicks is user and system time of a process in ticks of 10 ms (proc(5)).
func cpuTicks(pid int) int64 {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0
	}
	f := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	user, _ := strconv.ParseInt(f[11], 10, 64)
	system, _ := strconv.ParseInt(f[12], 10, 64)
	return user + system
}

// memory is the resident memory of a process in MiB.
func memory(pid int) (float64, error) {
	statm, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
	if err != nil {
		return 0, fmt.Errorf("the gateway is gone: %w", err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(statm))[1], 10, 64)
	return float64(pages*int64(os.Getpagesize())) / (1 << 20), err
}

// machine names what was measured on.
func machine() string {
	model := runtime.GOARCH
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if line := between(info, "model name", "\n"); line != nil {
			model = strings.TrimSpace(strings.TrimLeft(string(line), "\t: "))
		}
	}
	return fmt.Sprintf("%s, %d CPUs, %s, %s", model, runtime.NumCPU(), runtime.GOOS, runtime.Version())
}
