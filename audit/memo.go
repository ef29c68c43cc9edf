package audit

import (
	"hash/maphash"
	"sync/atomic"
)

// memo keeps the JSON of what many calls share: agents and tools, which are
// immutable, and what agents' programs say of themselves. It is a small table in
// which the latest comer takes the slot, so it needs no lock and no upkeep.
type memo[K comparable] struct {
	seed  maphash.Seed
	make  func(K) []byte
	slots [128]atomic.Pointer[remembered[K]]
}

type remembered[K comparable] struct {
	key  K
	json []byte
}

func newMemo[K comparable](line func(K) []byte) *memo[K] {
	return &memo[K]{seed: maphash.MakeSeed(), make: line}
}

func (m *memo[K]) line(k K) []byte {
	slot := &m.slots[maphash.Comparable(m.seed, k)%uint64(len(m.slots))]
	if r := slot.Load(); r != nil && r.key == k {
		return r.json
	}
	line := m.make(k)
	slot.Store(&remembered[K]{k, line})
	return line
}
