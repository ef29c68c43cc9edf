package guard

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/json"
	"math/rand/v2"
	"testing"

	"toolward/guard/guardtest"
)

// magics are what files of media types start with, and a type that a server gives them.
var magics = map[string]string{
	"image/gif": "GIF89a", "image/png": "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "image/jpeg": "\xff\xd8\xff\xe0\x00\x10JFIF", "image/webp": "RIFF\x10\x00\x00\x00WEBP",
	"image/bmp": "BM\x00\x00\x00\x00", "image/tiff": "II*\x00", "image/avif": "\x00\x00\x00\x20ftypavif", "audio/mpeg": "ID3\x04\x00", "audio/ogg": "OggS\x00", "audio/flac": "fLaC\x00",
}

// TestOrderBehindMagic writes an order behind what an image or a sound starts with. It
// was passed over, as the pixels are.
func TestOrderBehindMagic(t *testing.T) {
	s := newScanner(t, Options{})
	order := guardtest.Orders()[0].Text
	var compressed bytes.Buffer
	w := zlib.NewWriter(&compressed)
	noise := rand.NewChaCha8([32]byte{1})
	pixels := make([]byte, 4096)
	noise.Read(pixels) // never fails
	w.Write(pixels)    // to memory
	w.Close()
	result := func(mime, data string) string {
		b, err := json.Marshal(map[string]any{"content": []any{map[string]any{"type": "image", "mimeType": mime, "data": base64.StdEncoding.EncodeToString([]byte(data))}}})
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	place := guardtest.Place{Name: "image", Side: guardtest.Returned, Fill: func(text string) string { return text }}
	for mime, magic := range magics {
		if !stopped(t, s, place, result(mime, magic+" "+order)) {
			t.Errorf("%s: the order behind its magic is not found", mime)
		}
		if stopped(t, s, place, result(mime, magic+compressed.String())) {
			t.Errorf("%s: an image is taken for an order", mime)
		}
		if text := behind(base64.StdEncoding.EncodeToString([]byte(magic + compressed.String()))); text != "" {
			t.Errorf("%s: %d bytes of an image are read as text", mime, len(text))
		}
	}
}
