package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"toolward/config/clients"
)

// at is a home directory of a test's own, in which nothing is installed.
func at(t *testing.T) string {
	t.Helper()
	home := t.TempDir()
	for name, value := range map[string]string{"HOME": home, "USERPROFILE": home, "APPDATA": "", "XDG_CONFIG_HOME": "", "CODEX_HOME": "", "CLAUDE_CONFIG_DIR": "", "COPILOT_HOME": "", "PATH": home} {
		t.Setenv(name, value)
	}
	t.Chdir(home)
	return home
}

func runConnect(t *testing.T, args ...string) (out, talk string, err error) {
	t.Helper()
	var o, e bytes.Buffer
	root := newRoot(&terminal{w: &e})
	root.SetOut(&o)
	root.SetErr(&e)
	root.SetArgs(append([]string{"connect"}, args...))
	err = root.ExecuteContext(t.Context())
	return o.String(), e.String(), err
}

// Everything that is installed, and nothing else, has the entry, and has it no more.
func TestConnectAll(t *testing.T) {
	home := at(t)
	put(t, filepath.Join(home, ".cursor", "mcp.json"), `{"mcpServers": {"a": {"command": "a"}}}`)
	put(t, filepath.Join(home, ".codex", "history.jsonl"), "")
	put(t, filepath.Join(home, ".config", "goose", "config.yaml"), "extensions:\n  a: {type: builtin}\n")
	put(t, filepath.Join(home, "toolward.yaml"), "listen: 127.0.0.1:9123\n")

	rows := func() (found []clients.Found) {
		t.Helper()
		out, _, err := runConnect(t, "-o", "json")
		if err != nil {
			t.Fatal(err)
		}
		var all []clients.Found
		if err := json.Unmarshal([]byte(out), &all); err != nil {
			t.Fatal(err)
		}
		if len(all) < 25 {
			t.Errorf("only %d clients are listed", len(all))
		}
		for _, f := range all {
			if f.Installed {
				found = append(found, f)
			}
		}
		return found
	}
	entries := func(want string) {
		t.Helper()
		var got []string
		for _, f := range rows() {
			got = append(got, f.Client+" "+f.Entry)
		}
		if s := strings.Join(got, ", "); s != want {
			t.Errorf("installed: %s; want %s", s, want)
		}
	}
	entries("cursor , codex , goose ")
	_, talk, err := runConnect(t, "--all")
	if err != nil || strings.Count(talk, "would put an entry by login into") != 3 {
		t.Errorf("%v\n%s", err, talk)
	}
	entries("cursor , codex , goose ")
	if _, talk, err = runConnect(t, "--all", "--write", "--by", "program", "--role", "reader"); err != nil || strings.Count(talk, ": wrote ") != 3 {
		t.Errorf("%v\n%s", err, talk)
	}
	entries("cursor program, codex program, goose program")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(home, ".cursor", "mcp.json"))
	if err != nil || !strings.Contains(string(raw), `"command": "`+self+`", "args": ["stdio", "--config", "`+filepath.Join(home, "toolward.yaml")+`", "--role", "reader"]`) {
		t.Errorf("%v\n%s", err, raw)
	}
	if _, talk, err = runConnect(t, "--all", "--remove"); err != nil || strings.Count(talk, "took it out of") != 2 || !strings.Contains(talk, "had nothing else in it") {
		t.Errorf("%v\n%s", err, talk)
	}
	entries("cursor , codex , goose ")
	if raw, err := os.ReadFile(filepath.Join(home, ".cursor", "mcp.json")); err != nil || string(raw) != `{"mcpServers": {"a": {"command": "a"}}}` {
		t.Errorf("%v\n%s", err, raw)
	}
	if _, talk, err = runConnect(t, "--all", "--remove"); err != nil || !strings.Contains(talk, "no client has it") {
		t.Errorf("%v\n%s", err, talk)
	}
}

