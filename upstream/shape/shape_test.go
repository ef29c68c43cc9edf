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
		{"a mere string", "Got", `{"messages":[{"role":"user","content":"\u00e4 \""}]}`, `{"messages":[{"role":"user","content":{"type":"text","text":"\u00e4 \""}}]}`, `{"messages":[{"role":"user","content":{"type":"text","text":"\u00e4 \""}}]}`},
		{"escaped base64", "Called", `{"content":[{"type":"image","mimeType":"image/png","data":"aa\/="}]}`, "=", "="},
		{"a completion of too much", "Completed", `{"completion":{"values":[` + strings.Repeat(`"a" , `, 100) + `"b","c"],"hasMore":null}}`,
			`{"completion":{"values":[` + strings.Repeat(`"a" , `, 99) + `"a" ]}}`, `{"completion":{"values":[` + strings.Repeat(`"a" , `, 99) + `"a" ]}}`},
		{"a member of another type of block", "Called", `{"content":[{"type":"text","text":"a","data":7,"uri":"x"}]}`, `{"content":[{"type":"text","text":"a","uri":"x"}]}`, `{"content":[{"type":"text","text":"a","uri":"x"}]}`},
		{"an error without code", "Error", `{"message":7}`, `{"code":-32603,"message":""}`, `{"code":-32603,"message":""}`},
		{"an error of words", "Error", `{"code":"E_X","message":"no","data":null}`, `{"code":-32603,"message":"no","data":null}`, `{"code":-32603,"message":"no","data":null}`},
		{"a task without end", "Task", `{"taskId":"t","status":"working","ttl":null,"createdAt":"c","lastUpdatedAt":"l"}`, "=", "="},
		{"a task without times", "notifications/tasks/status", `{"taskId":"t","status":"working","ttl":"x"}`, `{"createdAt":"","lastUpdatedAt":"","taskId":"t","status":"working","ttl":null}`, "="},
		{"progress in words", "notifications/progress", `{"progressToken":1,"progress":"50%"}`, "!at /progress: a number is wanted, not this string", "!at /progress: a number is wanted, not this string"},
		{"progress of Python", "notifications/progress", `{"progressToken":1,"progress":0.5,"total":null,"message":null}`, `{"progressToken":1,"progress":0.5}`, `{"progressToken":1,"progress":0.5}`},
		{"a log message of nothing", "notifications/message", `{"level":"info"}`, `{"data":null,"level":"info"}`, `{"data":null,"level":"info"}`},
		{"a form without mode", "elicitation/create", `{"message":"m","requestedSchema":{"type":"object","properties":{"a":{"type":"string","format":"uuid"}}}}`,
			`{"message":"m","requestedSchema":{"type":"object","properties":{"a":{"type":"string"}}}}`, `{"message":"m","requestedSchema":{"type":"object","properties":{"a":{"type":"string"}}}}`},
		{"a form of objects", "elicitation/create", `{"message":"m","requestedSchema":{"properties":{"a":{"type":"object"}}}}`,
			`!at /requestedSchema/properties/a/type: "array" or "boolean" or "integer" or "number" or "string" is wanted, not this string`,
			`!at /requestedSchema/properties/a/type: "array" or "boolean" or "integer" or "number" or "string" is wanted, not this string`},
		{"a page", "elicitation/create", `{"mode":"url","message":"m","url":"https://example.com/a","elicitationId":"e"}`, "=", "="},
		{"a page nowhere", "elicitation/create", `{"mode":"url","message":"m","url":"https:","elicitationId":"e"}`, "!at /url: a URL that can be visited is wanted, not this string", "!at /url: a URL that can be visited is wanted, not this string"},
		{"a page without ID", "elicitation/create", `{"mode":"url","message":"m","url":"https://example.com/a"}`, `{"elicitationId":"","mode":"url","message":"m","url":"https://example.com/a"}`, "="},
		{"another mode", "elicitation/create", `{"mode":"voice","message":"m"}`, `!at /mode: "form" or "url" is wanted, not this string`, `!at /mode: "form" or "url" is wanted, not this string`},
		{"several blocks", "sampling/createMessage", `{"messages":[{"role":"user","content":[{"type":"text","text":"a"}]}],"maxTokens":1}`, "=", "="},
		{"a block that is asked about", "sampling/createMessage", `{"messages":[{"role":"user","content":{"type":"hologram"}}],"maxTokens":1}`,
			`!at /messages/0/content/type: "audio" or "image" or "text" or "tool_result" or "tool_use" is wanted, not this string`,
			`!at /messages/0/content/type: "audio" or "image" or "text" or "tool_result" or "tool_use" is wanted, not this string`},
		{"an answer", "elicitation/create:result", `{"action":"accept","content":{"a":"b","c":1,"d":true,"e":["f","null"]}}`, "=", "="},
		{"an answer in an answer", "elicitation/create:result", `{"action":"accept","content":{"a":{}}}`, "!at /content/a: a string, a number, a boolean or an array of strings is wanted, not an object", "!at /content/a: a string, a number, a boolean or an array of strings is wanted, not an object"},
		{"a root of the web", "roots/list:result", `{"roots":[{"uri":"https://example.com"}]}`, "!at /roots/0/uri: a file:// URI is wanted, not this string", "!at /roots/0/uri: a file:// URI is wanted, not this string"},
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

