package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"toolward/audit"
)

func newAuditStats(g *globals) *cobra.Command {
	var (
		f      = calls{record: record{g: g}}
		asJSON bool
		by     string
		every  time.Duration
	)
	cmd := &cobra.Command{
		Use:     "stats",
		Short:   "What was called by whom, how it ended, and how long it took",
		Example: "  toolward audit stats --since 7d\n  toolward audit stats --outcome failed,timeout --by server --every 1h",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if by != "" && !slices.Contains(audit.Attributes(), by) {
				return fmt.Errorf("--by %s: calls are not counted by it%s", by, meant(by, audit.Attributes()))
			}
			if by == "" && every != 0 {
				return errors.New("--every goes with --by: what to count by")
			}
			return f.read(func(reader *audit.Reader, filter audit.Filter) error {
				if by != "" {
					return printSeries(cmd, reader, filter, by, every, asJSON)
				}
				s, err := reader.Stats(cmd.Context(), filter)
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(cmd.OutOrStdout(), s)
				}
				return printStats(cmd, s)
			})
		},
	}
	f.flags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().StringVar(&by, "by", "", "count calls by this: "+strings.Join(audit.Attributes(), ", "))
	cmd.Flags().DurationVar(&every, "every", 0, "for each interval of whole hours, such as 1h or 24h")
	return cmd
}

func printSeries(cmd *cobra.Command, reader *audit.Reader, filter audit.Filter, by string, every time.Duration, asJSON bool) error {
	points, err := reader.Series(cmd.Context(), filter, by, every)
	if err != nil {
		return err
	}
	if asJSON {
		return printJSON(cmd.OutOrStdout(), points)
	}
	header := []string{"FROM", strings.ToUpper(by), "CALLS"}
	return printRows(listing{"table"}, cmd.OutOrStdout(), points, header, func(p audit.Point) []string {
		return []string{p.Time, p.Value, strconv.FormatInt(p.Calls, 10)}
	})
}

func printStats(cmd *cobra.Command, s audit.Stats) error {
	w := cmd.OutOrStdout()
	fmt.Fprintf(w, "%d calls from %s to %s\n", s.Calls, s.First, s.Last)
	fmt.Fprintf(w, "ms           p50 %.1f  p95 %.1f  p99 %.1f  max %.1f\n", s.Latency.P50, s.Latency.P95, s.Latency.P99, s.Latency.Max)
	if !s.Exact {
		fmt.Fprintln(w, "quantiles of many calls are up to a fifth too high; narrow the filter for exact ones, and for those of upstreams")
	} else {
		fmt.Fprintf(w, "upstream ms  p50 %.1f  p95 %.1f  p99 %.1f  max %.1f\n", s.Upstream.P50, s.Upstream.P95, s.Upstream.P99, s.Upstream.Max)
	}
	for _, group := range []struct {
		title  string
		counts []audit.Count
	}{{"OUTCOME", s.Outcomes}, {"REFUSED FOR", s.Codes}, {"AGENT", s.Agents}, {"TOOL", s.Tools}} {
		if len(group.counts) == 0 {
			continue
		}
		fmt.Fprintln(w)
		err := printRows(listing{"table"}, w, group.counts, []string{group.title, "CALLS"}, func(c audit.Count) []string {
			return []string{c.Value, strconv.FormatInt(c.Calls, 10)}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func newAuditExport(g *globals) *cobra.Command {
	var (
		f      = calls{record: record{g: g}}
		format string
	)
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write calls as JSONL, CSV (safe to open in a spreadsheet) or OCSF, oldest first",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.read(func(reader *audit.Reader, filter audit.Filter) error {
				n, err := reader.Export(cmd.Context(), cmd.OutOrStdout(), audit.Format(format), filter)
				if err == nil {
					fmt.Fprintf(cmd.ErrOrStderr(), "%d calls\n", n)
				}
				return err
			})
		},
	}
	f.flags(cmd)
	cmd.Flags().StringVar(&format, "format", string(audit.FormatJSONL), "jsonl, csv or ocsf")
	return cmd
}

func newAuditHash(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "hash VALUE",
		Short: "What stands in the record where this value was redacted",
		Long:  "Redacted values are written as keyed hashes, so that equal values can be matched.\nLook for what this prints with `toolward audit list --text`.",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := loadBeside(g)
			if err != nil {
				return err
			}
			keys, err := audit.LoadKeys(cfg.Audit.Path + ".keys")
			if err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), keys.Token(args[0]))
			return nil
		},
	}
}
