package main

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"toolward/audit"
)

// newAuditEvents lists what is on record below the calls: above all what the
// gateway did of its own accord.
func newAuditEvents(g *globals) *cobra.Command {
	var (
		r      = newDesk(g)
		l      listing
		q      audit.EventQuery
		when   span
		limit  int
		before int64
		calls  bool
	)
	cmd := &cobra.Command{
		Use:     "events",
		Short:   "Events, newest first: starts, policies, decisions of people, checkpoints; with --calls those of calls too",
		Example: "  toolward audit events --since 24h\n  toolward audit events --type policy.loaded,policy.reload_failed -o jsonl",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if q.Since, q.Until, err = when.times(time.Now()); err != nil {
				return err
			}
			if err := areTypes(q.Types); err != nil {
				return err
			}
			q.Own = !calls
			return r.read(cmd.Context(), func(reader asker) error {
				events, next, err := reader.Events(cmd.Context(), q, limit, before)
				if err != nil {
					return err
				}
				if next != 0 {
					defer fmt.Fprintf(cmd.ErrOrStderr(), "there are more: --before %d\n", next)
				}
				return printRows(l, cmd.OutOrStdout(), events, []string{"SEQ", "TIME", "TYPE", "CALL", "BODY"}, func(e audit.Event) []string {
					return []string{strconv.FormatInt(e.Seq, 10), time.UnixMilli(e.TimeUnixMs).UTC().Format(time.RFC3339), e.Type, e.Call, short(string(e.Body), 100)}
				})
			})
		},
	}
	r.flag(cmd)
	l.flag(cmd)
	fl := cmd.Flags()
	fl.StringSliceVar((*[]string)(&q.Types), "type", nil, "events of this type")
	when.flags(cmd)
	fl.IntVar(&limit, "limit", 50, "at most so many, up to 1000")
	fl.Int64Var(&before, "before", 0, "go on where a listing ended")
	fl.BoolVar(&calls, "calls", false, "those of calls as well")
	return cmd
}

// areTypes refuses a type that there is not: nothing found must not read as nothing
// happened.
func areTypes(types []string) error {
	var known []string
	for _, t := range audit.Types {
		known = append(known, t.Name)
	}
	for _, t := range types {
		if !slices.Contains(known, t) {
			return fmt.Errorf("--type %s: there is no such event%s", t, meant(t, known))
		}
	}
	return nil
}
