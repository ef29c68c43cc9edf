package guard

import (
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"toolward/guard/guardtest"
)

// gzipped is a text in gzip in base64.
func gzipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write([]byte(text)) // a buffer always takes it
	w.Close()
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

// budgets are what each use up one of the limits of decoding: how many decodings,
// how many bytes, how many bytes unpacked, how many attempts to unpack, how many
// marks, what is hidden in a row.
var budgets = []struct {
	name   string
	filler func(i int) string
}{
	{"base64", func(i int) string {
		return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "a harmless remark %d", i))
	}},
	{"hex", func(i int) string { return hex.EncodeToString(fmt.Appendf(nil, "a harmless remark %d", i)) }},
	{"base64 in base64", func(i int) string {
		return base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "a harmless remark %d", i))))
	}},
	{"gzip", func(i int) string { return gzipped(fmt.Sprintf("a harmless remark %d", i)) }},
	{"gzip that grows", func(i int) string { return gzipped(strings.Repeat(fmt.Sprintf("a harmless remark %d. ", i), 500)) }},
	{"digests", func(i int) string {
		sum := sha512.Sum512(fmt.Append(nil, i))
		return base64.StdEncoding.EncodeToString(sum[:])
	}},
	{"tags far apart", func(i int) string { return strings.Repeat("plain words ", 12) + "\U000e0061\U000e0062" }},
	{"escapes far apart", func(i int) string { return strings.Repeat("plain words ", 12) + "%61" }},
	{"joined words", func(i int) string { return fmt.Sprintf("a_harmless_remark_about_the_weather_no_%d", i) }},
	{"letters apart", func(i int) string { return "h a r m l e s s | n o t e | plain words" }},
	{"near misses", func(i int) string {
		return "ignore the noise of all previous and former instructions that engines make"
	}},
	{"rule words", func(i int) string { return "ignore disregard system instructions user secret" }},
}

// TestFillersUseUpNoBudget puts so many harmless encoded words before an encoded
// order, behind it, or around it that a limit of decoding is reached. With 64 of
// them the order was left undecoded, and nothing but hidden.truncated said so.
func TestFillersUseUpNoBudget(t *testing.T) {
	if raceEnabled {
		t.Skip("one goroutine races with none")
	}
	s := newScanner(t, Options{})
	dresses := []struct {
		name string
		put  func(string) string
	}{
		{"plain", func(o string) string { return o }},
		{"base64", func(o string) string { return base64.StdEncoding.EncodeToString([]byte(o)) }},
		{"hex", func(o string) string { return hex.EncodeToString([]byte(o)) }},
		{"gzip", gzipped},
		{"base64 seven times over", func(o string) string {
			for range 7 {
				o = base64.StdEncoding.EncodeToString([]byte(o))
			}
			return o
		}},
		{"tags", func(o string) string {
			return strings.Map(func(r rune) rune { return 0xe0000 + r }, o)
		}},
	}
	for _, p := range guardtest.Places() {
		if p.Name != "block" && p.Name != "argument" && p.Name != "description" {
			continue
		}
		for _, b := range budgets {
			for _, n := range []int{3, 20, 70, 500} {
				var fill strings.Builder
				for i := range n {
					fill.WriteString(b.filler(i))
					fill.WriteByte('\n')
				}
				for _, d := range dresses {
					o := d.put(order)
					for where, text := range map[string]string{"before": fill.String() + o, "behind": o + "\n" + fill.String(), "around": fill.String() + o + "\n" + fill.String()} {
						if !stopped(t, s, p, text) {
							t.Errorf("%s: %d of %s %s an order in %s: not found", p.Name, n, b.name, where, d.name)
						}
					}
				}
			}
		}
	}
}

// TestFillersAreNoOrder: what uses up a limit is harmless, and is let through
// where all of it was read.
func TestFillersAreNoOrder(t *testing.T) {
	s := newScanner(t, Options{})
	for _, p := range guardtest.Places() {
		if p.Name != "block" {
			continue
		}
		for _, b := range budgets {
			if b.name == "tags far apart" || b.name == "near misses" || b.name == "rule words" {
				continue // no text of these is harmless
			}
			for _, n := range []int{3, 20, 70, 500} {
				var fill strings.Builder
				for i := range n {
					fill.WriteString(b.filler(i))
					fill.WriteByte('\n')
				}
				if b.name != "gzip that grows" && stopped(t, s, p, fill.String()) {
					t.Errorf("%d of %s are stopped", n, b.name)
				}
			}
		}
	}
}
