//go:build linux

package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"toolward/gateway"
)

const faultPath = "AUDIT_TEST_FAULT_PATH"

// recordThroughFault records some calls one after the other and goes on after
// failures, as a gateway does. It prints what was acknowledged.
func recordThroughFault(path string) {
	s, err := Open(Options{Path: path, Durability: DurabilityPower})
	if err != nil {
		fmt.Println("refused to open:", err)
		return
	}
	var followed witness
	if err := s.Attach(context.Background(), &followed); err != nil {
		fmt.Println("refused to follow:", err)
		return
	}
	defer func() {
		for _, id := range followed {
			fmt.Println("saw", id)
		}
	}()
	for calls := 0; calls < 3 || s.Ready() != nil && calls < 10; calls++ {
		c := gateway.NewCall(gateway.SurfaceMCP, gateway.KindTool, "tools/call")
		c.Agent, c.Tool = testAgent, testTool
		if err := s.Record(context.Background(), gateway.PhaseAttempt, c); err == nil {
			fmt.Println("ack", c.ID)
			continue
		}
		_ = s.writer.do(context.Background(), func() error { s.writer.tried = time.Time{}; return nil }) // no need to wait
	}
	if err := s.Ready(); err != nil {
		fmt.Println("never recovered:", err)
	}
	_ = s.Close()
}

// witness is a follower that remembers which calls it saw.
type witness []string

func (w *witness) Restore(json.RawMessage) error      { return nil }
func (w *witness) Snapshot() (json.RawMessage, error) { return json.RawMessage("{}"), nil }

func (w *witness) Fold(e gateway.Entry) error {
	if e.Type == TypeAttempt {
		*w = append(*w, e.Call)
	}
	return nil
}

// sawCalls are the calls that a run says it followed.
func sawCalls(out string) (ids []string) {
	for line := range strings.Lines(out) {
		if id, ok := strings.CutPrefix(strings.TrimSpace(line), "saw "); ok {
			ids = append(ids, id)
		}
	}
	return ids
}

// TestEveryWriteFailsOnce makes the first write to the database fail, then the
// second, and so on until a run has no more writes to fail; likewise syncs.
// Each time, what was acknowledged is there, the chain verifies, the record goes on
// by itself, and whoever follows it saw what is in it: also what was reported as
// failed and is durable.
func TestEveryWriteFailsOnce(t *testing.T) {
	shim := filepath.Join(t.TempDir(), "fault.so")
	if out, err := exec.Command("cc", "-shared", "-fPIC", "-O1", "-o", shim, "testdata/fault.c", "-ldl").CombinedOutput(); err != nil {
		t.Skipf("no C compiler to build the fault with: %v\n%s", err, out)
	}
	for _, call := range []string{"write", "sync"} {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			step := 1
			if testing.Short() {
				step = 7
			}
			n := 1
			for ; n < 1000; n += step {
				if !faultAt(t, shim, call, n) {
					break
				}
			}
			if n < 10 {
				t.Errorf("only %d were reached: the fault is not where it should be", n-1)
			}
			t.Logf("%d faults", n-1)
		})
	}
}

// faultAt reports whether the fault was reached.
func faultAt(t *testing.T, shim, call string, n int) bool {
	t.Helper()
	path := filepath.Join(t.TempDir(), "toolward.db")
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), faultPath+"="+path, "LD_PRELOAD="+shim,
		"FAULT_FILE=toolward.db", "FAULT_CALL="+call, fmt.Sprint("FAULT_N=", n), "FAULT_ERRNO=5")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %d: %v\n%s", call, n, err, stderr.String())
	}
	if strings.Contains(string(out), "never recovered") {
		t.Errorf("%s %d: %s", call, n, out)
	}
	s, err := Open(Options{Path: path})
	if err != nil {
		t.Fatalf("%s %d: afterwards: %v\n%s%s", call, n, err, out, stderr.String())
	}
	if seen, there := sawCalls(string(out)), column1(t, s, "SELECT call FROM events WHERE type = 'call.attempt' ORDER BY seq"); len(seen) > 0 && !slices.Equal(seen, there) {
		t.Errorf("%s %d: the follower saw %v, the record has %v", call, n, seen, there)
	}
	for line := range strings.Lines(string(out)) {
		if id, ok := strings.CutPrefix(strings.TrimSpace(line), "ack "); ok {
			if _, _, err := s.Show(t.Context(), id); errors.Is(err, ErrNoCall) {
				t.Errorf("%s %d: an acknowledged call is gone", call, n)
			}
		}
	}
	checkChain(t, s)
	return strings.Contains(stderr.String(), "fault: ")
}
