package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"toolward/gateway"
)

// Durability says what a record survives once Record returned.
type Durability string

// The durabilities. Both survive the death of the process at any instant.
const (
	DurabilityProcess Durability = "process" // one write to the journal: a power cut may take the last events, never the record's consistency
	DurabilityPower   Durability = "power"   // fdatasync of the journal, and synchronous=FULL in the database: survives power loss, if the disk honours it
)

// Bodies says how much of arguments and results is written.
type Bodies string

// The choices for bodies. All of them write the size.
const (
	BodiesRedacted Bodies = "redacted" // with secrets and what policy redacts replaced by keyed hashes
	BodiesDigest   Bodies = "digest"   // a keyed hash of the whole body
	BodiesNone     Bodies = "none"     // nothing
)

// Options configures a [Store]. Path is required.
type Options struct {
	Path         string        // the database; created with its keys if neither exists
	Durability   Durability    // "": DurabilityProcess
	Bodies       Bodies        // "": BodiesRedacted
	MaxBody      int           // bytes of one body; longer ones are cut, with a mark and a digest; 0: 64 KiB
	Retain       time.Duration // prune what is older, once an hour; 0: keep everything
	RetainBodies time.Duration // remove arguments and results that are older, once an hour; 0: they stay as long as their events
	Keys         string        // key file; "": Path + ".keys"
	Checkpoints  string        // file outside the database that gets every checkpoint; "": Path + ".checkpoints"
	Standby      string        // file, best on another disk, that takes events while the database cannot be written; "": calls are refused then
	Every        time.Duration // between checkpoints while there are events; 0: one minute. Without events there is one an hour
	Queue        int           // events that may wait for the database, and as many for the journal, beyond that calls are refused; 0: 4096
	Late         time.Duration // how long another process may hold the database while calls go on to be recorded, in the journal; 0: ten seconds
	Busy         time.Duration // how long to wait for another process that holds the database, and for room in the journal; 0: two seconds
	Log          *slog.Logger  // where failures, recoveries and checkpoints are reported; nil: nowhere

	// Own are the gateway's own credentials and what is written where one would
	// stand: in reasons, causes and names, whatever the call.
	Own []gateway.Secret
	// Find finds credentials in what is recorded without having been judged:
	// names that no tool has, claims of tokens, errors. Nil finds none.
	Find Finder

	// Observe is called after each commit to the database with the number of events that it
	// moved there and the time it took, and with none of both when the journal could not be
	// written; on several goroutines. For metrics. It may be nil.
	Observe func(events int, took time.Duration, err error)
}

// ErrInUse is returned by [Open] when another gateway has the record open.
var ErrInUse = errors.New("another gateway has the audit record open")

// Store is the record of a running gateway: the only writer of events. It is
// safe for concurrent use. The embedded part reads it.
type Store struct {
	*Reader

	opts     Options
	recorder *recorder
	own      *atomic.Pointer[gateway.Scrubber] // what [Store.Hide] was told
	lock     *os.File
	writer   *writer
	indexing sync.WaitGroup // filters of words, beside the writer
	stop     context.CancelFunc
	closing  sync.Once
	closed   error
}

var _ gateway.Recorder = (*Store)(nil)

