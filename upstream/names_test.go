package upstream

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func TestWireNames(t *testing.T) {
	tests := []struct{ server, name, want string }{
		{"files", "read_file", "files__read_file"},
		{"files", "a__b", "files__a__b"},
		{"a_", "x", "a___x-"},
		{"a", "_x", "a___x-"},
		{"s", "päy", "s__p_y-"},
		{"s", strings.Repeat("n", 61), "s__" + strings.Repeat("n", 61)},
		{"s", strings.Repeat("n", 62), "s__" + strings.Repeat("n", 50) + "-"},
		{"3", strings.Repeat("n", 60), "3__" + strings.Repeat("n", 60)},
		{"3", strings.Repeat("n", 61), "3__" + strings.Repeat("n", 49) + "-"},
	}
	for _, tt := range tests {
		got := WireName(tt.server, tt.name)
		plain, _, hashed := strings.Cut(tt.want, "-")
		if head, _, _ := strings.Cut(got, "-"); head != plain || hashed == (got == plain) {
			t.Errorf("%s %s: %s, want %s", tt.server, tt.name, got, tt.want)
		}
	}
}

// The property that everything else rests on: two different (server, name)
// never share a wire name, and each is what a model provider accepts.
func FuzzWireNameIsInjective(f *testing.F) {
	f.Add("a_", "x", "a", "_x")
	f.Add("a", "b__c", "a__b", "c")
	f.Add("s", "p\u0430y", "s", "pay")
	f.Add("s", "a/b", "s", "a_b")
	f.Add("s", strings.Repeat("n", 100), "s", strings.Repeat("n", 101))
	f.Fuzz(func(t *testing.T, s1, n1, s2, n2 string) {
		if !validServerName(s1) || !validServerName(s2) || s1 == s2 && n1 == n2 {
			return
		}
		a, b := WireName(s1, n1), WireName(s2, n2)
		if a == b {
			t.Errorf("%q %q and %q %q are both %s", s1, n1, s2, n2, a)
		}
		if len(a) > maxWire || len(a) == maxWire && !letter(a[0]) || !allNameBytes(a) {
			t.Errorf("%q is no name for a function", a)
		}
	})
}

func TestFingerprintIgnoresSpellingAndNothingElse(t *testing.T) {
	const base = `{"name":"a","n":12345678901234567890,"d":"é"}`
	same := []string{` { "d" : "\u00e9", "n": 12345678901234567890, "name":"a"}`}
	other := []string{
		`{"name":"a","n":12345678901234567891,"d":"é"}`, // equal as doubles
		`{"name":"a","n":12345678901234567890,"d":"e"}`,
		`{"name":"a","n":12345678901234567890,"d":"é","x":null}`,
		`{"name":"a","n":"12345678901234567890","d":"é"}`,
	}
	print := func(s string) string {
		fp, err := Fingerprint(json.RawMessage(s))
		if err != nil {
			t.Fatal(err)
		}
		return fp
	}
	for _, s := range same {
		if print(s) != print(base) {
			t.Errorf("%s differs", s)
		}
	}
	for _, s := range other {
		if print(s) == print(base) {
			t.Errorf("%s looks the same", s)
		}
	}
	if _, err := Fingerprint(json.RawMessage(`{"a":1,"a":2}`)); err == nil {
		t.Error("a name twice has a fingerprint")
	}
}

func TestTemplatesMatchWhatTheyExpandTo(t *testing.T) {
	tests := []struct {
		template string
		yes, no  []string
	}{
		{"test://item/{id}", []string{"test://item/7", "test://item/"}, []string{"test://item/7/8", "test://item", "xtest://item/7", "test://item/7?x"}},
		{"file:///{+path}", []string{"file:///a/b", "file:///"}, []string{"file://a"}},
		{"x://{host}{/path*}{?q,r}{#f}", []string{"x://h/a/b?q=1#z", "x://h"}, []string{"y://h"}},
		{"a.b://{x}", []string{"a.b://1"}, []string{"aXb://1"}},
	}
	for _, tt := range tests {
		m, err := compileTemplate(tt.template)
		if err != nil {
			t.Errorf("%s: %v", tt.template, err)
			continue
		}
		for _, uri := range tt.yes {
			if !m.matches(uri) {
				t.Errorf("%s does not match %s", tt.template, uri)
			}
		}
		for _, uri := range tt.no {
			if m.matches(uri) {
				t.Errorf("%s matches %s", tt.template, uri)
			}
		}
	}
	for _, bad := range []string{"x://{", "x://{}"} {
		if _, err := compileTemplate(bad); err == nil {
			t.Errorf("%s is accepted", bad)
		}
	}
}

func TestChangedMembers(t *testing.T) {
	got := changedMembers(json.RawMessage(`{"name":"a","x":1,"old":true,"s":{"b":1,"a":2}}`), json.RawMessage(`{"name":"a","x":2,"new":true,"s":{"a":2,"b":1}}`))
	if want := []string{"new", "old", "x"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
