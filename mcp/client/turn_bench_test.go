package client_test

import (
	"path/filepath"
	"sync"
	"testing"

	"toolward/gateway"
	"toolward/mcp/client"
	"toolward/upstream/upstreamtest"
)

// BenchmarkTurns is what it costs one agent that its calls to a process go one
// at a time, because a rule lets the server ask: eight calls at once, of a tool
// that is quick.
func BenchmarkTurns(b *testing.B) {
	for name, asks := range map[string]bool{"together": false, "one at a time": true} {
		b.Run(name, func(b *testing.B) {
			command, env := upstreamtest.Command(b, upstreamtest.Script{Ledger: filepath.Join(b.TempDir(), "ledger")})
			c, err := client.New(client.Options{Name: "s", Command: command, Env: env, Asks: func() bool { return asks }})
			if err != nil {
				b.Fatal(err)
			}
			conn, err := c.Dial(b.Context(), nil, func(gateway.Event) {})
			if err != nil {
				b.Fatal(err)
			}
			defer conn.Close()
			a := &upstreamtest.Agent{ID: "a", Caps: `{"elicitation":{}}`}
			for b.Loop() {
				var wg sync.WaitGroup
				for range 8 {
					wg.Go(func() {
						if _, err := conn.Do(b.Context(), upstreamtest.Call(a, "echo", `{}`)); err != nil {
							b.Error(err)
						}
					})
				}
				wg.Wait()
			}
		})
	}
}