// Open opens or creates the record at opts.Path and appends [TypeOpen] to it.
// It refuses, with the exact reason, a file that is not a record, one of a
// newer schema, one whose end does not verify or does not hold what an outside
// checkpoint says, and one that is missing though its keys are there: a record
// is never replaced by an empty one silently. It returns [ErrInUse] if another
// gateway has it open.
func Open(opts Options) (*Store, error) {
	opts = opts.withDefaults()
	if err := opts.check(); err != nil {
		return nil, err
	}
	lock, err := lockFile(opts.lock())
	if err != nil {
		return nil, err
	}
	s := &Store{opts: opts, lock: lock}
	if err := s.open(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (o Options) withDefaults() Options {
	if o.Durability == "" {
		o.Durability = DurabilityProcess
	}
	if o.Bodies == "" {
		o.Bodies = BodiesRedacted
	}
	if o.MaxBody <= 0 {
		o.MaxBody = 64 << 10
	}
	if o.Keys == "" {
		o.Keys = o.Path + ".keys"
	}
	if o.Checkpoints == "" {
		o.Checkpoints = o.Path + ".checkpoints"
	}
	if o.Every <= 0 {
		o.Every = time.Minute
	}
	if o.Queue <= 0 {
		o.Queue = 4096
	}
	if o.Late <= 0 {
		o.Late = 10 * time.Second
	}
	if o.Busy <= 0 {
		o.Busy = 2 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

func (o Options) check() error {
	if o.Path == "" {
		return errors.New("audit: no path")
	}
	if o.Durability != DurabilityProcess && o.Durability != DurabilityPower {
		return fmt.Errorf("audit: durability %q is neither process nor power", o.Durability)
	}
	if o.Bodies != BodiesRedacted && o.Bodies != BodiesDigest && o.Bodies != BodiesNone {
		return fmt.Errorf("audit: bodies %q is none of redacted, digest, none", o.Bodies)
	}
	return nil
}

// open does the work of [Open] under the lock.
func (s *Store) open() error {
	keys, err := prepare(s.opts)
	if err != nil {
		return err
	}
	if err := s.opts.exposed(); err != nil && s.opts.Log != nil {
		s.opts.Log.Warn("the audit record is exposed", "error", err)
	}
	s.own = hiding(s.opts.Own)
	s.recorder = newRecorder(s.opts, keys, s.own)
	w, err := newWriter(s.opts, keys, s.own)
	if err != nil {
		return err
	}
	s.writer = w
	if s.Reader, err = OpenReader(s.opts.Path); err != nil {
		return err
	}
	s.Reader.writer = w
	w.writing.Lock()
	w.reader = s.Reader
	w.writing.Unlock()
	if err := s.finishErase(context.Background()); err != nil {
		return err
	}
	erased, err := s.Reader.lastErasure(context.Background())
	if err != nil {
		return err
	}
	w.writing.Lock()
	s.forget(erased)
	w.writing.Unlock()
	err = s.Note(context.Background(), TypeOpen, map[string]any{
		"durability": s.opts.Durability, "bodies": s.opts.Bodies, "pid": os.Getpid(), "retain": s.opts.Retain.String(), "retain_bodies": s.opts.RetainBodies.String(),
	})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.indexing.Go(gateway.Contain(s.opts.Log, "the index of words", func() { s.indexAll(ctx) }))
	return s.Checkpoint(context.Background())
}

// Hide sets which credentials of the gateway's own are kept out of the record from
// here on, instead of [Options.Own].
func (s *Store) Hide(own []gateway.Secret) { s.own.Store(gateway.NewScrubber(own)) }

func hiding(own []gateway.Secret) *atomic.Pointer[gateway.Scrubber] {
	p := new(atomic.Pointer[gateway.Scrubber])
	p.Store(gateway.NewScrubber(own))
	return p
}

// Checkpoint signs what is recorded so far, in the database and in the file
// outside of it, without waiting for the next one that is due.
func (s *Store) Checkpoint(ctx context.Context) error {
	return s.writer.do(ctx, func() error { return s.writer.sign() })
}

// Close waits for what is queued, appends [TypeClose] and a checkpoint, and
// closes the database, which has everything then. Records that come later are errors. Closing again
// returns what the first time returned.
func (s *Store) Close() error {
	s.closing.Do(func() {
		var errs []error
		if s.stop != nil {
			s.stop()
			s.indexing.Wait()
		}
		if s.writer != nil {
			s.writer.finish()
		}
		if s.Reader != nil {
			errs = append(errs, s.Reader.Close())
		}
		if s.writer != nil {
			// The last to close folds the write-ahead log into the database
			// and removes it, which a reader cannot.
			errs = append(errs, s.writer.close())
		}
		s.closed = errors.Join(append(errs, s.lock.Close())...)
	})
	return s.closed
}

// Ready returns nil if calls can be recorded, else why not; or a [*FutureError], an
// [*ExposedError], or a [*LateError], with which they can.
func (s *Store) Ready() error {
	if err := s.writer.failure(); err == nil {
		if late := s.writer.lateness(); late != nil {
			return late
		}
	} else if !s.writer.standing.Load() {
		return err
	}
	if ahead := s.writer.ahead.Load(); ahead != nil && ahead.by() > 0 {
		return ahead
	}
	return s.opts.exposed()
}

// Standing reports whether the standby takes the record's place.
func (s *Store) Standing() bool { return s.writer.standing.Load() }

// Checkpointed is when the last checkpoint was signed, the zero time if none was.
func (s *Store) Checkpointed() time.Time { return unixMilli(s.writer.checkpointed.Load()) }

// Pruned is when this store removed events last, the zero time if it has not.
func (s *Store) Pruned() time.Time { return unixMilli(s.writer.removed.Load()) }

func unixMilli(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}

// KeyName names the key that signs checkpoints, as they do.
func (s *Store) KeyName() string { return s.recorder.keys.signer.Name() }

// Queued is the number of events that are durable and that the database does not have.
func (s *Store) Queued() int { return int(s.writer.appended.Load() - s.writer.settled.Load()) }

// Note appends an event of the gateway itself, of one of [Types]. Detail is
// anything with a JSON form. It returns when the event is durable, with the errors
// of [Store.Record].
func (s *Store) Note(ctx context.Context, eventType string, detail any) error {
	_, err := s.Append(ctx, *ownEvent(eventType, detail))
	return err
}

// NoteAbout is [Store.Note] for an event about the session of an agent, of which e
// has type, agent and session. Kept stands beside the event and can be erased.
func (s *Store) NoteAbout(ctx context.Context, e gateway.Entry, detail, kept any) error {
	own := ownEvent(e.Type, detail)
	own.Agent, own.Session, own.Text = e.Agent, e.Session, Raw(marshal(kept))
	_, err := s.Append(ctx, *own)
	return err
}

// Append appends an event that is not about a call as [Store.Record] has it, and
// returns its number once it is durable, with the errors of Record. What has to be
// able to go before the event goes is its Text, a JSON object. Texts are made one line, and an event without a time gets the present. The number is 0
// while the standby has the event: it gets one when the database takes it over.
func (s *Store) Append(ctx context.Context, e Event) (int64, error) {
	if err := known(e.Type); err != nil {
		return 0, err
	}
	for _, text := range []*string{&e.Type, &e.Call, &e.Agent, &e.Server, &e.Tool, &e.Kind, &e.Effect, &e.Code, &e.Session, &e.Outcome} {
		*text = column(*text)
	}
	if e.TimeUnixMs == 0 {
		e.TimeUnixMs = time.Now().UnixMilli()
	}
	e.Body = s.recorder.noted(Raw(appendLine(nil, []byte(e.Body))))
	if e.Text != "" {
		e.Kept.seal([]byte(s.recorder.noted(Raw(appendLine(nil, []byte(e.Text))))), nil, nil)
	}
	return s.writer.append(ctx, e)
}

// Hash is what stands in the record for a redacted value, for `toolward audit
// hash`: looking for it finds where the value was.
func (s *Store) Hash(value string) string { return s.recorder.keys.Token(value) }
