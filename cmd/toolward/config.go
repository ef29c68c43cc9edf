package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"toolward/config"
)

// errNoConfig is for commands that make no sense without a file.
var errNoConfig = errors.New("no configuration: give --config toolward.yaml, or run in a folder that has one")

// defaultFile is used where it exists and --config is not given.
const defaultFile = "toolward.yaml"

// load reads the configuration that a command was given, or ./toolward.yaml.
func load(g *globals) (*config.Config, error) { return loadWith(g, config.Load) }

// loadBeside is load for commands that start no upstream and judge no call: they
// need none of the secrets of these. Without any file it is the default.
func loadBeside(g *globals) (*config.Config, error) {
	cfg, err := loadWith(g, config.LoadBeside)
	if errors.Is(err, errNoConfig) {
		return config.Default(), nil
	}
	return cfg, err
}

func loadWith(g *globals, read func(string) (*config.Config, error)) (*config.Config, error) {
	if g.config == "" {
		if _, err := os.Stat(defaultFile); err != nil {
			return nil, errNoConfig
		}
		g.config = defaultFile
	}
	cfg, err := read(g.config)
	if err != nil {
		return nil, err
	}
	g.hide(cfg)
	return cfg, supported(cfg)
}

// supported refuses fields that this version reads and has no room for yet:
// ignoring one would leave a person believing that it does something.
func supported(cfg *config.Config) error {
	var errs config.Errors
	refuse := func(set bool, path string) {
		if set {
			errs = append(errs, &config.Error{File: cfg.Where(path), Field: path, Message: "not supported by this version of toolward"})
		}
	}
	refuse(cfg.Policy.Bundle != "", "policy.bundle")
	if len(errs) > 0 {
		return errs
	}
	return nil
}

// loadUnstarted is loadOrDemo for commands that start no upstream: they need none of
// the secrets of these, but what the file says of guard and all else.
func loadUnstarted(g *globals) (*config.Config, error) { return orDemo(g, config.LoadUnstarted) }

// loadOrDemo is load, and without any file the demo: a gateway that a newcomer
// can call at once.
func loadOrDemo(g *globals) (*config.Config, error) { return orDemo(g, config.Load) }

func orDemo(g *globals, read func(string) (*config.Config, error)) (*config.Config, error) {
	cfg, err := loadWith(g, read)
	if !errors.Is(err, errNoConfig) {
		return cfg, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the demo server: %w", err)
	}
	cfg = config.Default()
	cfg.Log.Level = "warn" // a newcomer should see what to do next, not how the rooms are
	cfg.Upstreams = []config.Upstream{{
		Name: "demo", Enabled: true, Command: self, Args: []string{"demo-server"},
		Timeout: 10 * time.Second, Concurrency: 16, Response: 1 << 20, Isolate: "shared",
	}}
	return cfg, nil
}

// flagOf is what a command that people are told takes besides, so that it finds the
// gateway from any folder: " --config /etc/toolward/toolward.yaml", or nothing where
// there is no file.
func flagOf(cfg *config.Config) string {
	if cfg.IsDefault() {
		return ""
	}
	path, err := filepath.Abs(cfg.File())
	if err != nil {
		path = cfg.File()
	}
	if strings.ContainsFunc(path, func(r rune) bool {
		return !strings.ContainsRune("/._-+@", r) && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	}) {
		path = "'" + strings.ReplaceAll(path, "'", `'\''`) + "'" // as a shell reads it
	}
	return " --config " + path
}

// noPolicy says what follows from a configuration without a policy; "" with one.
func noPolicy(cfg *config.Config) string {
	if cfg.Policy.Path != "" || cfg.IsDefault() {
		return ""
	}
	return "policy: none: every call is refused. Write one (toolward policy init ./policies), and name it (policy: {path: ./policies})"
}

// count is a number of things: "1 error", "2 errors".
func count(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}

func newConfig(g *globals) *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "Check, show and describe the configuration"}
	cmd.AddCommand(&cobra.Command{
		Use:   "check [FILE]",
		Short: "Report every error of a configuration, with its place and a remedy",
		Long: "Reports everything for which `toolward serve` would refuse a configuration on this machine, and what\n" +
			"keeps an upstream from coming up: files that are missing or cannot be read, programs that are not there.\n" +
			"It starts nothing and asks nobody. Exit code 1 if there is anything.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				g.config = args[0]
			}
			talk := cmd.ErrOrStderr()
			cfg, err := load(g)
			var found config.Errors
			if err != nil && !errors.As(err, &found) {
				return err
			}
			if err == nil {
				found = checkStart(cmd.Context(), cfg)
			}
			if len(found) > 0 {
				fmt.Fprintln(talk, found.Error())
				return foundError{g.config + " has " + count(len(found), "error")}
			}
			if advice := noPolicy(cfg); advice != "" {
				fmt.Fprintln(talk, "note: "+advice)
			}
			fmt.Fprintf(talk, "%s is fine: %s\n", g.config, count(len(cfg.Upstreams), "upstream"))
			return nil
		},
	}, &cobra.Command{
		Use:   "show [FILE]",
		Short: "Print the configuration with its defaults, secrets masked",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				g.config = args[0]
			}
			cfg, err := loadUnstarted(g)
			if err != nil {
				return err
			}
			return cfg.Print(cmd.OutOrStdout())
		},
	}, &cobra.Command{
		Use:   "schema",
		Short: "Print a JSON Schema of the configuration, for editors",
		Long: "Prints a JSON Schema (draft-07) of toolward.yaml: every field, what it means, and what its value looks like. Editors\n" +
			"that know YAML complete and check by it, if the first line of the configuration is\n\n" +
			"  " + config.Modeline + "\n\n" +
			"What one field means for another, and whether files are there, `toolward config check` says.",
		Example: "  toolward config schema > toolward.schema.json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			enc := json.NewEncoder(cmd.OutOrStdout())
			enc.SetIndent("", "  ")
			enc.SetEscapeHTML(false)
			return enc.Encode(config.JSONSchema())
		},
	})
	return cmd
}
