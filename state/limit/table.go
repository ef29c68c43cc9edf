package limit

import (
	"hash/maphash"
	"sync"
	"time"
)

const (
	shards = 64
	// resweep is how long a shard that was found to be all busy is not searched
	// again: a flood of newcomers then costs a map lookup each, not a search.
	resweep = 100 * time.Millisecond
)

// table maps owners to entries, at most a fixed number of them.
type table[K comparable] struct {
	seed   maphash.Seed
	most   int // entries per shard
	make   func(K) *entry
	shards [shards]shard[K]
}

type shard[K comparable] struct {
	mu       sync.Mutex
	entries  map[K]*entry
	overflow *entry    // shared by those who found no room; nil until needed
	swept    time.Time // when a search last found everything busy
	_        [64]byte  // shards in use by different cores share no cache line
}

func (t *table[K]) init(most int, make_ func(K) *entry) {
	t.seed, t.make = maphash.MakeSeed(), make_
	t.most = max(1, most/shards)
	for i := range t.shards {
		t.shards[i].entries = make(map[K]*entry)
	}
}

func (t *table[K]) shard(k K) *shard[K] {
	return &t.shards[maphash.Comparable(t.seed, k)%shards]
}

// hold returns the entry of k, made if there is none, with one more user. It
// counts the user under the shard's lock, so that nobody drops the entry
// between finding and using it.
func (t *table[K]) hold(now time.Time, k K) *entry {
	s := t.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[k]
	if e == nil {
		e = t.add(s, now, k)
	}
	e.users.Add(1)
	return e
}

// find returns the entry that speaks for k, or nil if nothing is known of it.
// It is not held: use it to look only.
func (t *table[K]) find(now time.Time, k K) *entry {
	s := t.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.entries[k]; e != nil {
		return e
	}
	if len(s.entries) >= t.most && !s.sweep(now) {
		return s.overflow
	}
	return nil
}

// add makes an entry, or returns the shared one if all are busy.
func (t *table[K]) add(s *shard[K], now time.Time, k K) *entry {
	if len(s.entries) >= t.most && !s.sweep(now) {
		if s.overflow == nil {
			var nobody K // of no name, so that no one's own limit is everyone's
			s.overflow = t.make(nobody)
		}
		return s.overflow
	}
	e := t.make(k)
	s.entries[k] = e
	return e
}

// sweep drops what is idle and reports whether there was anything.
func (s *shard[K]) sweep(now time.Time) bool {
	if !s.swept.IsZero() && now.Sub(s.swept) < resweep {
		return false
	}
	before := len(s.entries)
	for k, e := range s.entries {
		if e.idle(now) {
			delete(s.entries, k)
		}
	}
	if len(s.entries) < before {
		s.swept = time.Time{}
		return true
	}
	s.swept = now
	return false
}

// each calls f for every entry. No entry is made or dropped in its shard meanwhile.
func (t *table[K]) each(f func(K, *entry)) {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		for k, e := range s.entries {
			f(k, e)
		}
		if s.overflow != nil {
			var nobody K
			f(nobody, s.overflow)
		}
		s.mu.Unlock()
	}
}
