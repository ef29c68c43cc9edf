package main

import (
	"os"
	"path/filepath"
	"testing"

	"toolward/config"
	"toolward/gateway"
	"toolward/policy"
)

// TestAConfigurationWithoutPolicyAllowsNothing: the embedded policy, which allows
// everything, is for a gateway without configuration. A file that names upstreams
// and no policy used to get it.
func TestAConfigurationWithoutPolicyAllowsNothing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "toolward.yaml")
	if err := os.WriteFile(file, []byte("upstreams: {files: {command: files-server}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	named, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	tool := &gateway.Tool{Kind: gateway.KindTool, Server: "files", Name: "read", Wire: "files__read", Definition: []byte(`{}`)}
	for cfg, want := range map[*config.Config]int{named: 0, config.Default(): 1} {
		e, err := policy.Open(t.Context(), policyOptions(cfg, nil, nil))
		if err != nil {
			t.Fatal(err)
		}
		seen, err := e.Visible(t.Context(), &gateway.Agent{ID: "a", Roles: []string{"admin"}}, []*gateway.Tool{tool})
		if err != nil || len(seen) != want {
			t.Errorf("configuration of a file %t: %d tools are visible (%v), want %d", !cfg.IsDefault(), len(seen), err, want)
		}
	}
}
