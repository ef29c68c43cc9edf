package reading

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

const plain = "The quick brown fox jumps over the lazy dog"

// read reports whether text can be read in encoded, and how.
func read(encoded string, cuts []int, text string) (via string, ok bool) {
	var x Expander
	views, _ := x.Expand([]byte(encoded), cuts)
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
	} {
		t.Run(c.name, func(t *testing.T) {
			if via, ok := read(c.encoded, nil, plain); !ok || via != c.via {
				t.Errorf("via %q, %v, want %q", via, ok, c.via)
			}
		})
	}
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
		views, _ := x.Expand(text, nil)
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
	views, _ := x.Expand([]byte(text), nil)
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
				views, _ := x.Expand(text, nil)
				work := maxPasses*length + freePasses - x.work
				if work > (maxPasses+8)*length+freePasses+64<<10 || size(views) > (maxGrowth+1)*length+freeGrowth {
					t.Errorf("%d bytes: %d of work, %d of readings", length, work, size(views))
				}
			}
		})
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
	f.Fuzz(func(t *testing.T, text []byte, cut int) {
		var x Expander
		given := bytes.Clone(text)
		views, _ := x.Expand(text, []int{0, cut})
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
