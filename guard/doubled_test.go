package guard

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"toolward/gateway"
)

// planted are what detectors find in a text, each with what must not be let through.
var planted = map[string]string{
	"an order":     order,
	"a credential": "the key is AKIA" + "Q3EGRZ7TOOLWARD5 for now",
	"a card":       "her card is 4111 1111 1111 1111, to be charged",
	"a mail":       "write to anna.kurz@personal.example today",
	"escapes":      "\"quoted\"\nlines\tand \\ \u00e9 \U0001f600 the key is AKIA" + "Q3EGRZ7TOOLWARD5",
}

// around puts a text at the begin, in the middle and at the end of a long harmless one.
func around(text string) map[string]string {
	filler := strings.Repeat("The report of the quarter is \"done\", with all of its tables.\n", 40)
	return map[string]string{"begin": text + "\n" + filler, "middle": filler + text + "\n" + filler, "end": filler + text, "alone": text}
}

func encoded(t testing.TB, v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// said are a result that says a text twice, in every way in which servers do.
func said(t testing.TB, text string) map[string]string {
	rows := map[string]any{"n": 1, "log": text, "more": []string{"a", "b"}}
	indented, err := json.MarshalIndent(rows, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	block := func(s string) string { return `{"type":"text","text":` + encoded(t, s) + `}` }
	return map[string]string{
		"the same text":      `{"content":[` + block(text) + `],"structuredContent":{"result":` + encoded(t, text) + `}}`,
		"as JSON":            `{"content":[` + block(encoded(t, rows)) + `],"structuredContent":` + encoded(t, rows) + `}`,
		"as indented JSON":   `{"content":[` + block(string(indented)) + `],"structuredContent":` + encoded(t, rows) + `}`,
		"structured first":   `{"structuredContent":` + encoded(t, rows) + `,"content":[` + block(encoded(t, rows)) + `]}`,
		"in two blocks":      `{"content":[` + block(encoded(t, rows)) + `,` + block(encoded(t, rows)) + `],"structuredContent":` + encoded(t, rows) + `}`,
		"in a list of texts": `{"content":[` + block(encoded(t, []string{text, text})) + `],"structuredContent":{"result":` + encoded(t, []string{text, text}) + `}}`,
		"not the same":       `{"content":[` + block(text+" ") + `],"structuredContent":{"result":` + encoded(t, text) + `}}`,
	}
}

// TestWhatIsSaidTwice holds results that say the same twice against the same detectors
// which read every place: what is found is the same, at each place.
func TestWhatIsSaidTwice(t *testing.T) {
	s := newScanner(t, Options{})
	for what, plant := range planted {
		for where, text := range around(plant) {
			for how, raw := range said(t, text) {
				name := fmt.Sprintf("%s, %s, %s", what, where, how)
				c := newCall(t, demo, "")
				c.Result = &gateway.Result{Raw: json.RawMessage(raw)}
				once, err := s.Result(t.Context(), c)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				each, err := eachPlace(s, t, c)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if diff := cmp.Diff(summary(each.Findings), summary(once.Findings), cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("%s: read at each place, and once:\n%s", name, diff)
				}
			}
		}
	}
}

// eachPlace is what is found in a result of which every place is read.
func eachPlace(s *Scanner, t testing.TB, c *gateway.Call) (gateway.Report, error) {
	sc := s.start(t.Context(), c, gateway.StageResult, false)
	return sc.run(func() { sc.json(c.Result.Bytes()) })
}

// summary is which rules a place has findings of, and what of them is done, without
// where in the text: of an order windows are found, which differ with what is around it.
func summary(findings []gateway.Finding) map[string]bool {
	all := map[string]bool{}
	for _, f := range findings {
		all[fmt.Sprintf("%s at %s: %s", f.Kind, f.Where, f.Action)] = true
	}
	return all
}

// Credentials and personal data are taken out at both places.
func TestWhatIsSaidTwiceIsTakenOutTwice(t *testing.T) {
	s := newScanner(t, Options{Actions: map[gateway.FindingKind]gateway.Action{gateway.FindingPII: gateway.ActionRedact}})
	for what, plant := range planted {
		if what == "an order" {
			continue
		}
		secret := map[string]string{"a credential": "Q3EGRZ7", "escapes": "Q3EGRZ7", "a card": "4111 1111", "a mail": "anna.kurz"}[what]
		for where, text := range around(plant) {
			for how, raw := range said(t, text) {
				c := newCall(t, demo, "")
				c.Result = &gateway.Result{Raw: json.RawMessage(raw)}
				report, err := s.Result(t.Context(), c)
				if err != nil {
					t.Fatal(err)
				}
				var edits []gateway.Edit
				for _, f := range report.Findings {
					if f.Action.TakesOut() {
						edits = append(edits, gateway.Edit{Where: f.Where, Key: f.Key, Span: f.Span, With: "[out]"})
					}
				}
				out, err := gateway.Redact(c.Result.Raw, edits)
				if err != nil || strings.Contains(string(out), secret) {
					t.Errorf("%s, %s, %s: %v, %.300s", what, where, how, err, out)
				}
				if left := strings.Count(string(out), "quarter"); left != strings.Count(raw, "quarter") {
					t.Errorf("%s, %s, %s: %d of %d lines are left", what, where, how, left, strings.Count(raw, "quarter"))
				}
			}
		}
	}
}

// Under each of the names that say nothing a text reads as under the others.
func TestUnspokenNamesSayNothing(t *testing.T) {
	s := newScanner(t, Options{})
	texts := []string{strings.Repeat("word ", 30), "q8Zr2LxV" + "0pTn6KsWd3FyQm5Bv7Xc9Rt1Ue4Ha2Jk", "4111 1111 1111 1111", "0049 170 1234567", "DE89 3704 0044 0532 0130 00", "key: q8Zr2LxV" + "0pTn6KsWd3Fy"}
	for _, text := range planted {
		texts = append(texts, text)
	}
	for _, text := range texts {
		want := ""
		for _, name := range unspoken {
			c := newCall(t, demo, "")
			c.Result = &gateway.Result{Raw: json.RawMessage(`{"structuredContent":{"` + name + `":` + encoded(t, text) + `}}`)}
			report, err := s.Result(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, f := range report.Findings {
				got += fmt.Sprintln(f.Rule, f.Span, f.Score, f.Action)
			}
			if name == unspoken[0] {
				want = got
			} else if got != want {
				t.Errorf("%.40q under %s: %s, under %s: %s", text, name, got, unspoken[0], want)
			}
		}
	}
}

// FuzzEscapedOffsets: so many bytes into a text is where the JSON of that many bytes ends.
func FuzzEscapedOffsets(f *testing.F) {
	for _, text := range planted {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		text = strings.ToValidUTF8(text, "")
		whole := encoded(t, text)
		for at := range text {
			want := len(encoded(t, text[:at])) - 2
			if got := escapedOffsets(whole[1:], []int{0, at / 2, at})[2]; got != want {
				t.Errorf("%d of %s is %d, want %d", at, whole, got, want)
			}
		}
	})
}

func TestEscapesOfTwo(t *testing.T) {
	for _, c := range []struct {
		json     string
		at, want int
	}{
		{`\ud83d\ude00x"`, 4, 12}, {`a\u00e9b"`, 3, 7}, {`\\u0041"`, 1, 2}, {`\\u0041"`, 2, 3}, {`\n\t"x`, 9, 4}, {`\u2028y"`, 3, 6},
	} {
		if got := escapedOffsets(c.json, []int{c.at})[0]; got != c.want {
			t.Errorf("%d of %s is %d, want %d", c.at, c.json, got, c.want)
		}
	}
}

// What encloses a text may say what it is, and then each of its places is read.
func TestWhatEnclosesATextIsHeard(t *testing.T) {
	s := newScanner(t, Options{})
	key := strings.Repeat("q8Zr2LxV"+"0pTn6KsWd3FyQm5Bv7Xc9Rt1Ue4Ha2Jk", 2)[:70]
	for _, name := range unspoken {
		c := newCall(t, demo, "")
		c.Result = &gateway.Result{Raw: json.RawMessage(`{"content":[{"type":"text","text":"` + key + `"}],"structuredContent":{"password":{"` + name + `":"` + key + `"}}}`)}
		once, err := s.Result(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		each, err := eachPlace(s, t, c)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(summary(each.Findings), summary(once.Findings), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("password/%s: read at each place, and once:\n%s", name, diff)
		}
	}
}

// BenchmarkManyFindingsTwice is a result of findings and little else, as JSON as well:
// where each stands there is not counted from the start.
func BenchmarkManyFindingsTwice(b *testing.B) {
	s := newScanner(b, Options{})
	for _, kib := range []int{64, 256} {
		text := strings.Repeat("anna.kurz@personal.example, ", kib<<10/28)
		c := newCall(b, demo, "")
		c.Result = &gateway.Result{Raw: json.RawMessage(said(b, text)["as JSON"])}
		b.Run(fmt.Sprint(kib, "KiB"), func(b *testing.B) {
			for b.Loop() {
				if _, err := s.Result(b.Context(), c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkSaidTwice is a result of 16 KiB that is said once, and twice.
func BenchmarkSaidTwice(b *testing.B) {
	s := newScanner(b, Options{})
	text := strings.Repeat("The report of the quarter is done, with all of its tables.\n", 280)
	all := said(b, text)
	all["once"] = `{"content":[{"type":"text","text":` + encoded(b, text) + `}]}`
	for _, how := range []string{"once", "the same text", "as JSON"} {
		c := newCall(b, demo, "")
		c.Result = &gateway.Result{Raw: json.RawMessage(all[how])}
		b.Run(how, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Result(b.Context(), c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
