package shape

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"toolward/gateway"
)

func TestFit(t *testing.T) {
	const tool = `{"name":"t","inputSchema":{"type":"object"}`
	tests := []struct {
		name, shape, value string
		legacy, modern     string // "=" is the value itself; what begins with ! is the error
	}{
		{"a good tool", "Tool", tool + `}`, "=", "="},
		{"unknown members stay", "Tool", `{ "x-a" : [1e3 , {"b":null}], "name":"t" ,"inputSchema":{"type":"object","x":null}}`, "=", "="},
		{"no inputSchema", "Tool", `{"name":"t"}`, `{"inputSchema":{"type":"object"},"name":"t"}`, `{"inputSchema":{"type":"object"},"name":"t"}`},
		{"inputSchema null", "Tool", `{"name":"t","inputSchema":null}`, tool + `}`, tool + `}`},
		{"inputSchema true", "Tool", `{"name":"t","inputSchema":true}`, tool + `}`, tool + `}`},
		{"inputSchema false", "Tool", `{"name":"t","inputSchema":false}`, "!at /inputSchema: an object is wanted, not a boolean", "!at /inputSchema: an object is wanted, not a boolean"},
		{"inputSchema [] of PHP", "Tool", `{"name":"t","inputSchema":[ ]}`, tool + `}`, tool + `}`},
		{"no type", "Tool", `{"name":"t","inputSchema":{"anyOf":[{}]}}`, `{"name":"t","inputSchema":{"type":"object","anyOf":[{}]}}`, `{"name":"t","inputSchema":{"type":"object","anyOf":[{}]}}`},
		{"type null", "Tool", `{"name":"t","inputSchema":{"type":null}}`, tool + `}`, tool + `}`},
		{"type a list", "Tool", `{"name":"t","inputSchema":{"type":["object","null"]}}`, tool + `}`, tool + `}`},
		{"type array", "Tool", `{"name":"t","inputSchema":{"type":"array"}}`, `!at /inputSchema/type: "object" is wanted, not this string`, `!at /inputSchema/type: "object" is wanted, not this string`},
		{"properties [] of PHP", "Tool", `{"name":"t","inputSchema":{"type":"object","properties":[],"required":[]}}`,
			`{"name":"t","inputSchema":{"type":"object","properties":{},"required":[]}}`, `{"name":"t","inputSchema":{"type":"object","properties":{},"required":[]}}`},
		{"boolean schemas", "Tool", `{"name":"t","inputSchema":{"type":"object","properties":{"a":true,"b":false}}}`,
			`{"name":"t","inputSchema":{"type":"object","properties":{"a":{},"b":{"not":{}}}}}`, "="},
		{"a property that is no schema", "Tool", `{"name":"t","inputSchema":{"type":"object","properties":{"a":7}}}`, "!at /inputSchema/properties/a: a schema is wanted, not this number", "="},
		{"required of no strings", "Tool", `{"name":"t","inputSchema":{"type":"object","required":["a",1]}}`, "!at /inputSchema/required/1: a string is wanted, not this number", "!at /inputSchema/required/1: a string is wanted, not this number"},
		{"nulls", "Tool", `{"title":null,"name":"t","description":null,"inputSchema":{"type":"object"},"annotations":{"title":null},"_meta":null}`,
			`{"name":"t","inputSchema":{"type":"object"},"annotations":{}}`, `{"name":"t","inputSchema":{"type":"object"},"annotations":{}}`},
		{"an array outputSchema is of 2026-07-28", "Tool", tool + `,"outputSchema":{"type":"array"}}`, tool + `}`, "="},
		{"icons that do not fit go", "Tool", tool + `,"icons":[{"src":"a","sizes":"48x48"}]}`, tool + `}`, tool + `}`},
		{"an icon of PHP", "Tool", tool + `,"icons":[[]]}`, tool + `}`, tool + `}`},
		{"an outputSchema of PHP", "Tool", tool + `,"outputSchema":[]}`, tool + `}`, tool + `,"outputSchema":{}}`},
		{"a hint that is no boolean", "Tool", tool + `,"annotations":{"readOnlyHint":"yes"}}`, "!at /annotations/readOnlyHint: a boolean is wanted, not this string", "!at /annotations/readOnlyHint: a boolean is wanted, not this string"},
		{"execution is of before", "Tool", tool + `,"execution":{"taskSupport":"maybe"}}`, `!at /execution/taskSupport: "required" or "optional" or "forbidden" is wanted, not this string`, "="},
		{"an escaped name", "Tool", `{"na\u006de":"t","inputSchema":{"type":"object"}}`, "=", "="},
		{"no name", "Prompt", `{}`, `!"name" is missing`, `!"name" is missing`},
		{"size", "Resource", `{"size":1.5,"uri":"a:b","name":"n"}`, `{"uri":"a:b","name":"n"}`, `{"uri":"a:b","name":"n"}`},
		{"no scheme", "Resource", `{"uri":"a/b:c","name":"n"}`, "!at /uri: a URI with a scheme is wanted, not this string", "!at /uri: a URI with a scheme is wanted, not this string"},
		{"annotations in part", "Resource", `{"uri":"a:b","name":"n","annotations":{"audience":["model"],"priority":0.5,"lastModified":"2025-01-12"}}`,
			`{"uri":"a:b","name":"n","annotations":{"priority":0.5}}`, `{"uri":"a:b","name":"n","annotations":{"priority":0.5}}`},
		{"no content", "Called", `{}`, `{"content":[]}`, `{"content":[]}`},
		{"a type of the future", "Called", `{"content":[{"type":"hologram","data":7}]}`, "=", "="},
		{"no type", "Called", `{"content":[{"text":"a"}]}`, `!at /content/0: "type" is missing`, `!at /content/0: "type" is missing`},
		{"type last", "Called", `{"content":[{"text":7,"type":"text"}]}`, "!at /content/0/text: a string is wanted, not this number", "!at /content/0/text: a string is wanted, not this number"},
		{"bad base64", "Called", `{"content":[{"type":"image","mimeType":"image/png","data":"a-_="}]}`, "!at /content/0/data: base64 with padding is wanted, not this string", "!at /content/0/data: base64 with padding is wanted, not this string"},
		{"escaped base64", "Called", `{"content":[{"type":"image","mimeType":"image/png","data":"aa\/="}]}`, "=", "="},
		{"a resource of nothing", "Called", `{"content":[{"type":"resource","resource":{"uri":"a:b"}}]}`, `!at /content/0/resource: "text" or "blob" is missing`, `!at /content/0/resource: "text" or "blob" is missing`},
		{"a progress token that is none", "Called", `{"content":[],"_meta":{"progressToken":null,"a":null}}`, `{"content":[],"_meta":{"a":null}}`, `{"content":[],"_meta":{"a":null}}`},
		{"capabilities of PHP", "Capabilities", `{"tools":[],"logging":true}`, `{"tools":{}}`, `{"tools":{}}`},
		{"a server without version", "Server", `{"name":"a"}`, `{"version":"","name":"a"}`, `{"version":"","name":"a"}`},
	}
	for _, tt := range tests {
		for i, want := range []string{tt.legacy, tt.modern} {
			era := []*Shapes{Legacy, Modern}[i]
			if want == "=" {
				want = tt.value
			}
			got, changed, err := era.Fit(tt.shape, json.RawMessage(tt.value))
			if text, bad := strings.CutPrefix(want, "!"); bad {
				if err == nil || err.Error() != text {
					t.Errorf("%s, %d: error %v, want %s", tt.name, i, err, text)
				}
				continue
			}
			if err != nil || string(got) != want {
				t.Errorf("%s, %d:\n got %s, %v\nwant %s", tt.name, i, got, err, want)
			}
			if (len(changed) > 0) != (want != tt.value) {
				t.Errorf("%s, %d: changed %v", tt.name, i, changed)
			}
		}
	}
}

