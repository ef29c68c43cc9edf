package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"toolward/audit"
	"toolward/gateway"
	"toolward/web/admin"
)

// What the operators' API answers of the record. Each question takes the flags of
// the command that asks it, under their names.

type (
	callPage struct {
		Calls []audit.Call `json:"calls"`
		Next  int64        `json:"next,omitempty"` // before, of the next page
	}
	eventPage struct {
		Events []audit.Event `json:"events"`
		Next   int64         `json:"next,omitempty"`
	}
	shownCall struct {
		Call   audit.Call    `json:"call"`
		Events []audit.Event `json:"events"`
	}
	series struct {
		Points []audit.Point `json:"points"`
	}
	changes struct {
		Changes []audit.Change `json:"changes"`
	}
	pruneOrder struct {
		Before string `json:"before"` // a day, a time or an age
		Why    string `json:"why"`
	}
	pruned struct {
		Removed int64 `json:"removed"`
	}
	eraseOrder struct {
		Agent   string `json:"agent,omitempty"` // one of these
		Session string `json:"session,omitempty"`
		Call    string `json:"call,omitempty"`
		Why     string `json:"why"`
	}
	hashOrder struct {
		Value string `json:"value"`
	}
	hashed struct {
		Hash string `json:"hash"`
	}
)

const mostWhy = 2000 // bytes of a reason

// questions are the operations on the record of a gateway.
func (r *rooms) questions() []admin.Question {
	s := r.store
	limit := admin.Parameter{Name: "limit", About: "at most so many, up to 1000; 50 if it is left out"}
	before := admin.Parameter{Name: "before", About: "go on where a page ended: its member next"}
	times := []admin.Parameter{{Name: "since", About: "from this time on: a day, RFC 3339, or an age such as 2h or 7d"}, {Name: "until", About: "before this time, likewise"}}
	by := admin.Parameter{Name: "by", About: "count by this; repeat for several", Values: audit.Attributes()}
	return append([]admin.Question{
		{ID: "audit.calls", Path: "audit/calls", Summary: "Calls on record, newest first", Answer: callPage{}, Ask: with(s, askCalls),
			Query: params(filterParameters(), limit, before, admin.Parameter{Name: "oldest", About: "oldest first", Values: []string{"true", "false"}},
				admin.Parameter{Name: "sort", About: "a column of calls to order by, - before it for the greatest first; every call that is found is read"})},
		{ID: "audit.show", Path: "audit/calls/{id}", Summary: "All that is on record about a call, by its ID or the beginning of it", Answer: shownCall{}, Ask: with(s, askCall)},
		{ID: "audit.trace", Path: "audit/calls/{id}/trace", Summary: "Which call brought what a call carries, who allowed it, and where it went on", Answer: audit.Trace{},
			Ask: with(s, func(ctx context.Context, s *audit.Store, a admin.Asked) (any, error) {
				return s.Trace(ctx, a.Path("id"))
			})},
		{ID: "audit.explain", Path: "audit/calls/{id}/explain", Summary: "Which rules decided a call, and which did not hold: by the policy of then, from the files or the record", Answer: explained{},
			Ask: with(s, func(ctx context.Context, s *audit.Store, a admin.Asked) (any, error) {
				return explainCall(ctx, r.config(), s.Reader, a.Path("id"), "")
			})},
		{ID: "audit.diff", Path: "audit/diff", Summary: "In what two calls differ", Answer: callDiff{},
			Query: []admin.Parameter{{Name: "a", About: "a call, by its ID or the beginning of it"}, {Name: "b", About: "another, likewise"}},
			Ask: with(s, func(ctx context.Context, s *audit.Store, a admin.Asked) (any, error) {
				return inFile{s.Reader}.CallDiff(ctx, a.Query.Get("a"), a.Query.Get("b"))
			})},
		{ID: "audit.stats", Path: "audit/stats", Summary: "What was called by whom, how it ended, and how long it took", Answer: audit.Stats{}, Query: filterParameters(), Ask: with(s, askStats)},
		{ID: "audit.series", Path: "audit/series", Summary: "How many calls there were, by what they are counted by, and by time", Answer: series{}, Ask: with(s, askSeries),
			Query: params(filterParameters(), by, admin.Parameter{Name: "every", About: "for each interval of whole hours, such as 1h; left out: all time is one"})},
		{ID: "audit.changes", Path: "audit/changes", Summary: "What rose and fell since a time, against the time before that is as long", Answer: changes{}, Ask: with(s, askChanges),
			Query: params(filterParameters(), by)},
		{ID: "audit.view", Path: "audit/views/{name}", Summary: "Rows of a view of the record: " + strings.Join(viewNames(), ", "), Answer: audit.Table{}, Ask: with(s, askView),
			Query: params(times, limit, admin.Parameter{Name: "where", About: "rows of which this holds, column=value"}, admin.Parameter{Name: "not", About: "leave out rows of which this holds"},
				admin.Parameter{Name: "sort", About: "a column to order by, - before it for the greatest first"})},
		{ID: "audit.events", Path: "audit/events", Summary: "Events, newest first: those of the gateway itself, or all", Answer: eventPage{}, Ask: with(s, askEvents),
			Query: params(times, limit, before, admin.Parameter{Name: "type", About: "events of this type"}, admin.Parameter{Name: "calls", About: "those of calls as well", Values: []string{"true", "false"}})},
		{ID: "audit.export", Path: "audit/export", Summary: "Calls as they are written, oldest first; with after, as they ended, each with its cursor", Media: []string{"application/jsonl", "text/csv"}, Ask: with(s, askExport),
			Query: params(filterParameters(), admin.Parameter{Name: "format", About: "jsonl if it is left out", Values: []string{"jsonl", "csv", "ocsf"}},
				admin.Parameter{Name: "after", About: "go on behind this cursor; 0 is the beginning"}, admin.Parameter{Name: "events", About: "everything on record, not only calls", Values: []string{"true", "false"}})},
		{ID: "audit.tail", Path: "audit/tail", Summary: "Calls as they end, each with its cursor, as JSON lines that go on", Media: []string{"application/jsonl"}, Ask: with(s, askTail),
			Query: params(filterParameters(), admin.Parameter{Name: "after", About: "begin behind this cursor; left out: now"})},
		{ID: "audit.hash", Path: "audit/hash", Role: admin.Admin, Body: &hashOrder{}, Summary: "What stands in the record where a value was redacted; for admins, since it answers guesses", Answer: hashed{},
			Ask: func(_ context.Context, a admin.Asked) (any, error) {
				return hashed{s.Token(a.Body.(*hashOrder).Value)}, nil
			}},
		{ID: "audit.prune", Path: "audit/prune", Role: admin.Admin, Changes: true, Body: &pruneOrder{}, Summary: "Remove old events, leaving a signed statement", Answer: pruned{}, Ask: with(s, prune)},
		{ID: "audit.erase", Path: "audit/erase", Role: admin.Admin, Changes: true, Body: &eraseOrder{}, Summary: "Remove one agent's, session's or call's texts, on record", Answer: audit.Erasure{}, Ask: with(s, erase)},
	}, policyQuestions(s, limit, before)...)
}

