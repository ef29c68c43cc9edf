package main

import (
	"fmt"
	"os/user"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"toolward/audit"
	"toolward/gateway"
)

func newApprovals(g *globals) *cobra.Command {
	cmd := &cobra.Command{Use: "approvals", Short: "Decide calls that policy wants a person to see"}
	cmd.AddCommand(newApprovalsList(g), newApprovalsShow(g),
		newApprovalsDecide(g, "approve", "Let a call run, once", gateway.ApprovalGiven),
		newApprovalsDecide(g, "deny", "Refuse a call", gateway.ApprovalRefused))
	return cmd
}

func openState(g *globals) (*audit.State, error) {
	cfg, err := loadOrDemo(g)
	if err != nil {
		return nil, err
	}
	return audit.OpenState(cfg.Audit.Path, "")
}

func newApprovalsList(g *globals) *cobra.Command {
	var (
		l   listing
		all bool
	)
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Calls that wait for a person, newest first",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			state, err := openState(g)
			if err != nil {
				return err
			}
			defer state.Close()
			which := gateway.ApprovalOpen
			if all {
				which = ""
			}
			list, err := state.Approvals(cmd.Context(), which, 200)
			if err != nil {
				return err
			}
			return printRows(l, cmd.OutOrStdout(), list, []string{"ID", "STATE", "AGENT", "TOOL", "EXPIRES", "BYTES", "ARGUMENTS"}, func(a gateway.Approval) []string {
				sent := string(a.Args)
				if len(a.Beside) > 0 {
					sent += " and " + string(a.Beside)
				}
				return []string{a.ID, string(a.State), a.Agent, a.Tool, a.Expires.UTC().Format(time.RFC3339), strconv.Itoa(len(sent)), short(sent, 100)}
			})
		},
	}
	l.flag(cmd)
	cmd.Flags().BoolVar(&all, "all", false, "also those that are decided, used or expired")
	return cmd
}

func newApprovalsShow(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "show ID",
		Short: "All that a call would send, and why a person is asked",
		Long:  "Prints the approval as JSON: the whole of the arguments (args) and of what is sent beside them\n(beside), without what guard found to be secret and what policy redacts.",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			state, err := openState(g)
			if err != nil {
				return err
			}
			defer state.Close()
			a, err := state.Approval(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return printJSON(cmd.OutOrStdout(), a)
		},
	}
}

func newApprovalsDecide(g *globals, use, short string, decision gateway.ApprovalState) *cobra.Command {
	var note string
	cmd := &cobra.Command{
		Use:   use + " ID",
		Short: short,
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			u, err := user.Current()
			if err != nil {
				return fmt.Errorf("who decides? %w", err)
			}
			by := gateway.Operator{Issuer: gateway.LocalOperators, Subject: u.Username}
			state, err := openState(g)
			if err != nil {
				return err
			}
			defer state.Close()
			a, err := state.Decide(cmd.Context(), args[0], decision, by, note, time.Now())
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "%s: %s of %s by %s\n", a.State, printable(a.Tool), printable(a.Agent), by)
			return nil
		},
	}
	cmd.Flags().StringVar(&note, "note", "", "why, for the record")
	return cmd
}
