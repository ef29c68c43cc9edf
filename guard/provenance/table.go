package provenance

import "math/bits"

// An entry is one remembered fingerprint:
//
//	bits 30-63  tag, from the hash of the gram
//	bits 17-29  hash of the eight symbols that follow it, 0 if fewer do
//	bits 10-16  index of the result in principal.calls
//	bits  0-9   place of the gram in the result, modulo 1000; from 1000 on: an entity
//
// The zero entry is an empty slot; tags are never 0.
type entry uint64

const (
	tagBits   = 34
	tagShift  = 64 - tagBits
	extShift  = 17
	callShift = 10
	placeMask = 1<<10 - 1
	places    = 1000
)

func makeEntry(hash uint64, ext uint16, call int, place int) entry {
	return entry(tagOf(hash)<<tagShift | uint64(ext)<<extShift | uint64(call)<<callShift | uint64(place)&placeMask)
}

func tagOf(hash uint64) uint64 { return hash>>tagShift | 1 }

// extOf makes the hash of the following gram small, never 0.
func extOf(hash uint64) uint16 { return uint16(hash>>8)&(1<<(tagShift-extShift)-1) | 1 }

func (e entry) tag() uint64 { return uint64(e) >> tagShift }
func (e entry) ext() uint16 { return uint16(e>>extShift) & (1<<(tagShift-extShift) - 1) }
func (e entry) call() int   { return int(e>>callShift) & (maxCalls - 1) }
func (e entry) place() int  { return int(e & placeMask) }

// table is a set of entries in buckets of one cache line. A full bucket gives
// up the entry of the oldest result. filter answers for most of what is not
// there without touching a bucket.
type table struct {
	buckets [][8]entry
	filter  []uint64 // a bit for each tag; the length is a power of two
	used    int
}

// bucketSize is the bytes of a bucket and its share of the filter.
const bucketSize = 64 + 8

func (t *table) size() int { return len(t.buckets) * bucketSize }

// bit is the place of a tag in the filter.
func (t *table) bit(tag uint64) (word *uint64, mask uint64) {
	return &t.filter[tag>>7&uint64(len(t.filter)-1)], 1 << (tag >> 1 & 63)
}

// bucket returns the bucket of a tag. The tag's high bits choose it, so that
// entries can move to a larger table without their hashes.
func (t *table) bucket(tag uint64) *[8]entry {
	return &t.buckets[tag*uint64(len(t.buckets))>>tagBits]
}

// insert adds an entry. newest is the index of the newest result, from which
// age is counted.
func (t *table) insert(e entry, newest int) {
	b := t.bucket(e.tag())
	w, mask := t.bit(e.tag())
	*w |= mask
	victim, age := 0, -1
	for i, old := range b {
		if old == 0 {
			b[i] = e
			t.used++
			return
		}
		if old.tag() == e.tag() && old.call() == e.call() && old.ext() == e.ext() {
			return // the same text again
		}
		if a := (newest - old.call() + maxCalls) % maxCalls; a > age {
			victim, age = i, a
		}
	}
	b[victim] = e
}

// reserve grows the table so that n more entries fit well, up to limit buckets.
func (t *table) reserve(n, limit int) {
	want := len(t.buckets)
	for want < limit && (t.used+n)*4 > want*8*3 {
		want = min(max(2*want, 16), limit)
	}
	if want == len(t.buckets) {
		return
	}
	old := t.buckets
	t.buckets, t.filter, t.used = make([][8]entry, want), make([]uint64, 1<<(bits.Len(uint(want))-1)), 0
	t.fill(old)
}

// fill inserts the entries of other buckets.
func (t *table) fill(old [][8]entry) {
	for i := range old {
		for _, e := range old[i] {
			if e != 0 {
				t.insert(e, e.call())
			}
		}
	}
}

// drop empties the slots of results.
func (t *table) drop(gone func(call int) bool) {
	clear(t.filter)
	for i := range t.buckets {
		for j, e := range t.buckets[i] {
			switch {
			case e == 0:
			case gone(e.call()):
				t.buckets[i][j] = 0
				t.used--
			default:
				w, mask := t.bit(e.tag())
				*w |= mask
			}
		}
	}
}
