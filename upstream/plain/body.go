package plain

import (
	"context"
	"io"
	"net/http"
	"sync"
)

// body is an answer's body. At its end the connection goes back to the pool;
// closed before, or broken, it is gone: what is left of it on the connection
// would be taken for the next answer.
type body struct {
	from io.ReadCloser // never closed: that would read what is left
	t    *transport
	c    *conn
	ctx  context.Context
	stop func() bool
	last bool // of the connection

	mu     sync.Mutex
	err    error // what reading it ended with
	closed bool
}

func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	err := b.err
	if b.closed {
		err = http.ErrBodyReadAfterClose
	}
	b.mu.Unlock()
	if err != nil {
		return 0, err
	}
	n, err := b.from.Read(p)
	if err != nil {
		err = b.end(err)
	}
	return n, err
}

// end gives the connection back after EOF, and closes it after anything else,
// once.
func (b *body) end(err error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil || b.closed {
		return err
	}
	if err != io.EOF { //nolint:errorlint // the very EOF is the end of a body, another that wraps it is not
		err = causeOr(b.ctx, err)
	}
	b.err = err
	// If stop is too late, the connection is closed, or about to be.
	if stopped := b.stop(); stopped && !b.last && err == io.EOF { //nolint:errorlint // as above
		b.t.put(b.c)
	} else {
		b.c.Close()
	}
	return err
}

// Close may be called while another goroutine reads, which then gets an error.
func (b *body) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil && !b.closed {
		b.stop()
		b.c.Close()
	}
	b.closed = true
	return nil
}
