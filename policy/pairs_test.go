package policy

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"toolward/gateway"
)

// TestRandomPoliciesDecideAsWritten holds the engine, with all that it does to
// be fast, against the policy as it is written, on random calls: the same
// decision, errors included, and nobody is refused the sight of a tool that one
// of the calls may use. TOOLWARD_PAIRS is how many pairs of policy and call,
// TOOLWARD_SEED where to begin; a failure prints both.
func TestRandomPoliciesDecideAsWritten(t *testing.T) {
	pairs, seed := pairsUsually, uint64(1)
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
	if sum.effects[gateway.EffectAllow] == 0 || sum.effects[gateway.EffectApprove] == 0 || sum.failed == 0 || sum.hidden == 0 {
		t.Error("the random policies are too much alike")
	}
}

// tally is what was compared.
type tally struct {
	pairs, policies, unloaded, exact, failed, hidden, shown int
	effects                                                 map[gateway.Effect]int
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
