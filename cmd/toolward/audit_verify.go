package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"toolward/audit"
	"toolward/audit/verify"
	"toolward/config"
	"toolward/web/admin"
)

func newAuditVerify(g *globals) *cobra.Command {
	var (
		r      = record{g: g}
		opt    verify.Options
		asOf   string
		counts bool
		where  = whereFlags{g: g}
		far    progressFlag
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Prove that nothing in the record was changed, removed or reordered",
		Long: "Follows the chain of hashes, the signed checkpoints and the MACs, and says where they do\n" +
			"not hold, and what proves that the rest is what was recorded. A tail that was cut off, or\n" +
			"a record that was rebuilt as a whole, shows only against checkpoints that left the\n" +
			"database: give the newest with --checkpoints, in a file of them or in the gateway's log.\n" +
			"Exit code 1 if something does not hold.",
		Example: "  toolward audit verify\n" +
			"  toolward audit verify --db copy.db --public-key \"$(cat auditor/toolward.db.pub)\" --checkpoints auditor/toolward.db.checkpoints",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if where.url != "" {
				order := admin.VerifyOrder{Counts: counts, Strict: opt.Strict, ExpectFirst: opt.ExpectFirst, AsOf: asOf}
				v, err := verifyThere(cmd, &where, order, far.report(cmd.ErrOrStderr(), "verified"))
				return verified(cmd, v, asJSON, err)
			}
			path, err := r.path()
			if err != nil {
				return err
			}
			opt.Path, opt.Live = path, r.db == ""
			if beside := path + ".keys"; opt.Keys == "" && readableFile(beside) {
				opt.Keys = beside
			}
			if opt.AsOfEvent, opt.AsOfTime, err = parseAsOf(asOf, time.Now()); err != nil {
				return err
			}
			if counts {
				reader, err := audit.OpenReader(path) // as it is
				if err != nil {
					return err
				}
				defer reader.Close()
				opt.Derived = []verify.Derived{{Table: "counts", Check: reader.Compare}}
			}
			opt.Progress = far.report(cmd.ErrOrStderr(), "verified")
			v, err := verify.Record(cmd.Context(), opt)
			return verified(cmd, v, asJSON, err)
		},
	}
	r.flag(cmd)
	cmd.Flags().StringVar(&where.url, "url", "", "base URL of a gateway that verifies its own record, with an approver's token in TOOLWARD_TOKEN")
	far.flag(cmd)
	fl := cmd.Flags()
	fl.StringVar(&opt.PublicKey, "public-key", "", "verifier key, instead of the one beside the database")
	fl.StringArrayVar(&opt.Checkpoints, "checkpoints", nil, "file or log with checkpoints that left the database, instead of the file beside it; repeat for several")
	fl.StringVar(&opt.Keys, "keys", "", "key file, to look at the MAC of each event, instead of the one beside the database if that can be read")
	fl.Int64Var(&opt.ExpectFirst, "expect-first", 0, "the event at which the record has to begin, at the latest")
	fl.StringVar(&asOf, "as-of", "", "the record is a copy of this time, or up to this event: later checkpoints are left aside")
	fl.BoolVar(&counts, "counts", false, "compare what listings and statistics read with the events too; it takes several times as long")
	fl.BoolVar(&opt.Strict, "strict", false, "what was pruned, and breaks that somebody went on behind, are problems too")
	fl.BoolVar(&asJSON, "json", false, "print JSON")
	for _, auditors := range []string{"db", "public-key", "checkpoints", "keys"} {
		cmd.MarkFlagsMutuallyExclusive(auditors, "url")
	}
	return cmd
}

// verified prints what a verification found, unless an error kept it from that.
func verified(cmd *cobra.Command, v verify.Report, asJSON bool, err error) error {
	if err != nil {
		return err
	}
	if asJSON {
		err = printJSON(cmd.OutOrStdout(), v)
	} else {
		printVerification(cmd.OutOrStdout(), v)
	}
	if err == nil && len(v.Problems) > 0 {
		err = foundError{"the record does not hold"}
	}
	return err
}

func printVerification(w io.Writer, v verify.Report) {
	say := func(line string) { fmt.Fprintln(w, printable(line)) }
	say(fmt.Sprintf("%d events (%d to %d) chained, signed up to %d; %d checkpoints inside and %d outside hold",
		v.Events, v.First, v.Last, v.Signed, v.Inside, v.Outside))
	if v.Backup != nil {
		say(v.Backup.String())
	}
	for _, p := range v.Proof {
		say(p.String())
	}
	for _, p := range v.Prunes {
		say(p.String())
	}
	for _, s := range v.Segments {
		say(s.String())
	}
	for _, r := range v.Rotations {
		say(r.String())
	}
	for _, gone := range v.Gone {
		say(gone.String())
	}
	for _, n := range v.Notices {
		say("note: " + n)
	}
	for _, p := range v.Problems {
		say(p.String())
	}
	if v.Truncated {
		say("there are more problems")
	}
}

// parseAsOf reads the number of an event, or a time.
func parseAsOf(s string, now time.Time) (event int64, at time.Time, err error) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && n > 0 {
		return n, at, nil
	}
	at, err = parseWhen(s, now)
	return 0, at, err
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func readableFile(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	return f.Close() == nil
}

// newAuditPrune goes through the gateway that has the record; a running one prunes by
// `audit.retain` too.
func newAuditPrune(g *globals) *cobra.Command {
	var (
		where       = whereFlags{g: g}
		before, why string
		dry         bool
	)
	cmd := &cobra.Command{
		Use:   "prune --before TIME --why TEXT",
		Short: "Remove old events from the record, leaving a signed statement",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			when, err := parseWhen(before, time.Now())
			if err != nil {
				return err
			}
			if dry {
				r := record{g: g}
				reader, err := r.open(cmd.Context())
				if err != nil {
					return err
				}
				defer reader.Close()
				from, through, err := reader.Prunable(cmd.Context(), when)
				if err == nil && through > 0 {
					fmt.Fprintf(cmd.ErrOrStderr(), "events %d to %d would be removed\n", from, through)
				} else if err == nil {
					fmt.Fprintln(cmd.ErrOrStderr(), "nothing would be removed")
				}
				return err
			}
			if why == "" {
				return errors.New("say why, with --why: it is signed with what is removed")
			}
			gone, err := order[pruned](cmd, &where, "audit/prune", pruneOrder{when.UTC().Format(time.RFC3339), why})
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "%d events removed\n", gone.Removed)
			return nil
		},
	}
	cmd.Flags().StringVar(&before, "before", "", "remove what is older: 2026-01-31, or an age such as 90d")
	cmd.Flags().StringVar(&why, "why", "", "the reason, for whoever verifies the record later")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "only say what would be removed")
	where.flag(cmd)
	cmd.MarkFlagsMutuallyExclusive("dry-run", "url")
	_ = cmd.MarkFlagRequired("before") // fails only for a flag that does not exist
	return cmd
}

// recordOptions are those that say where the record is.
func recordOptions(cfg *config.Config) audit.Options {
	return audit.Options{Path: cfg.Audit.Path, Durability: audit.Durability(cfg.Audit.Durability), Checkpoints: cfg.Audit.Checkpoints}
}
