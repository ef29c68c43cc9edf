package gateway

import (
	"bytes"
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
)

// texts that JSON writes in more than one way.
var spelled = []string{
	`{}`, `[]`, ` { "a" : [ 1 , -2.50 , 1e3 , true , false , null , "x" ] } `, `"plain"`, `""`, `7`, `null`,
	`{"a\"b":"c\\","d\\\\":"\\\"","e":"\/\b\f\n\r\t"}`, `{"\u0061":"\u00e9\uD83D\uDE00\u0000","é":"ü\u005b"}`,
	`{"a":{"b/c":[{"d~e":"f"},[["g"]]]},"":""}`, `{"a":1,"a":2}`, `[[],{},[{}],"]","}","\""]`,
	`{"id":1,"params":{"a":1,"b":{"c":2},"\u0064":[{"e":3}]},"result":{"f":4}}`, `{"result":[],"params":{}}`, `{"a":{"params":{"b":1}},"p\u0061rams":{"c":1}}`,
	`{"text":"` + strings.Repeat(`line \"of\" text\n`, 400) + `","n":"` + strings.Repeat("x", 30) + `"}`,
}

// decodeGeneral is [Decode] by a tokenizer that somebody else wrote.
func decodeGeneral(dec *jsontext.Decoder) any {
	tok, err := dec.ReadToken()
	if err != nil {
		panic(err)
	}
	switch tok.Kind() {
	case '{':
		m := map[string]any{}
		for dec.PeekKind() == '"' {
			name := decodeGeneral(dec).(string)
			m[name] = decodeGeneral(dec)
		}
		_, _ = dec.ReadToken()
		return m
	case '[':
		s := []any{}
		for dec.PeekKind() != ']' {
			s = append(s, decodeGeneral(dec))
		}
		_, _ = dec.ReadToken()
		return s
	case '"':
		return tok.String()
	case '0':
		return json.Number(tok.String())
	case 't', 'f':
		return tok.Bool()
	}
	return nil
}

// textsGeneral is [eachText] by the same.
func textsGeneral(in []byte) (all []string) {
	dec := jsontext.NewDecoder(bytes.NewBuffer(in), jsontext.AllowDuplicateNames(true))
	for {
		tok, err := dec.ReadToken()
		if err != nil {
			return all
		}
		if tok.Kind() == '"' {
			kind, n := dec.StackIndex(dec.StackDepth())
			all = append(all, fmt.Sprintf("%s %v %q", dec.StackPointer(), kind == '{' && n%2 == 1, tok.String()))
		}
	}
}

// FuzzDecode holds what the gateway reads of checked JSON against a general
// tokenizer: the decoded value, the texts in order, and members that are found by
// name against those of the object that is split.
func FuzzDecode(f *testing.F) {
	for _, s := range spelled {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if got := Decode(in); CheckJSON(in) != nil {
			_ = got // what is not checked only must not hang or panic
			eachText(in, func(where func() string, _ bool, _ string) { where() })
			Find(in, "a")
			Elements(in)
			return
		}
		general := jsontext.NewDecoder(bytes.NewBuffer(in), jsontext.AllowDuplicateNames(true))
		if d := cmp.Diff(decodeGeneral(general), Decode(in)); d != "" {
			t.Fatalf("decoded (-general +ours)\n%s", d)
		}
		var texts []string
		eachText(in, func(where func() string, key bool, text string) {
			texts = append(texts, fmt.Sprintf("%s %v %q", where(), key, text))
		})
		if d := cmp.Diff(textsGeneral(in), texts); d != "" {
			t.Fatalf("texts (-general +ours)\n%s", d)
		}
		o, err := Split(in)
		checked, strict := CheckObject(in)
		if (err == nil) != (strict == nil) {
			t.Fatalf("Split says %v, CheckObject %v", err, strict)
		}
		if d := cmp.Diff(o.Members(), checked.Members()); d != "" {
			t.Fatalf("members (-Split +CheckObject)\n%s", d)
		}
		wantBody(t, checked)
		for _, m := range o.Members() {
			if got, ok := Find(in, m.Name); !ok || !bytes.Equal(got, m.Value) {
				t.Fatalf("%q is %s, found %s %v", m.Name, m.Value, got, ok)
			}
		}
		var items []json.RawMessage
		isArray := bytes.HasPrefix(bytes.TrimLeft(in, " \t\r\n"), []byte("[")) && json.Unmarshal(in, &items) == nil
		got, ok := Elements(in)
		if ok != isArray || len(got) != len(items) {
			t.Fatalf("%d elements %v, encoding/json has %d %v", len(got), ok, len(items), isArray)
		}
		for i := range got {
			if !bytes.Equal(got[i], items[i]) {
				t.Fatalf("element %d is %s, encoding/json has %s", i, got[i], items[i])
			}
		}
		if got, ok := Find(in, "no such name"); ok && !strings.Contains(string(in), "such") {
			t.Fatalf("found %s", got)
		}
	})
}

