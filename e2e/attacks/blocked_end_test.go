//go:build e2e

package attacks

import (
	"bufio"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"toolward/e2e/lab"
)

// A block that ends by its time is told as a lift is: on every stream that waits,
// once when the block begins and once when it is over, and the list has the tool again.
func TestTheEndOfABlockIsToldOnEveryStream(t *testing.T) {
	g := lab.Start(t, lab.Options{})
	const changed = "notifications/tools/list_changed"
	brief := func(s *lab.Surface, kind, name string) {
		operator(t, g, s, "blocks", fmt.Sprintf(`{"kind":%q,"name":%q,"reason":%q,"until":%q}`, kind, name, stopReason, time.Now().Add(2*time.Second).UTC().Format(time.RFC3339Nano)))
	}
	for _, kind := range []string{"agent", "tool", "server"} {
		t.Run(kind, func(t *testing.T) {
			name := map[string]string{"agent": "elsewhere", "tool": "lab__wait", "server": "lab"}[kind]
			var waiting []func()
			for _, s := range streams {
				if s.name == "SSE" || kind == "server" && s.path == "/mcp/lab" {
					continue // nobody said hello on it; it ends
				}
				stream := bufio.NewReader(s.open(t, g, holder(g, "waits"), s.path).Body)
				if _, err := stream.ReadString('\n'); err != nil {
					t.Fatal(err)
				}
				waiting = append(waiting, func() {
					for heard := 0; heard < 2; {
						line, err := stream.ReadString('\n')
						if err != nil {
							t.Fatalf("%s %s ended with %v after %d changes", s.name, s.path, err, heard)
						}
						if strings.Contains(line, changed) {
							heard++
						}
					}
				})
			}
			brief(lab.REST, kind, name)
			for _, wait := range waiting {
				wait()
			}
			if names := lab.REST.List(t, g, holder(g, "waits")); !slices.Contains(names, "wait") {
				t.Errorf("told that it is over, the list has %q", names)
			}
		})
	}
	t.Run("stdio", func(t *testing.T) {
		token := holder(g, "desk")
		if a := lab.Stdio.Call(t, g, token, "echo", lab.Text("x")); a.Code != "" {
			t.Fatalf("before: %+v", a)
		}
		brief(lab.Stdio, "tool", "lab__echo")
		for heard := 0; heard < 2; {
			if strings.Contains(g.StdioLine(t), changed) {
				heard++
			}
		}
		if a := lab.Stdio.Call(t, g, token, "echo", lab.Text("x")); a.Code != "" {
			t.Errorf("told that it is over: %+v", a)
		}
		brief(lab.Stdio, "agent", "desk") // it hears of nothing while it is blocked
		for !strings.Contains(g.StdioLine(t), changed) {
		}
		if a := lab.Stdio.Call(t, g, token, "echo", lab.Text("x")); a.Code != "" {
			t.Errorf("told that it may go on: %+v", a)
		}
		g.CloseStdio(t)
		g.CheckChain(t, lab.Stdio.DB)
	})
	g.CheckAlive(t)
}
