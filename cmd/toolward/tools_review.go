package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"toolward/gateway"
	"toolward/guard/definition"
	"toolward/web/admin"
)

func newToolsDiff(w *toolsWhere) *cobra.Command {
	var (
		l   listing
		all bool
	)
	cmd := &cobra.Command{
		Use:   "diff [SERVER]",
		Short: "Definitions that changed since they were accepted, or that guard objects to",
		Long:  "Shows what is quarantined and why, member by member, and says which changes are cosmetic; and what is in use\nbecause it only narrows what was accepted. Exit code 1 if there is anything to review; accept with `toolward tools pin`.\nThe running gateway asks its upstreams; where none runs, --fresh starts them.",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			query := ofServer(args)
			query.Set("all", fmt.Sprint(all))
			query.Set("fresh", "true")
			w.compare = true
			w.about(cmd, args...)
			list, err := look[admin.ChangeList](cmd, &w.whereFlags, "changes?"+query.Encode())
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
				err = printTogether(cmd.OutOrStdout(), list.Changes)
			}
			if n := toReview(list.Changes); err == nil && n > 0 {
				err = foundError{count(n, "definition") + " to review"}
			}
			return err
		},
	}
	l.flag(cmd)
	cmd.Flags().BoolVar(&all, "all", false, "also what nobody accepted yet but is in use")
	cmd.Flags().BoolVar(&w.fresh, "fresh", false, "start the upstreams where no gateway runs")
	return cmd
}

// toReview is how many definitions a person has to look at, or wants to.
func toReview(changes []gateway.Change) (n int) {
	for _, ch := range changes {
		if !ch.Narrower {
			n++
		}
	}
	return n
}

func printChange(w io.Writer, ch gateway.Change) error {
	fmt.Fprintf(w, "%s (%s)", printable(ch.Wire), ch.Kind)
	if ch.Quarantined != "" {
		fmt.Fprintf(w, "  waits for a person: %s", printable(ch.Quarantined))
	}
	if ch.Narrower {
		fmt.Fprint(w, "  in use: it is no more than what was accepted")
	}
	fmt.Fprintln(w)
	if ch.Findings != "" && ch.Findings != ch.Quarantined {
		fmt.Fprintf(w, "  guard objects to it: %s\n", printable(ch.Findings))
	}
	if ch.Pinned == nil {
		fmt.Fprintf(w, "  never accepted; it is now\n  + %s\n", visible(string(ch.Current)))
	} else if err := definition.Print(w, definition.Diff(ch.Pinned, ch.Current)); err != nil {
		return err
	} else if said := direction[definition.Compare(ch.Pinned, ch.Current)]; said != "" && !ch.Narrower {
		fmt.Fprintf(w, "  %s\n", said)
	}
	_, err := fmt.Fprintf(w, "  to accept this: toolward tools pin '%s'\n", printable(strings.ReplaceAll(shownAs(ch), "'", `'\''`)))
	return err
}

// direction says what a change that waits comes to, where that can be said in a word.
var direction = map[definition.Class]string{
	definition.Narrower: "it takes less than what was accepted, and says nothing new",
	definition.Wider:    "it takes more than what was accepted",
	definition.Same:     "it takes what was accepted, and says nothing new",
}

// shownAs names a definition as it was shown: its name and the beginning of its
// fingerprint.
func shownAs(ch gateway.Change) string {
	return ch.Wire + "@" + ch.Fingerprint[:min(admin.ShownDigits, len(ch.Fingerprint))]
}

// printTogether says how to accept all that was shown of a server at once.
func printTogether(w io.Writer, changes []gateway.Change) error {
	for _, server := range serversOf(changes) {
		of := changesOf(changes, server)
		if len(of) < 2 {
			continue
		}
		if _, err := fmt.Fprintf(w, "all %d of %s as they stand here: toolward tools pin '%s@%s'\n", len(of), printable(server), printable(server), shownDigest(of)); err != nil {
			return err
		}
	}
	return nil
}