// A block that nobody can read takes no other with it.
func TestABlockThatDoesNotFitIsSaid(t *testing.T) {
	const good = `{"type":"text","text":"a"}`
	for _, tt := range []struct{ revision, block, said string }{
		{"2025-11-25", `{"type":"hologram","mimeType":"model/x","data":7}`, `type \"hologram\", model/x, 49 bytes; at /content/1/type: `},
		{"2026-07-28", `{"type":"","text":"b"}`, `type \"\", 22 bytes; at /content/1/type: `},
		{"", `{"text":"b"}`, `12 bytes; at /content/1: \"type\" is missing`},
		{"", `{"type":null}`, `13 bytes; at /content/1/type: `},
		{"", `null`, `4 bytes; at /content/1: an object is wanted, not null`},
		{"", `["b"]`, `5 bytes; at /content/1: an object is wanted, not an array`},
		{"", `{"text":7,"type":"text"}`, `type \"text\", 24 bytes; at /content/1/text: a string is wanted, not this number`},
		{"", `{"type":"image","mimeType":"image/png","data":"no base64"}`, `type \"image\", image/png, 58 bytes; at /content/1/data: base64`},
		{"", `{"type":"image","data":"AAEC"}`, `type \"image\", 30 bytes; at /content/1: \"mimeType\" is missing`},
		{"", `{"type":"resource","resource":{"uri":"a:b"}}`, `type \"resource\", 44 bytes; at /content/1/resource: \"text\" or \"blob\" is missing`},
		{"2024-11-05", `{"type":"audio","mimeType":"audio/wav","data":"AAEC"}`, `type \"audio\", audio/wav, 53 bytes; at /content/1/type: \"image\" or \"resource\" or \"text\"`},
		{"2025-03-26", `{"type":"audio","mimeType":"audio/wav","data":"AAEC"}`, ""},
		{"2025-03-26", `{"type":"resource_link","uri":"a:b","name":"n"}`, `type \"resource_link\", a:b, n, 47 bytes; at /content/1/type: \"audio\"`},
		{"2025-06-18", `{"type":"resource_link","uri":"a:b","name":"n"}`, ""},
		{"2024-10-07", `{"type":"image","mimeType":"image/png","data":"AAEC"}`, ""},
		{"2999-01-01", `{"type":"tool_use","id":"a","name":"n","input":{}}`, `type \"tool_use\", n, 50 bytes; `},
	} {
		value := `{"content":[` + good + `,` + tt.block + `,` + good + `]}`
		got, changed, err := Of(tt.revision).Fit("Called", json.RawMessage(value))
		if err != nil {
			t.Errorf("%s: %s: %v", tt.revision, tt.block, err)
			continue
		}
		if tt.said == "" {
			if string(got) != value {
				t.Errorf("%s: %s became %s", tt.revision, tt.block, got)
			}
			continue
		}
		head, tail := `{"content":[`+good+`,{"type":"text","text":"[content that cannot be passed on was left out: `, `]"},`+good+`]}`
		if !strings.HasPrefix(string(got), head+tt.said) || !strings.HasSuffix(string(got), tail) || !slices.Equal(changed, []string{"/content/1"}) {
			t.Errorf("%s: %s became %s, changed %v", tt.revision, tt.block, got, changed)
		}
	}
}

