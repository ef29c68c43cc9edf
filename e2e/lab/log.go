//go:build e2e

package lab

import (
	"bytes"
	"fmt"
	"sync"
	"sync/atomic"
)

// Log collects what a process writes. It is safe for concurrent use.
type Log struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// Reset forgets what was written.
func (l *Log) Reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buf.Reset()
}

var markers atomic.Int64

// Marker is a text that no other call has: it finds a call in the ledger and in
// the record.
func Marker() string { return fmt.Sprintf("marker-%06d-end", markers.Add(1)) }

// Text is the arguments object of the lab's tools.
func Text(text string) string { return fmt.Sprintf(`{"text":%q}`, text) }
