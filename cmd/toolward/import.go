package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"toolward/config"
	"toolward/config/clients"
	"toolward/guard/secret"
)

func newImport() *cobra.Command {
	var envFile string
	var offline bool
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Turn a client's MCP servers into upstreams of toolward.yaml",
		Long: "Reads a client's configuration (mcpServers of Claude, Cursor and Gemini CLI, servers of\nVS Code, mcp_servers of Codex) and prints `upstreams:` for toolward.yaml. What can be a\n" +
			"secret is not copied: it becomes ${VAR}, and with --env-file its value goes into a file of\nvariables that only you can read. Servers at a URL without a credential are asked once\n" +
			"whether they want a login; --offline asks nobody.",
		Example: "  toolward import ~/.cursor/mcp.json --env-file toolward.env > toolward.yaml",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			detector, err := secret.New(secret.Options{})
			if err != nil {
				return err
			}
			opt := clients.ImportOptions{
				Secret:    func(text string) bool { return len(detector.Scan(nil, "", text)) > 0 },
				Installed: func(pkg string) string { return installed(npmCache(), pkg) },
			}
			if !offline {
				opt.WantsLogin = func(url string) bool { return wantsLogin(cmd.Context(), url) }
			}
			imported, err := clients.Import(args[0], opt)
			if err != nil {
				return err
			}
			if len(imported.Upstreams) == 0 {
				return errors.New("there are no MCP servers in " + args[0])
			}
			talk := cmd.ErrOrStderr()
			printNotes(talk, imported.Warnings)
			if envFile != "" && len(imported.Values) > 0 {
				imported.EnvFile = envFile
				if err := writeEnv(envFile, imported.Values); err != nil {
					return err
				}
				fmt.Fprintf(talk, "%d values are in %s, which only you can read; env_file: says so\n", len(imported.Values), envFile)
			}
			if unset := imported.Unset(); len(unset) > 0 {
				fmt.Fprintf(talk, "set these where the gateway starts: %s\n", strings.Join(unset, ", "))
			}
			fmt.Fprintln(cmd.OutOrStdout(), config.Modeline)
			return imported.Render(cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVar(&envFile, "env-file", "", "write the values of variables into this file (mode 0600), and name it in env_file:")
	cmd.Flags().BoolVar(&offline, "offline", false, "ask no server whether it wants a login")
	return cmd
}

// writeEnv makes a file of variables. One that is there is not touched: there may
// be values in it that are nowhere else.
func writeEnv(path string, values map[string]string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s is there already; give another name, or move it away", path)
	}
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if _, err := io.WriteString(f, config.FormatEnv(name, values[name])); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	return f.Close()
}

// wantsLogin asks a server for a session without a credential. One that has OAuth
// refuses and says where its metadata is (RFC 9728 §5.1).
func wantsLogin(ctx context.Context, url string) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	body := `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"toolward","version":"` + version() + `"}}}`
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return false
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusUnauthorized && slices.ContainsFunc(resp.Header.Values("WWW-Authenticate"), func(v string) bool {
		return strings.HasPrefix(strings.ToLower(v), "bearer") && strings.Contains(v, "resource_metadata")
	})
}

// npmCache is where npx keeps what it has fetched.
func npmCache() string {
	if dir := os.Getenv("npm_config_cache"); dir != "" {
		return dir
	}
	if dir := os.Getenv("LOCALAPPDATA"); dir != "" {
		return filepath.Join(dir, "npm-cache")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".npm")
}

// installed is the version of a package that npx fetched last.
func installed(cache, pkg string) string {
	found, err := filepath.Glob(filepath.Join(cache, "_npx", "*", "node_modules", filepath.FromSlash(pkg), "package.json"))
	if err != nil {
		return ""
	}
	var version string
	var newest time.Time
	for _, file := range found {
		info, err := os.Stat(file)
		if err != nil || !info.ModTime().After(newest) {
			continue
		}
		raw, err := os.ReadFile(file)
		var about struct{ Version string }
		if err != nil || json.Unmarshal(raw, &about) != nil || about.Version == "" {
			continue
		}
		version, newest = about.Version, info.ModTime()
	}
	return version
}
