package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mattn/go-sqlite3"

	"toolward/gateway"
)

const (
	maxBatch = 512                    // events in one commit
	retry    = 250 * time.Millisecond // between attempts to recover
	tick     = time.Second            // upkeep: recovery, checkpoints, pruning
)

var errClosed = errors.New("the audit record is closed")

// writer is the goroutine that owns the connection. It commits whatever is
// queued when the last commit is done: alone, an event waits for nobody; under
// load, one commit carries many.
type writer struct {
	opts  Options
	keys  *Keys
	own   *atomic.Pointer[gateway.Scrubber] // see [Store.Hide]
	queue chan *entry
	tasks chan func() // run between commits: pruning
	stop  chan struct{}
	done  chan struct{}

	entries sync.Pool // of *entry

	mu     sync.RWMutex // held for reading while queueing, so that close sees every entry
	closed bool

	failed                atomic.Pointer[error]       // why the database cannot be written; nil if it can
	checkpointed, removed atomic.Int64                // when a checkpoint was signed, and events were removed, last; Unix milliseconds
	standing              atomic.Bool                 // the standby takes its place
	ahead                 atomic.Pointer[FutureError] // calls are from the future; nil if none is
	committed             gateway.Bell                // by each commit

	// What follows belongs to the goroutine.
	conn     *conn
	file     os.FileInfo // the file that conn has open
	head     head        // the last durable event
	scratch  []byte
	events   []*Event  // of the batch that is being written
	tried    time.Time // of the last recovery
	signed   head      // the last checkpoint's
	signedAt time.Time
	stand    standby
	pruned   time.Time // of the last look for what to prune
	expired  time.Time // of the last look for texts that are old
	looked   time.Time // of the last look for events of a time that has not come
	clock    clock
	grown    bool     // the write-ahead log is over its bound, and that was said
	unfolded int      // bytes in the write-ahead log, about
	folding  bool     // it is being folded
	follower Follower // nil if nobody follows
	folded   int      // events since the last snapshot
	snapped  int64    // the event that holds it; 0 if there is none
	stood    bool     // the standby has the events of the last commit, which failed

	folds sync.WaitGroup // at most one
}

type entry struct {
	event Event
	done  chan error // buffered: the writer never waits for a reader
}

// free lets an entry be used again. One whose caller left before the writer was done
// is not.
func (w *writer) free(en *entry) {
	en.event = Event{}
	w.entries.Put(en)
}

func newWriter(opts Options, keys *Keys, own *atomic.Pointer[gateway.Scrubber]) (*writer, error) {
	w := &writer{
		opts: opts, keys: keys, own: own,
		queue: make(chan *entry, opts.Queue), tasks: make(chan func()),
		stop: make(chan struct{}), done: make(chan struct{}),
		clock: newClock(),
	}
	if err := w.connect(); err != nil {
		return nil, fmt.Errorf("audit database %s: %w", opts.Path, err)
	}
	end, err := w.verifiedEnd()
	if err == nil {
		err = w.heldByCheckpoint(end)
	}
	if err == nil {
		err = w.finishPrune()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("audit database %s: %w", opts.Path, err), w.conn.close())
	}
	now := time.Now()
	w.head, w.pruned, w.looked = end, now, now
	w.lookAhead()
	if _, err := w.takeOver(); err != nil {
		if w.conn != nil {
			err = errors.Join(err, w.conn.close())
		}
		return nil, err
	}
	go w.run()
	return w, nil
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

