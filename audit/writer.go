package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"toolward/audit/journal"
	"toolward/gateway"
)

const (
	retry = 250 * time.Millisecond // between attempts to recover
	tick  = time.Second            // upkeep: recovery, checkpoints, pruning
)

var errClosed = errors.New("the audit record is closed")

// writer writes the record, in two steps. Who records appends to the journal, on a
// goroutine of its own, for all who wait with it (append.go); that makes events
// durable. The writer's goroutine owns the connection and moves them into the database
// soon after, many in one transaction (settle.go). What the gateway itself has to say,
// and then to do in the database, goes there at once, by [writer.write].
//
// Locks are taken in this order: writing, mu. The goroutine takes writing to write, and
// no one who holds it waits for the goroutine.
type writer struct {
	opts  Options
	keys  *Keys                             // changed under writing
	own   *atomic.Pointer[gateway.Scrubber] // see [Store.Hide]
	tasks chan func()                       // run between commits: pruning
	stop  chan struct{}
	done  chan struct{}

	entries sync.Pool // of *entry
	waiters sync.Pool // of *waiter

	mu      sync.Mutex
	closed  bool      // nobody may wait any more
	waiting []*waiter // in order, for the journal
	pending []*entry  // in order, for the goroutine

	failed                atomic.Pointer[error]       // why nothing can be recorded; nil if it can
	late                  atomic.Pointer[LateError]   // why the database does not get what is recorded; nil if it does
	checkpointed, removed atomic.Int64                // when a checkpoint was signed, and events were removed, last; Unix milliseconds
	standing              atomic.Bool                 // the standby takes its place
	ahead                 atomic.Pointer[FutureError] // calls are from the future; nil if none is
	appended, settled     atomic.Int64                // numbers of the last event that is durable, and of the last that the database has
	committed             gateway.Bell                // by each event that is durable
	moved                 gateway.Bell                // by each attempt to settle
	wake                  chan struct{}               // there is something to settle, soon
	hurry                 chan struct{}               // there is somebody who waits for it
	asleep                atomic.Bool                 // the goroutine wants to be woken
	look                  atomic.Bool                 // whether the files are there is to be looked at

	// What follows is read and written under writing.
	writing   sync.Mutex
	head      head // the last durable event
	journal   *journal.Journal
	inSegment map[string]bool  // digests of what is interned and stands in the segment
	open      map[string]int64 // attempts without an outcome, by call
	frames    []byte
	events    []*Event    // of the group that is being written
	file      os.FileInfo // the file that conn has open
	stand     standby
	follower  Follower // nil if nobody follows
	followed  int      // events since the last snapshot
	erased    int64    // up to this event claims of agents were erased last; see [writer.afresh]
	snapped   int64    // the event that holds it; 0 if there is none
	reader    *Reader  // for what was recorded before

	// What follows belongs to the goroutine.
	conn     *conn
	moving   []*entry // was pending
	end      head     // the last event that the database has
	scratch  []byte
	tried    time.Time // of the last recovery
	signed   head      // the last checkpoint's
	signedAt time.Time
	pruned   time.Time // of the last look for what to prune
	expired  time.Time // of the last look for texts that are old
	looked   time.Time // of the last look for events of a time that has not come
	ticked   int64     // the last event at the last tick
	clock    clock
	grown    bool // the write-ahead log is over its bound, and that was said
	unfolded int  // bytes in the write-ahead log, about
	folding  bool // it is being folded
	stood    bool // the standby has the events of the last commit, which failed

	folds sync.WaitGroup // at most one
}

