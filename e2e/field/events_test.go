//go:build e2e

package field

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"toolward/audit"
	"toolward/e2e/lab"
)

// elsewhere are what the running program is not made to write here, and why.
var elsewhere = map[string]string{
	"audit.clock":                     "nobody sets this machine's clock: TestClock of package audit",
	"beside audit.kept differences":   "takes a configuration that is older than what stays: TestPruneKeepsTheConfigurationInForce of package audit",
	"tool.quarantined_more":           "takes a thousand definitions: TestDefinitionsWithoutEnd of e2e/attacks",
	"tool.narrower left_out_bytes":    "takes four mebibytes of definitions: TestHeldBackIsBounded of cmd/toolward",
	"tool.quarantined left_out_bytes": "takes four mebibytes of definitions: TestHeldBackIsBounded of cmd/toolward",
}

// event is one of the record, with what stands beside it.
type event struct {
	Type   string
	Body   map[string]any
	Beside map[string]any
}

// events are those of a record that are not about calls.
func events(t *testing.T, g *lab.Gateway, db string) (all []event) {
	t.Helper()
	for _, row := range g.Rows(t, db, "SELECT type, body, bodies FROM timeline WHERE type NOT LIKE 'call.%' ORDER BY seq") {
		e := event{Type: row["type"].(string)}
		if err := json.Unmarshal([]byte(row["body"].(string)), &e.Body); err != nil {
			t.Fatalf("%s: %v", e.Type, err)
		}
		if text, ok := row["bodies"].(string); ok {
			if err := json.Unmarshal([]byte(text), &e.Beside); err != nil {
				t.Fatalf("%s: %v", e.Type, err)
			}
		}
		all = append(all, e)
	}
	return all
}

// TestEveryTypeOfEvent provokes each type of event of the table on the running
// program. Each is written, has the fields that the table says and no other, and each
// field is there at least once.
func TestEveryTypeOfEvent(t *testing.T) {
	var all []event
	for _, scene := range []func(*testing.T) []event{decisions, resets, strangersAndLogins, clientsAndTokens, oldRecord, stoppedCommands, astray} {
		all = append(all, scene(t)...)
	}
	fields, beside := map[string]map[string]bool{}, map[string]map[string]bool{}
	for _, e := range all {
		if fields[e.Type] == nil {
			fields[e.Type], beside[e.Type] = map[string]bool{}, map[string]bool{}
		}
		for name := range e.Body {
			fields[e.Type][name] = true
		}
		for name := range e.Beside {
			beside[e.Type][name] = true
		}
	}
	compare := func(what string, got map[string]bool, want []string) {
		for name := range got {
			if !slices.Contains(want, name) {
				t.Errorf("%s has %q, of which the table says nothing", what, name)
			}
		}
		for _, name := range want {
			if _, excused := elsewhere[what+" "+name]; !got[name] && !excused {
				t.Errorf("no %s has %q: not provoked, or not written", what, name)
			}
		}
	}
	known := map[string]bool{}
	for _, typ := range audit.Types {
		known[typ.Name] = true
		_, excused := elsewhere[typ.Name]
		if strings.HasPrefix(typ.Name, "call.") || excused {
			continue
		}
		if fields[typ.Name] == nil {
			t.Errorf("nothing provokes %s", typ.Name)
			continue
		}
		compare(typ.Name, fields[typ.Name], typ.Fields)
		compare("beside "+typ.Name, beside[typ.Name], typ.Texts)
	}
	for name := range fields {
		if !known[name] {
			t.Errorf("%s is on record, and in no table", name)
		}
	}
	decidedByOneForm(t, all)
}

// decidedByOneForm checks that who decided is an identity everywhere but in signed
// statements, which have its text.
func decidedByOneForm(t *testing.T, all []event) {
	t.Helper()
	for _, e := range all {
		by, ok := e.Body["by"]
		if !ok {
			continue
		}
		if _, signed := e.Body["note"].(string); signed && strings.HasPrefix(e.Type, "audit.") {
			if text, _ := by.(string); text == "" {
				t.Errorf("%s: by %v", e.Type, by)
			}
			continue
		}
		who, _ := by.(map[string]any)
		if who["issuer"] == nil || who["subject"] == nil {
			t.Errorf("%s: by %v", e.Type, by)
		}
		for _, name := range slices.Sorted(maps.Keys(who)) {
			if !slices.Contains([]string{"issuer", "subject", "roles"}, name) {
				t.Errorf("%s: by has %s", e.Type, name)
			}
		}
	}
}

// of are the events of a type.
func of(all []event, eventType string) (some []event) {
	for _, e := range all {
		if e.Type == eventType {
			some = append(some, e)
		}
	}
	return some
}

// said is an event's body as text.
func said(e event) string { return fmt.Sprint(e.Body) }

// astray are the events of a record in whose journal somebody changed one, after the
// gateway was killed.
func astray(t *testing.T) []event {
	g := lab.Start(t, lab.Options{})
	unlock := g.Lock(t) // so that calls stay in the journal
	marker := lab.Marker()
	for _, text := range []string{marker, lab.Marker()} {
		if a := lab.REST.Call(t, g, g.Tester(), "echo", lab.Text(text)); a.Code != "" {
			t.Fatalf("a call got %+v", a)
		}
	}
	g.Kill()
	unlock()
	path := filepath.Join(g.Dir, "toolward.db.journal.0")
	journal, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	changed := bytes.Replace(journal, []byte(marker), []byte(strings.Repeat("x", len(marker))), 1)
	if bytes.Equal(changed, journal) {
		t.Fatal("the call is not in the journal")
	}
	if err := os.WriteFile(path, changed, 0o600); err != nil {
		t.Fatal(err)
	}
	g.Restart(t)
	return events(t, g, "")
}
