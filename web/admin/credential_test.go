package admin

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCredentialIsMadeOnceAndIsItsOwners(t *testing.T) {
	path := filepath.Join(t.TempDir(), "toolward.db.operator")
	first, err := OpenCredential(path, "http://127.0.0.1:1", "http://127.0.0.1:9")
	if err != nil {
		t.Fatal(err)
	}
	way, err := ReadCredential(path)
	if err != nil || way.Operators != "http://127.0.0.1:1" || way.Agents != "http://127.0.0.1:9" || !first.is(way.Token) {
		t.Fatalf("%+v %v", way, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	again, err := OpenCredential(path, "http://127.0.0.1:2", "")
	if err != nil {
		t.Fatal(err)
	}
	if now, err := ReadCredential(path); now != (Way{way.Token, "http://127.0.0.1:2", ""}) || err != nil || !again.is(way.Token) {
		t.Errorf("after another start: %+v %v", now, err)
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("files are left: %v %v", entries, err)
	}
}

// What others can read, or somebody wrote, is no credential.
func TestAttackCredentialOfOthers(t *testing.T) {
	for name, tt := range map[string]struct {
		mode    os.FileMode
		content string
	}{
		"others read it":  {0o644, `{"token":"twop_` + strings.Repeat("A", 43) + `"}`},
		"a group does":    {0o640, `{"token":"twop_` + strings.Repeat("A", 43) + `"}`},
		"an empty token":  {0o600, `{"token":""}`},
		"a short one":     {0o600, `{"token":"twop_A"}`},
		"one of another":  {0o600, `{"token":"xxxx_` + strings.Repeat("A", 43) + `"}`},
		"an empty file":   {0o600, ``},
		"no file of ours": {0o600, `twop_` + strings.Repeat("A", 43)},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "operator")
			if err := os.WriteFile(path, []byte(tt.content), tt.mode); err != nil {
				t.Fatal(err)
			}
			if c, err := OpenCredential(path, "", ""); err == nil {
				t.Errorf("taken: %v", c)
			}
			if _, err := ReadCredential(path); err == nil {
				t.Error("read by a command")
			}
		})
	}
}
