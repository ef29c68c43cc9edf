package audit

import (
	"os"
	"strings"
	"testing"

	"toolward/audit/verify"
	"toolward/gateway"
)

// TestLogIsFoldedBesideTheWriter records until the database file itself has
// grown, which must be long before the writer would fold the log by itself.
func TestLogIsFoldedBesideTheWriter(t *testing.T) {
	s := openStore(t)
	c := newCall(t, `{"fill":"`+strings.Repeat("x", 32<<10)+`"}`)
	recorded := 0
	for size := int64(0); size < foldAfter/2; recorded += len(c.Args.Raw()) {
		if recorded > 48<<20 {
			t.Fatalf("%d bytes recorded, and the database has %d", recorded, size)
		}
		must(t, s.Record(t.Context(), gateway.PhaseAttempt, c))
		info, err := os.Stat(s.opts.Path)
		must(t, err)
		size = info.Size()
	}
	must(t, s.Close())
	if v, err := verify.Record(t.Context(), verify.Options{Path: s.opts.Path}); err != nil || len(v.Problems) > 0 {
		t.Errorf("after folding: %+v, %v", v, err)
	}
}
