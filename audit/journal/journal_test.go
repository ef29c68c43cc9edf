package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// opened is a journal that is ready, with segments of a size.
func opened(t testing.TB, size int64) (*Journal, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "toolward.db.journal")
	j, err := Open(path, size, 0o600)
	must(t, err)
	must(t, j.Clear())
	t.Cleanup(func() { must(t, j.Close()) })
	return j, path
}

// payload is what a frame of an event has in these tests.
func payload(seq int64) []byte {
	return fmt.Appendf(nil, "%d:%s", seq, strings.Repeat("x", int(seq%7)))
}

func framed(b []byte, seq int64) []byte {
	return Frame(b, seq, func(b []byte) []byte { return append(b, payload(seq)...) })
}

func add(t testing.TB, j *Journal, from, through, settled int64) error {
	t.Helper()
	var b []byte
	for seq := from; seq <= through; seq++ {
		b = framed(b, seq)
	}
	return j.Append(b, through, settled)
}

// numbers are the events that a journal holds. Each has to be what was written.
func numbers(t testing.TB, path string) (all []int64) {
	t.Helper()
	entries, err := Read(path)
	must(t, err)
	for _, e := range entries {
		if !bytes.Equal(e.Payload, payload(e.Seq)) {
			t.Errorf("event %d is %q", e.Seq, e.Payload)
		}
		all = append(all, e.Seq)
	}
	return all
}

func from(first, last int64) (all []int64) {
	for ; first <= last; first++ {
		all = append(all, first)
	}
	return all
}

// What is read is what was appended and the database does not have: the segments are
// used in turn, and what stands in one from an earlier use does not come back.
func TestSegmentsAreUsedInTurn(t *testing.T) {
	j, path := opened(t, 200)
	settled := int64(0)
	for seq := int64(1); seq <= 300; seq++ {
		if err := add(t, j, seq, seq, settled); errors.Is(err, ErrNoRoom) {
			settled = seq - 2
			must(t, add(t, j, seq, seq, settled))
		} else {
			must(t, err)
		}
		got := numbers(t, path)
		if want := from(settled+1, seq); !cmp.Equal(got[max(0, len(got)-len(want)):], want) {
			t.Fatalf("after %d, settled %d: %v", seq, settled, got)
		}
		if !cmp.Equal(got, from(got[0], seq)) {
			t.Fatalf("after %d: %v", seq, got)
		}
	}
	for _, name := range Names(path) {
		if info, err := os.Stat(name); err != nil || info.Size() > 230 {
			t.Errorf("%v, %v: a segment that is larger than it may get", info, err)
		}
	}
}

func TestNoRoomWritesNothing(t *testing.T) {
	j, path := opened(t, 60)
	must(t, add(t, j, 1, 3, 0)) // fills one
	must(t, add(t, j, 4, 6, 0)) // and the other
	if err := add(t, j, 7, 7, 2); !errors.Is(err, ErrNoRoom) {
		t.Fatalf("got %v", err)
	}
	if got := numbers(t, path); !cmp.Equal(got, from(1, 6)) {
		t.Errorf("got %v", got)
	}
	must(t, add(t, j, 7, 7, 3))
	if got := numbers(t, path); !cmp.Equal(got, from(4, 7)) {
		t.Errorf("got %v", got)
	}
}

// A frame that is larger than a segment gets one of its own.
func TestFrameLargerThanASegment(t *testing.T) {
	j, path := opened(t, 60)
	large := Frame(nil, 2, func(b []byte) []byte { return append(b, bytes.Repeat([]byte("y"), 500)...) })
	must(t, add(t, j, 1, 1, 0))
	must(t, j.Append(large, 2, 0))
	entries, err := Read(path)
	must(t, err)
	if len(entries) != 2 || len(entries[1].Payload) != 500 {
		t.Errorf("got %d entries", len(entries))
	}
	if err := add(t, j, 3, 3, 0); !errors.Is(err, ErrNoRoom) {
		t.Errorf("got %v", err)
	}
}

