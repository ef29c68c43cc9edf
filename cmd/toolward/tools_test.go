package main

import (
	"io"
	"strings"
	"testing"

	"toolward/gateway"
	"toolward/web/admin"
)

// A name that clients cut or refuse behind their own is said, and no other.
func TestLongNamesAreSaid(t *testing.T) {
	tool := func(n int, kind gateway.Kind) admin.Tool { return admin.Tool{Name: strings.Repeat("n", n), Kind: kind} }
	for _, tt := range []struct {
		name  string
		tools []admin.Tool
		want  []string
	}{
		{"none", nil, nil},
		{"the longest that fits", []admin.Tool{tool(49, gateway.KindTool)}, nil},
		{"letters, not bytes", []admin.Tool{{Name: strings.Repeat("é", 49), Kind: gateway.KindTool}}, nil},
		{"a resource", []admin.Tool{tool(80, gateway.KindResource)}, nil},
		{"one", []admin.Tool{tool(50, gateway.KindTool), tool(9, gateway.KindTool)}, []string{"1 name is over 49", strings.Repeat("n", 50)}},
		{"five", []admin.Tool{tool(50, gateway.KindTool), tool(51, gateway.KindTool), tool(52, gateway.KindTool), tool(53, gateway.KindTool), tool(64, gateway.KindTool)}, []string{"5 names are over 49", "and 2 more"}},
	} {
		said := longNames(tt.tools)
		if (said == "") != (tt.want == nil) {
			t.Errorf("%s: %q", tt.name, said)
		}
		for _, w := range tt.want {
			if !strings.Contains(said, w) {
				t.Errorf("%s: %q lacks %q", tt.name, said, w)
			}
		}
	}
}

// What a command takes is said where it gets something else.
func TestArgumentsSayWhatIsTaken(t *testing.T) {
	for args, want := range map[string]string{
		"import": "toolward import FILE", "login": "toolward login UPSTREAM", "tools show": "toolward tools show NAME", "tools pin": "toolward tools pin NAME@FINGERPRINT…",
		"token revoke": "toolward token revoke ", "version x": "toolward version",
	} {
		root := newRoot(&terminal{w: io.Discard})
		root.SetArgs(strings.Fields(args))
		if err := root.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), "\n  "+want) {
			t.Errorf("%s: %v", args, err)
		}
	}
}
