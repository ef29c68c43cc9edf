package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"toolward/gateway"
	"toolward/guard/definition"
	"toolward/web/admin"
)

func newToolsDiff(f *whereFlags) *cobra.Command {
	var (
		l   listing
		all bool
	)
	cmd := &cobra.Command{
		Use:   "diff [SERVER]",
		Short: "Definitions that changed since they were accepted, or that guard objects to",
		Long:  "Shows what is quarantined and why, member by member, and says which changes are cosmetic.\nExit code 1 if there is anything to review; accept with `toolward tools pin`.",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			query := ofServer(args)
			query.Set("all", fmt.Sprint(all))
			query.Set("fresh", "true")
			list, err := look[admin.ChangeList](cmd, f, "changes?"+query.Encode())
			if err != nil {
				return err
			}
			if l.format != "table" {
				err = printRows(l, cmd.OutOrStdout(), list.Changes, nil, nil)
			} else {
				for _, ch := range list.Changes {
					if err := printChange(cmd.OutOrStdout(), ch); err != nil {
						return err
					}
				}
			}
			if err == nil && len(list.Changes) > 0 {
				err = foundError{count(len(list.Changes), "definition") + " to review"}
			}
			return err
		},
	}
	l.flag(cmd)
	cmd.Flags().BoolVar(&all, "all", false, "also what nobody accepted yet but is in use")
	return cmd
}

func printChange(w io.Writer, ch gateway.Change) error {
	fmt.Fprintf(w, "%s (%s)", printable(ch.Wire), ch.Kind)
	if ch.Quarantined != "" {
		fmt.Fprintf(w, "  waits for a person: %s", printable(ch.Quarantined))
	}
	fmt.Fprintln(w)
	if ch.Findings != "" && ch.Findings != ch.Quarantined {
		fmt.Fprintf(w, "  guard objects to it: %s\n", printable(ch.Findings))
	}
	if ch.Pinned == nil {
		fmt.Fprintf(w, "  never accepted; it is now\n  + %s\n", visible(string(ch.Current)))
	} else if err := definition.Print(w, definition.Diff(ch.Pinned, ch.Current)); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "  to accept this: toolward tools pin '%s'\n", printable(strings.ReplaceAll(shownAs(ch), "'", `'\''`)))
	return err
}

// shownAs names a definition as it was shown: its name and the beginning of its
// fingerprint.
func shownAs(ch gateway.Change) string {
	return ch.Wire + "@" + ch.Fingerprint[:min(admin.ShownDigits, len(ch.Fingerprint))]
}

func newToolsPin(f *whereFlags) *cobra.Command {
	var note string
	cmd := &cobra.Command{
		Use:   "pin NAME@FINGERPRINT…",
		Short: "Accept definitions as `tools diff` showed them",
		Long:  "Accepts what `toolward tools diff` showed, under the name and fingerprint that it printed. A definition that\nhas changed since is not accepted: look again.",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			o, err := f.open(cmd.Context())
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, o.close()) }()
			return pinAll(cmd, o, args, note)
		},
	}
	cmd.Flags().StringVar(&note, "note", "", "what you say about it, for the record")
	return cmd
}

// pinAll accepts what is named, as it was shown. One that is not accepted does
// not keep the others from it.
func pinAll(cmd *cobra.Command, o *operations, shown []string, note string) error {
	refused := 0
	for _, name := range shown {
		if why := pin(cmd, o, name, note); why != nil {
			fmt.Fprintf(cmd.ErrOrStderr(), "not accepted: %s\n", printable(why.Error()))
			refused++
		}
	}
	if refused > 0 {
		return foundError{fmt.Sprintf("%d of %d definitions were not accepted", refused, len(shown))}
	}
	return nil
}

func pin(cmd *cobra.Command, o *operations, shown, note string) error {
	at := strings.LastIndexByte(shown, '@')
	if at < 0 {
		return fmt.Errorf("%s: which definition? `toolward tools diff` shows it and prints NAME@FINGERPRINT", shown)
	}
	var accepted admin.Accepted
	if err := o.ask(cmd.Context(), http.MethodPost, "changes/accept", admin.Accept{Name: shown[:at], Fingerprint: shown[at+1:], Note: note}, &accepted); err != nil {
		return err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "accepted %s, by %s\n", printable(shown), printable(accepted.By))
	return nil
}
