//go:build e2e

package attacks

import (
	"fmt"
	"strings"
	"testing"

	"toolward/e2e/lab"
)

// An upstream whose definitions are all held back, and there are more of them than
// have an event of their own within an hour: those that have none are counted.
func TestDefinitionsWithoutEnd(t *testing.T) {
	const offered, most = 1500, 1000
	var all []string
	for i := range offered {
		all = append(all, fmt.Sprintf(`{"name":"t%d","inputSchema":{"type":"object"}}`, i))
	}
	up := lab.NewScripted(t, func(r lab.Request) string {
		if r.Method == "tools/list" {
			return `"result":{"tools":[` + strings.Join(all, ",") + `]}`
		}
		return ""
	})
	g := lab.Start(t, lab.Options{Config: map[string]any{
		"upstreams": map[string]any{"lab": up.Config()}, "pins": map[string]any{"strict": true},
	}})
	g.Until(t, "they are not on record", func() bool {
		return len(g.Rows(t, "", "SELECT 1 FROM events WHERE type = 'tool.quarantined'")) >= most
	})
	g.Run(t, "tools", "diff", "--config", "toolward.yaml") // has the lists read again, which tells nothing anew
	g.Stop(t)
	own := len(g.Rows(t, "", "SELECT 1 FROM events WHERE type = 'tool.quarantined'"))
	more := g.Rows(t, "", "SELECT body ->> '$.server' AS server, body ->> '$.n' AS n FROM events WHERE type = 'tool.quarantined_more'")
	if own != most || len(more) != 1 || more[0]["server"] != "lab" || fmt.Sprint(more[0]["n"]) != fmt.Sprint(offered-most) {
		t.Errorf("%d have an event of their own, and of the others there is %v", own, more)
	}
}
