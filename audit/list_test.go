package audit

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"toolward/gateway"
)

// house is a record with a few calls of each sort.
func house(t testing.TB) *Store {
	s := openStore(t)
	for i := range 4 {
		record(t, s, fmt.Sprintf(`{"n":%d,"note":"needle-%d"}`, i, i), `{"content":[]}`)
	}
	refused := newCall(t, `{"path":"/etc/shadow"}`)
	refused.Agent = &gateway.Agent{ID: "bob", Issuer: "https://id.test"}
	refused.Tool = &gateway.Tool{Server: "mail", Name: "send", Wire: "mail__send"}
	refused.Decision.Effect = gateway.EffectDeny
	refused.Refusal = gateway.Refuse("policy", gateway.PolicyDenied, "no outsiders")
	must(t, s.Record(t.Context(), gateway.PhaseRefusal, refused))
	must(t, s.Record(t.Context(), gateway.PhaseAttempt, newCall(t, `{"n":"running"}`)))
	return s
}

func TestFilters(t *testing.T) {
	s := house(t)
	all, _, err := s.List(t.Context(), Filter{}, 100, 0)
	must(t, err)
	at := func(i int) time.Time { return time.UnixMilli(all[i].TimeUnixMs) }
	for name, test := range map[string]struct {
		filter Filter
		want   int
	}{
		"everything":        {Filter{}, 6},
		"agent":             {Filter{Match: Match{Agent: Values{"bob"}}}, 1},
		"server":            {Filter{Match: Match{Server: Values{"files"}}}, 5},
		"tool":              {Filter{Match: Match{Tool: Values{"mail__send"}}}, 1},
		"kind":              {Filter{Match: Match{Kind: Values{"tool"}}}, 6},
		"effect":            {Filter{Match: Match{Effect: Values{"deny"}}}, 1},
		"code":              {Filter{Match: Match{Code: Values{"policy"}}}, 1},
		"outcome":           {Filter{Match: Match{Outcome: Values{"ok"}}}, 4},
		"running":           {Filter{Match: Match{Outcome: Values{"running"}}}, 1},
		"session":           {Filter{Session: Values{"5e55"}}, 6},
		"ID":                {Filter{Call: all[2].ID}, 1},
		"text of args":      {Filter{Text: "needle-2"}, 1},
		"text of reasons":   {Filter{Text: "outsiders"}, 1},
		"all of several":    {Filter{Match: Match{Agent: Values{"ann"}, Outcome: Values{"ok"}}, Text: "needle"}, 4},
		"contradiction":     {Filter{Match: Match{Agent: Values{"ann"}, Tool: Values{"mail__send"}}}, 0},
		"since":             {Filter{Since: at(0).Add(time.Second)}, 0},
		"until":             {Filter{Until: at(5)}, 0},
		"since and until":   {Filter{Since: at(5), Until: at(0).Add(time.Millisecond)}, 6},
		"wildcards":         {Filter{Match: Match{Agent: Values{"%"}}}, 0},
		"injection":         {Filter{Match: Match{Agent: Values{"' OR 1=1 --"}}}, 0},
		"injection by ID":   {Filter{Call: "' OR '1'='1"}, 0},
		"injection by text": {Filter{Text: "') OR 1=1; DROP TABLE pins; --"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			got, next, err := s.List(t.Context(), test.filter, 100, 0)
			must(t, err)
			if len(got) != test.want || next != 0 {
				t.Errorf("got %d calls and cursor %d, want %d and none", len(got), next, test.want)
			}
			var again []Call
			for c, err := range s.All(t.Context(), test.filter) {
				must(t, err)
				again = append(again, c)
			}
			slices.Reverse(again)
			if diff := cmp.Diff(got, again, cmp.Comparer(func(a, b []Call) bool { return fmt.Sprint(a) == fmt.Sprint(b) })); diff != "" {
				t.Errorf("All differs from List:\n%s", diff)
			}
		})
	}
}

func TestAttackEndlessFilter(t *testing.T) {
	s := house(t)
	for _, f := range []Filter{{Text: strings.Repeat("a", 10<<20)}, {Match: Match{Agent: Values{strings.Repeat("%", 10<<20)}}}, {Call: strings.Repeat("0", 10<<20)}} {
		if _, _, err := s.List(t.Context(), f, 10, 0); err == nil {
			t.Error("a filter of 10 MiB was run")
		}
	}
	if got, _, err := s.List(t.Context(), Filter{}, -5, -1e9); err != nil || len(got) != 1 {
		t.Errorf("a senseless page: %d calls, %v", len(got), err)
	}
}

