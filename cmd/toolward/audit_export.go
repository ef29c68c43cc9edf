package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"toolward/audit"
)

func newAuditExport(g *globals) *cobra.Command {
	var (
		f             = calls{desk: newDesk(g)}
		format, after string
		events        bool
		far           progressFlag
	)
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write calls as JSONL, CSV (safe to open in a spreadsheet) or OCSF, oldest first",
		Long: "With --after, calls come in the order in which they ended, each with its cursor: give the last whole\n" +
			"line's to the next export, whatever became of this one, and nothing is lost or comes twice. With --events\n" +
			"whatever is on record comes: as JSONL each event, as OCSF calls, findings and the gateway's own events.",
		Example: "  toolward audit export --since 7d --format csv > calls.csv\n  toolward audit export --after 0 --events --format ocsf",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			from, err := audit.ParseCursor(after)
			if err != nil {
				return fmt.Errorf("--after: %w", err)
			}
			return f.read(cmd.Context(), func(reader asker, filter audit.Filter) error {
				all := !events && !cmd.Flags().Changed("after")
				out, err := far.along(cmd, reader, filter, all && format != string(audit.FormatOCSF))
				if err != nil {
					return err
				}
				if !all {
					n, end, err := reader.Ship(cmd.Context(), out, audit.Format(format), filter, from, events)
					fmt.Fprintf(cmd.ErrOrStderr(), "%d lines; go on with --after %s\n", n, end)
					return err
				}
				n, err := reader.Export(cmd.Context(), out, audit.Format(format), filter)
				if err == nil {
					fmt.Fprintf(cmd.ErrOrStderr(), "%d calls\n", n)
				}
				return err
			})
		},
	}
	f.flags(cmd)
	far.flag(cmd)
	cmd.Flags().StringVar(&format, "format", string(audit.FormatJSONL), "jsonl, csv or ocsf")
	cmd.Flags().StringVar(&after, "after", "0", "go on behind this cursor; 0 is the beginning")
	cmd.Flags().BoolVar(&events, "events", false, "everything on record, not only calls")
	return cmd
}

// along is where an export goes: past whoever is told how far it is. What there is
// to export is only counted, never read for it.
func (p *progressFlag) along(cmd *cobra.Command, reader asker, filter audit.Filter, lineEach bool) (io.Writer, error) {
	out := &lineCounter{Writer: cmd.OutOrStdout(), far: p.report(cmd.ErrOrStderr(), "exported"), of: -1}
	if out.far == nil {
		return out.Writer, nil
	}
	if lineEach && filter.Counted() {
		s, err := reader.Stats(cmd.Context(), filter)
		if err != nil {
			return nil, err
		}
		out.of = s.Calls
	}
	return out, nil
}

func newAuditHash(g *globals) *cobra.Command {
	where := whereFlags{g: g}
	cmd := &cobra.Command{
		Use:   "hash VALUE",
		Short: "What stands in the record where this value was redacted",
		Long: "Redacted values are written as keyed hashes, so that equal values can be matched.\nLook for what this prints with `toolward audit list --text`.\n" +
			"It takes the key beside the record, or with --url the role admin.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if where.url == "" {
				cfg, err := loadBeside(g)
				if err != nil {
					return err
				}
				keys, err := audit.LoadKeys(cfg.Audit.Path + ".keys")
				if err != nil {
					return err
				}
				fmt.Fprintln(cmd.OutOrStdout(), keys.Token(args[0]))
				return nil
			}
			h, err := order[hashed](cmd, &where, "audit/hash", hashOrder{args[0]})
			if err != nil {
				return err
			}
			fmt.Fprintln(cmd.OutOrStdout(), h.Hash)
			return nil
		},
	}
	where.flag(cmd)
	return cmd
}
