package audit

import (
	"hash/maphash"
	"sync/atomic"
)

// memo keeps the JSON, or other forms, of what many calls share: agents and tools, which are
// immutable, and what agents' programs say of themselves. It is a small table in
// which the latest comer takes the slot, so it needs no lock and no upkeep.
type memo[K comparable, V any] struct {
	seed  maphash.Seed
	make  func(K) V
	slots [128]atomic.Pointer[remembered[K, V]]
}

type remembered[K comparable, V any] struct {
	key  K
	form V
}

func newMemo[K comparable, V any](form func(K) V) *memo[K, V] {
	return &memo[K, V]{seed: maphash.MakeSeed(), make: form}
}

func (m *memo[K, V]) of(k K) V {
	slot := &m.slots[maphash.Comparable(m.seed, k)%uint64(len(m.slots))]
	if r := slot.Load(); r != nil && r.key == k {
		return r.form
	}
	form := m.make(k)
	slot.Store(&remembered[K, V]{k, form})
	return form
}
