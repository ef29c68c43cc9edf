package main

import (
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
