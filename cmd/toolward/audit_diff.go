package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"toolward/audit"
)

func newAuditDiff(g *globals) *cobra.Command {
	var (
		r = record{g: g}
		l = listing{format: "text"}
	)
	cmd := &cobra.Command{
		Use:   "diff CALL CALL",
		Short: "In what two calls differ: arguments, who asked, what was decided by which rules, result",
		Long:  "Times, sizes and numbers, in which any two calls differ, are left out. Exit code 1 if there are differences.",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			reader, err := r.open()
			if err != nil {
				return err
			}
			defer reader.Close()
			a, b, differences, err := reader.Diff(cmd.Context(), args[0], args[1])
			if err != nil {
				return err
			}
			if l.format == "json" {
				err = printJSON(cmd.OutOrStdout(), map[string]any{"a": a.ID, "b": b.ID, "differences": differences})
			} else {
				printDiff(cmd, a, b, differences)
			}
			if err == nil && len(differences) > 0 {
				err = foundError{fmt.Sprintf("%d differences", len(differences))}
			}
			return err
		},
	}
	r.flag(cmd)
	l.textFlag(cmd)
	return cmd
}

func printDiff(cmd *cobra.Command, a, b audit.Call, differences []audit.Difference) {
	w := cmd.OutOrStdout()
	fmt.Fprintf(w, "a  %s\nb  %s\n", printable(sentence(a)), printable(sentence(b)))
	for _, d := range differences {
		fmt.Fprintf(w, "\n%s\n", printable(d.Where))
		for _, side := range []struct{ mark, text string }{{"-", d.A}, {"+", d.B}} {
			if side.text != "" {
				fmt.Fprintf(w, "  %s %s\n", side.mark, printable(short(side.text, 400)))
			}
		}
	}
}
