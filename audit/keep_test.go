package audit

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// What was in force when events came that stay is kept through every prune, once.
func TestWhatWasInForceOutlivesAPrune(t *testing.T) {
	path := newRecord(t, 0)
	tamper(t, path, "DELETE FROM events")
	must(t, os.Remove(path+".checkpoints"))
	s, err := Open(Options{Path: path})
	must(t, err)
	defer func() { must(t, s.Close()) }()
	must(t, s.Attach(t.Context(), nobody{}))
	old := func(days int, eventType, body, text string) int64 {
		t.Helper()
		seq, err := s.Append(t.Context(), Event{Type: eventType, TimeUnixMs: time.Now().AddDate(0, 0, -days).UnixMilli(), Body: Raw(body), Kept: Kept{Text: Raw(text)}})
		must(t, err)
		return seq
	}
	must(t, s.writer.do(t.Context(), func() error {
		return s.writer.conn.exec("DROP TRIGGER events_refuse_update; UPDATE events SET time_unix_ms = 0 WHERE seq < 3")
	}))
	policy := func(days int, name string) int64 {
		return old(days, TypePolicy, fmt.Sprintf(`{"revision":%q,"shadow":%q}`, name, "s"+name), fmt.Sprintf(`{"files":[{"Name":%q}],"shadow_files":[]}`, name))
	}
	policy(120, "older")
	first := policy(100, "a")
	old(95, TypeHangup, "{}", "")
	stays := old(80, TypeHangup, "{}", "")
	second := policy(50, "b")
	late := old(30, TypeHangup, "{}", "")
	for _, step := range []struct {
		days   int
		have   []string
		copies int
	}{{90, []string{"a", "b"}, 1}, {90, []string{"a", "b"}, 1}, {40, []string{"a", "b"}, 2}, {40, []string{"a", "b"}, 2}, {-1, []string{"b"}, 1}} {
		if step.days < 0 {
			old(0, TypeHangup, "{}", "") // so that there is something to make a snapshot of, behind the copies
		}
		_, err := s.Prune(t.Context(), time.Now().AddDate(0, 0, -step.days), "rita", "old")
		must(t, err)
		for _, name := range []string{"older", "a", "b"} {
			got, err := s.Policy(t.Context(), name)
			must(t, err)
			if want := strings.Contains(fmt.Sprint(step.have), name); strings.Contains(string(got.Files), `"`+name+`"`) != want {
				t.Errorf("after %d days policy %s is %s", step.days, name, got.Files)
			}
		}
		var names []string
		list, _, err := s.Revisions(t.Context(), 10, 0)
		must(t, err)
		for i, v := range list {
			if names = append([]string{v.Revision}, names...); v.InForce != (i == 0) || v.Loads != 1 {
				t.Errorf("after %d days: %+v", step.days, v)
			}
		}
		if fmt.Sprint(names) != fmt.Sprint(step.have) {
			t.Errorf("after %d days the revisions are %q, want %q", step.days, names, step.have)
		}
		if n := column1(t, s, "SELECT count(*) FROM events WHERE type = 'audit.kept'")[0]; n != fmt.Sprint(step.copies) {
			t.Errorf("after %d days there are %s copies, want %d", step.days, n, step.copies)
		}
		if step.days < 0 {
			continue
		}
		for seq, want := range map[int64]string{stays: "sa", late: "sb", first: ""} {
			if got, err := s.ShadowAt(t.Context(), seq); err != nil || got.Revision != want {
				t.Errorf("after %d days the shadow at event %d (b is at %d) is %q, %v, want %q", step.days, seq, second, got.Revision, err, want)
			}
		}
	}
}

// The configuration that events came under which stay is copied before it is pruned,
// with its text.
func TestPruneKeepsTheConfigurationInForce(t *testing.T) {
	path := newRecord(t, 0)
	tamper(t, path, "DELETE FROM events")
	must(t, os.Remove(path+".checkpoints"))
	s, err := Open(Options{Path: path})
	must(t, err)
	defer func() { must(t, s.Close()) }()
	must(t, s.Attach(t.Context(), nobody{}))
	old := func(days int, eventType, body, text string) {
		t.Helper()
		_, err := s.Append(t.Context(), Event{Type: eventType, TimeUnixMs: time.Now().AddDate(0, 0, -days).UnixMilli(), Body: Raw(body), Kept: Kept{Text: Raw(text)}})
		must(t, err)
	}
	must(t, s.writer.do(t.Context(), func() error {
		return s.writer.conn.exec("DROP TRIGGER events_refuse_update; UPDATE events SET time_unix_ms = 0 WHERE seq < 3")
	}))
	old(120, TypeConfig, `{"fields":["a"]}`, `{"config":{"n":1},"differences":[]}`)
	old(100, TypeConfig, `{"fields":["b"]}`, `{"config":{"n":2},"differences":[]}`)
	old(80, TypeHangup, "{}", "")
	_, err = s.Prune(t.Context(), time.Now().AddDate(0, 0, -90), "rita", "old")
	must(t, err)
	got := column1(t, s, "SELECT body ->> '$.body.fields[0]' || ' ' || text FROM events JOIN bodies USING (seq) WHERE type = 'audit.kept' AND body ->> '$.type' = 'config.loaded'")
	if fmt.Sprint(got) != `[b {"config":{"n":2},"differences":[]}]` {
		t.Errorf("kept: %s", got)
	}
}
