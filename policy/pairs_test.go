package policy

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/open-policy-agent/opa/v1/ast"

	"toolward/gateway"
)

// TestRandomPoliciesDecideAsWritten holds the engine, with all that it does to
// be fast, against the policy as it is written, on random calls: the same
// decision, errors included, and nobody is refused the sight of a tool that one
// of the calls may use. TOOLWARD_PAIRS is how many pairs of policy and call,
// TOOLWARD_SEED where to begin; a failure prints both.
func TestRandomPoliciesDecideAsWritten(t *testing.T) {
	pairs, seed := pairsUsually, uint64(1)
	if testing.Short() { // under the race detector, which one goroutine has little use for
		pairs /= 5
	}
	if s := os.Getenv("TOOLWARD_PAIRS"); s != "" {
		pairs, _ = strconv.Atoi(s)
	}
	if s := os.Getenv("TOOLWARD_SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
	}
	var sum tally
	for ; sum.pairs < pairs && !t.Failed(); seed++ {
		a := &author{Rand: rand.New(rand.NewPCG(seed, 1))}
		files := a.policy()
		dir := writeFiles(t, files)
		e, err := Open(t.Context(), Options{Path: dir, Timeout: time.Minute})
		if err != nil {
			sum.unloaded++
			if sum.unloaded > 50 && sum.policies < sum.unloaded/20 {
				t.Fatalf("hardly any policy loads; the last: %v", err)
			}
			continue
		}
		sum.policies++
		if e.current.Load().quick == nil {
			sum.exact++
		}
		if failure := a.compare(t, e, plainDecider(t, dir), &sum); failure != "" {
			t.Errorf("seed %d: %s", seed, failure)
			for _, name := range slices.Sorted(maps.Keys(files)) {
				t.Logf("%s:\n%s", name, files[name])
			}
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%+v", sum)
	if sum.effects[gateway.EffectAllow] == 0 || sum.effects[gateway.EffectApprove] == 0 || sum.failed == 0 || sum.hidden == 0 || sum.adding == 0 || sum.uncountable == 0 {
		t.Error("the random policies are too much alike")
	}
}

// tally is what was compared.
type tally struct {
	pairs, policies, unloaded, exact, failed, hidden, shown int
	adding, uncountable                                     int
	effects                                                 map[gateway.Effect]int
}

// counts holds what a call adds, as the engine says it, against what OPA says.
func (sum *tally) counts(ctx context.Context, e *Engine, c *gateway.Call) string {
	r, stage, ask := e.current.Load(), stageOf(c), e.CountRequest
	if stage == gateway.StageResult {
		ask = e.CountResult
		if plan, _ := r.counting.asks(c); !plan.late {
			return "" // no rule waits for it
		}
	}
	got, gotErr := ask(ctx, c)
	in := r.input(c, stage, all)
	value, _, err := r.eval(ctx, time.Minute, r.queries[entryTally], ast.LazyObject(in), c.Time, nil)
	var want entered
	if err == nil {
		want, err = r.counting.read(value, c.Tool, stage == gateway.StageResult)
	}
	var said entered
	for _, m := range got.Meters {
		if m.Looks {
			continue
		}
		if m.Of != ownerOf(m.Per, c) {
			return fmt.Sprintf("%+v is counted for %q", m, ownerOf(m.Per, c))
		}
		m.Of = ""
		said.meters = append(said.meters, m)
	}
	said.memories = got.Memories
	if err != nil {
		sum.uncountable++
	} else if len(want.meters)+len(want.memories) > 0 {
		sum.adding++
	}
	diff := cmp.Diff(want, said, cmp.AllowUnexported(entered{}), cmpopts.EquateEmpty(), cmp.Comparer(func(a, b gateway.Amount) bool { return a == b }))
	if err == nil && diff != "" || (gotErr == nil) != (err == nil) {
		in, _ := InputJSON(c, stage)
		return fmt.Sprintf("what is added (-as OPA says +engine):\n%s%v\n%v\n%s", diff, err, gotErr, in)
	}
	return ""
}

// compare asks both about two hundred calls.
func (a *author) compare(t *testing.T, e *Engine, plain func(*gateway.Call) (gateway.Decision, error), sum *tally) string {
	if sum.effects == nil {
		sum.effects = map[gateway.Effect]int{}
	}
	agents, tools := a.agents(), a.tools()
	visible := map[*gateway.Agent][]*gateway.Tool{}
	for _, agent := range agents {
		seen, err := e.Visible(t.Context(), agent, tools)
		if err != nil {
			return fmt.Sprintf("the list for %+v: %v", agent, err)
		}
		visible[agent] = seen
		sum.shown += len(seen)
		sum.hidden += len(tools) - len(seen)
	}
	for range 200 {
		c := a.call(t, agents[a.IntN(len(agents))], tools[a.IntN(len(tools))])
		got, gotErr := judged(t.Context(), e, c)
		want, wantErr := plain(c)
		sum.pairs++
		sum.effects[want.Effect]++
		if wantErr != nil {
			sum.failed++
		}
		if failure := sum.counts(t.Context(), e, c); failure != "" {
			return failure
		}
		in, err := InputJSON(c, stageOf(c))
		if err != nil {
			return err.Error()
		}
		if diff := cmp.Diff(want, got); diff != "" || (gotErr == nil) != (wantErr == nil) {
			return fmt.Sprintf("(-as written +engine):\n%s%v\n%v\n%s", diff, wantErr, gotErr, in)
		}
		if c.Result == nil && wantErr == nil && want.Effect != gateway.EffectDeny && !slices.Contains(visible[c.Agent], c.Tool) {
			return fmt.Sprintf("%s is hidden and the call passes (%s):\n%s", c.Tool.Wire, want.Effect, in)
		}
	}
	return ""
}
