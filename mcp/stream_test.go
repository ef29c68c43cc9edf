package mcp

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestEventReader(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		want []Event
		end  error
	}{
		"one":                 {"event: message\nid: 7\ndata: {}\n\n", []Event{{ID: "7", Name: "message", Data: []byte("{}")}}, io.EOF},
		"data lines joined":   {"data: a\ndata:b\n\n", []Event{{Data: []byte("a\nb")}}, io.EOF},
		"CR and CRLF":         {"data: a\rdata: b\r\ndata: c\r\n\r\ndata: d\r\r", []Event{{Data: []byte("a\nb\nc")}, {Data: []byte("d")}}, io.EOF},
		"comment":             {": keep-alive\n\ndata: a\n\n", []Event{{Data: []byte("a")}}, io.EOF},
		"id and retry only":   {"id: 1\nretry: 500\ndata\n\nretry: 1\n\n", []Event{{ID: "1", Retry: 500 * time.Millisecond, Data: []byte{}}, {Retry: time.Millisecond}}, io.EOF},
		"unknown field":       {"later: x\ndata: a\n\n", []Event{{Data: []byte("a")}}, io.EOF},
		"bad retry":           {"retry: -1\ndata: a\n\n", []Event{{Data: []byte("a")}}, io.EOF},
		"id with NUL":         {"id: a\x00b\ndata: a\n\n", []Event{{Data: []byte("a")}}, io.EOF},
		"byte order mark":     {"\xef\xbb\xbfdata: a\n\n", []Event{{Data: []byte("a")}}, io.EOF},
		"cut in an event":     {"data: a\n\ndata: b\n", []Event{{Data: []byte("a")}}, io.ErrUnexpectedEOF},
		"cut in a line":       {"data: b", nil, io.ErrUnexpectedEOF},
		"line too long":       {"data: " + strings.Repeat("x", 100) + "\n\n", nil, ErrTooLong},
		"many lines too long": {strings.Repeat("data: xxxxxxxx\n", 8) + "\n", nil, ErrTooLong},
	} {
		for reading, wrap := range map[string]func(io.Reader) io.Reader{
			"at once":      func(r io.Reader) io.Reader { return r },
			"byte by byte": iotest.OneByteReader,
		} {
			t.Run(name+" "+reading, func(t *testing.T) {
				r := NewEventReader(wrap(strings.NewReader(c.in)), 64)
				var got []Event
				for {
					e, err := r.Next()
					if err != nil {
						if !errors.Is(err, c.end) {
							t.Errorf("ended with %v, want %v", err, c.end)
						}
						break
					}
					got = append(got, e)
				}
				if d := cmp.Diff(c.want, got); d != "" {
					t.Errorf("events (-want +got):\n%s", d)
				}
			})
		}
	}
}

// A CR may be the last byte for a long time: the event must not wait for what
// follows it.
func TestEventReaderDoesNotWaitAfterCR(t *testing.T) {
	in, out := io.Pipe()
	defer in.Close()
	go func() { _, _ = out.Write([]byte("data: a\r\r")) }() // and the pipe stays open
	e, err := NewEventReader(in, 64).Next()
	if err != nil || string(e.Data) != "a" {
		t.Errorf("got %q, %v", e.Data, err)
	}
}

func TestAppendEventIsRead(t *testing.T) {
	want := []Event{{ID: "s/1", Retry: 3 * time.Second, Data: []byte{}}, {Name: "message", Data: []byte("{ }")}}
	var wire []byte
	wire = AppendEvent(wire, want[0])
	wire = AppendEvent(wire, Event{Name: "message", Data: []byte("{\n}")})
	r := NewEventReader(bytes.NewReader(wire), 64)
	for i := range want {
		got, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want[i], got); d != "" {
			t.Errorf("event %d (-want +got):\n%s", i, d)
		}
	}
}

func TestLineReader(t *testing.T) {
	long := strings.Repeat("x", 40<<10)
	r := NewLineReader(strings.NewReader("a\r\n\n"+long+"\nb\n"+strings.Repeat("y", 16)+"\nlast"), 16)
	for _, want := range []struct {
		line string
		err  error
	}{{"a", nil}, {"", nil}, {"", ErrTooLong}, {"b", nil}, {strings.Repeat("y", 16), nil}, {"last", nil}, {"", io.EOF}} {
		got, err := r.Next()
		if string(got) != want.line || !errors.Is(err, want.err) {
			t.Errorf("got %q, %v, want %q, %v", got, err, want.line, want.err)
		}
	}
}

func TestLineReaderSkipsALineWithoutEnd(t *testing.T) {
	r := NewLineReader(strings.NewReader(strings.Repeat("x", 1<<20)), 1024)
	if _, err := r.Next(); !errors.Is(err, ErrTooLong) {
		t.Errorf("got %v, want ErrTooLong", err)
	}
	if _, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("got %v, want io.EOF", err)
	}
}

func FuzzEventReader(f *testing.F) {
	f.Add([]byte("data: a\r\n\nid: 1\n\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		// The events do not depend on how the bytes arrive.
		all, endAll := readAll(NewEventReader(bytes.NewReader(in), 128))
		one, endOne := readAll(NewEventReader(iotest.OneByteReader(bytes.NewReader(in)), 128))
		if d := cmp.Diff(all, one); d != "" || !errors.Is(endAll, endOne) {
			t.Errorf("at once %v, byte by byte %v:\n%s", endAll, endOne, d)
		}
	})
}

func readAll(r *EventReader) ([]Event, error) {
	var all []Event
	for {
		e, err := r.Next()
		if err != nil {
			return all, err
		}
		all = append(all, e)
	}
}
