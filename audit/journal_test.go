package audit

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"toolward/audit/journal"
	"toolward/audit/schema"
	"toolward/audit/verify"
	"toolward/gateway"
)

// held keeps the writer's goroutine busy until release: what is recorded meanwhile stays
// in the journal.
func held(t *testing.T, s *Store) (release func()) {
	t.Helper()
	settled(t, s)
	hold, is := make(chan struct{}), make(chan struct{})
	over := make(chan struct{})
	go func() {
		defer close(over)
		_ = s.writer.do(context.Background(), func() error { close(is); <-hold; return nil })
	}()
	<-is
	return func() { close(hold); <-over }
}

// asKilled is a copy of a record as a gateway leaves it that is killed now.
func asKilled(t *testing.T, s *Store) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "toolward.db")
	names, err := filepath.Glob(s.opts.Path + "*")
	must(t, err)
	for _, name := range names {
		suffix := strings.TrimPrefix(name, s.opts.Path)
		if suffix == ".lock" || suffix == "-shm" {
			continue
		}
		must(t, os.WriteFile(path+suffix, []byte(read(t, name)), 0o600))
	}
	return path
}

// journaled is a record with some calls that only the journal has, and as it was killed.
func journaled(t *testing.T, calls int) (s *Store, killed string, ids []string) {
	t.Helper()
	s = openStore(t)
	record(t, s, `{"before":true}`, `{}`)
	release := held(t, s)
	for i := range calls {
		ids = append(ids, record(t, s, fmt.Sprintf(`{"n":%d}`, i), `{"content":[]}`).ID)
	}
	killed = asKilled(t, s)
	release()
	return s, killed, ids
}

// contents is all that a database holds, but for what its indexes of time and words may add
// later.
func contents(t *testing.T, path string) (all []string) {
	t.Helper()
	db, err := schema.Open(path)
	must(t, err)
	defer func() { must(t, db.Close()) }()
	for _, table := range []string{"events", "bodies", "interned", "facets", "counts", "hours", "sources"} {
		query := "SELECT * FROM " + table
		if table == "counts" { // a call that ends in the transaction of its attempt was not under way
			query += " WHERE calls > 0"
		}
		rows, err := db.Query(query)
		must(t, err)
		values, err := scanAll(rows)
		must(t, err)
		for _, v := range values {
			all = append(all, fmt.Sprintf("%s %q", table, v))
		}
	}
	slices.Sort(all)
	return all
}

// drawEvents draws events of calls and others, as the recorder makes them.
func drawEvents(t *rapid.T, keys *Keys) (events []Event) {
	recorder := newRecorder(Options{Bodies: BodiesRedacted, MaxBody: 64 << 10}.withDefaults(), keys, hiding(nil))
	recorder.shared.Store(newPool(0))
	for range rapid.IntRange(1, 12).Draw(t, "calls") {
		args, err := gateway.ParseArgs([]byte(fmt.Sprintf(`{"text":%q}`, rapid.StringMatching(`[a-zé ,:"-]{0,40}`).Draw(t, "text"))))
		if err != nil {
			continue
		}
		c := gateway.NewCall(gateway.SurfaceMCP, gateway.KindTool, "tools/call")
		c.Args, c.Tool = args, testTool
		if rapid.Bool().Draw(t, "known") {
			c.Agent = &gateway.Agent{ID: rapid.SampledFrom([]string{"ann", "bob", "eve\n"}).Draw(t, "agent"), Issuer: "https://id.test"}
		}
		c.Decision = gateway.Decision{Effect: gateway.EffectAllow, Revision: "r1"}
		events = append(events, recorder.event(gateway.PhaseAttempt, c))
		if rapid.Bool().Draw(t, "ends") {
			respond(c, `{"content":[{"type":"text","text":"so"}]}`)
			events = append(events, recorder.event(gateway.PhaseOutcome, c))
		}
		if rapid.Bool().Draw(t, "other") {
			e := ownEvent(TypeHangup, map[string]string{"error": rapid.StringMatching(`[a-z:,]{0,9}`).Draw(t, "error")})
			e.seal([]byte(`{"kept":true}`), nil, nil)
			events = append(events, *e)
		}
	}
	return events
}

