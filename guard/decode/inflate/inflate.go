// Package inflate opens compressed streams again and again: the windows and
// tables of a decompressor are 40 KiB, and what merely begins like a stream is
// many times as frequent as one.
package inflate

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"io"
)

// Reader opens one stream after the other; the one before ends with it. Its zero
// value is ready. It is not safe for concurrent use.
type Reader struct {
	src     bytes.Reader
	gzip    *gzip.Reader
	zlib    io.ReadCloser
	deflate io.ReadCloser
}

// Gzip opens a stream of RFC 1952.
func (r *Reader) Gzip(b []byte) (io.Reader, error) {
	r.src.Reset(b)
	if r.gzip == nil {
		r.gzip = new(gzip.Reader)
	}
	return r.gzip, r.gzip.Reset(&r.src)
}

// Zlib opens a stream of RFC 1950.
func (r *Reader) Zlib(b []byte) (io.Reader, error) {
	r.src.Reset(b)
	if r.zlib == nil {
		z, err := zlib.NewReader(&r.src)
		if err != nil {
			return nil, err
		}
		r.zlib = z
		return z, nil
	}
	return r.zlib, r.zlib.(zlib.Resetter).Reset(&r.src, nil)
}

// Deflate opens a stream of RFC 1951, which anything may be the beginning of.
func (r *Reader) Deflate(b []byte) (io.Reader, error) {
	r.src.Reset(b)
	if r.deflate == nil {
		r.deflate = flate.NewReader(&r.src)
		return r.deflate, nil
	}
	return r.deflate, r.deflate.(flate.Resetter).Reset(&r.src, nil)
}
