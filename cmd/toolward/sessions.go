package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"toolward/gateway"
	"toolward/web/admin"
)

func newSessions(g *globals) *cobra.Command {
	f := whereFlags{g: g}
	cmd := &cobra.Command{Use: "sessions", Short: "What agents have seen and done, and labels that policy decides by"}
	f.flag(cmd)
	cmd.AddCommand(newSessionsList(&f), newSessionsShow(&f), newSessionsClear(&f))
	return cmd
}

func newSessionsList(f *whereFlags) *cobra.Command {
	var (
		l            listing
		agent, label string
	)
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Sessions that are remembered, latest first",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := look[admin.SessionList](cmd, f, "sessions?"+given(map[string]string{"agent": agent, "label": label}).Encode())
			if err != nil {
				return err
			}
			return printRows(l, cmd.OutOrStdout(), list.Sessions, []string{"ID", "AGENT", "CALLS", "LABELS", "LAST"}, func(s gateway.SessionSeen) []string {
				return []string{s.ID, s.Agent, strconv.Itoa(s.Calls), strings.Join(s.Labels, ","), s.Last.UTC().Format(time.RFC3339)}
			})
		},
	}
	l.flag(cmd)
	cmd.Flags().StringVar(&agent, "agent", "", "only those of this agent")
	cmd.Flags().StringVar(&label, "label", "", "only those that hold this label")
	return cmd
}

func newSessionsShow(f *whereFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "show ID",
		Short: "One session, with its labels and latest calls, as JSON",
		Long:  "Prints what policy sees of a session. `toolward audit list --session ID` has its calls.",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := look[gateway.SessionSeen](cmd, f, "sessions/"+segment(args[0]))
			if err != nil {
				return err
			}
			return printJSON(cmd.OutOrStdout(), s)
		},
	}
}

func newSessionsClear(f *whereFlags) *cobra.Command {
	var c admin.ClearLabels
	cmd := &cobra.Command{
		Use:   "clear ID --why TEXT",
		Short: "Take labels away from a session",
		Long:  "Takes labels away, all of them unless --label names some: what the session has read counts as not read from now\non. Who did it and why stays on record.",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := order[gateway.SessionSeen](cmd, f, "sessions/"+segment(args[0])+"/clear", c)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "cleared; labels of %s now: %s\n", printable(s.Agent), printable(strings.Join(s.Labels, ", ")))
			return nil
		},
	}
	cmd.Flags().StringArrayVar(&c.Labels, "label", nil, "only this label; repeat for several")
	cmd.Flags().StringVar(&c.Reason, "why", "", "why, for the record")
	_ = cmd.MarkFlagRequired("why") // fails only for a flag that does not exist
	return cmd
}
