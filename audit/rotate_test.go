package audit

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"toolward/audit/verify"
)

// Whichever key of its history somebody trusts, the record verifies by it, with
// MACs and without, and nothing that a former key signs later is taken.
func TestRotatedKeys(t *testing.T) {
	path := newRecord(t, 1)
	publics := []string{read(t, path+".pub")}
	first, err := LoadKeys(path + ".keys")
	must(t, err)
	for i := range 3 {
		r, err := RotateKeys(Options{Path: path}, "rita", fmt.Sprint("time ", i))
		must(t, err)
		publics = append(publics, read(t, path+".pub"))
		if strings.TrimSpace(publics[i]) != r.Old || strings.TrimSpace(publics[i+1]) != r.New {
			t.Errorf("%q and %q are not the keys of %+v", publics[i], publics[i+1], r)
		}
		s, err := Open(Options{Path: path})
		must(t, err)
		record(t, s, `{}`, `{}`)
		if got, err := folded(t, s, 0); err != nil || len(got) == 0 {
			t.Errorf("folded %d events, %v", len(got), err)
		}
		must(t, s.Close())
	}
	for i, public := range publics {
		for _, keys := range []string{"", path + ".keys"} {
			v, err := verify.Record(t.Context(), verify.Options{Path: path, PublicKey: public, Keys: keys})
			must(t, err)
			if len(v.Problems) > 0 || len(v.Rotations) != 3 {
				t.Errorf("by key %d: %v, %d rotations", i, v.Problems, len(v.Rotations))
			}
		}
	}
	last, err := LoadKeys(path + ".keys")
	must(t, err)
	if first.Token("x") != last.Token("x") {
		t.Error("equal values are not equal any more")
	}
	if text := read(t, path+".keys"); strings.Count(text, "sign ") != 1 || strings.Count(text, "former ") != 3 {
		t.Errorf("the key file has %d signing keys and %d former ones", strings.Count(text, "sign "), strings.Count(text, "former "))
	}
	// The first key, stolen, signs a checkpoint of now.
	c, err := dial(Options{Path: path, Durability: DurabilityProcess, Busy: 1}, false)
	must(t, err)
	end, err := c.rows("SELECT max(seq) FROM events")
	must(t, err)
	at, err := c.at(end[0][0].(int64))
	must(t, err)
	must(t, c.close())
	stolen, err := first.checkpoint(at, time.Now())
	must(t, err)
	forge(t, path, first, TypeCheckpoint, string(marshal(map[string]string{"note": stolen})))
	v, err := verify.Record(t.Context(), verify.Options{Path: path, PublicKey: publics[3], Keys: path + ".keys"})
	must(t, err)
	if got := fmt.Sprint(v.Problems); !strings.Contains(got, "whose time it was not") || !strings.Contains(got, "MAC is not of the gateway's key") {
		t.Errorf("a stolen former key: %v", got)
	}
}

// A rotation that was cut short at any step is finished by the next start, or
// never was.
func TestInterruptedRotation(t *testing.T) {
	for name, test := range map[string]struct {
		undo  func(t *testing.T, path, before, checkpoints string)
		taken bool
	}{
		"before the record says so": {func(t *testing.T, path, before, checkpoints string) {
			must(t, os.WriteFile(path+".keys.next", []byte(read(t, newRecord(t, 0)+".keys")), 0o600))
		}, false},
		"before it left the database": {func(t *testing.T, path, before, checkpoints string) {
			must(t, os.WriteFile(path+".keys.next", []byte(read(t, path+".keys")), 0o600))
			must(t, os.WriteFile(path+".keys", []byte(before), 0o600))
			must(t, os.WriteFile(path+".checkpoints", []byte(checkpoints), 0o600))
		}, true},
		"before the public key": {func(t *testing.T, path, before, _ string) {
			_, public, _ := strings.Cut(before, "public ")
			must(t, os.WriteFile(path+".pub", []byte(public), 0o600))
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			path := newRecord(t, 1)
			before := read(t, path+".keys")
			var checkpoints string
			if test.taken {
				checkpoints = read(t, path+".checkpoints")
				_, err := RotateKeys(Options{Path: path}, "rita", "why not")
				must(t, err)
			}
			test.undo(t, path, before, checkpoints)
			s, err := Open(Options{Path: path})
			must(t, err)
			record(t, s, `{}`, `{}`)
			must(t, s.Close())
			if taken := read(t, path+".keys") != before; taken != test.taken || exists(path+".keys.next") {
				t.Errorf("the new keys are taken: %v, want %v; left over: %v", taken, test.taken, exists(path+".keys.next"))
			}
			if v := verified(t, path); len(v.Problems) > 0 {
				t.Errorf("got %v", v.Problems)
			}
		})
	}
}

