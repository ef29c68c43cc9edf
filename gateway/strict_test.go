package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

func TestParseObjectRefusesWhatTwoReadersCouldTakeApart(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		code     Code
	}{
		{"duplicate name", `{"name":"safe","name":"danger"}`, Malformed},
		{"duplicate by escape", `{"name":"safe","\u006eame":"danger"}`, Malformed},
		{"duplicate deep inside", `{"a":{"b":[{"c":1,"c":2}]}}`, Malformed},
		{"name in another case (CVE-2026-27896)", `{"name":"safe","Name":"danger"}`, Malformed},
		{"name with long s (CVE-2026-27896)", `{"params":{},"param` + "\u017f" + `":{"name":"danger"}}`, Malformed},
		{"case among many names", `{` + names(40) + `,"NAME7":1}`, Malformed},
		{"invalid UTF-8", "{\"a\":\"\xff\xfe\"}", Malformed},
		{"overlong UTF-8", "{\"a\":\"\xc0\xaf\"}", Malformed},
		{"lone surrogate", `{"a":"\ud800"}`, Malformed},
		{"byte order mark", "\ufeff{}", Malformed},
		{"NUL between tokens", "{\x00}", Malformed},
		{"trailing value", `{} {}`, Malformed},
		{"trailing garbage", `{}x`, Malformed},
		{"array", `[]`, Malformed},
		{"string", `"a"`, Malformed},
		{"nothing", ``, Malformed},
		{"cut off", `{"a":`, Malformed},
		{"leading zero", `{"a":01}`, Malformed},
		{"NaN", `{"a":NaN}`, Malformed},
		{"2^53+1 with a point", `{"a":9007199254740993.0}`, Malformed},
		{"20 digits with an exponent", `{"a":12345678901234567890e1}`, Malformed},
		{"1e400", `{"a":1e400}`, Malformed},
		{"1e-400", `{"a":1e-400}`, Malformed},
		{"too many decimals", `{"a":3.14159265358979323846}`, Malformed},
		{"65 deep", strings.Repeat(`{"a":`, 65) + `1` + strings.Repeat(`}`, 65), TooLarge},
		{"a million brackets", `{"a":` + strings.Repeat(`[`, 1_000_000), TooLarge},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseObject([]byte(tt.in))
			var r *Refusal
			if !errors.As(err, &r) || r.Code != tt.code {
				t.Fatalf("got %v, want a refusal with code %s", err, tt.code)
			}
			if len(r.Reasons[0]) > 400 {
				t.Errorf("the reason repeats %d bytes of the attacker's", len(r.Reasons[0]))
			}
		})
	}
}

// A name that ends in NUL is the name without it to readers that end texts
// there (GHSA-q382-vc8q-7jhj): every control character, in each place of a name,
// at each depth.
func TestParseObjectRefusesControlCharactersInNames(t *testing.T) {
	var controls []rune
	for r := rune(0); r <= 0x9f; r++ {
		if r < 0x20 || r >= 0x7f {
			controls = append(controls, r)
		}
	}
	for _, r := range controls {
		for _, place := range []string{"%sname", "na%sme", "name%s", "%s"} {
			for _, around := range []string{`{%s:1}`, `{"a":{%s:1}}`, `{"a":[[{"b":{%s:[]}}]]}`} {
				forms := []string{fmt.Sprintf(`\u%04x`, r)}
				if r >= 0x7f {
					forms = append(forms, string(r))
				}
				for _, form := range forms {
					in := fmt.Sprintf(around, `"`+fmt.Sprintf(place, form)+`"`)
					if _, err := ParseObject([]byte(in)); AsRefusal("", err).Code != Malformed {
						t.Errorf("%q: got %v, want a refusal", in, err)
					}
				}
			}
		}
	}
	for _, in := range []string{`{"a":"\u0000\u009b\u007f"}`, `{"na\u00efve":1}`, `{"\u00e9t\u00e9":{"\u2028":1}}`} {
		if _, err := ParseObject([]byte(in)); err != nil {
			t.Errorf("%q: %v", in, err)
		}
	}
	if err := CheckJSON([]byte(`{"a\u0000":1}`)); err != nil {
		t.Errorf("an upstream's names decide nothing: %v", err)
	}
}

