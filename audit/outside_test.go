package audit

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"toolward/audit/verify"
)

// fillCheckpoints writes so many old checkpoints before those that are there that
// the next one begins the file anew.
func fillCheckpoints(t *testing.T, path string) {
	t.Helper()
	text := read(t, path)
	first, _, _ := strings.Cut(text, "=\n\n")
	first += "=\n\n"
	must(t, os.WriteFile(path, append(bytes.Repeat([]byte(first), turnAt/len(first)+1), text...), 0o600))
}

func sizeOfFile(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	must(t, err)
	return info.Size()
}

// The file of checkpoints and the one before it stay small, whatever the record's
// age, and what proves the record and its keys is in them.
func TestCheckpointsAreBegunAnew(t *testing.T) {
	path := newRecord(t, 3)
	opts := Options{Path: path}
	first := read(t, path+".pub")
	_, err := RotateKeys(opts, "rita", "a test")
	must(t, err)
	for range 3 {
		fillCheckpoints(t, path+".checkpoints")
		s, err := Open(opts)
		must(t, err)
		record(t, s, `{}`, `{}`)
		must(t, s.Close())
		if size := sizeOfFile(t, path+".checkpoints"); size > 10_000 {
			t.Fatalf("it has %d bytes", size)
		}
		if size := sizeOfFile(t, path+".checkpoints.1"); size < turnAt || size > turnAt+10_000 {
			t.Fatalf("the older one has %d bytes", size)
		}
	}
	must(t, os.Remove(path+".checkpoints.1"))
	for what, public := range map[string]string{"the first key": first, "the present key": read(t, path+".pub")} {
		v, err := verify.Record(t.Context(), verify.Options{Path: path, PublicKey: public, Checkpoints: []string{path + ".checkpoints"}})
		must(t, err)
		if len(v.Problems) > 0 || v.Outside < 3 || len(v.Rotations) != 1 {
			t.Errorf("by %s: %+v", what, v)
		}
	}
}

// Verify reads the older file too: also when a crash came while the newer one was
// begun anew, and when only the older one knows that the end was cut.
func TestVerifyReadsOlderCheckpoints(t *testing.T) {
	path := newRecord(t, 3)
	must(t, os.WriteFile(path+".checkpoints.1", []byte(read(t, path+".checkpoints")), 0o600))
	must(t, os.WriteFile(path+".checkpoints", nil, 0o600))
	if v := verified(t, path); len(v.Problems) > 0 || v.Outside != 2 {
		t.Errorf("got %+v", v)
	}
	tamper(t, path, "DELETE FROM events WHERE seq > 7", "DELETE FROM bodies WHERE seq > 7")
	if v := verified(t, path); len(v.Problems) == 0 || !strings.Contains(fmt.Sprint(v.Problems), "cut from the end") {
		t.Errorf("got %v", v.Problems)
	}
	if _, err := Open(Options{Path: path}); err == nil || !strings.Contains(err.Error(), "events are missing at the end") {
		t.Errorf("opened: %v", err)
	}
	must(t, os.Remove(path))
	if _, err := Open(Options{Path: path}); err == nil || !strings.Contains(err.Error(), "there was one") {
		t.Errorf("made anew: %v", err)
	}
}

// Whatever room is left when the file is begun anew, the newest checkpoint is in
// one of the two, and the record opens.
func TestNoRoomToBeginCheckpointsAnew(t *testing.T) {
	path := newRecord(t, 2)
	fillCheckpoints(t, path+".checkpoints")
	must(t, os.Mkdir(path+".checkpoints.1", 0o700)) // the older file cannot be written
	s, err := Open(Options{Path: path})
	if err == nil {
		must(t, s.Close())
		t.Fatal("opened, though its checkpoint could not leave it")
	}
	must(t, os.Remove(path+".checkpoints.1"))
	s, err = Open(Options{Path: path})
	must(t, err)
	checkChain(t, s)
}
