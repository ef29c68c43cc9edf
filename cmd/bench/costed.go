package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
)

// steady is the environment in which counts repeat.
var steady = []string{"env", "GOMAXPROCS=1", "GOGC=off", "GOMEMLIMIT=off"}

// counted is one thing of which the cost is counted: calls of a cell, or KiB that guard
// alone reads.
type counted struct {
	name string
	cell cell
	side string // of guard alone: "args" or "result"; "" for calls
	n    int    // how many are counted
}

// scannedKiB is how much guard alone reads: each text of a kind once.
const scannedKiB = variants

// toCount are calls of each kind and size, and guard alone.
func toCount() (all []counted) {
	for _, kind := range allKinds {
		for _, size := range []struct{ bytes, calls int }{{1 << 10, variants}, {64 << 10, 4}} {
			all = append(all, counted{name: "a call of " + kib(size.bytes) + ", " + kind, cell: cell{session, kind, size.bytes, conditions, 1}, n: size.calls})
		}
		for _, side := range []string{"args", "result"} {
			all = append(all, counted{name: "a KiB of guard, " + side + ", " + kind, cell: cell{kind: kind, size: 1 << 10}, side: side, n: scannedKiB})
		}
	}
	return all
}

// countAll counts everything. Under valgrind a thing is the difference of two runs that
// differ in it alone: what comes before it is run once, without it.
func (p plan) countAll(ctx context.Context) (costs, error) {
	c := costs{Go: runtime.Version(), Figures: map[string]figure{}}
	all := toCount()
	runs := append([]counted{{}, {cell: cell{kind: proseKind}, side: "args"}}, all...)
	counts := make([]byFunction, len(runs))
	errs := make([]error, len(runs))
	var wg sync.WaitGroup
	next := make(chan int)
	for range runtime.NumCPU() {
		wg.Go(func() {
			for i := range next {
				if runs[i].side != "" {
					counts[i], errs[i] = p.scanUnderValgrind(ctx, runs[i])
				} else {
					counts[i], errs[i] = p.callsUnderValgrind(ctx, runs[i])
				}
			}
		})
	}
	for i := range runs {
		next <- i
	}
	close(next)
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return c, err
	}
	allocations, err := p.allocations(ctx, all)
	if err != nil {
		return c, err
	}
	for i, thing := range all {
		without, leave := counts[0], append(clocked[:len(clocked):len(clocked)], uncounted...)
		if thing.side != "" {
			without, leave = counts[1], uncounted
		}
		f := figureOf(counts[i+2].since(without, thing.n), leave, allocations[thing.name])
		if f.Parts["guard"] == 0 { // and so Go's runtime was not left out
			return c, errors.New(thing.name + ": valgrind sees no names of functions; go run leaves them out, go build does not")
		}
		c.Figures[thing.name] = f
	}
	return c, nil
}

func figureOf(by byFunction, leave []string, allocations float64) figure {
	f := figure{Allocations: allocations, Parts: map[string]int64{}}
	for function, n := range by {
		f.Parts[part(function)] += n
	}
	for _, name := range leave {
		delete(f.Parts, name)
	}
	for _, n := range f.Parts {
		f.Instructions += n
	}
	return f
}

// before are the calls that come before those that are counted: they fill what is
// remembered and make what is made once.
var before = []cell{{session, mixedKind, 1 << 10, conditions, 1}, {session, proseKind, 64 << 10, conditions, 1}}

// callsUnderValgrind counts a gateway that is started, gets the calls of before, and those of
// one thing, if there is one.
func (p plan) callsUnderValgrind(ctx context.Context, thing counted) (byFunction, error) {
	under, err := cachegrind()
	if err != nil {
		return nil, err
	}
	lab, err := p.newLab(ctx, "", conditions, append(append([]string{}, steady...), under...)...)
	if err != nil {
		return nil, err
	}
	defer lab.close()
	if err := prepare(lab); err != nil {
		return nil, err
	}
	if thing.n > 0 {
		if err := thing.cell.times(lab, thing.n); err != nil {
			return nil, fmt.Errorf("%s: %w", thing.name, err)
		}
	}
	lab.stop()
	return readCachegrind(filepath.Join(lab.dir, countFile))
}

// prepare makes the calls of before.
func prepare(lab *lab) error {
	for range 10 { // the first decision takes longer than policy may, at that speed
		if err := before[0].times(lab, 1); err == nil {
			break
		}
	}
	return errors.Join(before[0].times(lab, variants), before[1].times(lab, 1))
}

// times makes calls of a cell in a session of their own.
func (c cell) times(lab *lab, n int) error {
	conns, err := c.dial(lab)
	defer hangUp(conns)
	if err != nil {
		return err
	}
	return send(conns, n)
}

// scanUnderValgrind counts guard alone, in a process that reads texts of all kinds first.
func (p plan) scanUnderValgrind(ctx context.Context, thing counted) (byFunction, error) {
	under, err := cachegrind()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "toolward-cost")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if err := scanApart(ctx, dir, thing, under...); err != nil {
		return nil, err
	}
	return readCachegrind(filepath.Join(dir, countFile))
}

// scanApart runs guard alone in a process of its own, which prints what it allocated.
func scanApart(ctx context.Context, dir string, thing counted, under ...string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	run := append(append(append([]string{}, steady...), under...), self, "scan", root, thing.cell.kind, thing.side, strconv.Itoa(thing.n))
	cmd := exec.CommandContext(ctx, run[0], run[1:]...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("guard alone, %s: %w: %s", thing.name, err, out)
	}
	return os.WriteFile(filepath.Join(dir, allocatedFile), out, 0o600)
}

// allocatedFile is what scanApart leaves.
const allocatedFile = "allocated"

// allocations are counted without valgrind: of one gateway, and of guard alone.
func (p plan) allocations(ctx context.Context, all []counted) (map[string]float64, error) {
	profile, err := freeAddrs(1)
	if err != nil {
		return nil, err
	}
	lab, err := p.newLab(ctx, profile[0], conditions, steady...)
	if err != nil {
		return nil, err
	}
	defer lab.close()
	if err := prepare(lab); err != nil {
		return nil, err
	}
	each := map[string]float64{}
	for _, thing := range all {
		if thing.side == "" {
			each[thing.name], err = thing.allocated(ctx, lab, profile[0])
		} else {
			each[thing.name], err = thing.allocatedApart(ctx)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", thing.name, err)
		}
	}
	return each, nil
}

// allocated counts calls of a thing, eight times as many as under valgrind, without what it
// takes to ask.
func (c counted) allocated(ctx context.Context, lab *lab, profile string) (float64, error) {
	conns, err := c.cell.dial(lab)
	defer hangUp(conns)
	if err != nil {
		return 0, err
	}
	if err := send(conns, len(allKinds)); err != nil {
		return 0, err
	}
	var at [3]allocated
	for i := range at {
		if at[i], err = readMemory(ctx, profile); err != nil {
			return 0, err
		}
		if i == 1 {
			if err := send(conns, 8*c.n); err != nil {
				return 0, err
			}
		}
	}
	asking := at[1].mallocs - at[0].mallocs
	return (at[2].mallocs - at[1].mallocs - asking) / float64(8*c.n), nil
}

// allocatedApart counts guard alone.
func (c counted) allocatedApart(ctx context.Context) (float64, error) {
	dir, err := os.MkdirTemp("", "toolward-cost")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	if err := scanApart(ctx, dir, c); err != nil {
		return 0, err
	}
	text, err := os.ReadFile(filepath.Join(dir, allocatedFile))
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseFloat(string(text), 64)
	return n / float64(c.n), err
}
