package server

import (
	"slices"
	"strconv"
	"sync"
)

// maxStreams is how many of a session's POST streams can be resumed.
const maxStreams = 32

// keptStreams are the streams of a session's POSTs that became event streams,
// for an agent that comes back to one. It is safe for concurrent use.
type keptStreams struct {
	keep   int // bytes of delivered events in all
	shared *budget

	mu      sync.Mutex
	streams []*stream // oldest first
	made    uint64
	closed  bool
}

// newStream makes a stream for one POST, which can be resumed once it became an
// event stream; see add.
func (k *keptStreams) newStream() *stream {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.made++
	return newStream(strconv.FormatUint(k.made, 10), k.keep/4, k.shared)
}

// add remembers a stream for resumption.
func (k *keptStreams) add(st *stream) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		st.forget()
		return
	}
	k.streams = append(k.streams, st)
}

// trim lets go of streams that are over, oldest first, until what is left is
// within the session's bounds. The newest stays even if it alone is over them,
// unless the server's budget is spent: its result may be all that the agent
// comes back for.
func (k *keptStreams) trim() {
	k.mu.Lock()
	defer k.mu.Unlock()
	count, size := 0, 0
	for i, st := range slices.Backward(k.streams) {
		over, n := st.over()
		if !over {
			continue
		}
		count, size = count+1, size+n
		if count > maxStreams || size > k.keep && count > 1 || k.shared.spent() {
			st.forget()
			k.streams = slices.Delete(k.streams, i, i+1)
		}
	}
}

// find is the stream of an ID, nil if it is not kept.
func (k *keptStreams) find(id string) *stream {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, st := range k.streams {
		if st.id == id {
			return st
		}
	}
	return nil
}

// close lets go of all of them.
func (k *keptStreams) close() {
	k.mu.Lock()
	streams := k.streams
	k.streams, k.closed = nil, true
	k.mu.Unlock()
	for _, st := range streams {
		st.forget()
	}
}
