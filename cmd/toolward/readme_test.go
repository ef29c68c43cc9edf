package main

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// example is a command of a console block and the output that the page shows.
type example struct {
	command string
	want    []string
	line    int
}

// examples reads the console blocks of a page.
func examples(t *testing.T, page string) []example {
	t.Helper()
	f, err := os.Open(page)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []example
	inside := false
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		switch {
		case line == "```console":
			inside = true
		case line == "```":
			inside = false
		case inside && strings.HasPrefix(line, "$ "):
			all = append(all, example{command: line[2:], line: n})
		case inside:
			last := &all[len(all)-1]
			last.want = append(last.want, line)
		}
	}
	return all
}

// pattern is a line of a page as a regular expression: … stands for anything.
func pattern(line string) string {
	return strings.ReplaceAll(regexp.QuoteMeta(line), "…", ".*")
}

// matchesOutput reports whether the output is what the page shows. A last line
// of … alone stands for any number of lines.
func matchesOutput(want []string, got string) bool {
	var parts []string
	for _, w := range want {
		parts = append(parts, pattern(w))
	}
	re := "(?s)^" + strings.Join(parts, "\n") + "\n?$"
	if n := len(want); n == 0 || want[n-1] != "…" {
		re = strings.Replace(re, "(?s)", "", 1)
	}
	return regexp.MustCompile(re).MatchString(got)
}

// TestReadme runs what README.md tells a newcomer to run, in order, beside a
// gateway that was started without any configuration, and compares the output. Only
// the port is another: at 8080 somebody else's gateway may be listening, and would
// answer.
func TestReadme(t *testing.T) {
	for _, tool := range []string{"bash", "curl", "sqlite3"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("the README's commands use %s, which is not here", tool)
		}
	}
	dir := t.TempDir()
	bin := filepath.Join(dir, "bin", "toolward")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	address := freeAddress(t)
	serve := exec.Command(bin, "serve", "--listen", address)
	serve.Dir = dir
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = serve.Process.Signal(os.Interrupt)
		if err := serve.Wait(); err != nil {
			t.Errorf("the gateway ended with %v", err)
		}
	})
	waitHealthy(t, "http://"+address+"/readyz")
	if err := os.WriteFile(filepath.Join(dir, "mcp.json"), []byte(`{"mcpServers": {"files": {"command": "npx", "args": ["-y", "@modelcontextprotocol/server-filesystem", "./docs"]}}}`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	// One shell for all blocks, so that variables last; a mark ends each output.
	const mark = "<<end of output>>"
	var script strings.Builder
	all := examples(t, filepath.Join("..", "..", "README.md"))
	for _, e := range all {
		if strings.HasPrefix(e.command, "sqlite3 ") { // sees a call up to a quarter of a second later: faster than a person, not than a shell
			script.WriteString("bin/toolward audit list --limit 1 > /dev/null\n")
		}
		script.WriteString("{ " + strings.ReplaceAll(e.command, "127.0.0.1:8080", address) + "; } 2>&1\necho\necho '" + mark + "'\n")
	}
	shell := exec.CommandContext(t.Context(), "bash", "-c", script.String())
	shell.Dir = dir
	npx := filepath.Join(dir, "programs", "npx") // config check looks whether it is there
	if err := os.MkdirAll(filepath.Dir(npx), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(npx, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	shell.Env = append(os.Environ(), "HOME="+dir, "PATH="+filepath.Dir(npx)+":"+os.Getenv("PATH"))
	out, err := shell.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	outputs := strings.Split(string(out), "\n"+mark+"\n")
	for i, e := range all {
		got := strings.TrimRight(outputs[i], "\n")
		if !matchesOutput(e.want, got) {
			t.Errorf("README.md:%d: %s\ngot:\n%s\nwant:\n%s", e.line, e.command, got, strings.Join(e.want, "\n"))
		}
	}
}

// freeAddress is one of loopback at which nobody listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func waitHealthy(t *testing.T, url string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if resp, err := http.Get(url); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("the gateway is not ready")
		}
	}
}
