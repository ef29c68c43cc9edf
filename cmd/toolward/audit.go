package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"toolward/audit"
)

func newAudit(g *globals) *cobra.Command {
	cmd := &cobra.Command{Use: "audit", Short: "Review, verify and export the record"}
	cmd.AddCommand(newAuditList(g), newAuditShow(g), newAuditStats(g), newAuditTail(g), newAuditVerify(g), newAuditExport(g), newAuditPrune(g), newAuditSegment(g), newAuditBackup(g), newAuditRotate(g), newAuditHash(g))
	return cmd
}

// record says which database a review command reads.
type record struct {
	g  *globals
	db string
}

func (r *record) flag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&r.db, "db", "", "database to read, instead of the configuration's")
}

func (r *record) path() (string, error) {
	if r.db != "" {
		return r.db, nil
	}
	cfg, err := loadBeside(r.g)
	if err != nil {
		return "", err
	}
	return cfg.Audit.Path, nil
}

func (r *record) open() (*audit.Reader, error) {
	path, err := r.path()
	if err != nil {
		return nil, err
	}
	return audit.OpenReader(path)
}

// calls are the flags of a command that reads some calls of a record.
type calls struct {
	record
	audit.Filter
	since, until string
}

// read opens the record and hands it over with the filter.
func (f *calls) read(do func(*audit.Reader, audit.Filter) error) error {
	filter, err := f.filter(time.Now())
	if err != nil {
		return err
	}
	reader, err := f.open()
	if err != nil {
		return err
	}
	defer reader.Close()
	return do(reader, filter)
}

func (f *calls) flags(cmd *cobra.Command) {
	f.record.flag(cmd)
	fl := cmd.Flags()
	fl.StringVar(&f.since, "since", "", "from this time on: 2026-01-31, RFC 3339, or an age such as 2h or 7d")
	fl.StringVar(&f.until, "until", "", "before this time, likewise")
	fl.StringVar(&f.Agent, "agent", "", "calls of this agent")
	fl.StringVar(&f.Server, "server", "", "calls of this upstream")
	fl.StringVar(&f.Tool, "tool", "", "calls of this tool, server__name")
	fl.StringVar(&f.Kind, "kind", "", "tool, prompt, resource, sampling, …")
	fl.StringVar(&f.Effect, "effect", "", "allow, approve or deny")
	fl.StringVar(&f.Code, "code", "", "refusals with this code: policy, guard, rate_limited, …")
	fl.StringVar(&f.Outcome, "outcome", "", "ok, error, refused, withheld, timeout, cancelled, interrupted, …")
	fl.StringVar(&f.Session, "session", "", "calls of this session")
	fl.StringVar(&f.Text, "text", "", "text in arguments, result or reasons")
}

func (f *calls) filter(now time.Time) (audit.Filter, error) {
	var err error
	if f.Since, err = parseWhen(f.since, now); err != nil {
		return f.Filter, err
	}
	f.Until, err = parseWhen(f.until, now)
	return f.Filter, err
}

// parseWhen reads a day, a time, or an age.
func parseWhen(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04", "2006-01-02"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 {
			return now.AddDate(0, 0, -n), nil
		}
	}
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	return time.Time{}, fmt.Errorf("%q is no time: write 2026-01-31, 2026-01-31T12:00:00Z, or an age such as 90m or 7d", s)
}

var callHeader = []string{"TIME", "ID", "AGENT", "TOOL", "EFFECT", "OUTCOME", "MS", "REASONS"}

func callRow(c audit.Call) []string {
	return []string{c.Time, c.ID, short(c.Agent, 24), short(orMethod(c), 40), c.Effect, c.Outcome, strconv.FormatFloat(c.Ms, 'f', 1, 64), short(reasons(c), 80)}
}

func orMethod(c audit.Call) string {
	if c.Tool != "" {
		return c.Tool
	}
	return c.Method
}

func reasons(c audit.Call) string {
	var list []string
	if json.Unmarshal([]byte(c.Reasons), &list) != nil {
		return string(c.Reasons)
	}
	return strings.Join(list, "; ")
}

func newAuditList(g *globals) *cobra.Command {
	var (
		f      = calls{record: record{g: g}}
		l      listing
		limit  int
		before int64
	)
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "Calls, newest first",
		Example: "  toolward audit list --since 24h --effect deny\n  toolward audit list --agent ci --tool files__write_file -o jsonl",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.read(func(reader *audit.Reader, filter audit.Filter) error {
				calls, next, err := reader.List(cmd.Context(), filter, limit, before)
				if err != nil {
					return err
				}
				if err := printRows(l, cmd.OutOrStdout(), calls, callHeader, callRow); err != nil {
					return err
				}
				if next != 0 {
					fmt.Fprintf(cmd.ErrOrStderr(), "there are more: --before %d\n", next)
				}
				return nil
			})
		},
	}
	f.flags(cmd)
	l.flag(cmd)
	cmd.Flags().IntVar(&limit, "limit", 50, "at most so many, up to 1000")
	cmd.Flags().Int64Var(&before, "before", 0, "go on where a listing ended")
	return cmd
}

func newAuditShow(g *globals) *cobra.Command {
	r := record{g: g}
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Everything that is on record about a call",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			reader, err := r.open()
			if err != nil {
				return err
			}
			defer reader.Close()
			call, events, err := reader.Show(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return printJSON(cmd.OutOrStdout(), map[string]any{"call": call, "events": events})
		},
	}
	r.flag(cmd)
	return cmd
}

func newAuditTail(g *globals) *cobra.Command {
	var (
		f = calls{record: record{g: g}}
		l listing
	)
	cmd := &cobra.Command{
		Use:   "tail",
		Short: "Follow calls as they are recorded",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.read(func(reader *audit.Reader, filter audit.Filter) error {
				return follow(cmd, l, reader, filter)
			})
		},
	}
	f.flags(cmd)
	l.flag(cmd)
	return cmd
}

// follow prints calls until the command is interrupted. JSON comes a line at a
// time: a stream has no end for an array to close at.
func follow(cmd *cobra.Command, l listing, reader *audit.Reader, filter audit.Filter) error {
	if err := l.check(); err != nil {
		return err
	}
	table := l.format == "table"
	if table {
		fmt.Fprintln(cmd.OutOrStdout(), strings.Join(callHeader, "  "))
	}
	for call, err := range reader.Follow(cmd.Context(), filter) {
		if errors.Is(err, context.Canceled) {
			return nil
		}
		if err != nil {
			return err
		}
		if table {
			fmt.Fprintln(cmd.OutOrStdout(), printable(strings.Join(callRow(call), "  ")))
		} else if err := printRows(listing{"jsonl"}, cmd.OutOrStdout(), []audit.Call{call}, nil, nil); err != nil {
			return err
		}
	}
	return nil
}