// TestTornAtEveryByte cuts a segment at every byte, and damages each: what stands whole
// before it is read, and so is what stands behind a frame that says how long it is.
func TestTornAtEveryByte(t *testing.T) {
	j, path := opened(t, Size)
	ends := map[int]int{} // whole frames by where the last ends
	written := len(mark)
	for seq := int64(1); seq <= 20; seq++ {
		must(t, add(t, j, seq, seq, 0))
		written += len(framed(nil, seq))
		ends[written] = int(seq)
	}
	whole, err := os.ReadFile(Names(path)[0])
	must(t, err)
	before, end := 0, len(mark)
	for at := range whole {
		if n, is := ends[at]; is {
			before, end = n, at
		}
		for what, b := range map[string][]byte{
			"cut":       whole[:at],
			"zeros":     append(bytes.Clone(whole[:at]), make([]byte, len(whole)-at)...),
			"one bit":   flipped(whole, at, 1),
			"all bits":  flipped(whole, at, 0xff),
			"old bytes": append(bytes.Clone(whole[:at]), whole[len(mark):]...),
		} {
			got, err := entries(b)
			if err != nil {
				if at < len(mark) && what != "cut" && what != "zeros" {
					continue // it is not ours any more, and that is said
				}
				t.Fatalf("%s at %d: %v", what, at, err)
			}
			want := from(1, int64(before))
			switch bit := what == "one bit" || what == "all bits"; {
			case what == "old bytes" && at == len(mark): // which is the whole
				want = from(1, 20)
			case bit && at-end >= 4 && at >= len(mark) && before < 20:
				want = append(want, from(int64(before)+2, 20)...)
			case bit && len(got) > before: // behind a length that was changed may be another frame
				got = got[:before]
			}
			var is []int64
			for _, e := range got {
				is = append(is, e.Seq)
			}
			if !slices.Equal(is, want) {
				t.Fatalf("%s at %d: %d, want %d", what, at, is, want)
			}
		}
	}
}

func flipped(b []byte, at int, bits byte) []byte {
	b = bytes.Clone(b)
	b[at] ^= bits
	return b
}