// What fits, fits as it is; and what was made to fit is JSON.
func FuzzFit(f *testing.F) {
	for _, value := range []string{
		`{"name":null,"inputSchema":{"properties":{"a":true},"required":null},"icons":[{}],"title":1,"x":[]}`,
		`{ "a":1 , "title" : null , "name" : "x" }`, `{"content":[{"type":"text","text":"\"","annotations":[]}],"_meta":7}`,
		`{"tools":{"listChanged":null,"subscribe":1},"extensions":{"a":[]}}`,
	} {
		f.Add([]byte(value))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		if gateway.CheckJSON(value) != nil {
			return
		}
		for _, era := range []*Shapes{Legacy, Modern} {
			for name := range era.named {
				once, changed, err := era.Fit(name, value)
				if err != nil {
					continue
				}
				if err := gateway.CheckJSON(once); err != nil {
					t.Fatalf("%s of %s is %s: %v", name, value, once, err)
				}
				twice, again, err := era.Fit(name, once)
				if err != nil || string(twice) != string(once) || len(again) > 0 {
					t.Fatalf("%s of %s is %s, then %s: %v", name, value, once, twice, err)
				}
				if len(changed) == 0 && string(once) != string(value) {
					t.Fatalf("%s of %s became %s, and nothing changed", name, value, once)
				}
			}
		}
	})
}

func TestFitAllocatesLittleForWhatFits(t *testing.T) {
	value := json.RawMessage(`{"content":[{"type":"text","text":"` + strings.Repeat("a", 1000) + `"}],"isError":false}`)
	if n := testing.AllocsPerRun(100, func() { _, _, _ = Legacy.Fit("Called", value) }); n > 3 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkFit64KiB(b *testing.B) {
	value := json.RawMessage(`{"content":[{"type":"text","text":"` + strings.Repeat(`line of text\n`, 5000) + `"}],"isError":false}`)
	b.SetBytes(int64(len(value)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := Legacy.Fit("Called", value); err != nil {
			b.Fatal(err)
		}
	}
}

func TestEveryShapeOfTheTableIsUsedAndBounded(t *testing.T) {
	for name, o := range Legacy.named {
		for _, m := range o.members {
			if _, ok := m.typ.filled(); m.typ.mark == '=' && !ok {
				t.Errorf("%s of %s cannot be put in", m.name, name)
			}
		}
		if len(o.members) > 64 {
			t.Errorf("%s has more members than a word has bits", name)
		}
		for _, one := range o.oneOf {
			if !slices.ContainsFunc(o.members, func(m member) bool { return m.name == one }) {
				t.Errorf("%s wants one of %q, which it does not know", name, one)
			}
		}
	}
}
