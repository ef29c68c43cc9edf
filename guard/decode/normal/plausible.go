package normal

import (
	_ "embed"
)

// bigrams says how much likelier than chance one letter follows another in
// ordinary text: 27 rows (a to z, anything else) of 27, in sixteenths of a bit.
// guard/train -bigrams makes it.
//
//go:embed bigrams.bin
var bigramBytes string

// letterIndex is the row of each byte in the table of bigrams, 26 for what is
// no letter. Digits break words too.
var letterIndex = func() (index [256]uint8) {
	for i := range index {
		index[i] = 26
	}
	for i := range 26 {
		index['a'+i], index['A'+i] = uint8(i), uint8(i)
	}
	return index
}()

var bigramTable = func() (table [27][32]int16) {
	for a := range 27 {
		for b := range 27 {
			table[a][b] = int16(int8(bigramBytes[a*27+b]))
		}
	}
	return table
}()

// fluency is how much s reads like a language in Latin letters: the mean over
// its letters of the table's entries. English prose has 15 to 25, its ROT13
// below -10. Letters is how many letters it rests on.
func fluency[T string | []byte](s T) (mean int, letters int) {
	sum, n, prev := 0, 0, uint8(26)
	for i := range len(s) {
		cur := letterIndex[s[i]]
		if prev != 26 || cur != 26 {
			sum += int(bigramTable[prev][cur])
			n++
		}
		if cur != 26 {
			letters++
		}
		prev = cur
	}
	if n == 0 {
		return 0, 0
	}
	return sum / n, letters
}

// Fluency of text that is a language, and the fewest letters that a judgement
// needs.
const (
	fluent = 10
	enough = 16
)

// reads reports whether s is text in Latin letters.
func reads(s string) bool {
	mean, letters := fluency(s)
	return mean >= fluent && letters >= enough && letters*2 >= len(s)
}
