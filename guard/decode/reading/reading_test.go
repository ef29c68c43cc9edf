package reading

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/ascii85"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"toolward/guard/decode/alphabet"
)

const plain = "The quick brown fox jumps over the lazy dog"

// bzip2Text is plain, compressed by bzip2, which Go only reads, in base64.
const bzip2Text = "QlpoOTFBWSZTWUWd7mEAAAQTgEAABAA////wIAAxRoaAAAAx6ammTIYRtG1HYmIISe16oVNlZbEl4+JgsfiYOd1MCW+c6F3JFOFCQRZ3uYQ="

// read reports whether text can be read in encoded, and how.
func read(encoded string, cuts []int, text string) (via string, ok bool) {
	var x Expander
	views, _ := x.Expand([]byte(encoded), nil, cuts)
	for i := range views {
		if strings.Contains(string(views[i].Text), text) {
			return views[i].Via, true
		}
	}
	return "", false
}

func TestNestedReadings(t *testing.T) {
	b64 := base64.StdEncoding.EncodeToString
	for _, c := range []struct{ name, encoded, via string }{
		{"itself", plain, ""},
		{"base64 in a sentence", "see " + b64([]byte(plain)) + " for it", "base64"},
		{"twice", b64([]byte(b64([]byte(plain)))), "base64>base64"},
		{"escaped", "%22" + strings.ReplaceAll(plain, " ", "%2520") + "%22", "url>url"},
		{"surrogates", strings.Replace(plain, "quick", `quick`, 1) + ` \ud83e\udd8a`, ""},
		{"gzip", b64(zip([]byte(plain))), "base64>gzip"},
		{"UTF-16 among bytes", b64(slices.Concat(bytes.Repeat([]byte{0x9c, 0xe1, 0x83}, 60), []byte("\x00"), wider(plain), bytes.Repeat([]byte{0x8f, 0x11, 0xa3}, 60))), "base64>utf-16"},
		{"UTF-16 behind text", b64(slices.Concat([]byte(strings.Repeat("some other words ", 20)), wider(plain))), "base64>utf-16"},
		{"zeros behind strings", b64(slices.Concat([]byte(plain), make([]byte, 5), bytes.Repeat([]byte{0x8f, 0x11, 0xa3}, 60))), "base64"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if via, ok := read(c.encoded, nil, plain); !ok || via != c.via {
				t.Errorf("via %q, %v, want %q", via, ok, c.via)
			}
		})
	}
}

// wider is s in UTF-16, the low bytes first.
func wider(s string) (b []byte) {
	for i := range len(s) {
		b = append(b, s[i], 0)
	}
	return b
}

// A stream that holds itself (Russ Cox, "Zip Files All The Way Down", 2010)
// and one that unpacks to very much must both end.
func TestBombsEnd(t *testing.T) {
	bomb := zip(make([]byte, 8<<20))
	for range 3 {
		bomb = zip(bomb)
	}
	nested := []byte(plain)
	for range 40 {
		nested = zip(nested)
	}
	for name, b := range map[string][]byte{"bomb": bomb, "nested": nested} {
		var x Expander
		text := []byte(base64.StdEncoding.EncodeToString(b))
		views, _ := x.Expand(text, nil, nil)
		if n := size(views); n > maxGrowth*len(text)+freeGrowth+len(text) {
			t.Errorf("%s: %d bytes of readings from %d", name, n, len(text))
		}
	}
}

func zip(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	w.Write(b) // to memory
	w.Close()
	return out.Bytes()
}

func size(views []View) int {
	n := 0
	for i := range views {
		n += len(views[i].Text)
	}
	return n
}

// Zeros may stand anywhere, not between every two letters only.
func TestTextAmongZerosComesFromWhereItStands(t *testing.T) {
	zeros := strings.Repeat("00", 60)
	text := zeros + hex.EncodeToString([]byte(plain)) + zeros
	var x Expander
	views, _ := x.Expand([]byte(text), nil, nil)
	i := slices.IndexFunc(views, func(v View) bool { return string(v.Text) == plain })
	if i < 0 {
		t.Fatalf("not read: %d readings", len(views))
	}
	if from, to := views[i].At(0), views[i].At(len(plain)-1); from < 0 || from > len(zeros) || to < len(zeros)+2*len(plain)-4 {
		t.Errorf("comes from bytes %d to %d, stands at %d to %d", from, to, len(zeros), len(zeros)+2*len(plain))
	}
}