func serversOf(changes []gateway.Change) (names []string) {
	for _, ch := range changes {
		if !slices.Contains(names, ch.Server) {
			names = append(names, ch.Server)
		}
	}
	return names
}

func changesOf(changes []gateway.Change, server string) []gateway.Change {
	return slices.DeleteFunc(slices.Clone(changes), func(ch gateway.Change) bool { return ch.Server != server })
}

// shownDigest is of several definitions what a fingerprint is of one: nobody makes other
// definitions, or another number of them, with the same.
//
//	SHA-256( "tool files__read 3f9c…" 0x0a "tool files__write 77ab…" 0x0a ), 32 digits
func shownDigest(changes []gateway.Change) string {
	lines := make([]string, 0, len(changes))
	for _, ch := range changes {
		lines = append(lines, fmt.Sprintf("%s %s %s\n", ch.Kind, ch.Wire, ch.Fingerprint))
	}
	slices.Sort(lines)
	return fmt.Sprintf("%x", sha256.Sum256([]byte(strings.Join(lines, ""))))[:admin.ShownDigits]
}

func newToolsPin(w *toolsWhere) *cobra.Command {
	var note string
	cmd := &cobra.Command{
		Use:   "pin NAME@FINGERPRINT… | SERVER@FINGERPRINT…",
		Short: "Accept definitions as `tools diff` showed them",
		Long:  "Accepts what `toolward tools diff` showed, under the name and fingerprint that it printed: one definition, or all\nthat it showed of a server. A definition that has changed since is not accepted, nor is any of a server where one\nhas: look again.",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			var servers []string
			for _, name := range args {
				servers = append(servers, serverOf(name))
			}
			w.fresh = true
			w.about(cmd, servers...)
			o, err := w.open(cmd.Context())
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
func pinAll(cmd *cobra.Command, o *operations, named []string, note string) error {
	var shown []string
	refused := 0
	for _, name := range named {
		of, why := together(cmd, o, name)
		if why != nil {
			fmt.Fprintf(cmd.ErrOrStderr(), "not accepted: %s\n", printable(why.Error()))
			refused++
		}
		shown = append(shown, of...)
	}
	if refused > 0 && len(shown) == 0 {
		return foundError{"nothing was accepted"}
	}
	for _, name := range shown {
		if why := pin(cmd, o, name, note); why != nil {
			fmt.Fprintf(cmd.ErrOrStderr(), "not accepted: %s\n", printable(why.Error()))
			refused++
		}
	}
	if refused > 0 {
		return foundError{count(refused, "name") + " of what was to be accepted could not be"}
	}
	return nil
}

// together is what a name stands for: a definition for itself, a server for all that
// was shown of it, if it is the same still.
func together(cmd *cobra.Command, o *operations, name string) ([]string, error) {
	server, digest, found := strings.Cut(name, "@")
	if !found || strings.Contains(server, "__") || strings.Contains(server, ":") {
		return []string{name}, nil
	}
	if len(digest) != admin.ShownDigits {
		return nil, fmt.Errorf("%s: `toolward tools diff %s` prints SERVER@FINGERPRINT under what it shows", name, server)
	}
	for _, all := range []string{"false", "true"} {
		var list admin.ChangeList
		if err := o.ask(cmd.Context(), http.MethodGet, "changes?"+url.Values{"server": {server}, "all": {all}, "fresh": {"true"}}.Encode(), nil, &list); err != nil {
			return nil, err
		}
		if len(list.Changes) == 0 || shownDigest(list.Changes) != digest {
			continue
		}
		var shown []string
		for _, ch := range list.Changes {
			shown = append(shown, shownAs(ch))
		}
		return shown, nil
	}
	return nil, fmt.Errorf("%s: what is to be accepted of %s is not what was shown: look again (`toolward tools diff %s`)", name, server, server)
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
