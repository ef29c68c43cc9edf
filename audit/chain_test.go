package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// folded is what Fold hands over, as "seq type".
func folded(t *testing.T, s *Store, after int64) (got []string, err error) {
	t.Helper()
	err = s.Fold(t.Context(), after, func(e Event) error {
		got = append(got, fmt.Sprintf("%d %s", e.Seq, e.Type))
		return nil
	})
	return got, err
}

func TestFoldHandsOverInOrder(t *testing.T) {
	s := openStore(t) // 1 audit.open, 2 audit.checkpoint
	record(t, s, `{}`, `{}`)
	seq, err := s.Append(t.Context(), Event{Type: "block.added", Agent: "ann", Body: "{\"why\":\n\"a\u2028b\"}"})
	must(t, err)
	if seq != 5 {
		t.Errorf("the event has number %d, want 5", seq)
	}
	for after, want := range map[int64][]string{
		0: {"1 audit.open", "2 audit.checkpoint", "3 call.attempt", "4 call.outcome", "5 block.added"},
		3: {"4 call.outcome", "5 block.added"},
		5: nil,
	} {
		if got, err := folded(t, s, after); err != nil || !slices.Equal(got, want) {
			t.Errorf("after %d: got %q, %v, want %q", after, got, err, want)
		}
	}
	if _, err := folded(t, s, 6); err == nil || !strings.Contains(err.Error(), "no event 6") {
		t.Errorf("after an event that is not there: %v", err)
	}
	stop := errors.New("enough")
	if err := s.Fold(t.Context(), 0, func(Event) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("got %v, want what f returned", err)
	}
	var last Event
	must(t, s.Fold(t.Context(), 4, func(e Event) error { last = e; return nil }))
	if last.Agent != "ann" || last.Body != `{"why":"a\u2028b"}` || time.Since(time.UnixMilli(last.TimeUnixMs)) > time.Minute {
		t.Errorf("got %+v", last)
	}
}

func TestFoldBeginsAfterWhatWasPruned(t *testing.T) {
	s := agedRecord(t, 5)
	young := record(t, s, `{}`, `{}`)
	removed, err := s.Prune(t.Context(), young.Time, "rita", "too old")
	must(t, err)
	for _, after := range []int64{0, removed - 1, removed} {
		got, err := folded(t, s, after)
		if err != nil || len(got) == 0 || got[0] != fmt.Sprintf("%d call.attempt", removed+1) {
			t.Errorf("after %d: got %q, %v", after, got, err)
		}
	}
}

func TestAppendSaysWhichNumber(t *testing.T) {
	s := openStore(t)
	var mu sync.Mutex
	got := map[int64]string{}
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			name := fmt.Sprint("agent ", i)
			seq, err := s.Append(t.Context(), Event{Type: "block.added", Agent: name, Body: `{}`})
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			got[seq] = name
		})
	}
	wg.Wait()
	must(t, s.Fold(t.Context(), 2, func(e Event) error {
		if got[e.Seq] != e.Agent {
			t.Errorf("event %d is of %s, and whoever appended it was told %s", e.Seq, e.Agent, got[e.Seq])
		}
		return nil
	}))
}

// Attacker's events: appended or changed by somebody who can write the database
// and computes the chain, but has not the key. None is folded, whatever place it
// has, and a gateway does not go on behind it.
func TestAttackEventWithoutTheKey(t *testing.T) {
	const forged = `INSERT INTO events (seq, time_unix_ms, type, body, hash, mac)
		SELECT max(seq) + 1, 0, 'block.lifted', '{}', zeroblob(32), %s FROM events`
	for name, test := range map[string]struct {
		statements []string
		foreign    string
	}{
		"appended, no MAC":              {[]string{fmt.Sprintf(forged, "zeroblob(16)")}, "event 9 "},
		"appended, another event's MAC": {[]string{fmt.Sprintf(forged, "(SELECT mac FROM events WHERE seq = 4)")}, "event 9 "},
		"appended, the last one's MAC":  {[]string{fmt.Sprintf(forged, "(SELECT mac FROM events WHERE seq = 8)")}, "event 9 "},
		"a copy, renumbered":            {[]string{`INSERT INTO events SELECT 9, time_unix_ms, type, call, agent, server, tool, kind, effect, code, session, outcome, us, bytes, who, what, body, digest, hash, mac FROM events WHERE seq = 4`}, "event 9 "},
		"changed":                       {[]string{`UPDATE events SET body = '{"x":1}' WHERE seq = 5`}, "event 5 "},
		"changed, the last":             {[]string{`UPDATE events SET time_unix_ms = 0 WHERE seq = 8`}, "event 8 "},
		"changed, the first":            {[]string{`UPDATE events SET time_unix_ms = 0 WHERE seq = 1`}, "event 1 "},
		"two MACs exchanged": {[]string{`CREATE TEMP TABLE m AS SELECT seq, mac FROM events WHERE seq IN (4, 5)`,
			`UPDATE events SET mac = (SELECT mac FROM m WHERE m.seq = 9 - events.seq) WHERE seq IN (4, 5)`}, "event 4 "},
		"removed": {[]string{`DELETE FROM events WHERE seq = 4`}, "event 5 "},
	} {
		for _, rechain := range []bool{false, true} {
			if name == "removed" && rechain {
				continue // without renumbering there is nothing to rebuild
			}
			t.Run(fmt.Sprintf("%s/rebuilt %v", name, rechain), func(t *testing.T) {
				s := openStore(t)
				path := s.opts.Path
				record(t, s, `{"n":1}`, `{}`)
				record(t, s, `{"n":2}`, `{}`) // 3 to 6, and 7 and 8 at the end
				must(t, s.Close())
				tamper(t, path, test.statements...)
				if rechain {
					rebuildChain(t, path)
				}
				if _, err := Open(Options{Path: path}); err == nil || !strings.Contains(err.Error(), test.foreign+"is foreign") {
					t.Errorf("opened, or for another reason: %v", err)
				}
				err := foldFile(t, path, s.recorder.keys)
				var foreign *ForeignError
				if !errors.As(err, &foreign) || !strings.HasPrefix(err.Error(), test.foreign) {
					t.Errorf("folded up to %v, want to stop at %s", err, test.foreign)
				}
			})
		}
	}
}

