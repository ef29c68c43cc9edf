package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"toolward/audit"
	"toolward/gateway"
)

func newAudit(g *globals) *cobra.Command {
	cmd := &cobra.Command{Use: "audit", Short: "Review, verify and export the record"}
	cmd.AddCommand(newAuditList(g), newAuditShow(g), newAuditTrace(g), newAuditStory(g), newAuditDiff(g), newAuditCase(g), newAuditView(g), newAuditEvents(g), newAuditStats(g), newAuditTail(g), newAuditVerify(g), newAuditExport(g), newAuditPrune(g), newAuditErase(g), newAuditSegment(g), newAuditBackup(g), newAuditRotate(g), newAuditHash(g))
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

// open opens the database, with all that was recorded until now.
func (r *record) open(ctx context.Context) (*audit.Reader, error) {
	path, err := r.path()
	if err != nil {
		return nil, err
	}
	if err := audit.Complete(ctx, audit.Options{Path: path}); errors.As(err, new(*audit.MissingError)) {
		fmt.Fprintf(r.g.stderr, "toolward: what follows is not all: %v\n", err)
	} else if err != nil {
		return nil, err
	}
	return audit.OpenReader(path)
}

var callHeader = []string{"TIME", "ID", "AGENT", "TOOL", "EFFECT", "OUTCOME", "MS", "WHY"}

// callRow is a call in a line that a screen is wide enough for: the beginning of its ID
// names it to every command but erase.
func callRow(c audit.Call) []string {
	at, _, _ := strings.Cut(strings.TrimSuffix(c.Time, "Z"), ".")
	return []string{at + "Z", c.ID[:min(len(c.ID), shownID)], short(c.Agent, 20), short(orMethod(c), 32), c.Effect, c.Outcome, strconv.FormatFloat(c.Ms, 'f', 1, 64), short(why(c), 64)}
}

// shownID is how much of a call's ID is shown: its milliseconds, and 12 bits besides.
const shownID = len("01a22771-b162-77d7")

// why is what a reviewer is told of a refusal: behind the reason that every stranger
// gets, and behind "the gateway could not decide", there is a cause.
func why(c audit.Call) string {
	if c.Cause != "" && (c.Code == string(gateway.Unauthenticated) || c.Code == string(gateway.Internal)) {
		return c.Cause
	}
	return reasons(c)
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
		f       = calls{desk: newDesk(g)}
		l       listing
		limit   int
		before  int64
		oldest  bool
		columns []string
		sort    string
	)
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Calls, newest first",
		Example: "  toolward audit list --since 24h --effect deny\n  toolward audit list --agent ci --tool files__write_file -o jsonl\n" +
			"  toolward audit list --label external --not outcome=ok --columns time,agent,tool,code,args -o csv",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.read(cmd.Context(), func(reader asker, filter audit.Filter) error {
				var (
					calls []audit.Call
					next  int64
					err   error
				)
				switch by, down := strings.CutPrefix(sort, "-"); {
				case by != "" && !audit.HasColumn(by):
					return fmt.Errorf("--sort %s: calls have no such column%s", sort, meant(by, audit.Columns()))
				case by != "":
					calls, err = reader.Sorted(cmd.Context(), filter, by, down, limit)
				case oldest:
					calls, next, err = reader.ListOldest(cmd.Context(), filter, limit, before)
				default:
					calls, next, err = reader.List(cmd.Context(), filter, limit, before)
				}
				if err != nil {
					return err
				}
				if err := printCalls(l, cmd.OutOrStdout(), calls, columns); err != nil {
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
	l.tableFlag(cmd)
	cmd.Flags().StringSliceVar(&columns, "columns", nil, "columns of the view calls, such as time,agent,args")
	cmd.Flags().BoolVar(&oldest, "oldest", false, "oldest first")
	cmd.Flags().StringVar(&sort, "sort", "", "order by this column of all calls that are found, -ms for the slowest first; every one is read")
	cmd.MarkFlagsMutuallyExclusive("sort", "oldest")
	cmd.Flags().IntVar(&limit, "limit", 50, "at most so many, up to 1000")
	cmd.Flags().Int64Var(&before, "before", 0, "go on where a listing ended")
	cmd.MarkFlagsMutuallyExclusive("sort", "before")
	return cmd
}

func newAuditShow(g *globals) *cobra.Command {
	var (
		r = newDesk(g)
		l = listing{format: "text"}
	)
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Everything that is on record about a call",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.read(cmd.Context(), func(reader asker) error {
				call, events, err := reader.Show(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				if l.format == "json" {
					return printJSON(cmd.OutOrStdout(), map[string]any{"call": call, "events": events})
				}
				printCall(cmd.OutOrStdout(), call)
				return printRestored(cmd.OutOrStdout(), events)
			})
		},
	}
	r.flag(cmd)
	l.textFlag(cmd)
	return cmd
}

func newAuditTail(g *globals) *cobra.Command {
	var (
		f     = calls{desk: newDesk(g)}
		l     listing
		after string
	)
	cmd := &cobra.Command{
		Use:   "tail",
		Short: "Follow calls as they end",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := l.check(); err != nil {
				return err
			}
			var from *audit.Cursor
			if after != "" {
				c, err := audit.ParseCursor(after)
				if err != nil {
					return fmt.Errorf("--after: %w", err)
				}
				from = &c
			}
			return f.read(cmd.Context(), func(reader asker, filter audit.Filter) error {
				return follow(cmd, l, reader, filter, from)
			})
		},
	}
	f.flags(cmd)
	l.flag(cmd)
	cmd.Flags().StringVar(&after, "after", "", "begin behind this cursor, the member of the last line that was read; 0 is the beginning")
	return cmd
}

// follow prints calls until the command is interrupted. JSON comes a line at a
// time: a stream has no end for an array to close at.
func follow(cmd *cobra.Command, l listing, reader asker, filter audit.Filter, after *audit.Cursor) error {
	table := l.format == "table"
	if table {
		fmt.Fprintln(cmd.OutOrStdout(), strings.Join(callHeader, "  "))
	}
	for call, err := range reader.Follow(cmd.Context(), filter, after) {
		if errors.Is(err, context.Canceled) {
			return nil
		}
		if err != nil {
			return err
		}
		if table {
			fmt.Fprintln(cmd.OutOrStdout(), printable(strings.Join(callRow(call.Call), "  ")))
		} else if err := printRows(listing{"jsonl"}, cmd.OutOrStdout(), []audit.Ended{call}, nil, nil); err != nil {
			return err
		}
	}
	return nil
}
