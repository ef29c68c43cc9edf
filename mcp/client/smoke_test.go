package client

import (
	"context"
	"log/slog"
	"os"
	"testing"

	"toolward/gateway"
)

func TestSmoke(t *testing.T) {
	cmd := os.Getenv("SMOKE")
	if cmd == "" {
		t.Skip()
	}
	o := Options{Name: "s", Env: os.Environ(), Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	if len(cmd) > 4 && cmd[:4] == "http" {
		o.URL = cmd
	} else {
		o.Command, o.Args = "npx", []string{"-y", cmd, os.Getenv("SMOKEARG")}
	}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := c.Dial(context.Background(), nil, func(e gateway.Event) { t.Log(e.Method, string(e.Params)) })
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", conn.About().Revision)
	raw, err := conn.List(context.Background(), "tools/list", "")
	t.Log(string(raw[:min(len(raw), 600)]), err)
	call := gateway.NewCall("mcp", gateway.KindTool, "tools/call")
	call.Tool = &gateway.Tool{Kind: "tool", Name: os.Getenv("SMOKETOOL"), Fingerprint: "f"}
	call.Args, _ = gateway.ParseArgs([]byte(`{"message":"hi"}`))
	call.Sent = call.Args
	r, err := conn.Do(context.Background(), call)
	t.Log(r, err)
	if r != nil {
		t.Log(string(r.Bytes()))
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
}