func newWriter(opts Options, keys *Keys, own *atomic.Pointer[gateway.Scrubber]) (*writer, error) {
	w := &writer{
		opts: opts, keys: keys, own: own, tasks: make(chan func()), stop: make(chan struct{}), done: make(chan struct{}),
		wake: make(chan struct{}, 1), hurry: make(chan struct{}, 1), inSegment: map[string]bool{}, open: map[string]int64{}, clock: newClock(),
	}
	if err := w.connect(); err != nil {
		return nil, fmt.Errorf("audit database %s: %w", opts.Path, err)
	}
	end, err := w.verifiedEnd()
	if err == nil {
		err = w.heldByCheckpoint(end)
	}
	if err == nil {
		w.reached(end)
		err = w.openJournal()
	}
	if err == nil {
		err = w.finishPrune()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("audit database %s: %w", opts.Path, err), w.closeFiles())
	}
	now := time.Now()
	w.pruned, w.looked = now, now
	w.lookAhead()
	if _, err := w.takeOver(); err != nil {
		return nil, errors.Join(err, w.closeFiles())
	}
	go w.run()
	return w, nil
}

// reached says that the record ends at an event, and that the database has it.
func (w *writer) reached(end head) {
	w.head, w.end = end, end
	w.appended.Store(end.seq)
	w.settled.Store(end.seq)
}

// closeFiles closes what is open.
func (w *writer) closeFiles() error {
	var errs []error
	if w.conn != nil {
		errs = append(errs, w.conn.close())
		w.conn = nil
	}
	if w.journal != nil {
		errs = append(errs, w.journal.Close())
	}
	return errors.Join(errs...)
}

// connect opens the database and remembers which file it is.
func (w *writer) connect() error {
	c, err := dial(w.opts, false)
	if err != nil {
		return err
	}
	info, err := os.Stat(w.opts.Path)
	if err != nil {
		return errors.Join(err, c.close())
	}
	w.conn, w.file = c, info
	return nil
}

// do runs f on the writer's goroutine, between commits.
func (w *writer) do(ctx context.Context, f func() error) error {
	result := make(chan error, 1)
	select {
	case w.tasks <- func() { result <- f() }:
	case <-w.done:
		return errClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	return <-result
}

// finish refuses new events, writes those that wait, and ends the goroutine.
func (w *writer) finish() {
	w.mu.Lock()
	already := w.closed
	w.closed = true
	w.mu.Unlock()
	if !already {
		close(w.stop)
	}
	<-w.done
	w.folds.Wait()
}

// close closes the connection after finish. The journal goes when there is nothing in it
// that the database lacks.
func (w *writer) close() error {
	err := w.failure()
	if late := w.lateness(); err == nil && late != nil && late.Events > 0 {
		err = late
	}
	if err == nil {
		err = w.journal.Remove()
		w.journal = nil
	}
	return errors.Join(err, w.closeFiles())
}

func (w *writer) failure() error {
	if err := w.failed.Load(); err != nil {
		return *err
	}
	return nil
}

func (w *writer) run() {
	defer close(w.done)
	defer w.committed.Ring() // whoever follows finds the record closed
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	p := newPace()
	defer p.stop()
	w.asleep.Store(true)
	for {
		select {
		case <-w.wake:
			if w.failure() != nil {
				w.recover()
				w.rest(p)
			} else {
				p.begin(w.appended.Load())
			}
		case <-p.again():
			if p.due(w.appended.Load(), w.settled.Load()) {
				w.settleNow(p)
			}
		case <-w.hurry:
			w.settleNow(p)
		case f := <-w.tasks:
			f()
		case <-ticker.C:
			w.upkeep()
		case <-w.stop:
			w.last()
			return
		}
	}
}

// settleNow settles because it is time to, or because somebody waits for it.
func (w *writer) settleNow(p *pace) {
	_ = w.settle() // it says why not, and is tried again
	w.writing.Lock()
	due := w.followed >= snapshotEvery
	w.writing.Unlock()
	if due {
		w.snapshotOrLog()
	}
	w.rest(p)
}

// rest waits for the next event, or for the next time if some are left.
func (w *writer) rest(p *pace) {
	p.end()
	w.asleep.Store(true)
	if w.settled.Load() < w.appended.Load() && w.failure() == nil {
		w.rouse()
	}
}

// last is what is done before the goroutine ends.
func (w *writer) last() {
	if w.failure() != nil {
		w.tried = time.Time{} // the last chance needs no pause before it
		w.recover()
	}
	w.answerAll()
	w.snapshotOrLog()
	w.signOrLog(ownEvent(TypeClose, struct{}{}))
}