// TestWorkIsLinear counts the bytes that decoders are given, and those of all
// readings: neither may grow faster than the text.
func TestWorkIsLinear(t *testing.T) {
	random := make([]byte, 3<<20)
	rand.NewChaCha8([32]byte{2}).Read(random)
	blob := base64.StdEncoding.EncodeToString(random)
	for name, unit := range map[string]string{
		"base64":  blob,
		"escapes": `%2541&amp;#37;\u0025`,
		"hex":     "48656c6c6f20776f726c6421",
		"numbers": "72, 101, 108, 108, 111, ",
		"morse":   ".... . .-.. .-.. --- / ",
		"base58":  "3mJr7AoUXx2Wqd ",
		"capital": "JBSWY3DPEBLW64TMMQ! ",
		"digits":  "0110100001100101",
		"nested":  base64.StdEncoding.EncodeToString([]byte(strings.Repeat(base64.StdEncoding.EncodeToString([]byte(plain)), 20))),
	} {
		t.Run(name, func(t *testing.T) {
			for length := 1 << 10; length <= 1<<20; length <<= 5 {
				text := []byte(strings.Repeat(unit, length/len(unit)+1)[:length])
				var x Expander
				views, _ := x.Expand(text, nil, nil)
				work := maxPasses*length + freePasses - x.work
				if work > (maxPasses+8)*length+freePasses+64<<10 || size(views) > (maxGrowth+1)*length+freeGrowth {
					t.Errorf("%d bytes: %d of work, %d of readings", length, work, size(views))
				}
			}
		})
	}
}

// seeds are the text in every encoding, for fuzzing to start from.
func seeds() []string {
	bits, selectors := "", ""
	for i := range len(plain) {
		bits += fmt.Sprintf("%08b", plain[i])
		selectors += string(0xe0100 + rune(plain[i]) - 16)
	}
	b := []byte(plain)
	each := func(format string) string {
		var s strings.Builder
		for _, c := range b {
			fmt.Fprintf(&s, format, c)
		}
		return s.String()
	}
	var zl bytes.Buffer
	w := zlib.NewWriter(&zl)
	w.Write(b)
	w.Close()
	a85 := make([]byte, ascii85.MaxEncodedLen(len(b)))
	std, noPadding := base64.StdEncoding.EncodeToString, base32.StdEncoding.WithPadding(base32.NoPadding)
	return []string{
		std(b), base32.StdEncoding.EncodeToString(b), strings.ToLower(noPadding.EncodeToString(b)), base32.HexEncoding.EncodeToString(b),
		base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").EncodeToString(b), base32.NewEncoding("ybndrfg8ejkmcpqxot1uwisza345h769").EncodeToString(b),
		in58(b), string(a85[:ascii85.Encode(a85, b)]), in85(b, base85.value), in85(b, z85.value), hex.EncodeToString(b), hex.EncodeToString(zl.Bytes()), bits,
		std(zip(b)), std(bzipped), std([]byte(each("%c\x00"))), "x" + selectors, strings.NewReplacer("0", "\u200b", "1", "\u200c").Replace(bits),
		each("=%02X"), each("%%%02x"), each("&#%d;"), each(`\u%04x`), each(`\%03o`), each("%d "),
		"- .... . / --.- ..- .. -.-. -.- / -... .-. --- .-- -. / ..-. --- -..- / .--- ..- -- .--. ... / --- ...- . .-.",
		"20 8 5 17 21 9 3 11 2 18 15 23 14 6 15 24", "44 23 15 41 45 24 13 25 12 42 34 52 33 21 34 53",
		"K5&AE('%U:6-K(&)R;W=N(&9O>\"!J=6UP<R!O=F5R('1H92!L87IY(&1O9P``",
	}
}

// bzipped is the text, compressed by bzip2.
var bzipped = func() []byte {
	b, err := base64.StdEncoding.DecodeString(bzip2Text)
	if err != nil {
		panic(err)
	}
	return b
}()

// in58 writes b as one number.
func in58(b []byte) string {
	n, radix, d := new(big.Int).SetBytes(b), big.NewInt(58), new(big.Int)
	var out []byte
	for n.Sign() > 0 {
		n.DivMod(n, radix, d)
		for c, v := range base58 {
			if int64(v) == d.Int64() {
				out = append(out, byte(c))
			}
		}
	}
	slices.Reverse(out)
	return string(out)
}

// in85 writes each four bytes of b as five letters.
func in85(b []byte, a *alphabet.Values) string {
	var out []byte
	for ; len(b) >= 4; b = b[4:] {
		n := uint(b[0])<<24 | uint(b[1])<<16 | uint(b[2])<<8 | uint(b[3])
		for _, power := range []uint{85 * 85 * 85 * 85, 85 * 85 * 85, 85 * 85, 85, 1} {
			for c, v := range a {
				if v >= 0 && uint(v) == n/power%85 {
					out = append(out, byte(c))
				}
			}
		}
	}
	return string(out)
}

// TestSeedsReachEveryDecoder lists what the readings of the seeds were decoded by.
func TestSeedsReachEveryDecoder(t *testing.T) {
	var x Expander
	reached := map[string]bool{}
	for _, s := range seeds() {
		views, _ := x.Expand([]byte(s), nil, nil)
		for i := range views {
			for name := range strings.SplitSeq(views[i].Via, ">") {
				reached[name] = true
			}
		}
	}
	for _, name := range strings.Fields("base64 base32 base32hex crockford32 zbase32 base58 ascii85 base85 z85 uuencode hex binary codes alphabet polybius morse " +
		"variation-selectors zero-width gzip zlib bzip2 utf-16 reversed url html json octal quoted-printable") {
		if !reached[name] {
			t.Errorf("no seed reaches %s", name)
		}
	}
}

