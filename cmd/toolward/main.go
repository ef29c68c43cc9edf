// Command toolward is a gateway for the tool calls of AI agents. See README.md.
//
// This package parses flags, builds the rooms from the configuration and joins
// them; no decision about a call is made here.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"toolward/config"
	"toolward/gateway"
)

// Exit codes of every command.
const (
	exitFound  = 1 // the command worked and found something: a failed test, a broken chain
	exitFailed = 2 // the command could not run
)

// foundError ends a command that did its work and found something wrong. What
// it found is already printed.
type foundError struct{ what string }

func (e foundError) Error() string { return e.what }

func main() {
	// SIGPIPE of a closed pager must not look like a crash; a second signal of
	// the others ends the process at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:]))
}

func run(ctx context.Context, args []string) int {
	stderr := &terminal{w: os.Stderr}
	root := newRoot(stderr)
	root.SetArgs(args)
	root.SetOut(&terminal{w: os.Stdout})
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	var found foundError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &found):
		if found.what != "" {
			fmt.Fprintln(stderr, "toolward: "+found.what)
		}
		return exitFound
	default:
		fmt.Fprintf(stderr, "toolward: %v\n", err)
		return exitFailed
	}
}

// globals are the flags that every command has.
type globals struct {
	config string    // path of toolward.yaml, "" for none
	stderr *terminal // where logs, banners and errors go
}

// hide keeps a configuration's secrets out of standard error from here on. On
// standard output are data, which stay as they are.
func (g *globals) hide(cfg *config.Config) {
	g.stderr.own.Store(gateway.NewScrubber(hidden(cfg)))
}

func newRoot(stderr *terminal) *cobra.Command {
	g := globals{stderr: stderr}
	root := &cobra.Command{
		Use:           "toolward",
		Short:         "A gateway for the tool calls of AI agents",
		Long:          "toolward stands between agents and tools. Every call is authenticated, limited, scanned,\nauthorized by a Rego policy, executed and recorded; or refused with a reason.",
		Version:       version(),
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.PersistentFlags().StringVar(&g.config, "config", os.Getenv("TOOLWARD_CONFIG"), "path of the configuration (or TOOLWARD_CONFIG; ./toolward.yaml if there is one)")
	root.AddCommand(
		newServe(&g), newStdio(&g), newHealth(&g), newToken(&g), newConnect(&g), newImport(), newLogin(&g), newConfig(&g),
		newUpstreams(&g), newTools(&g), newPolicy(&g), newGuard(&g), newAudit(&g), newApprovals(&g), newBlock(&g), newSessions(&g), newMeters(&g), newDemo(), newVersion(),
	)
	sayUsage(root)
	return root
}

// sayUsage has an error about a command's arguments say what it takes: "accepts 1
// arg(s), received 0" says it to nobody.
func sayUsage(cmd *cobra.Command) {
	if takes := cmd.Args; takes != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := takes(cmd, args); err != nil {
				return fmt.Errorf("%w\n  %s", err, strings.TrimSuffix(cmd.UseLine(), " [flags]"))
			}
			return nil
		}
	}
	for _, sub := range cmd.Commands() {
		sayUsage(sub)
	}
}

// version is the module's version, or the commit it was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return "dev-" + s.Value[:12]
		}
	}
	return "dev"
}

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			fmt.Fprintln(cmd.OutOrStdout(), version())
			return nil
		},
	}
}
