package client

import (
	"bufio"
	"errors"
	"io"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"
)

// Bounds of what a server's standard error may put into the log.
const (
	maxStderrLine  = 4 << 10
	stderrPerBurst = 100 // lines per second
)

// stderrLog copies a server's standard error to the log, one record a line.
// slog escapes what is in it, so a server cannot forge records.
type stderrLog struct {
	log  *slog.Logger
	read chan struct{} // closed when all of it is read

	mu    sync.Mutex
	first []string // the first lines that were not empty
	last  string   // the last one of those behind them
}

// firstLines is how many lines from the beginning are kept.
const firstLines = 3

func newStderrLog(log *slog.Logger) *stderrLog {
	return &stderrLog{log: log, read: make(chan struct{})}
}

// said is what came first, and what came last if that is something else.
func (s *stderrLog) said() (first []string, last string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.first), s.last
}

func (s *stderrLog) copy(stderr *os.File) {
	defer close(s.read)
	defer stderr.Close()
	r := bufio.NewReaderSize(stderr, maxStderrLine)
	var window time.Time
	lines, dropped := 0, 0
	for {
		line, err := r.ReadSlice('\n')
		if now := time.Now(); now.Sub(window) > time.Second {
			if dropped > 0 {
				s.log.Warn("upstream wrote more to its standard error than is logged", "lines", dropped)
			}
			window, lines, dropped = now, 0, 0
		}
		if lines++; lines > stderrPerBurst {
			dropped++
		} else if text := string(trimLine(line)); text != "" {
			s.log.Info("upstream stderr", "line", text)
			s.mu.Lock()
			if len(s.first) < firstLines {
				s.first = append(s.first, text)
			} else {
				s.last = text
			}
			s.mu.Unlock()
		}
		if errors.Is(err, bufio.ErrBufferFull) { // the rest of a long line comes as further ones
			continue
		}
		if err != nil {
			_, _ = io.Copy(io.Discard, r)
			return
		}
	}
}

func trimLine(line []byte) []byte {
	for len(line) > 0 && (line[len(line)-1] == '\n' || line[len(line)-1] == '\r') {
		line = line[:len(line)-1]
	}
	return line
}