// with asks of a store, and tells who asks what they did wrong.
func with(s *audit.Store, ask func(context.Context, *audit.Store, admin.Asked) (any, error)) func(context.Context, admin.Asked) (any, error) {
	return func(ctx context.Context, a admin.Asked) (any, error) {
		v, err := ask(ctx, s, a)
		switch {
		case errors.Is(err, audit.ErrNoCall):
			err = &admin.Problem{Status: http.StatusNotFound, Code: "no_call", Detail: err.Error()}
		case errors.Is(err, audit.ErrNoRevision):
			err = &admin.Problem{Status: http.StatusNotFound, Code: "no_revision", Detail: printable(err.Error())}
		case errors.Is(err, errNoText):
			err = &admin.Problem{Status: http.StatusNotFound, Code: "no_text", Detail: err.Error()}
		case errors.Is(err, audit.ErrAmbiguous):
			err = &admin.Problem{Status: http.StatusConflict, Code: "ambiguous", Detail: err.Error()}
		case errors.As(err, new(unexplained)):
			said, _, _ := strings.Cut(err.Error(), "\n")
			err = &admin.Problem{Status: http.StatusUnprocessableEntity, Code: "unexplained", Detail: printable(said), Remedy: "another policy explains a call where the record's file is, or a copy of it: toolward policy explain --policy"}
		case errors.As(err, new(audit.AskedError)):
			err = slip(err)
		}
		return v, err
	}
}

