package audit

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/mattn/go-sqlite3"
	"go.uber.org/goleak"

	"toolward/audit/verify"
	"toolward/gateway"
)

// crashPath, when set, makes the test binary a gateway that records until it is
// killed, and says on standard output what was acknowledged.
const crashPath = "AUDIT_TEST_CRASH_PATH"

func TestMain(m *testing.M) {
	if path := os.Getenv(crashPath); path != "" {
		if operation := os.Getenv(crashOperation); operation != "" {
			operateForever(path, operation)
		}
		recordForever(path)
	}
	if path := os.Getenv(faultPath); path != "" {
		recordThroughFault(path)
		return
	}
	goleak.VerifyTestMain(m)
}

func recordForever(path string) {
	stage, number, _ := strings.Cut(os.Getenv(crashStage), " ")
	at, err := strconv.Atoi(number)
	if stage != "" && (err != nil || at < 1) {
		fmt.Fprintln(os.Stderr, "die when?", stage, number)
		os.Exit(3)
	}
	dies := &dying{Handler: slog.DiscardHandler, stage: stage, at: int64(at)}
	s, err := Open(Options{Path: path, Every: 1, Log: slog.New(dies), Observe: func(int, time.Duration, error) { dies.reach("committed") }})
	if err == nil {
		err = s.Attach(context.Background(), dies)
	}
	if err == nil {
		err = s.writer.do(context.Background(), func() error { return dies.watch(s.writer.conn) })
	}
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
	if stage == "announced" || stage == "removing" {
		wg.Go(func() { // again and again what was closed before
			for {
				if _, err := s.Prune(context.Background(), time.Now(), "rita", "a test"); err != nil {
					panic(err)
				}
			}
		})
	}
	wg.Wait()
}

// crashStage, when set, has the gateway die by itself, in a stage and at the
// time that it reaches it: "committed 17".
const crashStage = "AUDIT_TEST_CRASH_STAGE"

// dying kills the process where it is told to.
type dying struct {
	slog.Handler
	nobody
	stage   string
	at      int64
	reached atomic.Int64
}

func (d *dying) reach(stage string) {
	if d.stage == stage && d.reached.Add(1) == d.at {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}

func (d *dying) Enabled(context.Context, slog.Level) bool { return true }

// Fold is told of what the journal has, before whoever waits for it.
func (d *dying) Fold(gateway.Entry) error {
	d.reach("journaled")
	return nil
}

// Handle knows by what is logged how far the writer is.
func (d *dying) Handle(_ context.Context, r slog.Record) error {
	switch r.Message {
	case "audit checkpoint":
		d.reach("handed-out")
	case "audit record is pruned":
		d.reach("announced") // the statement left, and nothing is removed
	}
	return nil
}

// watch has SQLite say how far it is.
func (d *dying) watch(c *conn) error {
	c.c.RegisterCommitHook(func() int { d.reach("committing"); return 0 })
	c.c.RegisterUpdateHook(func(op int, _, table string, _ int64) {
		switch {
		case op == sqlite3.SQLITE_INSERT && table == "events":
			d.reach("inserting")
		case op == sqlite3.SQLITE_DELETE && table == "events":
			d.reach("removing")
		}
	})
	return nil
}

// TestKilledInEachStage has a gateway die in each stage of what it does, some
// times each (TOOLWARD_KILLS: how many in all). Every time the record verifies, it
// is gone on with, and every event that was acknowledged is there, unless a prune
// that was signed for took it.
func TestKilledInEachStage(t *testing.T) {
	stages := []string{"journaled", "inserting", "committing", "committed", "handed-out", "announced", "removing"}
	for i, stage := range stages {
		t.Run(stage, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "toolward.db")
			acknowledged := map[string]string{}
			for round := range (kills(12) + i) / len(stages) {
				reached := 1 + rand.IntN(map[string]int{"journaled": 2000, "inserting": 1000, "committing": 10, "committed": 10, "handed-out": 3, "announced": 2, "removing": 199}[stage]+1)
				killAt(t, path, fmt.Sprint(stage, " ", reached), acknowledged)
				v, err := verify.Record(t.Context(), verify.Options{Path: path, Keys: path + ".keys"})
				must(t, err)
				if len(v.Problems) > 0 {
					t.Fatalf("round %d, the %dth time: %v", round, reached, v.Problems)
				}
			}
			s, err := Open(Options{Path: path})
			must(t, err)
			seen := map[string]string{}
			for c, err := range s.All(t.Context(), Filter{}) {
				must(t, err)
				seen[c.ID] = c.Outcome
			}
			pruned := stage == "announced" || stage == "removing"
			for id, what := range acknowledged {
				if outcome := seen[id]; outcome == "" && !pruned || what == "outcome" && outcome != "ok" && !pruned {
					t.Errorf("acknowledged %s of %s shows as %q", what, id, outcome)
				}
			}
			checkChain(t, s)
			t.Logf("%d acknowledged, %d in the record", len(acknowledged), len(seen))
		})
	}
}

// kills is how often a gateway is killed: so often, or TOOLWARD_KILLS.
func kills(most int) int {
	if n, err := strconv.Atoi(os.Getenv("TOOLWARD_KILLS")); err == nil {
		return n
	}
	return most
}

// killAt starts a gateway that dies by itself, and reads what it acknowledges.
func killAt(t *testing.T, path, stage string, acknowledged map[string]string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), crashPath+"="+path, crashStage+"="+stage)
	cmd.Stderr = os.Stderr
	readAcknowledged(t, cmd, -1, acknowledged)
}

// TestKilledUnderLoad kills a gateway at random again and again. Every event
// that was acknowledged is there, and the chain verifies. All of a record is verified after
// each kill, so after some it is another record's turn.
func TestKilledUnderLoad(t *testing.T) {
	const most = 20
	rounds := kills(15)
	if testing.Short() {
		rounds = 5
	}
	for ; rounds > 0; rounds -= most {
		killUnderLoad(t, min(rounds, most))
	}
}

// killUnderLoad kills the gateway of one record.
func killUnderLoad(t *testing.T, rounds int) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "toolward.db")
	acknowledged := map[string]string{}
	for round := range rounds {
		killAfter(t, path, rand.IntN(3000), acknowledged)
		if v := verified(t, path, path+".checkpoints"); len(v.Problems) > 0 {
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
	readAcknowledged(t, cmd, n, acknowledged)
}

// readAcknowledged reads what a gateway acknowledges until it is dead, and kills
// it at the nth.
func readAcknowledged(t *testing.T, cmd *exec.Cmd, n int, acknowledged map[string]string) {
	t.Helper()
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
