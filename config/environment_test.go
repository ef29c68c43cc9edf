package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Values come from the environment, then from the files, in their order; env_file
// need not stand in front of what uses it.
func TestVariablesComeFromFiles(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.env"), "# first\nONE=first # and all of it\nexport TWO='$HOME'\n")
	write(t, filepath.Join(dir, "b.env"), "ONE=second\nTHREE=\"a\\nb\"\nSET=of the file\n")
	write(t, filepath.Join(dir, "secret"), "from-a-file\r\n")
	c, err := Parse(filepath.Join(dir, "toolward.yaml"), []byte(`
upstreams:
  a: {command: x, env: {ONE: "${ONE}", TWO: "${TWO}", THREE: "${THREE}", SET: "${SET}", FILE: "<${file:secret}>", PASSWORD: "${file:secret}"}}
env_file: [a.env, b.env]
`), func(name string) (string, bool) { return "of the environment", name == "SET" })
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"ONE": "first # and all of it", "TWO": "$HOME", "THREE": "a\nb", "SET": "of the environment", "FILE": "<from-a-file>", "PASSWORD": "from-a-file",
	} {
		if got := c.Upstreams[0].Env[name].Reveal(); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	var shown strings.Builder
	if err := c.Print(&shown); err != nil {
		t.Fatal(err)
	}
	if text := shown.String(); strings.Contains(text, "from-a-file") || !strings.Contains(text, "${file:secret}") || !strings.Contains(text, "${ONE}") {
		t.Errorf("shown as\n%s", text)
	}
	hidden := ""
	for _, h := range c.Hidden() {
		hidden += h.Value + " as " + h.Shown + "\n"
	}
	if !strings.Contains(hidden, "from-a-file as ${file:secret}") {
		t.Errorf("what is hidden:\n%s", hidden)
	}
}

// Who stands beside a gateway need not be able to read its secrets.
func TestBesideNeedsNoFilesOfUpstreams(t *testing.T) {
	text := "env_file: none.env\nupstreams: {a: {url: \"https://a.example\", headers: {X: \"${file:none}\", Y: \"${Z}\"}}}"
	unset := func(string) (string, bool) { return "", false }
	if _, err := parseBeside("f.yaml", []byte(text), unset); err != nil {
		t.Error(err)
	}
	if _, err := Parse("f.yaml", []byte(text), unset); err == nil || strings.Count(err.Error(), "\n") < 2 {
		t.Errorf("a gateway would start with it: %v", err)
	}
}

// Paths are relative to the file's directory: a program with a slash, and the
// folder in which programs start.
func TestProgramsAreBesideTheFile(t *testing.T) {
	unset := func(string) (string, bool) { return "", false }
	c, err := Parse(filepath.Join("etc", "toolward.yaml"), []byte("upstreams: {a: {command: ./run}, b: {command: npx}, c: {command: /bin/x, dir: d}, d: {url: \"https://a.example\"}}"), unset)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range [][2]string{{filepath.Join("etc", "run"), "etc"}, {"npx", "etc"}, {"/bin/x", filepath.Join("etc", "d")}, {"", ""}} {
		if u := c.Upstreams[i]; u.Command != want[0] || u.Dir != want[1] {
			t.Errorf("%s: %q in %q, want %q", u.Name, u.Command, u.Dir, want)
		}
	}
}

// What FormatEnv writes, ParseEnv reads.
func FuzzEnv(f *testing.F) {
	for _, s := range []string{"", "a", " a ", `"a"`, "'", "a\nb", `a\b`, "a#b $c", "\u2028", "'x'"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if strings.ToValidUTF8(value, "") != value {
			return // a variable's value is text here
		}
		got, err := ParseEnv("A=1\n" + FormatEnv("B", value) + "C=3\n")
		if err != nil || got["B"] != value || len(got) != 3 {
			t.Errorf("%q is read as %q: %v", value, got, err)
		}
	})
}
