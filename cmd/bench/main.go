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
// and of different binaries, compare.
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
	calls     int   // that are counted
	functions int   // that are named
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
		}
	}
	var p plan
	conns := flag.String("conns", "1,16,64", "connections, comma-separated")
	sizes := flag.String("sizes", "1024,65536", "payload bytes, comma-separated")
	flag.StringVar(&p.binary, "toolward", "bin/toolward", "the gateway's binary")
	flag.StringVar(&p.profile, "pprof", "", "loopback address for the gateway's profiles")
	flag.IntVar(&p.rounds, "rounds", 5, "rounds per cell")
	flag.DurationVar(&p.duration, "duration", 2*time.Second, "measured time of a round")
	flag.DurationVar(&p.warmup, "warmup", 500*time.Millisecond, "time before it that does not count")
	counts := flag.Bool("count", false, "count what a call takes instead: instructions, system calls, allocations")
	flag.IntVar(&p.calls, "calls", 1000, "with -count: calls that are counted")
	flag.IntVar(&p.functions, "functions", 0, "with -count: how many functions to name, those of the most instructions first")
	flag.Parse()
	p.conns, p.sizes = numbers(*conns), numbers(*sizes)

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGPIPE) // a reader who left, as head does, ends the processes too
	defer stop()
	run := p.run
	if *counts {
		run = p.count
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

// run measures every cell and prints a row for each.
func (p plan) run(ctx context.Context) error {
	lab, err := newLab(ctx, p.binary, p.profile)
	if err != nil {
		return err
	}
	defer lab.close()
	fmt.Printf("%s; %d rounds of %s; medians; toolward with JWT, limits, guard, 30 rules, durable audit (process death)\n\n", machine(), p.rounds, p.duration)
	fmt.Println("| payload | connections | req/s bare | req/s toolward | ratio | p50 ms bare | toolward | p99 ms bare | toolward | ratio | CPU µs/call bare | toolward | ratio |")
	fmt.Println("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
	var spent, guard []string
	for _, size := range p.sizes {
		for _, n := range p.conns {
			before, err := readStages(ctx, lab.gatewayAddr)
			if err != nil {
				return err
			}
			cpu, err := p.cell(ctx, lab, session, size, n)
			if err != nil {
				return err
			}
			after, err := readStages(ctx, lab.gatewayAddr)
			if err != nil {
				return err
			}
			spent = append(spent, fmt.Sprintf("%s, %d connections: %s", kib(size), n, after.since(before)))
			if n == 1 { // the clock shows what it works, not what it waits
				g := after.mean("guard", before)
				guard = append(guard, fmt.Sprintf("%s: %.0f of %.0f; %.0f without it", kib(size), g, cpu, cpu-g))
			}
		}
	}
	fmt.Println("\nwhat sessions and streams add, at 1 KiB and 16 connections (the bare hop carries the same requests):")
	for _, m := range []mode{session, stateless, stream} {
		if _, err := p.cell(ctx, lab, m, 1024, 16); err != nil {
			return err
		}
	}
	fmt.Println("\nmean µs on the clock that a call spends in each step of toolward:")
	for _, line := range spent {
		fmt.Println("  " + line)
	}
	if len(guard) > 0 {
		fmt.Println("\nµs of CPU that guard takes of a call, arguments and result, with one connection:")
		for _, line := range guard {
			fmt.Println("  " + line)
		}
	}
	rss, err := memory(lab.gateway.Process.Pid)
	if err != nil {
		return err
	}
	fmt.Printf("\nresident memory of toolward: %.0f MiB at rest, %.0f MiB after the load\n", lab.atRest, rss)
	return nil
}

// cell measures both hops, prints a row, and returns toolward's CPU per call.
func (p plan) cell(ctx context.Context, lab *lab, m mode, size, conns int) (cpu float64, err error) {
	var bare, gate []figures
	for range p.rounds {
		b, err := p.measure(ctx, lab.bareTarget(m, size), conns)
		if err != nil {
			return 0, fmt.Errorf("bare hop: %w", err)
		}
		g, err := p.measure(ctx, lab.gatewayTarget(m, size), conns)
		if err != nil {
			return 0, fmt.Errorf("toolward: %w", err)
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
	fmt.Printf("| %s %s | %d | %.0f | %.0f | %.2f | %.2f | %.2f | %.2f | %.2f | %.2f | %.0f | %.0f | %.2f |\n", kib(size), m, conns,
		med(func(b, _ figures) float64 { return b.rps }), med(func(_, g figures) float64 { return g.rps }), med(func(b, g figures) float64 { return g.rps / b.rps }),
		med(func(b, _ figures) float64 { return b.p50 }), med(func(_, g figures) float64 { return g.p50 }),
		med(func(b, _ figures) float64 { return b.p99 }), med(func(_, g figures) float64 { return g.p99 }), med(func(b, g figures) float64 { return g.p99 / b.p99 }),
		med(func(b, _ figures) float64 { return b.cpu }), med(func(_, g figures) float64 { return g.cpu }), med(func(b, g figures) float64 { return g.cpu / b.cpu }))
	return med(func(_, g figures) float64 { return g.cpu }), nil
}

func kib(n int) string { return strconv.Itoa(n/1024) + " KiB" }
