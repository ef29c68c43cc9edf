package audit

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ViewQuery asks for rows of one of the [Views].
type ViewQuery struct {
	Name         string
	Where, Not   []Equals  // several values of one column: one of them has to match
	Since, Until time.Time // Since included, Until not; by the view's time
	Sort         string    // a column, "-" before it for descending; "" for the newest first
	Limit        int       // at most 1000
}

// Equals says what a column has to be, as text.
type Equals struct{ Column, Value string }

// Table is the answer to a [ViewQuery]: cells are nil, string, int64 or float64,
// and [Raw] where the column holds JSON.
type Table struct {
	Columns []string `json:"columns"`
	Rows    [][]any  `json:"rows"`
	More    bool     `json:"more,omitempty"` // there are more rows than the limit
}

// View is a view of the record that schema.sql explains: what it shows, and the
// column that says when, which its rows come by.
type View struct {
	Name, About, Time string
	Sort              string // what its rows come by otherwise
	some              string // condition on facets for calls that have rows; then rows have the call's seq
}

// Views are those that questions are asked of; calls have [Reader.List].
var Views = []View{
	{"approvals", "questions to people, what became of them, and who decided", "asked", "-seq", ""},
	{"definitions", "definitions of tools that were accepted or held back", "time", "-seq", ""},
	{"findings", "what guard saw, a row each", "time", "-seq", "json_array_length(mark, '$.findings') > 0"},
	{"flows", "which call's data went where", "time", "-seq", ""},
	{"grants", "what agents used, with which roles", "last", "-last", ""},
	{"habits", "at which hours of the day an agent calls", "last", "-calls", ""},
	{"hourly", "calls by hour, agent, tool and outcome", "hour", "-hour", ""},
	{"identities", "which roles an agent had, and who vouched for it", "last", "-last", ""},
	{"meters", "what each call added to meters", "time", "-seq", ""},
	{"peers", "from which addresses an agent called", "last", "-calls", ""},
	{"people", "what persons decided", "time", "-seq", ""},
	{"policies", "revisions of the policy, their text, and what they decided", "last", "-last", ""},
	{"sessions", "sessions of agents, with what they have seen", "last", "-last", ""},
	{"tools", "how calls of each tool ended, and how long they took", "", "-calls", ""},
	{"traffic", "bytes that agents sent to tools and got from them; reads every call", "last", "-sent", ""},
}

// documents are the columns of views that hold JSON.
var documents = []string{"args", "body", "definition", "digests", "files", "labels", "reasons", "roles", "was"}

