package audit

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
)

// The standby is a file of events as JSON, a line each, that takes what the
// database cannot: best on another disk. What is in it is durable but not
// chained to the record until the database can be written again, or is opened
// the next time; then it becomes part of the record, in order, and the file is
// emptied. Before each event stand the number of the last one that the database
// had, and a MAC over that one's hash, the MAC of the line before, and the line:
//
//	4711 9f2c41d07a55e1b3c0de5a1e77f00d42 {"seq":0,"time_unix_ms":…,"type":"call.attempt",…}
//
// So nobody else can put an event there, nor one that was there before.

// standby is where the file stands.
type standby struct {
	after head          // the last event that the database had
	mac   [macSize]byte // of the last line
}

// line is an event as the next line, and where the file stands then.
func (s standby) line(k *Keys, e *Event) (standby, []byte) {
	e.Seq, e.Of = 0, 0 // numbers that the database did not give
	text := marshal(e)
	s.mac = k.sealLine(s.after.hash, s.mac, text)
	return s, fmt.Appendf(nil, "%d %x %s\n", s.after.seq, s.mac, text)
}

// standIn answers for a batch that the database did not take: nil if the
// standby has it, else why nothing has.
func (w *writer) standIn(events []*Event) error {
	if w.opts.Standby == "" {
		return w.failure()
	}
	at := w.stand
	if at.after != w.head {
		at = standby{after: w.head}
	}
	var lines []byte
	for _, e := range events {
		var line []byte
		at, line = at.line(w.keys, e)
		lines = append(lines, line...)
	}
	if err := appendLines(w.opts.Standby, lines); err != nil {
		w.standing.Store(false)
		return errors.Join(w.failure(), fmt.Errorf("standby: %w", err))
	}
	w.stand = at
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

// takeOver is for who holds the record. It moves what the standby holds into the database, and returns how many
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
	lines, at := bufio.NewReader(f), standby{}
	for more := true; more && err == nil; {
		var events []*Event
		events, more, err = w.missing(lines, &at)
		if err == nil && len(events) > 0 {
			_, err = w.writeHeld(events)
			w.stood = err != nil // they were followed when the standby took them
			n += len(events)
		}
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return n, err
	}
	w.stand = standby{}
	return n, os.Truncate(w.opts.Standby, 0)
}

// missing reads the next events of the standby that the database lacks. A last
// line without an end was never acknowledged.
func (w *writer) missing(lines *bufio.Reader, at *standby) (events []*Event, more bool, err error) {
	for len(events) < many {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return events, false, nil
		}
		if err != nil {
			return nil, false, fmt.Errorf("standby: %w", err)
		}
		e, err := w.ofStandby(line, at)
		if err != nil {
			return nil, false, fmt.Errorf("standby %s: %w", w.opts.Standby, err)
		}
		// Of calls there is one event of a type. Of others, one that equals it.
		query, args := "SELECT 1 FROM events WHERE call = ? AND type = ? LIMIT 1", values(e.Call, e.Type)
		if e.Type == TypeOutcome {
			query, args = "SELECT 1 FROM events a JOIN events o ON o.call = +a.seq WHERE a.call = ? AND o.type = ? LIMIT 1", values(e.Call, e.Type)
		}
		if e.Call == "" {
			query, args = "SELECT 1 FROM events WHERE seq > ? AND time_unix_ms = ? AND type = ? AND body = ? AND call IS NULL LIMIT 1",
				values(at.after.seq, e.TimeUnixMs, e.Type, string(e.Body))
		}
		there, err := w.conn.rows(query, args...)
		if err != nil {
			return nil, false, err
		}
		if len(there) == 0 {
			events = append(events, e)
		}
	}
	return events, true, nil
}

// ofStandby reads a line, and refuses one that this gateway did not write there.
func (w *writer) ofStandby(line []byte, at *standby) (*Event, error) {
	number, rest, _ := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte(" "))
	after, err := strconv.ParseInt(string(number), 10, 64)
	if err == nil && (*at == standby{} || after != at.after.seq) {
		*at = standby{}
		at.after, err = w.conn.at(after)
	}
	if err != nil {
		return nil, err
	}
	mac, text, _ := bytes.Cut(rest, []byte(" "))
	at.mac = w.keys.sealLine(at.after.hash, at.mac, text)
	if want := hex.AppendEncode(nil, at.mac[:]); !hmac.Equal(want, mac) {
		return nil, fmt.Errorf("an event in it is foreign, this gateway did not write it after event %d: keep the file as evidence, and move it away to go on without what is in it", after)
	}
	e := new(Event)
	return e, json.Unmarshal(text, e)
}

// UnmarshalJSON takes the text as it is.
func (r *Raw) UnmarshalJSON(b []byte) error {
	*r = Raw(bytes.Clone(b))
	return nil
}
