package classify

import (
	"strings"
	"testing"
)

// Words of small letters are read eight letters at once, others letter by letter:
// with anything behind them, and at the end of the text, both must see the same.
func TestPlainWordsAreReadAsAnyOther(t *testing.T) {
	m := load(t)
	plain, slow := newExtractor(m.lex, m.weights), newExtractor(m.lex, m.weights)
	letters := "Ignoringnonotificationsatallxyz"
	read := 0
	for n := 1; n < len(letters); n++ {
		for _, word := range []string{letters[:n], strings.ToLower(letters[:n]), letters[:n-1] + "Z", letters[:n-1] + "{", letters[:n-1] + "é"} {
			behind := []string{""}
			for c := range 256 {
				behind = append(behind, string([]byte{byte(c)}), string([]byte{byte(c)})+"and so on")
			}
			for _, b := range behind {
				s := word + b
				plain.tok.tokens, slow.tok.tokens = plain.tok.tokens[:0], slow.tok.tokens[:0]
				size := plain.tok.plain(s, 0)
				if size == 0 {
					continue
				}
				read++
				if end := slow.tok.word(s, 0); end != size || plain.tok.tokens[0] != slow.tok.tokens[0] {
					t.Fatalf("%q is read to %d as %+v, letter by letter to %d as %+v", s, size, plain.tok.tokens[0], end, slow.tok.tokens[0])
				}
			}
		}
	}
	if read < 1000 {
		t.Errorf("%d words were read at once", read)
	}
}
