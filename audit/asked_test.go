package audit

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mattn/go-sqlite3"

	"toolward/audit/schema"
	"toolward/gateway"
)

// asked is for each member of a filter a value that many calls have, one that few
// have, and one that none has; "" where there is no such value.
type asked map[string][3]string

// filters are all of them. A member without values fails the test: whoever adds a
// filter says here how it is found.
func (a asked) filters(t *testing.T) map[string][3]Filter {
	t.Helper()
	all := map[string][3]Filter{}
	for _, of := range []reflect.Type{reflect.TypeFor[Match](), reflect.TypeFor[Filter]()} {
		for i := range of.NumField() {
			name := of.Field(i).Name
			if slices.Contains([]string{"Match", "Not", "Since", "Until"}, name) {
				continue // what the others are combined with
			}
			values, ok := a[name]
			if !ok {
				t.Errorf("the filter %s has no row in this table", name)
			}
			var three [3]Filter
			for n, v := range values {
				if v != "" {
					three[n] = askedFor(t, name, v)
				}
			}
			all[name] = three
		}
	}
	return all
}

// askedFor sets one member of a filter.
func askedFor(t *testing.T, name, value string) (f Filter) {
	t.Helper()
	switch member := reflect.ValueOf(&f).Elem().FieldByName(name); member.Interface().(type) {
	case Values:
		member.Set(reflect.ValueOf(Values{value}))
	case string:
		member.SetString(value)
	case bool:
		member.SetBool(true)
	case float64:
		_, err := fmt.Sscan(value, member.Addr().Interface())
		must(t, err)
	case []Arg:
		path, v, _ := strings.Cut(value, "=")
		f.Args = []Arg{{path, v}}
	default:
		t.Fatalf("%s is of a type that this table does not know", name)
	}
	return f
}

// ends is a record with some spans of calls that are alike, and at both ends, which
// is as far away as can be from one of them, calls that have nothing in common with
// those.
func ends(t *testing.T) (*Store, asked) {
	const spans = 4
	s := openStore(t)
	rare := func() (id string) {
		c := newCall(t, `{"rare":"rareword"}`)
		id = c.ID
		c.Kind, c.Peer, c.Trace = gateway.KindPrompt, "192.0.2.99", "0af7651916cd43dd8448eb211c80319c"
		c.Agent = &gateway.Agent{ID: "rare", Issuer: "https://rare.test", Roles: []string{"rare"}}
		c.Tool = &gateway.Tool{Kind: gateway.KindPrompt, Server: "rare", Name: "x", Wire: "rare__x", Labels: []string{"raretool"}}
		c.Session = gateway.Session{ID: "rare5e55", Labels: []string{"rareseen"}}
		c.Decision = gateway.Decision{Effect: gateway.EffectApprove, Shadow: gateway.EffectAllow, Revision: "rare", Rules: []gateway.Rule{{Package: "rare", Name: "ask"}}}
		c.Findings = []gateway.Finding{{Kind: gateway.FindingExfil, Rule: "rare.rule", Stage: gateway.StageRequest, From: "01a20cb2-b175-7000-8000-000000000001"}}
		must(t, appendAt(t.Context(), s, gateway.PhaseAttempt, c, 0))
		c.Refusal = gateway.Refuse("upstream", gateway.UpstreamInvalid, "rarereason")
		must(t, appendAt(t.Context(), s, gateway.PhaseOutcome, c, 90_000_000))
		q := newCall(t, `{}`)
		q.Refusal = gateway.Refuse("policy", gateway.ApprovalPending, "wait")
		q.Refusal.Approval = "rareq"
		must(t, s.Record(t.Context(), gateway.PhaseRefusal, q))
		return id
	}
	id := rare()
	must(t, s.Note(t.Context(), "approval.asked", map[string]any{"id": "rareq"}))
	must(t, s.Note(t.Context(), "approval.denied", map[string]any{"id": "rareq", "by": map[string]any{"subject": "rareperson", "issuer": "x"}}))
	inFlightN(t, 64, spans*spanSize/2, func() error {
		c := newCall(t, `{"n":1,"note":"usual words"}`)
		if err := appendAt(t.Context(), s, gateway.PhaseAttempt, c, 0); err != nil {
			return err
		}
		respond(c, `{"content":[]}`)
		return appendAt(t.Context(), s, gateway.PhaseOutcome, c, 1500)
	})
	rare()
	for more := true; more; {
		var err error
		more, err = s.indexSpan(t.Context())
		must(t, err)
	}
	return s, asked{
		"Agent": {"ann", "rare", "nobody"}, "Issuer": {"https://id.test", "https://rare.test", "x"}, "Role": {"dev", "rare", "x"}, "Peer": {"192.0.2.7", "192.0.2.99", "x"},
		"Server": {"files", "rare", "x"}, "Tool": {"files__read_file", "rare__x", "x"}, "Kind": {"tool", "prompt", "task"}, "Effect": {"allow", "approve", "deny"},
		"Outcome": {"ok", "failed", "cancelled"}, "Code": {"", "upstream_invalid", "cancelled"}, "Revision": {"r1", "rare", "x"}, "Label": {"private", "raretool", "x"},
		"Finding": {"", "exfil", "pii"}, "Rule": {"files.rego:4", "rare.rule", "x"}, "Differs": {"", "yes", ""},
		"Session": {"5e55", "rare5e55", "x"}, "Call": {"0", id, "ff"}, "FromCall": {"", "01a20cb2-b175-7000-8000-000000000001", "x"}, "Trace": {"", "0af7651916cd43dd8448eb211c80319c", "ffffffffffffffff"},
		"ToolLabel": {"private", "raretool", "x"}, "Seen": {"untrusted", "rareseen", "x"}, "Approval": {"", "rareq", "x"}, "DecidedBy": {"", "rareperson", "x"},
		"Args": {"n=1", "rare=rareword", "n=nowhere"}, "MinMs": {"1", "80000", "100000"}, "Text": {"usual words", "rareword", "nowhere"},
	}
}

