// Command bench measures what toolward costs: its whole pipeline (JWT, limits,
// guard in and out, a 30-rule policy, durable audit) against a bare
// httputil.ReverseProxy in front of the same upstream, in one run on one
// machine. `make bench` runs it.
//
// Machines are noisy, so the two hops are measured in turn, several rounds of
// each, and what is printed is the median of the rounds' ratios. Figures of
// different runs do not compare.
//
// Upstream, hop and load generator are processes of their own, so that the
// hop's CPU can be read from the kernel. All traffic stays on loopback.
//
// With -count it counts what a call takes of the gateway instead of timing it.
// Counts hardly depend on what else the machine does, so those of different runs,
// and of different binaries, compare. With -cost it holds some of them against
// committed figures; `make cost` does that. With -flat it measures what should make no
// call dearer: many tools, agents, calls on record, idle streams.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// plan is what one run of the benchmark does.
type plan struct {
	binary    string
	profile   string
	rounds    int
	duration  time.Duration
	warmup    time.Duration
	conns     []int
	sizes     []int // bytes of the call's argument and of its answer
	kinds     []string
	policies  []string
	modes     []mode
	calls     int // that are counted
	functions int // that are named
	tools     int // that the upstream has
	before    int // calls on record, with -flat

	processors string // of the gateway, "" for all
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("bench: ")
	if len(os.Args) > 2 {
		switch os.Args[1] {
		case "upstream":
			log.Fatal(serveUpstream(os.Args[2]))
		case "bare":
			log.Fatal(serveBare(os.Args[2]))
		case "scan":
			if err := scanAlone(os.Args[2], os.Args[3], os.Args[4], os.Args[5]); err != nil {
				log.Fatal(err)
			}
			return
		}
	}
	var p plan
	conns := flag.String("conns", "1,16,64", "connections, comma-separated")
	sizes := flag.String("sizes", "1024,65536", "payload bytes, comma-separated")
	kinds := flag.String("kinds", mixedKind, "what payloads are: "+strings.Join(allKinds, ", ")+", or each of them in turn, "+mixedKind)
	policies := flag.String("policies", conditions, "shapes of policy: "+conditions+", or as people write them, "+written)
	modes := flag.String("modes", string(session), "how calls are made: session, stateless, or stream")
	flag.StringVar(&p.binary, "toolward", "bin/toolward", "the gateway's binary")
	flag.StringVar(&p.profile, "pprof", "", "loopback address for the gateway's profiles")
	flag.IntVar(&p.rounds, "rounds", 5, "rounds per cell")
	flag.DurationVar(&p.duration, "duration", 2*time.Second, "measured time of a round")
	flag.DurationVar(&p.warmup, "warmup", 500*time.Millisecond, "time before it that does not count")
	counts := flag.Bool("count", false, "count what a call takes instead: instructions, system calls, allocations")
	flag.IntVar(&p.calls, "calls", 1000, "with -count: calls that are counted")
	flag.IntVar(&p.tools, "tools", 1, "tools that the upstream has, each with a policy file")
	flag.IntVar(&p.functions, "functions", 0, "with -count: how many functions to name, those of the most instructions first")
	flat := flag.Bool("flat", false, "measure instead calls with many tools, agents, calls on record and idle streams against calls without")
	flag.IntVar(&p.before, "before", 100_000, "with -flat: calls on record")
	cost := flag.String("cost", "", "count instead what calls and guard cost, and fail if it is 3 % over the figures of this file")
	update := flag.Bool("update", false, "with -cost: write the file")
	flag.Parse()
	p.conns, p.sizes = numbers(*conns), numbers(*sizes)
	p.kinds, p.policies = strings.Split(*kinds, ","), strings.Split(*policies, ",")
	for _, m := range strings.Split(*modes, ",") {
		p.modes = append(p.modes, mode(m))
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGPIPE) // a reader who left, as head does, ends the processes too
	defer stop()
	run := p.run
	if *counts {
		run = p.count
	}
	if *flat {
		run = p.flat
	}
	if *cost != "" {
		run = func(ctx context.Context) error { return p.cost(ctx, *cost, *update) }
	}
	if err := run(ctx); err != nil {
		log.Fatal(err)
	}
}

func numbers(list string) []int {
	var out []int
	for _, s := range strings.Split(list, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(s))
		if err != nil || n <= 0 {
			log.Fatalf("%q is not a positive number", s)
		}
		out = append(out, n)
	}
	return out
}

// cell is what a row of figures is of.
type cell struct {
	mode   mode
	kind   string
	size   int
	policy string
	conns  int
}

func (c cell) String() string {
	return fmt.Sprintf("%s %s, %s, %s, %d connections", kib(c.size), c.kind, c.policy, c.mode, c.conns)
}

