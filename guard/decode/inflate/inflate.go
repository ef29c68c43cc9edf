// Package inflate opens compressed streams again and again: the windows and
// tables of a decompressor are 40 KiB, and what merely begins like a stream is
// many times as frequent as one.
package inflate

import (
	"bytes"
	"compress/bzip2"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
)

// What compressed streams begin with: RFC 1952 §2.3.1, RFC 1950 §2.2 with
// a window of 32 KiB, and bzip2's own.
const (
	gzipMagic  = 0x1f
	zlibMagic  = 0x78
	bzip2Magic = 'B'
)

// Magics are the bytes that compressed streams begin with.
var Magics = []byte{gzipMagic, zlibMagic, bzip2Magic}

// Head is how many bytes of a stream [Format] looks at.
const Head = 24

// Format names the format of the compressed stream that b begins with, "" if it begins
// with none that gives anything.
//
//	1f 8b 08 00 …  gzip
//	78 9c 4b …     zlib
//	B  Z  h 9 …    bzip2
func Format(b []byte) string {
	switch {
	case len(b) < 12:
	case b[0] == gzipMagic && b[1] == 0x8b && b[2] == 8 && (b[3] != 0 || Deflated(b[10:])):
		return "gzip"
	case b[0] == zlibMagic && (b[1] == 0x01 || b[1] == 0x5e || b[1] == 0x9c || b[1] == 0xda) && Deflated(b[2:]):
		return "zlib"
	case b[0] == bzip2Magic && b[1] == 'Z' && b[2] == 'h' && bytes.HasPrefix(b[4:], []byte("1AY&SY")):
		return "bzip2"
	}
	return ""
}

// Deflate is the format of RFC 1951, which has no name at its beginning: see [Deflated].
const Deflate = "deflate"

// Deflated reports whether a stream of RFC 1951 with something in it may begin with b:
// its first block says so many bytes in two ways, or begins with some bytes in fixed codes,
// or has a code of code lengths that is complete.
func Deflated(b []byte) bool {
	var room [16]byte
	copy(room[:], b)
	low, high := binary.LittleEndian.Uint64(room[:]), binary.LittleEndian.Uint64(room[8:])
	switch low >> 1 & 3 {
	case 0: // stored, §3.2.4
		return len(b) >= 5 && binary.LittleEndian.Uint16(b[1:]) == ^binary.LittleEndian.Uint16(b[3:])
	case 1:
		return fixed(low>>3|high<<61, high>>3, 8*len(b)-3)
	case 2: // dynamic ones, §3.2.7
		literals, distances, lengths := low>>3&31, low>>8&31, int(low>>13&15)+4
		if literals > 29 || distances > 29 || 8*len(b) < 17+3*lengths {
			return false
		}
		sum, codes := 0, 0
		at := low>>17 | high<<47
		high >>= 17
		for range lengths {
			if n := at & 7; n > 0 {
				sum += 128 >> n
				codes++
			}
			at = at>>3 | high<<61
			high >>= 3
		}
		return sum == 128 || codes == 1 && sum == 64
	}
	return false
}

// fewest is how many bytes a stream has in it at least.
const fewest = 8

// fixed reports whether so many bits, the lowest first, are fewest bytes in fixed codes
// (§3.2.6), or the end of the block before that. Codes have their highest bit first.
func fixed(low, high uint64, have int) bool {
	drop := func(n int) {
		low, high, have = low>>n|high<<(64-n), high>>n, have-n
	}
	for out := 0; out < fewest; {
		code := bits.Reverse16(uint16(low)) >> 7 // nine bits
		length := 0                              // 257 and on
		switch {
		case code>>2 < 24:
			length = 256 + int(code>>2)
			drop(7)
		case code>>1 < 0xc0:
			drop(8)
		case code>>1 < 0xc8:
			length = 280 + int(code>>1) - 0xc0
			drop(8)
		default:
			drop(9)
		}
		if have < 0 {
			return false
		}
		switch {
		case length == 0:
			out++
			continue
		case length == 256:
			return true
		case length > 285:
			return false
		case length > 264 && length < 285:
			drop((length - 261) / 4) // more bits of it
		}
		distance := int(bits.Reverse8(uint8(low)) >> 3)
		drop(5)
		if distance >= 4 { // of six and on, one of two
			distance = (2 | distance&1) << (distance/2 - 1) // at the least
		}
		return have >= 0 && distance < out
	}
	return true
}

// Reader opens one stream after the other; the one before ends with it. Its zero
// value is ready. It is not safe for concurrent use.
type Reader struct {
	src     bytes.Reader
	gzip    *gzip.Reader
	zlib    io.ReadCloser
	deflate io.ReadCloser
}

// Open opens the stream of a format that b begins with.
func (r *Reader) Open(b []byte, format string) (stream io.Reader, err error) {
	r.src.Reset(b)
	switch format {
	case "gzip":
		if r.gzip == nil {
			r.gzip = new(gzip.Reader)
		}
		return r.gzip, r.gzip.Reset(&r.src)
	case "zlib":
		if r.zlib == nil {
			r.zlib, err = zlib.NewReader(&r.src)
			return r.zlib, err
		}
		return r.zlib, r.zlib.(zlib.Resetter).Reset(&r.src, nil)
	case "bzip2":
		return bzip2.NewReader(&r.src), nil
	case Deflate:
		if r.deflate == nil {
			r.deflate = flate.NewReader(&r.src)
			return r.deflate, nil
		}
		return r.deflate, r.deflate.(flate.Resetter).Reset(&r.src, nil)
	}
	return nil, fmt.Errorf("inflate: no format %q", format)
}
