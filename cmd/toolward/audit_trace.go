package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"toolward/audit"
)

func newAuditTrace(g *globals) *cobra.Command {
	var (
		r = newDesk(g)
		l = listing{format: "text"}
	)
	cmd := &cobra.Command{
		Use:   "trace CALL",
		Short: "Which call brought what a call carries, who allowed it, and where it went on",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.read(cmd.Context(), func(reader asker) error {
				t, err := reader.Trace(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				if l.format == "json" {
					return printJSON(cmd.OutOrStdout(), t)
				}
				printTrace(cmd.OutOrStdout(), t, "")
				return nil
			})
		},
	}
	r.flag(cmd)
	l.textFlag(cmd)
	return cmd
}

// printTrace writes a trace for people, the call first.
func printTrace(w io.Writer, t *audit.Trace, indent string) {
	line := func(format string, args ...any) { fmt.Fprintln(w, indent+printable(fmt.Sprintf(format, args...))) }
	line("%s", sentence(t.Call))
	for _, f := range t.Findings {
		line("  guard saw %s in the %s (%s)", f.Rule, f.Stage, f.Action)
	}
	if c := t.Approval; c != nil {
		line("  a person was asked (%s): %s", c.ID, decidedBy(c))
	}
	for _, g := range t.Labels {
		if g.By == nil {
			line("  the session had %s before; no call in the record brought it", g.Label)
			continue
		}
		line("  the session had %s since %s", g.Label, brief(*g.By))
		for _, f := range g.Saw {
			line("    guard saw %s in its %s (%s)", f.Rule, f.Stage, f.Action)
		}
	}
	for _, c := range t.Carries {
		via := ""
		if c.Via != "" {
			via = ", by way of " + c.Via
		}
		line("  "+copied(c.Rule, "%s copies", "%s repeats a name or number of", "%s has a piece of a copy of")+" what call %s brought%s (%s)", c.Where, c.Source, via, c.Severity)
		if c.From != nil {
			printTrace(w, c.From, indent+"    ")
		}
	}
	for _, c := range t.Onward {
		line("  what it brought went on: %s", sentence(c))
	}
}

// sentence tells what became of a call.
func sentence(c audit.Call) string {
	s := fmt.Sprintf("%s  %s called %s: %s", c.Time, orNobody(c.Agent), orMethod(c), c.Outcome)
	if c.Code != "" {
		s += " (" + c.Code + ")"
	}
	if rules := ruleList(c.Rules); rules != "" {
		s += ", by " + rules
	}
	if c.Revision != "" {
		s += " of revision " + c.Revision
	}
	if why := reasons(c); why != "" {
		s += ": " + short(why, 200)
	}
	return s + "  [" + c.ID + "]"
}

func brief(c audit.Call) string { return fmt.Sprintf("%s of %s  [%s]", orMethod(c), c.Time, c.ID) }

func orNobody(agent string) string {
	if agent == "" {
		return "nobody who is known"
	}
	return agent
}

func decidedBy(c *audit.Consent) string {
	if c.Decision == "" {
		return "nobody decided"
	}
	s := fmt.Sprintf("%s by %s of %s at %s", c.Decision, c.By, c.Issuer, c.Decided)
	if c.Note != "" {
		s += ": " + c.Note
	}
	return s
}

// ruleList names policy rules by their places: "slack.rego:3 (allow)".
func ruleList(rules audit.Raw) string {
	var list []struct {
		Package, Name, File string
		Line                int
	}
	if json.Unmarshal([]byte(rules), &list) != nil {
		return ""
	}
	var all []string
	for _, r := range list {
		place := r.Package
		if r.File != "" {
			place = r.File + ":" + strconv.Itoa(r.Line)
		}
		all = append(all, place+" ("+r.Name+")")
	}
	return strings.Join(all, ", ")
}

// copied are the words for what a rule of provenance found. Pieces are no copy one by
// one, and those before may have gone in earlier calls.
func copied(rule, whole, entity, pieces string) string {
	switch rule {
	case "provenance.entity":
		return entity
	case "provenance.pieces":
		return pieces
	}
	return whole
}

func newAuditStory(g *globals) *cobra.Command {
	var (
		r = newDesk(g)
		l = listing{format: "text"}

		before string
	)
	cmd := &cobra.Command{
		Use:   "story SESSION",
		Short: "What a session did, in order: calls, labels gained, data passed on, what was stopped",
		Long:  "SESSION is the session's digest, or its name in the token (sid).",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.read(cmd.Context(), func(reader asker) error {
				if before != "" {
					call, _, err := reader.Show(cmd.Context(), before)
					if err != nil {
						return err
					}
					before = call.ID
				}
				n := 0
				for c, err := range reader.All(cmd.Context(), audit.Filter{Session: audit.Values{args[0]}}) {
					if err != nil {
						return err
					}
					n++
					if c.ID == before {
						break
					}
					if l.format == "json" {
						if err := printRows(listing{"jsonl"}, cmd.OutOrStdout(), []audit.Call{c}, nil, nil); err != nil {
							return err
						}
						continue
					}
					tell(cmd.OutOrStdout(), c)
				}
				if n == 0 {
					return fmt.Errorf("there is no session %s in the record", printable(args[0]))
				}
				return nil
			})
		},
	}
	r.flag(cmd)
	l.textFlag(cmd)
	cmd.Flags().StringVar(&before, "before", "", "up to this call: what the agent had done and seen before it")
	return cmd
}

// tell writes a call of a story: what it did, what it passed on, what it gained.
func tell(w io.Writer, c audit.Call) {
	line := func(format string, args ...any) { fmt.Fprintln(w, printable(fmt.Sprintf(format, args...))) }
	line("%s", sentence(c))
	for _, part := range []struct {
		findings audit.Raw
		where    string
	}{{c.Findings, "arguments"}, {c.ResultFindings, "result"}} {
		var findings []struct{ Rule, From, Where, Via, Action string }
		if json.Unmarshal([]byte(part.findings), &findings) != nil {
			continue
		}
		for _, f := range findings {
			if f.From != "" {
				line("    "+copied(f.Rule, "passes on at %s", "passes on at %s a name or number of", "passes on, in pieces of which one is at %s and which together are a copy,")+" what call %s brought", f.Where, f.From)
			} else {
				line("    guard saw %s in the %s (%s)", f.Rule, part.where, f.Action)
			}
		}
	}
	if c.Shown == "redacted" {
		line("    the agent was shown the result with parts redacted")
	}
	if c.Outcome == "withheld" {
		line("    the agent was not shown the result")
	}
	if c.Labels != "" {
		line("    the session has now seen %s", strings.Trim(string(c.Labels), "[]"))
	}
}
