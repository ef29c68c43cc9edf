package guard

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"toolward/gateway"
)

// leaves lists what walk visits.
func leaves(raw string) []string {
	var got []string
	walk(json.RawMessage(raw), func(l *leaf) {
		kind := "="
		if l.key {
			kind = "#"
		}
		got = append(got, string(l.path)+kind+l.text)
	})
	return got
}

func TestWalk(t *testing.T) {
	for _, c := range []struct {
		raw  string
		want []string
	}{
		{`"a"`, []string{"=a"}},
		{` [ "a" , "b" , [ ] , { } , null , true , 12 , 123456789012 ] `, []string{"/0=a", "/1=b", "/7=123456789012"}},
		{`{"a":{"b~c/d":["x"]},"e":"y"}`, []string{"/a#a", "/a/b~0c~1d#b~c/d", "/a/b~0c~1d/0=x", "/e#e", "/e=y"}},
		{`{"\u0061":"\"\\\n\ud83e\udd8a"}`, []string{"/a#a", "/a=\"\\\n🦊"}},
		{`{"":""}`, nil},
		{`[[["deep"]],"after"]`, []string{"/0/0/0=deep", "/1=after"}},
	} {
		if d := cmp.Diff(c.want, leaves(c.raw)); d != "" {
			t.Errorf("%s (-want +got):\n%s", c.raw, d)
		}
	}
}

// TestSpecialIsTheFirst puts both bytes wherever it looks in another way.
func TestSpecialIsTheFirst(t *testing.T) {
	places := []int{0, 1, 7, 8, 63, 64, 71, 72, 73, 320, 327, 328, 500, 831, 832, 840, 1000}
	for _, size := range []int{0, 1, 7, 8, 70, 330, 900} {
		for _, quote := range places {
			for _, slash := range places {
				b := []byte(strings.Repeat("a", size))
				if slash < size {
					b[slash] = '\\'
				}
				if quote < size {
					b[quote] = '"'
				}
				for from := range min(9, size) + 2 { // two bytes are passed behind a backslash: the second may be none
					want := size
					if from < size {
						if n := strings.IndexAny(string(b[from:]), `"\`); n >= 0 {
							want = from + n
						}
					}
					if got := special(string(b), from); got != want {
						t.Fatalf("from %d of %d, a quote at %d and a backslash at %d: %d, want %d", from, size, quote, slash, got, want)
					}
				}
			}
		}
	}
}

func TestMediaIsKnownByItsSibling(t *testing.T) {
	for raw, want := range map[string]leafKind{
		`{"type":"image","data":"AAAA","mimeType":"image/png"}`: leafMedia,
		`{"mimeType":"audio/wav","data":"AAAA"}`:                leafMedia,
		`{"data":"AAAA","mimeType":"text/plain"}`:               leafText,
		`{"data":"AAAA"}`: leafText,
		`{"data":"AAAA","x":{"mimeType":"image/png"}}`:                   leafText,
		`{"x":"mimeType","y":"image/png","data":"AAAA"}`:                 leafText,
		`{"uri":"file:///a","blob":"AAAA"}`:                              leafBlob,
		`{"a":1.5,"b":null,"data":"AAAA","c":"\"","mimeType":"image/x"}`: leafMedia,
	} {
		walk(json.RawMessage(raw), func(l *leaf) {
			if l.text == "AAAA" && l.kind != want {
				t.Errorf("%s: %d, want %d", raw, l.kind, want)
			}
		})
	}
}

// FuzzWalk compares the walk with a decoder: the same strings and names, each
// at a pointer that leads to it.
func FuzzWalk(f *testing.F) {
	f.Add(`{"a":["b",{"c~/":"d"}],"e":1234567890123,"":"x"}`)
	f.Add(`[{"mimeType":"image/png","data":"x"}]`)
	f.Add(`"\u0000\ud800"`)
	f.Fuzz(func(t *testing.T, raw string) {
		if gateway.CheckJSON([]byte(raw)) != nil {
			t.Skip()
		}
		want := map[string]int{}
		count(gateway.Decode(json.RawMessage(raw)), "", want)
		walk(json.RawMessage(raw), func(l *leaf) {
			kind := "="
			if l.key {
				kind = "#"
			}
			if l.kind != leafNumber {
				want[string(l.path)+kind+l.text]--
			}
		})
		for leaf, n := range want {
			if n != 0 {
				t.Errorf("%d times more than visited: %q in %s", n, leaf, raw)
			}
		}
	})
}

// count adds the strings and names of a decoded value.
func count(v any, where string, n map[string]int) {
	switch v := v.(type) {
	case string:
		if v != "" {
			n[where+"="+v]++
		}
	case []any:
		for i, e := range v {
			b, _ := json.Marshal(i) // an int always marshals
			count(e, where+"/"+string(b), n)
		}
	case map[string]any:
		for name, e := range v {
			sub := where + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
			if name != "" {
				n[sub+"#"+name]++
			}
			count(e, sub, n)
		}
	}
}

// The members behind an array say nothing of its elements.
func TestElementsHaveNoMediaType(t *testing.T) {
	walk(json.RawMessage(`{"data":["one","mimeType","image/png"],"mimeType":"image/png"}`), func(l *leaf) {
		if l.kind != leafText {
			t.Errorf("%s is of kind %d", l.path, l.kind)
		}
	})
}

// Detectors look at the end of a name, however long it is.
func TestNamesAreCut(t *testing.T) {
	long := strings.Repeat("n", 4*maxName)
	walk(json.RawMessage(`{"`+long+`-password":["text"]}`), func(l *leaf) {
		if len(l.name) > maxName || len(l.where()) > maxName || !l.key && !strings.HasSuffix(l.where(), "-password/0") {
			t.Errorf("%q: name %q, where %q", l.text, l.name, l.where())
		}
	})
}
