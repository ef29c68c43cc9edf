//go:build e2e

package attacks

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"toolward/e2e/lab"
)

// TestHostileUpstream calls tools of a server that breaks the protocol in each
// way that is known, over HTTP and as a process: the agent gets a reason, the
// outcome is on record, and memory stays bounded.
func TestHostileUpstream(t *testing.T) {
	p := lab.NewProcess(t)
	u := lab.NewUpstream(t)
	g := lab.Start(t, lab.Options{Upstream: u, Config: map[string]any{"upstreams": map[string]any{
		"lab":  map[string]any{"url": u.URL(), "timeout": "1s", "response": "1MiB"},
		"proc": with(p.Config(), "timeout", "1s", "response", "1MiB"),
	}}})
	for _, tt := range []struct {
		tool      string
		codes     string // what it may be refused with over HTTP; "" if it is answered
		asProcess string // and as a process; "-" if there is no such attack
	}{
		{"hang", "upstream_timeout", "upstream_timeout"},
		{"hang_in_the_answer", "upstream_timeout", "-"},
		{"die", "upstream_down", "upstream_down"},
		{"die_in_the_answer", "upstream_down upstream_invalid", "upstream_down upstream_invalid"},
		{"die_in_a_stream", "upstream_down upstream_invalid", "-"},
		{"html", "upstream_invalid", "-"},
		{"truncated", "upstream_invalid", "upstream_timeout upstream_invalid upstream_down"},
		{"not_utf8", "", "-"},
		{"says_it_twice", "upstream_invalid", "-"},
		{"other_id", "upstream_invalid upstream_timeout", "upstream_timeout"},
		{"endless", "upstream_invalid", "upstream_invalid upstream_down"},
		{"endless_stream", "upstream_invalid upstream_timeout", "-"},
		{"bomb", "upstream_invalid", "-"},
		{"chatter", "", ""},
	} {
		t.Run(tt.tool, func(t *testing.T) {
			marker := lab.Marker()
			waitServed(t, g, "lab")
			checkUpstreamFault(t, g, "lab", tt.tool, marker, tt.codes)
			if u.Executed(marker) != 1 {
				t.Errorf("the upstream executed the call %d times", u.Executed(marker))
			}
		})
		if tt.asProcess == "-" {
			continue
		}
		t.Run(tt.tool+" as a process", func(t *testing.T) {
			marker := lab.Marker()
			waitServed(t, g, "proc")
			checkUpstreamFault(t, g, "proc", tt.tool, marker, tt.asProcess)
			if n := strings.Count(p.Ledger(t), tt.tool+" "+lab.Text(marker)); n != 1 {
				t.Errorf("the process executed the call %d times", n)
			}
		})
	}
	waitServed(t, g, "lab")
	if mib := peak(t, g.Pid()); mib > 512 {
		t.Errorf("the gateway took %d MiB at its peak", mib)
	}
	g.CheckAlive(t)
}

// call calls a tool of any server.
func call(t *testing.T, g *lab.Gateway, server, tool, text string) lab.Answer {
	t.Helper()
	return lab.CallREST(t, g, g.Tester(), server+"__"+tool, lab.Text(text))
}

// waitServed waits until a server's good tool works: after a death it is started
// again, and after several failures its breaker is open for a while.
func waitServed(t *testing.T, g *lab.Gateway, server string) {
	t.Helper()
	g.Until(t, server+" does not come back", func() bool {
		return call(t, g, server, "echo", "are you there?").Code == ""
	})
}

func checkUpstreamFault(t *testing.T, g *lab.Gateway, server, tool, marker, codes string) {
	t.Helper()
	a := call(t, g, server, tool, marker)
	if codes == "" && a.Code != "" || codes != "" && !slices.Contains(strings.Fields(codes), a.Code) {
		t.Errorf("got %q, want %q: %.300s", a.Code, codes, a.Text)
	}
	row := g.Recorded(t, "", a.ID)
	want := "failed"
	switch a.Code {
	case "":
		want = "ok"
	case "upstream_timeout":
		want = "timeout"
	}
	if row["outcome"] != want {
		t.Errorf("the record says %v, want %s", row["outcome"], want)
	}
}

func with(m map[string]any, pairs ...any) map[string]any {
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i].(string)] = pairs[i+1]
	}
	return m
}

var peakLine = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// peak is the most memory that a process had, in MiB.
func peak(t *testing.T, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	kib, err := strconv.Atoi(peakLine.FindStringSubmatch(string(b))[1])
	if err != nil {
		t.Fatal(err)
	}
	return kib >> 10
}

// TestTwoUpstreamsWithOneName offers the same tool twice: both are listed, and
// each name leads to its own server.
func TestTwoUpstreamsWithOneName(t *testing.T) {
	first, second := lab.NewUpstream(t), lab.NewUpstream(t)
	g := lab.Start(t, lab.Options{Upstream: first, Config: map[string]any{"upstreams": map[string]any{
		"lab":   map[string]any{"url": first.URL()},
		"other": map[string]any{"url": second.URL()},
	}}})
	one, two := lab.Marker(), lab.Marker()
	call(t, g, "lab", "echo", one)
	call(t, g, "other", "echo", two)
	if first.Executed(one) != 1 || first.Executed(two) != 0 || second.Executed(one) != 0 || second.Executed(two) != 1 {
		t.Errorf("calls went astray: %v and %v", first.Ledger(), second.Ledger())
	}
	names := lab.REST.List(t, g, g.Tester())
	if !slices.Contains(names, "echo") || !slices.Contains(names, "other__echo") {
		t.Errorf("got %q", names)
	}
	g.CheckAlive(t)
}

// TestUpstreamIsGone calls a tool of a server that was there at the start: 502.
func TestUpstreamIsGone(t *testing.T) {
	gone, u := lab.NewUpstream(t), lab.NewUpstream(t)
	g := lab.Start(t, lab.Options{Upstream: u, Config: map[string]any{"upstreams": map[string]any{
		"lab":  map[string]any{"url": u.URL()},
		"gone": map[string]any{"url": gone.URL()},
	}}})
	if a := call(t, g, "gone", "echo", "there"); a.Code != "" {
		t.Fatalf("got %+v", a)
	}
	gone.Close()
	a := call(t, g, "gone", "echo", "gone")
	if a.Status != 502 || a.Code != "upstream_down" {
		t.Errorf("got %+v, want 502", a)
	}
	g.Recorded(t, "", a.ID)
	g.CheckAlive(t)
}
