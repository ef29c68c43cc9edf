package audit

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"hash/maphash"
	"sync/atomic"
)

// Kept is what stands beside an event, in tables of its own. The event has the
// digests, which the chain covers, so what is kept cannot be exchanged; and it can
// go before the event does, without breaking the chain.
type Kept struct {
	Digest []byte    `json:"digest,omitempty"` // column of the event; see [digestOf]
	Salt   []byte    `json:"salt,omitempty"`   // random: without it a guess at a text that is gone cannot be tried
	Text   Raw       `json:"text,omitempty"`   // row of the table bodies, one line of JSON: arguments, a result, what another event keeps
	Beside Raw       `json:"beside,omitempty"` // of the same row, an object: what was sent or said beside them
	Uses   []*Shared `json:"uses,omitempty"`   // rows of the table interned: what many events have in common; Who and What are their digests

	sound bool // the text is known to be JSON that the database takes
}

// saltSize is long enough that salts cannot be tried out for a guess at a text that
// is gone: 2^64 of them, for each guess.
const saltSize = 8

// sharedSize is how many bytes of a digest name what is interned.
const sharedSize = 16

// seal keeps a text, and an object beside it; one of them may be empty. The scratch
// buffer is returned for reuse.
func (k *Kept) seal(text, beside, scratch []byte) []byte {
	short := make([]byte, saltSize+digestSize)
	salt, digest := short[:saltSize:saltSize], short[saltSize:]
	_, _ = rand.Read(salt) // never fails (crypto/rand)
	b := append(append(scratch[:0], salt...), text...)
	if len(beside) > 0 {
		b = append(append(b, '\n'), beside...)
	}
	sum := sha256.Sum256(b)
	copy(digest, sum[:])
	k.Salt, k.Digest, k.Text, k.Beside = salt, digest, Raw(text), Raw(beside)
	return b
}

// digestOf is the first 16 bytes of SHA-256 over salt, text, and, if there is
// something beside it, a line feed and that. A text is one line. What salt has room
// for is written over.
func digestOf(salt []byte, text, beside Raw) []byte {
	b := append(salt, text...)
	if beside != "" {
		b = append(append(b, '\n'), beside...)
	}
	sum := sha256.Sum256(b)
	return sum[:digestSize:digestSize]
}

// digestSize is how many bytes of SHA-256 an event has of what stands beside it.
const digestSize = 16

// Shared is an object that many events have in common: who asked, what was
// asked for and which rules decided. It is a row of the table interned.
type Shared struct {
	Digest []byte `json:"digest"` // the first 16 bytes of SHA-256 of salt and text
	Salt   []byte `json:"salt"`   // derived with a key of the record, so that equal texts have equal digests and nobody else can try guesses
	Text   Raw    `json:"text"`   // one line of JSON

	sound bool  // the database takes it
	after int64 // the newest erasure when it was made
}

// share makes one. After is the newest event of [TypeErase]: what is said again
// after it has another digest, so that earlier events do not show it again.
func (k *Keys) share(after int64, text []byte) *Shared {
	label := "interned\n"
	if after > 0 {
		label = fmt.Sprintf("interned after %d\n", after)
	}
	salted := sumOf(&k.hmacs, []byte(label), text)
	s := &Shared{Salt: salted[:sharedSize], Text: Raw(text), sound: storable(Raw(text)), after: after}
	sum := sha256.Sum256(append(bytes.Clone(s.Salt), text...))
	s.Digest = sum[:sharedSize:sharedSize]
	return s
}

// afresh gives an event that was made before an erasure, and is recorded after it, what it
// has in common with others under the digests of after it: those of before are to go.
func (w *writer) afresh(e *Event) {
	for i, s := range e.Uses {
		if s.after == w.erased {
			continue
		}
		again := w.keys.share(w.erased, []byte(s.Text))
		for _, digest := range []*[]byte{&e.Who, &e.What} {
			if bytes.Equal(*digest, s.Digest) {
				*digest = again.Digest
			}
		}
		e.Uses[i] = again
	}
}

// pool finds the Shared of a text that it has met lately. It is a small table in
// which the latest comer takes the slot, so it needs no lock and no upkeep.
type pool struct {
	after int64 // the newest erasure
	seed  maphash.Seed
	slots [1024]atomic.Pointer[Shared]
}

func newPool(after int64) *pool { return &pool{after: after, seed: maphash.MakeSeed()} }

func (p *pool) shared(keys *Keys, text []byte) *Shared {
	slot := &p.slots[maphash.Bytes(p.seed, text)%uint64(len(p.slots))]
	if s := slot.Load(); s != nil && string(s.Text) == string(text) {
		return s
	}
	s := keys.share(p.after, text)
	slot.Store(s)
	return s
}

// texts keeps strings that many events have in common.
type texts struct {
	seed  maphash.Seed
	slots [1024]atomic.Pointer[string]
}

func newTexts() *texts { return &texts{seed: maphash.MakeSeed()} }

func (t *texts) of(b []byte) string {
	slot := &t.slots[maphash.Bytes(t.seed, b)%uint64(len(t.slots))]
	if s := slot.Load(); s != nil && *s == string(b) {
		return *s
	}
	s := string(b)
	slot.Store(&s)
	return s
}

// renew is after how many events what is interned is marked as used again. It
// may be removed once all events up to that many behind the mark are gone.
const renew = 10_000

// addKept inserts what stands beside an event. A row of that number that somebody
// put there is no reason not to record.
func (c *conn) addKept(e *Event) error {
	if e.Digest != nil {
		if err := c.do(c.keep, e.Seq, c.blobs[5].of(e.Salt), word(string(e.Text)), word(string(e.Beside))); err != nil {
			return err
		}
	}
	for _, s := range e.Uses {
		if last, ok := c.interned[string(s.Digest)]; ok && e.Seq-last < renew && e.Seq >= last {
			continue
		}
		if err := c.do(c.intern, s.Digest, s.Salt, string(s.Text), e.Seq); err != nil {
			return err
		}
		if len(c.interned) >= 1<<14 {
			clear(c.interned) // it is only a memory of what need not be written
		}
		c.interned[string(s.Digest)] = e.Seq
	}
	return nil
}