func names(n int) string {
	var all []string
	for i := range n {
		all = append(all, `"name`+string(rune('0'+i%10))+strings.Repeat("x", i/10)+`":1`)
	}
	return strings.Join(all, ",")
}

func TestParseObjectKeepsWhatIsClear(t *testing.T) {
	for _, in := range []string{
		`{}`, ` { "a" : 1 } `, `{"a":1.0,"b":1e3,"c":-0,"d":0.1,"e":9007199254740992,"f":1e22,"g":1E+2,"h":123456789012345680000}`,
		`{"n":null,"t":true,"f":false,"s":"\u00e9\ud83d\ude00","l":[1,[2,{}]]}`,
		`{"a":{"x":1},"b":{"X":1}}`,
		strings.Repeat(`{"a":`, 64) + `1` + strings.Repeat(`}`, 64),
	} {
		o, err := ParseObject([]byte(in))
		if err != nil {
			t.Errorf("%.60s: %v", in, err)
			continue
		}
		if got := string(o.Raw()); got != strings.TrimSpace(in) {
			t.Errorf("raw: got %s, want %s", got, in)
		}
	}
}

func TestUpstreamJSONMayHoldLongNumbersAndCases(t *testing.T) {
	if err := CheckJSON([]byte(`{"id":12345678901234567890,"a":1,"A":2}`)); err != nil {
		t.Error(err)
	}
	for _, in := range []string{`{"a":1,"a":2}`, "{\"a\":\"\xff\"}", `{"a":1}{`, strings.Repeat(`[`, 65) + strings.Repeat(`]`, 65)} {
		if CheckJSON([]byte(in)) == nil {
			t.Errorf("%.40s was accepted", in)
		}
	}
}

func TestObjectAccess(t *testing.T) {
	o, err := ParseObject([]byte(`{"method":"tools/call","params":{"name":"a\"b","arguments":{"n":1.0}},"x":[1]}`))
	if err != nil {
		t.Fatal(err)
	}
	params, err := o.Object("params")
	if err != nil {
		t.Fatal(err)
	}
	if s, ok, err := params.String("name"); s != `a"b` || !ok || err != nil {
		t.Errorf("name: %q %v %v", s, ok, err)
	}
	args, err := params.Args("arguments")
	if err != nil || string(args.Raw()) != `{"n":1.0}` {
		t.Errorf("arguments: %s %v", args.Raw(), err)
	}
	if n := args.Value().(map[string]any)["n"]; n != json.Number("1.0") {
		t.Errorf("value: %#v", n)
	}
	if _, err := o.Args("x"); err == nil {
		t.Error("an array passed for arguments")
	}
	if _, _, err := o.String("params"); err == nil {
		t.Error("an object passed for a string")
	}
	if got := string(o.ArgsWithout("params").Raw()); got != `{"method":"tools/call","x":[1]}` {
		t.Errorf("without: %s", got)
	}
	for _, known := range []string{"Method", "PARAMS", "paramS"} {
		if err := o.RefuseFolded("id", known); err == nil {
			t.Errorf("what differs from %s only in case passed", known)
		}
	}
	if o, err = ParseObject([]byte(`{"tas\u212a":1,"u\u017fe":2,"x":3}`)); err != nil {
		t.Fatal(err)
	}
	for _, known := range []string{"task", "use", "X"} {
		if err := o.RefuseFolded("id", known); err == nil {
			t.Errorf("what folds to %s passed", known)
		}
	}
}

// depth is how deep brackets nest, strings aside.
func depth(in []byte) int {
	dec := jsontext.NewDecoder(bytes.NewReader(in))
	most := 0
	for {
		if _, err := dec.ReadToken(); err != nil {
			return most
		}
		most = max(most, dec.StackDepth())
	}
}

