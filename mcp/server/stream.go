package server

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of what waits in one stream for an agent that reads slowly: beyond
// them notifications are not taken, and beyond maxBacklog times as much, answers
// and requests are not either, which ends the session.
const (
	maxQueued      = 1024
	maxQueuedBytes = 1 << 20
	maxBacklog     = 16
)

var (
	errClosed   = errors.New("the stream is closed")
	errFull     = errors.New("the agent does not read fast enough")
	errTakeover = errors.New("another connection reads the stream now")
)

// budget bounds the bytes of events in all streams: over it, none are kept for
// replay and no notification is queued.
type budget struct {
	used atomic.Int64
	most int64
}

func (b *budget) spent() bool { return b.used.Load() > b.most }

// event is one message on its way.
type event struct {
	seq  uint64
	data []byte
}

// stream is a sequence of messages to an agent that outlives the connection it
// is read by: the answer to a POST (see postStream), the GET stream of a session,
// a legacy SSE connection, standard output. Messages are appended by whoever has
// one, and written by the one pump that is attached, so that a slow agent never
// holds up an upstream:
//
//	unread ──attach──▶ read ──the reader leaves──▶ waiting ──attach──▶ read
//	  any ──close──▶ closed: what is queued is still read
//	  any ──forget──▶ gone: the reader ends, and nothing is kept
//
// A reader that attaches takes over from the one before. It is safe for
// concurrent use.
//
// A stream with an ID keeps delivered events for a client that comes back with
// Last-Event-ID, within the session's and the server's budget.
type stream struct {
	id     string // "" keeps nothing, and its events have no IDs
	keep   int    // bytes of delivered events to keep
	shared *budget

	wake chan struct{}
	sign atomic.Bool // the pump shall show a sign of life now

	mu     sync.Mutex
	closed bool
	reader *reader // the attached pump, nil if none is
	read   bool    // one was attached
	shown  bool    // something was written: an agent knows of the stream
	events []event // kept ones, then those not yet delivered
	sent   uint64  // sequence number of the last delivered event
	given  uint64  // … of the last that a reader was given to write
	last   uint64  // sequence number of the last event
	kept   int     // bytes of delivered events; both are in shared
	queued int     // bytes of the others
}

// reader is one pump's hold on a stream.
type reader struct{ taken chan struct{} } // closed when another takes it

func newStream(id string, keep int, shared *budget) *stream {
	return &stream{id: id, keep: keep, shared: shared, wake: make(chan struct{}, 1)}
}

// send appends a message, or returns errClosed or errFull. Only must-messages
// (answers and requests) get into a full queue. once drops a message that
// equals the last one, if no reader has that yet: the agent may have it before
// its delivery is noted, and have looked at what changed before it changed again.
func (st *stream) send(data []byte, must, once bool) error {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.closed {
		return errClosed
	}
	waiting := int(st.last - st.sent)
	if once && waiting > 0 && st.last > st.given && bytes.Equal(st.events[len(st.events)-1].data, data) {
		return nil
	}
	if st.full(len(data), waiting, must) {
		return errFull
	}
	st.last++
	st.events = append(st.events, event{st.last, data})
	st.queued += len(data)
	st.shared.used.Add(int64(len(data)))
	st.poke()
	return nil
}

func (st *stream) full(size, waiting int, must bool) bool {
	if must {
		return waiting >= maxBacklog*maxQueued || st.queued > maxBacklog*maxQueuedBytes
	}
	return waiting >= maxQueued || st.queued+size > maxQueuedBytes || st.shared.spent()
}

// close says that no message follows. What is queued is still delivered.
func (st *stream) close() {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.closed = true
	st.poke()
}

// resumable reports whether an agent can come back to the stream: it needs the
// ID of an event that it was sent.
func (st *stream) resumable() bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.shown && st.id != ""
}

// wrote notes that an agent was sent something.
func (st *stream) wrote() {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.shown = true
}

func (st *stream) poke() {
	select {
	case st.wake <- struct{}{}:
	default:
	}
}

// live reports whether someone reads the stream, or may come back to.
func (st *stream) live() bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	return !st.closed && (st.reader != nil || st.read && st.id != "")
}

// attached reports whether someone reads the stream now.
func (st *stream) attached() bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.reader != nil
}

