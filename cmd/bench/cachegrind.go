package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
)

// errNoCounter says that instructions cannot be counted here.
var errNoCounter = errors.New("instructions are not counted: the processor's counters are out of perf's reach, and there is no valgrind on the PATH")

// countFile is what cachegrind writes, in the lab's folder.
const countFile = "cachegrind.out"

// cachegrind is the command that counts a process's instructions in user mode. It
// runs one thread at a time, at a fortieth of the speed, and in turn: else one that
// waits for another to sweep the heap, as at the start, can do so for a billion
// instructions, in one run and not in the next.
func cachegrind() ([]string, error) {
	valgrind, err := exec.LookPath("valgrind")
	if err != nil {
		return nil, errNoCounter
	}
	return []string{valgrind, "-q", "--tool=cachegrind", "--cache-sim=no", "--fair-sched=yes", "--cachegrind-out-file=" + countFile}, nil
}

// byFunction is a number of instructions by function.
type byFunction map[string]int64

// readCachegrind reads a file of cachegrind, of lines as
//
//	fn=toolward/gateway.(*Road).walk
//	212 1000
func readCachegrind(path string) (byFunction, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	all, function := byFunction{}, ""
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if name, ok := strings.CutPrefix(line, "fn="); ok {
			function = name
			continue
		}
		if line == "" || line[0] < '0' || line[0] > '9' {
			continue
		}
		fields := strings.Fields(line)
		if len(fields) != 2 {
			return nil, fmt.Errorf("%s: %q is not a line and a count", path, line)
		}
		n, err := strconv.ParseInt(fields[1], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		all[function] += n
	}
	return all, lines.Err()
}

// since is what was counted since another time, per call.
func (b byFunction) since(before byFunction, calls int) byFunction {
	diff := byFunction{}
	for f, n := range b {
		if more := (n - before[f]) / int64(calls); more != 0 {
			diff[f] = more
		}
	}
	return diff
}

func (b byFunction) total() (sum int64) {
	for _, n := range b {
		sum += n
	}
	return sum
}

// part is what a function belongs to: the package of toolward, "runtime", "sqlite
// and libc" of what is no Go, or "other Go".
func part(function string) string {
	switch {
	case !strings.ContainsAny(function, "./"):
		return "sqlite and libc"
	case strings.HasPrefix(function, "toolward/"):
		name := strings.TrimPrefix(function, "toolward/")
		return name[:strings.IndexAny(name, "/.")]
	case strings.HasPrefix(function, "runtime."), strings.HasPrefix(function, "internal/runtime"):
		return "runtime"
	case strings.Contains(function, "sha256"):
		return "SHA-256"
	case strings.Contains(function, "go-sqlite3"):
		return "sqlite's driver"
	case strings.HasPrefix(function, "net"), strings.HasPrefix(function, "bufio."), strings.HasPrefix(function, "internal/poll"):
		return "net"
	}
	return "other Go"
}

// String is the parts, the largest first, in thousands.
func (b byFunction) String() string {
	parts := map[string]int64{}
	for f, n := range b {
		parts[part(f)] += n
	}
	var names []string
	for name, n := range parts {
		if n >= 1000 {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(parts[b], parts[a]), cmp.Compare(a, b)) })
	var out []string
	for _, name := range names {
		out = append(out, fmt.Sprintf("%s %d", name, parts[name]/1000))
	}
	return strings.Join(out, ", ")
}

// most are the functions with the most instructions, a line each.
func (b byFunction) most(n int) (lines []string) {
	names := slices.SortedFunc(maps.Keys(b), func(x, y string) int { return cmp.Or(cmp.Compare(b[y], b[x]), cmp.Compare(x, y)) })
	for _, name := range names[:min(n, len(names))] {
		lines = append(lines, fmt.Sprintf("%9d %s", b[name], name))
	}
	return lines
}
