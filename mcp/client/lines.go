package client

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"

	"github.com/go-json-experiment/json/jsontext"

	"toolward/gateway"
)

// maxSkip is how many times the limit of a line may be skipped to get to its
// end. A process that writes more without one is ended.
const maxSkip = 16

// maxEdge is how much is kept of either end of a line that is too long: its ID
// is at one of them.
const maxEdge = 512

// errEndless says that a line did not end within what is skipped.
var errEndless = errors.New("a line without an end")

// lines reads what a process writes.
type lines struct {
	r     *bufio.Reader
	limit int
}

// line is one line without its end. If it is over the limit, whole is nil, and
// head and tail are all that is left of it.
type line struct {
	whole, head, tail []byte
	size              int64
}

func newLines(r io.Reader, limit int) *lines {
	return &lines{bufio.NewReaderSize(r, 64<<10), limit}
}

// next reads a line into memory of its own. A last line without an end was cut
// in the middle, and is io.ErrUnexpectedEOF.
func (l *lines) next() (line, error) {
	var whole []byte
	for {
		part, err := l.r.ReadSlice('\n')
		whole = append(whole, part...)
		switch {
		case len(whole) > l.limit+2:
			return l.skip(whole, err)
		case err == nil:
			return line{whole: trimLine(whole), size: int64(len(whole))}, nil
		case errors.Is(err, io.EOF) && len(whole) > 0:
			return line{}, io.ErrUnexpectedEOF
		case !errors.Is(err, bufio.ErrBufferFull):
			return line{}, err
		}
	}
}

// skip reads a line to its end that began with what was read of it so far.
func (l *lines) skip(read []byte, err error) (line, error) {
	over := line{head: bytes.Clone(read[:maxEdge]), tail: bytes.Clone(read[len(read)-maxEdge:]), size: int64(len(read))}
	for errors.Is(err, bufio.ErrBufferFull) {
		if over.size > int64(maxSkip*l.limit) {
			return over, errEndless
		}
		var part []byte
		part, err = l.r.ReadSlice('\n')
		over.size += int64(len(part))
		over.tail = append(over.tail, part...)
		over.tail = append(over.tail[:0], over.tail[max(0, len(over.tail)-maxEdge):]...)
	}
	over.tail = trimLine(over.tail)
	return over, err
}

// tooLong is a message over the limit.
func (c *Conn) tooLong() *gateway.Refusal {
	o := c.client.opts
	r := c.invalid(fmt.Sprintf("more than %d bytes, which is the limit of upstreams.%s.response", o.MaxAnswer, o.Name))
	r.Remedy = "raise upstreams." + o.Name + ".response if such answers are wanted"
	return r
}

// over handles a line that is too long: the call fails whose answer it is. With
// one call in flight it is that one's, unless the line says otherwise.
func (c *Conn) over(l line) {
	f := c.flight(lenientID(l.head, l.tail))
	if f == nil && !bytes.Contains(l.head, []byte(`"method"`)) {
		f = c.onlyFlight()
	}
	c.log.Error("upstream wrote a line over the limit", "bytes", l.size, "limit", c.client.opts.MaxAnswer, "call_known", f != nil)
	if f != nil {
		f.settle(reply{err: c.tooLong()})
	}
}

// onlyFlight is the request that is in flight alone, the gateway's own included;
// nil if there are several.
func (c *Conn) onlyFlight() *flight {
	c.mu.Lock()
	defer c.mu.Unlock()
	var one *flight
	for _, f := range c.flights {
		if one != nil {
			return nil
		}
		one = f
	}
	return one
}

var idAtEnd = regexp.MustCompile(`"id"\s*:\s*("?[0-9]+"?)\s*(,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*$`)

// lenientID finds the ID in an answer that did not pass the checks, or of which
// only both ends are there, so that the call which it answers fails at once and
// not by its timeout. It is a member of the outermost object:
//
//	{"jsonrpc":"2.0","id":7,"result":…           7
//	{"result":{"id":1,…},"jsonrpc":"2.0","id":7} 7
//	{"jsonrpc":"2.0","result":{"id":1}}          none
func lenientID(head, tail []byte) json.RawMessage {
	d := jsontext.NewDecoder(bytes.NewReader(head), jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
	if start, err := d.ReadToken(); err == nil && start.Kind() == '{' {
		for d.PeekKind() == '"' {
			name, err := d.ReadToken()
			if err != nil {
				break
			}
			if name.String() == "id" {
				if id, err := d.ReadValue(); err == nil {
					return json.RawMessage(bytes.Clone(id))
				}
				break
			}
			if d.SkipValue() != nil {
				break
			}
		}
	}
	if m := idAtEnd.FindSubmatch(tail); m != nil {
		return bytes.Clone(m[1])
	}
	return nil
}
