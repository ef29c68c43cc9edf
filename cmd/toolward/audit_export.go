package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"toolward/audit"
)

func newAuditExport(g *globals) *cobra.Command {
	var (
		f      = calls{record: record{g: g}}
		format string
	)
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write calls as JSONL, CSV (safe to open in a spreadsheet) or OCSF, oldest first",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return f.read(func(reader *audit.Reader, filter audit.Filter) error {
				n, err := reader.Export(cmd.Context(), cmd.OutOrStdout(), audit.Format(format), filter)
				if err == nil {
					fmt.Fprintf(cmd.ErrOrStderr(), "%d calls\n", n)
				}
				return err
			})
		},
	}
	f.flags(cmd)
	cmd.Flags().StringVar(&format, "format", string(audit.FormatJSONL), "jsonl, csv or ocsf")
	return cmd
}

func newAuditHash(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:   "hash VALUE",
		Short: "What stands in the record where this value was redacted",
		Long:  "Redacted values are written as keyed hashes, so that equal values can be matched.\nLook for what this prints with `toolward audit list --text`.",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
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
		},
	}
}
