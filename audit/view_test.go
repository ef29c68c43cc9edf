package audit

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"toolward/gateway"
)

// tallied counts calls under keys.
type tallied map[string]int64

func (t tallied) lines() (all []string) {
	for key, n := range t {
		all = append(all, fmt.Sprintf("%s|%d", key, n))
	}
	slices.Sort(all)
	return all
}

// lines are the rows of a view, with some columns, joined by bars.
func lines(t *testing.T, r *Reader, view string, columns ...string) (all []string) {
	t.Helper()
	table, err := r.View(t.Context(), ViewQuery{Name: view, Limit: 1000})
	must(t, err)
	table, err = table.Only(columns)
	must(t, err)
	for _, row := range table.Objects() {
		var cells []string
		for i := range columns {
			cells = append(cells, row.Text(i))
		}
		all = append(all, strings.Join(cells, "|"))
	}
	slices.Sort(all)
	return all
}

// TestViewsAreThoseOfTheEvents records calls of every shape, and holds each view that
// counts or gathers them against what reading every call gives.
func TestViewsAreThoseOfTheEvents(t *testing.T) {
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		s, err := Open(Options{Path: fmt.Sprintf("%s/%d.db", t.TempDir(), n)})
		must(t, err)
		for range rapid.IntRange(1, 10).Draw(rt, "calls") {
			c, end := drawCall(rt, t)
			if c.Refusal != nil {
				must(t, s.Record(t.Context(), gateway.PhaseRefusal, c))
				continue
			}
			must(t, s.Record(t.Context(), gateway.PhaseAttempt, c))
			if end != nil {
				end(c)
				must(t, s.Record(t.Context(), gateway.PhaseOutcome, c))
			}
		}
		var calls []Call
		for c, err := range s.All(t.Context(), Filter{}) {
			must(t, err)
			calls = append(calls, c)
		}
		want := map[string]tallied{}
		add := func(view string, n int64, key ...string) {
			if want[view] == nil {
				want[view] = tallied{}
			}
			want[view][strings.Join(key, "|")] += n
		}
		found := []string{}
		for _, c := range calls {
			hour := time.UnixMilli(c.TimeUnixMs).UTC()
			roles := strings.ReplaceAll(string(c.Roles), `["ops","dev"]`, `["dev","ops"]`) // counted in order
			add("grants", 1, c.Agent, roles, c.Server, c.Tool)
			add("identities", 1, c.Agent, c.Issuer, roles)
			add("peers", 1, c.Agent, c.Peer)
			add("habits", 1, c.Agent, fmt.Sprint(hour.Hour()))
			add("traffic", 1, c.Agent, c.Server, c.Tool)
			add("tools", 1, c.Server, c.Tool)
			add("sessions", 1, c.Session, c.Agent)
			add("policies", 1, c.Revision)
			outcome := c.Outcome
			if outcome == "running" || outcome == "interrupted" {
				outcome = ""
			}
			add("hourly", 1, hour.Format("2006-01-02T15:00:00Z"), c.Agent, c.Server, c.Tool, outcome, c.Code)
			findings, err := c.findings()
			must(t, err)
			for _, f := range findings {
				found = append(found, strings.Join([]string{c.ID, string(f.Stage), f.Rule}, "|"))
			}
		}
		for view, columns := range map[string][]string{
			"grants": {"agent", "roles", "server", "tool", "calls"}, "identities": {"agent", "issuer", "roles", "calls"}, "peers": {"agent", "peer", "calls"},
			"habits": {"agent", "hour_of_day", "calls"}, "traffic": {"agent", "server", "tool", "calls"}, "tools": {"server", "tool", "calls"},
			"policies": {"revision", "calls"}, "hourly": {"hour", "agent", "server", "tool", "outcome", "code", "calls"},
		} {
			if got, want := lines(t, s.Reader, view, columns...), want[view].lines(); !slices.Equal(got, want) {
				rt.Errorf("%s shows\n%s\nthe calls give\n%s", view, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
		slices.Sort(found)
		if got := lines(t, s.Reader, "findings", "call", "stage", "rule"); !slices.Equal(got, found) {
			rt.Errorf("findings are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(found, "\n"))
		}
		seriesAgree(t, rt, s, calls)
		must(t, s.Close())
	})
}

// seriesAgree holds counts by several attributes, and calls in the order of a
// column, against the calls.
func seriesAgree(t *testing.T, rt *rapid.T, s *Store, calls []Call) {
	t.Helper()
	want := tallied{}
	for _, c := range calls {
		roles := []string{}
		if c.Roles != "" {
			must(t, json.Unmarshal([]byte(c.Roles), &roles))
		}
		for _, role := range roles {
			want[strings.Join([]string{c.Agent, role, c.Code}, "|")]++
		}
	}
	points, err := s.Series(t.Context(), Filter{}, []string{"agent", "role", "code"}, 0)
	must(t, err)
	got := tallied{}
	for _, p := range points {
		got[strings.Join(p.Values, "|")] += p.Calls
	}
	if !maps.Equal(got, want) {
		rt.Errorf("counted %v, want %v", got, want)
	}
	for _, down := range []bool{false, true} {
		sorted, err := s.Sorted(t.Context(), Filter{}, "ms", down, 3)
		must(t, err)
		byHand := slices.Clone(calls)
		slices.SortFunc(byHand, func(a, b Call) int {
			order := cmp.Compare(a.Ms, b.Ms)
			if down {
				order = -order
			}
			return cmp.Or(order, cmp.Compare(b.Seq, a.Seq))
		})
		for i, c := range sorted {
			if c.ID != byHand[i].ID {
				rt.Errorf("down %v: call %d took %v ms, want %v", down, i, c.Ms, byHand[i].Ms)
			}
		}
	}
}

// TestChanges counts a time and the one before it.
func TestChanges(t *testing.T) {
	s := openStore(t)
	at := func(age time.Duration, code gateway.Code) {
		c := newCall(t, `{}`)
		c.Time = time.Now().Add(-age)
		c.Refusal = gateway.Refuse("x", code, "no")
		must(t, s.Record(t.Context(), gateway.PhaseRefusal, c))
	}
	for age, code := range map[time.Duration]gateway.Code{
		time.Minute: gateway.RateLimited, 2 * time.Hour: gateway.RateLimited, 3 * time.Hour: gateway.PolicyDenied,
		25 * time.Hour: gateway.PolicyDenied, 26 * time.Hour: gateway.PolicyDenied, 50 * time.Hour: gateway.RateLimited, // too old
	} {
		at(age, code)
	}
	got, err := s.Changes(t.Context(), Filter{Since: time.Now().Add(-24 * time.Hour)}, []string{"code"})
	must(t, err)
	if fmt.Sprint(got) != "[{[rate_limited] 2 0} {[policy] 1 2}]" {
		t.Errorf("got %v", got)
	}
}

// TestArgumentsOfEveryKind finds calls by an argument, of whatever kind its value is
// and however deep it stands.
func TestArgumentsOfEveryKind(t *testing.T) {
	s := openStore(t)
	for _, args := range []string{
		`{"a":"text"}`, `{"a":1}`, `{"a":"1"}`, `{"a":10}`, `{"a":-2.5}`, `{"a":true}`, `{"a":false}`, `{"a":null}`, `{"a":""}`, `{"a":"it's \"so\""}`,
		`{"a":{"b.c":"deep"}}`, `{"a":{"b":{"c":7}}}`, `{"a":12345678901234567890}`, `{"a":"größe"}`, `{"a":"%"}`,
	} {
		record(t, s, args, `{}`)
	}
	for text, want := range map[string]int{
		"a=text": 1, "a=1": 2, "a=10": 1, "a=-2.5": 1, "a=true": 1, "a=false": 1, "a=null": 1, "a=": 1, `a=it's "so"`: 1, "a.b.c=7": 1,
		"a=12345678901234567890": 1, "a=größe": 1, "a=%": 1, "a=0": 0, "b=1": 0, "a.b=7": 0, "a=tex": 0, "a=' OR 1": 0,
	} {
		path, value, _ := strings.Cut(text, "=")
		got, _, err := s.List(t.Context(), Filter{Args: []Arg{{path, value}}}, 100, 0)
		must(t, err)
		if len(got) != want {
			t.Errorf("%s: %d calls, want %d", text, len(got), want)
		}
	}
}

// TestEveryViewCanBeAsked holds the list of views against the schema.
func TestEveryViewCanBeAsked(t *testing.T) {
	s := house(t)
	for _, name := range column1(t, s, "SELECT name FROM sqlite_schema WHERE type = 'view'") {
		if slices.Contains([]string{"calls", "timeline", "slots", "sums", "paces", "totals"}, name) {
			continue // these have commands of their own, or are for other views
		}
		view, columns, err := s.ViewOf(t.Context(), name)
		if err != nil {
			t.Error(err)
			continue
		}
		if view.Time != "" && !slices.Contains(columns, view.Time) {
			t.Errorf("%s has no column %s", name, view.Time)
		}
		if _, err := s.View(t.Context(), ViewQuery{Name: name, Since: time.Time{}}); err != nil {
			t.Error(err)
		}
	}
}

// TestViewsRefuse is what no view takes.
func TestViewsRefuse(t *testing.T) {
	s := house(t)
	for name, q := range map[string]ViewQuery{
		"a table":           {Name: "bodies"},
		"an injection":      {Name: "people; DROP TABLE events"},
		"no column":         {Name: "people", Where: []Equals{{"person\" OR 1=1 --", "x"}}},
		"no column to sort": {Name: "people", Sort: `-"seq"`},
		"no time":           {Name: "tools", Since: time.Now()},
		"endless":           {Name: "people", Where: []Equals{{"person", strings.Repeat("x", 2<<10)}}},
	} {
		if table, err := s.View(t.Context(), q); err == nil {
			t.Errorf("%s: %v", name, table)
		}
	}
	for name, q := range map[string]ViewQuery{
		"a value that is SQL": {Name: "grants", Where: []Equals{{"agent", "' OR '1'='1"}}},
		"nobody":              {Name: "grants", Where: []Equals{{"agent", "nobody"}}, Not: []Equals{{"agent", "ann"}}},
		"before":              {Name: "hourly", Until: time.Now().Add(-24 * time.Hour)},
	} {
		table, err := s.View(t.Context(), q)
		must(t, err)
		if len(table.Rows) > 0 {
			t.Errorf("%s: %v", name, table)
		}
	}
	table, err := s.View(t.Context(), ViewQuery{Name: "grants", Where: []Equals{{"agent", "ann"}, {"agent", "bob"}}, Limit: 1})
	must(t, err)
	if len(table.Rows) != 1 || !table.More {
		t.Errorf("a page of one: %v", table)
	}
}
