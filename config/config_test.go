package config_test

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"toolward/config"
)

var update = flag.Bool("update", false, "rewrite golden files")

func env(text string) func(string) (string, bool) {
	vars := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "="); ok {
			vars[name] = strings.ReplaceAll(value, `\n`, "\n")
		}
	}
	return func(name string) (string, bool) { v, ok := vars[name]; return v, ok }
}

// part returns a file of an archive and its index; -1 if it is not there.
func part(a *txtar.Archive, name string) (string, int) {
	for i, f := range a.Files {
		if f.Name == name {
			return string(f.Data), i
		}
	}
	return "", -1
}

// Each file of testdata/errors is one fault: the configuration, and exactly
// what is said about it.
func TestErrors(t *testing.T) {
	files, err := filepath.Glob("testdata/errors/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no goldens: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			in, _ := part(a, "toolward.yaml")
			vars, _ := part(a, "env")
			c, err := config.Parse("toolward.yaml", []byte(in), env(vars))
			if err == nil {
				t.Fatalf("no error; got %+v", c)
			}
			got := err.Error() + "\n"
			want, i := part(a, "errors")
			if *update {
				if i < 0 {
					a.Files = append(a.Files, txtar.File{Name: "errors"})
					i = len(a.Files) - 1
				}
				a.Files[i].Data = []byte(got)
				if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
		})
	}
}

