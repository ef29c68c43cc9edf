package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"toolward/gateway"
	"toolward/web/admin"
)

func newApprovals(g *globals) *cobra.Command {
	f := whereFlags{g: g}
	cmd := &cobra.Command{
		Use: "approvals", Short: "Decide calls that policy wants a person to see",
		Long: "Asks the running gateway. Who decides is the bearer of the token in TOOLWARD_TOKEN, or else the Unix\n" +
			"user of the gateway, who can read the credential beside its record. If no gateway runs on the record, its\n" +
			"files are asked.",
	}
	f.flag(cmd)
	cmd.AddCommand(newApprovalsList(&f), newApprovalsShow(&f),
		newApprovalsDecide(&f, "approve", "Let a call run, once"),
		newApprovalsDecide(&f, "deny", "Refuse a call; the note is shown to the agent"),
		newApprovalsDecide(&f, "revoke", "Take back a consent that is not used up"))
	return cmd
}

func newApprovalsList(f *whereFlags) *cobra.Command {
	var (
		l             listing
		all, watching bool
		agent, tool   string
		state         string
	)
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Calls that wait for a person, newest first",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := l.check(); err != nil {
				return err
			}
			if all {
				state = "all"
			}
			query := given(map[string]string{"state": state, "agent": agent, "tool": tool})
			if watching {
				return watchApprovals(cmd, f, l, query)
			}
			list, err := look[admin.ApprovalList](cmd, f, "approvals?"+query.Encode())
			if err != nil {
				return err
			}
			return printRows(l, cmd.OutOrStdout(), list.Approvals, approvalHeader, approvalRow)
		},
	}
	l.flag(cmd)
	cmd.Flags().BoolVar(&all, "all", false, "also those that are decided, used or expired")
	cmd.Flags().StringVar(&state, "state", "", "pending, approved, denied, used, revoked or expired")
	cmd.Flags().StringVar(&agent, "agent", "", "only those of this agent")
	cmd.Flags().StringVar(&tool, "tool", "", "only those of this tool, by its name on /mcp")
	cmd.Flags().BoolVar(&watching, "watch", false, "go on: each that comes, and each whose state changes")
	cmd.MarkFlagsMutuallyExclusive("all", "state")
	return cmd
}

var approvalHeader = []string{"ID", "STATE", "AGENT", "TOOL", "EXPIRES", "BYTES", "ARGUMENTS"}

func approvalRow(a admin.ListedApproval) []string {
	sent := string(a.Args)
	if !isEmpty(a.Beside) {
		sent += " and " + string(a.Beside)
	}
	if a.Cut {
		sent = "(too long for a list: `toolward approvals show " + a.ID + "`)"
	}
	return []string{a.ID, string(a.State), a.Agent, a.Tool, a.Expires.UTC().Format(time.RFC3339), strconv.Itoa(a.Bytes), short(sent, 100)}
}

// watchApprovals prints approvals as they come. Rows of a table line up only by
// the widths of most, since the next one is not known.
func watchApprovals(cmd *cobra.Command, f *whereFlags, l listing, query url.Values) (err error) {
	o, err := f.open(cmd.Context())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.close()) }()
	query.Set("watch", "true")
	if o.inFiles {
		return errors.New("no gateway runs on the record, and what waits in it does not change: leave --watch out")
	}
	out := cmd.OutOrStdout()
	if l.format == "table" {
		fmt.Fprintf(out, "%-12s  %-8s  %-16s  %-24s  %s\n", "ID", "STATE", "AGENT", "TOOL", "ARGUMENTS")
	}
	err = o.lines(cmd.Context(), "approvals?"+query.Encode(), func(line []byte) error {
		if l.format != "table" {
			_, err := out.Write(line)
			return err
		}
		var a admin.ListedApproval
		if err := json.Unmarshal(line, &a); err != nil {
			return err
		}
		row := approvalRow(a)
		_, err := fmt.Fprintf(out, "%-12s  %-8s  %-16s  %-24s  %s\n", printable(row[0]), printable(row[1]), printable(row[2]), printable(row[3]), printable(row[6]))
		return err
	})
	if cmd.Context().Err() != nil {
		return nil
	}
	return err
}

func newApprovalsShow(f *whereFlags) *cobra.Command {
	l := listing{format: "text"}
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "All that a call would send, why a person is asked, and what its session has read",
		Long:  "Prints the approval: the whole of the arguments (args) and of what is sent beside them (beside), without\nwhat guard found to be secret and what policy redacts.",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := look[gateway.Approval](cmd, f, "approvals/"+segment(args[0]))
			if err != nil {
				return err
			}
			if l.format == "json" {
				return printJSON(cmd.OutOrStdout(), a)
			}
			return printApproval(cmd.OutOrStdout(), a, time.Now())
		},
	}
	l.textFlag(cmd)
	return cmd
}

// printApproval is an approval for a person who is about to decide.
func printApproval(w io.Writer, a gateway.Approval, now time.Time) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(tw, "%s\t%s\n", name, printable(value))
		}
	}
	row("approval", a.ID+", "+string(a.State))
	row("agent", a.Agent+" of "+a.Issuer)
	row("tool", a.Tool)
	for _, reason := range a.Reasons {
		row("asked because", reason)
	}
	for _, r := range a.Restored {
		row("puts back", putBack(&r))
	}
	row("asked", ago(now.Sub(a.Created)))
	if left := a.Expires.Sub(now); left > 0 {
		row("expires", "in "+left.Round(time.Second).String())
	}
	row("session", a.Session)
	row("has read", strings.Join(a.Labels, ", "))
	for _, r := range a.Recent {
		row("called", r.Tool+" ("+string(r.Effect)+")")
	}
	if a.By != "" {
		row("decided", "by "+a.By+", "+ago(now.Sub(a.Decided)))
		row("note", a.Note)
	}
	row("used by call", a.UsedBy)
	if err := tw.Flush(); err != nil {
		return err
	}
	if isEmpty(a.Beside) {
		a.Beside = nil
	}
	for _, part := range []struct {
		name string
		raw  json.RawMessage
	}{{"arguments", a.Args}, {"sent beside them", a.Beside}} {
		if len(part.raw) > 0 {
			if _, err := fmt.Fprintf(w, "\n%s:\n%s\n", part.name, visible(indented(part.raw))); err != nil {
				return err
			}
		}
	}
	return nil
}

// putBack says what stands in the arguments as a placeholder.
func putBack(r *gateway.Restored) string {
	return r.Rule + " of " + r.Server + " at " + r.Where
}

// isEmpty reports whether there is nothing in an object that would be sent.
func isEmpty(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "{}" }

func ago(d time.Duration) string { return d.Round(time.Second).String() + " ago" }

func newApprovalsDecide(f *whereFlags, verb, short string) *cobra.Command {
	var note string
	cmd := &cobra.Command{
		Use:   verb + " ID",
		Short: short,
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := order[gateway.Approval](cmd, f, "approvals/"+segment(args[0])+"/"+verb, admin.Decision{Note: note})
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "%s: %s of %s by %s\n", a.State, printable(a.Tool), printable(a.Agent), printable(a.By))
			return nil
		},
	}
	cmd.Flags().StringVar(&note, "note", "", "why, for the record")
	return cmd
}
