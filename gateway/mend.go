package gateway

import (
	"bytes"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Mend makes an upstream's JSON text one that every reader takes alike: half a
// surrogate pair that is written as an escape, and bytes that are not UTF-8,
// become U+FFFD. Servers cut texts in the middle of an emoji, and the grammar
// lets them (RFC 8259 §8.2); what then arrives depends on the reader, so what
// is judged and what is passed on is the mended text. Changed is how many
// places were mended. raw stays as it is; without a change it is returned.
//
//	{"text":"cut \ud83d"} → {"text":"cut \ufffd"}, 1
//
// Only upstreams' texts are mended: an agent can send its text again.
func Mend(raw []byte) (mended []byte, changed int) {
	if !utf8.Valid(raw) {
		raw, changed = mendBytes(raw)
	}
	mended = raw
	copied := false
	for i := bytes.IndexByte(raw, '\\'); i >= 0 && i+1 < len(raw); {
		size := 2
		if raw[i+1] == 'u' {
			s := scanner{b: raw, i: i + 2}
			high, ok := s.hex4()
			switch {
			case !ok: // the parser will say so
			case high < 0xD800 || high > 0xDFFF:
				size = 6
			case high <= 0xDBFF && s.lowHalf():
				size = 12
			default:
				if changed++; !copied {
					mended, copied = bytes.Clone(raw), true
				}
				copy(mended[i:], `\ufffd`)
				size = 6
			}
		}
		next := bytes.IndexByte(raw[i+size:], '\\')
		if next < 0 {
			break
		}
		i += size + next
	}
	return mended, changed
}

// mendBytes replaces each run of bytes that are not UTF-8.
func mendBytes(raw []byte) ([]byte, int) {
	out, runs, broken := make([]byte, 0, len(raw)+16), 0, false
	for len(raw) > 0 {
		r, size := utf8.DecodeRune(raw)
		wrong := r == utf8.RuneError && size == 1
		if wrong && !broken {
			out = utf8.AppendRune(out, utf8.RuneError)
			runs++
		} else if !wrong {
			out = append(out, raw[:size]...)
		}
		broken = wrong
		raw = raw[size:]
	}
	return out, runs
}

// Canonical is checked JSON in one spelling: members sorted, no white space,
// strings and numbers as RFC 8785 writes them. Integers stay as they are
// written: RFC 8785 makes doubles of them, and one text of two integers past
// 2^53. It must not be used for numbers with a fraction or an exponent that a
// double does not keep, which [ParseObject] refuses and [CheckJSON] does not.
func Canonical(raw []byte) ([]byte, error) {
	v := jsontext.Value(bytes.Clone(raw))
	err := v.Format(
		jsontext.ReorderRawObjects(true),
		jsontext.CanonicalizeRawInts(false),
		jsontext.CanonicalizeRawFloats(true),
		jsontext.PreserveRawStrings(false),
		jsontext.AllowDuplicateNames(false),
	)
	return v, err
}
