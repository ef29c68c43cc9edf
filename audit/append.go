package audit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"toolward/audit/journal"
	"toolward/gateway"
)

// maxGroup is how many bytes one write to the journal has at most, but for a single
// event.
const maxGroup = 1 << 20

// waiter is who waits for an event to be durable.
type waiter struct {
	entry *entry

	// Written under writing by who records for all.
	done bool
	seq  int64
	err  error
}

// append makes an event durable and returns its number, 0 while the standby has it.
//
// Everybody who records waits for the lock of those who write. Who gets it writes for all
// who wait then, in one go, and finds a lock that is free when it is alone: an event
// passes no other goroutine.
func (w *writer) append(ctx context.Context, e Event) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, fmt.Errorf("waiting for the audit record: %w", err)
	}
	if err := e.valid(); err != nil {
		w.opts.Log.Error("audit event was rejected", "type", e.Type, "call", e.Call, "error", err)
		return 0, fmt.Errorf("audit event %s was rejected: %w", e.Type, err)
	}
	waits, err := w.enter(e)
	if err != nil {
		return 0, err
	}
	if !w.serveAll(waits) {
		if err := w.waitForRoom(ctx, waits); err != nil {
			return 0, err
		}
	}
	seq, err := waits.seq, waits.err
	*waits = waiter{}
	w.waiters.Put(waits)
	return seq, err
}

// enter has an event wait.
func (w *writer) enter(e Event) (*waiter, error) {
	waits, used := w.waiters.Get().(*waiter)
	if !used {
		waits = new(waiter)
	}
	if waits.entry, used = w.entries.Get().(*entry); !used {
		waits.entry = new(entry)
	}
	waits.entry.event = e
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.closed:
		return nil, errClosed
	case len(w.waiting) >= w.opts.Queue:
		return nil, overloaded()
	}
	w.waiting = append(w.waiting, waits)
	return waits, nil
}

func overloaded() error {
	r := gateway.Refuse("audit", gateway.Overloaded, "too many calls wait to be recorded; try again in a second")
	r.RetryAfter = time.Second
	return r
}

// serveAll makes durable what waits, unless somebody else did that for who calls. It
// reports whether that one is served: else there is no room.
func (w *writer) serveAll(waits *waiter) bool {
	w.writing.Lock()
	defer w.writing.Unlock()
	for !waits.done {
		if !w.serveGroup() {
			return false
		}
	}
	return true
}

// waitForRoom waits for the database to take what is in the way.
func (w *writer) waitForRoom(ctx context.Context, waits *waiter) error {
	late := time.NewTimer(w.opts.Busy)
	defer late.Stop()
	for {
		moved := w.moved.Next()
		if w.serveAll(waits) {
			return nil
		}
		w.hasten()
		err := error(nil)
		select {
		case <-moved:
		case <-late.C:
			err = overloaded()
		case <-ctx.Done():
			err = fmt.Errorf("waiting for the audit record: %w", ctx.Err())
		}
		if err != nil && w.leave(waits) {
			return err
		}
	}
}

// leave takes back an event that nobody has begun to write.
func (w *writer) leave(waits *waiter) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.Index(w.waiting, waits)
	if i >= 0 {
		w.waiting = slices.Delete(w.waiting, i, i+1)
	}
	return i >= 0
}

// serveGroup makes a group of events durable, of those that wait longest, and answers
// those who wait. It reports whether there was room.
func (w *writer) serveGroup() bool {
	room := int(int64(w.opts.Queue) - (w.appended.Load() - w.settled.Load()))
	failed := w.failure()
	if failed == nil && room <= 0 {
		if failed = w.tooLate(); failed == nil {
			return false
		}
	}
	group := w.nextGroup(room, failed != nil)
	for _, waits := range group {
		w.afresh(&waits.entry.event)
	}
	if failed != nil {
		w.rouse() // it may work again
	} else if err := w.appendGroup(group); errors.Is(err, journal.ErrNoRoom) {
		clear(w.inSegment) // not there
		w.mu.Lock()
		w.waiting = append(slices.Clone(group), w.waiting...)
		w.mu.Unlock()
		return w.tooLate() != nil && w.serveGroup()
	} else {
		failed = err
	}
	events := w.events[:0]
	for _, waits := range group {
		if waits.err == nil {
			events = append(events, &waits.entry.event)
		}
	}
	w.events = events
	if failed != nil {
		failed = w.standIn(events)
	}
	if failed == nil {
		w.follow(events)
		w.committed.Ring()
	}
	for _, waits := range group {
		w.answer(waits, failed)
	}
	return true
}

