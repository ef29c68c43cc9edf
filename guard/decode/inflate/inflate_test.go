package inflate

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"io"
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
		for name, s := range map[string]struct {
			open func([]byte) (io.Reader, error)
			b    []byte
		}{"zlib": {r.Zlib, z.Bytes()}, "gzip": {r.Gzip, g.Bytes()}, "deflate": {r.Deflate, f.Bytes()}} {
			if in, err := s.open([]byte("\x00\xff no stream")); err == nil {
				if _, err = io.ReadAll(in); err == nil {
					t.Errorf("%s: read what is none", name)
				}
			}
			in, err := s.open(s.b)
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
		in, err := r.Zlib(z.Bytes())
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