// TestJournalMakesTheSameRecord writes events as the gateway writes its own, in a
// transaction each, and appends them to the journal, and opens what a gateway left that
// was killed before it moved them: all three records are one.
func TestJournalMakesTheSameRecord(t *testing.T) {
	base := newRecord(t, 1)
	copied := func(t *testing.T) Options {
		path := filepath.Join(t.TempDir(), "toolward.db")
		for _, suffix := range []string{"", ".keys", ".pub", ".checkpoints"} {
			must(t, os.WriteFile(path+suffix, []byte(read(t, base+suffix)), 0o600))
		}
		return Options{Path: path}.withDefaults()
	}
	rapid.Check(t, func(rt *rapid.T) {
		keys, err := LoadKeys(base + ".keys")
		must(t, err)
		events := drawEvents(rt, keys)
		open := func(opts Options) *writer {
			w, err := newWriter(opts, keys, hiding(nil))
			must(t, err)
			r, err := OpenReader(opts.Path)
			must(t, err)
			w.reader = r
			return w
		}
		end := func(w *writer) []string {
			w.finish()
			must(t, w.reader.Close())
			must(t, w.close())
			return contents(t, w.opts.Path)
		}
		plain := open(copied(t))
		for i := range events {
			e := events[i]
			must(t, plain.do(t.Context(), func() error { _, err := plain.write([]*Event{&e}); return err }))
		}
		appended := open(copied(t))
		hold, is := make(chan struct{}), make(chan struct{})
		go func() { _ = appended.do(context.Background(), func() error { close(is); <-hold; return nil }) }()
		<-is
		for i := range events {
			_, err := appended.append(t.Context(), events[i])
			must(t, err)
		}
		killed := copied(t)
		for _, name := range journal.Names(appended.opts.journal()) {
			if exists(name) {
				must(t, os.WriteFile(killed.Path+strings.TrimPrefix(name, appended.opts.Path), []byte(read(t, name)), 0o600))
			}
		}
		close(hold)
		reopened := open(killed)
		want := end(plain)
		want = slices.DeleteFunc(want, closing)
		for what, w := range map[string]*writer{"appended": appended, "reopened": reopened} {
			got := slices.DeleteFunc(end(w), closing)
			if diff := cmp.Diff(want, got); diff != "" {
				rt.Fatalf("%s (-written at once +%s):\n%s", what, what, diff)
			}
		}
	})
}

// closing is a row of what a writer says when it ends, at another time each.
func closing(row string) bool {
	return strings.Contains(row, "audit.close") || strings.Contains(row, "audit.checkpoint")
}

// TestKilledBeforeTheDatabaseHasIt opens what a gateway left that was killed with calls in
// the journal alone.
func TestKilledBeforeTheDatabaseHasIt(t *testing.T) {
	_, killed, ids := journaled(t, 5)
	v := verified(t, killed, killed+".checkpoints")
	if len(v.Problems) > 0 || !slices.ContainsFunc(v.Notices, func(n string) bool { return strings.Contains(n, "are in the journal beside the database") }) {
		t.Errorf("verify says %v, %v", v.Problems, v.Notices)
	}
	s, err := Open(Options{Path: killed})
	must(t, err)
	for _, id := range ids {
		if got := shown(t, s, id); got.Outcome != "ok" || got.Args == "" || got.Agent != "ann" {
			t.Errorf("%s is %+v", id, got)
		}
	}
	compare(t, s)
	checkChain(t, s)
	if after := verified(t, killed, killed+".checkpoints"); after.Events <= v.Events {
		t.Errorf("%d events, there were %d", after.Events, v.Events)
	}
}

