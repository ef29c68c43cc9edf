package main

import (
	"context"
	"fmt"
	"net/url"

	"github.com/spf13/cobra"

	"toolward/audit"
)

// callDiff is in what two calls differ.
type callDiff struct {
	A           audit.Call         `json:"a"`
	B           audit.Call         `json:"b"`
	Differences []audit.Difference `json:"differences"`
}

// CallDiff compares two calls of the record.
func (r inFile) CallDiff(ctx context.Context, a, b string) (d callDiff, err error) {
	d.A, d.B, d.Differences, err = r.Diff(ctx, a, b)
	return d, err
}

func (r *remote) CallDiff(ctx context.Context, a, b string) (d callDiff, err error) {
	err = r.get(ctx, "diff", url.Values{"a": {a}, "b": {b}}, &d)
	return d, err
}

func newAuditDiff(g *globals) *cobra.Command {
	var (
		r = newDesk(g)
		l = listing{format: "text"}
	)
	cmd := &cobra.Command{
		Use:   "diff CALL CALL",
		Short: "In what two calls differ: arguments, who asked, what was decided by which rules, result",
		Long:  "Times, sizes and numbers, in which any two calls differ, are left out. Exit code 1 if there are differences.",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.read(cmd.Context(), func(reader asker) error {
				d, err := reader.CallDiff(cmd.Context(), args[0], args[1])
				if err != nil {
					return err
				}
				if l.format == "json" {
					err = printJSON(cmd.OutOrStdout(), map[string]any{"a": d.A.ID, "b": d.B.ID, "differences": d.Differences})
				} else {
					printDiff(cmd, d)
				}
				if err == nil && len(d.Differences) > 0 {
					err = foundError{fmt.Sprintf("%d differences", len(d.Differences))}
				}
				return err
			})
		},
	}
	r.flag(cmd)
	l.textFlag(cmd)
	return cmd
}

func printDiff(cmd *cobra.Command, diff callDiff) {
	w := cmd.OutOrStdout()
	fmt.Fprintf(w, "a  %s\nb  %s\n", printable(sentence(diff.A)), printable(sentence(diff.B)))
	for _, d := range diff.Differences {
		fmt.Fprintf(w, "\n%s\n", printable(d.Where))
		for _, side := range []struct{ mark, text string }{{"-", d.A}, {"+", d.B}} {
			if side.text != "" {
				fmt.Fprintf(w, "  %s %s\n", side.mark, printable(short(side.text, 400)))
			}
		}
	}
}
