package audit

import (
	"fmt"
	"strings"
	"time"
)

// Filter selects calls. Zero members select everything; all others must hold.
// Texts are compared exactly, but for Text. None of them is ever part of a
// statement: they are bound as values.
type Filter struct {
	Since, Until time.Time // Since included, Until not; of the time the request was read
	Agent        string
	Server       string
	Tool         string // wire name
	Kind         string
	Effect       string // allow, approve, deny
	Code         string
	Outcome      string // as the view calls names them
	Session      string // digest, as the view calls shows it
	Call         string // ID, or its beginning
	Text         string // is in arguments, result or reasons; exact case, at most 1 KiB
}

const maxFilter = 1 << 10

// where is the condition of a filter with its values.
func (f Filter) where() (string, []any, error) {
	conditions, args := []string{"1"}, []any{}
	add := func(condition string, values ...any) {
		conditions = append(conditions, condition)
		args = append(args, values...)
	}
	if !f.Since.IsZero() {
		add("time_unix_ms >= ?", f.Since.UnixMilli())
	}
	if !f.Until.IsZero() {
		add("time_unix_ms < ?", f.Until.UnixMilli())
	}
	for _, c := range []struct{ column, value string }{
		{"agent", f.Agent}, {"server", f.Server}, {"tool", f.Tool}, {"kind", f.Kind}, {"effect", f.Effect},
		{"code", f.Code}, {"outcome", f.Outcome}, {"session", f.Session},
	} {
		if len(c.value) > maxFilter {
			return "", nil, fmt.Errorf("the filter for %s is longer than %d bytes", c.column, maxFilter)
		}
		if c.value != "" {
			add(c.column+" = ?", c.value)
		}
	}
	if f.Call != "" {
		add("id >= ? AND id < ?", f.Call, f.Call+"\x7f") // IDs are ASCII: the range is the prefix
	}
	if len(f.Text) > maxFilter || len(f.Call) > maxFilter {
		return "", nil, fmt.Errorf("the text to look for is longer than %d bytes", maxFilter)
	}
	if f.Text != "" {
		add("(instr(args, ?) OR instr(result, ?) OR instr(reasons, ?))", f.Text, f.Text, f.Text)
	}
	return strings.Join(conditions, " AND "), args, nil
}
