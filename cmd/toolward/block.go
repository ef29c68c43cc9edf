package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"toolward/gateway"
	"toolward/web/admin"
)

func newBlock(g *globals) *cobra.Command {
	f := whereFlags{g: g}
	cmd := &cobra.Command{
		Use: "block", Short: "Stop an agent, a token, a session, a tool, an upstream, or everything",
		Long: "Asks the running gateway, where a block holds from the next call on and calls under way are cancelled. If no\n" +
			"gateway runs on the record, it holds from the next start.",
	}
	f.flag(cmd)
	cmd.AddCommand(newBlockAdd(&f), newBlockList(&f), newBlockLift(&f))
	return cmd
}

func newBlockAdd(f *whereFlags) *cobra.Command {
	var (
		b      admin.NewBlock
		all    bool
		length time.Duration
		ends   string
	)
	names := map[gateway.BlockKind]*string{}
	cmd := &cobra.Command{
		Use:     "add (--agent ID | --token JTI | --session ID | --tool NAME | --upstream NAME | --all) --why TEXT",
		Short:   "Stop something now",
		Example: "  toolward block add --agent helpdesk-bot --for 2h --why 'incident 4711: it mails strangers'",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if all {
				b.Kind = gateway.BlockAll
			}
			for kind, name := range names {
				if *name != "" {
					b.Kind, b.Name = kind, *name
				}
			}
			if b.Until, err = blockEnd(cmd, length, ends, time.Now()); err != nil {
				return err
			}
			o, err := f.open(cmd.Context())
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, o.close()) }()
			var made gateway.Block
			if err := o.ask(cmd.Context(), http.MethodPost, "blocks", b, &made); err != nil {
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "stopped %s %s%s, by %s; lift it with `toolward block lift %s`\n",
				made.Kind, printable(made.Name), until(made), printable(made.By.String()), made.ID)
			return sayUnknown(cmd, o, made)
		},
	}
	fl := cmd.Flags()
	flags := []string{"all"}
	for _, k := range []struct {
		flag, about string
		kind        gateway.BlockKind
	}{
		{"agent", "the agent with this ID", gateway.BlockAgent},
		{"token", "the token with this jti", gateway.BlockToken},
		{"session", "the session with this ID, as the record has it", gateway.BlockSession},
		{"tool", "the tool of this name on /mcp", gateway.BlockTool},
		{"upstream", "everything of this upstream", gateway.BlockServer},
	} {
		names[k.kind] = new(string)
		fl.StringVar(names[k.kind], k.flag, "", k.about)
		flags = append(flags, k.flag)
	}
	fl.BoolVar(&all, "all", false, "every call of everybody")
	fl.StringVar(&b.Issuer, "issuer", "", "of agents, tokens and sessions: only those of this issuer")
	fl.StringVar(&b.Reason, "why", "", "why; agents are told it, and it stays on record")
	durationVar(fl, &length, "for", 0, "how long, such as 2h or 3d; without it, until it is lifted")
	fl.StringVar(&ends, "until", "", "when it ends: 2026-01-31 for its beginning in UTC, or RFC 3339")
	_ = cmd.MarkFlagRequired("why") // fails only for a flag that does not exist
	cmd.MarkFlagsMutuallyExclusive(flags...)
	cmd.MarkFlagsMutuallyExclusive("for", "until")
	cmd.MarkFlagsOneRequired(flags...)
	return cmd
}

// blockEnd is when a block ends that is told --for or --until, zero for one that
// is lifted. One that would have ended already is none.
func blockEnd(cmd *cobra.Command, length time.Duration, ends string, now time.Time) (end time.Time, err error) {
	switch {
	case cmd.Flags().Changed("until"):
		if end, err = time.Parse(time.DateOnly, ends); err != nil {
			if end, err = time.Parse(time.RFC3339, ends); err != nil {
				return end, fmt.Errorf("--until %q: no time, such as 2026-01-31 or 2026-01-31T18:00:00Z", ends)
			}
		}
		if !end.After(now) {
			return end, fmt.Errorf("--until %s: it would have ended already", ends)
		}
	case length > 0:
		end = now.Add(length)
	case cmd.Flags().Changed("for"):
		return end, fmt.Errorf("--for %s: it would have ended already", length)
	}
	return end.UTC(), nil
}

// sayUnknown says when a block names what the gateway does not know: in a hurry
// names are misspelt, and a block of nothing looks like one of something. It holds
// all the same: what is unknown now may come.
func sayUnknown(cmd *cobra.Command, o *operations, b gateway.Block) error {
	known, err := knows(cmd.Context(), o, b)
	var p *problemError
	switch {
	case errors.As(err, &p):
		return nil // no gateway runs that has upstreams
	case err != nil || known:
		return err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "no %s %s is known to the gateway now: is the name right?\n", b.Kind, printable(b.Name))
	return nil
}

// knows reports whether there is what a block names. What tokens and sessions
// there are is not all known.
func knows(ctx context.Context, o *operations, b gateway.Block) (bool, error) {
	switch b.Kind {
	case gateway.BlockTool:
		var list admin.ToolList
		err := o.ask(ctx, http.MethodGet, "tools", nil, &list)
		return slices.ContainsFunc(list.Tools, func(t admin.Tool) bool { return t.Name == b.Name }), err
	case gateway.BlockServer:
		var h admin.Health
		err := o.ask(ctx, http.MethodGet, "health", nil, &h)
		return slices.ContainsFunc(h.Upstreams, func(u admin.UpstreamHealth) bool { return u.Name == b.Name }), err
	case gateway.BlockAgent:
		var list admin.SessionList
		err := o.ask(ctx, http.MethodGet, "sessions?agent="+url.QueryEscape(b.Name), nil, &list)
		return len(list.Sessions) > 0, err
	}
	return true, nil
}

func until(b gateway.Block) string {
	if b.Until.IsZero() {
		return ""
	}
	return " until " + b.Until.UTC().Format(time.RFC3339)
}

func newBlockList(f *whereFlags) *cobra.Command {
	var l listing
	cmd := &cobra.Command{
		Use:   "list",
		Short: "What is stopped, by whom, why, and until when",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := look[admin.BlockList](cmd, f, "blocks")
			if err != nil {
				return err
			}
			return printRows(l, cmd.OutOrStdout(), list.Blocks, []string{"ID", "KIND", "NAME", "SINCE", "UNTIL", "BY", "WHY"}, func(b gateway.Block) []string {
				end := "lifted"
				if !b.Until.IsZero() {
					end = b.Until.UTC().Format(time.RFC3339)
				}
				return []string{b.ID, string(b.Kind), b.Name, b.Time.UTC().Format(time.RFC3339), end, b.By.String(), short(b.Reason, 100)}
			})
		},
	}
	l.flag(cmd)
	return cmd
}

func newBlockLift(f *whereFlags) *cobra.Command {
	var lifted admin.Lifted
	cmd := &cobra.Command{
		Use:   "lift ID --why TEXT",
		Short: "End a block",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			left, err := order[admin.BlockList](cmd, f, "blocks/"+segment(args[0])+"/lift", lifted)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "lifted %s; %d blocks are left\n", printable(args[0]), len(left.Blocks))
			return nil
		},
	}
	cmd.Flags().StringVar(&lifted.Reason, "why", "", "why, for the record")
	_ = cmd.MarkFlagRequired("why") // fails only for a flag that does not exist
	return cmd
}