// ViewOf returns a view by its name, and its columns.
func (r *Reader) ViewOf(ctx context.Context, name string) (View, []string, error) {
	i := slices.IndexFunc(Views, func(v View) bool { return v.Name == name })
	if i < 0 {
		return View{}, nil, fmt.Errorf("there is no view %q", name)
	}
	rows, err := r.now(ctx).QueryContext(ctx, `SELECT name FROM pragma_table_info(?) ORDER BY cid`, name)
	if err != nil {
		return View{}, nil, fmt.Errorf("view %s: %w", name, err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var columns []string
	for rows.Next() {
		var c string
		if err := rows.Scan(&c); err != nil {
			return View{}, nil, fmt.Errorf("view %s: %w", name, err)
		}
		columns = append(columns, c)
	}
	return Views[i], columns, rows.Err()
}

// View answers a question of a view.
func (r *Reader) View(ctx context.Context, q ViewQuery) (Table, error) {
	view, columns, err := r.ViewOf(ctx, q.Name)
	if err != nil {
		return Table{}, err
	}
	where, err := q.where(view, columns)
	if err != nil {
		return Table{}, err
	}
	order := cmp.Or(q.Sort, view.Sort)
	column, down := strings.CutPrefix(order, "-")
	if !slices.Contains(columns, column) {
		return Table{}, noColumn(q.Name, column, columns)
	}
	by := ` ORDER BY "` + column + `"`
	if down {
		by += " DESC"
	}
	limit := min(max(q.Limit, 1), 1000)
	t := Table{Columns: columns}
	if view.some == "" || order != view.Sort {
		t.Rows, err = r.cells(ctx, q.Name, where, by, limit+1)
		return t.cut(limit), err
	}
	p, err := r.plan(ctx, &Filter{Since: q.Since, Until: q.Until}, everywhere, true, 0)
	if err != nil {
		return t, err
	}
	for p.facets, p.whole = (condition{sql: view.some}), false; len(t.Rows) <= limit; {
		s, ok, err := p.next(ctx)
		if err != nil || !ok {
			return t.cut(limit), err
		}
		there := condition{where.sql + " AND seq BETWEEN ? AND ?", append(slices.Clone(where.args), s.first, s.last)}
		rows, err := r.cells(ctx, q.Name, there, by, limit+1-len(t.Rows))
		if err != nil {
			return t, err
		}
		t.Rows = append(t.Rows, rows...)
	}
	return t.cut(limit), nil
}

func noColumn(view, name string, columns []string) error {
	return fmt.Errorf("the view %s has no column %q; it has %s", view, name, strings.Join(columns, ", "))
}

func (t Table) cut(limit int) Table {
	if t.More = len(t.Rows) > limit; t.More {
		t.Rows = t.Rows[:limit]
	}
	return t
}

// Row is a row of a table as an object, its members in the order of the columns.
type Row struct {
	columns []string
	cells   []any
}

// Objects are the rows of a table.
func (t Table) Objects() []Row {
	all := make([]Row, len(t.Rows))
	for i, cells := range t.Rows {
		all[i] = Row{t.Columns, cells}
	}
	return all
}

// MarshalJSON writes {"time":"…","agent":"ann"}; what is NULL is left out.
func (r Row) MarshalJSON() ([]byte, error) {
	o := object{[]byte{'{'}}
	for i, name := range r.columns {
		if r.cells[i] != nil {
			o.json(name, marshal(r.cells[i]))
		}
	}
	o.close()
	return o.b, nil
}

// Text is a cell as text, "" for NULL.
func (r Row) Text(i int) string {
	switch v := r.cells[i].(type) {
	case nil:
		return ""
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	default:
		return fmt.Sprint(v)
	}
}

// WriteCSV writes a table as [WriteCSV] writes calls.
func (t Table) WriteCSV(w io.Writer) error {
	out := bufio.NewWriter(w)
	for i, name := range t.Columns {
		csvField(out, i, name)
	}
	out.WriteString("\r\n")
	for _, row := range t.Objects() {
		for i := range t.Columns {
			csvField(out, i, row.Text(i))
		}
		out.WriteString("\r\n")
	}
	return out.Flush()
}

// Only narrows a table to some of its columns, in their order.
func (t Table) Only(columns []string) (Table, error) {
	if columns == nil {
		return t, nil
	}
	out := Table{Columns: columns, More: t.More, Rows: make([][]any, len(t.Rows))}
	for _, name := range columns {
		at := slices.Index(t.Columns, name)
		if at < 0 {
			return t, fmt.Errorf("there is no column %q; there are %s", name, strings.Join(t.Columns, ", "))
		}
		for i := range t.Rows {
			out.Rows[i] = append(out.Rows[i], t.Rows[i][at])
		}
	}
	return out, nil
}

// where is the condition of a question; its columns are those of the view.
func (q *ViewQuery) where(v View, columns []string) (condition, error) {
	c := condition{sql: "1"}
	for not, list := range map[string][]Equals{"": q.Where, "NOT ": q.Not} {
		byColumn := map[string]Values{}
		for _, e := range list {
			if !slices.Contains(columns, e.Column) {
				return c, noColumn(q.Name, e.Column, columns)
			}
			byColumn[e.Column] = append(byColumn[e.Column], e.Value)
		}
		for column, values := range byColumn {
			if err := tooLong(column, values...); err != nil {
				return c, err
			}
			c.and(condition{not + `CAST(coalesce("` + column + `", '') AS TEXT) IN (SELECT value FROM json_each(?))`, []any{string(marshal(values))}})
		}
	}
	if (!q.Since.IsZero() || !q.Until.IsZero()) && v.Time == "" {
		return c, AskedError("the view " + q.Name + " is of all time")
	}
	const iso = "2006-01-02T15:04:05.000Z"
	if !q.Since.IsZero() {
		c.and(condition{v.Time + " >= ?", []any{q.Since.UTC().Format(iso)}})
	}
	if !q.Until.IsZero() {
		c.and(condition{v.Time + " < ?", []any{q.Until.UTC().Format(iso)}})
	}
	return c, nil
}

// cells reads rows of a view. The names in the statement are from closed lists.
func (r *Reader) cells(ctx context.Context, view string, where condition, by string, limit int) (all [][]any, err error) {
	rows, err := r.now(ctx).QueryContext(ctx, "SELECT * FROM "+view+" WHERE "+where.sql+by+" LIMIT ?", append(slices.Clone(where.args), limit)...)
	if err != nil {
		return nil, fmt.Errorf("view %s: %w", view, err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		row := make([]any, len(columns))
		into := make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, fmt.Errorf("view %s: %w", view, err)
		}
		for i, v := range row {
			if s, ok := v.(string); ok && slices.Contains(documents, columns[i]) {
				row[i] = Raw(s)
			}
		}
		all = append(all, row)
	}
	return all, rows.Err()
}
