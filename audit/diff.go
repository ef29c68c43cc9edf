package audit

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"

	"toolward/gateway"
)

// Difference is what one call has and another has not, or has otherwise.
type Difference struct {
	Where string `json:"where"`       // a column of calls; "args/path": a member of it (RFC 6901)
	A     string `json:"a,omitempty"` // "" where there is none
	B     string `json:"b,omitempty"`
}

// alike are the columns in which any two calls differ, whatever they did.
var alike = []string{"seq", "id", "time", "time_unix_ms", "finished", "ended_seq", "args_bytes", "args_digest", "result_bytes", "result_digest", "trace_id",
	"ms", "upstream_ms", "limit_ms", "guard_ms", "policy_ms", "approve_ms", "record_ms"}

// documented are the columns that are compared member by member.
var documented = []string{"args", "beside", "result", "roles", "session_labels", "labels", "reasons"}

// Diff says in what two calls differ: who asked for what, what was decided and by
// which rules, what came of it. Its errors are those of [Reader.Show].
func (r *Reader) Diff(ctx context.Context, a, b string) (first, second Call, all []Difference, err error) {
	if first, _, err = r.Show(ctx, a); err != nil {
		return first, second, nil, err
	}
	if second, _, err = r.Show(ctx, b); err != nil {
		return first, second, nil, err
	}
	for _, name := range columnNames {
		x, y := first.Text(name), second.Text(name)
		switch {
		case x == y || slices.Contains(alike, name):
		case slices.Contains(documented, name):
			all = append(all, differences(name, x, y)...)
		default:
			all = append(all, Difference{name, x, y})
		}
	}
	return first, second, all, nil
}

// differences compares two documents member by member.
func differences(name, x, y string) (all []Difference) {
	xs, ys := map[string]string{}, map[string]string{}
	for text, into := range map[string]map[string]string{x: xs, y: ys} { // they are not equal
		if text != "" {
			members(name, gateway.Decode(json.RawMessage(text)), into)
		}
	}
	both := maps.Clone(xs)
	maps.Copy(both, ys)
	for _, where := range slices.Sorted(maps.Keys(both)) {
		if xs[where] != ys[where] {
			all = append(all, Difference{where, xs[where], ys[where]})
		}
	}
	return all
}

// members are the values of a document that have none inside, by their place.
func members(at string, v any, into map[string]string) {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			members(at+"/"+pointerEscaper.Replace(name), inner, into)
		}
		if len(v) > 0 {
			return
		}
	case []any:
		for i, inner := range v {
			members(at+"/"+strconv.Itoa(i), inner, into)
		}
		if len(v) > 0 {
			return
		}
	}
	into[at] = string(marshal(v))
}
