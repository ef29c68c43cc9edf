package gateway

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestRedact(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		edits    []Edit
		want     string
	}{
		{"nothing", ` {"a" : 1.0} `, nil, ` {"a" : 1.0} `},
		{"whole value keeps all else", `{"a" : 1.0,  "b":{"x":[1e3, "y"]}}`, []Edit{{Where: "/b/x/1", With: "R"}}, `{"a" : 1.0,  "b":{"x":[1e3, "R"]}}`},
		{"object", `{"a":{"b":{"c":1}},"d":2}`, []Edit{{Where: "/a", With: "R"}}, `{"a":"R","d":2}`},
		{"span", `{"a":"my key is abc, ok"}`, []Edit{{Where: "/a", Span: [2]int{10, 13}, With: "***"}}, `{"a":"my key is ***, ok"}`},
		{"span in an escaped string", `{"a":"x\u0041\nsecret"}`, []Edit{{Where: "/a", Span: [2]int{3, 9}, With: "*"}}, `{"a":"xA\n*"}`},
		{"spans overlap", `{"a":"0123456789"}`, []Edit{{Where: "/a", Span: [2]int{2, 5}, With: "*"}, {Where: "/a", Span: [2]int{4, 7}, With: "*"}}, `{"a":"01*789"}`},
		{"span out of range hides all", `{"a":"short"}`, []Edit{{Where: "/a", Span: [2]int{2, 99}, With: "*"}}, `{"a":"*"}`},
		{"span on a number hides it", `{"a":4111111111111111}`, []Edit{{Where: "/a", Span: [2]int{0, 16}, With: "*"}}, `{"a":"*"}`},
		{"name", `{"secret-name":{"b":1}}`, []Edit{{Where: "/secret-name", Key: true, Span: [2]int{0, 6}, With: "*"}}, `{"*-name":{"b":1}}`},
		{"pointer escapes", `{"a/b":{"~":"x"}}`, []Edit{{Where: "/a~1b/~0", With: "R"}}, `{"a/b":{"~":"R"}}`},
		{"inside what goes anyway", `{"a":{"b":"c"}}`, []Edit{{Where: "/a", With: "R"}, {Where: "/a/b", With: "S"}}, `{"a":"R"}`},
		{"the value itself", `{"a":1}`, []Edit{{Where: "", With: "R"}}, `"R"`},
		{"replacement is quoted", `{"a":"b"}`, []Edit{{Where: "/a", With: `"}`}}, `{"a":"\"}"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Redact(json.RawMessage(tt.in), tt.edits)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestRedactRefusesAPlaceThatIsNotThere(t *testing.T) {
	if got, err := Redact(json.RawMessage(`{"a":1}`), []Edit{{Where: "/b", With: "R"}}); err == nil {
		t.Errorf("nothing was redacted and nobody told: %s", got)
	}
}

// FuzzRedact: the output is JSON, and the text that was taken out is gone.
func FuzzRedact(f *testing.F) {
	f.Add(`{"a":"x SECRET y","b":[1]}`, 2, 8)
	f.Add(`{"a":"é\u0041\ud83d\ude00"}`, 1, 3)
	f.Fuzz(func(t *testing.T, in string, from, to int) {
		if CheckJSON([]byte(in)) != nil {
			return
		}
		o, err := Split(json.RawMessage(in))
		if err != nil || len(o.Members()) == 0 {
			return
		}
		m := o.Members()[0]
		where := string(AppendPointer(nil, m.Name))
		out, err := Redact(json.RawMessage(in), []Edit{{Where: where, Span: [2]int{from, to}, With: "\x01"}})
		if err != nil {
			t.Fatal(err)
		}
		if err := CheckJSON(out); err != nil {
			t.Fatalf("%s became %s: %v", in, out, err)
		}
		s, isString := Decode(m.Value).(string)
		if !isString || from < 0 || to > len(s) || from >= to || strings.Contains(s, "\x01") {
			return
		}
		after, _ := Split(out)
		got, _ := Decode(after.Members()[0].Value).(string)
		if want := strings.ToValidUTF8(s[:from]+"\x01"+s[to:], ""); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
}