// TestTornJournalAtEveryByte cuts the journal of a killed gateway at each byte: what stands
// whole before it is taken, in order, and nothing else.
func TestTornJournalAtEveryByte(t *testing.T) {
	_, killed, _ := journaled(t, 3)
	name := journal.Names(Options{Path: killed}.journal())[0]
	whole := []byte(read(t, name))
	keys, err := LoadKeys(killed + ".keys")
	must(t, err)
	end := endOf(t, killed)
	all := taken(t, killed, end, keys)
	if len(all) != 6 {
		t.Fatalf("%d events in the journal, want 6", len(all))
	}
	for at := range whole {
		must(t, os.WriteFile(name, whole[:at], 0o600))
		got := taken(t, killed, end, keys)
		for i, e := range got {
			if e.hash != all[i].hash {
				t.Fatalf("cut at %d: event %d is another", at, e.event.Seq)
			}
		}
		if len(got) == len(all) && at < len(bytes.TrimRight(whole, "\x00")) {
			t.Fatalf("cut at %d: all are there", at)
		}
	}
}

// TestAttackForgedJournal changes each byte of the journal of a killed gateway and makes
// the check sums right again. No event that the gateway did not write is taken.
func TestAttackForgedJournal(t *testing.T) {
	_, killed, _ := journaled(t, 2)
	name := journal.Names(Options{Path: killed}.journal())[0]
	whole := []byte(read(t, name))
	keys, err := LoadKeys(killed + ".keys")
	must(t, err)
	end := endOf(t, killed)
	all := taken(t, killed, end, keys)
	for at := len("toolward journal 1\n"); at < len(whole); at++ {
		forged := bytes.Clone(whole)
		forged[at] ^= 1
		mend(forged)
		must(t, os.WriteFile(name, forged, 0o600))
		for i, e := range taken(t, killed, end, keys) {
			want := all[i]
			if e.hash != want.hash || e.event.Text != want.event.Text || e.event.Beside != want.event.Beside {
				t.Fatalf("byte %d: event %d was taken: %+v", at, e.event.Seq, e.event)
			}
			for _, s := range e.event.Uses {
				if !slices.ContainsFunc(want.event.Uses, func(w *Shared) bool { return w.Text == s.Text && bytes.Equal(w.Digest, s.Digest) }) {
					t.Fatalf("byte %d: what event %d has in common with others was taken: %s", at, e.event.Seq, s.Text)
				}
			}
		}
	}
}

// mend makes the check sums of the frames right.
func mend(b []byte) {
	for at := len("toolward journal 1\n"); at+16 <= len(b); {
		length := int(binary.LittleEndian.Uint32(b[at:]))
		if length == 0 || length > len(b)-at-16 {
			return
		}
		binary.LittleEndian.PutUint32(b[at+4:], crc32.Checksum(b[at+8:at+16+length], crc32.MakeTable(crc32.Castagnoli)))
		at += 16 + length
	}
}

// endOf is the last event that a database has.
func endOf(t *testing.T, path string) (end head) {
	t.Helper()
	r, err := OpenReader(path)
	must(t, err)
	rows, err := r.rows("SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1")
	must(t, err)
	must(t, r.Close())
	end.seq = rows[0][0].(int64)
	copy(end.hash[:], rows[0][1].([]byte))
	return end
}

// taken are the events of a journal that a start takes.
func taken(t *testing.T, path string, end head, keys *Keys) []*entry {
	t.Helper()
	entries, err := journal.Read(Options{Path: path}.journal())
	must(t, err)
	found, _ := following(entries, end, keys)
	return found
}

// An event that the gateway acknowledged, and that somebody changes before a start takes
// it, is not there, and verify says so.
func TestVerifyFindsChangedJournal(t *testing.T) {
	_, killed, _ := journaled(t, 2)
	name := journal.Names(Options{Path: killed}.journal())[0]
	forged := bytes.Replace([]byte(read(t, name)), []byte(`{"n":0}`), []byte(`{"n":9}`), 1)
	mend(forged)
	must(t, os.WriteFile(name, forged, 0o600))
	v, err := verify.Record(t.Context(), verify.Options{Path: killed, Keys: killed + ".keys"})
	must(t, err)
	if len(v.Problems) != 1 || !strings.Contains(v.Problems[0].What, "its text is not the one that was recorded") {
		t.Errorf("got %v", v.Problems)
	}
	forged = replaceLast(forged, `{"n":9}`, `{"n":0}`)
	forged = replaceLast(forged, "call.attempt", "call.attemp7")
	mend(forged)
	must(t, os.WriteFile(name, forged, 0o600))
	v, err = verify.Record(t.Context(), verify.Options{Path: killed, Keys: killed + ".keys"})
	must(t, err)
	if len(v.Problems) == 0 {
		t.Error("nothing is found")
	}
}

