package client

import (
	"compress/flate"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strings"
)

// maxRatio is how many bytes one byte of gzip may stand for on a stream, beside
// what a single answer may have. A body cannot have more than that anyway, but
// a stream goes on.
const maxRatio = 200

// decode undoes the encoding of a body. Gzip is asked for (RFC 9110 §8.4.1);
// deflate is not, as servers mean two formats by it.
func (s *streamable) decode(resp *http.Response) error {
	switch strings.ToLower(strings.Join(resp.Header.Values("Content-Encoding"), ",")) {
	case "", "identity":
		return nil
	case "gzip", "x-gzip":
		resp.ContentLength = -1 // it was of the encoded body
		resp.Body = &gunzip{s: s, encoded: &tally{ReadCloser: resp.Body}, budget: int64(s.client.opts.MaxAnswer)}
		return nil
	}
	return s.conn.invalid("with a content encoding that was not asked for")
}

// gunzip decodes a body as it is read, and stops one that becomes too much.
type gunzip struct {
	s       *streamable
	encoded *tally
	plain   *gzip.Reader // nil until something is read: its header may be long in coming
	budget  int64        // of decoded bytes, beside what the encoded ones allow
}

func (g *gunzip) Read(p []byte) (n int, err error) {
	if g.plain == nil {
		if g.plain, err = gzip.NewReader(g.encoded); err != nil {
			g.plain = nil
			return 0, g.explain(err)
		}
	}
	n, err = g.plain.Read(p)
	if g.budget -= int64(n); g.budget+maxRatio*g.encoded.read < 0 {
		return 0, g.s.conn.invalid("with gzip that stands for more than it may")
	}
	return n, g.explain(err)
}

// explain tells what is no gzip from a connection that broke.
func (g *gunzip) explain(err error) error {
	var corrupt flate.CorruptInputError
	if errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) || errors.As(err, &corrupt) {
		return g.s.conn.invalid("what is not gzip, though it says so").Because(err)
	}
	return err
}

func (g *gunzip) Close() error { return g.encoded.Close() }

// tally counts what is read.
type tally struct {
	io.ReadCloser
	read int64
}

func (t *tally) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	t.read += int64(n)
	return n, err
}