func TestBackupVerifies(t *testing.T) {
	s := openStore(t)
	path := s.opts.Path
	record(t, s, `{"n":1}`, `{}`)
	to := filepath.Join(t.TempDir(), "backup.db")
	b, err := MakeBackup(t.Context(), Options{Path: path}, to, "rita") // while it is written
	must(t, err)
	for range 20 {
		record(t, s, `{"n":2}`, `{}`)
		must(t, s.Checkpoint(t.Context()))
	}
	v, err := verify.Record(t.Context(), verify.Options{Path: to, Keys: path + ".keys", Checkpoints: []string{path + ".checkpoints"}})
	must(t, err)
	if len(v.Problems) > 0 || v.Backup == nil || v.Backup.Of != b.Of || v.Backup.By != "rita" || v.Outside != 1 {
		t.Errorf("got %v, %+v, %d outside", v.Problems, v.Backup, v.Outside)
	}
	v, err = verify.Record(t.Context(), verify.Options{Path: to, Live: true})
	if must(t, err); len(v.Problems) != 1 {
		t.Errorf("in the place of the record: %v", v.Problems)
	}
	// A plain copy of then is short of what came, unless it is said of when it is.
	plain := filepath.Join(t.TempDir(), "plain.db")
	must(t, copyDatabase(t.Context(), s.opts, plain))
	must(t, os.WriteFile(plain+".pub", []byte(read(t, path+".pub")), 0o600))
	tamper(t, plain, fmt.Sprintf("DELETE FROM events WHERE seq > %d", b.Of), fmt.Sprintf("DELETE FROM bodies WHERE seq > %d", b.Of))
	for event, want := range map[int64]int{0: 1, b.Of: 0, b.Of + 1: 1} {
		v, err := verify.Record(t.Context(), verify.Options{Path: plain, Checkpoints: []string{path + ".checkpoints"}, AsOfEvent: event})
		if must(t, err); len(v.Problems) != want {
			t.Errorf("as of event %d: %v, want %d problems", event, v.Problems, want)
		}
	}
	if _, err := MakeBackup(t.Context(), Options{Path: path}, to, "rita"); err == nil {
		t.Error("a backup was written over")
	}
	// Restored, it is gone on with when a person accepts the gap.
	must(t, s.Close())
	for _, suffix := range []string{"-wal", "-shm"} {
		_ = os.Remove(path + suffix)
	}
	must(t, os.WriteFile(path, []byte(read(t, to)), 0o600))
	_, err = NewSegment(Options{Path: path}, "rita", "the disk broke", true)
	must(t, err)
	again, err := Open(Options{Path: path})
	must(t, err)
	record(t, again, `{"n":3}`, `{}`)
	checkChain(t, again)
}

// A backup that somebody makes up without the key, or edits, does not pass.
func TestAttackForgedBackup(t *testing.T) {
	path := newRecord(t, 5)
	cut := copyRecord(t, path)
	tamper(t, cut, "DELETE FROM events WHERE seq > 9", "DELETE FROM bodies WHERE seq > 9")
	keys, err := LoadKeys(newRecord(t, 0) + ".keys")
	must(t, err)
	note, err := keys.state(statesBackup, Backup{Of: 9, Time: "2026-11-29T00:00:00Z", By: "mallory"})
	must(t, err)
	forge(t, cut, keys, TypeBackup, string(marshal(map[string]string{"note": note})))
	if v := verified(t, cut, path+".checkpoints"); !strings.Contains(fmt.Sprint(v.Problems), "cut from the end") {
		t.Errorf("got %v", v.Problems)
	}
}
