//go:build e2e

package attacks

import (
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"toolward/e2e/lab"
)

// TestHealthcheckOfTheImage runs the line of deploy/Dockerfile as a container does: in
// another folder, with the image's variable alone and none of the upstreams' secrets,
// against a gateway that serves TLS at every address.
func TestHealthcheckOfTheImage(t *testing.T) {
	image := read(t, "../../deploy/Dockerfile")
	lines := regexp.MustCompile(`(?m)^HEALTHCHECK .*CMD (\[.*\])$`).FindAllStringSubmatch(image, -1)
	if stages := regexp.MustCompile(`(?m)^FROM \S+ AS (?:small|node)$`).FindAllString(image, -1); len(stages) != 2 || len(lines) != 2 {
		t.Fatalf("of the images %q, %d have a check", stages, len(lines))
	}
	line := lines[0]
	var command []string
	must(t, json.Unmarshal([]byte(line[1]), &command))
	variable := regexp.MustCompile(`(?m)^ENV TOOLWARD_CONFIG=(\S+) HOME=/var/lib/toolward$`).FindStringSubmatch(image)
	if variable == nil || lines[1][1] != line[1] || command[0] != "toolward" || !strings.Contains(image, "EXPOSE 8443") {
		t.Fatalf("it runs %q with %q", command, variable)
	}
	free, err := net.Listen("tcp", "0.0.0.0:0")
	must(t, err)
	_, port, err := net.SplitHostPort(free.Addr().String())
	must(t, err)
	must(t, free.Close())
	u := lab.NewUpstream(t)
	g := lab.Launch(t, lab.Options{Upstream: u, Dir: lab.Keypair(t), Env: []string{"SLACK_TOKEN=synthetic-of-an-upstream"}, Config: map[string]any{
		"listen": "0.0.0.0:" + port, "tls": map[string]any{"cert": "server.pem", "key": "server.pem"},
		"upstreams": map[string]any{"lab": map[string]any{"url": u.URL(), "headers": map[string]any{"Authorization": "Bearer ${SLACK_TOKEN}"}}},
	}})
	check := func() (int, string) {
		cmd := exec.Command(lab.Binary(), command[1:]...)
		cmd.Dir, cmd.Env = t.TempDir(), []string{"TOOLWARD_CONFIG=" + g.Dir + "/toolward.yaml"}
		out, _ := cmd.CombinedOutput() // the exit code says it
		return cmd.ProcessState.ExitCode(), string(out)
	}
	g.Until(t, "it is never healthy", func() bool { code, _ := check(); return code == 0 })
	g.Write(t, "other.pem", read(t, lab.Keypair(t)+"/server.pem"))
	config := read(t, g.Dir+"/toolward.yaml")
	g.Write(t, "toolward.yaml", strings.ReplaceAll(config, "server.pem", "other.pem"))
	if code, out := check(); code == 0 || !strings.Contains(out, "another certificate") {
		t.Errorf("what answers is somebody else: %d %s", code, out)
	}
	g.Write(t, "toolward.yaml", config)
	g.Stop(t)
	if code, out := check(); code == 0 {
		t.Errorf("a gateway that stopped is healthy: %s", out)
	}
}

// unit are the lines of deploy/toolward.service by name.
func unit(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for line := range strings.Lines(read(t, "../../deploy/toolward.service")) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(line, "#") {
			all[name] = append(all[name], value)
		}
	}
	return all
}

