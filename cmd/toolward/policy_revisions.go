package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"toolward/audit"
	"toolward/policy"
	"toolward/web/admin"
)

// policyText is a policy as the record has it.
type policyText struct {
	Revision string        `json:"revision"`
	Loaded   string        `json:"loaded"` // when it was put in force last
	Files    []policy.File `json:"files"`
}

// policyDiff is what makes two of them different.
type policyDiff struct {
	From  string            `json:"from"`
	To    string            `json:"to"`
	Files []policy.FileDiff `json:"files"`
}

type revisionPage struct {
	Revisions []audit.Revision `json:"revisions"`
	Next      int64            `json:"next,omitempty"`
}

var errNoText = errors.New("its text is not in the record")

// PolicyText reads a policy of the record by the beginning of its revision.
func (r inFile) PolicyText(ctx context.Context, revision string) (policyText, error) {
	t, err := r.PolicyNamed(ctx, revision)
	if err != nil {
		return policyText{}, err
	}
	p := policyText{Revision: t.Revision, Loaded: t.Loaded}
	if t.Files != nil {
		if err := json.Unmarshal(t.Files, &p.Files); err != nil {
			return p, fmt.Errorf("the text of revision %s in the record: %w", t.Revision, err)
		}
	}
	if p.Files == nil {
		return p, fmt.Errorf("revision %s was in force, and %w", t.Revision, errNoText)
	}
	return p, nil
}

// PolicyDiff compares two policies of the record.
func (r inFile) PolicyDiff(ctx context.Context, from, to string) (policyDiff, error) {
	a, err := r.PolicyText(ctx, from)
	if err != nil {
		return policyDiff{}, err
	}
	b, err := r.PolicyText(ctx, to)
	if err != nil {
		return policyDiff{}, err
	}
	return policyDiff{a.Revision, b.Revision, policy.Diff(a.Files, b.Files)}, nil
}

func (r *remote) Revisions(ctx context.Context, limit int, before int64) ([]audit.Revision, int64, error) {
	q := given(map[string]string{"limit": strconv.Itoa(limit)})
	if before != 0 {
		q.Set("before", strconv.FormatInt(before, 10))
	}
	var p revisionPage
	err := r.operations.ask(ctx, http.MethodGet, "policy/revisions?"+q.Encode(), nil, &p)
	return p.Revisions, p.Next, err
}

func (r *remote) PolicyText(ctx context.Context, revision string) (p policyText, err error) {
	err = r.operations.ask(ctx, http.MethodGet, "policy/revisions/"+segment(revision), nil, &p)
	return p, err
}

func (r *remote) PolicyDiff(ctx context.Context, from, to string) (d policyDiff, err error) {
	err = r.operations.ask(ctx, http.MethodGet, "policy/diff?"+url.Values{"from": {from}, "to": {to}}.Encode(), nil, &d)
	return d, err
}

// policyQuestions are the operations on the policies of a record.
func policyQuestions(s *audit.Store, page ...admin.Parameter) []admin.Question {
	return []admin.Question{
		{ID: "policy.revisions", Path: "policy/revisions", Summary: "Policies that were in force, the latest first", Answer: revisionPage{}, Query: page, Ask: with(s, askRevisions)},
		{ID: "policy.show", Path: "policy/revisions/{revision}", Summary: "The files of a policy that was in force, or was the shadow of one, by the beginning of its revision", Answer: policyText{},
			Ask: with(s, func(ctx context.Context, s *audit.Store, a admin.Asked) (any, error) {
				return inFile{s.Reader}.PolicyText(ctx, a.Path("revision"))
			})},
		{ID: "policy.diff", Path: "policy/diff", Summary: "What makes one policy different from another, by file", Answer: policyDiff{},
			Query: []admin.Parameter{{Name: "from", About: "the beginning of a revision"}, {Name: "to", About: "the beginning of another"}},
			Ask: with(s, func(ctx context.Context, s *audit.Store, a admin.Asked) (any, error) {
				return inFile{s.Reader}.PolicyDiff(ctx, a.Query.Get("from"), a.Query.Get("to"))
			})},
	}
}

func askRevisions(ctx context.Context, s *audit.Store, a admin.Asked) (any, error) {
	limit, before, err := pageOf(a.Query)
	if err != nil {
		return nil, err
	}
	list, next, err := s.Revisions(ctx, limit, before)
	if list == nil {
		list = []audit.Revision{}
	}
	return revisionPage{list, next}, err
}

