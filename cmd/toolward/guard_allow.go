package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"toolward/guard"
)

func newGuardAllow(g *globals) *cobra.Command {
	cmd := &cobra.Command{Use: "allow", Short: "Exceptions: findings that are not to be acted on"}
	cmd.AddCommand(newGuardAllowAdd(g), newGuardAllowList(g), newGuardAllowRemove(g))
	return cmd
}

func openAllow(g *globals) (*guard.AllowList, error) {
	cfg, err := loadUnstarted(g)
	if err != nil {
		return nil, err
	}
	return guard.OpenAllow(allowPath(cfg))
}

func newGuardAllowAdd(g *globals) *cobra.Command {
	var (
		e   guard.Exception
		ttl string
	)
	cmd := &cobra.Command{
		Use:     "add --reason WHY (--print FINGERPRINT | --rule RULE) [--tool NAME]",
		Short:   "Except findings by fingerprint or rule, for a tool or all",
		Example: "  toolward guard allow add --print 8c0f… --reason 'sample key in our docs' --expires 90d",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if ttl != "" {
				then, err := parseWhen(ttl, time.Now())
				if err != nil {
					return err
				}
				if then.Before(time.Now()) { // an age means as far ahead
					then = time.Now().Add(time.Since(then))
				}
				e.Expires = then
			}
			who, err := whoRuns()
			if err != nil {
				return err
			}
			e.By = who.String()
			list, err := openAllow(g)
			if err != nil {
				return err
			}
			added, err := list.Add(e, func(e guard.Exception) error {
				if err := noteDone(cmd.Context(), g, guard.EventExcepted, e); err != nil {
					return fmt.Errorf("an exception that is not on record does not hold: %w", err)
				}
				return nil
			})
			if err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), added.ID)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&e.Print, "print", "", "fingerprint of a finding, as `toolward audit show` prints it")
	f.StringVar(&e.Rule, "rule", "", "rule, or kind.*")
	f.StringVar(&e.Tool, "tool", "", "wire name of a tool, or server__*")
	f.StringVar(&e.Reason, "reason", "", "why, for the next reviewer")
	f.StringVar(&ttl, "expires", "", "until when: 2027-01-31, or in 90d")
	_ = cmd.MarkFlagRequired("reason") // fails only for a flag that does not exist
	return cmd
}

func newGuardAllowList(g *globals) *cobra.Command {
	var l listing
	cmd := &cobra.Command{
		Use:   "list",
		Short: "The exceptions, oldest first",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := openAllow(g)
			if err != nil {
				return err
			}
			return printRows(l, cmd.OutOrStdout(), list.List(), []string{"ID", "PRINT", "RULE", "TOOL", "EXPIRES", "REASON"}, func(e guard.Exception) []string {
				expires := "never"
				if !e.Expires.IsZero() {
					expires = e.Expires.Format(time.RFC3339)
				}
				return []string{e.ID, e.Print, e.Rule, e.Tool, expires, e.Reason}
			})
		},
	}
	l.flag(cmd)
	return cmd
}

func newGuardAllowRemove(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "remove ID",
		Short: "Act on the findings again",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			list, err := openAllow(g)
			if err != nil {
				return err
			}
			i := slices.IndexFunc(list.List(), func(e guard.Exception) bool { return e.ID == args[0] })
			if i < 0 {
				return fmt.Errorf("%w: %q", guard.ErrNoException, args[0])
			}
			if err := noteDone(cmd.Context(), g, guard.EventExceptionRemoved, list.List()[i]); err != nil {
				return err
			}
			return list.Remove(args[0])
		},
	}
}