// append queues an event and waits until it is durable. It returns the event's
// number, 0 while the standby has it.
func (w *writer) append(ctx context.Context, e Event) (int64, error) {
	en, used := w.entries.Get().(*entry)
	if !used {
		en = &entry{done: make(chan error, 1)}
	}
	en.event = e
	w.mu.RLock()
	if w.closed {
		w.mu.RUnlock()
		w.free(en)
		return 0, errClosed
	}
	select {
	case w.queue <- en:
	default:
		w.mu.RUnlock()
		w.free(en)
		r := gateway.Refuse("audit", gateway.Overloaded, "too many calls wait to be recorded; try again in a second")
		r.RetryAfter = time.Second
		return 0, r
	}
	w.mu.RUnlock()
	select {
	case err := <-en.done:
		seq := en.event.Seq
		w.free(en)
		return seq, err
	case <-ctx.Done():
		return 0, fmt.Errorf("waiting for the audit record: %w", ctx.Err())
	}
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

// finish refuses new events, writes those that are queued, and ends the
// goroutine.
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

// close closes the connection after finish.
func (w *writer) close() error {
	if w.conn == nil {
		return w.failure()
	}
	return w.conn.close()
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
	batch := make([]*entry, 0, maxBatch)
	for {
		select {
		case e := <-w.queue:
			// Those who run now may soon have more: one commit for all of them.
			for n := -1; n < len(w.queue) && n < maxBatch; {
				n = len(w.queue)
				runtime.Gosched()
			}
			w.commit(w.drain(append(batch[:0], e)))
			if w.folded >= snapshotEvery {
				w.snapshotOrLog()
			}
		case f := <-w.tasks:
			f()
		case <-ticker.C:
			w.upkeep()
		case <-w.stop:
			for len(w.queue) > 0 {
				w.commit(w.drain(batch[:0]))
			}
			if w.failure() != nil {
				w.tried = time.Time{} // the last chance needs no pause before it
				w.recover()
			}
			w.snapshotOrLog()
			w.signOrLog(ownEvent(TypeClose, struct{}{}))
			return
		}
	}
}

// drain takes what is queued, without waiting for more.
func (w *writer) drain(batch []*entry) []*entry {
	for len(batch) < maxBatch {
		select {
		case e := <-w.queue:
			batch = append(batch, e)
		default:
			return batch
		}
	}
	return batch
}

// commit writes a batch and answers each of its entries.
func (w *writer) commit(batch []*entry) {
	events := w.events[:0]
	for _, e := range batch {
		events = append(events, &e.event)
	}
	w.events = events
	var rejected map[int]error
	err, tried := w.failure(), false
	if err == nil || w.recover() {
		tried = true
		start := time.Now()
		rejected, err = w.write(events)
		if w.opts.Observe != nil {
			w.opts.Observe(len(batch), time.Since(start), err)
		}
	}
	if err != nil {
		err = w.standIn(events)
		w.stood = w.stood || tried && err == nil
	}
	if err == nil {
		w.follow(events, rejected)
	}
	for i, e := range batch {
		if err != nil {
			e.done <- err
		} else {
			e.done <- rejected[i]
		}
	}
}

// write commits events as one transaction. A row that breaks a constraint is
// rejected alone, and the rest is committed; any other error fails the store.
func (w *writer) write(events []*Event) (rejected map[int]error, err error) {
	w.stood = false
	if err := w.sameFile(); err != nil {
		return nil, w.fail(err)
	}
	if err := run(w.conn.begin, nil); err != nil {
		return nil, w.fail(err)
	}
	end := w.head
	for i, e := range events {
		var next head
		if err := w.conn.nameAttempt(e); err != nil {
			return nil, w.fail(errors.Join(err, w.conn.exec("ROLLBACK")))
		}
		next, w.scratch = end.next(e, w.scratch)
		mac := w.keys.seal(next.hash)
		err := w.conn.add(e, next.hash[:], mac[:])
		switch {
		case err == nil:
			end = next
		case isConstraint(err) && w.taken(e.Seq):
			err := &ForeignError{e.Seq, "another program wrote into the database"}
			return nil, w.fail(errors.Join(err, w.conn.exec("ROLLBACK")))
		case isConstraint(err):
			if rejected == nil {
				rejected = map[int]error{}
			}
			rejected[i] = fmt.Errorf("audit event %s was rejected: %w", e.Type, err)
			w.opts.Log.Error("audit event was rejected", "type", e.Type, "call", e.Call, "error", err)
		default:
			return nil, w.fail(errors.Join(err, w.conn.exec("ROLLBACK"))) // with the connection goes what it remembers
		}
	}
	if err := w.conn.flush(); err != nil {
		return nil, w.fail(errors.Join(err, w.conn.exec("ROLLBACK")))
	}
	if err := run(w.conn.commit, nil); err != nil {
		return nil, w.fail(err)
	}
	w.head = end
	w.committed.Ring()
	w.unfolded += weigh(events)
	w.foldIfDue()
	return rejected, nil
}

func isConstraint(err error) bool {
	var sqlErr sqlite3.Error
	return errors.As(err, &sqlErr) && sqlErr.Code == sqlite3.ErrConstraint
}

// taken reports whether there is a row with a number that is the next one's.
func (w *writer) taken(seq int64) bool {
	rows, err := w.conn.rows("SELECT 1 FROM events WHERE seq = ?", seq)
	return err == nil && len(rows) > 0
}

// alone fails the store if there are events that it did not write: rows of another
// program take the numbers of those to come.
func (w *writer) alone() {
	rows, err := w.conn.rows("SELECT max(seq) FROM events")
	if err != nil {
		_ = w.fail(err)
	} else if last, _ := rows[0][0].(int64); last > w.head.seq {
		_ = w.fail(&ForeignError{last, "another program wrote into the database"})
	}
}

// sameFile fails when the database was removed or replaced: SQLite would go on
// writing to a file that nobody can find.
func (w *writer) sameFile() error {
	info, err := os.Stat(w.opts.Path)
	if err != nil {
		return fmt.Errorf("the audit database was removed: %w", err)
	}
	if !os.SameFile(info, w.file) {
		return errors.New("the audit database was replaced by another file")
	}
	return nil
}
