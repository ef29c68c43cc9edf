package statetest

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"toolward/gateway"
)

// Record is a small record: it folds what it is given, as the real one does, and
// keeps it. Set Fold before it is used. It is safe for concurrent use.
type Record struct {
	Fold func(gateway.Entry) error

	mu     sync.Mutex
	events []gateway.Entry
	fail   error
}

// Note appends an event, or returns the error of [Record.Fail].
func (r *Record) Note(_ context.Context, eventType string, detail any) error {
	body, err := json.Marshal(detail)
	if err != nil {
		return err
	}
	return r.Add(gateway.Entry{Type: eventType, Time: time.Now(), Body: body})
}

// NoteAbout appends an event with a text beside it.
func (r *Record) NoteAbout(_ context.Context, e gateway.Entry, detail, kept any) error {
	var err error
	if e.Body, err = json.Marshal(detail); err != nil {
		return err
	}
	if e.Text, err = json.Marshal(kept); err != nil {
		return err
	}
	e.Time = time.Now()
	return r.Add(e)
}

// Token is the value: this record hides nothing.
func (r *Record) Token(value string) string { return "token of " + value }

// Add appends an event.
func (r *Record) Add(e gateway.Entry) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail != nil {
		return r.fail
	}
	e.Seq = int64(len(r.events) + 1)
	r.events = append(r.events, e)
	return r.Fold(e)
}

// Fail makes what is appended from now on fail; nil ends that.
func (r *Record) Fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fail = err
}

// Events are all of them.
func (r *Record) Events() []gateway.Entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.events)
}
