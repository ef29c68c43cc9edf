//go:build e2e && linux

package attacks

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os/exec"
	"sync"
	"testing"
	"time"

	"toolward/e2e/lab"
)

// TestPowerIsLost has a gateway whose record survives a loss of power serve calls, and
// takes the power away whenever it has called the upstream or answered an agent: of what
// is on the disk then, the record verifies, a call that the upstream got has its attempt,
// and one that was answered its outcome. Of what is not known to be on the disk, some
// is there and some is not.
//
// The same gateway with `durability: process` loses such calls, which says that the
// test would notice.
func TestPowerIsLost(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for _, durability := range []string{"power", "process"} {
		t.Run(durability, func(t *testing.T) {
			g := lab.Start(t, lab.Options{Config: map[string]any{"audit": map[string]any{"durability": durability}}})
			const agents, calls = 4, 12
			markers := make([]string, agents*calls)
			for i := range markers {
				markers[i] = lab.Marker()
			}
			watched := g.Watch(t, func() {
				var wg sync.WaitGroup
				for a := range agents {
					wg.Go(func() {
						for _, marker := range markers[a*calls : (a+1)*calls] {
							if ok, err := quietCall(g, "echo", marker); !ok {
								t.Errorf("a call was not answered: %v", err)
							}
						}
					})
				}
				wg.Wait()
			})
			g.Kill()
			lost, last := 0, 0
			for n, i := range random.Perm(len(markers))[:10] {
				said := watched.Said(markers[i])
				if len(said) < 2 {
					t.Fatalf("%s was said %d times, want to the upstream and to the agent", markers[i], len(said))
				}
				var luck *rand.Rand
				if n%2 == 1 {
					luck = random
				}
				lost += lostOf(t, g, watched, said[0], luck, markers[i], "interrupted", durability)
				lost += lostOf(t, g, watched, said[len(said)-1], luck, markers[i], "ok", durability)
				last = said[len(said)-1]
			}
			if want := durability == "process"; want != (lost > 0) {
				t.Errorf("durability %s: %d calls of 20 are lost", durability, lost)
			}
			g.Dir = t.TempDir()
			watched.At(t, last, g.Dir, random)
			g.Restart(t) // on what is left
			g.CheckAlive(t)
		})
	}
}

// lostOf takes the power away at a moment, and returns 1 if the call is not on record as
// it must be, which is no less than outcome says.
func lostOf(t *testing.T, g *lab.Gateway, w *lab.Watched, moment int, luck *rand.Rand, marker, outcome, durability string) int {
	t.Helper()
	dir := t.TempDir()
	w.At(t, moment, dir, luck)
	run := func(args ...string) ([]byte, error) {
		cmd := g.Command(args...)
		cmd.Dir = dir
		return cmd.Output()
	}
	if out, err := run("audit", "verify", "--config", "toolward.yaml"); err != nil && durability == "power" {
		t.Errorf("the record does not verify: %v\n%s%s", err, out, stderrOf(err))
	}
	out, err := run("audit", "export", "--config", "toolward.yaml")
	if err != nil {
		t.Fatalf("the record cannot be read: %v\n%s", err, stderrOf(err))
	}
	for line := range bytes.Lines(out) {
		var c struct {
			Args    struct{ Text string }
			Outcome string
		}
		if err := json.Unmarshal(line, &c); err != nil {
			t.Fatal(err)
		}
		if c.Args.Text == marker && (c.Outcome == "ok" || c.Outcome == outcome || outcome == "interrupted" && c.Outcome == "running") {
			return 0
		}
	}
	return 1
}

func stderrOf(err error) []byte {
	if e, ok := err.(*exec.ExitError); ok {
		return e.Stderr
	}
	return nil
}
