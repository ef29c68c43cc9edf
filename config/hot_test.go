package config_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"toolward/config"
)

func parsed(t *testing.T, text string, env map[string]string) *config.Config {
	t.Helper()
	c, err := config.Parse("toolward.yaml", []byte(text), func(name string) (string, bool) { v, ok := env[name]; return v, ok })
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDifferencesNameFieldsAndShowNoSecret(t *testing.T) {
	const up = "upstreams:\n  a: {command: cat}\n"
	for name, tt := range map[string]struct {
		was, is string
		env     map[string]string // of the second
		want    []string
	}{
		"nothing":           {up, up, nil, nil},
		"comments, order":   {"# one\nlisten: 127.0.0.1:1\n" + up, up + "\n# two\nlisten: 127.0.0.1:1\n", nil, nil},
		"a default written": {up, up + "limits: {wait: 1s}\n", nil, nil},
		"a cold one":        {up, "listen: 127.0.0.1:9\n" + up, nil, []string{"listen 127.0.0.1:8080 127.0.0.1:9"}},
		"an element":        {"upstreams:\n  a: {command: cat, args: [x]}\n", "upstreams:\n  a: {command: cat, args: [x, z]}\n", nil, []string{"upstreams.a.args[1]  z"}},
		"a secret": {"upstreams:\n  a: {url: 'http://h/', headers: {K: synthetic-one}}\n", "upstreams:\n  a: {url: 'http://h/', headers: {K: synthetic-two}}\n", nil,
			[]string{"upstreams.a.headers.K **** ****"}},
		"a variable's value": {"upstreams:\n  a: {url: 'http://h/', headers: {K: '${T}'}}\n", "upstreams:\n  a: {url: 'http://h/', headers: {K: '${T}'}}\n", map[string]string{"T": "synthetic-two"},
			[]string{"upstreams.a.headers.K ${T} ${T}"}},
		"a honeytoken": {"guard: {honeytokens: [synthetic-one]}\n", "guard: {honeytokens: [synthetic-two]}\n", nil, []string{"guard.honeytokens[0] **** ****"}},
		"a tool's limit": {up, up + "limits: {tools: {a__b: {rate: 1/s}}}\n", nil,
			[]string{"limits.tools.a__b.burst  100", "limits.tools.a__b.rate  1/s"}},
		"a kind of finding": {"guard: {pii: observe}\n", "guard: {pii: redact}\n", nil, []string{"guard.pii observe redact"}},
		"an entry without much": {"", "upstreams:\n  a: {command: cat}\n", nil, []string{"upstreams.a  ", "upstreams.a.command  cat", "upstreams.a.concurrency  32", "upstreams.a.enabled  true",
			"upstreams.a.isolate  shared", "upstreams.a.response  16MiB", "upstreams.a.timeout  1m"}},
	} {
		t.Run(name, func(t *testing.T) {
			env := map[string]string{"T": "synthetic-one"}
			was := parsed(t, tt.was, env)
			for k, v := range tt.env {
				env[k] = v
			}
			all, err := was.Differences(parsed(t, tt.is, env))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, d := range all {
				got = append(got, fmt.Sprint(d.Field, " ", d.Was, " ", d.Is))
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
			if strings.Contains(fmt.Sprint(all), "synthetic") {
				t.Errorf("a secret is shown: %v", all)
			}
		})
	}
}

// Whatever a field's name begins with: what is taken over, and nothing that has such a
// name at its beginning.
func TestIsHot(t *testing.T) {
	for field, want := range map[string]bool{
		"upstreams": true, "upstreams.a.env.K": true, "limits.default.rate": true, "limits.tools.a__b.agent.burst": true, "guard.pii": true,
		"guard.honeytokens[0]": true, "guard.servers.a.tools.b.secrets": true, "env_file": true, "env_file[0]": true, "guard.allowed": true,
		"limits.sessions.agent": true, "guard.allow": true, "policy.path": true, "approvals.wait": true, "log.level": true, "admin.issuers[0]": true, "admin.viewers": true,
		"listen": false, "audit.path": false, "auth.local.issuer": false, "pins.strict": false, "log.format": false, "admin.enabled": false, "admin.listen": false,
		"upstreamsx": false, "limitsx.a": false, "log.levels": false,
	} {
		if got := config.IsHot(field); got != want {
			t.Errorf("%s: %t", field, got)
		}
	}
}

// What a running gateway takes over is what is hot, with its secrets hidden, and those
// of before as well: what runs still has them.
func TestTakeOver(t *testing.T) {
	env := map[string]string{"T": "synthetic-t1", "U": "synthetic-u1"}
	was := parsed(t, "listen: 127.0.0.1:1\npublic_url: 'http://h/?t=${T}'\nlimits: {wait: 1s, sessions: {agent: 5}}\nupstreams:\n  a: {command: cat, env: {K: '${U}'}}\n", env)
	is := parsed(t, "listen: 127.0.0.1:2\npublic_url: 'http://h/'\nlimits: {wait: 2s, sessions: {agent: 6}}\nguard: {pii: redact}\nlog: {level: debug, format: json}\nupstreams:\n  b: {url: 'http://b/?k=synthetic-b1'}\n", env)
	now := was.TakeOver(is)
	all, err := now.Differences(is)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, d := range all {
		left = append(left, d.Field)
	}
	if d := cmp.Diff([]string{"listen", "log.format", "public_url"}, left); d != "" {
		t.Errorf("what is not taken over: %s", d)
	}
	var text bytes.Buffer
	if err := now.Print(&text); err != nil {
		t.Fatal(err)
	}
	for _, value := range []string{"synthetic-t1", "synthetic-b1", "synthetic-u1"} {
		if strings.Contains(text.String(), value) {
			t.Errorf("%s is shown:\n%s", value, text.String())
		}
		hidden := false
		for _, h := range now.Hidden() {
			hidden = hidden || strings.Contains(h.Value, value)
		}
		if !hidden {
			t.Errorf("%s is not hidden any more", value)
		}
	}
}

// A file is read again with the files that it names, and with the address that a flag said.
func TestAgain(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("my.env", "A=one\n")
	write("key", "synthetic-1\n")
	write("toolward.yaml", "listen: 127.0.0.1:1\nenv_file: my.env\nupstreams:\n  a: {command: cat, args: ['${A}'], env: {K: '${file:key}'}}\n")
	c, err := config.Load(filepath.Join(dir, "toolward.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.SetListen("127.0.0.1:2"); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{filepath.Join(dir, "toolward.yaml"), filepath.Join(dir, "my.env"), filepath.Join(dir, "key")}, c.Files()); d != "" {
		t.Error(d)
	}
	for name, tt := range map[string]struct{ file, text, field string }{
		"nothing":             {"other", "x", ""},
		"the file":            {"toolward.yaml", "env_file: my.env\nupstreams:\n  a: {command: tac, args: ['${A}'], env: {K: '${file:key}'}}\n", "upstreams.a.command"},
		"a file of variables": {"my.env", "A=two\n", "upstreams.a.args[0]"},
		"a file of a value":   {"key", "synthetic-2\n", "upstreams.a.env.K"},
	} {
		before, err := c.Again()
		if err != nil {
			t.Fatal(err)
		}
		write(tt.file, tt.text)
		next, err := before.Again()
		if err != nil {
			t.Fatal(name, err)
		}
		all, err := before.Differences(next)
		if err != nil || len(all) > 1 || len(all) == 1 && all[0].Field != tt.field || len(all) == 0 && tt.field != "" {
			t.Errorf("%s: %v %v", name, all, err)
		}
		if next.Listen != "127.0.0.1:2" {
			t.Errorf("%s: it listens on %s", name, next.Listen)
		}
	}
	write("toolward.yaml", "")
	if _, err := c.Again(); !errors.Is(err, config.ErrEmpty) {
		t.Errorf("an empty file: %v", err)
	}
	write("toolward.yaml", "listen: [\n")
	if _, err := c.Again(); err == nil {
		t.Error("a broken file is read")
	}
}

// An upstream that is not enabled is not started, and who has it needs none of its
// variables; what refers to it is still right.
func TestDisabledUpstreams(t *testing.T) {
	const text = "upstreams:\n  a: {command: cat, enabled: false, env: {K: '${NOT_SET}'}}\n  b: {command: tac}\nlimits: {tools: {a__x: {rate: 1/s}}}\nguard: {servers: {a: {pii: block}}}\n"
	c := parsed(t, text, nil)
	if len(c.Upstreams) != 1 || c.Upstreams[0].Name != "b" || len(c.Disabled) != 1 || c.Disabled[0].Name != "a" {
		t.Fatalf("enabled %v, disabled %v", c.Upstreams, c.Disabled)
	}
	var shown bytes.Buffer
	if err := c.Print(&shown); err != nil || !strings.Contains(shown.String(), "enabled: false") {
		t.Errorf("%v\n%s", err, shown.String())
	}
	all, err := c.Differences(parsed(t, strings.Replace(text, "enabled: false", "enabled: true", 1), map[string]string{"NOT_SET": "synthetic-x"}))
	if err != nil || !strings.Contains(fmt.Sprint(all), "upstreams.a.enabled false true") {
		t.Errorf("%v %v", all, err)
	}
	_, err = config.Parse("toolward.yaml", []byte("upstreams:\n  a: {command: cat, enabled: false, env: {K: '${NOT_SET}'}, labelz: [x]}\n"), func(string) (string, bool) { return "", false })
	if err == nil || strings.Contains(err.Error(), "NOT_SET") || !strings.Contains(err.Error(), "labelz") {
		t.Errorf("what is wrong with one: %v", err)
	}
}
