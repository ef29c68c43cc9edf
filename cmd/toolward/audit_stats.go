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
		f       = calls{desk: newDesk(g)}
		l       = listing{format: "table"}
		by      []string
		every   time.Duration
		compare bool
	)
	cmd := &cobra.Command{
		Use:   "stats",
		Short: "What was called by whom, how it ended, and how long it took",
		Example: "  toolward audit stats --since 7d\n  toolward audit stats --outcome failed,timeout --by server --every 1h\n" +
			"  toolward audit stats --outcome refused --by code,agent --since 24h --compare",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, name := range by {
				if !slices.Contains(audit.Attributes(), name) {
					return fmt.Errorf("--by %s: calls are not counted by it%s", name, meant(name, audit.Attributes()))
				}
			}
			if len(by) == 0 && (every != 0 || compare) {
				return errors.New("--every and --compare go with --by: what to count by")
			}
			if len(by) == 0 && (l.format == "csv" || l.format == "jsonl") {
				return fmt.Errorf("--output %s goes with --by: what to count by", l.format)
			}
			return f.read(cmd.Context(), func(reader asker, filter audit.Filter) error {
				if compare {
					return printChanges(cmd, reader, filter, by, l)
				}
				if len(by) > 0 {
					return printSeries(cmd, reader, filter, by, every, l)
				}
				s, err := reader.Stats(cmd.Context(), filter)
				if err != nil {
					return err
				}
				if l.format == "json" {
					return printJSON(cmd.OutOrStdout(), s)
				}
				return printStats(cmd, s)
			})
		},
	}
	f.flags(cmd)
	l.tableFlag(cmd)
	cmd.Flags().StringSliceVar(&by, "by", nil, "count calls by this, or by several: "+strings.Join(audit.Attributes(), ", "))
	durationVar(cmd.Flags(), &every, "every", 0, "for each interval of whole hours, such as 1h or 1d")
	cmd.Flags().BoolVar(&compare, "compare", false, "with the time before --since that is as long: what rose, what fell")
	cmd.MarkFlagsMutuallyExclusive("every", "compare")
	return cmd
}

func printSeries(cmd *cobra.Command, reader asker, filter audit.Filter, by []string, every time.Duration, l listing) error {
	points, err := reader.Series(cmd.Context(), filter, by, every)
	if err != nil {
		return err
	}
	t := audit.Table{Columns: append(slices.Clone(by), "calls")}
	if every != 0 {
		t.Columns = slices.Insert(t.Columns, 0, "hour")
	}
	for _, p := range points {
		var row []any
		if every != 0 {
			row = append(row, p.Time)
		}
		t.Rows = append(t.Rows, append(row, cellsOf(p.Values, p.Calls)...))
	}
	return printTable(l, cmd, t)
}

func printChanges(cmd *cobra.Command, reader asker, filter audit.Filter, by []string, l listing) error {
	if filter.Since.IsZero() {
		return errors.New("--compare needs --since: how long a time is compared with the one before it")
	}
	changes, err := reader.Changes(cmd.Context(), filter, by)
	if err != nil {
		return err
	}
	t := audit.Table{Columns: append(slices.Clone(by), "before", "calls", "change")}
	for _, c := range changes {
		t.Rows = append(t.Rows, cellsOf(c.Values, c.Before, c.Calls, c.Calls-c.Before))
	}
	return printTable(l, cmd, t)
}

func cellsOf(values []string, numbers ...int64) (cells []any) {
	for _, v := range values {
		cells = append(cells, v)
	}
	for _, n := range numbers {
		cells = append(cells, n)
	}
	return cells
}

func printStats(cmd *cobra.Command, s audit.Stats) error {
	w := cmd.OutOrStdout()
	if s.Calls == 0 {
		_, err := fmt.Fprintln(w, "no calls")
		return err
	}
	fmt.Fprintf(w, "%s from %s to %s\n", count(int(s.Calls), "call"), s.First, s.Last)
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
