package policy

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"toolward/gateway"
)

func TestPlaces(t *testing.T) {
	const doc = `{"body":"b","items":[{"email":"e0"},{"name":"n"},{"email":"e2"}],"a/b":{"m~n":1},"odd name":1,"ünï":2,"0":"zero","map":{"x":{"k":1},"y":{"k":2}}}`
	for _, tt := range []struct {
		path string
		want []string
	}{
		{"args", []string{""}},
		{"args.body", []string{"/body"}},
		{"args.items[*].email", []string{"/items/0/email", "/items/2/email"}},
		{"args.items[1]", []string{"/items/1"}},
		{"args.items[3]", nil},
		{"args.items.email", nil},
		{`args["a/b"]["m~n"]`, []string{"/a~1b/m~0n"}},
		{`args["odd name"]`, []string{"/odd name"}},
		{`args["ünï"]`, []string{"/ünï"}},
		{"args[0]", []string{"/0"}},
		{"args.map[*].k", []string{"/map/x/k", "/map/y/k"}},
		{"args.nothing", nil},
		{"args.body.deeper", nil},
	} {
		p, err := parsePlace(tt.path)
		if err != nil {
			t.Errorf("%s: %v", tt.path, err)
			continue
		}
		got, err := p.pointers(gateway.Decode(json.RawMessage(doc)), nil)
		slices.Sort(got)
		if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
			t.Errorf("%s (-want +got):\n%s%v", tt.path, diff, err)
		}
	}
}

func TestBrokenPlacesAreRefused(t *testing.T) {
	for _, path := range []string{
		"", "body", "arg.body", "args.", "args..b", "args.b.", "args[", "args[]", "args[-1]", "args[01]", "args[1", "args[x]",
		`args["a`, `args["a"`, "args b", "args.b c", "args/b", "/body", "args[99999999999]", "args" + strings.Repeat(".a", maxSteps+1),
	} {
		if p, err := parsePlace(path); err == nil {
			t.Errorf("%q was taken for %+v", path, p)
		}
	}
}

// TestTooManyPlacesRefuse: what a path matches is the attacker's to choose, and
// half a redaction is none.
func TestTooManyPlacesRefuse(t *testing.T) {
	p, err := parsePlace("args.items[*]")
	if err != nil {
		t.Fatal(err)
	}
	items := make([]any, maxPointers+1)
	if _, err := p.pointers(map[string]any{"items": items}, nil); err == nil {
		t.Error("more places than the limit were taken")
	}
}

func TestOutermostDropsWhatLiesInside(t *testing.T) {
	got := outermost([]string{"/a", "/a", "/a-b", "/a/b", "/a/b/c", "/ab", "/b/c"})
	if diff := cmp.Diff([]string{"/a", "/a-b", "/ab", "/b/c"}, got); diff != "" {
		t.Error(diff)
	}
	if got := outermost([]string{"", "/a"}); len(got) != 1 || got[0] != "" {
		t.Errorf("got %q, want all of it only", got)
	}
}

// FuzzPlace: no input panics, and every pointer that comes out is one that
// gateway.Redact accepts for the value it came from.
func FuzzPlace(f *testing.F) {
	for _, seed := range []string{"args.body", "args.items[*].email", `args["a/b"]["m~n"]`, "args[*][*]", `args["\u00fc"]`, "result.content[0].text", "args[0"} {
		f.Add(seed)
	}
	raw := json.RawMessage(`{"body":"b","items":[{"email":"e"},[1,2]],"a/b":{"m~n":1},"ü":2,"":3}`)
	doc := gateway.Decode(raw)
	f.Fuzz(func(t *testing.T, path string) {
		p, err := parsePlace(path)
		if err != nil {
			return
		}
		places, err := p.pointers(doc, nil)
		if err != nil {
			t.Fatalf("%q: %v", path, err)
		}
		slices.Sort(places)
		var edits []gateway.Edit
		for _, place := range outermost(places) {
			edits = append(edits, gateway.Edit{Where: place, With: gateway.Redacted})
		}
		if out, err := gateway.Redact(raw, edits); err != nil || !json.Valid(out) {
			t.Fatalf("%q gave %q: %v", path, places, err)
		}
	})
}
