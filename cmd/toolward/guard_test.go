package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"toolward/config"
)

// An upstream that echoes a client secret must not give it to the agent,
// wherever the operator keeps it.
func TestOwnCredentials(t *testing.T) {
	dir := t.TempDir()
	file := func(name, value string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(value+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	cfg := &config.Config{Upstreams: []config.Upstream{
		{Name: "a", OAuth: &config.OAuth{ClientSecret: "synthetic-inline"}},
		{Name: "b", OAuth: &config.OAuth{
			ClientSecretFile: file("client", "synthetic-of-a-file"),
			Identity:         &config.IdP{ClientSecretFile: file("identity", "synthetic-of-the-identity")},
		}},
		{Name: "c", OAuth: &config.OAuth{}},
	}}
	own, err := ownCredentials(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"synthetic-inline", "synthetic-of-a-file", "synthetic-of-the-identity"}; !slices.Equal(own, want) {
		t.Errorf("got %q, want %q", own, want)
	}
	cfg.Upstreams[0].OAuth = &config.OAuth{ClientSecretFile: filepath.Join(dir, "missing")}
	if _, err := ownCredentials(cfg); err == nil {
		t.Error("a file that is not there is passed over")
	}
}
