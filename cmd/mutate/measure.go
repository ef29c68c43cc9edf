package main

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/tools/go/packages"
)

//go:embed switches.go.txt
var switches string

// suite is a test binary that has the changes, and what its tests do.
type suite struct {
	dir    string // of the package, where its tests run
	binary string
	scrap  string
	tests  []test
	quiet  []string // flags that keep tests from leaving files behind
}

// test is one test, as it ran without a change.
type test struct {
	name  string
	took  time.Duration
	seen  map[int]bool // changes that it comes by
	sound bool         // it passes
}

// measure makes the changes to a package and runs its tests.
func measure(p *packages.Package, sample int, seedOf uint64) (*result, error) {
	scrap, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(scrap) //nolint:errcheck // a leftover of nobody's
	s := &suite{dir: p.Dir, binary: filepath.Join(scrap, "mutated.test"), scrap: scrap}
	mutants, err := s.build(p)
	if err != nil {
		return nil, err
	}
	if err := s.trial(); err != nil {
		return nil, err
	}
	if sample > 0 && sample < len(mutants) {
		rand.New(rand.NewPCG(seedOf, 0)).Shuffle(len(mutants), func(i, j int) { mutants[i], mutants[j] = mutants[j], mutants[i] })
		mutants = mutants[:sample]
		slices.SortFunc(mutants, func(a, b *mutant) int { return a.id - b.id })
	}
	r := &result{}
	for i, m := range mutants {
		switch noticed, seen := s.notices(m); {
		case noticed:
			r.noticed++
		case seen:
			r.survived = append(r.survived, m)
		default:
			r.unseen = append(r.unseen, m)
		}
		if i%100 == 99 {
			log.Printf("%s: %d of %d changes", p.PkgPath, i+1, len(mutants))
		}
	}
	return r, nil
}

// build builds the test binary. Changes that do not compile are left out line by
// line: it is for the compiler to say what constants and untyped operands forbid.
func (s *suite) build(p *packages.Package) ([]*mutant, error) {
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	var mutants []*mutant
	for i, f := range p.Syntax {
		path, text, some, err := seed(p, f, len(mutants)+1)
		if err != nil {
			return nil, err
		}
		mutants = append(mutants, some...)
		overlay.Replace[path] = filepath.Join(s.scrap, fmt.Sprintf("%d.go", i))
		if err := os.WriteFile(overlay.Replace[path], []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	more := filepath.Join(s.scrap, "switches.go")
	overlay.Replace[filepath.Join(p.Dir, "mutant_switches.go")] = more
	text := strings.NewReplacer("PACKAGE", p.Name, "COUNT", strconv.Itoa(len(mutants)+1)).Replace(switches)
	list, err := json.Marshal(overlay)
	if err != nil {
		return nil, err
	}
	at := filepath.Join(s.scrap, "overlay.json")
	if err := errors.Join(os.WriteFile(more, []byte(text), 0o600), os.WriteFile(at, list, 0o600)); err != nil {
		return nil, err
	}
	out, err := exec.Command("go", "test", "-c", "-vet=off", "-overlay", at, "-o", s.binary, p.PkgPath).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, out)
	}
	return mutants, nil
}

// trial runs each test without a change.
func (s *suite) trial() error {
	out, err := s.run(context.Background(), nil, "-test.list", ".")
	if err != nil {
		return fmt.Errorf("list tests: %w\n%s", err, out)
	}
	if help, _ := s.run(context.Background(), nil, "-help"); strings.Contains(string(help), "rapid.nofailfile") {
		s.quiet = []string{"-rapid.nofailfile"}
	}
	for name := range strings.Lines(string(out)) {
		t := test{name: strings.TrimSpace(name), seen: map[int]bool{}}
		if !strings.HasPrefix(t.name, "Test") && !strings.HasPrefix(t.name, "Fuzz") && !strings.HasPrefix(t.name, "Example") {
			continue
		}
		seen := filepath.Join(s.scrap, "seen")
		start := time.Now()
		out, err := s.run(context.Background(), []string{"TOOLWARD_MUTANTS_SEEN=" + seen}, "-test.run", only(t.name))
		t.took, t.sound = time.Since(start), err == nil
		if !t.sound {
			log.Printf("%s fails without a change, and is left out: %s", t.name, lastLine(out))
		}
		ids, _ := os.ReadFile(seen) // not there: it comes by none
		for id := range strings.FieldsSeq(string(ids)) {
			if n, err := strconv.Atoi(id); err == nil {
				t.seen[n] = true
			}
		}
		if err := os.Remove(seen); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		s.tests = append(s.tests, t)
	}
	slices.SortStableFunc(s.tests, func(a, b test) int { return int(a.took - b.took) })
	return nil
}

// notices runs the tests that come by a change, quick ones first, each for at most
// ten times as long as without it.
func (s *suite) notices(m *mutant) (noticed, seen bool) {
	for _, t := range s.tests {
		if !t.sound || !t.seen[m.id] {
			continue
		}
		seen = true
		ctx, end := context.WithTimeout(context.Background(), 10*t.took+20*time.Second)
		_, err := s.run(ctx, []string{"TOOLWARD_MUTANT=" + strconv.Itoa(m.id)}, "-test.run", only(t.name), "-test.failfast")
		end()
		if err != nil {
			return true, true
		}
	}
	return false, seen
}

// run runs the binary as `go test` would.
func (s *suite) run(ctx context.Context, env []string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, s.binary, append(args, s.quiet...)...)
	cmd.Dir, cmd.Env, cmd.WaitDelay = s.dir, append(os.Environ(), env...), time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.Bytes(), err
}

func only(name string) string { return "^" + regexp.QuoteMeta(name) + "$" }

func lastLine(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}
