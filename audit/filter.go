package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"toolward/gateway"
)

// Filter selects calls. Zero members select everything; all others must hold.
// None of them is ever part of a statement: they are bound as values.
type Filter struct {
	Match
	Not          Match     // none of these holds
	Since, Until time.Time // Since included, Until not; of the time the request was read
	Session      Values    // digest, as the view calls shows it, or the session's name in the token
	Call         string    // ID, or its beginning
	FromCall     string    // calls whose arguments copy what this call brought
	Trace        string    // the W3C trace that the call is part of
	ToolLabel    Values    // the tool has one of these labels
	Seen         Values    // the session had one of these labels before
	Approval     Values    // question that a person was asked about the call, by its ID
	DecidedBy    Values    // person who answered it
	Args         []Arg     // arguments that have a value
	MinMs        float64   // took at least so long
	Text         string    // stands in arguments, result, what was beside them, or reasons, as whole words; exact case, at most 1 KiB
}

// Match is what calls are counted by: to ask for it is cheap. Texts are compared
// exactly, and one of several has to match.
type Match struct {
	Agent    Values
	Issuer   Values
	Role     Values
	Peer     Values
	Server   Values
	Tool     Values // wire name
	Kind     Values
	Effect   Values // allow, approve, deny
	Outcome  Values // as the view calls names them
	Code     Values
	Revision Values // of the policy
	Label    Values // of the tool, of the session before, or of the result
	Finding  Values // kind of a finding
	Rule     Values // ID of a finding's rule, or a policy rule as file:line
	Differs  bool   // the shadow policy would have decided otherwise
}

// Values are the texts of which one has to match; none matches everything.
type Values []string

// Arg is an argument that must have a value: "customer.id" is a member of a member.
type Arg struct{ Path, Value string }

const maxFilter = 1 << 10

// AskedError is wrong in what is asked, not in the record.
type AskedError string

func (e AskedError) Error() string { return string(e) }

// condition is SQL with its values.
type condition struct {
	sql  string
	args []any
}

// attributes are what is matched: by a column of facets, or by a member of its
// mark, and by what that is in calls.
var attributes = []struct {
	name   string
	values func(*Match) *Values
	facet  string // column of facets, "" for a member of mark
	member string // of mark, a text; with [] a list
	call   string // expression on calls: a text, or an EXISTS with ? for the list of values
}{
	{"agent", func(m *Match) *Values { return &m.Agent }, "agent", "", "agent"},
	{"server", func(m *Match) *Values { return &m.Server }, "server", "", "server"},
	{"tool", func(m *Match) *Values { return &m.Tool }, "tool", "", "tool"},
	{"kind", func(m *Match) *Values { return &m.Kind }, "kind", "", "kind"},
	{"effect", func(m *Match) *Values { return &m.Effect }, "effect", "", "effect"},
	{"outcome", func(m *Match) *Values { return &m.Outcome }, "outcome", "", "outcome"},
	{"code", func(m *Match) *Values { return &m.Code }, "code", "", "code"},
	{"issuer", func(m *Match) *Values { return &m.Issuer }, "", "issuer", "issuer"},
	{"peer", func(m *Match) *Values { return &m.Peer }, "", "peer", "peer"},
	{"revision", func(m *Match) *Values { return &m.Revision }, "", "revision", "revision"},
	{"role", func(m *Match) *Values { return &m.Role }, "", "roles[]", "SELECT value FROM json_each(roles)"},
	{"label", func(m *Match) *Values { return &m.Label }, "", "labels[]",
		"SELECT value FROM json_each(tool_labels) UNION ALL SELECT value FROM json_each(session_labels) UNION ALL SELECT value FROM json_each(labels)"},
	{"finding", func(m *Match) *Values { return &m.Finding }, "", "findings[]",
		"SELECT value ->> '$.kind' FROM json_each(findings) UNION ALL SELECT value ->> '$.kind' FROM json_each(result_findings)"},
	{"rule", func(m *Match) *Values { return &m.Rule }, "", "rules[]",
		`SELECT value ->> '$.rule' FROM json_each(findings) UNION ALL SELECT value ->> '$.rule' FROM json_each(result_findings)
		UNION ALL SELECT coalesce((value ->> '$.file') || ':' || (value ->> '$.line'), (value ->> '$.package') || '.' || (value ->> '$.name')) FROM json_each(rules)
		UNION ALL SELECT coalesce((value ->> '$.file') || ':' || (value ->> '$.line'), (value ->> '$.package') || '.' || (value ->> '$.name')) FROM json_each(result_rules)`},
}

// Values are what one of the [Attributes] has to be; nil for a name that is none.
func (m *Match) Values(name string) *Values {
	for _, a := range attributes {
		if a.name == name {
			return a.values(m)
		}
	}
	return nil
}

