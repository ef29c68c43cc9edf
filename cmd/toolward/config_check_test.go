package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"toolward/config"
)

// faults are configurations that are right as files and cannot be served on this
// machine, or not all of them. Each has a folder of its own, with what stands in it.
var faults = []struct {
	name, text string
	files      map[string]string
	want       string // in what check says; "" where nothing is wrong
	up         bool   // serve starts all the same, with an upstream down
}{
	{name: "nothing wrong", text: "upstreams: {a: {url: \"http://127.0.0.1:1/mcp\"}}\npolicy: {path: p.rego}", files: map[string]string{"p.rego": "package gateway\n"}, up: true},
	{name: "no policy at all", text: "log: {level: warn}", up: true},
	{name: "policy", text: "policy: {path: policies}", want: "toolward.yaml:1:10: policy.path: policies: no such file or directory\n  write a starter: toolward policy init policies"},
	{name: "policy with a typo", text: "policy: {path: p.rego}", files: map[string]string{"p.rego": "package gateway\nallow if {"}, want: "policy: p.rego:2"},
	{name: "data", text: "policy: {path: p.rego, data: d.yaml}", files: map[string]string{"p.rego": "package gateway\n"}, want: "policy.data: d.yaml: no such file"},
	{name: "data that is none", text: "policy: {path: p.rego, data: d.json}", files: map[string]string{"p.rego": "package gateway\n", "d.json": "{"}, want: "d.json"},
	{name: "shadow", text: "policy: {path: p.rego, shadow: next}", files: map[string]string{"p.rego": "package gateway\n"}, want: "policy.shadow: next: no such file"},
	{name: "certificate", text: "tls: {cert: c.pem, key: k.pem}", want: "tls.cert: c.pem: no such file or directory\ntoolward.yaml:1:20: tls.key: k.pem: no such file"},
	{name: "certificate that is none", text: "tls: {cert: c.pem, key: k.pem}", files: map[string]string{"c.pem": "x", "k.pem": "y"}, want: "tls: tls: failed to find any PEM data"},
	{name: "issuer's key", text: "auth: {issuers: [{issuer: i, public_key_file: k.pem}]}", want: "auth.issuers[0]: "},
	{name: "issuer's key that is none", text: "auth: {issuers: [{issuer: i, public_key_file: k.pem}]}", files: map[string]string{"k.pem": "x"}, want: "auth.issuers[0]: "},
	{name: "issuer's secret", text: "auth: {issuers: [{issuer: i, secret_file: s}]}", want: "auth.issuers[0]: "},
	{name: "issuer's secret that is too short", text: "auth: {issuers: [{issuer: i, secret_file: s}]}", files: map[string]string{"s": "x"}, want: "auth.issuers[0]: "},
	{name: "own key that is none", text: "auth: {local: {key_file: k}}", files: map[string]string{"k": "x"}, want: "auth.local.key_file: "},
	{name: "own key's folder", text: "auth: {local: {key_file: none/k}}", want: "auth.local.key_file: none: no such file"},
	{name: "exceptions that are none", text: "guard: {allow: g.json}", files: map[string]string{"g.json": "{"}, want: "guard.allow: "},
	{name: "record's folder", text: "audit: {path: none/a.db}", want: "audit.path: none: no such file"},
	{name: "record that is none", text: "audit: {path: a.db}", files: map[string]string{"a.db": strings.Repeat("no database ", 100)}, want: "audit.path: a.db is not a record"},
	{name: "lock file that is none", text: "pins: {file: l.json}", files: map[string]string{"l.json": "{"}, want: "pins.file: l.json"},
	{name: "client's secret", text: "upstreams: {a: {url: \"https://a.example/mcp\", oauth: {grant: client_credentials, token_url: \"https://t.example\", client_id: c, client_secret_file: s}}}", want: "upstreams.a: upstream a: client secret"},
	{name: "client's key", text: "upstreams: {a: {url: \"https://a.example/mcp\", oauth: {grant: client_credentials, token_url: \"https://t.example\", client_id: c, client_key_file: s}}}", files: map[string]string{"s": "x"}, want: "upstreams.a: upstream a: s: "},
	{name: "program", text: "upstreams: {a: {command: no-such-program}}", want: "upstreams.a.command: no-such-program: executable file not found in $PATH", up: true},
	{name: "program beside the file", text: "upstreams: {a: {command: ./run}}", want: "upstreams.a.command: ", up: true},
	{name: "program's folder", text: "upstreams: {a: {command: sh, dir: none}}", want: "upstreams.a.dir: none: no such file", up: true},
	{name: "placeholders", text: "upstreams: {a: {url: \"https://a.example/mcp\", headers: {Authorization: Bearer PASTE-A-TOKEN, X-Key: <your key>, X-Mode: debug}, oauth: {grant: client_credentials, token_url: \"https://t.example\", client_id: c, client_secret: YOUR_SECRET}}}",
		want: "toolward.yaml:1:57: upstreams.a.headers.Authorization: is a placeholder where a value belongs\n  put the value there, or the name of a variable that holds it: ${VAR}\ntoolward.yaml:1:94: upstreams.a.headers.X-Key: is a placeholder", up: true},
	{name: "placeholder of a client", text: "upstreams: {a: {url: \"https://a.example/mcp\", oauth: {grant: client_credentials, token_url: \"https://t.example\", client_id: c, client_secret: YOUR_SECRET}}}", want: "upstreams.a.oauth.client_secret: is a placeholder", up: true},
	{name: "placeholder of a program", text: "upstreams: {a: {command: sh, args: [-c, exit], env: {API_KEY: your-api-key-here, AUTH_TYPE: TOKEN}}}", want: "upstreams.a.env.API_KEY: is a placeholder", up: true},
	{name: "what is none", text: "upstreams: {a: {command: sh, args: [-c, exit], env: {AUTH_TYPE: TOKEN, LOG: debug, API_KEY: abc123}}}", up: true},
	{name: "document of an API", text: "upstreams: {a: {openapi: api.yaml}}", want: "upstreams.a.openapi: api.yaml: no such file", up: true},
	{name: "document that is none", text: "upstreams: {a: {openapi: api.yaml}}", files: map[string]string{"api.yaml": "x: ["}, want: "upstreams.a.openapi: api.yaml", up: true},
}

