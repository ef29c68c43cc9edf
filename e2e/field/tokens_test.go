//go:build e2e

package field

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"toolward/e2e/lab"
)

// What Claude Code's headersHelper gets is a JSON object of headers, alone on standard
// output, with a token that works; lives are said in days too, and what is too long
// says which command makes it.
func TestTokensForClientsThatAsk(t *testing.T) {
	g := lab.Start(t, lab.Options{Local: true})
	for _, ttl := range []string{"", "1d", "24h", "90m"} {
		args := []string{"token", "mint", "--subject", "claude", "--role", "tester", "--headers", "--config", "toolward.yaml"}
		if ttl != "" {
			args = append(args, "--ttl", ttl)
		}
		cmd := g.Command(args...)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("--ttl %s: %v", ttl, err)
		}
		headers := map[string]string{}
		if err := json.Unmarshal(out, &headers); err != nil || len(headers) != 1 || strings.Count(string(out), "\n") != 1 {
			t.Fatalf("%s: %v", out, err)
		}
		r := lab.NewRequest(t, g.URL+"/v1/tools/lab__echo/call", "", strings.NewReader(lab.Text("x")))
		for name, value := range headers {
			r.Header.Set(name, value)
		}
		if a := lab.Do(t, r); a.Status != http.StatusOK {
			t.Errorf("--ttl %s: %+v", ttl, a)
		}
	}
	for ttl, want := range map[string]string{"30d": "toolward token create", "2d": "toolward token create", "x": "is not a duration", "-1h": "is not a duration"} {
		if code, out := g.Run(t, "token", "mint", "--subject", "me", "--ttl", ttl, "--config", "toolward.yaml"); code != 2 || !strings.Contains(out, want) {
			t.Errorf("--ttl %s: %d %s", ttl, code, out)
		}
	}
	for _, args := range [][]string{{"block", "add", "--agent", "nobody", "--why", "x", "--for", "2d"}, {"audit", "stats", "--by", "agent", "--every", "1d"}} {
		if code, out := g.Run(t, append(args, "--config", "toolward.yaml")...); code != 0 {
			t.Errorf("%v: %d %s", args, code, out)
		}
	}
}