// unfinished are the outcomes that calls show while there is none.
var unfinished = []string{"running", "interrupted"}

// facets is the condition on facets that holds for those of the filter's calls,
// "" if everything matches. It holds for no others, but where a filter is [Filter.mixed]
// or [Filter.uncounted].
func (f *Filter) facets() condition {
	var c condition
	for _, m := range f.matches() {
		for _, a := range attributes {
			v := *a.values(m.match)
			if len(v) == 0 {
				continue
			}
			if a.name == "outcome" {
				v = countedOutcomes(v, m.not != "")
			}
			n := ofFacet(a.facet, a.member, v)
			c.and(condition{m.not + n.sql, n.args})
		}
		if m.match.Differs {
			c.and(condition{m.not + "coalesce(mark ->> '$.differs', 0)", nil})
		}
	}
	for _, labels := range []Values{f.ToolLabel, f.Seen} { // facets do not say whose a label is
		if len(labels) > 0 {
			c.and(ofFacet("", "labels[]", labels))
		}
	}
	if len(f.Approval) > 0 || len(f.DecidedBy) > 0 {
		c.and(condition{"(effect = 'approve' OR code IN ('approval_pending', 'approval_denied'))", nil})
	}
	return c
}

// side is what has to match, or must not.
type side struct {
	match *Match
	not   string // "NOT " of what must not
}

func (f *Filter) matches() [2]side { return [2]side{{&f.Match, ""}, {&f.Not, "NOT "}} }

// countedOutcomes are outcomes as facets have them: "" while there is none. To
// leave out only the running or only the interrupted leaves out no facet.
func countedOutcomes(v Values, not bool) Values {
	all, rest := Values{}, 0
	for _, outcome := range v {
		switch {
		case slices.Contains(unfinished, outcome):
			rest++
		case outcome != "": // which no call has
			all = append(all, outcome)
		}
	}
	if rest > 0 && !not || slices.Contains(v, unfinished[0]) && slices.Contains(v, unfinished[1]) {
		all = append(all, "")
	}
	return all
}

func ofFacet(column, member string, v Values) condition {
	list, isList := strings.CutSuffix(member, "[]")
	switch {
	case column != "":
		return condition{column + " IN (SELECT value FROM json_each(?))", []any{string(marshal(v))}}
	case isList:
		return condition{"EXISTS (SELECT 1 FROM json_each(mark, '$." + list + "') WHERE value IN (SELECT value FROM json_each(?)))", []any{string(marshal(v))}}
	}
	return condition{"coalesce(mark ->> '$." + member + "', '') IN (SELECT value FROM json_each(?))", []any{string(marshal(v))}}
}

// where is the condition on the view calls, which holds for exactly the calls of
// the filter.
func (f *Filter) where() (condition, error) {
	c := condition{sql: "1"}
	for _, m := range f.matches() {
		for _, a := range attributes {
			v := *a.values(m.match)
			if len(v) == 0 {
				continue
			}
			if err := tooLong(a.name, v...); err != nil {
				return c, err
			}
			n := condition{"coalesce(" + a.call + ", '') IN (SELECT value FROM json_each(?))", []any{string(marshal(v))}}
			if strings.HasPrefix(a.call, "SELECT") {
				n.sql = "EXISTS (SELECT * FROM (" + a.call + ") INTERSECT SELECT value FROM json_each(?))"
			}
			c.and(condition{m.not + n.sql, n.args})
		}
		if m.match.Differs {
			c.and(condition{m.not + "coalesce(shadow <> effect OR result_shadow <> result_effect, 0)", nil})
		}
	}
	if !f.Since.IsZero() {
		c.and(condition{"time_unix_ms >= ?", []any{f.Since.UnixMilli()}})
	}
	if !f.Until.IsZero() {
		c.and(condition{"time_unix_ms < ?", []any{f.Until.UnixMilli()}})
	}
	return c, f.others(&c)
}

