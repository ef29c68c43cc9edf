package audit

import (
	"os"
	"time"
)

// upkeep is what has to happen also when nobody calls. Each part can be the one in
// which the database fails, after which there is no connection for the next.
func (w *writer) upkeep() {
	if w.failure() != nil {
		w.recover()
		return
	}
	if w.late.Load() != nil && w.settle() != nil {
		return
	}
	for _, part := range []func(){w.alone, w.noteStep, w.watchLog, w.signInTime, w.expireInTime, w.pruneInTime, w.clearInTime} {
		if part(); w.failure() != nil {
			return
		}
	}
}

func (w *writer) noteStep() {
	if step, set := w.clock.step(); set {
		w.note(TypeClock, map[string]any{"step_ms": step.Milliseconds()})
		w.looked = time.Time{}
	}
	if time.Since(w.looked) >= time.Hour && w.failure() == nil {
		w.looked = time.Now()
		w.lookAhead()
	}
}

func (w *writer) signInTime() {
	since := time.Since(w.signedAt)
	if since >= time.Hour || w.end.seq > w.signed.seq && since >= w.opts.Every {
		w.signOrLog()
	}
}

func (w *writer) expireInTime() {
	if w.opts.RetainBodies <= 0 || time.Since(w.expired) < time.Hour {
		return
	}
	w.expired = time.Now()
	if err := w.expire(time.Now().Add(-w.opts.RetainBodies)); err != nil {
		w.opts.Log.Error("texts that are old could not be removed", "error", err)
	}
}

func (w *writer) pruneInTime() {
	if w.opts.Retain <= 0 || time.Since(w.pruned) < time.Hour {
		return
	}
	w.pruned = time.Now()
	if _, err := w.prune(time.Now().Add(-w.opts.Retain), "gateway", "audit.retain: "+w.opts.Retain.String()); err != nil {
		w.opts.Log.Error("audit record could not be pruned", "error", err)
	}
}

// clearInTime empties the journal once nothing is recorded any more, so that a record at
// rest is the database alone.
func (w *writer) clearInTime() {
	before := w.ticked
	if w.ticked = w.appended.Load(); w.ticked != before {
		return
	}
	w.writing.Lock()
	used := w.journal.Used()
	w.writing.Unlock()
	if !used {
		return
	}
	if err := w.clearJournal(); err != nil {
		w.opts.Log.Error("the journal could not be emptied", "error", err)
	}
}

// clearJournal overwrites what the journal holds, when the database has it.
func (w *writer) clearJournal() error {
	return w.hold(func() error {
		clear(w.inSegment)
		if err := w.journal.Clear(); err != nil {
			return w.fail(err)
		}
		return nil
	})
}

// watchLog warns when the write-ahead log grows: somebody reads for so long
// that it cannot be folded into the database.
func (w *writer) watchLog() {
	const bound = 256 << 20
	info, err := os.Stat(w.opts.Path + "-wal")
	grown := err == nil && info.Size() > bound
	if grown && !w.grown {
		w.opts.Log.Warn("the audit database's write-ahead log grows: another process keeps a read transaction open", "bytes", info.Size())
	}
	w.grown = grown
}

// note writes an event of the writer's own.
func (w *writer) note(eventType string, detail any) {
	if _, err := w.write([]*Event{ownEvent(eventType, detail)}); err != nil {
		w.opts.Log.Error("audit event could not be written", "type", eventType, "error", err)
	}
}