// Who changes one event of the journal has a start give up all behind it. The record says
// so from then on, the log as an error, and verify.
func TestStartSaysWhatItGivesUp(t *testing.T) {
	for name, change := range map[string]func(whole, id, other []byte) []byte{
		"whole":                func(whole, id, other []byte) []byte { return reframed(t, whole, id, other) },
		"its sum is not right": func(whole, id, other []byte) []byte { return bytes.Replace(whole, id, other, 1) },
	} {
		t.Run(name, func(t *testing.T) { startSaysWhatItGivesUp(t, change) })
	}
}

func startSaysWhatItGivesUp(t *testing.T, change func(whole, id, other []byte) []byte) {
	t.Helper()
	_, killed, ids := journaled(t, 3)
	name := journal.Names(Options{Path: killed}.journal())[0]
	changed := change([]byte(read(t, name)), []byte(ids[1]), []byte(strings.Repeat("0", len(ids[1]))))
	must(t, os.WriteFile(name, changed, 0o600))
	if v := verified(t, killed, killed+".checkpoints"); len(v.Problems) != 1 || !strings.Contains(v.Problems[0].What, "does not follow event") {
		t.Errorf("before that, verify says %v", v.Problems)
	}
	entries, err := journal.Read(Options{Path: killed}.journal())
	must(t, err)
	keys, err := LoadKeys(killed + ".keys")
	must(t, err)
	found, astray := following(entries, endOf(t, killed), keys)
	if len(found) == 0 || len(astray) == 0 {
		t.Fatalf("%d follow and %d do not", len(found), len(astray))
	}
	last := found[len(found)-1].head()

	want := fmt.Sprintf(`{"after":%d,"events":%d,"through":%d}`, last.seq, len(astray), astray[len(astray)-1])
	copied := filepath.Join(t.TempDir(), "copy.db")
	_, err = MakeBackup(t.Context(), Options{Path: killed}, copied, "rita")
	must(t, err)
	saysWhatIsGivenUp(t, copied, killed, last.seq, want)

	var log bytes.Buffer
	s, err := Open(Options{Path: killed, Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelError}))})
	must(t, err)
	must(t, s.Close())
	if !strings.Contains(log.String(), "are given up") {
		t.Errorf("the log says %q", log.String())
	}
	saysWhatIsGivenUp(t, killed, killed, last.seq, want)
}

// Beside a gateway that runs, what does not follow may only have been read too late: it is
// left out of a copy, and nobody is accused.
func TestBackupBesideAGatewayAccusesNobody(t *testing.T) {
	_, killed, ids := journaled(t, 3)
	name := journal.Names(Options{Path: killed}.journal())[0]
	must(t, os.WriteFile(name, reframed(t, []byte(read(t, name)), []byte(ids[1]), []byte(strings.Repeat("0", len(ids[1])))), 0o600))
	running, err := lockFile(Options{Path: killed}.lock())
	must(t, err)
	defer running.Close()
	copied := filepath.Join(t.TempDir(), "copy.db")
	_, err = MakeBackup(t.Context(), Options{Path: killed}, copied, "rita")
	must(t, err)
	r, err := OpenReader(copied)
	must(t, err)
	defer r.Close()
	rows, err := r.rows("SELECT seq FROM events WHERE type = ?", TypeAstray)
	must(t, err)
	if v := verified(t, copied, killed+".checkpoints"); len(rows) > 0 || len(v.Problems) > 0 {
		t.Errorf("given up: %v; verify says %v", rows, v.Problems)
	}
}

