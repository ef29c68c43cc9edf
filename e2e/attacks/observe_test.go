//go:build e2e

package attacks

import (
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"toolward/e2e/lab"
)

// TestMetricsThatAreNamedExist holds the alerting rules, the dashboard and the
// manual against what a running gateway serves: names and labels.
func TestMetricsThatAreNamedExist(t *testing.T) {
	g := lab.Start(t, lab.Options{})
	lab.REST.Call(t, g, g.Tester(), "secretive", lab.Text("x")) // for a finding
	resp, err := http.Get(g.URL + "/metrics")
	must(t, err)
	served, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	must(t, err)
	labels := map[string]string{} // by name, all that stand in its braces
	for line := range strings.Lines(string(served)) {
		if name, _, ok := strings.Cut(line, " "); ok && strings.HasPrefix(name, "toolward_") {
			name, braces, _ := strings.Cut(name, "{")
			labels[name] += "," + braces
		}
	}
	named := regexp.MustCompile(`(toolward_[a-z_]+)(?:\{([^}]*)\})?`)
	label := regexp.MustCompile(`([a-z_]+)\s*(?:=~|!~|!=|=|,|$)`)
	for _, path := range []string{"../../examples/observe/alerts.yaml", "../../examples/observe/dashboard.json", "../../docs/operations.md"} {
		text, err := os.ReadFile(path)
		must(t, err)
		found := named.FindAllStringSubmatch(strings.ReplaceAll(string(text), `\"`, `"`), -1)
		if len(found) < 10 {
			t.Errorf("%s names %d metrics", path, len(found))
		}
		for _, m := range found {
			have, ok := labels[m[1]]
			if !ok {
				have, ok = labels[m[1]+"_count"] // a histogram
			}
			if !ok {
				t.Errorf("%s names %s, which is not served", path, m[1])
				continue
			}
			for _, l := range label.FindAllStringSubmatch(regexp.MustCompile(`"[^"]*"`).ReplaceAllString(m[2], ""), -1) {
				if !strings.Contains(have, l[1]+"=") {
					t.Errorf("%s: %s has no label %s", path, m[1], l[1])
				}
			}
		}
	}
	names := string(served)
	for name := range labels {
		base := regexp.MustCompile(`_(count|sum|bucket)$`).ReplaceAllString(name, "")
		manual, err := os.ReadFile("../../docs/operations.md")
		must(t, err)
		if !strings.Contains(string(manual), base) {
			t.Errorf("docs/operations.md does not name %s", base)
		}
	}
	if !strings.Contains(names, `outcome="ok"`) {
		t.Error("no call is counted: the test proves little")
	}
}
