package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"toolward/audit"
	"toolward/config"
	"toolward/gateway"
	"toolward/policy"
)

func newPolicy(g *globals) *cobra.Command {
	cmd := &cobra.Command{Use: "policy", Short: "Write, check, test and explain policies"}
	cmd.AddCommand(newPolicyInit(g), newPolicyCheck(g), newPolicyTest(g), newPolicyExplain(g), newPolicyWhoCan(g), newPolicyAccess(g), newPolicyReplay(g),
		newPolicyRevisions(g), newPolicyShow(g), newPolicyDiff(g))
	return cmd
}

// policyOptions is the configured policy. A configuration without one has no rules,
// and what no rule allows is refused; the policy that allows everything is that of a
// gateway that has no configuration and nothing but its demo.
func policyOptions(cfg *config.Config, log *slog.Logger, onReload func(error)) policy.Options {
	return policy.Options{Path: cfg.Policy.Path, Demo: cfg.IsDefault(), Data: cfg.Policy.Data, Shadow: cfg.Policy.Shadow, Exact: cfg.Policy.Exact, Logger: log, OnReload: onReload}
}

// openEngine loads the configured policy, or the one at a path in its place.
func openEngine(ctx context.Context, g *globals, path string) (*policy.Engine, *config.Config, error) {
	cfg, err := loadBeside(g)
	if err != nil {
		return nil, nil, err
	}
	e, err := openPolicy(ctx, cfg, path)
	return e, cfg, err
}

// openPolicy loads the policy of a configuration, or the one at a path in its place,
// without its shadow.
func openPolicy(ctx context.Context, cfg *config.Config, path string) (*policy.Engine, error) {
	opt := policyOptions(cfg, slog.New(slog.DiscardHandler), nil)
	if path != "" {
		opt.Path = path
	}
	opt.Shadow = ""
	return policy.Open(ctx, opt)
}

func newPolicyTest(g *globals) *cobra.Command {
	var l listing
	cmd := &cobra.Command{
		Use:   "test [PATH]",
		Short: "Run the policy's tests (rules test_… in files …_test.rego)",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := loadBeside(g)
			if err != nil {
				return err
			}
			opt := policyOptions(cfg, nil, nil)
			if len(args) == 1 {
				opt.Path, opt.Files = args[0], nil
			}
			report, err := policy.Test(cmd.Context(), opt)
			if err != nil {
				return err
			}
			err = printRows(l, cmd.OutOrStdout(), report.Results, []string{"RESULT", "TEST", "PLACE"}, func(t policy.TestResult) []string {
				result := "FAIL"
				switch {
				case t.Passed:
					result = "ok"
				case t.Skipped:
					result = "skipped"
				}
				return []string{result, t.Package + "." + t.Name, t.File + ":" + strconv.Itoa(t.Line)}
			})
			if err != nil {
				return err
			}
			if l.format == "table" {
				sayFailures(cmd.OutOrStdout(), report)
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "%s, %d failed; %.0f %% of the policy's lines were evaluated\n", count(len(report.Results), "test"), report.Failed(), report.Coverage)
			if report.Failed() > 0 {
				return foundError{}
			}
			return nil
		},
	}
	l.flag(cmd)
	return cmd
}

// sayFailures tells what the tests that failed met: what was decided, by which rules,
// and what their inputs lack.
func sayFailures(w io.Writer, report *policy.TestReport) {
	for _, t := range report.Results {
		if t.Failure == nil {
			continue
		}
		fmt.Fprintf(w, "\n%s.%s, %s:%d\n", t.Package, t.Name, t.File, t.Line)
		for _, line := range append(t.Failure.Lines(), strings.Split(strings.TrimSpace(t.Error+"\n"+t.Output), "\n")...) {
			if line != "" {
				fmt.Fprintf(w, "  %s\n", printable(line))
			}
		}
	}
}

// redecided is a recorded call that another policy decides otherwise.
type redecided struct {
	Call    string   `json:"call"`
	Time    string   `json:"time"`
	Agent   string   `json:"agent"`
	Tool    string   `json:"tool"`
	Was     string   `json:"was"`
	Would   string   `json:"would"`
	Reasons []string `json:"reasons,omitempty"`
	Partial string   `json:"partial,omitempty"`
}

func newPolicyReplay(g *globals) *cobra.Command {
	var (
		f = calls{desk: newDesk(g)}
		l listing
	)
	cmd := &cobra.Command{
		Use:     "replay PATH",
		Short:   "Decide recorded calls again by another policy, and list what would change",
		Example: "  toolward policy replay ./policies-next --since 7d",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			engine, _, err := openEngine(cmd.Context(), g, args[0])
			if err != nil {
				return err
			}
			filter, err := f.filter(time.Now())
			if err != nil {
				return err
			}
			reader, err := f.open(cmd.Context())
			if err != nil {
				return err
			}
			defer reader.Close()
			rows, n, err := replay(cmd.Context(), engine, reader, filter)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "%d calls, %d would be decided otherwise\n", n, len(rows))
			return printRows(l, cmd.OutOrStdout(), rows, []string{"TIME", "CALL", "AGENT", "TOOL", "WAS", "WOULD BE", "REASONS"}, func(x redecided) []string {
				return []string{x.Time, x.Call, x.Agent, x.Tool, x.Was, x.Would, short(strings.Join(x.Reasons, "; "), 80)}
			})
		},
	}
	f.record.flag(cmd)
	f.filters(cmd)
	l.flag(cmd)
	return cmd
}

// replay decides the calls of a filter again, and says how many there were.
func replay(ctx context.Context, engine *policy.Engine, reader *audit.Reader, f audit.Filter) (rows []redecided, n int, err error) {
	partial := ""
	recorded := func(yield func(*gateway.Call) bool) {
		for r, readErr := range reader.Replay(ctx, f) {
			if err = readErr; err != nil {
				return
			}
			n++
			if partial = r.Partial; !yield(r.Call) {
				return
			}
		}
	}
	for ch := range engine.Replay(ctx, recorded) {
		rows = append(rows, redecided{
			Call: ch.Call.ID, Time: ch.Call.Time.UTC().Format(time.RFC3339), Agent: ch.Call.Agent.ID, Tool: ch.Call.ToolName(),
			Was: string(ch.Was.Effect), Would: string(ch.Now.Effect), Reasons: ch.Now.Reasons, Partial: partial,
		})
	}
	return rows, n, errors.Join(err, ctx.Err())
}
