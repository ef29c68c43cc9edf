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
	FormatOCSF  Format = "ocsf"  // a line per call, OCSF 1.5.0 API Activity (class 6003)
)

// Export writes the calls of a filter, oldest first, and returns how many.
func (r *Reader) Export(ctx context.Context, w io.Writer, format Format, f Filter) (n int64, err error) {
	out := bufio.NewWriterSize(w, 64<<10)
	write, ok := map[Format]func(*bufio.Writer, *Call) error{FormatJSONL: writeJSON, FormatCSV: writeCSV, FormatOCSF: writeOCSF}[format]
	if !ok {
		return 0, fmt.Errorf("export format %q is none of jsonl, csv, ocsf", format)
	}
	if format == FormatCSV {
		for i, f := range fields {
			csvField(out, i, f.name)
		}
		out.WriteString("\r\n")
	}
	for c, err := range r.All(ctx, f) {
		if err == nil {
			err = write(out, &c)
		}
		if err != nil {
			return n, errors.Join(err, out.Flush())
		}
		n++
	}
	return n, out.Flush()
}

func writeJSON(w *bufio.Writer, c *Call) error {
	line, err := json.Marshal(c)
	if err != nil {
		return err
	}
	w.Write(line)
	return w.WriteByte('\n')
}

func writeCSV(w *bufio.Writer, c *Call) error { return csvRow(w, c, columnNames) }

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

// writeOCSF maps a call to API Activity of the Open Cybersecurity Schema
// Framework 1.5.0, with the profile security_control. What has no attribute
// there is in unmapped, named as in calls.
func writeOCSF(w *bufio.Writer, c *Call) error {
	const class, other = 6003, 99
	refused := c.Outcome == "refused" || c.Outcome == "withheld"
	status, action, disposition, severity := 1, 1, 1, 1
	if c.Outcome != "ok" {
		status = 2
	}
	if refused {
		action, disposition, severity = 2, 2, 3
	}
	if c.Outcome == "running" || c.Outcome == "interrupted" {
		status = 0
	}
	event := map[string]any{
		"class_uid": class, "class_name": "API Activity", "category_uid": 6, "category_name": "Application Activity",
		"activity_id": other, "activity_name": c.Method, "type_uid": class*100 + other,
		"severity_id": severity, "time": c.TimeUnixMs, "duration": int64(c.Ms),
		"status_id": status, "status": c.Outcome, "status_code": c.Code, "status_detail": string(c.Reasons),
		"action_id": action, "disposition_id": disposition,
		"metadata": map[string]any{
			"version": "1.5.0", "uid": c.ID, "sequence": c.Seq, "profiles": []string{"security_control"},
			"product": map[string]any{"name": "toolward", "vendor_name": "toolward"},
		},
		"actor": map[string]any{
			"user":    map[string]any{"uid": c.Agent, "name": c.Agent, "type_id": other, "type": "AI agent", "domain": c.Issuer},
			"session": map[string]any{"uid": c.Session, "issuer": c.Issuer},
		},
		"api": map[string]any{
			"operation": c.Tool, "service": map[string]any{"name": c.Server},
			"request":  map[string]any{"uid": c.ID, "data": c.Args},
			"response": map[string]any{"code": status, "message": c.Outcome, "error": c.Code, "data": c.Result},
		},
		"src_endpoint": map[string]any{"ip": c.Peer},
		"policy":       map[string]any{"uid": c.Revision, "name": "toolward"},
		"unmapped": map[string]any{
			"surface": c.Surface, "protocol": c.Protocol, "kind": c.Kind, "effect": c.Effect, "rules": c.Rules, "findings": c.Findings,
			"result_findings": c.ResultFindings, "score": c.Score, "fingerprint": c.Fingerprint, "labels": c.Labels, "upstream_ms": c.UpstreamMs,
		},
	}
	line, err := json.Marshal(event)
	if err != nil {
		return err
	}
	w.Write(line)
	return w.WriteByte('\n')
}
