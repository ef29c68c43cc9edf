package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"toolward/audit"
	"toolward/audit/verify"
	"toolward/config"
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
			opt, err := signedOptions(cfg)
			if err != nil {
				return err
			}
			s, err := audit.NewSegment(opt, by.String(), why, gap)
			if err == nil {
				fmt.Fprintln(cmd.ErrOrStderr(), printable(verify.Segment(s).String()))
			}
			return err
		},
	}
	cmd.Flags().StringVar(&why, "why", "", "the reason, for whoever verifies the record later")
	cmd.Flags().BoolVar(&gap, "accept-gap", false, "also behind events that are gone")
	return cmd
}

func newAuditBackup(g *globals) *cobra.Command {
	var far progressFlag
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy the record, also of a running gateway, to a file that verifies",
		Long: "Copies the record as it is, and says in the copy, signed, up to which event it goes:\n" +
			"`audit verify --db FILE` then does not take what came later for missing. The copy is\n" +
			"verified before the command ends; the public key is written beside it. It holds no keys.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			by, err := whoRuns()
			if err != nil {
				return err
			}
			cfg, err := loadBeside(g)
			if err != nil {
				return err
			}
			opt := recordOptions(cfg)
			b, err := audit.MakeBackup(cmd.Context(), opt, args[0], by.String())
			if err != nil {
				return err
			}
			check := verify.Options{Path: args[0], Keys: opt.Path + ".keys", Progress: far.report(cmd.ErrOrStderr(), "verified")}
			if outside := opt.Checkpoints; outside != "" {
				check.Checkpoints = []string{outside}
			} else if beside := opt.Path + ".checkpoints"; exists(beside) {
				check.Checkpoints = []string{beside}
			}
			v, err := verify.Record(cmd.Context(), check)
			if err != nil {
				return err
			}
			for _, p := range v.Problems {
				fmt.Fprintln(cmd.OutOrStdout(), printable(p.String()))
			}
			if len(v.Problems) > 0 {
				return foundError{"the backup is written, and does not hold: nor does the record"}
			}
			fmt.Fprintln(cmd.ErrOrStderr(), printable(verify.Backup(b).String()))
			return nil
		},
	}
	far.flag(cmd)
	return cmd
}

func newAuditRotate(g *globals) *cobra.Command {
	var why string
	cmd := &cobra.Command{
		Use:   "rotate-keys --why TEXT",
		Short: "Give a stopped gateway's record new keys, signed by the old and the new",
		Long: "The signing key and the key of MACs change; the key of redacted values does not, so that\n" +
			"equal values stay equal. Whoever trusts the old public key follows to the new one, and the\n" +
			"other way round. The key file keeps the old key of MACs, and no longer has the old signing\n" +
			"key.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if why == "" {
				return errors.New("say why, with --why: it is signed with the new key")
			}
			by, err := whoRuns()
			if err != nil {
				return err
			}
			cfg, err := loadUnstarted(g)
			if err != nil {
				return err
			}
			opt, err := signedOptions(cfg)
			if err != nil {
				return err
			}
			r, err := audit.RotateKeys(opt, by.String(), why)
			if err == nil {
				fmt.Fprintln(cmd.ErrOrStderr(), printable(verify.Rotation(r).String()))
				fmt.Fprintln(cmd.OutOrStdout(), r.New)
			}
			return err
		},
	}
	cmd.Flags().StringVar(&why, "why", "", "the reason, for whoever verifies the record later")
	return cmd
}

// signedOptions are [recordOptions] for who signs what a person says: without the
// credentials in it.
func signedOptions(cfg *config.Config) (audit.Options, error) {
	opt := recordOptions(cfg)
	scanner, err := scannerOf(cfg)
	if err != nil {
		return opt, err
	}
	opt.Own, opt.Find = hidden(cfg), scanner.Secrets
	return opt, nil
}
