package upstream_test

import (
	"context"
	"strings"
	"testing"

	"toolward/gateway"
	"toolward/mcp/client"
	"toolward/upstream"
	"toolward/upstream/upstreamtest"
)

// What a server says beside its definitions is shown to guard like them, each
// part by itself: one that guard objects to is kept back, the others are not, and a
// person can overrule it.
func TestWhatAServerSaysBesideIsInspected(t *testing.T) {
	for _, evil := range []string{"serverInfo", "capabilities", "tools/list", "instructions"} {
		t.Run(evil, func(t *testing.T) {
			c := start(t, upstream.Options{
				Inspect: func(_ context.Context, tool *gateway.Tool) (string, error) {
					if tool.Wire == "s "+evil {
						return "it gives orders to the model", nil
					}
					return "", nil
				},
				Servers: []upstream.Server{server(t, "s", upstreamtest.Script{Revision: upstreamtest.Modern}, client.Options{})},
			})
			shown := func() string {
				about, _ := c.About("s")
				var parts []string
				for part, there := range map[string]bool{
					"serverInfo": about.Info != nil, "capabilities": about.Capabilities != nil,
					"tools/list": c.ListMembers("s", "tools/list") != nil, "instructions": about.Instructions != "",
				} {
					if !there {
						parts = append(parts, part)
					}
				}
				return strings.Join(parts, " ")
			}
			if got := shown(); got != evil {
				t.Errorf("kept back: %q, want %q", got, evil)
			}
			if tool, err := c.Find(gateway.KindTool, "", "s__echo"); err != nil || tool.Quarantined != "" {
				t.Errorf("its tool: %q, %v", tool.Quarantined, err)
			}
			changes := c.Diff(false)
			if len(changes) != 1 || changes[0].Wire != "s "+evil || changes[0].Findings == "" {
				t.Fatalf("to decide: %+v", changes)
			}
			if err := c.Pin(t.Context(), "s", changes[0].Kind, changes[0].Name, changes[0].Fingerprint, alice, ""); err != nil {
				t.Fatal(err)
			}
			if got := shown(); got != "" {
				t.Errorf("kept back although it was accepted: %q", got)
			}
		})
	}
}