// TestUnitAsShipped runs what deploy/toolward.service does: its command, its
// environment, its credential and its signal.
func TestUnitAsShipped(t *testing.T) {
	u := unit(t)
	for name, value := range map[string]string{
		"EnvironmentFile": "-/etc/toolward/toolward.env", "Environment": "HOME=/var/lib/toolward", "StateDirectory": "toolward", "WorkingDirectory": "/var/lib/toolward",
		"CapabilityBoundingSet": "", "ProtectClock": "yes", "ProtectHostname": "yes", "PrivateMounts": "yes", "ProtectKernelLogs": "yes", "DynamicUser": "yes", "UMask": "0077",
	} {
		if !slices.Equal(u[name], []string{value}) {
			t.Errorf("%s is %q, want %q", name, u[name], value)
		}
	}
	var start []string
	if len(u["ExecStart"]) == 1 {
		start = strings.Fields(u["ExecStart"][0])
	}
	if len(start) != 4 || start[0] != "toolward" || start[1] != "serve" || start[2] != "--config" { // found in /usr/local/bin and /usr/bin (systemd.service(5))
		t.Fatalf("it starts %q", start)
	}
	if !slices.Equal(u["ExecReload"], []string{"/bin/kill -HUP $MAINPID"}) {
		t.Errorf("it reloads by %q", u["ExecReload"])
	}
	// A drain takes as long as the configuration lets it by default, and the unit waits longer.
	limit, err := time.ParseDuration(strings.Join(u["TimeoutStopSec"], ""))
	must(t, err)
	row := regexp.MustCompile("(?m)^\\| `http\\.(?:drain|lame_duck)` \\| duration \\| `([^`]*)`").FindAllStringSubmatch(read(t, "../../docs/configuration.md"), -1)
	sum := time.Duration(0)
	for _, m := range row {
		d, err := time.ParseDuration(m[1])
		must(t, err)
		sum += d
	}
	if len(row) != 2 || limit <= sum {
		t.Errorf("it is killed after %s, and may take %s by %d fields", limit, sum, len(row))
	}
	// The field that its comment names takes a credential.
	text := read(t, "../../deploy/toolward.service")
	field := regexp.MustCompile(`then in toolward\.yaml +([a-z_]+): "(\$\{CREDENTIALS_DIRECTORY\}/\S+)"`).FindStringSubmatch(text)
	if field == nil {
		t.Fatal("no field for credentials is named")
	}
	dir := t.TempDir()
	must(t, os.WriteFile(dir+"/client.secret", []byte("synthetic-secret-of-a-client"), 0o600))
	up := lab.NewUpstream(t)
	g := lab.Start(t, lab.Options{Upstream: up, Env: []string{"CREDENTIALS_DIRECTORY=" + dir, "KEY=synthetic"}, Config: map[string]any{
		"upstreams": map[string]any{
			"lab": map[string]any{"url": up.URL(), "headers": map[string]any{"X-Api-Key": "${KEY}"}},
			"away": map[string]any{"url": "https://127.0.0.1:1/mcp", "oauth": map[string]any{
				"grant": "client_credentials", "token_url": "https://127.0.0.1:1/token", "client_id": "c", field[1]: field[2],
			}},
		},
	}})
	if a := lab.CallREST(t, g, g.Tester(), "lab__echo", lab.Text("x")); a.Code != "" {
		t.Errorf("a call: %+v", a)
	}
	g.Stop(t)
}

// TestConfigurationAsShipped starts what the package puts into /etc/toolward, with its
// record elsewhere: it says fine, keeps everything that it writes where the unit
// lets it, and allows nothing.
func TestConfigurationAsShipped(t *testing.T) {
	state := "/var/lib/" + strings.Join(unit(t)["StateDirectory"], "")
	text := read(t, "../../deploy/toolward.yaml")
	if !strings.Contains(text, "path: "+state+"/") {
		t.Fatalf("the record is not in %s:\n%s", state, text)
	}
	etc, lib := t.TempDir(), t.TempDir()
	must(t, os.CopyFS(etc+"/policies", os.DirFS("../../deploy/policies")))
	free, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	text = strings.ReplaceAll(strings.ReplaceAll(text, state, lib), "127.0.0.1:8080", free.Addr().String())
	must(t, free.Close())
	must(t, os.WriteFile(etc+"/toolward.yaml", []byte(text), 0o644))
	run := func(args ...string) string {
		cmd := exec.Command(lab.Binary(), append(args, "--config", etc+"/toolward.yaml")...)
		cmd.Dir = lib
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%q: %v\n%s", args, err, out)
		}
		return string(out)
	}
	if out := run("config", "check"); !strings.Contains(out, "fine") {
		t.Error(out)
	}
	run("policy", "check", "--offline")
	run("token", "mint", "--subject", "me", "--role", "admin")
	files, err := os.ReadDir(etc)
	must(t, err)
	if len(files) != 2 {
		t.Errorf("it writes beside its configuration: %v", files)
	}
	if files, err = os.ReadDir(lib); err != nil || len(files) == 0 {
		t.Errorf("it writes nothing where it may: %v", err)
	}
}