// One file that cannot be edited does not keep the others from it.
func TestConnectAllGoesOn(t *testing.T) {
	home := at(t)
	put(t, filepath.Join(home, ".cursor", "mcp.json"), `{"mcpServers": [`)
	put(t, filepath.Join(home, ".codex", "config.toml"), "")
	_, talk, err := runConnect(t, "--all", "--write")
	var found foundError
	if !errors.As(err, &found) || !strings.Contains(talk, "Cursor: "+filepath.Join(home, ".cursor", "mcp.json")+": hujson") || !strings.Contains(talk, "Codex: wrote") {
		t.Errorf("%v\n%s", err, talk)
	}
	if raw, err := os.ReadFile(filepath.Join(home, ".codex", "config.toml")); err != nil || !strings.Contains(string(raw), "[mcp_servers.toolward]") {
		t.Errorf("%v\n%s", err, raw)
	}
}

// What is said to those who ask for what cannot be.
func TestConnectRefuses(t *testing.T) {
	at(t)
	for args, want := range map[string]string{
		"claude":                                               "did you mean claude-code or claude-desktop?",
		"vs-cod":                                               "did you mean vscode",
		"emacs":                                                "toolward connect generic",
		"cursor --url notaurl":                                 "is not an address",
		"cursor --url ftp://a.example/mcp":                     "is not an address",
		"cursor --url http:///mcp":                             "is not an address",
		"cursor --url https://a.example":                       "endpoint is https://a.example/mcp",
		"cursor --url https://u:p@a.example/mcp":               "--token",
		"cursor --url https://a.example/mcp?k=v":               "leave out what begins with",
		"cursor --name my/gw":                                  "more than letters, digits, - and _",
		"cursor --name " + strings.Repeat("x", 33):             "more than letters, digits, - and _",
		"cursor --by magic":                                    "there are login, helper, program, variable, token",
		"cursor --by token":                                    "give one by --token",
		"cursor --by helper":                                   "runs no command for its headers",
		"zed --by variable":                                    "Zed reads no variables",
		"claude-desktop --by login":                            "starts programs only",
		"claude-desktop --url https://a.example/mcp":           "Claude Desktop starts programs only",
		"claude-desktop --token x --url https://a.example/mcp": "Claude Desktop starts programs only",
		"cursor --by variable --role reader":                   "use --by program",
		"warp --write":                                         "has no file that can be edited",
		"trae --remove":                                        "has no file that can be edited",
		"continue --write":                                     "start it once",
		"zed --project":                                        "has no file for a project",
		"cursor --project --token x":                           "a token is not",
		"cursor --project --by program":                        "the paths of this machine are not",
		"cursor --all":                                         "--all is every client",
		"--write":                                              "name a client",
		"--all --write":                                        "no client that is known here is installed",
		"cursor --write --remove":                              "none of the others can be",
	} {
		_, talk, err := runConnect(t, strings.Fields(args)...)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("connect %s: %v; want %q\n%s", args, err, want, talk)
		}
	}
	if left, err := os.ReadDir("."); err != nil || len(left) > 0 {
		t.Errorf("files were made: %v, %v", left, err)
	}
}

// A project's file is in the folder of the project, and says nothing of this machine.
func TestConnectProject(t *testing.T) {
	home := at(t)
	if _, _, err := runConnect(t, "claude-code", "--project", "--write"); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(home, ".mcp.json"))
	if err != nil || strings.Contains(string(raw), home) || !strings.Contains(string(raw), "http://127.0.0.1:8080/mcp") {
		t.Errorf("%v\n%s", err, raw)
	}
	if _, talk, err := runConnect(t, "claude-code", "--project", "--remove"); err != nil || !strings.Contains(talk, "had nothing else in it") {
		t.Errorf("%v\n%s", err, talk)
	}
}

// The address of a gateway that listens on all addresses is one that can be reached.
func TestConnectNamesAnAddressThatCanBeReached(t *testing.T) {
	home := at(t)
	put(t, filepath.Join(home, "toolward.yaml"), "listen: 0.0.0.0:9123\ninsecure: true\nauth: {local: {}}\n")
	out, _, err := runConnect(t, "cursor", "--by", "variable")
	if err != nil || !strings.Contains(out, `"http://127.0.0.1:9123/mcp"`) {
		t.Errorf("%v\n%s", err, out)
	}
}

