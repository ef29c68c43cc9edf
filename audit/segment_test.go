package audit

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"toolward/audit/journal"
	"toolward/audit/verify"
)

// goOn begins a new segment, and checks that a gateway goes on with it, that it
// verifies, and that what is not the record's own is folded by nobody.
func goOn(t *testing.T, path string, gap bool, foreign, missing [][2]int64) {
	t.Helper()
	if s, err := Open(Options{Path: path}); err == nil {
		must(t, s.Close())
		t.Fatal("a gateway starts on it as it is")
	}
	if len(missing) > 0 {
		if _, err := NewSegment(Options{Path: path}, "rita", "no copy", false); err == nil || !strings.Contains(err.Error(), "gone") {
			t.Errorf("the gap was not asked about: %v", err)
		}
	}
	segment, err := NewSegment(Options{Path: path}, "rita", "no copy is newer", gap)
	must(t, err)
	if !slices.Equal(segment.Foreign, foreign) || !slices.Equal(segment.Missing, missing) {
		t.Errorf("declares %v foreign and %v gone, want %v and %v", segment.Foreign, segment.Missing, foreign, missing)
	}
	if _, err := NewSegment(Options{Path: path}, "rita", "again", true); err == nil || !strings.Contains(err.Error(), "nothing to go on behind") {
		t.Errorf("a second one: %v", err)
	}
	s, err := Open(Options{Path: path})
	must(t, err)
	record(t, s, `{"after":true}`, `{}`)
	compare(t, s) // listings count what is there now
	must(t, s.Fold(t.Context(), 0, func(e Event) error {
		for _, rows := range foreign {
			if e.Seq >= rows[0] && e.Seq <= rows[1] {
				t.Errorf("event %d is folded", e.Seq)
			}
		}
		return nil
	}))
	must(t, s.Close())
	v, err := verify.Record(t.Context(), verify.Options{Path: path, Keys: path + ".keys"})
	must(t, err)
	if len(v.Problems) > 0 || len(v.Segments) != 1 || v.Segments[0].By != "rita" || v.Outside == 0 {
		t.Errorf("got %v, %v", v.Problems, v.Segments)
	}
	v, err = verify.Record(t.Context(), verify.Options{Path: path, Strict: true})
	if must(t, err); len(v.Problems) != 1 {
		t.Errorf("strictly: %v", v.Problems)
	}
	// The statement is what makes it so: without it, or for another row, all is as before.
	tamper(t, path, fmt.Sprintf(`UPDATE events SET body = replace(body, 'rita', 'bob') WHERE seq = %d`, segment.Event))
	if v := verified(t, path); len(v.Problems) == 0 {
		t.Error("a changed statement verifies")
	}
}

func TestNewSegment(t *testing.T) {
	// newRecord(5) has events 1 to 14: audit.open, a checkpoint, five calls,
	// audit.close, a checkpoint.
	const own = `INSERT INTO events SELECT %d, time_unix_ms, type, call, agent, server, tool, kind, effect, code, session, outcome, us, bytes, who, what, body, digest, hash, mac FROM events WHERE seq = 3`
	ranges := func(bounds ...int64) (all [][2]int64) {
		for i := 0; i < len(bounds); i += 2 {
			all = append(all, [2]int64{bounds[i], bounds[i+1]})
		}
		return all
	}
	for name, test := range map[string]struct {
		statements       []string
		foreign, missing [][2]int64
	}{
		"a row appended":           {[]string{fmt.Sprintf(own, 15)}, ranges(15, 15), nil},
		"several":                  {[]string{fmt.Sprintf(own, 15), fmt.Sprintf(own, 16), fmt.Sprintf(own, 17)}, ranges(15, 17), nil},
		"one edited":               {[]string{`UPDATE events SET agent = 'bob' WHERE seq = 5`}, ranges(5, 5), nil},
		"one edited, and its hash": {[]string{`UPDATE events SET agent = 'bob', hash = zeroblob(32) WHERE seq = 5`}, ranges(5, 6), nil},
		"two edited, one appended": {[]string{`UPDATE events SET agent = 'bob' WHERE seq IN (5, 9)`, fmt.Sprintf(own, 15)}, ranges(5, 5, 9, 9, 15, 15), nil},
		"the last one's MAC":       {[]string{`UPDATE events SET mac = zeroblob(16) WHERE seq = 14`}, ranges(14, 14), nil},
		"the tail cut":             {[]string{`DELETE FROM events WHERE seq > 9`}, nil, ranges(10, 13)},
		"cut, and one in place":    {[]string{`DELETE FROM events WHERE seq > 9`, fmt.Sprintf(own, 10)}, ranges(10, 10), ranges(11, 13)},
		"cut, and more in place": {[]string{`DELETE FROM events WHERE seq > 12`, fmt.Sprintf(own, 13), fmt.Sprintf(own, 14), fmt.Sprintf(own, 15)},
			ranges(13, 15), nil},
		"one removed":      {[]string{`DELETE FROM events WHERE seq = 7`}, ranges(8, 8), ranges(7, 7)},
		"a row far behind": {[]string{fmt.Sprintf(own, 100)}, ranges(100, 100), ranges(15, 99)},
		"a forged prune": {[]string{`INSERT INTO events SELECT 15, time_unix_ms, 'audit.prune', NULL, NULL, server, tool, kind, effect, code, session, outcome, us, bytes, who, what, '{"through":9,"note":"x"}', NULL, hash, mac FROM events WHERE seq = 3`},
			ranges(15, 15), nil},
		"all rows are another's": {[]string{`UPDATE events SET mac = zeroblob(16)`}, ranges(1, 14), nil},
	} {
		t.Run(name, func(t *testing.T) {
			path := newRecord(t, 5)
			tamper(t, path, test.statements...)
			goOn(t, path, true, test.foreign, test.missing)
		})
	}
}

