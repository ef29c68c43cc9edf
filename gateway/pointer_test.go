package gateway

import (
	"encoding/json"
	"testing"
)

// The example of RFC 6901 §5, but for the members that are themselves invalid
// as separate strings here.
func TestAtFollowsRFC6901(t *testing.T) {
	doc := Decode(json.RawMessage(`{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"m~n":8," ":7,"~1":9}`))
	for pointer, want := range map[string]string{
		"/foo/0": "bar", "/": "0", "/a~1b": "1", "/c%d": "2", "/m~0n": "8", "/ ": "7", "/~01": "9", "/foo": `["bar","baz"]`,
	} {
		if v, ok := At(doc, pointer); !ok || TextOf(v) != want {
			t.Errorf("%q: got %v, want %s", pointer, v, want)
		}
	}
	for _, pointer := range []string{"/nope", "/foo/2", "/foo/-", "/foo/-1", "/foo/0/x"} {
		if v, ok := At(doc, pointer); ok {
			t.Errorf("%q: got %v, want nothing", pointer, v)
		}
	}
}

func TestFindingText(t *testing.T) {
	doc := Decode(json.RawMessage(`{"a":{"key/1":"see hunter2 here"}}`))
	for want, f := range map[string]Finding{
		"hunter2":          {Where: "/a/key~11", Span: [2]int{4, 11}},
		"see hunter2 here": {Where: "/a/key~11", Span: [2]int{4, 99}},
		"here":             {Where: "/a/key~11", Span: [2]int{12, 16}},
		"key/1":            {Where: "/a/key~11", Key: true},
		"ey":               {Where: "/a/key~11", Key: true, Span: [2]int{1, 3}},
		"":                 {Where: "/b"},
	} {
		if got := f.Text(doc); got != want {
			t.Errorf("%+v: got %q, want %q", f, got, want)
		}
	}
}