// testdata/full.txtar has every field. What Print writes of it shows no secret,
// and is read again as the same.
func TestPrintOfEveryField(t *testing.T) {
	a, err := txtar.ParseFile("testdata/full.txtar")
	if err != nil {
		t.Fatal(err)
	}
	in, _ := part(a, "toolward.yaml")
	vars, _ := part(a, "env")
	c := parse(t, "toolward.yaml", in, vars)
	got := print(t, c)
	want, i := part(a, "printed")
	if *update {
		a.Files[i].Data = []byte(got)
		if err := os.WriteFile("testdata/full.txtar", txtar.Format(a), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("printed (-want +got):\n%s", diff)
	}
	for line := range strings.Lines(vars) {
		if _, value, _ := strings.Cut(strings.TrimSpace(line), "="); strings.Contains(got, value) {
			t.Errorf("the value of a variable is printed: %s", value)
		}
	}
	if strings.Contains(got, "synthetic") {
		t.Error("an inline secret is printed")
	}
	again := parse(t, "toolward.yaml", strings.ReplaceAll(got, `'****'`, "a-masked-secret-of-enough-length-for-hs256"), vars)
	if diff := cmp.Diff(got, strings.ReplaceAll(print(t, again), `a-masked`, "")); diff != "" {
		t.Errorf("what was printed reads differently (-first +second):\n%s", diff)
	}
}

func parse(t *testing.T, file, in, vars string) *config.Config {
	t.Helper()
	c, err := config.Parse(file, []byte(in), env(vars))
	if err != nil {
		t.Fatalf("Parse:\n%v", err)
	}
	return c
}

func print(t *testing.T, c *config.Config) string {
	t.Helper()
	var b strings.Builder
	if err := c.Print(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestEmptyFileIsDefault(t *testing.T) {
	for _, in := range []string{"", "\n", "# nothing\n", "---\n", "{}\n"} {
		c := parse(t, "toolward.yaml", in, "")
		d := config.Default()
		if c.Listen != d.Listen || c.Limits.Default != d.Limits.Default || c.Guard.Injection != "block" || c.Audit.Path != "toolward.db" {
			t.Errorf("%q: got %+v", in, c)
		}
		if c.Auth.Local == nil {
			t.Errorf("%q: no local issuer", in)
		}
	}
}

func TestPathsAreRelativeToFile(t *testing.T) {
	c := parse(t, "/etc/toolward/toolward.yaml", "audit: {sink: out.jsonl}\npolicy: {path: ./policies, data: /data.yaml}\nupstreams: {a: {command: ./server}}\n", "")
	got := []string{c.Audit.Path, c.Audit.Sink, c.Policy.Path, c.Policy.Data, c.Upstreams[0].Command, c.Auth.Local.KeyFile}
	want := []string{"/etc/toolward/toolward.db", "/etc/toolward/out.jsonl", "/etc/toolward/policies", "/data.yaml", "/etc/toolward/server", "/etc/toolward/toolward.key"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("paths (-want +got):\n%s", diff)
	}
}

// Attack 64: what a variable holds is not expanded again, and names are never.
func TestVariablesAreExpandedOnce(t *testing.T) {
	c := parse(t, "toolward.yaml", `upstreams:
  a:
    command: x
    args: ["${A}", "$A", "$${A}", "a${A}b${B}", "$(touch canary)", "`+"`id`"+`"]
    env: {TOKEN: "${A}"}
`, "A=${B}\nB=b;rm -rf")
	want := []string{"${B}", "$A", "${A}", "a${B}bb;rm -rf", "$(touch canary)", "`id`"}
	if diff := cmp.Diff(want, c.Upstreams[0].Args); diff != "" {
		t.Errorf("args (-want +got):\n%s", diff)
	}
	if got := c.Upstreams[0].Env["TOKEN"].Reveal(); got != "${B}" {
		t.Errorf("env TOKEN = %q, want ${B}", got)
	}
}

func TestUpstreamsKeepTheirOrder(t *testing.T) {
	c := parse(t, "toolward.yaml", "upstreams: {zeta: {command: z}, alpha: {url: https://a.example/mcp}, mid: {openapi: m.yaml}}", "")
	var names []string
	for _, u := range c.Upstreams {
		names = append(names, u.Name)
	}
	if diff := cmp.Diff([]string{"zeta", "alpha", "mid"}, names); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	if c.Upstreams[1].Transport != "http" || c.Upstreams[0].Timeout != time.Minute {
		t.Errorf("defaults: %+v", c.Upstreams)
	}
}

func TestAliasSharesValue(t *testing.T) {
	c := parse(t, "toolward.yaml", "limits:\n  default: &d {rate: 10/s, burst: 5}\n  agents: {ci: *d}\n", "")
	if c.Limits.Agents["ci"] != c.Limits.Default {
		t.Errorf("agents.ci = %+v, want %+v", c.Limits.Agents["ci"], c.Limits.Default)
	}
}

// Attack 90: billion laughs. The walk stops at its bound.
func TestAnchorBombIsBounded(t *testing.T) {
	var b strings.Builder
	b.WriteString("guard:\n  honeytokens: &a [" + strings.TrimSuffix(strings.Repeat("synthetic-token,", 1000), ",") + "]\n  servers:\n")
	for i := range 1000 {
		b.WriteString("    s" + strings.Repeat("x", i%20) + string(rune('a'+i%26)) + ": &x {tools: {t: *a}}\n")
	}
	b.WriteString("upstreams: &m {a: {command: x, args: *a}}\nlimits: {agents: &l {a: *m, b: *m}}\n")
	if _, err := config.Parse("toolward.yaml", []byte(b.String()), env("")); err == nil {
		t.Error("no error")
	}
	bomb := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c <= 'j'; c++ {
		p := string(c - 1)
		bomb += string(c) + ": &" + string(c) + " [" + strings.Repeat("*"+p+",", 8) + "*" + p + "]\n"
	}
	if _, err := config.Parse("toolward.yaml", []byte(bomb), env("")); err == nil {
		t.Error("no error")
	}
	huge := "upstreams:\n  a: &a {command: x, args: &l [" + strings.TrimSuffix(strings.Repeat("x,", 50_000), ",") + "]}\n  b: {command: x, args: *l}\n  c: {command: x, args: *l}\n"
	_, err := config.Parse("toolward.yaml", []byte(huge), env(""))
	if err == nil || !strings.Contains(err.Error(), "more than 100000 values") {
		t.Errorf("Parse: %v, want the bound", err)
	}
}

func TestWhereFindsNearestField(t *testing.T) {
	c := parse(t, "toolward.yaml", "auth:\n  issuers:\n    - issuer: https://id.example.com\n      jwks_url: https://id.example.com/jwks\n", "")
	for path, want := range map[string]string{
		"auth.issuers[0].jwks_url": "toolward.yaml:4:7",
		"auth.issuers[0].leeway":   "toolward.yaml:3:7",
		"policy.path":              "toolward.yaml",
	} {
		if got := c.Where(path); got != want {
			t.Errorf("Where(%s) = %s, want %s", path, got, want)
		}
	}
}

func TestValueSyntax(t *testing.T) {
	for s, want := range map[string]config.Size{"0B": 0, "512B": 512, "1KiB": 1024, "64 KiB": 64 << 10, "3MiB": 3 << 20, "1GiB": 1 << 30} {
		if got, err := config.ParseSize(s); err != nil || got != want {
			t.Errorf("ParseSize(%q) = %d, %v; want %d", s, got, err, want)
		}
	}
	for _, s := range []string{"", "1", "1MB", "1M", "-1B", "1.5MiB", "99999999999GiB", "MiB", " 1B", "1e3B"} {
		if got, err := config.ParseSize(s); err == nil {
			t.Errorf("ParseSize(%q) = %d, want an error", s, got)
		}
	}
	for s, want := range map[string]float64{"10/s": 10, "60/min": 1, "3600/h": 1, "86400/d": 1, "1 / s": 1} {
		if got, err := config.ParseRate(s); err != nil || got.PerSecond() != want {
			t.Errorf("ParseRate(%q) = %v, %v; want %v per second", s, got, err, want)
		}
	}
	for _, s := range []string{"", "10", "10/", "/s", "0/s", "-1/s", "1.5/s", "10/m", "10/minute", "9999999999999/s", "10/s/s"} {
		if got, err := config.ParseRate(s); err == nil {
			t.Errorf("ParseRate(%q) = %v, want an error", s, got)
		}
	}
	for s, want := range map[string]time.Duration{"90d": 90 * 24 * time.Hour, "1h30m": 90 * time.Minute, "500ms": 500 * time.Millisecond, "0s": 0} {
		if got, err := config.ParseDuration(s); err != nil || got != want {
			t.Errorf("ParseDuration(%q) = %v, %v; want %v", s, got, err, want)
		}
	}
	for _, s := range []string{"", "10", "-1s", "1.5d", "99999999d", "1w", "d"} {
		if got, err := config.ParseDuration(s); err == nil {
			t.Errorf("ParseDuration(%q) = %v, want an error", s, got)
		}
	}
}

// Attack 58: a flag must not get around what the file is refused for.
func TestSetListenIsCheckedLikeTheFile(t *testing.T) {
	demo := config.Default()
	for address, want := range map[string]string{
		"0.0.0.0:8080": "plain HTTP beyond loopback",
		":8080":        "the development issuer is for loopback only",
		"8080":         "is not an address",
	} {
		err := demo.SetListen(address)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("SetListen(%q): %v, want %q", address, err, want)
		}
	}
	if demo.Listen != "127.0.0.1:8080" {
		t.Errorf("a refused address was set: %s", demo.Listen)
	}
	if err := demo.SetListen("[::1]:0"); err != nil || demo.Listen != "[::1]:0" {
		t.Errorf("SetListen of a loopback address: %v", err)
	}
	c := parse(t, "toolward.yaml", "insecure: true\nauth: {local: {}}\n", "")
	if err := c.SetListen("0.0.0.0:8080"); err != nil {
		t.Errorf("SetListen where the file allows it: %v", err)
	}
}

func TestFromVariable(t *testing.T) {
	c, err := config.Parse("toolward.yaml", []byte("upstreams:\n  a: {command: x, env: {ONE: \"${SECRET}\", TWO: plain}}\n"), func(string) (string, bool) { return "value", true })
	if err != nil {
		t.Fatal(err)
	}
	if !c.FromVariable("upstreams.a.env.ONE") || c.FromVariable("upstreams.a.env.TWO") {
		t.Error("which value came from the environment is not known")
	}
}

// What must not be shown is known with what is shown for it, and nothing else is.
func TestHidden(t *testing.T) {
	c := parse(t, "toolward.yaml", `
listen: 127.0.0.1:${PORT}
auth: {issuers: [{issuer: https://id.example, secret: "an-inline-hs256-secret-of-32-bytes-or-more", audience: gw}]}
policy: {path: "${FOLDER}"}
guard: {honeytokens: [decoy-value-1]}
upstreams:
  url: {url: "https://${HOST}/mcp?key=${KEY}&more=literal-key", headers: {Authorization: "Bearer ${TOKEN}", X-Key: "Basic inline-secret"}}
  way: {url: "https://mcp.example/s/${WAY}/mcp"}
  run: {command: run, args: [--token, flag-secret, --api-key=other-secret, "${ARG}", plain], env: {API_TOKEN: env-secret, MODE: production, LEVEL: "${LEVEL}"}}
  api: {openapi: api.yaml, credentials: {basic: "anna:password-1"}}
`, "PORT=18080\nFOLDER=/srv/policies\nHOST=mcp.internal\nKEY=query-secret\nTOKEN=header-secret\nARG=arg-secret\nLEVEL=verbose-level\nWAY=path-secret")
	got := map[string]string{}
	for _, h := range slices.Backward(c.Hidden()) { // the first stands
		got[h.Value] = h.Shown
	}
	for value, shown := range map[string]string{
		"an-inline-hs256-secret-of-32-bytes-or-more": "****", "decoy-value-1": "****",
		"mcp.internal": "${HOST}", "query-secret": "${KEY}", "path-secret": "${WAY}", "literal-key": "****", "header-secret": "${TOKEN}", "inline-secret": "****",
		"flag-secret": "****", "other-secret": "****", "arg-secret": "${ARG}", "env-secret": "****", "verbose-level": "${LEVEL}", "password-1": "****",
		"18080": "", "/srv/policies": "", "production": "", "plain": "", "run": "", "--token": "",
	} {
		if got[value] != shown {
			t.Errorf("%s is shown as %q, want %q", value, got[value], shown)
		}
	}
}
