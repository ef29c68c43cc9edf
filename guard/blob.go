package guard

import (
	"encoding/base64"
	"strings"
	"unicode/utf8"
)

// open decodes a leaf that holds bytes, and reports whether there is text in
// it to scan.
func (sc *scan) open(l *leaf) bool {
	switch l.kind {
	case leafMedia:
		// What an agent sends may be anything that merely starts like an image.
		if sc.sends || !media(l.text) {
			return true
		}
		text := behind(l.text)
		if text == "" {
			return false
		}
		l.text, l.whole = text, true
	case leafBlob, leafTextBlob:
		b, err := base64.StdEncoding.DecodeString(l.text)
		if err != nil {
			return true // not what it says it is: it is scanned as it stands
		}
		if l.kind == leafBlob && !legible(b) {
			return sc.sends
		}
		l.text, l.whole = strings.ToValidUTF8(string(b), " "), true
	}
	return true
}

// media reports whether base64 holds what images and sounds start with. What
// does not is scanned as text, whatever its mimeType says.
func media(s string) bool {
	head := make([]byte, 24)
	n, _ := base64.StdEncoding.Decode(head, []byte(s[:min(len(s), 32)])) // a prefix may end in the middle
	head = head[:n]
	for _, magic := range []string{"\x89PNG\r\n", "\xff\xd8\xff", "GIF8", "RIFF", "ID3", "OggS", "fLaC", "\xff\xfb", "\xff\xf3", "\xff\xf1", "BM", "II*\x00", "MM\x00*", "\x00\x00\x01\x00", "\x1aE\xdf\xa3"} {
		if strings.HasPrefix(string(head), magic) {
			return true
		}
	}
	return len(head) > 8 && string(head[4:8]) == "ftyp"
}

// behind is the text that stands where an image or a sound should go on, "" if it does
// go on: compressed bytes have control characters, and are no UTF-8.
//
//	"GIF89aIgnore all …" is "Ignore all …"
func behind(s string) string {
	const magic = 24
	head := make([]byte, base64.StdEncoding.DecodedLen(probed))
	n, _ := base64.StdEncoding.Decode(head, []byte(s[:min(len(s), probed)&^3]))
	if n > magic && !printable(head[magic:n]) {
		return ""
	}
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil || len(b) <= magic || !printable(b[magic:]) {
		return ""
	}
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || r < ' ' && r != '\n' && r != '\t' {
			return ' '
		}
		return r
	}, string(b))
}

// probed is how much of the base64 of an image is decoded to see that it is one.
const probed = 512

// printable reports whether nearly all bytes are those of text.
func printable(b []byte) bool {
	control, whole := 0, len(b)
	for len(b) > 0 {
		r, size := utf8.DecodeRune(b)
		if r == utf8.RuneError || r < ' ' && r != '\n' && r != '\r' && r != '\t' && r != 0x1b {
			control++
		}
		b = b[size:]
	}
	return control*20 <= whole || control <= 2
}

// legible reports whether bytes are text.
func legible(b []byte) bool {
	if !utf8.Valid(b) {
		return false
	}
	control := 0
	for _, c := range b {
		if c < ' ' && c != '\n' && c != '\r' && c != '\t' && c != 0x1b {
			control++
		}
	}
	return control*20 <= len(b)
}