// What is written without being asked for lasts: a login where the gateway has one and
// the client can, else a program that makes its own tokens.
func TestConnectPrefersWhatLasts(t *testing.T) {
	const key = "auth: {issuers: [{issuer: 'https://id.example', audience: 'https://gw.example/mcp', jwks_url: 'https://id.example/jwks', algorithms: [RS256]}]}\n"
	for _, tt := range []struct{ name, config, client, want string }{
		{"this machine", "listen: 127.0.0.1:9123\n", "claude-code", "login"},
		{"this machine", "listen: 127.0.0.1:9123\n", "claude-desktop", "program"},
		{"this machine", "listen: 127.0.0.1:9123\n", "lm-studio", "program"},
		{"this machine", "listen: 127.0.0.1:9123\n", "gemini-cli", "program"},
		{"by another name", "listen: 127.0.0.1:9123\npublic_url: https://gw.example\nauth: {local: {}}\n", "claude-code", "helper"},
		{"by another name", "listen: 127.0.0.1:9123\npublic_url: https://gw.example\nauth: {local: {}}\n", "cursor", "program"},
		{"open to all", "listen: 0.0.0.0:9123\ninsecure: true\nauth: {local: {}}\n", "cursor", "program"},
		{"an issuer of a company", "public_url: https://gw.example\n" + key, "cursor", "login"},
		{"an issuer of a company", "public_url: https://gw.example\n" + key, "roo-code", "variable"},
		{"an issuer of a company", "public_url: https://gw.example\n" + key, "gemini-cli", "login"},
		{"no configuration", "", "codex", "login"},
	} {
		t.Run(tt.name+"/"+tt.client, func(t *testing.T) {
			home := at(t)
			if tt.config != "" {
				put(t, filepath.Join(home, "toolward.yaml"), tt.config)
			}
			put(t, filepath.Join(home, ".lmstudio", "mcp.json"), "{}")
			if _, talk, err := runConnect(t, tt.client, "--write"); err != nil {
				t.Fatalf("%v\n%s", err, talk)
			}
			out, _, err := runConnect(t, "-o", "jsonl")
			if err != nil || !strings.Contains(out, `"client":"`+tt.client+`"`) {
				t.Fatal(err)
			}
			for line := range strings.Lines(out) {
				if strings.Contains(line, `"client":"`+tt.client+`"`) && !strings.Contains(line, `"entry":"`+tt.want+`"`) {
					t.Errorf("it is %s; want %s", line, tt.want)
				}
			}
		})
	}
}

// The command that Claude Code runs for its headers prints them, wherever it is run
// and whatever is in the names of folders and agents.
func TestConnectWritesACommandThatAShellRuns(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("there is no sh here")
	}
	for _, s := range []string{"plain", "two words", "it's", `"$HOME"`, "a;b&c|d>e", "*", "`id`", "back\\slash", "ünïcode", "", "-n"} {
		out, err := exec.CommandContext(t.Context(), sh, "-c", "printf %s "+shellWord(s, "linux")).Output()
		if s != "-n" && (err != nil || string(out) != s) {
			t.Errorf("%q is %q to the shell, %v", s, out, err)
		}
	}
	home := at(t)
	put(t, filepath.Join(home, "my files", "toolward.yaml"), "listen: 127.0.0.1:9123\n")
	out, _, err := runConnect(t, "claude-code", "--by", "helper", "--config", filepath.Join(home, "my files", "toolward.yaml"), "--subject", "o'neil", "--role", "reader")
	want := `token mint --headers --config '` + filepath.Join(home, "my files", "toolward.yaml") + `' --subject 'o'\\''neil' --role reader"`
	if err != nil || !strings.Contains(out, want) {
		t.Errorf("%v\n%s\nwant %s", err, out, want)
	}
}