// others adds what calls are not counted by.
func (f *Filter) others(c *condition) error {
	if err := tooLong("session", f.Session...); err != nil {
		return err
	}
	if err := tooLong("the text", f.Text, f.Call, f.FromCall, f.Trace); err != nil {
		return err
	}
	if len(f.Session) == 1 { // in the order of the index, of which a page is read
		c.and(condition{"session = ?", []any{f.Session[0]}})
	} else if len(f.Session) > 1 {
		c.and(condition{"session IN (SELECT value FROM json_each(?))", []any{string(marshal(f.Session))}})
	}
	if f.Call != "" {
		// IDs are ASCII: the range is the prefix. Numbers of attempts are none of them.
		c.and(condition{"seq IN (SELECT seq FROM events WHERE call >= ? AND call < ?)", []any{f.Call, f.Call + "\x7f"}})
	}
	if f.FromCall != "" {
		c.and(condition{"seq IN (SELECT seq FROM sources WHERE source = ?)", []any{cut(f.FromCall)}})
	}
	for _, one := range []struct {
		what, sql string
		values    Values
	}{
		{"approval", "approval IN (SELECT value FROM json_each(?))", f.Approval},
		{"decided-by", "decided_by IN (SELECT value FROM json_each(?))", f.DecidedBy},
		{"tool-label", "EXISTS (SELECT value FROM json_each(tool_labels) INTERSECT SELECT value FROM json_each(?))", f.ToolLabel},
		{"seen", "EXISTS (SELECT value FROM json_each(session_labels) INTERSECT SELECT value FROM json_each(?))", f.Seen},
	} {
		if err := tooLong(one.what, one.values...); err != nil {
			return err
		}
		if len(one.values) > 0 {
			c.and(condition{one.sql, []any{string(marshal(one.values))}})
		}
	}
	if f.Trace != "" {
		c.and(condition{"trace_id = ?", []any{f.Trace}})
	}
	if f.MinMs > 0 {
		c.and(condition{"ms >= ?", []any{f.MinMs}})
	}
	for _, a := range f.Args {
		if err := tooLong("an argument", a.Path, a.Value); err != nil {
			return err
		}
		// A text is compared as such, anything else as it is written: 1, true, null.
		c.and(condition{"(args ->> ? = ? OR args -> ? = ?)", []any{jsonPath(a.Path), a.Value, jsonPath(a.Path), a.Value}})
	}
	if f.Text != "" {
		c.and(condition{"(instr(args, ?) OR instr(beside, ?) OR instr(result, ?) OR instr(reasons, ?) OR instr(cause, ?))", []any{f.Text, f.Text, f.Text, f.Text, f.Text}})
	}
	return nil
}

// jsonPath is a path as SQLite takes it: "a.b" → `$."a"."b"`.
func jsonPath(path string) string {
	p := "$"
	for _, member := range strings.Split(path, ".") {
		p += `."` + strings.ReplaceAll(member, `"`, `\"`) + `"`
	}
	return p
}

func (c *condition) and(n condition) {
	if c.sql == "" {
		c.sql = n.sql
	} else {
		c.sql += " AND " + n.sql
	}
	c.args = append(c.args, n.args...)
}

func tooLong(what string, texts ...string) error {
	n := 0
	for _, text := range texts {
		n += len(text)
	}
	if n > maxFilter {
		return AskedError(fmt.Sprintf("the filter for %s is longer than %d bytes", what, maxFilter))
	}
	return nil
}

// words are texts that stand in each call of a filter as whole words.
func (f *Filter) words() (all []string) {
	if f.Text != "" {
		all = append(all, f.Text)
	}
	if f.Trace != "" {
		all = append(all, f.Trace)
	}
	for _, a := range f.Args {
		all = append(all, a.Value)
	}
	return all
}

// holds reports whether a call, which meets the condition in SQL, holds the text
// as whole words.
func (f *Filter) holds(c *Call) bool {
	if f.Text == "" {
		return true
	}
	for _, text := range []string{string(c.Args), string(c.Beside), string(c.Result), string(c.Reasons), c.Cause} {
		if holdsWords(text, f.Text) {
			return true
		}
	}
	return false
}

// sessionsNamed puts the sessions that tokens name by what is asked for in the place
// of the names, where no session has that for its digest.
func (r *Reader) sessionsNamed(ctx context.Context, f *Filter) (err error) {
	if len(f.Session) == 0 {
		return nil
	}
	f.Session = slices.Clone(f.Session)
	for i := range f.Session {
		f.Session[i] = cut(f.Session[i])
	}
	rows, err := r.now(ctx).QueryContext(ctx, `SELECT DISTINCT text ->> '$.agent.issuer', text ->> '$.agent.id', text ->> '$.agent.session' FROM interned
		WHERE text ->> '$.agent.session' IN (SELECT value FROM json_each(?))`, string(marshal(f.Session)))
	if err != nil {
		return fmt.Errorf("look for sessions: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	asked := f.Session
	f.Session = nil
	for rows.Next() {
		var a gateway.Agent
		if err := rows.Scan(&a.Issuer, &a.ID, &a.Session); err != nil {
			return fmt.Errorf("look for sessions: %w", err)
		}
		f.Session = append(f.Session, a.SessionID())
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for _, s := range asked {
		var there bool
		if err := r.now(ctx).QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM events WHERE session = ?)", s).Scan(&there); err != nil {
			return fmt.Errorf("look for sessions: %w", err)
		}
		if there || len(f.Session) == 0 {
			f.Session = append(f.Session, s)
		}
	}
	slices.Sort(f.Session)
	f.Session = slices.Compact(f.Session)
	return nil
}
