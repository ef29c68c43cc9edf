package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/agnivade/levenshtein"
	"github.com/spf13/cobra"

	"toolward/audit"
	"toolward/gateway"
)

// calls are the flags of a command that reads some calls of a record.
type calls struct {
	desk
	audit.Filter
	span
	values    map[string]*[]string // by attribute
	not, args []string
	session   []string
}

// read finds the record and hands it over with the filter.
func (f *calls) read(ctx context.Context, do func(asker, audit.Filter) error) error {
	filter, err := f.filter(time.Now())
	if err != nil {
		return err
	}
	return f.desk.read(ctx, func(reader asker) error { return do(reader, filter) })
}

// span are the flags of a command that looks at some time.
type span struct{ since, until string }

func (s *span) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.since, "since", "", "from this time on: 2026-01-31, RFC 3339, today, yesterday, or an age such as 2h, 7d or 1w")
	cmd.Flags().StringVar(&s.until, "until", "", "before this time, likewise")
}

// times reads them; a flag that was not given is the zero time.
func (s *span) times(now time.Time) (since, until time.Time, err error) {
	if since, err = parseWhen(s.since, now); err == nil {
		until, err = parseWhen(s.until, now)
	}
	return since, until, err
}

// attributeHelp says what calls are found by, and which values there are where
// the list is closed.
var attributeHelp = []struct {
	name, help string
	known      []string
}{
	{"agent", "calls of this agent", nil},
	{"issuer", "calls of agents that this issuer vouches for", nil},
	{"role", "calls of agents with this role", nil},
	{"peer", "calls from this network address", nil},
	{"server", "calls of this upstream", nil},
	{"tool", "calls of this tool, server__name", nil},
	{"kind", "tool, prompt, resource, sampling, …", []string{"tool", "prompt", "resource", "completion", "task", "list", "sampling", "elicitation", "roots", "notification", "lifecycle"}},
	{"effect", "allow, approve or deny", []string{"allow", "approve", "deny"}},
	{"outcome", "ok, error, refused, withheld, timeout, cancelled, failed, interrupted, running",
		[]string{"ok", "error", "refused", "withheld", "timeout", "cancelled", "failed", "interrupted", "running"}},
	{"code", "refusals with this code: policy, guard, rate_limited, …", codes()},
	{"revision", "calls that this revision of the policy decided", nil},
	{"label", "calls with this label: of the tool, of the session before, or of the result", nil},
	{"finding", "calls in which guard found this: injection, secret, pii, …", []string{"injection", "secret", "pii", "exfil", "provenance", "honeytoken", "poisoning", "hidden"}},
	{"rule", "calls in which this rule took part: a finding's ID, or a policy's file:line", nil},
}

func codes() (all []string) {
	for _, c := range gateway.Codes {
		all = append(all, string(c))
	}
	return all
}

func (f *calls) flags(cmd *cobra.Command) {
	f.desk.flag(cmd)
	f.filters(cmd)
}

// filters are those that say which calls.
func (f *calls) filters(cmd *cobra.Command) {
	f.span.flags(cmd)
	fl := cmd.Flags()
	f.values = map[string]*[]string{}
	for _, a := range attributeHelp {
		f.values[a.name] = fl.StringSlice(a.name, nil, a.help)
	}
	fl.StringArrayVar(&f.not, "not", nil, "leave out calls of which this holds: --not outcome=ok")
	fl.StringSliceVar(&f.session, "session", nil, "calls of this session: its digest, or its name in the token (sid)")
	fl.StringVar(&f.FromCall, "from-call", "", "calls whose arguments copy what this call brought")
	fl.StringVar(&f.Trace, "trace", "", "calls that are part of this W3C trace, by its ID")
	fl.StringSliceVar((*[]string)(&f.ToolLabel), "tool-label", nil, "calls of tools with this label")
	fl.StringSliceVar((*[]string)(&f.Seen), "seen", nil, "calls in sessions that had this label before")
	fl.StringSliceVar((*[]string)(&f.Approval), "approval", nil, "calls about which this question was asked of a person, by its ID")
	fl.StringSliceVar((*[]string)(&f.DecidedBy), "decided-by", nil, "calls that this person approved or denied")
	fl.StringArrayVar(&f.args, "arg", nil, "calls with this argument: --arg customer.id=11")
	fl.Float64Var(&f.MinMs, "min-ms", 0, "calls that took at least so many milliseconds")
	fl.BoolVar(&f.Differs, "shadow-differs", false, "calls that the shadow policy would have decided otherwise")
	fl.StringVar(&f.Text, "text", "", "whole words in arguments, result or reasons")
}

