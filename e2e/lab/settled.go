//go:build e2e

package lab

import (
	"encoding/binary"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// settled waits until a database has what stands in the journal beside it, which another
// program sees there within a quarter of a second, but for a disk that takes longer for a
// checkpoint. Of a gateway that ended it never will.
func (g *Gateway) settled(db string) {
	late := time.After(Patience)
	for {
		last := max(lastFrame(db+".journal.0"), lastFrame(db+".journal.1"))
		out, err := exec.Command("sqlite3", "-readonly", db, ".timeout 10000", "SELECT max(seq) FROM events").Output()
		if has, _ := strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64); err != nil || has >= last {
			return
		}
		select {
		case <-g.ended:
			return
		case <-late:
			return
		default:
		}
	}
}

// lastFrame is the number of the last event in a segment (package doc of audit/journal).
func lastFrame(name string) (last int64) {
	b, err := os.ReadFile(name)
	if err != nil {
		return 0
	}
	for at := len("toolward journal 1\n"); at+16 <= len(b); {
		length, seq := int(binary.LittleEndian.Uint32(b[at:])), int64(binary.LittleEndian.Uint64(b[at+8:]))
		if length == 0 || seq <= last {
			break
		}
		last, at = seq, at+16+length
	}
	return last
}