// foldFile folds a record that no gateway would open.
func foldFile(t *testing.T, path string, keys *Keys) error {
	t.Helper()
	reader, err := OpenReader(path)
	must(t, err)
	s := &Store{Reader: reader, recorder: &recorder{keys: keys}}
	err = s.Fold(t.Context(), 0, func(Event) error { return nil })
	must(t, reader.Close())
	return err
}

// Whoever can write the standby's file cannot put an event into the record that
// way, nor one that stood there at another time, nor in another order.
func TestAttackForgedStandby(t *testing.T) {
	keys, path, stood := filledStandby(t)
	lines := strings.SplitAfter(strings.TrimSpace(stood)+"\n", "\n")[:3]
	number, rest, _ := strings.Cut(lines[0], " ")
	_, text, _ := strings.Cut(rest, " ")
	other, _, _ := filledStandby(t)
	_, foreign := standby{after: keys.after}.line(other.keys, &Event{Type: "block.lifted", Body: "{}"})
	for name, content := range map[string]string{
		"no MAC":               text,
		"an empty MAC":         number + "  " + text,
		"another key's MAC":    string(foreign),
		"changed":              strings.Replace(stood, "block.added", "block.lifted", 1),
		"reordered":            lines[1] + lines[0] + lines[2],
		"one left out":         lines[0] + lines[2],
		"one twice":            lines[0] + lines[1] + lines[1],
		"after another event":  "3" + strings.TrimPrefix(lines[0], number),
		"after one not there":  "999" + strings.TrimPrefix(lines[0], number),
		"after none":           strings.TrimPrefix(lines[0], number),
		"after a negative one": "-1" + strings.TrimPrefix(lines[0], number),
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "standby.jsonl")
			must(t, os.WriteFile(file, []byte(content), 0o600))
			s, err := Open(Options{Path: path, Standby: file})
			if err == nil {
				must(t, s.Close())
				t.Fatal("it was taken over")
			}
			if !strings.Contains(err.Error(), file) {
				t.Errorf("got %v, want it to name %s", err, file)
			}
		})
	}
	// As it is, it is taken over; and again, it adds nothing.
	for range 2 {
		file := filepath.Join(t.TempDir(), "standby.jsonl")
		must(t, os.WriteFile(file, []byte(stood), 0o600))
		s, err := Open(Options{Path: path, Standby: file})
		must(t, err)
		if n := column1(t, s, "SELECT count(*) FROM events WHERE type LIKE 'block.%'"); n[0] != "3" {
			t.Errorf("%s events of the standby, want 3", n[0])
		}
		checkChain(t, s)
	}
}

type stoodIn struct {
	keys  *Keys
	after head
}

// filledStandby makes a closed record and what stood in its standby: three
// events of the gateway itself.
func filledStandby(t *testing.T) (k stoodIn, path, content string) {
	t.Helper()
	path = newRecord(t, 1)
	file := filepath.Join(t.TempDir(), "standby.jsonl")
	s, err := Open(Options{Path: path, Standby: file})
	must(t, err)
	must(t, os.Rename(path, path+".aside"))
	for range 3 {
		seq, err := s.Append(context.Background(), Event{Type: "block.added", Body: `{}`})
		if err != nil || seq != 0 {
			t.Fatalf("got %d, %v, want the standby to have it, without a number", seq, err)
		}
	}
	k = stoodIn{s.recorder.keys, s.writer.stand.after}
	content = read(t, file)
	if err := s.Close(); err == nil {
		t.Error("closing says nothing of the failure")
	}
	must(t, os.Rename(path+".aside", path))
	return k, path, content
}
