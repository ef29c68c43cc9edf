package reading

import (
	"bytes"
	"compress/bzip2"
	"io"
)

// What compressed streams begin with: RFC 1952 §2.3.1, RFC 1950 §2.2 with
// a window of 32 KiB, and bzip2's own.
const (
	gzipMagic  = 0x1f
	zlibMagic  = 0x78
	bzip2Magic = 'B'
)

var magics = []byte{gzipMagic, zlibMagic, bzip2Magic}

// packed names what b begins with, "" if that is no compressed stream.
func packed(b []byte) string {
	switch {
	case len(b) < 12:
	case b[0] == gzipMagic && b[1] == 0x8b && b[2] == 8:
		return "gzip"
	case b[0] == zlibMagic && (b[1] == 0x01 || b[1] == 0x5e || b[1] == 0x9c || b[1] == 0xda):
		return "zlib"
	case b[0] == bzip2Magic && b[1] == 'Z' && b[2] == 'h' && bytes.HasPrefix(b[4:], []byte("1AY&SY")):
		return "bzip2"
	}
	return ""
}

// inflate decompresses the gzip, zlib or bzip2 stream that b starts with, up
// to [maxInflate] bytes, or returns nil. A stream that is cut short gives what
// it has.
func (x *Expander) inflate(b []byte) ([]byte, string) {
	if x.streams == 0 {
		return nil, ""
	}
	var r io.Reader
	var err error
	name := packed(b)
	switch name {
	case "gzip":
		r, err = x.zip.Gzip(b)
	case "zlib":
		r, err = x.zip.Zlib(b)
	case "bzip2":
		r = bzip2.NewReader(bytes.NewReader(b))
	default:
		return nil, ""
	}
	x.streams--
	if err != nil {
		return nil, ""
	}
	data, _ := io.ReadAll(io.LimitReader(r, maxInflate)) // a cut stream is read as far as it goes
	if len(data) < minDecoded {
		return nil, ""
	}
	return data, name
}
