package audit

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// The standby is a file of events as JSON, a line each, that takes what the
// database cannot: best on another disk. What is in it is durable but not
// chained until the database can be written again, or is opened the next time;
// then it becomes part of the record, in order, and the file is emptied.

// standIn answers for a batch that the database did not take: nil if the
// standby has it, else why nothing has.
func (w *writer) standIn(events []*Event) error {
	if w.opts.Standby == "" {
		return w.failure()
	}
	var lines []byte
	for _, e := range events {
		lines = append(append(lines, marshal(e)...), '\n')
	}
	if err := appendLines(w.opts.Standby, lines); err != nil {
		w.standing.Store(false)
		return errors.Join(w.failure(), fmt.Errorf("standby: %w", err))
	}
	w.standing.Store(true)
	return nil
}

// appendLines appends to a file, durably, or leaves it as it was.
func appendLines(path string, lines []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	end, err := f.Seek(0, io.SeekEnd)
	if err == nil {
		if _, err = f.Write(lines); err == nil {
			err = f.Sync()
		}
		if err != nil {
			err = errors.Join(err, f.Truncate(end))
		}
	}
	return errors.Join(err, f.Close())
}

// takeOver moves what the standby holds into the database, and returns how many
// events. Events of calls that are in the database already (their commit
// succeeded although it was reported as failed, or a crash came before the file
// was emptied) are not written twice.
func (w *writer) takeOver() (n int, err error) {
	if w.opts.Standby == "" {
		return 0, nil
	}
	f, err := os.Open(w.opts.Standby)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("standby: %w", err)
	}
	lines := bufio.NewReader(f)
	for more := true; more && err == nil; {
		var events []*Event
		events, more, err = w.missing(lines)
		if err == nil && len(events) > 0 {
			_, err = w.write(events)
			n += len(events)
		}
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return n, err
	}
	return n, os.Truncate(w.opts.Standby, 0)
}

// missing reads the next events of the standby that the database lacks. A last
// line without an end was never acknowledged.
func (w *writer) missing(lines *bufio.Reader) (events []*Event, more bool, err error) {
	for len(events) < maxBatch {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return events, false, nil
		}
		if err != nil {
			return nil, false, fmt.Errorf("standby: %w", err)
		}
		var e Event
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, false, fmt.Errorf("standby: %s: %w", w.opts.Standby, err)
		}
		there, err := w.conn.rows("SELECT 1 FROM events WHERE call = ? AND type = ? LIMIT 1", e.Call, e.Type)
		if err != nil {
			return nil, false, err
		}
		if len(there) == 0 {
			events = append(events, &e)
		}
	}
	return events, true, nil
}

// UnmarshalJSON takes the text as it is.
func (r *Raw) UnmarshalJSON(b []byte) error {
	*r = Raw(bytes.Clone(b))
	return nil
}
