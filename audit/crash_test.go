package audit

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"toolward/gateway"
)

// crashPath, when set, makes the test binary a gateway that records until it is
// killed, and says on standard output what was acknowledged.
const crashPath = "AUDIT_TEST_CRASH_PATH"

func TestMain(m *testing.M) {
	if path := os.Getenv(crashPath); path != "" {
		recordForever(path)
	}
	if path := os.Getenv(faultPath); path != "" {
		recordThroughFault(path)
		return
	}
	goleak.VerifyTestMain(m)
}

func recordForever(path string) {
	s, err := Open(Options{Path: path, Every: 1})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
	var mu sync.Mutex
	say := func(what string, c *gateway.Call) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Println(what, c.ID)
	}
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for {
				c := gateway.NewCall(gateway.SurfaceMCP, gateway.KindTool, "tools/call")
				c.Agent, c.Tool = testAgent, testTool
				if err := s.Record(context.Background(), gateway.PhaseAttempt, c); err != nil {
					panic(err)
				}
				say("attempt", c)
				respond(c, `{"content":[]}`)
				if err := s.Record(context.Background(), gateway.PhaseOutcome, c); err != nil {
					panic(err)
				}
				say("outcome", c)
			}
		})
	}
	wg.Wait()
}

// TestKilledUnderLoad kills a gateway at random again and again. Every event
// that was acknowledged is there, and the chain verifies.
func TestKilledUnderLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "toolward.db")
	acknowledged := map[string]string{}
	rounds := 15
	if testing.Short() {
		rounds = 5
	}
	for round := range rounds {
		killAfter(t, path, rand.IntN(3000), acknowledged)
		if v := verify(t, path, path+".checkpoints"); len(v.Problems) > 0 {
			t.Fatalf("round %d: %v", round, v.Problems)
		}
	}
	s, err := Open(Options{Path: path})
	must(t, err)
	seen := map[string]string{}
	for c, err := range s.All(t.Context(), Filter{}) {
		must(t, err)
		seen[c.ID] = c.Outcome
	}
	must(t, s.Close())
	interrupted := 0
	for id, what := range acknowledged {
		switch outcome := seen[id]; {
		case outcome == "":
			t.Errorf("acknowledged %s of %s is not in the record", what, id)
		case what == "outcome" && outcome != "ok":
			t.Errorf("%s: acknowledged outcome shows as %s", id, outcome)
		}
	}
	for id, outcome := range seen {
		switch outcome {
		case "interrupted":
			interrupted++
		case "ok":
		default:
			t.Errorf("%s shows as %s after the restart", id, outcome)
		}
	}
	if interrupted == 0 {
		t.Error("no call was in flight at any kill: the test shows nothing")
	}
	t.Logf("%d kills, %d calls acknowledged, %d interrupted", rounds, len(acknowledged), interrupted)
}

// killAfter starts a gateway, reads n acknowledgements and kills it.
func killAfter(t *testing.T, path string, n int, acknowledged map[string]string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashPath+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	lines := bufio.NewScanner(out)
	for i := 0; lines.Scan(); i++ {
		if i == n {
			must(t, cmd.Process.Kill())
		}
		if what, id, ok := strings.Cut(lines.Text(), " "); ok && len(id) == 36 {
			acknowledged[id] = what
		}
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() == 3 {
		t.Fatalf("the gateway ended by itself: %v", err)
	}
}
