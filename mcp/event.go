package mcp

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"
	"time"
)

// Event is one server-sent event (WHATWG HTML, section 9.2).
type Event struct {
	ID    string        // "" if the event has none
	Name  string        // "" means "message"
	Data  []byte        // its data lines, joined by line feeds; nil if it had none
	Retry time.Duration // 0 if the event does not say
}

// EventReader reads a text/event-stream. It is not safe for concurrent use.
type EventReader struct {
	lines  *bufio.Scanner
	limit  int
	afterC bool // the line before ended with CR: an LF that follows belongs to it
	first  bool // nothing was read yet: a byte order mark may come
}

// NewEventReader reads events of at most limit bytes each.
func NewEventReader(r io.Reader, limit int) *EventReader {
	e := &EventReader{lines: bufio.NewScanner(r), limit: limit, first: true}
	e.lines.Buffer(make([]byte, 0, 4<<10), limit+2)
	e.lines.Split(e.split)
	return e
}

// Next returns the next event; its data is the caller's to keep. An event with
// an ID or a retry time but no data is returned too: both mean something to
// MCP (2025-11-25 basic/transports, polling). Comments are skipped. The stream's
// end is io.EOF, within an event io.ErrUnexpectedEOF. An event over the limit
// is [ErrTooLong]; the stream cannot be read on after it.
func (r *EventReader) Next() (Event, error) {
	var e Event
	size, fields := 0, 0
	for r.lines.Scan() {
		line := r.lines.Bytes()
		if len(line) == 0 {
			if e.Data != nil || e.ID != "" || e.Retry != 0 {
				return e, nil
			}
			e, size, fields = Event{}, 0, 0
			continue
		}
		if size += len(line) + 1; size > r.limit+1 {
			return Event{}, ErrTooLong
		}
		fields += e.field(line)
	}
	switch err := r.lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return Event{}, ErrTooLong
	case err != nil:
		return Event{}, err
	case fields > 0:
		return Event{}, io.ErrUnexpectedEOF
	}
	return Event{}, io.EOF
}

// split cuts at LF, CR or CRLF. A CR ends its line at once: waiting for the LF
// would hold an event back until the next one.
func (r *EventReader) split(data []byte, atEOF bool) (int, []byte, error) {
	skipped := 0
	if r.first && len(data) >= 3 {
		r.first = false
		if bytes.HasPrefix(data, []byte("\xef\xbb\xbf")) {
			skipped = 3
		}
	}
	if r.afterC && len(data) > 0 {
		r.afterC = false
		if data[0] == '\n' {
			skipped = 1
		}
	}
	rest := data[skipped:]
	if i := bytes.IndexAny(rest, "\r\n"); i >= 0 {
		r.first = false
		r.afterC = rest[i] == '\r'
		return skipped + i + 1, rest[:i], nil
	}
	if atEOF && len(rest) > 0 {
		return len(data), rest, nil
	}
	return skipped, nil, nil
}

// field adds one line to the event and returns 1 unless it was a comment.
func (e *Event) field(line []byte) int {
	name, value, _ := bytes.Cut(line, []byte(":"))
	value = bytes.TrimPrefix(value, []byte(" "))
	switch string(name) {
	case "":
		return 0
	case "data":
		if e.Data == nil {
			e.Data = append(make([]byte, 0, len(value)), value...)
			break
		}
		e.Data = append(append(e.Data, '\n'), value...)
	case "event":
		e.Name = string(value)
	case "id":
		if bytes.IndexByte(value, 0) < 0 {
			e.ID = string(value)
		}
	case "retry":
		if ms, err := strconv.ParseUint(string(value), 10, 31); err == nil {
			e.Retry = time.Duration(ms) * time.Millisecond
		}
	}
	return 1
}

// AppendEvent appends an event to dst. Line breaks in data become spaces (see
// [OneLine]). An empty id or name is left out; retry is left out if 0; nil data
// makes an event that only carries the others.
func AppendEvent(dst []byte, e Event) []byte {
	if e.Name != "" {
		dst = append(append(append(dst, "event: "...), e.Name...), '\n')
	}
	if e.ID != "" {
		dst = append(append(append(dst, "id: "...), e.ID...), '\n')
	}
	if e.Retry != 0 {
		dst = append(dst, "retry: "...)
		dst = strconv.AppendInt(dst, e.Retry.Milliseconds(), 10)
		dst = append(dst, '\n')
	}
	if e.Data != nil {
		dst = append(dst, "data: "...)
		dst = append(dst, OneLine(e.Data)...)
		dst = append(dst, '\n')
	}
	return append(dst, '\n')
}
