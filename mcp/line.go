package mcp

import (
	"bufio"
	"errors"
	"io"
)

// ErrTooLong is returned for a line or event over the reader's limit. The rest
// of it has been skipped, and the reader can go on with the next.
var ErrTooLong = errors.New("message over the size limit")

// LineReader reads lines of bounded length: the framing of MCP over standard
// input and output (MCP basic/transports, stdio). It is not safe for
// concurrent use.
type LineReader struct {
	r     *bufio.Reader
	limit int
	buf   []byte
}

// NewLineReader reads from r lines of at most limit bytes.
func NewLineReader(r io.Reader, limit int) *LineReader {
	return &LineReader{r: bufio.NewReaderSize(r, 16<<10), limit: limit}
}

// Next returns the next line without its end. The bytes are the caller's only
// until the next call. A last line without an end is returned before io.EOF.
func (l *LineReader) Next() ([]byte, error) {
	l.buf = l.buf[:0]
	if cap(l.buf) > 1<<20 {
		l.buf = nil // one huge line must not be paid for by every later one
	}
	for {
		part, err := l.r.ReadSlice('\n')
		if len(l.buf)+len(part) > l.limit+2 {
			if errors.Is(err, bufio.ErrBufferFull) {
				err = l.skip()
			}
			if err != nil && !errors.Is(err, io.EOF) {
				return nil, err
			}
			return nil, ErrTooLong
		}
		l.buf = append(l.buf, part...)
		switch {
		case err == nil:
			return trimEnd(l.buf), nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(l.buf) > 0:
			return trimEnd(l.buf), nil
		default:
			return nil, err
		}
	}
}

func (l *LineReader) skip() error {
	for {
		_, err := l.r.ReadSlice('\n')
		if !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}

func trimEnd(line []byte) []byte {
	for len(line) > 0 && (line[len(line)-1] == '\n' || line[len(line)-1] == '\r') {
		line = line[:len(line)-1]
	}
	return line
}
