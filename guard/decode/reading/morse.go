package reading

import (
	"bytes"

	"toolward/guard/decode/alphabet"
)

// morse adds the readings of International Morse code (ITU-R M.1677-1) written
// with dots and hyphens.
func (x *Expander) morse(v *View) {
	if !bytes.Contains(v.Text, []byte("-. ")) && !bytes.Contains(v.Text, []byte(".- ")) {
		return
	}
	for i := 0; i < len(v.Text); {
		n := morseRun(v.Text[i:])
		if n >= 3*minStretch {
			var text []byte
			var places []int32
			code, start := 1, i // a 1, then a bit for each sign
			for j := i; j <= i+n; j++ {
				switch {
				case j < i+n && (v.Text[j] == '.' || v.Text[j] == '-') && code < 1<<7:
					code <<= 1
					if v.Text[j] == '-' {
						code |= 1
					}
					continue
				case code > 1 && morseCode[code&0x7f] != 0:
					text, places = append(text, morseCode[code&0x7f]), append(places, int32(start))
				}
				if j < i+n && v.Text[j] == '/' {
					text, places = append(text, ' '), append(places, int32(j))
				}
				code, start = 1, j+1
			}
			x.stretches(v, text, "morse", func(k int) int { return int(places[min(k, len(places)-1)]) })
		}
		i += n + 1
	}
}

// morseRun is the length of the Morse code that text starts with, in which what
// has no code may stand as it is.
func morseRun(text []byte) int {
	end, foreign := 0, 0
	for i, c := range text {
		if morseByte[c] {
			end, foreign = i+1, 0
		} else if foreign++; foreign > 2 {
			break
		}
	}
	return end
}

var morseByte = [256]bool{'.': true, '-': true, ' ': true, '/': true, '|': true, '\n': true}

// morseCode has the letter of each code: a 1 followed by a 0 for each dot and
// a 1 for each dash.
var morseCode = func() (t [128]byte) {
	for code, c := range alphabet.Morse {
		n := 1
		for i := range len(code) {
			n <<= 1
			if code[i] == '-' {
				n |= 1
			}
		}
		t[n] = c
	}
	return t
}()
