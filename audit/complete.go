package audit

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"toolward/audit/journal"
)

// MissingError says that the database does not have what was recorded last, and why.
type MissingError struct {
	Events int64 // in the journal alone; 0: it cannot be read
	Cause  error
}

func (e *MissingError) Error() string {
	if e.Events == 0 {
		return fmt.Sprintf("what was recorded last may be in the journal, and not in the database: %v", e.Cause)
	}
	return fmt.Sprintf("%d events that were recorded last are in the journal, and not in the database: %v", e.Events, e.Cause)
}

// Unwrap returns the cause.
func (e *MissingError) Unwrap() error { return e.Cause }

// Complete has a record's database get what only the journal has, for who reads it beside
// the gateway: from the one that runs it waits for that, and what one left that was killed
// it moves itself, as the next start would. What does not follow is left as it is. A
// [*MissingError] says what the database lacks all the same.
func Complete(ctx context.Context, opts Options) error {
	opts = opts.withDefaults()
	entries, err := journal.Read(opts.journal())
	if err != nil {
		return &MissingError{Cause: err}
	}
	if len(entries) == 0 {
		return nil
	}
	has := hashesOf(entries)
	lacks, err := missing(opts.Path, has)
	if lacks == 0 || err != nil {
		return err
	}
	lock, err := lockFile(opts.lock())
	switch {
	case err == nil:
		err = errors.Join(moveLeft(opts), lock.Close())
	case errors.Is(err, ErrInUse):
		lacks, err = awaitGateway(ctx, opts, has, opts.Late+opts.Busy)
	default: // who may only read cannot tell whether one runs
		var waited error
		if lacks, waited = awaitGateway(ctx, opts, has, time.Second); waited == nil {
			err = nil
		}
	}
	if err != nil {
		return &MissingError{lacks, err}
	}
	return nil
}

// hashesOf are the numbers and hashes of a journal's events, as a JSON array.
func hashesOf(entries []journal.Entry) []byte {
	all := make([][2]any, len(entries))
	for i, frame := range entries {
		all[i] = [2]any{frame.Seq, ""} // one that is not the gateway's is nowhere
		if _, e, err := parseFrame(frame.Payload, map[string]*Shared{}); err == nil {
			all[i][1] = hex.EncodeToString(e.hash[:])
		}
	}
	return marshal(all)
}

// missing is how many of such events a database does not have, and has not pruned.
func missing(path string, events []byte) (int64, error) {
	r, err := OpenReader(path)
	if err != nil {
		return 0, err
	}
	rows, err := r.rows(`SELECT count(*) FROM json_each(?) j WHERE j.value ->> 0 >= (SELECT coalesce(min(seq), 0) FROM events)
		AND NOT EXISTS (SELECT 1 FROM events e WHERE e.seq = j.value ->> 0 AND lower(hex(e.hash)) = j.value ->> 1)`, string(events))
	if err := errors.Join(err, r.Close()); err != nil {
		return 0, err
	}
	n, _ := rows[0][0].(int64)
	return n, nil
}

// awaitGateway waits for the gateway that runs, which moves events within a quarter of a
// second, or as soon as a database is free that another program keeps locked.
func awaitGateway(ctx context.Context, opts Options, has []byte, patience time.Duration) (lacks int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		if lacks, err = missing(opts.Path, has); lacks == 0 || err != nil {
			return lacks, err
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return lacks, errors.New("the gateway that runs does not move them there; its log says why")
		}
	}
}

// moveLeft moves what a killed gateway left, for who has the lock.
func moveLeft(opts Options) (err error) {
	keys, err := LoadKeys(opts.Keys)
	if err != nil {
		return err
	}
	opts.Durability = DurabilityPower // the journal goes, so the database has to be on the disk
	w := &writer{opts: opts, keys: keys, own: hiding(opts.Own), open: map[string]int64{}}
	defer func() { err = errors.Join(err, w.closeFiles()) }()
	if err := w.connect(); err != nil {
		return err
	}
	end, err := w.verifiedEnd()
	if err != nil {
		return err
	}
	w.reached(end)
	found, astray, err := w.left()
	if err != nil {
		return err
	}
	if len(astray) > 0 {
		return fmt.Errorf("they do not follow event %d, the last that does; `toolward audit verify` says more", end.seq+int64(len(found)))
	}
	if err := w.take(found, nil); err != nil {
		return err
	}
	err = w.journal.Remove()
	w.journal = nil
	return err
}
