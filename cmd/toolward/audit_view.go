package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"toolward/audit"
)

// newAuditView is one command for what is no list of calls: each view of the record
// is a table, and each takes the same flags.
func newAuditView(g *globals) *cobra.Command {
	var (
		r          = newDesk(g)
		l          listing
		q          audit.ViewQuery
		where, not []string
		when       span
		columns    []string
	)
	cmd := &cobra.Command{
		Use:   "view NAME",
		Short: "What is not a list of calls: findings, flows, people, policies, grants, …",
		Long:  "Shows rows of a view of the record:\n\n" + viewList() + "\nThe same with sqlite3: SELECT * FROM NAME.",
		Example: "  toolward audit view people --since 7d\n  toolward audit view grants --where agent=ann --sort last\n" +
			"  toolward audit view findings --where kind=injection --not action=observe -o csv",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if q.Name = args[0]; !slices.Contains(viewNames(), q.Name) {
				return fmt.Errorf("there is no view %s%s", q.Name, meant(q.Name, viewNames()))
			}
			if q.Since, q.Until, err = when.times(time.Now()); err != nil {
				return err
			}
			if q.Where, err = equalities("--where", where); err != nil {
				return err
			}
			if q.Not, err = equalities("--not", not); err != nil {
				return err
			}
			return r.read(cmd.Context(), func(reader asker) error {
				t, err := reader.View(cmd.Context(), q)
				if err == nil {
					t, err = t.Only(columns)
				}
				if err != nil {
					return err
				}
				if t.More {
					defer fmt.Fprintf(cmd.ErrOrStderr(), "there are more than %d\n", len(t.Rows))
				}
				return printTable(l, cmd, t)
			})
		},
	}
	r.flag(cmd)
	l.tableFlag(cmd)
	fl := cmd.Flags()
	fl.StringArrayVar(&where, "where", nil, "rows of which this holds: --where agent=ann; the same column again: one of the values")
	fl.StringArrayVar(&not, "not", nil, "leave out rows of which this holds")
	when.flags(cmd)
	fl.StringVar(&q.Sort, "sort", "", "order by this column; -column for the greatest first")
	fl.StringSliceVar(&columns, "columns", nil, "show these columns")
	fl.IntVar(&q.Limit, "limit", 50, "at most so many, up to 1000")
	return cmd
}

func printTable(l listing, cmd *cobra.Command, t audit.Table) error {
	if l.format == "csv" {
		return t.WriteCSV(cmd.OutOrStdout())
	}
	header := make([]string, len(t.Columns))
	for i, name := range t.Columns {
		header[i] = strings.ToUpper(name)
	}
	return printRows(l, cmd.OutOrStdout(), t.Objects(), header, func(r audit.Row) []string {
		cells := make([]string, len(t.Columns))
		for i := range cells {
			cells[i] = short(r.Text(i), 60)
		}
		return cells
	})
}

// equalities reads column=value.
func equalities(flag string, texts []string) (all []audit.Equals, err error) {
	for _, text := range texts {
		column, value, ok := strings.Cut(text, "=")
		if !ok {
			return nil, fmt.Errorf("%s %s: write the column and its value, such as agent=ann", flag, text)
		}
		all = append(all, audit.Equals{Column: column, Value: value})
	}
	return all, nil
}

func viewNames() (names []string) {
	for _, v := range audit.Views {
		names = append(names, v.Name)
	}
	return names
}

func viewList() string {
	var b strings.Builder
	for _, v := range audit.Views {
		fmt.Fprintf(&b, "  %-12s %s\n", v.Name, v.About)
	}
	return b.String()
}