// A database that was swapped, or copied back from earlier, is gone on with when
// a person says so.
func TestNewSegmentInAnOlderCopy(t *testing.T) {
	path := newRecord(t, 1) // 6 events
	older := read(t, path)
	s, err := Open(Options{Path: path})
	must(t, err)
	record(t, s, `{}`, `{}`)
	must(t, s.Close()) // 12 events, checkpoints of 5, 7, 11
	must(t, os.WriteFile(path, []byte(older), 0o600))
	goOn(t, path, true, nil, [][2]int64{{7, 11}})
}

// What the journal has and does not follow goes with a new segment, and it says so.
func TestNewSegmentSaysWhatItGivesUp(t *testing.T) {
	_, killed, ids := journaled(t, 3)
	name := journal.Names(Options{Path: killed}.journal())[0]
	must(t, os.WriteFile(name, reframed(t, []byte(read(t, name)), []byte(ids[1]), []byte(strings.Repeat("0", len(ids[1])))), 0o600))
	keys, err := LoadKeys(killed + ".keys")
	must(t, err)
	entries, err := journal.Read(Options{Path: killed}.journal())
	must(t, err)
	end := endOf(t, killed)
	found, astray := following(entries, end, keys)
	tamper(t, killed, fmt.Sprintf(`INSERT INTO events SELECT %d, time_unix_ms, type, call, agent, server, tool, kind, effect, code, session, outcome, us, bytes, who, what, body, digest, hash, mac FROM events WHERE seq = 3`, end.seq+1))
	segment, err := NewSegment(Options{Path: killed}, "rita", "a row of nobody's", false)
	must(t, err)
	v := verified(t, killed)
	want := fmt.Sprintf("event %d: %d were found in the journal, up to number %d, which did not follow event %d", segment.Event+int64(len(found))+1, len(astray), astray[len(astray)-1], end.seq+int64(len(found)))
	if len(v.Problems) > 0 || !slices.ContainsFunc(v.Notices, func(n string) bool { return strings.Contains(n, want) }) {
		t.Errorf("verify says %v, %v, want %q", v.Problems, v.Notices, want)
	}
}

// Somebody who has not the key cannot declare anything.
func TestAttackForgedSegment(t *testing.T) {
	path := newRecord(t, 5)
	keys, err := LoadKeys(path + ".keys")
	must(t, err)
	signed, err := keys.state(statesSegment, Segment{Event: 15, After: 14, Hash: make([]byte, 32), Foreign: [][2]int64{{3, 3}}})
	must(t, err)
	for name, note := range map[string]string{"none": "", "of another segment": signed} {
		t.Run(name, func(t *testing.T) {
			copied := copyRecord(t, path)
			tamper(t, copied, `UPDATE events SET agent = 'bob' WHERE seq = 3`)
			forge(t, copied, nil, TypeSegment, string(marshal(map[string]string{"note": note})))
			if v := verified(t, copied); len(v.Problems) == 0 {
				t.Error("it verifies")
			}
			if _, err := Open(Options{Path: copied}); err == nil {
				t.Error("a gateway starts on it")
			}
		})
	}
}

// TestForeignRowIsNoticed appends a row while a gateway has the record open. It
// says so without anybody calling, refuses calls with the reason, and goes on
// when the row is gone.
func TestForeignRowIsNoticed(t *testing.T) {
	for name, seq := range map[string]int{"the next number": 5, "a later number": 5000} {
		t.Run(name, func(t *testing.T) {
			s := openStore(t)
			record(t, s, `{}`, `{}`)
			row := fmt.Sprintf(`INSERT INTO events (seq, time_unix_ms, type, body, hash, mac) VALUES (%d, 0, 'audit.note', '{}', zeroblob(32), zeroblob(16))`, seq)
			tamper(t, s.opts.Path, row)
			must(t, s.writer.do(t.Context(), func() error { s.writer.upkeep(); return nil }))
			var foreign *ForeignError
			if err := s.Ready(); !errors.As(err, &foreign) || foreign.Seq != int64(seq) {
				t.Errorf("ready says %v", err)
			}
			if err := s.Record(t.Context(), "attempt", newCall(t, `{}`)); !errors.As(err, &foreign) {
				t.Errorf("recorded: %v", err)
			}
			tamper(t, s.opts.Path, fmt.Sprintf("DELETE FROM events WHERE seq = %d", seq))
			untilRecorded(t, s)
			checkChain(t, s)
		})
	}
}
