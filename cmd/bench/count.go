package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
)

// count counts what a call takes of the gateway, and prints a row for each
// surface, size and number of connections.
func (p plan) count(ctx context.Context) error {
	fmt.Printf("%s; %d calls a row; counts per call of the gateway's process\n\n", machine(), p.calls)
	fmt.Println("| payload | policy | surface | connections | user instructions | system calls | allocations | bytes allocated |")
	fmt.Println("| --- | --- | --- | --- | --- | --- | --- | --- |")
	var notes, parts []string
	note := func(err error) {
		if !slices.Contains(notes, err.Error()) {
			notes = append(notes, err.Error())
		}
	}
	for _, c := range p.cells([]mode{session, rest}) {
		memory, kernel, err := p.countNative(ctx, c)
		if err != nil {
			return err
		}
		if kernel.err != nil {
			note(kernel.err)
		}
		instructions := kernel.instructions
		if instructions == "" {
			by, err := p.instructions(ctx, c)
			switch {
			case errors.Is(err, errNoCounter):
				note(err)
				instructions = "–"
			case err != nil:
				return err
			default:
				instructions = strconv.FormatInt(by.total(), 10)
				parts = append(parts, fmt.Sprintf("%s: %s", c, by))
				parts = append(parts, by.most(p.functions)...)
			}
		}
		fmt.Printf("| %s %s | %s | %s | %d | %s | %s | %.1f | %.0f |\n", kib(c.size), c.kind, c.policy, c.mode, c.conns, instructions, kernel.calls, memory.mallocs, memory.bytes)
	}
	if len(parts) > 0 {
		fmt.Println("\nthousands of instructions by part, of valgrind's processor, which hashes SHA-256 without instructions of its own:")
	}
	for _, line := range append(parts, notes...) {
		fmt.Println("  " + line)
	}
	return nil
}

// send makes a number of calls over the connections, one under way on each.
func send(conns []*conn, calls int) error {
	var left atomic.Int64
	left.Store(int64(calls))
	var timing atomic.Bool
	var wg sync.WaitGroup
	errs := make([]error, len(conns))
	for i, c := range conns {
		wg.Go(func() {
			for left.Add(-1) >= 0 && errs[i] == nil {
				errs[i] = c.call(&timing)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// warm is how many calls fill what is remembered before others are counted.
const warm = 200

// kernel is what the kernel counted of a call.
type kernel struct {
	calls        string
	instructions string // "" if the processor's counter is out of reach
	err          error  // why something is missing
}

// allocated is what a call allocated.
type allocated struct{ mallocs, bytes float64 }

// countNative counts what can be counted of a gateway that runs as ever.
func (p plan) countNative(ctx context.Context, c cell) (memory allocated, k kernel, err error) {
	addrs, err := freeAddrs(1)
	if err != nil {
		return memory, k, err
	}
	lab, err := p.newLab(ctx, addrs[0], c.policy)
	if err != nil {
		return memory, k, err
	}
	defer lab.close()
	conns, err := c.dial(lab)
	defer hangUp(conns)
	if err != nil {
		return memory, k, err
	}
	if err := send(conns, warm); err != nil {
		return memory, k, err
	}
	before, err := readMemory(ctx, addrs[0])
	if err != nil {
		return memory, k, err
	}
	if err := send(conns, p.calls); err != nil {
		return memory, k, err
	}
	after, err := readMemory(ctx, addrs[0])
	if err != nil {
		return memory, k, err
	}
	calls := float64(p.calls)
	memory = allocated{(after.mallocs - before.mallocs) / calls, (after.bytes - before.bytes) / calls}
	k, err = perfStat(ctx, lab.gateway.Process.Pid, p.calls, func() error { return send(conns, p.calls) })
	return memory, k, err
}

var memoryLine = regexp.MustCompile(`(?m)^# (Mallocs|TotalAlloc) = (\d+)$`)

// readMemory reads what the gateway has allocated since it was started, from its
// profiles.
func readMemory(ctx context.Context, addr string) (a allocated, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/debug/pprof/allocs?debug=1", nil)
	if err != nil {
		return a, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return a, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return a, err
	}
	for _, m := range memoryLine.FindAllSubmatch(text, -1) {
		v, err := strconv.ParseFloat(string(m[2]), 64)
		if err != nil {
			return a, err
		}
		if string(m[1]) == "Mallocs" {
			a.mallocs = v
		} else {
			a.bytes = v
		}
	}
	if a == (allocated{}) {
		return a, errors.New("the gateway's profile of allocations does not say how many there were")
	}
	return a, nil
}

// instructions counts with valgrind: the difference of two runs that differ in
// the number of calls alone.
func (p plan) instructions(ctx context.Context, c cell) (byFunction, error) {
	few, err := p.underValgrind(ctx, c, warm)
	if err != nil {
		return nil, err
	}
	many, err := p.underValgrind(ctx, c, warm+p.calls)
	if err != nil {
		return nil, err
	}
	return many.since(few, p.calls), nil
}

func (p plan) underValgrind(ctx context.Context, c cell, calls int) (byFunction, error) {
	under, err := cachegrind()
	if err != nil {
		return nil, err
	}
	lab, err := p.newLab(ctx, "", c.policy, under...)
	if err != nil {
		return nil, err
	}
	defer lab.close()
	conns, err := c.dial(lab)
	defer hangUp(conns)
	if err != nil {
		return nil, err
	}
	for range 10 { // the first decision takes longer than policy may, at that speed
		if err = send(conns[:1], 1); err == nil {
			err = send(conns, calls)
			break
		}
	}
	if err != nil {
		return nil, err
	}
	lab.stop()
	return readCachegrind(filepath.Join(lab.dir, countFile))
}
