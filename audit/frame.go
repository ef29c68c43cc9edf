package audit

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"strconv"

	"toolward/audit/journal"
)

// Before the database has an event, it stands in the journal (package journal), with all
// that is to stand beside it: the package doc says in which bytes.

// entry is an event that is durable in the journal, and not in the database.
type entry struct {
	event Event
	hash  [sha256.Size]byte
	mac   [macSize]byte
}

func (e *entry) head() head { return head{e.event.Seq, e.hash} }

// frame appends the frame of an event that follows h, and fills in number, hash and MAC.
// Said are the digests of what is interned and stands in the segment already.
func (e *entry) frame(b []byte, h head, keys *Keys, said map[string]bool) []byte {
	e.event.Seq = h.seq + 1
	return journal.Frame(b, e.event.Seq, func(b []byte) []byte {
		at := len(b)
		b = h.hashed(&e.event, b)
		e.hash = sha256.Sum256(b[at:])
		e.mac = keys.seal(e.hash)
		return e.beside(b, said)
	})
}

// beside appends what the hash does not cover.
func (e *entry) beside(b []byte, said map[string]bool) []byte {
	b = appendBytes(b, e.mac[:])
	if e.event.Of != 0 {
		b = appendText(b, e.event.Call)
	} else {
		b = append(b, '-')
	}
	b = appendBytes(b, e.event.Salt)
	b = appendText(b, string(e.event.Text))
	b = appendText(b, string(e.event.Beside))
	for _, s := range e.event.Uses {
		if said[string(s.Digest)] {
			continue
		}
		said[string(s.Digest)] = true
		b = appendText(appendBytes(appendBytes(b, s.Digest), s.Salt), string(s.Text))
	}
	return b
}

// errFrame is a frame that this program did not write.
var errFrame = errors.New("it is not what the gateway writes there")

// parseFrame reads the frame of an event, and the hash of the one before. Said are the
// rows of interned of the frames before it, and gets those that it brings.
func parseFrame(payload []byte, said map[string]*Shared) (before [sha256.Size]byte, e *entry, err error) {
	e = new(entry)
	if copy(before[:], payload) != len(before) {
		return before, nil, errFrame
	}
	f := netstrings{rest: payload[len(before):]}
	e.event.Seq, e.event.TimeUnixMs = f.number(), f.number()
	e.event.Type, e.event.Call = f.text(), f.text()
	for _, s := range [...]*string{&e.event.Agent, &e.event.Server, &e.event.Tool, &e.event.Kind, &e.event.Effect, &e.event.Code, &e.event.Session, &e.event.Outcome} {
		*s = f.text()
	}
	e.event.Us, e.event.Bytes = f.number(), f.number()
	e.event.Who, e.event.What, e.event.Body, e.event.Digest = f.bytes(), f.bytes(), Raw(f.text()), f.bytes()
	e.hash = sha256.Sum256(payload[:len(payload)-len(f.rest)])
	if copy(e.mac[:], f.bytes()) != macSize {
		f.failed = true
	}
	call, ofAttempt := f.text(), e.event.ofAttempt()
	if f.failed = f.failed || (call != "") != ofAttempt; ofAttempt { // the column has its number
		e.event.Of, _ = strconv.ParseInt(e.event.Call, 10, 64)
		e.event.Call = call
	}
	e.event.Salt, e.event.Text, e.event.Beside = f.bytes(), Raw(f.text()), Raw(f.text())
	for len(f.rest) > 0 && !f.failed {
		s := &Shared{Digest: f.bytes(), Salt: f.bytes(), Text: Raw(f.text())}
		said[string(s.Digest)] = s
	}
	if f.failed {
		return before, nil, errFrame
	}
	for _, digest := range [][]byte{e.event.Who, e.event.What} {
		if s := said[string(digest)]; s != nil {
			e.event.Uses = append(e.event.Uses, s)
		}
	}
	return before, e, nil
}

// genuine reports whether the gateway wrote an event where it says to stand, and what
// stands beside it is what it wrote.
func (e *entry) genuine(keys *Keys) bool {
	if mac := keys.sealAt(e.event.Seq, e.hash); !hmac.Equal(mac[:], e.mac[:]) {
		return false
	}
	for _, s := range e.event.Uses {
		if sum := sha256.Sum256(append(bytes.Clone(s.Salt), s.Text...)); !bytes.Equal(sum[:sharedSize], s.Digest) {
			return false
		}
	}
	return e.event.Digest == nil && e.event.Text == "" || bytes.Equal(digestOf(bytes.Clone(e.event.Salt), e.event.Text, e.event.Beside), e.event.Digest)
}

// netstrings reads them, "-" for none.
type netstrings struct {
	rest   []byte
	failed bool
}

func (f *netstrings) bytes() []byte {
	if len(f.rest) > 0 && f.rest[0] == '-' {
		f.rest = f.rest[1:]
		return nil
	}
	length, rest, _ := bytes.Cut(f.rest, []byte(":"))
	n, err := strconv.ParseUint(string(length), 10, 31)
	if err != nil || uint64(len(rest)) <= n || rest[n] != ',' {
		f.failed, f.rest = true, nil
		return nil
	}
	f.rest = rest[n+1:]
	return bytes.Clone(rest[:n])
}

func (f *netstrings) text() string { return string(f.bytes()) }

func (f *netstrings) number() int64 {
	b := f.bytes()
	if b == nil {
		return 0
	}
	n, err := strconv.ParseInt(string(b), 10, 64)
	f.failed = f.failed || err != nil
	return n
}

// following are the entries of a journal that follow an event, as far as they are the
// gateway's own, and the numbers of those behind that do not.
func following(entries []journal.Entry, after head, keys *Keys) (found []*entry, astray []int64) {
	said := map[string]*Shared{}
	for _, frame := range entries {
		before, e, err := parseFrame(frame.Payload, said)
		switch {
		case frame.Seq <= after.seq:
		case err == nil && len(astray) == 0 && e.event.Seq == after.seq+1 && before == after.hash && e.genuine(keys):
			found, after = append(found, e), e.head()
		default:
			astray = append(astray, frame.Seq)
		}
	}
	return found, astray
}