// A part of an upstream's text can be wrong without the whole being lost, where
// entries of lists stand.
func TestWhatIsWrongInside(t *testing.T) {
	nested := func(n int) string { return strings.Repeat(`{"a":[`, n/2) + strings.Repeat(`]}`, n/2) }
	entry := func(text string) string { return `{"id":1,"result":{"tools":[{"name":"a"},` + text + `]}}` }
	for name, tt := range map[string]struct {
		text   string
		inside bool
	}{
		"a name twice in the message":       {`{"id":1,"id":2,"result":{}}`, false},
		"a name twice in the result":        {`{"id":1,"result":{"tools":[],"tools":[{}]}}`, false},
		"a name twice in an entry":          {entry(`{"x":1,"x":1}`), true},
		"a name twice deep in an entry":     {entry(`{"x":{"y":[{"z":1,"z":2}]}}`), true},
		"a name twice among many":           {entry(`{` + strings.Repeat(`"x":1,`, 100) + `"y":2}`), true},
		"an entry of 70 levels":             {entry(nested(70)), true},
		"an entry of 9,990 levels":          {entry(nested(9990)), true},
		"an entry of 100,000 levels":        {entry(nested(100_000)), false},
		"levels that do not end":            {entry(strings.Repeat(`[`, 200)), false},
		"levels that end otherwise":         {entry(strings.Repeat(`[`, 200) + strings.Repeat(`}`, 200)), false},
		"a number":                          {`{"id":1,"result":1e999999}`, true},
		"a number, and after it no JSON":    {entry(`{"x":1e999999,}`), false},
		"a name twice, and after it a word": {entry(`{"x":1,"x":2,"y":nul}`), false},
	} {
		err := CheckJSON([]byte(tt.text))
		if err == nil || errors.Is(err, ErrInside) != tt.inside {
			t.Errorf("%s: %.200v", name, err)
		}
		if o, err := Split([]byte(tt.text)); tt.inside && (err != nil || len(o.Members()) != 2) {
			t.Errorf("%s: cannot be split: %v", name, err)
		}
		if _, err := ParseObject([]byte(tt.text)); err == nil || errors.Is(err, ErrInside) {
			t.Errorf("%s: from an agent: %v", name, err)
		}
	}
}

// FuzzParseObject holds the strict parser against jsontext, which agrees on
// what is valid, and encoding/json: what is accepted means the same to both,
// and what is split joins to the same value.
func FuzzParseObject(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":1}`, `{"a":{"b":[1,2.5e3,"x\u0041",null,true]},"c":"é"}`, `{"a":1,"A":2}`, `{"a":12345678901234567890}`,
		`{"\u0061":"\ud83d\ude00","b":"\ud800"}`, `{"long name with é":[-0.5E+10,"\\\"/\b"]}`, ` [ ] `, `{"` + strings.Repeat("x", 30) + "\x01" + `":1}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		general := jsontext.Value(in).IsValid() && len(in) > 0
		err := CheckJSON(in)
		if fine := general && depth(in) <= MaxDepth; err == nil && !fine || fine && err != nil && !errors.Is(err, ErrInside) {
			t.Fatalf("CheckJSON says %v, jsontext says %v", err, general)
		}
		if _, split := Split(in); errors.Is(err, ErrInside) && (!json.Valid(in) || split != nil && in[0] == '{') {
			t.Fatalf("CheckJSON says %v of what is no JSON, or cannot be split: %v", err, split)
		}
		o, err := ParseObject(in)
		if err != nil {
			return
		}
		if !utf8.Valid(in) {
			t.Fatal("accepted invalid UTF-8")
		}
		var std map[string]json.RawMessage
		if err := json.Unmarshal(in, &std); err != nil {
			t.Fatalf("encoding/json refuses what was accepted: %v", err)
		}
		if len(std) != len(o.Members()) {
			t.Fatalf("encoding/json sees %d members, we %d", len(std), len(o.Members()))
		}
		again, err := ParseObject(JoinMembers(o.Members()))
		if err != nil {
			t.Fatalf("joined: %v", err)
		}
		for i, m := range o.Members() {
			if n := again.Members()[i]; n.Name != m.Name || string(n.Value) != string(m.Value) {
				t.Fatalf("member %d: %q became %q", i, m, n)
			}
		}
	})
}

func BenchmarkParseObject(b *testing.B) {
	body := `{"jsonrpc":"2.0","id":17,"method":"tools/call","params":{"name":"files__read","arguments":{"path":"/srv/docs/a.txt","text":"` + strings.Repeat("lorem ipsum ", 80) + `"}}}`
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseObject([]byte(body)); err != nil {
			b.Fatal(err)
		}
	}
}
