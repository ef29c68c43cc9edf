//go:build linux

package audit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"toolward/gateway"
)

// smallDisk mounts a file system of its own, and skips where that is not
// permitted. Resize changes its size.
func smallDisk(t *testing.T, kib int) (dir string, resize func(kib int)) {
	t.Helper()
	dir = t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dk", kib)); err != nil {
		t.Skip("mounting a small disk is not permitted here: ", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir, func(kib int) {
		must(t, syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, fmt.Sprintf("size=%dk", kib)))
	}
}

func TestDiskFull(t *testing.T) {
	dir, resize := smallDisk(t, 2048)
	s, err := Open(Options{Path: filepath.Join(dir, "toolward.db")})
	must(t, err)
	acknowledged := record(t, s, `{}`, `{}`)
	settled(t, s)
	if err := untilRefused(t, s, 10000); !errors.Is(err, syscall.ENOSPC) && err.Error() == "" {
		t.Errorf("got %v", err)
	}
	if got := shown(t, s, acknowledged.ID); got.Outcome != "ok" {
		t.Errorf("reading while the disk is full: %+v", got)
	}
	resize(8192)
	untilRecorded(t, s)
	checkChain(t, s)
}

// TestDiskFullAtEveryWrite gives a record ever more room, so that each time
// another write is the one that fails: at creation, in the write-ahead log, in
// the checkpoint file, while opening. What was acknowledged is there once there
// is room, the chain verifies, and nothing is created anew.
func TestDiskFullAtEveryWrite(t *testing.T) {
	dir, resize := smallDisk(t, 16384)
	reached := 0
	for kib := 8; kib <= 1280; kib += 12 {
		path := filepath.Join(dir, fmt.Sprint(kib), "toolward.db")
		must(t, os.Mkdir(filepath.Dir(path), 0o700))
		resize(kib)
		var acknowledged []string
		s, err := Open(Options{Path: path})
		if err == nil {
			for range 40 {
				c := newCall(t, `{}`)
				if s.Record(t.Context(), gateway.PhaseAttempt, c) != nil {
					break
				}
				acknowledged = append(acknowledged, c.ID)
			}
			_ = s.Close() // there may be no room to close in order
		}
		resize(16384)
		if s, err = Open(Options{Path: path}); err != nil {
			t.Fatalf("%d KiB: with room again: %v", kib, err)
		}
		for _, id := range acknowledged {
			shown(t, s, id)
		}
		reached = max(reached, len(acknowledged))
		checkChain(t, s)
		must(t, os.RemoveAll(filepath.Dir(path)))
	}
	if reached != 40 {
		t.Errorf("the largest disk took %d records, want all 40: the loop ends too early", reached)
	}
}

func TestVerifyOnReadOnlyMedia(t *testing.T) {
	dir, _ := smallDisk(t, 4096)
	path := newRecord(t, 3)
	for _, suffix := range []string{"", ".pub", ".checkpoints"} {
		must(t, os.WriteFile(filepath.Join(dir, "evidence.db"+suffix), []byte(read(t, path+suffix)), 0o600))
	}
	must(t, syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	copied := filepath.Join(dir, "evidence.db")
	if v := verified(t, copied, copied+".checkpoints"); len(v.Problems) > 0 || v.Events != 10 {
		t.Errorf("got %+v", v)
	}
}
