package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"toolward/gateway"
	"toolward/web/admin"
)

func newMeters(g *globals) *cobra.Command {
	f := whereFlags{g: g}
	cmd := &cobra.Command{
		Use: "meters", Short: "What policy's meters have counted, and whom they keep out",
		Long: "A meter is what policy counts and adds up over time (docs/policy.md, Over time). A counter is there from the\nfirst call that adds to it until its window is empty.",
	}
	f.flag(cmd)
	cmd.AddCommand(newMetersList(&f), newMetersReset(&f))
	return cmd
}

// meterFlags say which counters are meant.
func meterFlags(cmd *cobra.Command, of *gateway.MeterOf) {
	fl := cmd.Flags()
	fl.StringVar(&of.Agent, "agent", "", "what counts for this agent, or for its sessions")
	fl.StringVar(&of.Issuer, "issuer", "", "with --agent: only that of this issuer")
	fl.StringVar(&of.Session, "session", "", "what counts for the session with this ID, as the record has it")
	fl.StringVar(&of.Tool, "tool", "", "what counts for this tool, by its name on /mcp")
	fl.StringVar(&of.Key, "key", "", "only this key, as policy gave it or as list shows it")
}

func newMetersList(f *whereFlags) *cobra.Command {
	var (
		l  listing
		of gateway.MeterOf
	)
	cmd := &cobra.Command{
		Use:   "list [NAME]",
		Short: "What meters count now, by name, the largest sums first",
		Long:  "Keys are shown as the tokens under which the record has them. RUNNING are those of COUNT that are under way.",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				of.Name = args[0]
			}
			query := given(map[string]string{"name": of.Name, "agent": of.Agent, "issuer": of.Issuer, "session": of.Session, "tool": of.Tool, "key": of.Key})
			list, err := look[admin.MeterList](cmd, f, "meters?"+query.Encode())
			if err != nil {
				return err
			}
			if list.More > 0 {
				fmt.Fprintf(cmd.ErrOrStderr(), "%d more are not shown: name a meter, an agent or a key\n", list.More)
			}
			header := []string{"METER", "PER", "OF", "KEY", "WINDOW", "COUNT", "SUM", "RUNNING", "UNTIL"}
			return printRows(l, cmd.OutOrStdout(), list.Meters, header, func(c gateway.Counter) []string {
				of, until := c.Of, ""
				if c.Per == gateway.PerAgent {
					of = c.Agent
				}
				if !c.Until.IsZero() {
					until = c.Until.UTC().Format(time.RFC3339)
				}
				return []string{c.Name, string(c.Per), of, c.Key, c.Window, strconv.Itoa(c.Count), c.Sum.String(), strconv.Itoa(c.Running), until}
			})
		},
	}
	l.flag(cmd)
	meterFlags(cmd, &of)
	return cmd
}

func newMetersReset(f *whereFlags) *cobra.Command {
	var b admin.ResetMeter
	cmd := &cobra.Command{
		Use:   "reset NAME (--agent ID | --session ID | --tool NAME | --everyone) --why TEXT",
		Short: "Let a meter count anew",
		Long: "What was counted so far counts no more; calls under way add what they do. With --key only that key begins anew: who\n" +
			"reads the meter for all keys together reads what there was. Who did it and why stays on record.",
		Example: "  toolward meters reset refunds --agent helpdesk-bot --why 'ticket 88: a goodwill campaign'",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			done, err := order[admin.MeterReset](cmd, f, "meters/"+segment(args[0])+"/reset", b)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "%d counters of %s begin anew\n", done.Counters, printable(args[0]))
			return nil
		},
	}
	meterFlags(cmd, &b.MeterOf)
	cmd.Flags().BoolVar(&b.Everyone, "everyone", false, "all counters of the meter")
	cmd.Flags().StringVar(&b.Reason, "why", "", "why, for the record")
	_ = cmd.MarkFlagRequired("why") // fails only for a flag that does not exist
	cmd.MarkFlagsMutuallyExclusive("agent", "session", "tool", "everyone")
	cmd.MarkFlagsOneRequired("agent", "session", "tool", "everyone")
	return cmd
}