// Where a command is to be run from any folder, its --config is said as a shell reads it.
func TestCommandsThatPeopleAreTold(t *testing.T) {
	t.Chdir(t.TempDir())
	for dir, want := range map[string]string{"gw": "gw/toolward.yaml", "my gw": "my gw/toolward.yaml'", "it's": `it'\''s/toolward.yaml'`} {
		put(t, dir+"/toolward.yaml", "listen: 127.0.0.1:0\n")
		cfg, err := config.Load(dir + "/toolward.yaml")
		if err != nil {
			t.Fatal(err)
		}
		got := flagOf(cfg)
		if path, ok := strings.CutPrefix(strings.Replace(got, "'", "", 1), " --config "); !ok || !filepath.IsAbs(path) || !strings.HasSuffix(got, want) {
			t.Errorf("%s: %q", dir, got)
		}
	}
	if got := flagOf(config.Default()); got != "" {
		t.Errorf("without a file: %q", got)
	}
}

// What serve refuses, check says, with the place; and serve starts with what check
// finds fine. A fault of one upstream does not keep the gateway from starting.
func TestCheckFindsWhatServeRefuses(t *testing.T) {
	for _, tt := range faults {
		t.Run(tt.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			text := "listen: 127.0.0.1:0\n"
			for name, content := range tt.files {
				put(t, name, content)
			}
			put(t, "toolward.yaml", tt.text+"\n"+text)
			cfg, err := config.Load("toolward.yaml")
			if err != nil {
				t.Fatal(err)
			}
			before := filesHere(t)
			said := ""
			if errs := checkStart(t.Context(), cfg); len(errs) > 0 {
				said = errs.Error()
			}
			if !strings.Contains(said, tt.want) || tt.want == "" && said != "" {
				t.Errorf("check says\n%s\nwant\n%s", said, tt.want)
			}
			if after := filesHere(t); after != before {
				t.Errorf("check wrote files: before\n%s\nafter\n%s", before, after)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			err = serve(ctx, cfg, false, io.Discard, onBanner(cancel))
			if started := err == nil; started != tt.up {
				t.Errorf("serve says %v, check says\n%s", err, said)
			}
		})
	}
}

// onBanner stops a gateway once it says that it runs.
type onBanner func()

func (stop onBanner) Write(p []byte) (int, error) {
	if strings.HasPrefix(string(p), "toolward ") {
		stop()
	}
	return len(p), nil
}

func filesHere(t *testing.T) string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(".", func(path string, _ os.DirEntry, err error) error {
		all = append(all, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, "\n")
}