// slip is an error of who asks.
func slip(err error) error {
	if err == nil {
		return nil
	}
	return &admin.Problem{Status: http.StatusBadRequest, Code: string(gateway.Malformed), Detail: printable(err.Error())}
}

func params(list []admin.Parameter, more ...admin.Parameter) []admin.Parameter {
	return append(slices.Clone(list), more...)
}

// filterParameters are the flags of a filter of calls.
func filterParameters() []admin.Parameter {
	list := []admin.Parameter{{Name: "since", About: "from this time on: a day, RFC 3339, or an age such as 2h or 7d"}, {Name: "until", About: "before this time, likewise"}}
	for _, a := range attributeHelp {
		list = append(list, admin.Parameter{Name: a.name, About: a.help, Values: a.known})
	}
	for name := range plainValues(new(audit.Filter)) {
		list = append(list, admin.Parameter{Name: name, About: "calls with this " + name})
	}
	slices.SortStableFunc(list[2+len(attributeHelp):], func(a, b admin.Parameter) int { return strings.Compare(a.Name, b.Name) })
	return append(list,
		admin.Parameter{Name: "not", About: "leave out calls of which this holds, such as outcome=ok"}, admin.Parameter{Name: "arg", About: "calls with this argument, such as customer.id=11"},
		admin.Parameter{Name: "from-call", About: "calls whose arguments copy what this call brought"}, admin.Parameter{Name: "trace", About: "calls that are part of this W3C trace"}, admin.Parameter{Name: "min-ms", About: "calls that took at least so many milliseconds"},
		admin.Parameter{Name: "shadow-differs", About: "calls that the shadow policy would have decided otherwise", Values: []string{"true", "false"}},
		admin.Parameter{Name: "text", About: "whole words in arguments, result or reasons"})
}

// plainValues are the members of a filter that are lists of texts and no attributes.
func plainValues(f *audit.Filter) map[string]*audit.Values {
	return map[string]*audit.Values{"session": &f.Session, "tool-label": &f.ToolLabel, "seen": &f.Seen, "approval": &f.Approval, "decided-by": &f.DecidedBy}
}

// plainTexts are the members of a filter that are one text.
func plainTexts(f *audit.Filter) map[string]*string {
	return map[string]*string{"from-call": &f.FromCall, "trace": &f.Trace, "text": &f.Text}
}

// filterOf reads a filter, as the flags of a command are read.
func filterOf(q url.Values) (audit.Filter, error) {
	f := calls{span: span{q.Get("since"), q.Get("until")}, not: q["not"], args: q["arg"], session: q["session"], values: map[string]*[]string{}}
	for _, a := range attributeHelp {
		list := q[a.name]
		f.values[a.name] = &list
	}
	for name, list := range plainValues(&f.Filter) {
		*list = q[name]
	}
	for name, text := range plainTexts(&f.Filter) {
		*text = q.Get(name)
	}
	var errs [2]error
	f.Differs, errs[0] = isSet(q, "shadow-differs")
	if ms := q.Get("min-ms"); ms != "" {
		f.MinMs, errs[1] = strconv.ParseFloat(ms, 64)
	}
	filter, err := f.filter(time.Now())
	return filter, slip(errors.Join(err, errs[0], errs[1]))
}

// queryOf is what filterOf reads.
func queryOf(f audit.Filter) url.Values {
	q := url.Values{}
	for name, t := range map[string]time.Time{"since": f.Since, "until": f.Until} {
		if !t.IsZero() {
			q.Set(name, t.Format(time.RFC3339Nano))
		}
	}
	for _, name := range audit.Attributes() {
		if v := *f.Values(name); len(v) > 0 {
			q[name] = v
		}
		for _, v := range *f.Not.Values(name) {
			q.Add("not", name+"="+v)
		}
	}
	for name, list := range plainValues(&f) {
		if len(*list) > 0 {
			q[name] = *list
		}
	}
	for _, a := range f.Args {
		q.Add("arg", a.Path+"="+a.Value)
	}
	for name, text := range plainTexts(&f) {
		if *text != "" {
			q.Set(name, *text)
		}
	}
	if f.MinMs != 0 {
		q.Set("min-ms", strconv.FormatFloat(f.MinMs, 'g', -1, 64))
	}
	if f.Differs {
		q.Set("shadow-differs", "true")
	}
	return q
}

