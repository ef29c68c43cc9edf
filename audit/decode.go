package audit

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// What questions are answered with is read back as it was written, so that who asks
// a gateway from elsewhere has what who reads the file has.

// UnmarshalJSON reads a table.
func (t *Table) UnmarshalJSON(text []byte) error {
	var read struct {
		Columns []string            `json:"columns"`
		Rows    [][]json.RawMessage `json:"rows"`
		More    bool                `json:"more"`
	}
	if err := json.Unmarshal(text, &read); err != nil {
		return err
	}
	*t = Table{Columns: read.Columns, More: read.More, Rows: make([][]any, len(read.Rows))}
	for i, cells := range read.Rows {
		t.Rows[i] = make([]any, len(t.Columns))
		for j := range min(len(cells), len(t.Columns)) {
			var err error
			if t.Rows[i][j], err = readCell(cells[j]); err != nil {
				return err
			}
		}
	}
	return nil
}

// readCell: "a" → "a", 3 → int64(3), 0.5 → 0.5, ["x"] → Raw, null → nil.
func readCell(text json.RawMessage) (any, error) {
	text = bytes.TrimSpace(text)
	switch text[0] {
	case 'n':
		return nil, nil
	case '"':
		var s string
		err := json.Unmarshal(text, &s)
		return s, err
	case '{', '[', 't', 'f':
		return Raw(text), nil
	}
	if n, err := strconv.ParseInt(string(text), 10, 64); err == nil && !strings.HasPrefix(string(text), "-0") {
		return n, nil
	}
	return strconv.ParseFloat(string(text), 64)
}