func TestPagesCoverEverythingOnce(t *testing.T) {
	s := house(t)
	var seen []int64
	for before := int64(0); ; {
		page, next, err := s.List(t.Context(), Filter{}, 4, before)
		must(t, err)
		for _, c := range page {
			seen = append(seen, c.Seq)
		}
		if before = next; next == 0 {
			break
		}
	}
	if len(seen) != 6 || !slices.IsSortedFunc(seen, func(a, b int64) int { return int(b - a) }) {
		t.Errorf("saw %v", seen)
	}
}

func TestShow(t *testing.T) {
	s := openStore(t)
	one := record(t, s, `{}`, `{}`)
	c, events, err := s.Show(t.Context(), one.ID)
	must(t, err)
	if c.ID != one.ID || len(events) != 2 || events[0].Type != TypeAttempt || events[1].Type != TypeOutcome {
		t.Errorf("got %s with %d events", c.ID, len(events))
	}
	two := record(t, s, `{}`, `{}`)
	common := 0
	for one.ID[common] == two.ID[common] {
		common++
	}
	if _, _, err := s.Show(t.Context(), one.ID[:common]); !errors.Is(err, ErrAmbiguous) {
		t.Errorf("a beginning of two: %v", err)
	}
	if c, _, err := s.Show(t.Context(), two.ID[:common+1]); err != nil || c.ID != two.ID {
		t.Errorf("a beginning of one: %s, %v", c.ID, err)
	}
	for _, id := range []string{"", "nonsense", "ffffffff"} {
		if _, _, err := s.Show(t.Context(), id); !errors.Is(err, ErrNoCall) {
			t.Errorf("%q: %v", id, err)
		}
	}
}

func TestStats(t *testing.T) {
	s := house(t)
	got, err := s.Stats(t.Context(), Filter{})
	must(t, err)
	want := Stats{
		Calls: 6, First: got.First, Last: got.Last, SizeBytes: got.SizeBytes, Latency: got.Latency,
		Agents:   []Count{{"ann", 5}, {"bob", 1}},
		Tools:    []Count{{"files__read_file", 5}, {"mail__send", 1}},
		Outcomes: []Count{{"ok", 4}, {"refused", 1}, {"running", 1}},
		Effects:  []Count{{"allow", 5}, {"deny", 1}},
		Codes:    []Count{{"policy", 1}},
		Upstream: Spread{12, 12, 12, 12}, Exact: true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("statistics (-want +got):\n%s", diff)
	}
	if l := got.Latency; l.P50 <= 0 || l.P50 > l.P95 || l.P99 > l.Max || got.First > got.Last || got.SizeBytes == 0 {
		t.Errorf("got %+v", got)
	}
	empty, err := s.Stats(t.Context(), Filter{Match: Match{Agent: Values{"nobody"}}})
	if err != nil || empty.Calls != 0 || empty.Latency != (Spread{}) {
		t.Errorf("of nothing: %+v, %v", empty, err)
	}
}

func TestFollowSeesCallsEnd(t *testing.T) {
	s := openStore(t)
	before := record(t, s, `{}`, `{}`)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	got := make(chan string)
	go func() {
		defer close(got)
		for c, err := range s.Follow(ctx, Filter{Match: Match{Agent: Values{"ann"}}}, nil) {
			if err != nil {
				t.Error(err)
				return
			}
			select {
			case got <- c.ID:
			case <-ctx.Done():
				return
			}
		}
	}()
	var first string
	for first == "" { // until following has begun
		record(t, s, `{}`, `{}`)
		select {
		case first = <-got:
		default:
		}
	}
	if first == before.ID {
		t.Error("saw a call that ended before")
	}
	last := record(t, s, `{}`, `{}`)
	for id := range got {
		if id == last.ID {
			cancel()
		}
	}
}

func TestExportJSONL(t *testing.T) {
	s := house(t)
	var out strings.Builder
	n, err := s.Export(t.Context(), &out, FormatJSONL, Filter{})
	must(t, err)
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if n != 6 || len(lines) != 6 {
		t.Fatalf("%d calls on %d lines", n, len(lines))
	}
	for _, line := range lines {
		var c map[string]any
		must(t, json.Unmarshal([]byte(line), &c))
		if _, isObject := c["args"].(map[string]any); !isObject {
			t.Errorf("args are not JSON but %T", c["args"])
		}
	}
	if _, err := s.Export(t.Context(), &out, "xml", Filter{}); err == nil {
		t.Error("exported in an unknown format")
	}
}

