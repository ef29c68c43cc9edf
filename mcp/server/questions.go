package server

import (
	"strconv"
	"sync"

	"toolward/gateway"
)

// questions are requests of the gateway that an agent with a session has not
// answered. There are as many as upstreams may ask during the calls that the
// limiter lets in. It is safe for concurrent use.
type questions struct {
	mu     sync.Mutex
	open   map[string]chan gateway.Result // by ID; closed with the session
	asked  uint64
	closed bool
}

// ask registers a question and returns its ID and where the answer arrives; ok
// is false if the session is over.
func (q *questions) ask() (id string, answer chan gateway.Result, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return "", nil, false
	}
	if q.open == nil {
		q.open = map[string]chan gateway.Result{}
	}
	q.asked++
	id = "gw-" + strconv.FormatUint(q.asked, 10)
	answer = make(chan gateway.Result, 1)
	q.open[id] = answer
	return id, answer, true
}

func (q *questions) unask(id string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.open, id)
}

// answered delivers an agent's answer. One that nobody waits for is dropped:
// it is late, or it was never asked for.
func (q *questions) answered(id string, r gateway.Result) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if answer := q.open[id]; answer != nil {
		delete(q.open, id)
		answer <- r
	}
}

// close ends every question without an answer.
func (q *questions) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	for id, answer := range q.open {
		close(answer)
		delete(q.open, id)
	}
}
