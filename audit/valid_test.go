package audit

import (
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"toolward/gateway"
)

// What strict parsers took is not looked at again: whatever it is, SQLite must take it.
// What nobody has vouched for is looked at.
func TestRoadVouchesForWhatIsStored(t *testing.T) {
	s := openStore(t)
	for name, text := range map[string]string{
		"plain": `{"a":1}`, "deep": strings.Repeat(`{"a":`, 64) + "1" + strings.Repeat("}", 64), "numbers": `{"a":[1e308,-0.0,123456789012345678901234567890]}`,
		"too deep": strings.Repeat(`{"a":[`, 600) + strings.Repeat("]}", 600), "huge": `{"a":1e999}`, "no JSON": `{"a":01}`, "cut": `{"a":"`, "duplicate": `{"a":[{"b":1,"b":2}]}`,
	} {
		raw := json.RawMessage(text)
		o, err := gateway.CheckObject(raw)
		r := gateway.NewResult(raw, &o)
		if got := err == nil && len(o.Raw()) > 0; r.Checked() != got || got != (name == "plain" || name == "deep" || name == "numbers") {
			t.Errorf("%s: checked is %v, want %v", name, r.Checked(), got)
		}
		c := newCall(t, `{}`)
		must(t, s.Record(t.Context(), gateway.PhaseAttempt, c))
		respond(c, text)
		c.Result = r
		err = s.Record(t.Context(), gateway.PhaseOutcome, c)
		if taken := storable(Raw(text)); taken != (err == nil) {
			t.Errorf("%s: recorded with %v", name, err)
		}
		if r.Checked() && !storable(Raw(text)) {
			t.Errorf("%s is checked, and no database takes it", name)
		}
		if split, err := gateway.Split([]byte(text)); err == nil && gateway.NewResult(split.Raw(), &split).Checked() {
			t.Errorf("%s: what was only split counts as checked", name)
		}
	}
	settled(t, s)
	if err := s.writer.failure(); err != nil {
		t.Error(err)
	}
}

// TestStorable compares with SQLite which texts it takes for JSON: an event that was
// appended to the journal has to get into the tables.
func TestStorable(t *testing.T) {
	s := openStore(t)
	check := func(t interface{ Errorf(string, ...any) }, text string) {
		var takes bool
		if err := s.Reader.db.QueryRow("SELECT json_valid(?)", text).Scan(&takes); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if storable(Raw(text)) && !takes {
			t.Errorf("%.80q (%d bytes): SQLite does not take it", text, len(text))
		}
		if valid := json.Valid([]byte(text)); storable(Raw(text)) != (valid && depth(Raw(text)) <= maxDepth) {
			t.Errorf("%.80q (%d bytes): encoding/json says %v", text, len(text), valid)
		}
	}
	for _, deep := range []int{2, 999, 1000, 1001, 5000} {
		for _, nested := range [][2]string{{"[", "]"}, {`{"a":`, "}"}, {`[{"[":`, "}]"}} {
			text := strings.Repeat(nested[0], deep) + "1" + strings.Repeat(nested[1], deep)
			check(t, text)
			if levels := deep * (len(nested[1])); storable(Raw(text)) != (levels <= maxDepth) {
				t.Errorf("%d levels of %s: %v", levels, nested[0], storable(Raw(text)))
			}
		}
	}
	check(t, `{"text":"`+strings.Repeat("[", 5000)+`\"{"}`)
	if !storable(Raw(`{"text":"` + strings.Repeat("[", 5000) + `\"{"}`)) {
		t.Error("brackets in a string are no levels")
	}
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOfN(rapid.OneOf(
			rapid.SampledFrom(strings.Split(`{ } [ ] : , " \ a null true false 0 -1 1.5 1e9 01 +1 .5 1. NaN Infinity 0x1 'a' // /**/ \u0041 \ud800 \x41 \n`, " ")),
			rapid.SampledFrom([]string{"\x00", "\x1f", "\x7f", "\xff", "\ufeff", "\u2028", " ", "\t", "\n", "\r", "\v", "\u00a0"}),
		), 1, 12).Draw(t, "parts")
		check(t, strings.Join(parts, ""))
		check(t, `{"a":"`+strings.Join(parts, "")+`"}`)
	})
}
