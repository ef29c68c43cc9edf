//go:build e2e && linux

package lab

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Watched is what a gateway did to the files of its folder while it was watched, in the
// order of its system calls, as strace saw them: what was written, what was waited for
// until the disk had it, and what it said to whom in between. From that follows what a
// loss of power would have left at any moment ([Watched.At]).
//
// A write counts from when it ended, and a wait for what had been written when it began,
// so that what is said to be on the disk was there. Names of new files count once their
// folder was waited for. Writes are the only way that a file is changed here: where a
// gateway does it by another, [Gateway.Watch] fails.
type Watched struct {
	base map[string][]byte // the folder when the watch began, by name in it
	done []deed
}

// deed is one thing that the gateway did.
type deed struct {
	what  verb
	name  string // of the file, in the folder
	at    int64
	bytes []byte // written
	size  int64  // to be cut to
}

type verb uint8

const (
	writes verb = iota
	cuts
	creates
	asks // to be told when the disk has the file
	told // that it has what stood there when it was asked
	says // to somebody: over a connection
)

// Watch lets f use the gateway, and returns what that had it do to its files.
func (g *Gateway) Watch(t testing.TB, f func()) *Watched {
	t.Helper()
	trace := filepath.Join(t.TempDir(), "trace")
	tracer := exec.Command("strace", "-f", "-y", "-xx", "-s", "4000000", "-o", trace, "-p", strconv.Itoa(g.Pid()),
		"-e", "trace=openat,open,creat,write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,sendfile,copy_file_range,ftruncate,truncate,fallocate,fsync,fdatasync,sync_file_range,unlink,unlinkat,rename,renameat,renameat2")
	said, err := tracer.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := tracer.Start(); err != nil {
		t.Fatalf("strace, which this test needs: %v", err)
	}
	lines := bufio.NewScanner(said)
	for attached := false; !attached; attached = strings.Contains(lines.Text(), "attached") {
		if !lines.Scan() {
			t.Fatal("strace ended before it was attached")
		}
	}
	w := &Watched{base: files(t, g.Dir)}
	f()
	if err := tracer.Process.Signal(syscall.SIGINT); err != nil { // which has it detach
		t.Fatal(err)
	}
	for lines.Scan() { // what it says of threads
	}
	_ = tracer.Wait() // ends by the signal
	out, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := filepath.EvalSymlinks(g.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if w.done, err = deeds(string(out), dir); err != nil {
		t.Fatal(err)
	}
	return w
}

// files are the contents of a folder.
func files(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err == nil {
			all[name], err = os.ReadFile(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

var (
	// 812   pwrite64(11</srv/t/toolward.db-wal>, "\x37\x7f"..., 32, 0) = 32
	wholeCall = regexp.MustCompile(`^(\d+) +(\w+)\((.*)\) += (-?\d+)`)
	// 812   fdatasync(14</srv/t/toolward.db.journal.0> <unfinished ...>
	begunCall = regexp.MustCompile(`^(\d+) +(\w+)\((.*) <unfinished \.\.\.>$`)
	// 812   <... fdatasync resumed>)           = 0
	endedCall = regexp.MustCompile(`^(\d+) +<\.\.\. (\w+) resumed>(.*)\) += (-?\d+)`)
	onFile    = regexp.MustCompile(`^(\d+)<([^>]*)>(?:\(deleted\))?`)
	quoted    = regexp.MustCompile(`"((?:\\x[0-9a-f]{2})*)"`)
)

// deeds reads what strace wrote.
func deeds(trace, dir string) (all []deed, err error) {
	begun := map[string]string{} // what a thread is about to do
	appended := map[string]int64{}
	for line := range strings.Lines(trace) {
		line = strings.TrimRight(line, "\n")
		var name, args string
		var ret int64
		ended := true
		if m := begunCall.FindStringSubmatch(line); m != nil {
			begun[m[1]], name, args, ended = m[3], m[2], m[3], false
		} else if m := endedCall.FindStringSubmatch(line); m != nil {
			name, args = m[2], begun[m[1]]+m[3]
			ret, _ = strconv.ParseInt(m[4], 10, 64) // matched as a number
		} else if m := wholeCall.FindStringSubmatch(line); m != nil {
			name, args = m[2], m[3]
			ret, _ = strconv.ParseInt(m[4], 10, 64)
		} else {
			continue // signals, threads that end, what never ended
		}
		whole := wholeCall.MatchString(line)
		switch d, kept, err := deedOf(name, args, ret, dir, appended, ended); {
		case err != nil:
			return nil, fmt.Errorf("%w: %.300s", err, line)
		case !kept:
		case d.what == told && whole: // it began here, too
			all = append(all, deed{what: asks, name: d.name}, d)
		case d.what == says && ended && !whole: // said when it began
		default:
			all = append(all, d)
		}
	}
	return all, nil
}

// deedOf is one system call as a deed; kept is false for what changes no file of the folder.
func deedOf(name, args string, ret int64, dir string, appended map[string]int64, ended bool) (d deed, kept bool, err error) {
	on := onFile.FindStringSubmatch(args)
	if name == "openat" || name == "open" || name == "creat" {
		if !ended || ret < 0 || !strings.Contains(args, "O_CREAT") {
			return d, false, nil
		}
		path := text(args)
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		rel, inside := within(dir, path)
		return deed{what: creates, name: rel}, inside, nil
	}
	if on == nil {
		if _, inside := within(dir, text(args)); !inside {
			return d, false, nil
		}
		return d, ended && ret >= 0, fmt.Errorf("%s changes a file of the record", name)
	}
	path := unhex(on[2])
	rel, inside := within(dir, path)
	switch {
	case strings.HasPrefix(path, "socket:") || strings.HasPrefix(path, "TCP"):
		return deed{what: says, bytes: []byte(text(args))}, true, nil
	case !inside || strings.HasSuffix(rel, "-shm"): // which SQLite makes anew
		return d, false, nil
	case name == "fsync" || name == "fdatasync":
		if !ended {
			return deed{what: asks, name: rel}, true, nil
		}
		return deed{what: told, name: rel}, ret == 0, nil
	case !ended || ret < 0:
		return d, false, nil
	}
	numbers := regexp.MustCompile(`(\d+)`).FindAllString(args[strings.LastIndex(args, `"`)+1:], -1)
	number := func(i int) int64 {
		n, _ := strconv.ParseInt(numbers[i], 10, 64) // matched as a number
		return n
	}
	switch name {
	case "pwrite64":
		return deed{what: writes, name: rel, at: number(len(numbers) - 1), bytes: []byte(text(args))[:ret]}, true, nil
	case "write": // at the end: what is written otherwise is not by this
		return deed{what: writes, name: rel, at: -1, bytes: []byte(text(args))[:ret]}, true, nil
	case "ftruncate":
		numbers = regexp.MustCompile(`(\d+)`).FindAllString(args[len(on[0]):], -1)
		return deed{what: cuts, name: rel, size: number(0)}, true, nil
	}
	return d, false, fmt.Errorf("%s changes a file of the record", name)
}

// within is a path as a name in a folder, "." for the folder itself.
func within(dir, path string) (string, bool) {
	rel, err := filepath.Rel(dir, path)
	return rel, err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
}

// text is the first string among a call's arguments.
func text(args string) string {
	if m := quoted.FindStringSubmatch(args); m != nil {
		return unhex(m[1])
	}
	return ""
}

// unhex undoes strace's way to write bytes.
//
//	\x41\x42 is AB
func unhex(s string) string {
	if !strings.HasPrefix(s, `\x`) {
		return s
	}
	out := make([]byte, 0, len(s)/4)
	for i := 0; i+4 <= len(s); i += 4 {
		n, err := strconv.ParseUint(s[i+2:i+4], 16, 8)
		if err != nil {
			return s
		}
		out = append(out, byte(n))
	}
	return string(out)
}

// Said returns the moments at which something that holds a text was said to somebody, in
// order.
func (w *Watched) Said(text string) (moments []int) {
	for i := range w.done {
		if w.done[i].what == says && bytes.Contains(w.done[i].bytes, []byte(text)) {
			moments = append(moments, i)
		}
	}
	return moments
}

// At writes into a folder what a loss of power at a moment would have left there: all that
// the disk was known to have, and of what it was not, each write or not, the last of
// them perhaps in part, as random says. Nothing of it if random is nil.
func (w *Watched) At(t testing.TB, moment int, dir string, random *rand.Rand) {
	t.Helper()
	now := maps.Clone(w.base)        // what a program sees
	disk := maps.Clone(w.base)       // what is known to be on the disk
	open := map[string][]deed{}      // writes that are not
	asked := map[string][]int{}      // how many of them were there when it was asked, by who is not told yet
	unnamed := map[string]struct{}{} // files that are not in their folder yet
	for _, d := range w.done[:moment] {
		switch d.what {
		case creates:
			if _, ok := now[d.name]; !ok {
				now[d.name], unnamed[d.name] = []byte{}, struct{}{}
			}
		case writes, cuts:
			if d.at < 0 {
				d.at = int64(len(now[d.name]))
			}
			now[d.name] = d.on(now[d.name])
			open[d.name] = append(open[d.name], d)
		case asks:
			asked[d.name] = append(asked[d.name], len(open[d.name]))
		case told:
			if d.name == "." {
				clear(unnamed)
				continue
			}
			n := asked[d.name][0] // whoever is told, no less was meant
			for _, was := range open[d.name][:n] {
				disk[d.name] = was.on(disk[d.name])
			}
			open[d.name], asked[d.name] = open[d.name][n:], asked[d.name][1:]
			for i := range asked[d.name] {
				asked[d.name][i] = max(0, asked[d.name][i]-n)
			}
		}
	}
	if random != nil {
		clear(unnamed)
		for name, list := range open {
			for _, d := range list {
				if random.IntN(2) == 0 {
					continue
				}
				if d.what == writes && random.IntN(4) == 0 {
					d.bytes = d.bytes[:random.IntN(len(d.bytes)+1)]
				}
				disk[name] = d.on(disk[name])
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(disk)) {
		if _, missing := unnamed[name]; missing || strings.HasSuffix(name, "-shm") {
			continue
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, disk[name], 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// on is a file after the deed. It leaves the one before as it is.
func (d *deed) on(file []byte) []byte {
	if d.what == cuts {
		out := make([]byte, d.size)
		copy(out, file)
		return out
	}
	out := make([]byte, max(int64(len(file)), d.at+int64(len(d.bytes))))
	copy(out, file)
	copy(out[d.at:], d.bytes)
	return out
}