// What can be read is not lost: data that are written in another way, contents
// without a name, messages of no role, one where several belong, and several where
// one belongs.
func TestWhatCanBeReadIsMended(t *testing.T) {
	const png = "iVBORw0KGgo="
	image := func(data string) string { return `{"data":"` + data + `","mimeType":"image/png","type":"image"}` }
	left := func(was string) string {
		return `{"type":"text","text":"[content that cannot be passed on was left out: ` + was + `]"}`
	}
	for _, tt := range []struct{ shape, value, want string }{
		{"Called", `{"content":[{"type":"image","data":"data:image/png;base64,` + png + `"}]}`, `{"content":[` + image(png) + `]}`},
		{"Called", `{"content":[{"type":"image","mimeType":"image/png","data":"data:application/x;name=a;base64,` + png + `"}]}`, `{"content":[` + image(png) + `]}`},
		{"Called", `{"content":[{"type":"image","data":"` + png + `"}]}`, `{"content":[` + image(png) + `]}`},
		{"Called", `{"content":[{"type":"image","mimeType":null,"data":"iVBORw0KGgo"}]}`, `{"content":[` + image(png) + `]}`},
		{"Called", `{"content":[{"type":"image","mimeType":"image/png","data":"-_-_"}]}`, `{"content":[` + image("+/+/") + `]}`},
		{"Called", `{"content":[{"type":"image","mimeType":"image/png","data":"iVBO\nRw0K\nGgo"}]}`, `{"content":[` + image(png) + `]}`},
		{"Called", `{"content":[{"type":"audio","data":"data:audio/wav;base64,AAEC"}]}`, `{"content":[{"data":"AAEC","mimeType":"audio/wav","type":"audio"}]}`},
		{"Called", `{"content":[{"type":"resource","resource":{"uri":"a:b","blob":"data:image/png;base64,` + png + `"}}]}`,
			`{"content":[{"resource":{"blob":"` + png + `","mimeType":"image/png","uri":"a:b"},"type":"resource"}]}`},
		{"Called", `{"content":[{"type":"resource","resource":{"text":"a"}}]}`, `{"content":[{"type":"resource","resource":{"uri":"about:blank","text":"a"}}]}`},
		{"Called", `{"content":{"type":"text","text":"a"}}`, `{"content":[{"type":"text","text":"a"}]}`},
		{"Called", `{"content":"a"}`, `{"content":[{"type":"text","text":"a"}]}`},
		{"Called", `{"content":7}`, `{"content":[` + left("1 bytes; at /content: an object is wanted, not this number") + `]}`},
		{"Called", `{"content":[],"isError":"true"}`, `{"content":[],"isError":true}`},
		{"Called", `{"content":[],"isError":0}`, `{"content":[],"isError":false}`},
		{"Called", `{"content":[],"isError":{}}`, `{"content":[]}`},
		{"Got", `{"description":7,"messages":[{"role":"system","content":{"type":"text","text":"a"}}]}`, `{"messages":[{"role":"user","content":{"type":"text","text":"a"}}]}`},
		{"Got", `{"messages":[{"content":"a"}]}`, `{"messages":[{"role":"user","content":{"type":"text","text":"a"}}]}`},
		{"Got", `{"messages":{"role":null,"content":"a"}}`, `{"messages":[{"role":"user","content":{"type":"text","text":"a"}}]}`},
		{"Got", `{"messages":["a",{"role":"assistant"}]}`,
			`{"messages":[{"role":"user","content":{"type":"text","text":"a"}},{"role":"user","content":` + left(`20 bytes; at /messages/1: \"content\" is missing`) + `}]}`},
		{"Got", `{"messages":[{"role":"user","content":[{"type":"text","text":"a"}]}]}`, `{"messages":[{"role":"user","content":{"type":"text","text":"a"}}]}`},
		{"Got", `{"messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}]}`, `{"messages":[{"role":"user","content":{"type":"text","text":"a\n\nb"}}]}`},
		{"Read", `{"contents":[{"text":"a"}]}`, `{"contents":[{"uri":"about:blank","text":"a"}]}`},
		{"Read", `{"contents":{"uri":"a:b","text":"a"}}`, `{"contents":[{"uri":"a:b","text":"a"}]}`},
		{"Read", `{"contents":[{"uri":"a:b"},{"uri":"a:b","mimeType":7,"text":"a"}]}`,
			`{"contents":[{"uri":"about:blank","text":"[content that cannot be passed on was left out: a:b, 13 bytes; at /contents/0: \"text\" or \"blob\" is missing]"},{"uri":"a:b","text":"a"}]}`},
		{"Read", `{"contents":[{"uri":"a:b","blob":"AAE"}]}`, `{"contents":[{"blob":"AAE=","uri":"a:b"}]}`},
	} {
		for _, era := range []*Shapes{Legacy, Modern} {
			got, changed, err := era.Fit(tt.shape, json.RawMessage(tt.value))
			if err != nil || string(got) != tt.want || len(changed) == 0 {
				t.Errorf("%s\n got %s, %v, %v\nwant %s", tt.value, got, changed, err, tt.want)
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
		for _, era := range revisions {
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
	for _, era := range revisions {
		for name, o := range era.named {
			for _, m := range o.members {
				if _, ok := m.typ.filled(); m.typ.puts() && !ok {
					t.Errorf("%s of %s cannot be put in", m.name, name)
				}
				if with := m.typ.with; with != "" && gateway.CheckJSON([]byte(with)) != nil {
					t.Errorf("%s of %s puts in %s", m.name, name, with)
				}
			}
			if len(o.members) > 64 {
				t.Errorf("%s has more members than a word has bits", name)
			}
			if (o.by >= 0) != (o.variants != nil) || o.by >= 0 && (o.members[o.by].typ.mark == '!') != (o.usual == nil) {
				t.Errorf("%s has no variants, or none where it is not said which", name)
			}
			for _, one := range o.oneOf {
				if !slices.ContainsFunc(o.members, func(m member) bool { return m.name == one }) {
					t.Errorf("%s wants one of %q, which it does not know", name, one)
				}
			}
		}
	}
}