// attach makes the caller the stream's only reader. To resume after an event it
// needs every later one to be there still; ok is false if not.
func (st *stream) attach(after uint64, resume bool) (r *reader, ok bool) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if resume {
		if after > st.last || st.last-after > uint64(len(st.events)) {
			return nil, false
		}
		st.rewind(after)
	}
	if st.reader != nil {
		close(st.reader.taken)
	}
	st.read = true
	st.reader = &reader{taken: make(chan struct{})}
	return st.reader, true
}

// rewind moves the border between delivered and waiting events.
func (st *stream) rewind(to uint64) {
	st.sent, st.kept, st.queued = to, 0, 0
	for _, e := range st.events {
		if e.seq <= to {
			st.kept += len(e.data)
		} else {
			st.queued += len(e.data)
		}
	}
}

// next returns what waits for the reader.
func (st *stream) next(r *reader) (batch []event, closed bool, err error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if r != st.reader {
		return nil, false, errTakeover
	}
	waiting := int(st.last - st.sent)
	st.given = st.last
	return slices.Clone(st.events[len(st.events)-waiting:]), st.closed, nil
}

// delivered takes note that events up to seq were written, and lets go of what
// the budgets have no room for, oldest first.
func (st *stream) delivered(r *reader, seq uint64) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if r != st.reader || seq <= st.sent {
		return
	}
	moved := 0
	for i := len(st.events) - int(st.last-st.sent); i < len(st.events) && st.events[i].seq <= seq; i++ {
		moved += len(st.events[i].data)
	}
	st.sent = seq
	st.queued -= moved
	st.kept += moved
	st.trim()
}

func (st *stream) trim() {
	delivered := len(st.events) - int(st.last-st.sent)
	drop := 0
	for drop < delivered && (st.id == "" || st.kept > st.keep || st.shared.spent()) {
		n := len(st.events[drop].data)
		st.kept -= n
		st.shared.used.Add(-int64(n))
		drop++
	}
	clear(st.events[:drop])
	st.events = st.events[drop:]
	if len(st.events) == 0 {
		st.events = nil
	}
}

// forget lets go of everything.
func (st *stream) forget() {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.closed = true
	if st.reader != nil {
		close(st.reader.taken)
		st.reader = nil
	}
	st.shared.used.Add(-int64(st.kept + st.queued))
	st.kept, st.queued, st.events, st.sent = 0, 0, nil, st.last
}

// over reports whether nobody writes or reads the stream any more, and how many
// bytes it keeps for an agent that may come back.
func (st *stream) over() (bool, int) {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.closed && st.reader == nil, st.kept + st.queued
}

// pump writes events until the stream is closed and empty (nil), ctx ends,
// another reader attaches, or write fails. A nil batch asks for a sign of life.
func (st *stream) pump(ctx context.Context, r *reader, alive time.Duration, write func([]event) error) error {
	defer st.detach(r)
	tick := time.NewTicker(alive)
	defer tick.Stop()
	for {
		batch, closed, err := st.next(r)
		switch {
		case err != nil:
			return err
		case len(batch) > 0:
			if err := write(batch); err != nil {
				return err
			}
			st.wrote()
			st.delivered(r, batch[len(batch)-1].seq)
			continue
		case closed:
			return nil
		}
		select {
		case <-st.wake:
			if st.sign.Swap(false) {
				err = st.life(write)
			}
		case <-tick.C:
			err = st.life(write)
		case <-r.taken:
			return errTakeover
		case <-ctx.Done():
			return ctx.Err()
		}
		if err != nil {
			return err
		}
	}
}

// life shows the reader that the stream lives.
func (st *stream) life(write func([]event) error) error {
	err := write(nil)
	if err == nil {
		st.wrote()
	}
	return err
}

func (st *stream) detach(r *reader) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.reader == r {
		st.reader = nil
	}
}

// eventID names an event of a stream across the session.
func eventID(stream string, seq uint64) string {
	return stream + "." + strconv.FormatUint(seq, 10)
}

func splitEventID(id string) (stream string, seq uint64, ok bool) {
	stream, n, found := strings.Cut(id, ".")
	seq, err := strconv.ParseUint(n, 10, 64)
	return stream, seq, found && err == nil
}
