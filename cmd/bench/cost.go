package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/cpu"
)

// What costs are counted of. Instructions are those of user mode without the parts that
// differ from run to run or from machine to machine: Go's runtime, which waits and collects, and SHA-256,
// for which processors have instructions of their own and valgrind's has none; of whole calls, those of the
// gateway's own packages.
//
// One connection, one processor and no collector: what is left differs by less than a
// percent between runs. The texts are of a folder that does not change with the program.
const (
	costTexts = "cmd/bench/testdata/cost"
	allowed   = 1.03 // more than so many times the committed figure is a fault
)

// uncounted are the parts that are left out, and clocked those that are of whole calls: they
// have in them what the gateway does by the clock (its configuration is read again, the
// database kept in order), which is more for each call the slower the machine is.
var (
	uncounted = []string{"runtime", "SHA-256"}
	clocked   = []string{"other Go", "sqlite and libc", "sqlite's driver", "config"}
)

// figure is what one thing costs.
type figure struct {
	Instructions int64            `json:"instructions"`
	Allocations  float64          `json:"allocations"`
	Parts        map[string]int64 `json:"parts"` // of the instructions
}

// costs are what a file of figures holds, and what is counted anew.
type costs struct {
	Go      string            `json:"go"`
	Figures map[string]figure `json:"figures"`
}

// errCost is what is over the committed figures.
var errCost = errors.New("it costs more than the committed figures allow")

// cost counts what calls and guard cost, and holds it against a file of figures, or
// writes that.
func (p plan) cost(ctx context.Context, file string, update bool) error {
	if _, err := exec.LookPath("valgrind"); err != nil {
		return errors.New("costs are counted by valgrind, which is not on the PATH")
	}
	if !cpu.X86.HasAVX2 {
		fmt.Println("not run: this processor has no AVX2, so the program takes other roads than the one whose figures are committed")
		return nil
	}
	var err error
	if p.binary, err = filepath.Abs(p.binary); err != nil {
		return err
	}
	if file, err = filepath.Abs(file); err != nil {
		return err
	}
	if err := os.Chdir(costTexts); err != nil { // this process and the upstream's take their texts from where they are
		return err
	}
	now, err := p.countAll(ctx)
	if err != nil {
		return err
	}
	if update {
		text, err := json.MarshalIndent(now, "", "\t")
		if err != nil {
			return err
		}
		fmt.Println(now.table(now))
		return os.WriteFile(file, append(text, '\n'), 0o644)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var before costs
	if err := json.Unmarshal(text, &before); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	grown := now.grown(before)
	if len(grown) > 0 { // a busy machine adds allocations, and never takes any away
		fmt.Printf("counted again, for %d figures over what is allowed\n", len(grown))
		again, err := p.countAll(ctx)
		if err != nil {
			return err
		}
		now.least(again)
		grown = now.grown(before)
	}
	fmt.Println(now.table(before))
	for _, line := range grown {
		fmt.Println(line)
	}
	if len(grown) > 0 {
		return errCost
	}
	return nil
}

// least takes from again the figures that are lower there.
func (c costs) least(again costs) {
	for name, now := range c.Figures {
		other := again.Figures[name]
		if other.Instructions < now.Instructions {
			now.Instructions, now.Parts = other.Instructions, other.Parts
		}
		now.Allocations = min(now.Allocations, other.Allocations)
		c.Figures[name] = now
	}
}

// grown are the figures that are over what is allowed, each with the parts that it grew in.
func (c costs) grown(before costs) (lines []string) {
	for _, name := range slices.Sorted(maps.Keys(c.Figures)) {
		now, was := c.Figures[name], before.Figures[name]
		if was.Instructions == 0 {
			lines = append(lines, name+": there is no figure of it")
			continue
		}
		if float64(now.Instructions) > float64(was.Instructions)*allowed {
			lines = append(lines, fmt.Sprintf("%s: %d instructions, %s: %s", name, now.Instructions, percent(now.Instructions, was.Instructions), where(now.Parts, was.Parts)))
		}
		if now.Allocations > max(was.Allocations*allowed, was.Allocations+1) {
			lines = append(lines, fmt.Sprintf("%s: %.1f allocations, %.1f before", name, now.Allocations, was.Allocations))
		}
	}
	return lines
}

// where names the parts that grew by a hundredth of them or more, the largest first.
func where(now, was map[string]int64) string {
	all := 0.01
	for _, n := range was {
		all += 0.01 * float64(n)
	}
	parts := slices.DeleteFunc(slices.Sorted(maps.Keys(now)), func(name string) bool { return float64(now[name]-was[name]) < all })
	slices.SortStableFunc(parts, func(a, b string) int { return int(now[b] - was[b] - now[a] + was[a]) })
	for i, name := range parts {
		parts[i] = fmt.Sprintf("%s +%d", name, now[name]-was[name])
	}
	return strings.Join(parts, ", ")
}

// table are all figures beside those of before.
func (c costs) table(before costs) string {
	var b strings.Builder
	fmt.Fprintf(&b, "instructions without %s, of calls without %s too, and allocations; %s, the committed ones of %s\n\n",
		strings.Join(uncounted, ", "), strings.Join(clocked, ", "), c.Go, before.Go)
	b.WriteString("| | instructions | committed | | allocations | committed |\n| --- | ---: | ---: | ---: | ---: | ---: |\n")
	for _, name := range slices.Sorted(maps.Keys(c.Figures)) {
		now, was := c.Figures[name], before.Figures[name]
		fmt.Fprintf(&b, "| %s | %d | %d | %s | %.1f | %.1f |\n", name, now.Instructions, was.Instructions, percent(now.Instructions, was.Instructions), now.Allocations, was.Allocations)
	}
	return b.String()
}

func percent(now, was int64) string {
	if was == 0 {
		return "new"
	}
	return fmt.Sprintf("%+.1f %%", 100*(float64(now)/float64(was)-1))
}
