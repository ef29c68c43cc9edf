package web

import (
	"net/http"
	"time"
)

// paced gives each write of an answer a deadline of its own, so that a peer
// that does not read keeps neither the answer in memory nor its goroutine: half
// a minute, and a second for every 32 KiB. Streams may be silent as long as they
// like: between writes there is no deadline. What net/http writes after the
// handler's end, the last few KiB, has the last deadline.
type paced struct {
	http.ResponseWriter
	rc *http.ResponseController
}

func pace(w http.ResponseWriter) *paced {
	return &paced{w, http.NewResponseController(w)}
}

// Unwrap is for [http.ResponseController].
func (p *paced) Unwrap() http.ResponseWriter { return p.ResponseWriter }

func (p *paced) Write(b []byte) (int, error) {
	p.expire(len(b))
	defer p.lift()
	return p.ResponseWriter.Write(b)
}

// FlushError is what [http.ResponseController] looks for: a flush writes too.
func (p *paced) FlushError() error {
	p.expire(0)
	defer p.lift()
	return p.rc.Flush()
}

func (p *paced) expire(size int) {
	_ = p.rc.SetWriteDeadline(time.Now().Add(30*time.Second + time.Duration(size>>15)*time.Second)) // both protocols of net/http have it
}

func (p *paced) lift() { _ = p.rc.SetWriteDeadline(time.Time{}) }