// dial opens the cell's connections to the gateway.
func (c cell) dial(lab *lab) ([]*conn, error) {
	texts, err := c.texts()
	if err != nil {
		return nil, err
	}
	return dialAll(lab.gatewayTarget(c.mode, texts), c.conns)
}

func (c cell) texts() ([]string, error) {
	p, err := payloads(".", c.kind, c.size)
	return p.args, err
}

// cells are the rows of a run of these modes: every kind of text in every size with
// every number of connections, under every policy.
func (p plan) cells(modes []mode) (all []cell) {
	for _, policy := range p.policies {
		for _, size := range p.sizes {
			for _, kind := range p.kinds {
				for _, m := range modes {
					for _, n := range p.conns {
						all = append(all, cell{m, kind, size, policy, n})
					}
				}
			}
		}
	}
	return all
}

// run measures every cell and prints a row for each.
func (p plan) run(ctx context.Context) error {
	fmt.Printf("%s; %d rounds of %s; medians; toolward with JWT, limits, guard, 30 rules, durable audit (process death)\n\n", machine(), p.rounds, p.duration)
	fmt.Println("| payload | policy | surface | connections | req/s bare | req/s toolward | ratio | p50 ms bare | toolward | p99 ms bare | toolward | ratio | CPU µs/call bare | toolward | ratio |")
	fmt.Println("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
	var notes []string
	for _, policy := range p.policies {
		q := p
		q.policies = []string{policy}
		lines, err := q.under(ctx, policy)
		if err != nil {
			return err
		}
		notes = append(notes, lines...)
	}
	fmt.Println("\nmean µs on the clock that a call spends in each step of toolward, and its resident memory:")
	for _, line := range notes {
		fmt.Println("  " + line)
	}
	return nil
}

// under measures the cells of one policy, with processes of their own, and returns
// what there is to say of them.
func (p plan) under(ctx context.Context, policy string) (notes []string, err error) {
	lab, err := p.newLab(ctx, p.profile, policy)
	if err != nil {
		return nil, err
	}
	defer lab.close()
	for _, c := range p.cells(p.modes) {
		before, err := readStages(ctx, lab.gatewayAddr)
		if err != nil {
			return nil, err
		}
		if err := p.cell(ctx, lab, c); err != nil {
			return nil, fmt.Errorf("%s: %w", c, err)
		}
		after, err := readStages(ctx, lab.gatewayAddr)
		if err != nil {
			return nil, err
		}
		notes = append(notes, fmt.Sprintf("%s: %s", c, after.since(before)))
	}
	rss, err := memory(lab.gateway.Process.Pid)
	if err != nil {
		return nil, err
	}
	return append(notes, fmt.Sprintf("%s, %d tools: %.0f MiB at rest, %.0f MiB after the load; ready in %.0f ms, first list in %.1f ms",
		policy, p.tools, lab.atRest, rss, lab.ready.Seconds()*1e3, lab.firstList.Seconds()*1e3)), nil
}

// cell measures both hops and prints a row.
func (p plan) cell(ctx context.Context, lab *lab, c cell) error {
	texts, err := c.texts()
	if err != nil {
		return err
	}
	var bare, gate []figures
	for range p.rounds {
		b, err := p.measure(ctx, lab.bareTarget(c.mode, texts), c.conns)
		if err != nil {
			return fmt.Errorf("bare hop: %w", err)
		}
		g, err := p.measure(ctx, lab.gatewayTarget(c.mode, texts), c.conns)
		if err != nil {
			return fmt.Errorf("toolward: %w", err)
		}
		bare, gate = append(bare, b), append(gate, g)
	}
	med := func(f func(b, g figures) float64) float64 {
		var all []float64
		for i := range bare {
			all = append(all, f(bare[i], gate[i]))
		}
		slices.Sort(all)
		return all[len(all)/2]
	}
	fmt.Printf("| %s %s | %s | %s | %d | %.0f | %.0f | %.2f | %.2f | %.2f | %.2f | %.2f | %.2f | %.0f | %.0f | %.2f |\n", kib(c.size), c.kind, c.policy, c.mode, c.conns,
		med(func(b, _ figures) float64 { return b.rps }), med(func(_, g figures) float64 { return g.rps }), med(func(b, g figures) float64 { return g.rps / b.rps }),
		med(func(b, _ figures) float64 { return b.p50 }), med(func(_, g figures) float64 { return g.p50 }),
		med(func(b, _ figures) float64 { return b.p99 }), med(func(_, g figures) float64 { return g.p99 }), med(func(b, g figures) float64 { return g.p99 / b.p99 }),
		med(func(b, _ figures) float64 { return b.cpu }), med(func(_, g figures) float64 { return g.cpu }), med(func(b, g figures) float64 { return g.cpu / b.cpu }))
	return nil
}

func kib(n int) string { return strconv.Itoa(n/1024) + " KiB" }