func isSet(q url.Values, name string) (bool, error) {
	switch v := q.Get(name); v {
	case "true":
		return true, nil
	case "", "false":
		return false, nil
	}
	return false, fmt.Errorf("%s is true or false", name)
}

// pageOf reads limit and before.
func pageOf(q url.Values) (limit int, before int64, err error) {
	limit = 50
	if v := q.Get("limit"); v != "" {
		if limit, err = strconv.Atoi(v); err != nil || limit < 1 || limit > 1000 {
			return 0, 0, slip(errors.New("limit is a number from 1 to 1000"))
		}
	}
	if v := q.Get("before"); v != "" {
		if before, err = strconv.ParseInt(v, 10, 64); err != nil || before < 0 {
			return 0, 0, slip(errors.New("before is the member next of the page before"))
		}
	}
	return limit, before, nil
}

func askCalls(ctx context.Context, s *audit.Store, a admin.Asked) (any, error) {
	f, err := filterOf(a.Query)
	if err != nil {
		return nil, err
	}
	limit, before, err := pageOf(a.Query)
	if err != nil {
		return nil, err
	}
	oldest, err := isSet(a.Query, "oldest")
	if err != nil {
		return nil, slip(err)
	}
	p := callPage{}
	switch by, down := strings.CutPrefix(a.Query.Get("sort"), "-"); {
	case (by != "" || down) && !audit.HasColumn(by):
		return nil, slip(fmt.Errorf("sort %s: calls have no such column%s", by, meant(by, audit.Columns())))
	case by != "" && (oldest || before != 0):
		return nil, slip(errors.New("sort goes with neither oldest nor before"))
	case by != "":
		p.Calls, err = s.Sorted(ctx, f, by, down, limit)
	case oldest:
		p.Calls, p.Next, err = s.ListOldest(ctx, f, limit, before)
	default:
		p.Calls, p.Next, err = s.List(ctx, f, limit, before)
	}
	if p.Calls == nil {
		p.Calls = []audit.Call{}
	}
	return p, err
}

func askCall(ctx context.Context, s *audit.Store, a admin.Asked) (any, error) {
	call, events, err := s.Show(ctx, a.Path("id"))
	return shownCall{call, events}, err
}

func askStats(ctx context.Context, s *audit.Store, a admin.Asked) (any, error) {
	f, err := filterOf(a.Query)
	if err != nil {
		return nil, err
	}
	return s.Stats(ctx, f)
}

// countedBy reads what is counted, and by what.
func countedBy(q url.Values) (f audit.Filter, by []string, err error) {
	by = q["by"]
	if len(by) == 0 {
		return f, nil, slip(errors.New("say what to count by"))
	}
	for _, name := range by {
		if !slices.Contains(audit.Attributes(), name) {
			return f, nil, slip(fmt.Errorf("by %s: calls are not counted by it%s", name, meant(name, audit.Attributes())))
		}
	}
	f, err = filterOf(q)
	return f, by, err
}

func askSeries(ctx context.Context, s *audit.Store, a admin.Asked) (any, error) {
	f, by, err := countedBy(a.Query)
	if err != nil {
		return nil, err
	}
	var every time.Duration
	if v := a.Query.Get("every"); v != "" {
		if every, err = time.ParseDuration(v); err != nil || every < time.Hour || every%time.Hour != 0 {
			return nil, slip(errors.New("every is some whole hours, such as 1h"))
		}
	}
	points, err := s.Series(ctx, f, by, every)
	return series{points}, err
}

func askChanges(ctx context.Context, s *audit.Store, a admin.Asked) (any, error) {
	f, by, err := countedBy(a.Query)
	if err == nil && f.Since.IsZero() {
		err = slip(errors.New("say since when: how long a time is compared with the one before it"))
	}
	if err != nil {
		return nil, err
	}
	all, err := s.Changes(ctx, f, by)
	return changes{all}, err
}

