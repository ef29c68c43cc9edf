package audit

import (
	"os"
	"strings"
	"testing"
	"time"

	"toolward/audit/verify"
	"toolward/gateway"
)

// TestLogIsFoldedBesideTheWriter records until the database file itself has
// grown, which must be long before the writer would fold the log by itself.
func TestLogIsFoldedBesideTheWriter(t *testing.T) {
	s := openStore(t)
	c := newCall(t, `{"fill":"`+strings.Repeat("x", 32<<10)+`"}`)
	recorded, late := 0, time.After(time.Minute)
	for size := int64(0); size < foldAfter/2; {
		if recorded < 40<<20 { // the writer would fold 60 by itself
			must(t, s.Record(t.Context(), gateway.PhaseAttempt, c))
			recorded += len(c.Args.Raw())
		} else {
			select {
			case <-late:
				t.Fatalf("%d bytes recorded, and the database has %d", recorded, size)
			case <-time.After(time.Millisecond):
			}
		}
		info, err := os.Stat(s.opts.Path)
		must(t, err)
		size = info.Size()
	}
	must(t, s.Close())
	if v, err := verify.Record(t.Context(), verify.Options{Path: s.opts.Path}); err != nil || len(v.Problems) > 0 {
		t.Errorf("after folding: %+v, %v", v, err)
	}
}
