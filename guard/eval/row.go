package eval

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// Label says what a row is an example of.
type Label string

// The labels. Every other label is measured against [Benign].
const (
	Benign    Label = "benign"
	Injection Label = "injection"
	Secret    Label = "secret"
	PII       Label = "pii"
	Exfil     Label = "exfil"
)

// Labels are the labels that are measured, in the order of reports.
var Labels = []Label{Injection, Secret, PII, Exfil}

// Row is one line of a labelled file.
type Row struct {
	ID      string `json:"id"`
	Source  string `json:"source"`            // where the text is from; figures are given for each
	License string `json:"license,omitempty"` // of the text, SPDX
	Split   string `json:"split,omitempty"`
	Surface string `json:"surface"`           // tool_result, tool_args, tool_description or user_prompt
	Label   Label  `json:"label"`             //
	Variant string `json:"variant,omitempty"` // wording, obfuscation, format
	Group   string `json:"group,omitempty"`   // rows that must not be split between training and test
	Text    string `json:"text"`
}

// longestLine bounds a line of a labelled file, in bytes.
const longestLine = 64 << 20

// Open reads a labelled file, gzipped or not.
func Open(path string) ([]Row, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	rows, err := Read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return rows, nil
}

// Read reads labelled rows, one JSON object a line, gzipped or not. Every row
// must have a text and a known label.
func Read(r io.Reader) ([]Row, error) {
	br := bufio.NewReaderSize(r, 1<<16)
	if magic, _ := br.Peek(2); len(magic) == 2 && magic[0] == 0x1f && magic[1] == 0x8b {
		zr, err := gzip.NewReader(br)
		if err != nil {
			return nil, err
		}
		br = bufio.NewReaderSize(zr, 1<<16)
	}
	lines := bufio.NewScanner(br)
	lines.Buffer(make([]byte, 0, 1<<16), longestLine)
	var rows []Row
	for n := 1; lines.Scan(); n++ {
		if len(lines.Bytes()) == 0 {
			continue
		}
		var row Row
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if err := row.check(); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		rows = append(rows, row)
	}
	return rows, lines.Err()
}

func (r *Row) check() error {
	switch r.Label {
	case Benign, Injection, Secret, PII, Exfil:
	default:
		return fmt.Errorf("label %q is not one of benign, injection, secret, pii, exfil", r.Label)
	}
	switch r.Surface {
	case "tool_args", "tool_result", "tool_description", "user_prompt":
	default:
		return fmt.Errorf("surface %q is not one of tool_args, tool_result, tool_description, user_prompt", r.Surface)
	}
	if r.Text == "" {
		return errors.New("text is empty")
	}
	return nil
}

// against reports whether r is a negative example for label: the benign rows
// of tool surfaces, and for PII only those that are known to hold none. A
// gateway does not see user prompts, so they count neither way.
func (r *Row) against(label Label) bool {
	if r.Label != Benign || r.Surface == "user_prompt" {
		return false
	}
	if label == PII {
		return r.Source == "pii-negatives" || r.Source == "presidio-templates"
	}
	return true
}