// FuzzExpand reads arbitrary bytes: it ends, and every byte of every reading
// came from inside the text, in a list whose first element is the text.
func FuzzExpand(f *testing.F) {
	f.Add([]byte(plain), 3)
	f.Add([]byte(base64.StdEncoding.EncodeToString(zip([]byte(plain)))), 0)
	f.Add([]byte(`%41%u0041&#65;&amp;\u0041\x41\101=41=`+"\n"), 2)
	f.Add([]byte("72 101 108 108 111 44 32 119 111 114 108 100 33"), 5)
	f.Add([]byte("a\u200b\u200c\U000e0141\ufe0f"), 1)
	for _, s := range seeds() {
		f.Add([]byte(s), len(s)/2)
	}
	f.Fuzz(func(t *testing.T, text []byte, cut int) {
		var x Expander
		given := bytes.Clone(text)
		views, _ := x.Expand(text, nil, []int{0, cut})
		if !bytes.Equal(text, given) || !bytes.Equal(views[0].Text, text) || views[0].Via != "" {
			t.Fatal("the text was changed, or is not the first reading")
		}
		for i := range views {
			for j := range views[i].Text {
				if at := views[i].At(j); at < 0 || at >= len(text) {
					t.Fatalf("byte %d of %q comes from %d of %d", j, views[i].Via, at, len(text))
				}
			}
		}
	})
}

// TestMostlyLeavesOutLittle reads the text in rare encodings, beside so much else: with
// Mostly it is read where it is more than half of all.
func TestMostlyLeavesOutLittle(t *testing.T) {
	long := strings.Repeat(plain+". ", 30)
	encodings := map[string]string{
		"base32hex": strings.ToLower(base32.HexEncoding.EncodeToString([]byte(long))),
		"z85":       in85([]byte(long), z85.value),
		"base85":    in85([]byte(long), base85.value),
		"base64":    base64.StdEncoding.EncodeToString([]byte(long)),
	}
	for name, encoded := range encodings {
		beside := strings.Repeat("and so it goes on, as all things do. ", len(encoded)/37)
		for _, c := range []struct {
			text string
			most bool
		}{{encoded, true}, {beside[:len(beside)/3] + encoded, true}, {encoded + beside[:len(beside)/3], true},
			{encoded[:len(encoded)/2] + strings.Repeat(" ", 60) + encoded[len(encoded)/2:], true}, {encoded + beside + beside, name == "base64"}, {beside + beside + encoded, name == "base64"}} {
			for _, x := range []Expander{{Mostly: true}, {}} {
				views, _ := x.Expand([]byte(c.text), nil, nil)
				got := slices.ContainsFunc(views, func(v View) bool { return strings.Contains(string(v.Text), plain) })
				if want := c.most || !x.Mostly; got != want {
					t.Errorf("%s, Mostly %v, %d of %d bytes: read %v", name, x.Mostly, len(encoded), len(c.text), got)
				}
			}
		}
	}
}

// TestMostlyReadsCompressedStreams reads a stream in a rare encoding, which is less than
// what it holds: where the part begins that is so encoded, and in the middle.
func TestMostlyReadsCompressedStreams(t *testing.T) {
	noise := make([]byte, 600)
	rand.NewChaCha8([32]byte{3}).Read(noise)
	stream := zip([]byte(strings.Repeat(plain+". ", 30)))
	stream = append(stream, make([]byte, -len(stream)&3)...)
	for name, encode := range map[string]func([]byte) string{
		"z85":       func(b []byte) string { return in85(b, z85.value) },
		"base85":    func(b []byte) string { return in85(b, base85.value) },
		"base32hex": func(b []byte) string { return strings.ToLower(base32.HexEncoding.EncodeToString(b)) },
	} {
		for place, data := range map[string][]byte{"first": slices.Concat(stream, noise), "middle": slices.Concat(noise, stream, noise[40:])} {
			x := Expander{Mostly: true}
			views, _ := x.Expand([]byte(encode(data)), nil, nil)
			if !slices.ContainsFunc(views, func(v View) bool { return strings.Contains(string(v.Text), plain) }) {
				t.Errorf("%s, %s: not read", name, place)
			}
		}
	}
}

// Numbers behind equals signs are no quoted-printable, and in quoted-printable an
// equals sign stands for nothing else (RFC 2045 §6.7).
func TestQuotedPrintable(t *testing.T) {
	for text, want := range map[string]string{
		"level=INFO status=200 bytes=512 took=1ms":  "",
		"meet=20me=20at=20noon":                     "meet me at noon",
		"x=y id=7 a=b =6D=65=65=74 me at noon":      "x=y id=7 a=b meet me at noon",
		"name=x id=7 a=b c=d meet me =\nat=20noon.": "name=x id=7 a=b c=d meet me at noon.",
	} {
		var x Expander
		views, _ := x.Expand([]byte(text), nil, nil)
		got := ""
		for i := range views[1:] {
			got = string(views[1+i].Text)
		}
		if got != want {
			t.Errorf("%q reads %q, want %q", text, got, want)
		}
	}
}
