package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"toolward/audit"
)

func newAuditSegment(g *globals) *cobra.Command {
	var (
		why string
		gap bool
	)
	cmd := &cobra.Command{
		Use:   "new-segment --why TEXT",
		Short: "Go on behind rows that are not the record's own, or behind events that are gone",
		Long: "Where somebody else wrote into the record, or changed it, a gateway does not go on. This\n" +
			"leaves every row where it is, and appends a signed statement of which are not the record's\n" +
			"own, chained to the last one that is; `audit verify` reports it. The gateway has to be\n" +
			"stopped. Restore a copy that passes instead, if you have one.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if why == "" {
				return errors.New("say why, with --why: it is signed with what is declared")
			}
			by, err := whoRuns()
			if err != nil {
				return err
			}
			cfg, err := loadBeside(g)
			if err != nil {
				return err
			}
			s, err := audit.NewSegment(recordOptions(cfg), by.String(), why, gap)
			if err == nil {
				fmt.Fprintln(cmd.ErrOrStderr(), printable(s.String()))
			}
			return err
		},
	}
	cmd.Flags().StringVar(&why, "why", "", "the reason, for whoever verifies the record later")
	cmd.Flags().BoolVar(&gap, "accept-gap", false, "also behind events that are gone")
	return cmd
}
