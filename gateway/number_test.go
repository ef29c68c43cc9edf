package gateway

import (
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"testing"
)

var zeros, nines = strings.Repeat("0", 500), strings.Repeat("9", 4096)

// Numbers by what becomes of them: integers are carried from anybody, what a
// double changes is carried from upstreams only, the rest from nobody.
var (
	carried = []string{
		"0", "-0", "1.0", "1e3", "-0.5E+10", "0.1", "1e22", "1E-5", "0e5", "0.000e-3", "5e-324", "1.7976931348623157e308",
		"9007199254740993", "-9007199254740993", "9223372036854775808", "12345678901234567890", "1" + zeros, nines, "-" + nines[1:],
	}
	changed = []string{
		"9007199254740993.0", "3.14159265358979323846", "12345678901234567890e1", "1e400", "1e-400", "-1E+400", "1." + zeros + "1", "0.5e-324",
	}
	unheld = []string{
		"1e50000000", "-1e50000000", "1E+50000000", "1e-99999", "1e401", "1e-401", "1e99999999999999999999", "-1e-99999999999999999999",
		"0e99999999", "0.0e-99999999", "0." + zeros + "1", "1" + zeros + ".5", "1" + zeros + "e0", "10e400", "0.01e-399", "0." + zeros + "e1001",
		nines + "9", "-" + nines, "1." + nines, strings.Repeat("1", 1<<20), "1e" + strings.Repeat("0", 1<<20) + "1", "0." + strings.Repeat("0", 1<<20),
	}
)

func TestNumbersAsTheyAre(t *testing.T) {
	for _, tt := range []struct {
		numbers         []string
		agent, upstream bool
	}{{carried, true, true}, {changed, false, true}, {unheld, false, false}} {
		for _, n := range tt.numbers {
			for _, text := range []string{`{"a":` + n + `}`, `{"a":[{"b":` + n + `}],"c":1}`} {
				args, err := ParseArgs([]byte(text))
				if (err == nil) != tt.agent {
					t.Errorf("%.40s from an agent: %v", n, err)
				}
				if err := CheckJSON([]byte(text)); (err == nil) != tt.upstream || err != nil && !errors.Is(err, ErrInside) {
					t.Errorf("%.40s from an upstream: %v", n, err)
				}
				if got := string(args.Raw()); err == nil && got != text {
					t.Errorf("%.40s became %.60s", text, got)
				}
				if v, _ := At(args.Value(), "/a"); err == nil && strings.HasPrefix(text, `{"a":`+n) && v != json.Number(n) {
					t.Errorf("%.40s is %.60v to policy and guard", n, v)
				}
			}
		}
	}
}

// The bounds say what they say: the decimal value of whatever is let through
// has at most a few thousand digits.
func FuzzNumbersThatAreHeldAreSmall(f *testing.F) {
	for _, list := range [][]string{carried, changed, unheld} {
		for _, n := range list {
			f.Add(n[:min(len(n), 100)])
		}
	}
	f.Fuzz(func(t *testing.T, n string) {
		if CheckJSON([]byte(n)) != nil || !json.Valid([]byte(n)) || strings.Trim(n, "-0123456789.eE+") != "" {
			return
		}
		r, ok := new(big.Rat).SetString(n)
		if !ok {
			t.Fatalf("%q is no number", n)
		}
		const most = (2*maxNumber + maxExponent) * 4 // bits; a digit has fewer than four
		if r.Num().BitLen() > most || r.Denom().BitLen() > most {
			t.Fatalf("%q has %d over %d bits", n, r.Num().BitLen(), r.Denom().BitLen())
		}
	})
}

