package audit

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Format of an export.
type Format string

// The formats of exports.
const (
	FormatJSONL Format = "jsonl" // a line per call, members named as the columns of calls
	FormatCSV   Format = "csv"   // RFC 4180, every field quoted, formulas disarmed
	FormatOCSF  Format = "ocsf"  // OCSF 1.5.0: a line per call, and one per finding
)

// Export writes the calls of a filter, oldest first, and returns how many. Those
// that have not ended are among them; to go on where one export ended is
// [Reader.Ship].
func (r *Reader) Export(ctx context.Context, w io.Writer, format Format, f Filter) (n int64, err error) {
	out := bufio.NewWriterSize(w, 64<<10)
	lines, err := format.lines()
	if err != nil {
		return 0, err
	}
	format.begin(out, false)
	for c, err := range r.All(ctx, f) {
		if err == nil {
			for _, l := range lines(&c) {
				err = errors.Join(err, l(out, ""))
			}
		}
		if err != nil {
			return n, errors.Join(err, out.Flush())
		}
		n++
	}
	return n, out.Flush()
}

// line writes itself with the cursor behind it, "" for none.
type line func(w *bufio.Writer, cursor string) error

// lines says how a call is written.
func (f Format) lines() (func(*Call) []line, error) {
	switch f {
	case FormatJSONL:
		return func(c *Call) []line { return []line{jsonLine(c)} }, nil
	case FormatCSV:
		return func(c *Call) []line { return []line{csvLine(c)} }, nil
	case FormatOCSF:
		return ocsfOfCall, nil
	}
	return nil, fmt.Errorf("export format %q is none of jsonl, csv, ocsf", f)
}

// begin writes what stands before the first line.
func (f Format) begin(w *bufio.Writer, cursors bool) {
	if f != FormatCSV {
		return
	}
	for i, name := range columnNames {
		csvField(w, i, name)
	}
	if cursors {
		csvField(w, 1, "cursor")
	}
	w.WriteString("\r\n")
}

// jsonLine is a JSON object on a line; the cursor becomes its last member.
func jsonLine(v any) line {
	return func(w *bufio.Writer, cursor string) error {
		text, err := json.Marshal(v)
		if err != nil {
			return err
		}
		if cursor != "" {
			text = fmt.Appendf(text[:len(text)-1], `,"cursor":%q}`, cursor)
		}
		w.Write(text)
		return w.WriteByte('\n')
	}
}

func csvLine(c *Call) line {
	return func(w *bufio.Writer, cursor string) error {
		for i, name := range columnNames {
			csvField(w, i, c.Text(name))
		}
		if cursor != "" {
			csvField(w, 1, cursor)
		}
		_, err := w.WriteString("\r\n")
		return err
	}
}

func csvRow(w *bufio.Writer, c *Call, columns []string) error {
	for i, name := range columns {
		csvField(w, i, c.Text(name))
	}
	_, err := w.WriteString("\r\n")
	return err
}

// WriteCSV writes calls as exports do, with some columns: nil for all.
func WriteCSV(w io.Writer, calls []Call, columns []string) error {
	if columns == nil {
		columns = columnNames
	}
	out := bufio.NewWriter(w)
	for i, name := range columns {
		csvField(out, i, name)
	}
	out.WriteString("\r\n")
	for i := range calls {
		if err := csvRow(out, &calls[i], columns); err != nil {
			return err
		}
	}
	return out.Flush()
}

// csvField writes a quoted field. What a spreadsheet would take for a formula
// (OWASP, CSV injection) gets an apostrophe in front. So does what begins with
// an apostrophe: taking one off gives every value back.
func csvField(w *bufio.Writer, i int, s string) {
	if i > 0 {
		w.WriteByte(',')
	}
	w.WriteByte('"')
	first, _ := utf8.DecodeRuneInString(s)
	if s != "" && strings.ContainsRune("=+-@\t\r\n'＝＋－＠", first) {
		w.WriteByte('\'')
	}
	w.WriteString(strings.ReplaceAll(s, `"`, `""`))
	w.WriteByte('"')
}