// saysWhatIsGivenUp looks for the event behind the last that follows, of such a body, in a
// record or a copy of it, and has that verified.
func saysWhatIsGivenUp(t *testing.T, path, of string, after int64, want string) {
	t.Helper()
	r, err := OpenReader(path)
	must(t, err)
	defer r.Close()
	rows, err := r.rows("SELECT seq, body FROM events WHERE type = ? AND call IS NULL", TypeAstray)
	must(t, err)
	if len(rows) != 1 || rows[0][0] != after+1 || rows[0][1] != want {
		t.Errorf("on record is %v, want event %d: %s", rows, after+1, want)
	}
	var body struct{ Events, Through int64 }
	must(t, json.Unmarshal([]byte(want), &body))
	v := verified(t, path, of+".checkpoints")
	if len(v.Problems) > 0 || !slices.ContainsFunc(v.Notices, func(n string) bool {
		return strings.Contains(n, fmt.Sprintf("event %d: %d were found in the journal, up to number %d, which did not follow event %d", after+1, body.Events, body.Through, after))
	}) {
		t.Errorf("verify says %v, %v", v.Problems, v.Notices)
	}
}

// TestVerifyBesideAGateway has a gateway go on while its record is verified: the journal is
// emptied, an event of its own goes to the database alone, and a call is in the journal when
// the walk over the database, as it was before, is over.
func TestVerifyBesideAGateway(t *testing.T) {
	s := openStore(t)
	var many []*Event
	for range 10_000 { // as many as it takes for progress to be said
		many = append(many, ownEvent(TypeHangup, struct{}{}))
	}
	must(t, s.writer.do(t.Context(), func() error { return s.writer.writeDurably(many) }))
	release := func() {}
	v, err := verify.Record(t.Context(), verify.Options{Path: s.opts.Path, Keys: s.opts.Keys, Progress: func(int64, int64) {
		must(t, s.writer.do(t.Context(), s.writer.clearJournal))
		must(t, s.Checkpoint(t.Context()))
		release = held(t, s)
		record(t, s, `{}`, `{}`)
	}})
	must(t, err)
	release()
	if len(v.Problems) > 0 {
		t.Errorf("got %v", v.Problems)
	}
}

// TestVerifyFindsForgedBeside changes in the journal what no hash of an event covers by
// itself, makes files of it that are none of the gateway's, and has a start and verify
// agree that they are not what was recorded.
func TestVerifyFindsForgedBeside(t *testing.T) {
	_, killed, _ := journaled(t, 2)
	name := journal.Names(Options{Path: killed}.journal())[0]
	whole := []byte(read(t, name))
	keys, err := LoadKeys(killed + ".keys")
	must(t, err)
	end := endOf(t, killed)
	id, none := ofAttempt(t, whole)
	for what, forged := range map[string][]byte{
		"another method":    reframed(t, whole, []byte("tools/call"), []byte("tools/cull")),
		"no attempt's ID":   reframed(t, whole, id, none),
		"no mark":           append([]byte("toolward jornal 1.\n"), whole[len("toolward journal 1\n"):]...),
		"something foreign": []byte("SQLite format 3\x00 and more"),
	} {
		if bytes.Equal(forged, whole) {
			t.Errorf("%s: nothing is forged", what)
		}
		must(t, os.WriteFile(name, forged, 0o600))
		if entries, err := journal.Read(Options{Path: killed}.journal()); err == nil {
			if found, astray := following(entries, end, keys); len(astray) == 0 {
				t.Errorf("%s: a start takes all %d", what, len(found))
			}
		}
		v, err := verify.Record(t.Context(), verify.Options{Path: killed, Keys: killed + ".keys"})
		must(t, err)
		if len(v.Problems) == 0 {
			t.Errorf("%s: verify finds nothing", what)
		}
	}
}

