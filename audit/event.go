package audit

import (
	"crypto/sha256"
	"strconv"
	"strings"
	"time"
)

// Event is one row of the table events. Empty texts are NULL there.
type Event struct {
	Seq        int64  `json:"seq"`
	TimeUnixMs int64  `json:"time_unix_ms"`
	Type       string `json:"type"`
	Call       string `json:"call,omitempty"`
	Of         int64  `json:"-"` // of call.outcome: the number of the attempt, which stands in place of Call
	Agent      string `json:"agent,omitempty"`
	Server     string `json:"server,omitempty"`
	Tool       string `json:"tool,omitempty"`
	Kind       string `json:"kind,omitempty"`
	Effect     string `json:"effect,omitempty"`
	Code       string `json:"code,omitempty"`
	Session    string `json:"session,omitempty"`
	Outcome    string `json:"outcome,omitempty"`
	Us         int64  `json:"us,omitempty"` // from reading the request to recording the answer, in microseconds
	Bytes      int64  `json:"bytes,omitempty"`
	Who        []byte `json:"who,omitempty"`
	What       []byte `json:"what,omitempty"`
	Body       Raw    `json:"body"` // one line of JSON
	Kept              // what stands beside it

	left    *left    // of a call that was just recorded: what it says to followers
	facet   facet    // outcome, code and mark of what it is counted by; empty where nobody worked them out: they are read from the rest
	sources []string // with facet: the calls whose results the arguments copy
}

// ofAttempt reports whether the text in an event's Call is the number of an attempt, which a
// call's ID, a UUID, is not: the hash is the same of both.
func (e *Event) ofAttempt() bool {
	return e.Type == TypeOutcome && e.Call != "" && strings.Trim(e.Call, "0123456789") == ""
}

// ownEvent is an event of the gateway itself.
func ownEvent(eventType string, detail any) *Event {
	return &Event{Type: column(eventType), TimeUnixMs: time.Now().UnixMilli(), Body: Raw(appendLine(nil, marshal(detail)))}
}

// Raw is JSON as text. It marshals as itself.
type Raw string

// MarshalJSON returns the text; the empty text is null.
func (r Raw) MarshalJSON() ([]byte, error) {
	if r == "" {
		return []byte("null"), nil
	}
	return []byte(r), nil
}

// head is the end of the chain.
type head struct {
	seq  int64
	hash [sha256.Size]byte
}

// next is the head after e, which gets its sequence number. The scratch buffer
// is returned for reuse.
func (h head) next(e *Event, scratch []byte) (head, []byte) {
	e.Seq = h.seq + 1
	b := h.hashed(e, scratch[:0])
	return head{seq: e.Seq, hash: sha256.Sum256(b)}, b
}

// hashed appends what the hash of e covers, which follows h: see the package doc.
func (h head) hashed(e *Event, b []byte) []byte {
	b = append(b, h.hash[:]...)
	b = appendNumber(b, e.Seq)
	b = appendNumber(b, e.TimeUnixMs)
	b = appendText(b, e.Type)
	if e.Of != 0 {
		b = appendNumber(b, e.Of)
	} else {
		b = appendText(b, e.Call)
	}
	for _, text := range [...]string{e.Agent, e.Server, e.Tool, e.Kind, e.Effect, e.Code, e.Session, e.Outcome} {
		b = appendText(b, text)
	}
	for _, number := range [...]int64{e.Us, e.Bytes} {
		if number != 0 {
			b = appendNumber(b, number)
		} else {
			b = append(b, '-')
		}
	}
	b = appendBytes(b, e.Who)
	b = appendBytes(b, e.What)
	b = appendText(b, string(e.Body))
	return appendBytes(b, e.Digest)
}

func appendText(b []byte, s string) []byte {
	if s == "" {
		return append(b, '-')
	}
	b = strconv.AppendInt(b, int64(len(s)), 10)
	b = append(b, ':')
	b = append(b, s...)
	return append(b, ',')
}

func appendBytes(b, s []byte) []byte {
	if len(s) == 0 {
		return append(b, '-')
	}
	b = strconv.AppendInt(b, int64(len(s)), 10)
	b = append(b, ':')
	b = append(b, s...)
	return append(b, ',')
}

func appendNumber(b []byte, n int64) []byte {
	var digits [20]byte
	return appendBytes(b, strconv.AppendInt(digits[:0], n, 10))
}
