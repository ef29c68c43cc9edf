//go:build e2e

package attacks

import (
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"toolward/e2e/lab"
	"toolward/guard/guardtest"
)

func base64Of(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// gzipOf is a text in gzip in base64.
func gzipOf(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write([]byte(s)) // a buffer always takes it
	w.Close()
	return base64Of(b.String())
}

// fillers each use up one of the limits of what is decoded, or of what rules look at:
// how many decodings, how many bytes of them, how deep, how many bytes unpacked, how many
// attempts to, what is hidden, what is found. What they say is harmless.
var fillers = []struct {
	name string
	word func(i int) string
	read bool // all of it is read, however many there are: it is delivered alone
}{
	{"encoded words", func(i int) string { return base64Of(fmt.Sprintf("a harmless remark %d", i)) }, true},
	{"hexadecimal words", func(i int) string { return hex.EncodeToString(fmt.Appendf(nil, "a harmless remark %d", i)) }, true},
	{"words encoded twice", func(i int) string { return base64Of(base64Of(fmt.Sprintf("a harmless remark %d", i))) }, true},
	{"packed words", func(i int) string { return gzipOf(fmt.Sprintf("a harmless remark %d", i)) }, true},
	{"packed words that grow", func(i int) string { return gzipOf(strings.Repeat(fmt.Sprintf("a harmless remark %d. ", i), 500)) }, false},
	{"long encoded texts", func(i int) string { return base64Of(strings.Repeat(fmt.Sprintf("a harmless remark %d. ", i), 60)) }, true},
	{"digests", func(i int) string {
		sum := sha512.Sum512(fmt.Append(nil, i))
		return base64.StdEncoding.EncodeToString(sum[:])
	}, true},
	{"escapes far apart", func(i int) string { return strings.Repeat("plain words ", 12) + "%61" }, true},
	{"joined words", func(i int) string { return fmt.Sprintf("a_harmless_remark_about_the_weather_no_%d", i) }, true},
	{"letters apart", func(i int) string { return "h a r m l e s s | n o t e | plain words" }, true},
	{"links", func(i int) string { return fmt.Sprintf("https://docs.example/guide/page-%d?from=index&lang=en", i) }, true},
	{"mail addresses", func(i int) string { return fmt.Sprintf("team-%d@example.com", i) }, true},
	{"tags far apart", func(i int) string { return strings.Repeat("plain words ", 12) + "\U000e0061\U000e0062" }, false},
	{"near misses of a rule", func(int) string { return "ignore the noise of all previous and former instructions that engines make" }, false},
	{"words of rules", func(int) string { return "ignore disregard system instructions user secret" }, false},
}

// filling is n words of a filler, a line each.
func filling(word func(int) string, n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(word(i) + "\n")
	}
	return b.String()
}

// TestFillersBeforeAnOrder has an upstream write fillers before an order, behind it and around it,
// few and many, and an agent send them. After 64 encoded words the order was delivered.
func TestFillersBeforeAnOrder(t *testing.T) {
	order := guardtest.Orders()[0].Text
	dresses := map[string]func(string) string{"plain": func(s string) string { return s }, "in base64": base64Of, "in hex": func(s string) string { return hex.EncodeToString([]byte(s)) }, "in gzip": gzipOf}
	texts := map[string]string{}
	var names, sent []string
	for _, f := range fillers {
		for _, n := range []int{10, 70, 700} {
			for how, dress := range dresses {
				words, o := filling(f.word, n), dress(order)
				for place, text := range map[string]string{"before": words + o, "behind": o + "\n" + words, "around": words + o + "\n" + words} {
					if n == 10 && place != "before" {
						continue
					}
					name := fmt.Sprintf("%d %s %s an order %s", n, f.name, place, how)
					names, texts[name] = append(names, name), text
					if n == 70 && place == "before" {
						sent = append(sent, name)
					}
				}
			}
		}
	}
	slices.Sort(names)
	g, up := startSly(t, nil, func(args json.RawMessage) string {
		var params struct{ Name string }
		_ = json.Unmarshal(args, &params) // it is the test's own
		return texts[params.Name]
	})
	for _, name := range names {
		if a := lab.CallREST(t, g, g.Tester(), "sly__say", `{"name":`+inJSON(t, name)+`}`); a.Code != "withheld" {
			t.Errorf("%s: the result was delivered: %q, %.200s", name, a.Code, a.Text)
		}
	}
	before := len(up.Got("tools/call"))
	for _, name := range sent {
		if a := lab.CallREST(t, g, g.Tester(), "sly__say", `{"text":`+inJSON(t, texts[name])+`}`); a.Code == "" {
			t.Errorf("%s: the arguments were sent", name)
		}
	}
	if n := len(up.Got("tools/call")) - before; n != 0 {
		t.Errorf("%d calls reached the upstream", n)
	}
	g.CheckAlive(t)
}

