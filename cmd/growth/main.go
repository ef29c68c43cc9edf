// Growth counts what a scan of guard costs per KiB, and what the rest of the road
// does with a call's bytes (the strict parser, redaction, the record), by kind and
// size of text, and fails if that grows with the size. It counts the blocks of
// statements that run, in the gateway and in the parts of the standard library
// that it loops with: they
// are the same on every machine, however busy. The compiler puts the counters in
// for coverage:
//
//	make growth
//
// What it does not see are the loops of the standard library in assembly, such
// as strings.IndexByte; for those there is BenchmarkHostile in guard.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"runtime/coverage"
	"slices"
	"strings"
	"text/tabwriter"

	"toolward/gateway"
	"toolward/guard"
	"toolward/guard/guardtest"
)

func main() {
	log.SetFlags(0)
	root := flag.String("root", ".", "directory of the repository")
	factor := flag.Float64("factor", 1.5, "how many times as much a KiB of a larger text may cost")
	only := flag.String("kind", "", "the only kind of text")
	most := flag.Int("max", 256<<10, "the largest text, in bytes")
	flag.Parse()
	sizes := []int{16 << 10, 256 << 10}
	if *most > sizes[1] {
		sizes = append(sizes, *most)
	}
	grown, err := run(os.Stdout, *root, *only, sizes, *factor)
	if err != nil {
		log.Fatal(err)
	}
	if len(grown) > 0 {
		log.Fatalf("grows: %s", strings.Join(grown, ", "))
	}
}

// run prints the table, and returns what grew.
func run(out io.Writer, root, only string, sizes []int, factor float64) (grown []string, err error) {
	kinds, err := guardtest.Clean(root)
	if err != nil {
		return nil, err
	}
	scanner, err := guard.New(guard.Options{})
	if err != nil {
		return nil, err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	defer w.Flush()
	fmt.Fprint(w, "blocks per KiB of\t")
	for _, size := range sizes {
		fmt.Fprintf(w, "%d KiB\t", size>>10)
	}
	fmt.Fprintln(w)
	for _, k := range slices.Concat(kinds, guardtest.Hostile()) {
		if only != "" && k.Name != only {
			continue
		}
		for _, sent := range []bool{false, true} {
			name := k.Name + map[bool]string{false: ", returned", true: ", sent"}[sent]
			first := 0.0
			fmt.Fprintf(w, "%s\t", name)
			for _, size := range sizes {
				steps, n, err := scan(scanner, k, size, sent)
				if err != nil {
					return nil, err
				}
				each := float64(steps) / float64(n) * 1024
				if fmt.Fprintf(w, "%.0f\t", each); first == 0 {
					first = each
				}
				if each > factor*first {
					grown = append(grown, name)
				}
			}
			fmt.Fprintln(w)
		}
	}
	beside, err := runRoad(w, only, sizes, factor)
	return append(slices.Compact(grown), beside...), err
}

// runRoad is the same for the road beside guard.
func runRoad(w io.Writer, only string, sizes []int, factor float64) (grown []string, err error) {
	s, err := newSteps()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	for _, k := range slices.Concat(places, guardtest.Hostile()) {
		if only != "" && k.Name != only {
			continue
		}
		name, first := k.Name+", on the road", 0.0
		fmt.Fprintf(w, "%s\t", name)
		for _, size := range sizes {
			raw := `{"body":` + k.Make(size) + `}`
			findings := hidden(raw)
			n, err := count(func() error { return s.run(raw, findings) })
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			each := float64(n) / float64(len(raw)) * 1024
			if fmt.Fprintf(w, "%.0f\t", each); first == 0 {
				first = each
			}
			if each > factor*first {
				grown = append(grown, name)
			}
		}
		fmt.Fprintln(w)
	}
	return slices.Compact(grown), nil
}

// count is how many blocks f runs.
func count(f func() error) (uint64, error) {
	if err := coverage.ClearCounters(); err != nil {
		return 0, err
	}
	if err := f(); err != nil {
		return 0, err
	}
	var b bytes.Buffer
	if err := coverage.WriteCounters(&b); err != nil {
		return 0, err
	}
	return sum(b.Bytes())
}

// scan counts the blocks that one scan runs, and the bytes that it reads.
func scan(s *guard.Scanner, k guardtest.Kind, size int, sent bool) (steps uint64, n int, err error) {
	call := gateway.NewCall(gateway.SurfaceMCP, gateway.KindTool, "tools/call")
	call.Agent = &gateway.Agent{ID: "growth", Issuer: "https://id.example"}
	call.Tool = &gateway.Tool{Kind: gateway.KindTool, Server: "demo", Name: "fetch", Wire: "demo__fetch"}
	raw := `{"body":` + k.Make(size) + `}`
	call.Args, err = gateway.ParseArgs([]byte(raw))
	if err != nil {
		return 0, 0, err
	}
	call.Result = &gateway.Result{Raw: json.RawMessage(raw)}
	half := s.Result
	if sent {
		half = s.Request
	}
	steps, err = count(func() error {
		half(context.Background(), call) // a fault is an answer too: more than can be acted on
		return nil
	})
	return steps, len(raw), err
}

// sum adds up the counters of a snapshot of the coverage runtime
// (internal/coverage, version 1 of the format).
func sum(b []byte) (total uint64, err error) {
	const fileHeader, segmentHeader = 32, 16
	if len(b) < fileHeader+segmentHeader || string(b[:4]) != "\x00cwm" || word(b[4:]) != 1 {
		return 0, errors.New("not counters of a version that is known")
	}
	raw := b[24] == 1 // four bytes each, else LEB128
	functions := word(b[fileHeader:])
	at := fileHeader + segmentHeader + int(word(b[fileHeader+8:])+word(b[fileHeader+12:]))
	at = (at + 3) / 4 * 4
	next := func() (v uint32) {
		if raw {
			at += 4
			return word(b[at-4:])
		}
		for shift := 0; ; shift += 7 {
			at++
			if v |= uint32(b[at-1]&0x7f) << shift; b[at-1] < 0x80 {
				return v
			}
		}
	}
	for range functions {
		n := next()
		next() // package
		next() // function
		for range n {
			total += uint64(next())
		}
	}
	if total == 0 {
		return 0, errors.New("nothing was counted")
	}
	return total, nil
}

// word is the number of 32 bits that b starts with; the compiler's are
// little-endian wherever this is run.
func word(b []byte) uint32 {
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
}