// Nothing of what was there is in the files after a Clear, and they are gone after Remove.
func TestClearLeavesNothing(t *testing.T) {
	j, path := opened(t, 100)
	must(t, j.Append(Frame(nil, 1, func(b []byte) []byte { return append(b, "Synthetic secret "+strings.Repeat("s", 300)...) }), 1, 0))
	must(t, j.Append(Frame(nil, 2, func(b []byte) []byte { return append(b, "Synthetic other"...) }), 2, 0))
	must(t, j.Append(Frame(nil, 3, func(b []byte) []byte { return append(b, "Synthetic short"...) }), 3, 2)) // over the first
	must(t, j.Clear())
	if left := remains(t, path); len(left) > 0 {
		t.Errorf("%q is left", left)
	}
	if j.Used() {
		t.Error("it is used")
	}
	must(t, add(t, j, 4, 5, 3))
	if got := numbers(t, path); !cmp.Equal(got, from(4, 5)) {
		t.Errorf("got %v", got)
	}
	must(t, j.Remove())
	if left, err := filepath.Glob(path + "*"); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// remains is what stands in the segments besides their marks.
func remains(t *testing.T, path string) (all []byte) {
	t.Helper()
	for _, name := range Names(path) {
		b, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		must(t, err)
		all = append(all, bytes.Trim(bytes.TrimPrefix(b, []byte(mark)), "\x00")...)
	}
	return all
}

// Who removes or replaces a segment has what comes refused, until it begins anew.
func TestRemovedAndReplaced(t *testing.T) {
	for name, change := range map[string]func(string) error{
		"removed": os.Remove,
		"moved":   func(p string) error { return os.Rename(p, p+".aside") },
		"replaced": func(p string) error {
			return errors.Join(os.Rename(p, p+".aside"), os.WriteFile(p, []byte(mark), 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			j, path := opened(t, Size)
			must(t, add(t, j, 1, 2, 0))
			must(t, change(Names(path)[0]))
			for range 2 {
				if err := j.Present(); err == nil {
					t.Error("it is not missed")
				}
				if err := add(t, j, 3, 3, 0); err == nil {
					t.Error("appended")
				}
			}
			must(t, j.Clear())
			must(t, add(t, j, 3, 4, 2))
			if got := numbers(t, path); !cmp.Equal(got, from(3, 4)) {
				t.Errorf("got %v", got)
			}
		})
	}
}

// faulty is a file of which the nth write or sync fails. A write that fails has written a
// part, or all.
type faulty struct {
	file
	left *int
	part int // of 4
}

func (f faulty) fails() bool { *f.left--; return *f.left == 0 }

func (f faulty) WriteAt(b []byte, at int64) (int, error) {
	if f.fails() {
		n, _ := f.file.WriteAt(b[:len(b)*f.part/4], at)
		return n, errors.New("input/output error")
	}
	return f.file.WriteAt(b, at)
}

func (f faulty) datasync() error {
	if f.fails() {
		return errors.New("input/output error")
	}
	return f.file.datasync()
}

// TestEveryWriteFails has each write and each sync fail, having written nothing, a part, or
// all. What was acknowledged is read, in order; nothing is appended until the journal was
// emptied, which who uses it does once the database has all; and then it goes on.
func TestEveryWriteFails(t *testing.T) {
	for _, part := range []int{0, 1, 4} {
		for n := 1; ; n++ {
			j, path := opened(t, 100)
			left := n
			j.openFile = func(name string, flags int, perm fs.FileMode) (file, error) {
				f, err := openOSFile(name, flags, perm)
				return faulty{f, &left, part}, err
			}
			failures, acknowledged, settled := 0, int64(0), int64(0)
			for seq := int64(1); seq <= 12; seq++ {
				err := add(t, j, seq, seq, seq-3)
				if err == nil {
					err = j.Sync()
				}
				if err == nil {
					acknowledged = seq
					continue
				}
				failures++
				if err := add(t, j, seq, seq, seq-3); err == nil {
					t.Fatalf("fault %d, part %d: appended behind what is not known", n, part)
				}
				got := numbers(t, path)
				for _, want := range from(max(settled, seq-3)+1, acknowledged) {
					if !slices.Contains(got, want) {
						t.Fatalf("fault %d, part %d: %d was acknowledged, and there are %v", n, part, want, got)
					}
				}
				must(t, j.Clear())
				if left := remains(t, path); len(left) > 0 {
					t.Fatalf("fault %d, part %d: %q is left when it is cleared", n, part, left)
				}
				settled = acknowledged
				seq = acknowledged // again
			}
			if got := numbers(t, path); failures > 1 || len(got) == 0 || got[len(got)-1] != 12 {
				t.Fatalf("fault %d, part %d: %d failures, %v", n, part, failures, got)
			}
			if failures == 0 && left > 0 {
				if n < 24 {
					t.Errorf("only %d writes and syncs failed", n-1)
				}
				break
			}
		}
	}
}

// TestCrashWhileASegmentIsMade has a segment that was being made when the process died, or
// the power went: as much of its mark as there is, or zeros that stand for it. What is in
// the other one is read, and the journal can be gone on with.
func TestCrashWhileASegmentIsMade(t *testing.T) {
	for made := range 2 {
		for n := range len(mark) + 1 {
			for what, half := range map[string][]byte{
				"torn":  []byte(mark[:n]),
				"zeros": append([]byte(mark[:n]), make([]byte, 64-n)...),
			} {
				j, path := opened(t, 1<<10)
				j.at = 1 - made
				must(t, add(t, j, 1, 3, 0))
				must(t, j.Close())
				must(t, os.WriteFile(Names(path)[made], half, 0o600))
				if diff := cmp.Diff(from(1, 3), numbers(t, path)); diff != "" {
					t.Fatalf("segment %d, %d bytes, %s: %s", made, n, what, diff)
				}
				again, err := Open(path, 1<<10, 0o600)
				must(t, err)
				must(t, again.Clear())
				must(t, add(t, again, 4, 5, 3))
				if diff := cmp.Diff(from(4, 5), numbers(t, path)); diff != "" {
					t.Fatalf("segment %d, %d bytes, %s, afterwards: %s", made, n, what, diff)
				}
				must(t, again.Remove())
			}
		}
	}
}

// The files can be read by whom the database can, whatever the umask is.
func TestModeOfSegments(t *testing.T) {
	path := filepath.Join(t.TempDir(), "toolward.db.journal")
	j, err := Open(path, Size, 0o640)
	must(t, err)
	must(t, j.Clear())
	must(t, add(t, j, 1, 1, 0))
	info, err := os.Stat(Names(path)[0])
	must(t, err)
	if info.Mode().Perm() != 0o640 {
		t.Errorf("mode %04o", info.Mode().Perm())
	}
	must(t, j.Remove())
}

// A file that stood there before is not more open than what it gets, and a link is no file:
// what is recorded would be written, or zeros, where somebody else says.
func TestFilesOfOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "toolward.db.journal")
	must(t, os.WriteFile(Names(path)[0], []byte(mark), 0o600))
	must(t, os.Chmod(Names(path)[0], 0o666))
	j, err := Open(path, Size, 0o600)
	must(t, err)
	info, err := os.Stat(Names(path)[0])
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %04o", info.Mode().Perm())
	}
	must(t, j.Remove())
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	for what, content := range map[string][]byte{"nothing": nil, "an empty file": {}, "zeros": make([]byte, 100), "a segment": []byte(mark)} {
		_ = os.Remove(Names(path)[0])
		_ = os.Remove(elsewhere)
		if content != nil {
			must(t, os.WriteFile(elsewhere, content, 0o600))
		}
		must(t, os.Symlink(elsewhere, Names(path)[0]))
		j, err := Open(path, Size, 0o600)
		if err == nil {
			if err = j.Clear(); err == nil {
				err = add(t, j, 1, 1, 0)
			}
			_ = j.Close()
		}
		if err == nil {
			t.Errorf("a link to %s is written to", what)
		}
		if _, err := Read(path); err == nil {
			t.Errorf("a link to %s is read", what)
		}
		if b, err := os.ReadFile(elsewhere); err == nil && !bytes.Equal(b, content) {
			t.Errorf("what stood in %s is %q", what, b)
		}
	}
}

func TestNotAJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "toolward.db.journal")
	must(t, os.WriteFile(Names(path)[1], []byte("SQLite format 3\x00 and more than that"), 0o600))
	if _, err := Open(path, Size, 0o600); err == nil || !strings.Contains(err.Error(), "no journal of this version") {
		t.Errorf("got %v", err)
	}
	if _, err := Read(path); err == nil {
		t.Error("read")
	}
}

func FuzzEntries(f *testing.F) {
	b := []byte(mark)
	for seq := int64(1); seq < 5; seq++ {
		b = framed(b, seq)
	}
	f.Add(b)
	f.Add([]byte(mark))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := entries(b)
		if err != nil {
			return
		}
		rest, before := b, int64(0)
		for _, e := range got {
			if e.Seq <= before {
				t.Errorf("%d is read behind %d", e.Seq, before)
			}
			before = e.Seq
			frame := Frame(nil, e.Seq, func(b []byte) []byte { return append(b, e.Payload...) })
			at := bytes.Index(rest, frame) // those of a wrong sum are passed over
			if at < 0 {
				t.Fatalf("%d is read and does not stand there", e.Seq)
			}
			rest = rest[at+len(frame):]
		}
	})
}