func (f *calls) filter(now time.Time) (audit.Filter, error) {
	var err error
	if f.Since, f.Until, err = f.times(now); err != nil {
		return f.Filter, err
	}
	f.Match, f.Not = audit.Match{Differs: f.Differs}, audit.Match{}
	for name, values := range f.values {
		if err := match(&f.Match, name, *values...); err != nil {
			return f.Filter, err
		}
	}
	for _, text := range f.not {
		name, value, ok := strings.Cut(text, "=")
		if !ok {
			return f.Filter, fmt.Errorf("--not %s: write what it is that must not hold, such as outcome=ok", text)
		}
		if err := match(&f.Not, name, strings.Split(value, ",")...); err != nil {
			return f.Filter, fmt.Errorf("--not %s: %w", text, err)
		}
	}
	f.Args = nil
	for _, text := range f.args {
		path, value, ok := strings.Cut(text, "=")
		if !ok {
			return f.Filter, fmt.Errorf("--arg %s: write the argument and its value, such as customer.id=11", text)
		}
		f.Args = append(f.Args, audit.Arg{Path: path, Value: value})
	}
	f.Session = f.session
	return f.Filter, nil
}

// match adds values of an attribute. One that cannot be is an error: nothing found
// must not read as nothing happened.
func match(m *audit.Match, name string, values ...string) error {
	i := slices.IndexFunc(attributeHelp, func(a struct {
		name, help string
		known      []string
	}) bool {
		return a.name == name
	})
	if i < 0 {
		return fmt.Errorf("calls are not found by %q%s", name, meant(name, audit.Attributes()))
	}
	known := attributeHelp[i].known
	for _, v := range values {
		if known != nil && !slices.Contains(known, v) {
			return fmt.Errorf("--%s %s: there is no such %s%s", name, v, name, meant(v, known))
		}
	}
	list := m.Values(name)
	*list = append(*list, values...)
	return nil
}

// meant proposes the nearest of some names, or says which there are.
func meant(have string, names []string) string {
	best, least := "", 3
	for _, name := range names {
		if d := levenshtein.ComputeDistance(have, name); d < least || strings.HasPrefix(name, have) && least > 0 && have != "" {
			best, least = name, d
		}
	}
	if best != "" {
		return "; did you mean " + best + "?"
	}
	return "; there are " + strings.Join(names, ", ")
}

// parseWhen reads a day, a time, or an age.
func parseWhen(s string, now time.Time) (time.Time, error) {
	midnight := now.UTC().Truncate(24 * time.Hour)
	switch s {
	case "":
		return time.Time{}, nil
	case "now":
		return now, nil
	case "today":
		return midnight, nil
	case "yesterday":
		return midnight.AddDate(0, 0, -1), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04", "2006-01-02"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	for unit, days := range map[string]int{"d": 1, "w": 7} {
		if number, ok := strings.CutSuffix(s, unit); ok {
			if n, err := strconv.Atoi(number); err == nil && n >= 0 && n <= 100_000 { // more is no date
				return now.AddDate(0, 0, -n*days), nil
			}
		}
	}
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	return time.Time{}, fmt.Errorf("%q is no time: write 2026-01-31, 2026-01-31T12:00:00Z, today, yesterday, or an age such as 90m, 7d or 1w", s)
}
