package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/spf13/cobra"
)

// listing is how a command that lists shows its rows.
type listing struct{ format string }

// formats of listings.
var formats = []string{"table", "json", "jsonl"}

func (l *listing) flag(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&l.format, "output", "o", "table", "table, json or jsonl")
}

func (l *listing) check() error {
	if !slices.Contains(formats, l.format) {
		return fmt.Errorf("--output %s: use table, json or jsonl", l.format)
	}
	return nil
}

// printRows writes rows as JSON, as a line of JSON each, or as a table of the
// cells that row gives for each.
func printRows[T any](l listing, w io.Writer, rows []T, header []string, row func(T) []string) error {
	if err := l.check(); err != nil {
		return err
	}
	switch l.format {
	case "json":
		if rows == nil {
			rows = []T{}
		}
		return printJSON(w, rows)
	case "jsonl":
		enc := json.NewEncoder(w)
		for _, r := range rows {
			if err := enc.Encode(r); err != nil {
				return err
			}
		}
		return nil
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, strings.Join(header, "\t"))
	for _, r := range rows {
		cells := row(r)
		for i := range cells {
			cells[i] = printable(cells[i])
		}
		fmt.Fprintln(tw, strings.Join(cells, "\t"))
	}
	return tw.Flush()
}

// printJSON writes indented JSON, whose escapes keep text from agents and
// upstreams from being obeyed by a terminal.
func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// printable makes text from agents and upstreams harmless to a terminal: no
// escape sequences, no line breaks, no characters that change the direction.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '\uFFFD'
	}, s)
}

// short cuts a cell of a table.
func short(s string, most int) string {
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	return string(r[:most-1]) + "…"
}

// visible is printable, line by line.
func visible(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = printable(strings.ReplaceAll(lines[i], "\t", "    "))
	}
	return strings.Join(lines, "\n")
}
