package guard

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"toolward/gateway"
	"toolward/guard/guardtest"
)

// stopped reports whether the default configuration keeps a text at a place
// from its reader.
func stopped(t testing.TB, s *Scanner, p guardtest.Place, text string) bool {
	t.Helper()
	raw := p.Fill(text)
	if err := gateway.CheckJSON([]byte(raw)); err != nil {
		t.Fatalf("%s: %v in %.200s", p.Name, err, raw)
	}
	tool := &gateway.Tool{Kind: gateway.KindTool, Server: "demo", Name: "add", Wire: "demo__add", Definition: []byte(raw)}
	var report gateway.Report
	var err error
	switch p.Side {
	case guardtest.Sent:
		report, err = s.Request(t.Context(), newCall(t, tool, raw))
	case guardtest.Returned:
		c := newCall(t, tool, "")
		c.Result = &gateway.Result{Raw: json.RawMessage(raw)}
		report, err = s.Result(t.Context(), c)
	default:
		report.Findings, err = s.Definition(t.Context(), tool)
	}
	if err != nil {
		t.Fatalf("%s: %v", p.Name, err)
	}
	return slices.ContainsFunc(report.Findings, func(f gateway.Finding) bool { return injectionKind(f.Kind) && withheld([]gateway.Finding{f}) })
}

// TestFillerHidesNoOrder puts beside an order what is no letter, and invisible
// characters and escapes into it: while less than half of a text was letters,
// the verdict about it was dropped.
func TestFillerHidesNoOrder(t *testing.T) {
	s := newScanner(t, Options{})
	for _, d := range guardtest.Dressings() {
		part, _, _ := strings.Cut(d.Name, " after")
		beside := d.Name != part && !strings.HasSuffix(part, "brackets") && !strings.HasSuffix(part, "Han")
		if !beside && !slices.Contains([]string{"decimal entities", "hex entities", "per cent", "\\u escapes", "U+200B between letters", "U+2060 between letters",
			"U+200F between letters", "U+034F between letters", "U+E0100 between letters"}, d.Name) {
			continue
		}
		for _, p := range guardtest.Places() {
			if strings.Contains(p.Name, "name") {
				continue // at most 5 places of a kind: TestDressedOrders has them all
			}
			if !stopped(t, s, p, d.Apply(order)) {
				t.Errorf("%s, %s: not found", d.Name, p.Name)
			}
		}
	}
}

// TestDressedOrders dresses orders up in every way that is known, at every
// place: one case of so many, in turn, so that each dressing meets many orders and
// places. make dress has them all, and says which are missed.
func TestDressedOrders(t *testing.T) {
	const every = 29
	s := newScanner(t, Options{})
	n := 0
	var total, found [2]int
	for _, d := range guardtest.Dressings() {
		for _, p := range guardtest.PlacesOf(d) {
			for _, o := range guardtest.Orders() {
				if n++; n%every != 0 || d.Latin && !o.Latin() {
					continue
				}
				total[d.Reads]++
				if stopped(t, s, p, d.Apply(o.Text)) {
					found[d.Reads]++
				}
			}
		}
	}
	t.Logf("of %d orders that stand in the text %d are stopped, of %d that have to be decoded %d", total[guardtest.Plain], found[guardtest.Plain], total[guardtest.Decoder], found[guardtest.Decoder])
	if found[guardtest.Plain]*1000 < total[guardtest.Plain]*990 {
		t.Errorf("of %d orders that stand in the text %d are stopped", total[guardtest.Plain], found[guardtest.Plain])
	}
	if found[guardtest.Decoder]*100 < total[guardtest.Decoder]*95 {
		t.Errorf("of %d orders that have to be decoded %d are stopped", total[guardtest.Decoder], found[guardtest.Decoder])
	}
}

// TestOrderBehindManyShortTexts cuts an order over values behind more short texts
// than are judged together.
func TestOrderBehindManyShortTexts(t *testing.T) {
	s := newScanner(t, Options{})
	var rows []string
	for i := range 3000 {
		rows = append(rows, fmt.Sprintf("row %d is fine", i))
	}
	for _, word := range strings.SplitAfter(order, " ") {
		rows = append(rows, word+" ")
	}
	raw, err := json.Marshal(map[string]any{"structuredContent": rows})
	if err != nil {
		t.Fatal(err)
	}
	place := guardtest.Place{Name: "rows", Side: guardtest.Returned, Fill: func(text string) string { return text }}
	if !stopped(t, s, place, string(raw)) {
		t.Error("not found")
	}
}

// TestTablesGiveNoOrders scans tables that score like orders by chance: few
// words, over and over, among numbers.
func TestTablesGiveNoOrders(t *testing.T) {
	s := newScanner(t, Options{})
	for name, text := range map[string]string{
		"registers":  strings.Repeat("print(\"r0 \", hex(c.r0()), \"\\n\")\n\tprint(\"r1 \", hex(c.r1()), \"\\n\")\n", 12),
		"offsets":    strings.Repeat("0x3fd, 0x3fe, 0x400, 0x402, 0x404, 0x411, 0x412, 0x413, 0x417, 0x419, ", 12),
		"pixels":     strings.Repeat("9c9c9c00 9c9c9c08 9c9c9c10 9c9c9c18 9c9c9c20 9c9c9c29\n", 12),
		"one word":   strings.Repeat("as, as, as, as, as, as, as, as, // 0x50-0x5F\n", 12),
		"two blocks": "// Block 0x10, offset 0x400\n" + strings.Repeat("0x400: 0x127, 0x401: 0x128, 0x402: 0x129, 0x403: 0x12a,\n", 20),
	} {
		for _, p := range guardtest.Places() {
			if stopped(t, s, p, text) {
				t.Errorf("%s, %s: taken for an order", name, p.Name)
			}
		}
	}
}