// wantBody holds what was split on the way against what is split by itself.
func wantBody(t *testing.T, o Object) {
	t.Helper()
	i := slices.IndexFunc(o.Members(), func(m Member) bool {
		return (m.Name == "params" || m.Name == "result") && len(splitOf(m.Value)) > 0
	})
	if body := o.Body(); i < 0 != (body == nil) || i >= 0 && (cmp.Diff(splitOf(o.Members()[i].Value), body.Members()) != "" || &body.raw[0] != &o.Members()[i].Value[0]) {
		t.Fatalf("%s has the body %+v", o.Raw(), o.Body())
	}
}

func splitOf(raw json.RawMessage) []Member {
	o, err := Split(raw)
	if err != nil {
		return nil
	}
	return o.Members()
}

// A member of a result is that of its bytes, also once these were written anew.
func TestMemberOfResult(t *testing.T) {
	o, err := CheckObject([]byte(`{"id":1,"result":{"a":1,"\u0062":[2]},"params":{"a":3}}`))
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := o.Get("result")
	split := NewResult(raw, o.Body())
	anew := *split
	anew.Raw = json.RawMessage(`{"a":7,"\u0062":[2]}`)
	if !split.Checked() || anew.Checked() || (&Result{Raw: raw}).Checked() {
		t.Error("a result is checked as it came, and not when it was written anew, or not split")
	}
	for want, r := range map[string]*Result{"1": split, "7": &anew, "8": {Raw: json.RawMessage(`{"b":[2],"a":8}`)}} {
		if got, ok := r.Member("a"); !ok || string(got) != want {
			t.Errorf("a is %s %v, want %s", got, ok, want)
		}
		if got, ok := r.Member("b"); !ok || string(got) != "[2]" {
			t.Errorf("b is %s %v", got, ok)
		}
		if got, ok := r.Member("c"); ok {
			t.Errorf("c is %s", got)
		}
	}
	if got, ok := (&Result{Error: json.RawMessage(`{"a":1}`)}).Member("a"); ok {
		t.Errorf("an error has the member %s", got)
	}
}

// A text that is kept does not keep a long value with it.
func TestDecodePinsLittle(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	kept, before := make([]any, 64), heap()
	for i := range kept {
		in := fmt.Appendf(nil, `{"key":"%d","n":%d,"long":"%s"}`, i, i, long)
		m := Decode(in).(map[string]any)
		kept[i] = []any{m["key"], m["n"]}
	}
	if grew := heap() - before; grew > 4<<20 {
		t.Errorf("64 short texts keep %d bytes", grew)
	}
	runtime.KeepAlive(kept)
}

// However a name is spelled, the search of the bytes does not overlook it.
func TestMayNameKnowsEverySpelling(t *testing.T) {
	for _, raw := range []string{
		`{"a.b/task-id":1}`, `{"a.b\/task-id":1}`, `{"a.b/task\u002did":1}`, `{"x":[{"\u0061.b/task-id":1}]}`,
	} {
		if !MayName([]byte(raw), "a.b/task-id") {
			t.Errorf("%s is overlooked", raw)
		}
	}
	if raw := `{"a.b/task":"\/ \" \\"}`; MayName([]byte(raw), "taskid") {
		t.Errorf("%s may name what it has not", raw)
	}
}
