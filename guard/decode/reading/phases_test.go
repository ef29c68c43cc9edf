package reading

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestPhasesMissNothing holds the look at all alignments at once against decoding
// each: where that finds text or the beginning of a compressed stream, the look says
// so. Values are noise with something in it, at any bit.
func TestPhasesMissNothing(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	planted := [][]byte{[]byte("meet me at noon, Leeds"), []byte("встреча в полдень"), []byte("正午に会いましょう、駅前で"), []byte("a\tb\r\nc d e f g"),
		[]byte("m\x00e\x00e\x00t\x00 \x00n\x00o\x00w\x00!\x00"), zip([]byte(strings.Repeat("meet me at noon ", 4))), []byte("x\x9c\xcbMM-Q"), []byte("BZh91AY&SY"), nil}
	var x Expander
	found, empty := 0, 0
	for range 20_000 {
		width := []int{1, 4, 5, 6}[rng.IntN(4)]
		data := make([]byte, rng.IntN(40))
		for i := range data {
			data[i] = byte(rng.Uint32())
		}
		at := rng.IntN(len(data) + 1)
		data = append(data[:at:at], append(planted[rng.IntN(len(planted))], data[at:]...)...)
		values := valuesOf(data, width, rng.IntN(8))
		set := x.phases(x.pack(values, uint(width)), uint(width))
		for start := range min(8, len(values)) {
			decoded := pack(nil, values[start:], uint(width))
			has := false
			if _, n := stretch(decoded, 0); n > 0 {
				has = true
			}
			if wide := bytes.ReplaceAll(decoded, zero, nil); len(decoded)-len(wide) > len(decoded)/4 && len(wide) >= minStretch {
				if _, n := stretch(wide, 0); n > 0 {
					has = true
				}
			}
			has = has || mayBePacked(decoded)
			said := set>>(start*width%8)&1 == 1
			if has && !said {
				t.Fatalf("%d bits a value, from value %d on: %q is there, and was not seen", width, start, decoded)
			}
			if has {
				found++
			} else if !said {
				empty++
			}
		}
	}
	if found < 10_000 || empty < 10_000 {
		t.Errorf("%d texts and %d that were told to be none: the test shows little", found, empty)
	}
}

// valuesOf are the bits of data, shifted by some, as values of so many bits.
func valuesOf(data []byte, width, shift int) (values []byte) {
	acc, have := uint(0), shift
	for _, b := range data {
		acc, have = acc<<8|uint(b), have+8
		for ; have >= width; have -= width {
			values = append(values, byte(acc>>(have-width))&(1<<width-1))
		}
	}
	return values
}
