package inflate

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"io"
	"math/rand/v2"
	"testing"
)

func TestReaderIsUsedAgain(t *testing.T) {
	var r Reader
	for round, text := range []string{"one text", "another text", ""} {
		var z, g, f bytes.Buffer
		zw, gw := zlib.NewWriter(&z), gzip.NewWriter(&g)
		fw, err := flate.NewWriter(&f, flate.BestSpeed)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range []io.WriteCloser{zw, gw, fw} {
			if _, err := w.Write([]byte(text)); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
		}
		for name, b := range map[string][]byte{"zlib": z.Bytes(), "gzip": g.Bytes(), Deflate: f.Bytes()} {
			if in, err := r.Open([]byte("\x00\xff no stream"), name); err == nil {
				if _, err = io.ReadAll(in); err == nil {
					t.Errorf("%s: read what is none", name)
				}
			}
			in, err := r.Open(b, name)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(in); err != nil || string(got) != text {
				t.Errorf("%s, round %d: %q, %v", name, round, got, err)
			}
		}
	}
}

func TestOpeningAgainAllocatesLittle(t *testing.T) {
	var r Reader
	var z bytes.Buffer
	w := zlib.NewWriter(&z)
	if _, err := w.Write([]byte("a text")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 64)
	if n := testing.AllocsPerRun(100, func() {
		in, err := r.Open(z.Bytes(), "zlib")
		if err != nil {
			t.Fatal(err)
		}
		if n, _ := io.ReadFull(in, buf); string(buf[:n]) != "a text" {
			t.Fatalf("%q", buf[:n])
		}
	}); n > 4 {
		t.Errorf("%v allocations", n)
	}
}

// Format says no only of what gives next to nothing: any bytes behind a head are opened, and read
// if something comes out.
func TestFormatMissesNothing(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var r Reader
	something, nothing := 0, 0
	for range 200_000 {
		b := make([]byte, 12+rng.IntN(60))
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		head := []string{"\x78\x9c", "\x78\x01", "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"}[rng.IntN(3)]
		n := copy(b, head)
		format := "zlib"
		if n > 2 {
			format = "gzip"
		}
		in, err := r.Open(b, format)
		if err != nil {
			t.Fatal(err)
		}
		got, _ := io.ReadAll(in)
		if len(got) >= fewest && Format(b) != format {
			t.Fatalf("%x gives %q, and was said to be %q", b, got, Format(b))
		}
		if len(got) >= fewest {
			something++
		} else if Format(b) == "" {
			nothing++
		}
	}
	if something < 5_000 || nothing < 100_000 {
		t.Errorf("%d streams, %d that were told to be none: the test shows little", something, nothing)
	}
}