// reframed replaces the first of what is found in a segment, in a frame that is mended.
func reframed(t *testing.T, b, old, by []byte) (all []byte) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "j")
	must(t, os.WriteFile(journal.Names(path)[0], b, 0o600))
	entries, err := journal.Read(path)
	must(t, err)
	all = []byte("toolward journal 1\n")
	for _, e := range entries {
		payload := e.Payload
		if bytes.Contains(payload, old) {
			payload, old = bytes.Replace(payload, old, by, 1), []byte("\x00 no more")
		}
		all = journal.Frame(all, e.Seq, func(b []byte) []byte { return append(b, payload...) })
	}
	return all
}

// ofAttempt is the MAC of the last outcome in a segment with what stands behind it, the ID
// of its call, and the MAC alone.
func ofAttempt(t *testing.T, b []byte) (whole, without []byte) {
	t.Helper()
	const mac = len("16:") + macSize + len(",")
	b = b[bytes.LastIndex(b, []byte(TypeOutcome)):]
	at := regexp.MustCompile(`36:[0-9a-f-]{36},`).FindIndex(b)
	if at == nil {
		t.Fatal("no call's ID beside an outcome")
	}
	return b[at[0]-mac : at[1]], append(bytes.Clone(b[at[0]-mac:at[0]]), '-')
}

// replaceLast replaces the last of what is found.
func replaceLast(b []byte, old, by string) []byte {
	b = bytes.Clone(b)
	copy(b[bytes.LastIndex(b, []byte(old)):], by)
	return b
}

// inJournal reports whether the files of the journal hold a text.
func inJournal(t *testing.T, s *Store, text string) bool {
	t.Helper()
	for _, name := range journal.Names(s.opts.journal()) {
		if exists(name) && strings.Contains(read(t, name), text) {
			return true
		}
	}
	return false
}

// TestWhatIsRemovedIsNotInTheJournal removes texts in each way that there is.
func TestWhatIsRemovedIsNotInTheJournal(t *testing.T) {
	const private = "Synthetic private text"
	for name, remove := range map[string]func(*Store, *gateway.Call) error{
		"erase a call": func(s *Store, c *gateway.Call) error {
			_, err := s.Erase(t.Context(), Erasure{Call: c.ID, Why: "test"})
			return err
		},
		"erase an agent": func(s *Store, c *gateway.Call) error {
			_, err := s.Erase(t.Context(), Erasure{Agent: c.Agent.ID, Why: "test"})
			return err
		},
		"expire": func(s *Store, c *gateway.Call) error {
			return s.writer.do(t.Context(), func() error { return s.writer.expire(c.Time.Add(1e9)) })
		},
		"prune": func(s *Store, c *gateway.Call) error {
			_, err := s.Prune(t.Context(), c.Time.Add(1e9), "rita", "test")
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := openStore(t)
			must(t, s.Attach(t.Context(), nobody{}))
			c := record(t, s, `{"text":"`+private+`"}`, `{}`)
			if !inJournal(t, s, private) {
				t.Fatal("the text is not in the journal: the test is about nothing")
			}
			must(t, remove(s, c))
			if inJournal(t, s, private) {
				t.Error("the text is in the journal")
			}
			after := record(t, s, `{}`, `{}`)
			if inJournal(t, s, hex.EncodeToString([]byte(private))) || shown(t, s, after.ID).Agent != "ann" {
				t.Error("what came after it is not as it should be")
			}
			checkChain(t, s)
		})
	}
}

// A record that is closed, and one in which nothing happens, is the database alone.
func TestJournalAtRest(t *testing.T) {
	s := openStore(t)
	record(t, s, `{"text":"Synthetic text at rest"}`, `{}`)
	settled(t, s)
	for range 2 {
		must(t, s.writer.do(t.Context(), func() error { s.writer.upkeep(); return nil }))
	}
	if inJournal(t, s, "Synthetic text at rest") {
		t.Error("the journal holds what the database has")
	}
	record(t, s, `{}`, `{}`)
	must(t, s.Close())
	if left, err := filepath.Glob(s.opts.journal() + "*"); err != nil || len(left) > 0 {
		t.Errorf("left after closing: %v, %v", left, err)
	}
}