// What uses up a limit is no order: as long as all of it is read, it is delivered. What is not read
// to its end is not, whatever it says: a budget that is spent is a suspicion.
func TestFillersAlone(t *testing.T) {
	texts := map[string]string{}
	for _, f := range fillers {
		for _, n := range []int{64, 65, 700} {
			texts[fmt.Sprintf("%d %s", n, f.name)] = filling(f.word, n)
		}
	}
	g, _ := startSly(t, nil, func(args json.RawMessage) string {
		var params struct{ Name string }
		_ = json.Unmarshal(args, &params) // it is the test's own
		return texts[params.Name]
	})
	for _, f := range fillers {
		for _, n := range []int{64, 65, 700} {
			name := fmt.Sprintf("%d %s", n, f.name)
			a := lab.CallREST(t, g, g.Tester(), "sly__say", `{"name":`+inJSON(t, name)+`}`)
			if f.read && a.Code != "" {
				t.Errorf("%s: %s", name, a.Code)
			}
		}
	}
	// Seventy bytes in base64 in base64 … are not read to the end, and may be anything.
	deep := "a harmless remark"
	for range 12 {
		deep = base64Of(deep)
	}
	texts["deep"] = deep
	if a := lab.CallREST(t, g, g.Tester(), "sly__say", `{"name":"deep"}`); a.Code != "withheld" {
		t.Errorf("what is not read to its end is delivered: %q", a.Code)
	}
}

// What is read is the longest first: behind and before more short encoded words than are decoded, a
// long order is, and behind a long harmless one the short order is not let through.
func TestOrderAmongMoreThanIsDecoded(t *testing.T) {
	orders := guardtest.Orders()
	long := ""
	for _, o := range orders[:4] {
		long += o.Text + " "
	}
	short := filling(func(i int) string { return base64Of(fmt.Sprintf("a remark %d", i)) }, 5000)
	texts := map[string]string{
		"a long one behind many short":   short + base64Of(long),
		"a long one before many short":   base64Of(long) + "\n" + short,
		"one among them":                 short + base64Of(long) + "\n" + short,
		"a short one behind a very long": base64Of(strings.Repeat("The report of the quarter is attached, with all of its tables. ", 8000)) + "\n" + base64Of(orders[0].Text),
		"a short one before a very long": base64Of(orders[0].Text) + "\n" + base64Of(strings.Repeat("The report of the quarter is attached, with all of its tables. ", 8000)),
		"a short one behind many long":   filling(func(i int) string { return base64Of(strings.Repeat(fmt.Sprintf("Remark %d of many. ", i), 300)) }, 60) + base64Of(orders[0].Text),
	}
	g, _ := startSly(t, nil, func(args json.RawMessage) string {
		var params struct{ Name string }
		_ = json.Unmarshal(args, &params) // it is the test's own
		return texts[params.Name]
	})
	for name := range texts {
		if a := lab.CallREST(t, g, g.Tester(), "sly__say", `{"name":`+inJSON(t, name)+`}`); a.Code != "withheld" {
			t.Errorf("%s: the result was delivered: %q", name, a.Code)
		}
	}
	g.CheckAlive(t)
}