func askView(ctx context.Context, s *audit.Store, a admin.Asked) (any, error) {
	q := audit.ViewQuery{Name: a.Path("name"), Sort: a.Query.Get("sort")}
	var err error
	if q.Limit, _, err = pageOf(a.Query); err != nil {
		return nil, err
	}
	if !slices.Contains(viewNames(), q.Name) {
		return nil, &admin.Problem{Status: http.StatusNotFound, Code: "no_view", Detail: "there is no such view" + meant(q.Name, viewNames())}
	}
	if q.Since, q.Until, err = timesOf(a.Query); err != nil {
		return nil, err
	}
	if q.Where, err = equalities("where", a.Query["where"]); err != nil {
		return nil, slip(err)
	}
	if q.Not, err = equalities("not", a.Query["not"]); err != nil {
		return nil, slip(err)
	}
	_, columns, err := s.ViewOf(ctx, q.Name)
	if err != nil {
		return nil, err
	}
	for _, e := range slices.Concat(q.Where, q.Not, []audit.Equals{{Column: strings.TrimPrefix(q.Sort, "-")}}) {
		if e.Column != "" && !slices.Contains(columns, e.Column) {
			return nil, slip(fmt.Errorf("the view %s has no column %s%s", q.Name, e.Column, meant(e.Column, columns)))
		}
	}
	return s.View(ctx, q)
}

func timesOf(q url.Values) (since, until time.Time, err error) {
	asked := span{q.Get("since"), q.Get("until")}
	since, until, err = asked.times(time.Now())
	return since, until, slip(err)
}

func askEvents(ctx context.Context, s *audit.Store, a admin.Asked) (any, error) {
	since, until, err := timesOf(a.Query)
	if err != nil {
		return nil, err
	}
	limit, before, err := pageOf(a.Query)
	if err != nil {
		return nil, err
	}
	all, err := isSet(a.Query, "calls")
	if err != nil {
		return nil, slip(err)
	}
	if err := areTypes(a.Query["type"]); err != nil {
		return nil, slip(err)
	}
	events, next, err := s.Events(ctx, audit.EventQuery{Own: !all, Types: a.Query["type"], Since: since, Until: until}, limit, before)
	if events == nil {
		events = []audit.Event{}
	}
	return eventPage{events, next}, err
}

func askExport(_ context.Context, s *audit.Store, a admin.Asked) (any, error) {
	f, err := filterOf(a.Query)
	if err != nil {
		return nil, err
	}
	events, err := isSet(a.Query, "events")
	if err != nil {
		return nil, slip(err)
	}
	format := audit.Format(a.Query.Get("format"))
	if format == "" {
		format = audit.FormatJSONL
	}
	media := map[audit.Format]string{audit.FormatJSONL: "application/jsonl", audit.FormatOCSF: "application/jsonl", audit.FormatCSV: "text/csv"}[format]
	if media == "" {
		return nil, slip(errors.New("format is jsonl, csv or ocsf"))
	}
	if events && (format == audit.FormatCSV || format == audit.FormatJSONL && len(queryOf(f)) > 0) {
		return nil, slip(errors.New("events go as ocsf, or as jsonl without a filter of calls"))
	}
	if !a.Query.Has("after") && !events {
		return admin.Text{Media: media, Write: func(ctx context.Context, w io.Writer) error {
			_, err := s.Export(ctx, w, format, f)
			return err
		}}, nil
	}
	from, err := cursorOf(a.Query)
	if err != nil {
		return nil, err
	}
	return admin.Text{Media: media, Write: func(ctx context.Context, w io.Writer) error {
		_, _, err := s.Ship(ctx, w, format, f, from, events)
		return err
	}}, nil
}

func cursorOf(q url.Values) (audit.Cursor, error) {
	after := q.Get("after")
	if after == "" {
		after = "0"
	}
	c, err := audit.ParseCursor(after)
	return c, slip(err)
}

func askTail(_ context.Context, s *audit.Store, a admin.Asked) (any, error) {
	f, err := filterOf(a.Query)
	if err != nil {
		return nil, err
	}
	var from *audit.Cursor
	if a.Query.Has("after") {
		c, err := cursorOf(a.Query)
		if err != nil {
			return nil, err
		}
		from = &c
	}
	return admin.Text{Media: "application/jsonl", Write: func(ctx context.Context, w io.Writer) error {
		for ended, err := range s.Follow(ctx, f, from) {
			if err != nil {
				return err
			}
			if err := printRows(listing{"jsonl"}, w, []audit.Ended{ended}, nil, nil); err != nil {
				return err
			}
		}
		return nil
	}}, nil
}