func TestAttackFormulasInCSV(t *testing.T) {
	s := openStore(t)
	values := []string{"=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "'quoted", "plain", `say "hi"; = x`, "＝1", "a,b"}
	for _, v := range values {
		c := newCall(t, `{}`)
		c.Agent = &gateway.Agent{ID: v, Issuer: v}
		must(t, s.Record(t.Context(), gateway.PhaseAttempt, c))
	}
	var out strings.Builder
	_, err := s.Export(t.Context(), &out, FormatCSV, Filter{})
	must(t, err)
	rows, err := csv.NewReader(strings.NewReader(out.String())).ReadAll()
	must(t, err)
	agent := slices.Index(rows[0], "agent")
	for i, row := range rows[1:] {
		for _, field := range row {
			if field != "" && strings.ContainsAny(field[:1], "=+-@\t\r") || strings.HasPrefix(field, "＝") {
				t.Errorf("a field begins a formula: %q", field)
			}
		}
		if got, want := strings.TrimPrefix(row[agent], "'"), column(values[i]); got != want && row[agent] != want {
			t.Errorf("agent %q comes back as %q", want, row[agent])
		}
	}
}

func TestReplayGivesBackWhatPolicySaw(t *testing.T) {
	s := openStore(t)
	earlier := newCall(t, `{}`)
	earlier.Tool, earlier.Name, earlier.Session = nil, "web__get", gateway.Session{ID: "5e55"}
	must(t, s.Record(t.Context(), gateway.PhaseAttempt, earlier))
	respond(earlier, `{}`)
	must(t, s.Record(t.Context(), gateway.PhaseOutcome, earlier))
	c := newCall(t, `{"path":"/srv/a.md"}`)
	c.Findings = []gateway.Finding{{Kind: gateway.FindingInjection, Rule: "injection.x", Stage: gateway.StageRequest, Where: "/path", Severity: "low", Action: "observe"}}
	c.Score = 0.25
	must(t, s.Record(t.Context(), gateway.PhaseAttempt, c))
	respond(c, `{"content":[]}`)
	must(t, s.Record(t.Context(), gateway.PhaseOutcome, c))
	before := gateway.NewCall(gateway.SurfaceMCP, gateway.KindTool, "tools/call") // never reached policy
	before.Refusal = gateway.Refuse("limit", gateway.RateLimited, "slow down")
	must(t, s.Record(t.Context(), gateway.PhaseRefusal, before))

	var got []Replayed
	for r, err := range s.Replay(t.Context(), Filter{}) {
		must(t, err)
		got = append(got, r)
	}
	if len(got) != 2 || got[1].Partial != "" {
		t.Fatalf("got %+v", got)
	}
	r := got[1].Call
	for name, pair := range map[string][2]any{
		"id":       {c.ID, r.ID},
		"agent":    {*c.Agent, *r.Agent},
		"session":  {c.Session, r.Session},
		"args":     {c.Args.Value(), r.Args.Value()},
		"findings": {c.Findings, r.Findings},
		"score":    {c.Score, r.Score},
		"decision": {c.Decision, r.Decision},
		"result":   {c.Result.Raw, r.Result.Raw},
		"labels":   {c.Result.Labels, r.Result.Labels},
		"tool":     {[]any{c.Tool.Server, c.Tool.Name, c.Tool.Wire, c.Tool.Labels, c.Tool.Fingerprint, c.Tool.Pinned}, []any{r.Tool.Server, r.Tool.Name, r.Tool.Wire, r.Tool.Labels, r.Tool.Fingerprint, r.Tool.Pinned}},
	} {
		if diff := cmp.Diff(pair[0], pair[1]); diff != "" {
			t.Errorf("%s (-recorded +replayed):\n%s", name, diff)
		}
	}
}

func TestReplaySaysWhatIsMissing(t *testing.T) {
	s := openStore(t, func(o *Options) { o.Bodies = BodiesNone })
	record(t, s, `{"a":1}`, `{}`)
	for r, err := range s.Replay(t.Context(), Filter{}) {
		must(t, err)
		if r.Partial == "" {
			t.Error("a call without bodies passes for whole")
		}
	}
}

// A session's labels are all that it had, whichever its last call saw.
func TestSessionLabelsAreTheUnion(t *testing.T) {
	s := openStore(t)
	for _, labels := range [][]string{{"private"}, {"external"}, nil, {"private", "untrusted"}} {
		c := newCall(t, `{}`)
		c.Session.Labels = labels
		must(t, s.Record(t.Context(), gateway.PhaseAttempt, c))
		respond(c, `{}`)
		c.Result.Labels = []string{"brought"}
		must(t, s.Record(t.Context(), gateway.PhaseOutcome, c))
	}
	if got := column1(t, s, "SELECT labels FROM sessions"); len(got) != 1 || got[0] != `["brought","external","private","untrusted"]` {
		t.Errorf("got %v", got)
	}
}

// A trace's calls are found by its ID, refused ones too; what copies a result of
// theirs is not among them.
func TestCallsOfATrace(t *testing.T) {
	const trace = "0af7651916cd43dd8448eb211c80319c"
	s := openStore(t)
	first := newCall(t, `{}`)
	first.Trace = trace
	must(t, s.Record(t.Context(), gateway.PhaseAttempt, first))
	respond(first, `{}`)
	must(t, s.Record(t.Context(), gateway.PhaseOutcome, first))
	record(t, s, `{}`, `{}`) // of none
	refused := newCall(t, `{}`)
	refused.Trace = trace
	refused.Findings = []gateway.Finding{{Kind: gateway.FindingProvenance, Stage: gateway.StageRequest, From: first.ID}}
	refused.Refusal = gateway.Refuse("policy", gateway.PolicyDenied, "no")
	must(t, s.Record(t.Context(), gateway.PhaseRefusal, refused))
	for name, test := range map[string]struct {
		filter Filter
		want   []string
	}{
		"trace":             {Filter{Trace: trace}, []string{first.ID, refused.ID}},
		"another":           {Filter{Trace: "1af7651916cd43dd8448eb211c80319c"}, nil},
		"a call's ID":       {Filter{Trace: first.ID}, nil},
		"trace and outcome": {Filter{Trace: trace, Match: Match{Outcome: Values{"ok"}}}, []string{first.ID}},
		"from a call":       {Filter{FromCall: first.ID}, []string{refused.ID}},
	} {
		var got []string
		for c, err := range s.All(t.Context(), test.filter) {
			must(t, err)
			got = append(got, c.ID)
			if c.TraceID != trace {
				t.Errorf("%s: call %s has the trace %q", name, c.ID, c.TraceID)
			}
		}
		stats, err := s.Stats(t.Context(), test.filter)
		must(t, err)
		if !slices.Equal(got, test.want) || stats.Calls != int64(len(test.want)) {
			t.Errorf("%s: got %v and %d, want %v", name, got, stats.Calls, test.want)
		}
	}
}

// No listing reads the texts of calls that it does not show, nor events by anything
// but their number or an index.
func TestListingsReadByIndex(t *testing.T) {
	s := house(t)
	for name, f := range map[string]Filter{
		"outcome": {Match: Match{Outcome: Values{"interrupted"}}}, "not ok": {Not: Match{Outcome: Values{"ok"}}}, "agent": {Match: Match{Agent: Values{"ann"}}},
		"finding and label": {Match: Match{Finding: Values{"pii"}, Label: Values{"private"}}}, "session": {Session: Values{"5e55"}}, "ID": {Call: "01"}, "trace": {Trace: "0af7"},
		"from a call": {FromCall: "01"}, "text": {Text: "needle"}, "slow": {MinMs: 1}, "since": {Since: time.Now()},
	} {
		where, err := f.where()
		must(t, err)
		within := "seq BETWEEN 1 AND 4095 AND "
		if f.Call != "" || len(f.Session) > 0 || f.FromCall != "" {
			within = "+" + within
		}
		rows, err := s.db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN SELECT * FROM calls WHERE "+within+where.sql+" ORDER BY seq DESC LIMIT 50", where.args...)
		must(t, err)
		var steps []string
		for rows.Next() {
			var id, parent, unused int
			var detail string
			must(t, rows.Scan(&id, &parent, &unused, &detail))
			steps = append(steps, detail)
		}
		must(t, errors.Join(rows.Err(), rows.Close()))
		at := func(begin string) int {
			return slices.IndexFunc(steps, func(s string) bool { return strings.HasPrefix(s, begin) })
		}
		for _, table := range []string{"a", "o", "who", "what", "ruling", "ab", "ob", "events"} {
			if at("SCAN "+table+" ") >= 0 || slices.Contains(steps, "SCAN "+table) {
				t.Errorf("%s reads %s whole:\n%s", name, table, strings.Join(steps, "\n"))
			}
		}
		if a, o, texts := at("SEARCH a "), at("SEARCH o "), at("SEARCH ab "); a < 0 || o < a || texts < o {
			t.Errorf("%s reads texts first:\n%s", name, strings.Join(steps, "\n"))
		}
	}
}