func TestBrokenTextIsMended(t *testing.T) {
	for _, tt := range []struct {
		in, want string
		changed  int
	}{
		{`{"a":"plain \\ud83d \n \u00e9 \ud83d\ude00"}`, `{"a":"plain \\ud83d \n \u00e9 \ud83d\ude00"}`, 0},
		{`{"a":"cut \ud83d"}`, `{"a":"cut \ufffd"}`, 1},
		{`{"a":"\uDE00 first"}`, `{"a":"\ufffd first"}`, 1},
		{`{"a":"\ude00\ud83d"}`, `{"a":"\ufffd\ufffd"}`, 2},
		{`{"a":"\ud83d\ud83d\ude00"}`, `{"a":"\ufffd\ud83d\ude00"}`, 1},
		{`{"a":"\ud83d\u0041"}`, `{"a":"\ufffd\u0041"}`, 1},
		{`{"a":"\ud83d\\ude00"}`, `{"a":"\ufffd\\ude00"}`, 1},
		{`{"a":"\\\ud83d"}`, `{"a":"\\\ufffd"}`, 1},
		{`{"\ud800":1}`, `{"\ufffd":1}`, 1},
		{"{\"a\":\"\xff\xfe\"}", `{"a":"` + "\ufffd" + `"}`, 1},
		{"{\"a\":\"x\xc0\xafy\xed\xa0\x80z\xf0\x9f\x98\"}", `{"a":"x` + "\ufffdy\ufffdz\ufffd" + `"}`, 3},
		{"{\"a\":\"\xff\",\"b\":\"\\ud800\"}", `{"a":"` + "\ufffd" + `","b":"\ufffd"}`, 2},
		{`\`, `\`, 0}, {`"\u12"`, `"\u12"`, 0}, {"", "", 0},
	} {
		in := []byte(tt.in)
		got, n := Mend(in)
		if string(got) != tt.want || n != tt.changed {
			t.Errorf("%q: got %q, %d, want %q, %d", tt.in, got, n, tt.want, tt.changed)
		}
		if string(in) != tt.in {
			t.Errorf("%q was changed in place", tt.in)
		}
	}
}

// FuzzMend: what is mended needs no mending, and is checked to be good wherever
// only broken text was wrong.
func FuzzMend(f *testing.F) {
	for _, s := range []string{`{"a":"\ud83d"}`, "[\"\xff\"]", `"\ud83d\ude00"`, `"\\ud83d"`, `"\ude00\u"`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		mended, n := Mend(in)
		if again, m := Mend(mended); m != 0 || string(again) != string(mended) {
			t.Fatalf("%q was mended to %q and then to %q", in, mended, again)
		}
		if good := CheckJSON(in) == nil; good && n != 0 {
			t.Fatalf("good text was mended: %q", in)
		}
		var v any
		if json.Unmarshal(in, &v) != nil || CheckJSON(mended) == nil {
			return
		}
		// encoding/json mends likewise; what it takes and we do not is refused for another reason.
		if strings.Contains(CheckJSON(mended).Error(), "surrogate") || strings.Contains(CheckJSON(mended).Error(), "UTF-8") {
			t.Fatalf("%q is still broken: %v", mended, CheckJSON(mended))
		}
	})
}

func TestCanonicalKeepsIntegersApart(t *testing.T) {
	for in, want := range map[string]string{
		`{"b":1.0,"a":9007199254740993}`:                 `{"a":9007199254740993,"b":1}`,
		`{"a":9007199254740992, "b":1e2}`:                `{"a":9007199254740992,"b":100}`,
		`{"n":123456789012345678901234567890}`:           `{"n":123456789012345678901234567890}`,
		`{"n":123456789012345678901234567891}`:           `{"n":123456789012345678901234567891}`,
		`{"s":"\u0041\/","l":[0.10,{"z":1,"y":-5E-1}]}`:  `{"l":[0.1,{"y":-0.5,"z":1}],"s":"A/"}`,
		`{"\ud83d\ude00":1,"\u00e9":[true,false,null] }`: `{"é":[true,false,null],"😀":1}`,
	} {
		got, err := Canonical([]byte(in))
		if err != nil || string(got) != want {
			t.Errorf("%s: got %s, %v, want %s", in, got, err, want)
		}
	}
}
