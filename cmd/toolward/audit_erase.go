package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"toolward/audit"
)

// newAuditErase goes through the gateway that has the record.
func newAuditErase(g *globals) *cobra.Command {
	var (
		where = whereFlags{g: g}
		e     eraseOrder
	)
	cmd := &cobra.Command{
		Use:   "erase (--agent ID | --session ID | --call ID) --why TEXT",
		Short: "Remove one person's texts from the record, on record",
		Long: "Removes the arguments and results of an agent, a session or a call, and what else was kept of\n" +
			"them; of an agent also the claims of its tokens. What was decided stays, and the chain holds:\n" +
			"`toolward audit verify` says what is gone, by which event, and why.",
		Example: "  toolward audit erase --agent ann --why 'request of 2026-11-28, case 4711'",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			erased, err := order[audit.Erasure](cmd, &where, "audit/erase", e)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "%d texts and %d sets of claims erased\n", erased.Texts, erased.Shared)
			return nil
		},
	}
	where.flag(cmd)
	fl := cmd.Flags()
	fl.StringVar(&e.Agent, "agent", "", "the texts of this agent's calls, and its claims")
	fl.StringVar(&e.Session, "session", "", "the texts of this session's calls")
	fl.StringVar(&e.Call, "call", "", "the texts of this call, by its whole ID")
	fl.StringVar(&e.Why, "why", "", "why; it stays on record")
	_ = cmd.MarkFlagRequired("why") // fails only for a flag that does not exist
	return cmd
}