// overheard is a connection that remembers what it was asked.
type overheard struct {
	*sqlite3.SQLiteConn
	queries *[]noteOfQuery
}

type noteOfQuery struct {
	text string
	args []driver.NamedValue
}

func (n overheard) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	*n.queries = append(*n.queries, noteOfQuery{query, args})
	return n.SQLiteConn.QueryContext(ctx, query, args)
}

type overhearing struct {
	path    string
	queries *[]noteOfQuery
}

func (n overhearing) Connect(context.Context) (driver.Conn, error) {
	c, err := n.Driver().Open(schema.DSN(n.path, "ro", time.Second, "&_query_only=1"))
	if err != nil {
		return nil, err
	}
	return overheard{c.(*sqlite3.SQLiteConn), n.queries}, nil
}

func (overhearing) Driver() driver.Driver { return &sqlite3.SQLiteDriver{} }

// scan is a step of a query plan that reads a table whole which has a row for a call
// or more. Tables of facets, of hours and of JSON have not.
var scan = regexp.MustCompile(`^SCAN (events|a|o|e|counts|c|bodies|ab|ob|b|interned|who|what|ruling|sources|words)\b`)

// TestAskingCostsWhatIsAnswered asks by each member of a filter, for much, little and
// nothing, alone, in a time and with a second one, newest and oldest first. What is
// read hangs on the answer, not on the record: no table of calls is scanned, and of
// the events no more than two of the record's spans are looked at, for what is at its
// ends or nowhere.
func TestAskingCostsWhatIsAnswered(t *testing.T) {
	s, values := ends(t)
	var queries []noteOfQuery
	db := sql.OpenDB(overhearing{s.opts.Path, &queries})
	db.SetMaxOpenConns(1)
	r := &Reader{db: db}
	defer func() { must(t, r.Close()) }()
	plans := map[string]bool{}
	check := func(what string, most int64) {
		t.Helper()
		looked := int64(0)
		for _, q := range slices.Clone(queries) {
			if _, rest, ok := strings.Cut(q.text, " FROM calls WHERE "); ok && strings.HasPrefix(rest, "seq BETWEEN ? AND ?") {
				looked += q.args[1].Value.(int64) - q.args[0].Value.(int64) + 1
			}
			if plans[q.text] {
				continue
			}
			plans[q.text] = true
			for _, step := range planOf(t, s, q) {
				if scan.MatchString(step) {
					t.Errorf("%s: %s in %s", what, step, q.text)
				}
			}
		}
		if looked > most {
			t.Errorf("%s: %d events are looked at, want at most %d", what, looked, most)
		}
		queries = nil
	}
	for name, three := range values.filters(t) {
		for n, f := range three {
			if reflect.DeepEqual(f, Filter{}) {
				continue
			}
			second, within := f, f
			if name != "Outcome" {
				second.Outcome = Values{"ok", "failed", "refused"}
			}
			within.Since, within.Until = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
			for way, f := range map[string]Filter{"alone": f, "with a second": second, "in a time": within} {
				what := fmt.Sprintf("%s, %s, %s", name, []string{"many", "few", "none"}[n], way)
				down, _, err := r.List(t.Context(), f, 50, 0)
				must(t, err)
				check(what+", newest first", 2*spanSize)
				up, _, err := r.ListOldest(t.Context(), f, 50, 0)
				must(t, err)
				check(what+", oldest first", 2*spanSize)
				if len(down) != len(up) || n == 2 && len(down) > 0 || n == 1 && (len(down) == 0 || len(down) > 2) || n == 0 && len(down) < 50 {
					t.Errorf("%s: %d and %d calls are found", what, len(down), len(up))
				}
			}
		}
	}
}

// planOf is the plan of a query, a step each.
func planOf(t *testing.T, s *Store, q noteOfQuery) (steps []string) {
	t.Helper()
	args := make([]any, len(q.args))
	for i, a := range q.args {
		args[i] = a.Value
	}
	rows, err := s.Reader.now(t.Context()).QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+q.text, args...)
	must(t, err)
	defer func() { must(t, rows.Close()) }()
	for rows.Next() {
		var step string
		must(t, rows.Scan(new(any), new(any), new(any), &step))
		steps = append(steps, step)
	}
	return steps
}
