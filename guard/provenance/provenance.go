// Package provenance recognizes, in what an agent sends, copies of what
// private tools returned to it before.
//
// For each principal a [Store] keeps fingerprints, not text: a keyed hash of
// runs of eight letters or digits, chosen by winnowing (Schleimer, Wilkerson,
// Aiken: "Winnowing: Local Algorithms for Document Fingerprinting", SIGMOD
// 2003). Case, spacing and punctuation are not part of a fingerprint, and the
// letters that digits and other scripts imitate count as the same letter, so
// re-cased, re-spaced, dotted, homoglyph and "1337" copies are the same run.
// Arguments are looked up as they are and in every reading that their bytes
// allow: URL, HTML, JSON and quoted-printable escapes, base64, base32, base85, base58 and
// hex of any alphabet, alignment and separator, lists of character codes,
// gzip, zlib and bzip2, Caesar ciphers and Atbash, reversed text and words,
// every second letter, and nestings of these.
//
// # What is found
//
// A run of more than [Options.MinRun] letters and digits of a small result (up
// to about 10,000 by default) is found wherever it stands in one call's values,
// also when it is cut across them in order. From a longer result with N letters
// and digits, fewer fingerprints are kept, and a run of about N/5000 + MinRun is
// found for certain, shorter ones by chance. Shorter
// things are found when they are rare by themselves (an account number, an
// ID), or when many pieces of one result add up, also over several calls.
//
// # What is not
//
// Paraphrase, translation, encryption under a key, and pieces shorter than
// eight letters that are reordered. What the agent itself wrote in the call
// (a path that the result repeats) is not remembered. A copy is not a leak:
// the next call rightly names IDs from the last result. [Match] says how much
// was copied and how it was disguised; policy decides.
//
// # Memory
//
// At most [Options.Memory] bytes for a principal, the oldest results giving
// way first, and [Options.Total] bytes in all, the principals unused longest
// giving way first. Nothing is kept longer than [Options.TTL].
package provenance

import (
	"container/list"
	"crypto/rand"
	"encoding/binary"
	"sync"
	"time"
)

// Options bound a Store. Zero values are the defaults.
type Options struct {
	Memory int           // bytes kept for one principal; 256 KiB by default, at least 64 KiB
	Total  int           // bytes kept for all principals; 64 MiB by default
	TTL    time.Duration // how long a result is remembered; 8 h by default
	MinRun int           // shortest run of letters and digits that is a copy; 16 by default, at least 16
}

// Store remembers what private tools returned. It is safe for concurrent use.
type Store struct {
	opts  Options
	keys  *keys
	start time.Time

	checkers sync.Pool // of *checker

	mu     sync.Mutex // guards what follows; taken before a principal's own lock, never after
	byName map[string]*list.Element
	recent *list.List // of *principal, most recently used first
	total  int        // bytes of all principals
}

// New makes an empty Store. Its fingerprints are keyed with fresh randomness:
// they cannot be chosen to collide, and are worthless outside the process.
func New(o Options) *Store {
	if o.Memory == 0 {
		o.Memory = 256 << 10
	}
	o.Memory = max(o.Memory, 64<<10)
	if o.Total == 0 {
		o.Total = 64 << 20
	}
	if o.TTL == 0 {
		o.TTL = 8 * time.Hour
	}
	o.MinRun = max(o.MinRun, 2*gram)
	var seed [8]byte
	rand.Read(seed[:]) // never fails, see crypto/rand
	s := &Store{
		opts:   o,
		start:  time.Now(),
		keys:   newKeys(binary.LittleEndian.Uint64(seed[:])),
		byName: map[string]*list.Element{},
		recent: list.New(),
	}
	s.checkers.New = func() any { return new(checker) }
	return s
}

// Field is one string of a call's arguments, or of a result.
type Field struct {
	Where string // RFC 6901 pointer
	Key   bool   // the text is a member's name
	Text  string
}

// Match is a copy that was found.
type Match struct {
	Field  int    // index into the fields given to Check
	Span   [2]int // bytes of the field's text that hold the copy, encoding included
	From   string // ID of the call whose result it copies
	Length int    // letters and digits that are copied
	Via    string // how it was disguised: "base64", "url>reversed"; "" if it was not
	Pieces bool   // it is the sum of separate pieces, not one run
	Entity bool   // it is shorter than a run but rare by itself, such as an account number
}

// principal is what is remembered for one name.
type principal struct {
	name string

	mu    sync.Mutex
	table table
	calls [maxCalls]call
	next  int // index in calls of the next result
	carry carry
	dead  bool // evicted; writers must start over
}

// maxCalls is the number of results remembered for a principal; a fingerprint
// names its result in seven bits.
const maxCalls = 128

// call is a remembered result.
type call struct {
	id      string        // "" if the place is free
	seen    time.Duration // since Store.start
	window  int           // winnowing window of its fingerprints
	covered uint64        // which 64ths of its text later arguments held pieces of
}

// Len returns the number of principals and of bytes that are remembered.
func (s *Store) Len() (principals, bytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.byName), s.total
}

// find returns the principal of that name and makes it the most recently
// used, or nil if nothing is remembered for it.
func (s *Store) find(name string) *principal {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.byName[name]
	if e == nil {
		return nil
	}
	s.recent.MoveToFront(e)
	return e.Value.(*principal)
}

// obtain is find, except that it makes the principal if it has to.
func (s *Store) obtain(name string) *principal {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.byName[name]; e != nil {
		s.recent.MoveToFront(e)
		return e.Value.(*principal)
	}
	p := &principal{name: name}
	s.byName[name] = s.recent.PushFront(p)
	s.total += p.size()
	return p
}

// account books that p grew by d bytes and makes room if the total is over its bound.
func (s *Store) account(d int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total += d
	for s.total > s.opts.Total && s.recent.Len() > 1 {
		e := s.recent.Back()
		old := e.Value.(*principal)
		s.recent.Remove(e)
		delete(s.byName, old.name)
		old.mu.Lock()
		s.total -= old.size()
		old.dead = true
		old.mu.Unlock()
	}
}

// fixedSize is what a principal takes beside its table: itself, its name, the
// IDs of its calls and its places in the map and list.
const fixedSize = 16 << 10

func (p *principal) size() int { return fixedSize + p.table.size() }
