package alphabet

import (
	"encoding/ascii85"
	"encoding/base32"
	"encoding/base64"
	"testing"
)

// The alphabets that the standard library has are what it says they are: an encoder with
// ours writes as its own does.
func TestAlphabetsAreTheStandards(t *testing.T) {
	all := make([]byte, 0, 1024)
	for i := range 256 {
		all = append(all, byte(i), byte(7*i), byte(i>>1), byte(255-i))
	}
	if got, want := base64.NewEncoding(Base64).EncodeToString(all), base64.StdEncoding.EncodeToString(all); got != want {
		t.Error("base64 differs")
	}
	if got, want := base64.NewEncoding(Base64URL).EncodeToString(all), base64.URLEncoding.EncodeToString(all); got != want {
		t.Error("base64url differs")
	}
	if got, want := base32.NewEncoding(Base32).EncodeToString(all), base32.StdEncoding.EncodeToString(all); got != want {
		t.Error("base32 differs")
	}
	if got, want := base32.NewEncoding(Base32Hex).EncodeToString(all), base32.HexEncoding.EncodeToString(all); got != want {
		t.Error("base32hex differs")
	}
	dst := make([]byte, ascii85.MaxEncodedLen(4))
	for i := range 1000 {
		group := all[4*i%1024:][:4]
		n := uint32(group[0])<<24 | uint32(group[1])<<16 | uint32(group[2])<<8 | uint32(group[3])
		if n == 0 {
			continue // which it writes as z
		}
		ascii85.Encode(dst, group)
		for k := 4; k >= 0; k-- {
			if dst[k] != ASCII85[n%85] {
				t.Fatalf("ascii85 of %x is %s", group, dst)
			}
			n /= 85
		}
	}
}

func TestEveryAlphabetHasItsSize(t *testing.T) {
	for _, a := range []struct {
		letters string
		size    int
	}{{Binary, 2}, {Hex, 16}, {HexUpper, 16}, {Base32, 32}, {Base32Hex, 32}, {Crockford32, 32}, {ZBase32, 32}, {Base58, 58}, {Base64, 64}, {Base64URL, 64},
		{Z85, 85}, {Base85, 85}, {ASCII85, 85}, {UUEncode, 64}} {
		values, n := Of(a.letters), 0
		for c, v := range values {
			if v >= 0 {
				if n++; a.letters[v] != byte(c) {
					t.Errorf("%q: %q stands for %d", a.letters, rune(c), v)
				}
			}
		}
		if len(a.letters) != a.size || n != a.size {
			t.Errorf("%q has %d characters, %d of them different, want %d", a.letters, len(a.letters), n, a.size)
		}
	}
	if len(Morse) != len(MorseSigns) {
		t.Errorf("%d codes of %d signs", len(Morse), len(MorseSigns))
	}
}