func newPolicyRevisions(g *globals) *cobra.Command {
	var (
		r      = newDesk(g)
		l      listing
		limit  int
		before int64
	)
	cmd := &cobra.Command{
		Use:   "revisions",
		Short: "Policies that were in force, the latest first",
		Long:  "Reads the record: which policy was in force since when, and which are its files. `policy show` has their text,\n`policy diff` what changed, and `audit view policies` what each decided.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return r.read(cmd.Context(), func(reader asker) error {
				list, next, err := reader.Revisions(cmd.Context(), limit, before)
				if err != nil {
					return err
				}
				if next != 0 {
					defer fmt.Fprintf(cmd.ErrOrStderr(), "there are more: --before %d\n", next)
				}
				return printRows(l, cmd.OutOrStdout(), list, []string{"REVISION", "FIRST", "LAST LOADED", "LOADS", "IN FORCE", "SHADOW", "FILES"}, func(v audit.Revision) []string {
					return []string{v.Revision, v.First, v.Last, strconv.FormatInt(v.Loads, 10), strconv.FormatBool(v.InForce), v.Shadow, short(strings.Join(v.Files, ","), 80)}
				})
			})
		},
	}
	r.flag(cmd)
	l.flag(cmd)
	cmd.Flags().IntVar(&limit, "limit", 50, "at most so many, up to 1000")
	cmd.Flags().Int64Var(&before, "before", 0, "go on where a listing ended")
	return cmd
}

func newPolicyShow(g *globals) *cobra.Command {
	var (
		r    = newDesk(g)
		l    = listing{format: "text"}
		file string
	)
	cmd := &cobra.Command{
		Use:   "show REVISION",
		Short: "The files of a policy that was in force, as the record has them",
		Long:  "REVISION is one of `policy revisions`, or the beginning of it; also that of a shadow policy.",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.read(cmd.Context(), func(reader asker) error {
				p, err := reader.PolicyText(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				if file != "" {
					if p.Files, err = oneFile(p, file); err != nil {
						return err
					}
				}
				if l.format == "json" {
					return printJSON(cmd.OutOrStdout(), p)
				}
				for _, f := range p.Files {
					if file == "" {
						fmt.Fprintf(cmd.OutOrStdout(), "==> %s\n", printable(f.Name))
					}
					fmt.Fprintln(cmd.OutOrStdout(), visible(strings.TrimSuffix(f.Text, "\n")))
				}
				return nil
			})
		},
	}
	r.flag(cmd)
	l.textFlag(cmd)
	cmd.Flags().StringVar(&file, "file", "", "only this file")
	return cmd
}

func oneFile(p policyText, name string) ([]policy.File, error) {
	var names []string
	for _, f := range p.Files {
		if f.Name == name {
			return []policy.File{f}, nil
		}
		names = append(names, f.Name)
	}
	return nil, fmt.Errorf("--file %s: revision %s has no such file%s", name, p.Revision, meant(name, names))
}

func newPolicyDiff(g *globals) *cobra.Command {
	var (
		r = newDesk(g)
		l = listing{format: "text"}
	)
	cmd := &cobra.Command{
		Use:     "diff REVISION REVISION",
		Short:   "What makes one policy of the record different from another, by file",
		Long:    "Both are revisions of `policy revisions`, or the beginnings of them. Exit code 1 if there is a difference.",
		Example: "  toolward policy diff 3b1f 90ac",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.read(cmd.Context(), func(reader asker) error {
				d, err := reader.PolicyDiff(cmd.Context(), args[0], args[1])
				if err != nil {
					return err
				}
				if l.format == "json" {
					err = printJSON(cmd.OutOrStdout(), d)
				} else {
					for _, f := range d.Files {
						fmt.Fprintf(cmd.OutOrStdout(), "%s %s\n%s\n", f.Change, printable(f.Name), visible(strings.TrimSuffix(f.Diff, "\n")))
					}
				}
				if err == nil && len(d.Files) > 0 {
					err = foundError{fmt.Sprintf("%d files are different", len(d.Files))}
				}
				return err
			})
		},
	}
	r.flag(cmd)
	l.textFlag(cmd)
	return cmd
}
