package reading

import (
	"math/rand/v2"
	"slices"
	"testing"

	"toolward/guard/decode/sieve"
)

// plainRegions scores one character after the other, with nothing stepped over.
func plainRegions(text []byte, f func(lo, hi int)) {
	score, start, marked, last := 0, 0, false, uint8(other)
	lonely, done, token := 0, 0, 0
	for i, c := range text {
		class := oddClass[c]
		w := weight[last][class]
		if token++; class == other || class == odd {
			token = 0
		} else if token > longToken {
			w += 4
		}
		if w == 0 && class != other && last == other && i >= 2 && oddClass[text[i-2]] != other && lonely > 0 {
			w = 4
		}
		if class != other && last == other {
			lonely++
		} else if class != other {
			lonely = 0
		}
		last = class
		if w == 0 && score == 0 {
			continue
		}
		if score == 0 {
			start = i
		}
		score = min(score+w-1, sieveMax)
		marked = marked || score >= sieveMark
		if score <= 0 {
			if marked {
				f(backTo(text, start, done), i)
				done = i
			}
			score, marked = 0, false
		}
	}
	if marked {
		f(backTo(text, start, done), len(text))
	}
}

// TestRegionsStepOverNothing holds regions, which step over what weighs nothing,
// against a look at every character.
func TestRegionsStepOverNothing(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	words := []string{"the cat", " ", "  ", "S G V s ", "a", "B", "7", "+", "Status", "SGVsbG8gd29ybGQ", "abcdefghijklmnopqrst", "uvwxyz", "2026-01-04T10:00", ". ", "\"", "é", "id=7f3a", "!#", "QWERTY", "1 2 3 x y "}
	var x Expander
	some := 0
	for range 50_000 {
		var text []byte
		for range rng.IntN(60) {
			text = append(text, words[rng.IntN(len(words))]...)
		}
		var got, want []extent
		x.blocks = sieve.Read(x.blocks, text)
		x.regions(&View{Text: text}, func(lo, hi int) { got = append(got, extent{lo, hi}) })
		plainRegions(text, func(lo, hi int) { want = append(want, extent{lo, hi}) })
		if !slices.Equal(got, want) {
			t.Fatalf("regions %v, want %v of %q", got, want, text)
		}
		some += len(want)
	}
	if some < 10_000 {
		t.Errorf("%d regions: the test shows little", some)
	}
}

// TestPhases85MissNothing holds the look at groups of five against decoding each
// alignment.
func TestPhases85MissNothing(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	planted := []string{"meet me at noon, Leeds", "встреча в полдень", "正午に会いましょう、駅前で", "a\tb\r\nc d e f g", "m\x00e\x00e\x00t\x00 \x00n\x00o\x00w\x00!\x00 \x00m\x00e\x00e\x00t\x00", ""}
	found, empty := 0, 0
	for range 50_000 {
		data := make([]byte, rng.IntN(60))
		for i := range data {
			data[i] = byte(rng.Uint32())
		}
		at := rng.IntN(len(data) + 1)
		data = append(data[:at:at], append([]byte(planted[rng.IntN(len(planted))]), data[at:]...)...)
		var values []byte
		for ; len(data) >= 4; data = data[4:] {
			n := uint(data[0])<<24 | uint(data[1])<<16 | uint(data[2])<<8 | uint(data[3])
			for _, power := range []uint{85 * 85 * 85 * 85, 85 * 85 * 85, 85 * 85, 85, 1} {
				values = append(values, byte(n/power%85))
			}
		}
		values = values[min(len(values), rng.IntN(5)):]
		set := phases85(values)
		for start := range min(5, len(values)) {
			_, n := stretch(unradix85(nil, values[start:]), 0)
			said := set>>start&1 == 1
			switch {
			case n > 0 && !said:
				t.Fatalf("text from digit %d on was not seen: %q", start, unradix85(nil, values[start:]))
			case n > 0:
				found++
			case !said:
				empty++
			}
		}
	}
	if found < 10_000 || empty < 10_000 {
		t.Errorf("%d texts and %d that were told to be none: the test shows little", found, empty)
	}
}