// A backup has what was recorded when it was made, also of a gateway that was killed.
func TestBackupHasTheJournal(t *testing.T) {
	s, killed, ids := journaled(t, 3)
	release := held(t, s)
	last := record(t, s, `{}`, `{}`)
	for path, want := range map[string][]string{killed: ids, s.opts.Path: append(slices.Clone(ids), last.ID)} {
		to := filepath.Join(t.TempDir(), "copy.db")
		_, err := MakeBackup(t.Context(), Options{Path: path}, to, "rita")
		must(t, err)
		r, err := OpenReader(to)
		must(t, err)
		for _, id := range want {
			if c, _, err := r.Show(t.Context(), id); err != nil || c.Outcome != "ok" && c.Outcome != "interrupted" {
				t.Errorf("%s: %v, %v", id, c.Outcome, err)
			}
		}
		must(t, r.Close())
		if v := verified(t, to, path+".checkpoints"); len(v.Problems) > 0 {
			t.Errorf("%v", v.Problems)
		}
	}
	release()
}

// What a journal left is moved by one who closes then: a connection that folds beside it
// would wait for ever for a goroutine that there is not, and keep a backup's log behind.
func TestNothingFoldsBesideWhoMovesWhatIsLeft(t *testing.T) {
	w := &writer{unfolded: foldAfter}
	if w.foldIfDue(); w.folding {
		t.Error("it folds")
	}
}

// What was answered for while somebody else's row took its number is in the record once a
// person goes on behind that row.
func TestForeignRowBeforeWhatIsInTheJournal(t *testing.T) {
	_, killed, ids := journaled(t, 2)
	must(t, foreignRow(killed))
	if _, err := Open(Options{Path: killed}); err == nil {
		t.Fatal("opened behind a foreign row")
	}
	_, err := NewSegment(Options{Path: killed}, "rita", "a test", false)
	must(t, err)
	s, err := Open(Options{Path: killed})
	must(t, err)
	for _, id := range ids {
		if got := shown(t, s, id); got.Outcome != "ok" || got.Args == "" {
			t.Errorf("%s is %+v", id, got)
		}
	}
	compare(t, s)
	checkChain(t, s)
}

// Who goes on behind a foreign row, and is ended in the middle of it (here, since the
// statement cannot leave), has not lost what was in the journal.
func TestSegmentThatIsInterrupted(t *testing.T) {
	_, killed, ids := journaled(t, 2)
	must(t, foreignRow(killed))
	nowhere := filepath.Join(t.TempDir(), "none", "checkpoints")
	if _, err := NewSegment(Options{Path: killed, Checkpoints: nowhere}, "rita", "a test", false); err == nil {
		t.Fatal("the statement left")
	}
	s, err := Open(Options{Path: killed})
	must(t, err)
	for _, id := range ids {
		if got := shown(t, s, id); got.Outcome != "ok" || got.Args == "" {
			t.Errorf("%s is %+v", id, got)
		}
	}
	checkChain(t, s)
}

// TestJournalRemovedWhileRunning takes the journal away with events in it that the database
// has not: calls are refused, and then it goes on, with all that was answered.
func TestJournalRemovedWhileRunning(t *testing.T) {
	var failures atomic.Int64
	s := openStore(t, func(o *Options) {
		o.Observe = func(_ int, _ time.Duration, err error) {
			if err != nil {
				failures.Add(1)
			}
		}
	})
	release := held(t, s)
	c := record(t, s, `{}`, `{}`)
	must(t, os.Remove(journal.Names(s.opts.journal())[0]))
	s.writer.look.Store(true) // as it is whenever the database got something
	if err := untilRefused(t, s, 1); !strings.Contains(err.Error(), "the audit journal was removed") {
		t.Errorf("got %v", err)
	}
	if failures.Load() == 0 {
		t.Error("no metric shows it")
	}
	release()
	untilRecorded(t, s)
	if got := shown(t, s, c.ID); got.Outcome != "interrupted" && got.Outcome != "ok" {
		t.Errorf("got %+v", got)
	}
	checkChain(t, s)
}
