package clients_test

import (
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"toolward/config"
	"toolward/config/clients"
)

var update = flag.Bool("update", false, "rewrite golden files")

var when = time.Date(2026, 11, 24, 8, 15, 0, 0, time.UTC)

func options(home string) clients.Options {
	return clients.Options{
		URL: "http://127.0.0.1:8080/mcp", Home: home, OS: "linux", Mint: "toolward token mint --subject me",
		Command: []string{"/opt/toolward", "stdio", "--config", "/home/me/toolward.yaml"}, Local: true,
		Env: func(string) string { return "" },
	}
}

// golden compares the files of an archive with what a test made of its first.
func golden(t *testing.T, path string, a *txtar.Archive, got map[string]string) {
	t.Helper()
	if *update {
		kept := a.Files[:0]
		for _, f := range a.Files {
			if _, made := got[f.Name]; !made {
				kept = append(kept, f)
			}
		}
		a.Files = kept
		for _, name := range []string{"after", "upstreams.yaml", "warnings", "error"} {
			if text, ok := got[name]; ok && text != "" {
				a.Files = append(a.Files, txtar.File{Name: name, Data: []byte(text)})
			}
		}
		if err := os.WriteFile(path, txtar.Format(a), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want := map[string]string{}
	for name := range got {
		want[name] = ""
	}
	for _, f := range a.Files {
		if _, made := got[f.Name]; made {
			want[f.Name] = string(f.Data)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What is printed for a client that has no file yet, for each kind of entry.
func TestConnect(t *testing.T) {
	var b strings.Builder
	for _, id := range clients.Names() {
		kinds := 0
		for _, how := range clients.Kinds {
			o := options("~")
			o.How, o.Login, o.Helper = how, true, "/opt/toolward token mint --headers --subject me --config /home/me/toolward.yaml"
			if how == clients.ByToken {
				o.Token = "synthetic.token.value"
			}
			s, err := clients.Connect(id, o)
			if err != nil {
				continue
			}
			kinds++
			b.WriteString("== " + s.Client + ", " + string(s.How) + "\n" + s.Path + s.Paste + "\n" + s.Text + strings.Join(s.Notes, "\n") + "\n")
		}
		if kinds < 2 {
			t.Errorf("%s has %d kinds of entries; each client can start a program or be given a token", id, kinds)
		}
	}
	const path = "testdata/connect.golden"
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestConnectKnowsPlaces(t *testing.T) {
	for _, c := range []struct{ os, client, variable, want string }{
		{"darwin", "claude-desktop", "", "/h/Library/Application Support/Claude/claude_desktop_config.json"},
		{"linux", "claude-desktop", "", "/h/.config/Claude/claude_desktop_config.json"},
		{"windows", "claude-desktop", "", "/a/Claude/claude_desktop_config.json"},
		{"darwin", "vscode", "", "/h/Library/Application Support/Code/User/mcp.json"},
		{"windows", "vscode-insiders", "", "/a/Code - Insiders/User/mcp.json"},
		{"linux", "codex", "", "/h/.codex/config.toml"},
		{"linux", "codex", "CODEX_HOME", "/v/config.toml"},
		{"linux", "claude-code", "CLAUDE_CONFIG_DIR", "/v/.claude.json"},
		{"linux", "zed", "XDG_CONFIG_HOME", "/v/zed/settings.json"},
		{"darwin", "zed", "", "/h/.config/zed/settings.json"},
		{"windows", "zed", "", "/a/Zed/settings.json"},
		{"windows", "goose", "", "/a/Block/goose/config/config.yaml"},
		{"windows", "crush", "", "/l/crush/crush.json"},
		{"darwin", "cline", "", "/h/Library/Application Support/Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json"},
		{"linux", "Roo", "", "/h/.config/Code/User/globalStorage/rooveterinaryinc.roo-cline/settings/mcp_settings.json"},
	} {
		s, err := clients.Connect(c.client, clients.Options{URL: "http://x/mcp", Home: "/h", OS: c.os, Login: true, Local: true, Command: []string{"t"}, Env: func(name string) string {
			return map[string]string{"APPDATA": "/a", "LOCALAPPDATA": "/l", c.variable: "/v"}[name]
		}})
		if err != nil || filepath.ToSlash(s.Path) != c.want {
			t.Errorf("%s on %s: %q, %v; want %q", c.client, c.os, s.Path, err, c.want)
		}
	}
}

// Names as people write them, and what is said to those that are nobody's.
func TestClientsHaveTheNamesThatPeopleUse(t *testing.T) {
	for written, want := range map[string]string{
		"VS Code": "VS Code", "vs-code": "VS Code", "code": "VS Code", "Copilot": "Copilot CLI", "gemini": "Gemini CLI", "roo": "Roo Code",
		"LMStudio": "LM Studio", "q": "Amazon Q Developer", "amazonq": "Amazon Q Developer", "codeium": "Windsurf", "open_code": "OpenCode", "intellij": "JetBrains AI Assistant",
	} {
		if s, err := clients.Connect(written, options("/h")); err != nil || s.Client != want {
			t.Errorf("%q: %q, %v; want %q", written, s.Client, err, want)
		}
	}
	for written, want := range map[string]string{
		"claude": "did you mean claude-code or claude-desktop?", "claud-code": "did you mean claude-code?", "curser": "did you mean cursor?", "vscod": "did you mean vscode or vscode-insiders?",
		"windserf": "did you mean windsurf?", "emacs": "known are claude-code, claude-desktop", "": "known are",
	} {
		if _, err := clients.Connect(written, options("/h")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %q", written, err, want)
		}
	}
}

// No two clients answer to one name.
func TestClientNamesAreUnique(t *testing.T) {
	seen := map[string]string{}
	for _, id := range clients.Names() {
		s, err := clients.Connect(id, options("/h"))
		if err != nil {
			t.Fatal(err)
		}
		if other := seen[s.Client]; other != "" {
			t.Errorf("%s and %s are both %s", id, other, s.Client)
		}
		seen[s.Client] = id
	}
}

// Each file of testdata/write is a client's file before and after; its name
// begins with the client's, and the kind of entry where that is not by variable.
func TestWriteKeepsEverythingElse(t *testing.T) {
	files, err := filepath.Glob("testdata/write/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no goldens: %v", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		t.Run(name, func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			id, how, _ := strings.Cut(name, ".")
			home := t.TempDir()
			o := options(home)
			o.How, o.Login = clients.ByVariable, true
			if kind, _, ok := strings.Cut(how, "."); ok {
				o.How = clients.Kind(kind)
			}
			s, err := clients.Connect(id, o)
			if err != nil {
				t.Fatal(err)
			}
			before := a.Files[0].Data
			mustWrite(t, s.Path, before)
			w, err := clients.Write(id, o, when)
			got := map[string]string{"after": "", "error": ""}
			after := mustRead(t, s.Path)
			if err != nil {
				got["error"] = strings.ReplaceAll(err.Error(), home, "~") + "\n"
				if after != string(before) {
					t.Error("the file was changed in spite of the error")
				}
			} else {
				got["after"] = after
				if w.Changed {
					if backup := mustRead(t, w.Backup); backup != string(before) {
						t.Error("the backup differs from the file as it was")
					}
				}
				again, err := clients.Write(id, o, when)
				if err != nil || again.Changed || mustRead(t, s.Path) != after {
					t.Errorf("writing it again changed it: %v", err)
				}
			}
			golden(t, file, a, got)
		})
	}
}

func mustWrite(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o640); err != nil {
		t.Fatal(err)
	}
}

func mustRead(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestWriteMakesMissingFilePrivate(t *testing.T) {
	for _, id := range clients.Names() {
		o := options(t.TempDir())
		o.Token = "synthetic.token.value"
		w, err := clients.Write(id, o, when)
		if w.Paste != "" || err != nil && strings.Contains(err.Error(), "start it once") {
			continue
		}
		if err != nil || !w.Changed || w.Backup != "" {
			t.Fatalf("Write(%s): %+v, %v", id, w, err)
		}
		info, err := os.Stat(w.Path)
		if err != nil {
			t.Fatal(err)
		}
		if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, want 0600", w.Path, info.Mode().Perm())
		}
		if got := mustRead(t, w.Path); got != w.Text {
			t.Errorf("%s: the file is not what Connect prints:\n%s\nand\n%s", id, got, w.Text)
		}
	}
}

func TestWriteFollowsLinkAndKeepsMode(t *testing.T) {
	home := t.TempDir()
	real := filepath.Join(home, "dotfiles", "cursor.json")
	mustWrite(t, real, []byte("{}"))
	link := filepath.Join(home, ".cursor", "mcp.json")
	if err := os.Mkdir(filepath.Dir(link), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(real, link); err != nil {
		t.Skipf("no links here: %v", err)
	}
	if _, err := clients.Write("cursor", options(home), when); err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(link)
	if err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link was replaced by a file: %v, %v", info.Mode(), err)
	}
	if info, err := os.Stat(real); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, want 0640: %v", info.Mode(), err)
	}
	if !strings.Contains(mustRead(t, real), "toolward") {
		t.Error("the file behind the link was not changed")
	}
}

// A client that starts toolward stdio has no token in its file, unless it is given one.
func TestWriteOfAProgramHasNoToken(t *testing.T) {
	o := options(t.TempDir())
	if w, err := clients.Write("claude-desktop", o, when); err != nil || strings.Contains(w.Text, clients.Variable) {
		t.Errorf("%v\n%s", err, w.Text)
	}
	o.Token = "synthetic.token.value"
	if w, err := clients.Write("claude-desktop", o, when); err != nil || !strings.Contains(w.Text, o.Token) {
		t.Errorf("%v\n%s", err, w.Text)
	}
}

// Each file of testdata/import is a client's file, the upstreams made of it,
// and what is said about the rest. The upstreams are a valid toolward.yaml.
func TestImport(t *testing.T) {
	files, err := filepath.Glob("testdata/import/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no goldens: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			path := filepath.Join(dir, a.Files[0].Name)
			mustWrite(t, path, a.Files[0].Data)
			in, err := clients.Import(path, detect(t))
			got := map[string]string{"upstreams.yaml": "", "warnings": "", "error": ""}
			if err != nil {
				got["error"] = strings.ReplaceAll(err.Error(), dir+"/", "") + "\n"
			} else {
				var b strings.Builder
				if err := in.Render(&b); err != nil {
					t.Fatal(err)
				}
				got["upstreams.yaml"] = b.String()
				if len(in.Warnings) > 0 {
					got["warnings"] = strings.Join(in.Warnings, "\n") + "\n"
				}
				if _, err := config.Parse("toolward.yaml", []byte(b.String()), anyVariable(in.Variables)); err != nil {
					t.Errorf("the result is no valid configuration:\n%v", err)
				}
				if strings.Contains(b.String()+got["warnings"], "synthetic") {
					t.Error("a secret was copied")
				}
			}
			golden(t, file, a, got)
		})
	}
}

// anyVariable knows the variables that the import names, and no others.
func anyVariable(names []string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for _, n := range names {
			if n == name {
				return "https://value.example/" + strings.ToLower(name), true
			}
		}
		return "", false
	}
}
