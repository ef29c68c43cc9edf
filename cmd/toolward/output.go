package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

// listing is how a command that lists shows its rows.
type listing struct{ format string }

// formats of listings.
var formats = []string{"table", "json", "jsonl"}

func (l *listing) flag(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&l.format, "output", "o", "table", "table, json or jsonl")
}

// tableFlag is for commands whose rows may be CSV as well.
func (l *listing) tableFlag(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&l.format, "output", "o", "table", "table, json, jsonl or csv")
	cmd.PreRunE = func(*cobra.Command, []string) error {
		if l.format == "csv" {
			return nil
		}
		return l.check()
	}
}

// textFlag is for commands that tell about one thing, in sentences or JSON.
func (l *listing) textFlag(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&l.format, "output", "o", "text", "text or json")
	cmd.PreRunE = func(*cobra.Command, []string) error {
		if l.format != "text" && l.format != "json" {
			return fmt.Errorf("--output %s: use text or json", l.format)
		}
		return nil
	}
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

// printJSON writes indented JSON.
func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// short cuts a cell of a table in its middle, and says how much is not shown.
// Runs of blanks are counted, not shown: what stands behind them must not leave
// the screen.
func short(s string, most int) string {
	s = blanks.ReplaceAllStringFunc(s, func(run string) string { return fmt.Sprintf(" [%d blanks] ", utf8.RuneCountInString(run)) })
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	note := fmt.Sprintf(" …[%d more]… ", len(r)-most)
	head := most * 2 / 3
	return string(r[:head]) + note + string(r[len(r)-(most-head):])
}

var blanks = regexp.MustCompile(`[\s\p{Z}]{4,}`)

// visible is printable, line by line.
func visible(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = printable(strings.ReplaceAll(lines[i], "\t", "    "))
	}
	return strings.Join(lines, "\n")
}

// indented is a JSON document for people to read, its bytes if it is none.
func indented(raw json.RawMessage) string {
	var b bytes.Buffer
	if err := json.Indent(&b, raw, "", "  "); err != nil {
		return string(raw)
	}
	return b.String()
}
