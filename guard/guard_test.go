package guard

import (
	"context"
	"testing"

	"toolward/gateway"
)

func newScanner(t testing.TB, o Options) *Scanner {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// newCall is a call of an agent; "" is no arguments.
func newCall(t testing.TB, tool *gateway.Tool, args string) *gateway.Call {
	t.Helper()
	c := gateway.NewCall(gateway.SurfaceMCP, gateway.KindTool, "tools/call")
	c.Agent = &gateway.Agent{ID: "anna", Issuer: "https://id.example"}
	c.Tool, c.Name = tool, tool.Wire
	if args == "" {
		args = "{}"
	}
	a, err := gateway.ParseArgs([]byte(args))
	if err != nil {
		t.Fatalf("%v in %s", err, args)
	}
	c.Args = a
	return c
}

func contextCancelled(t *testing.T) (context.Context, context.CancelFunc) {
	return context.WithCancel(t.Context())
}
