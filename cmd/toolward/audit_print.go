package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"toolward/audit"
	"toolward/gateway"
)

// printCalls writes calls in a format of listings, or as CSV; with columns, those.
func printCalls(l listing, w io.Writer, calls []audit.Call, columns []string) error {
	for _, name := range columns {
		if !audit.HasColumn(name) {
			return fmt.Errorf("--columns: calls have no column %q%s", name, meant(name, audit.Columns()))
		}
	}
	if l.format == "csv" {
		return audit.WriteCSV(w, calls, columns)
	}
	if columns == nil {
		return printRows(l, w, calls, callHeader, callRow)
	}
	if l.format != "table" {
		rows := make([]map[string]any, len(calls))
		for i := range calls {
			rows[i] = map[string]any{}
			for _, name := range columns {
				rows[i][name] = calls[i].Column(name)
			}
		}
		return printRows(l, w, rows, nil, nil)
	}
	header := make([]string, len(columns))
	for i, name := range columns {
		header[i] = strings.ToUpper(name)
	}
	return printRows(l, w, calls, header, func(c audit.Call) []string {
		cells := make([]string, len(columns))
		for i, name := range columns {
			cells[i] = short(c.Text(name), 100)
		}
		return cells
	})
}

// printCall writes all that is on record about a call, for people.
func printCall(w io.Writer, c audit.Call) {
	fmt.Fprintln(w, printable(sentence(c)))
	fmt.Fprintln(w)
	for _, name := range audit.Columns() {
		switch text := c.Text(name); {
		case text == "" || text == "0":
		default:
			fmt.Fprintf(w, "%-16s %s\n", name, printable(text))
		}
	}
}

// printRestored writes which values a call carried as placeholders.
func printRestored(w io.Writer, events []audit.Event) error {
	for _, e := range events {
		var body struct{ Restored []gateway.Restored }
		if err := json.Unmarshal([]byte(e.Body), &body); err != nil {
			return fmt.Errorf("event %d: %w", e.Seq, err)
		}
		for _, r := range body.Restored {
			text := putBack(&r)
			if r.From != "" {
				text += ", which call " + r.From + " brought"
			}
			fmt.Fprintf(w, "%-16s %s\n", "restored", printable(text))
		}
	}
	return nil
}
