package policy

import "testing"

func TestAsksWhereARuleCouldAllow(t *testing.T) {
	tests := []struct {
		name, text string
		want       bool
	}{
		{"no package", "package gateway\n\nallow := true\n", false},
		{"a rule that allows", "package reverse.files\n\nallow if input.call.kind == \"roots\"\n", true},
		{"a constant", "package reverse.files\n\nallow := true\n", true},
		{"a rule that asks a person", "package reverse.files\n\napprove contains \"ask\"\n", true},
		{"a default alone", "package reverse.files\n\ndefault allow := false\n", false},
		{"a default and a rule", "package reverse.files\n\ndefault allow := false\n\nallow if input.call.kind == \"roots\"\n", true},
		{"rules that only deny", "package reverse.files\n\ndeny contains \"no\"\n", false},
		{"another server's", "package reverse.other\n\nallow := true\n", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := open(t, tt.text)
			if got := e.Asks("files"); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