// tooLate fails the store when there is no more room for what a locked database does not
// get: nobody waits for that.
func (w *writer) tooLate() error {
	if late := w.lateness(); late != nil {
		return w.broken(late.failure())
	}
	return nil
}

// answer tells who waits. An event that is not on its way to the database is free.
func (w *writer) answer(waits *waiter, err error) {
	if waits.err == nil {
		waits.err = err
	}
	e := waits.entry
	waits.entry, waits.done = nil, true
	if waits.err == nil {
		waits.seq = e.event.Seq
	}
	if waits.err != nil || waits.seq == 0 {
		e.event = Event{}
		w.entries.Put(e)
		return
	}
	w.mu.Lock()
	w.pending = append(w.pending, e)
	w.mu.Unlock()
}

// nextGroup takes those who wait longest, as many as there is room for.
func (w *writer) nextGroup(room int, all bool) []*waiter {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, size := 0, 0
	for n < len(w.waiting) && (all || n < room && (n == 0 || size < maxGroup)) {
		size += weigh(&w.waiting[n].entry.event)
		n++
	}
	group := w.waiting[:n:n]
	w.waiting = w.waiting[n:]
	if len(w.waiting) == 0 {
		w.waiting = nil
	}
	return group
}

// appendGroup appends events to the journal. Those that cannot be named have an error of
// their own.
func (w *writer) appendGroup(group []*waiter) error {
	for _, waits := range group {
		waits.err = w.nameAttempt(&waits.entry.event, w.reader)
	}
	if err := w.present(); err != nil {
		return w.unwritten(err)
	}
	end := w.frameGroup(group)
	if w.journal.Begins(len(w.frames)) { // a segment stands for itself
		clear(w.inSegment)
		end = w.frameGroup(group)
	}
	if end == w.head {
		return nil // none of them has a name
	}
	err := w.journal.Append(w.frames, end.seq, w.settled.Load())
	if err == nil && w.opts.Durability == DurabilityPower {
		err = w.journal.Sync()
	}
	if errors.Is(err, journal.ErrNoRoom) {
		return err
	}
	if err != nil {
		return w.unwritten(err)
	}
	w.head = end
	for _, waits := range group {
		if waits.err == nil {
			w.noteAttempt(&waits.entry.event)
		}
	}
	w.appended.Store(end.seq)
	if w.asleep.CompareAndSwap(true, false) {
		w.rouse()
	}
	return nil
}

// unwritten marks the store as failed because the journal did not take events.
func (w *writer) unwritten(err error) error {
	if w.opts.Observe != nil {
		w.opts.Observe(0, 0, err)
	}
	return w.broken(err)
}

// present fails when the database or the journal was removed or replaced. It looks when
// all is settled, and once after each time that something was, which under load is five
// times a second. What was answered between is in memory too, and gets into the database.
func (w *writer) present() error {
	if !w.look.Swap(false) && w.settled.Load() < w.appended.Load() {
		return nil
	}
	if err := w.sameFile(); err != nil {
		return err
	}
	return w.journal.Present()
}

// frameGroup makes the frames of events that follow each other, and returns the end of
// the chain behind them.
func (w *writer) frameGroup(group []*waiter) head {
	end := w.head
	w.frames = w.frames[:0]
	for _, waits := range group {
		if waits.err == nil {
			w.frames = waits.entry.frame(w.frames, end, w.keys, w.inSegment)
			end = waits.entry.head()
		}
	}
	if cap(w.frames) > 2*maxGroup && len(w.frames) < maxGroup {
		w.frames = slices.Clone(w.frames) // a large one was here
	}
	return end
}

// answerAll makes durable what still waits when the record is closed.
func (w *writer) answerAll() {
	for {
		_ = w.settle() // makes room
		w.writing.Lock()
		for w.serveGroup() && w.waits() {
		}
		left := w.waits()
		w.writing.Unlock()
		if !left {
			return
		}
	}
}

// waits reports whether anybody waits.
func (w *writer) waits() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.waiting) > 0
}

// rouse wakes the writer's goroutine.
func (w *writer) rouse() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// hasten has the writer's goroutine settle at once.
func (w *writer) hasten() {
	select {
	case w.hurry <- struct{}{}:
	default:
	}
}
