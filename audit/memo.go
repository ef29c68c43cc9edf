package audit

import (
	"hash/maphash"
	"sync/atomic"
)

// memo keeps the JSON of values that are immutable and shared by many calls:
// agents and tools. It is a small table in which the latest comer takes the
// slot, so it needs no lock and no upkeep.
type memo[T any] struct {
	seed  maphash.Seed
	slots [128]atomic.Pointer[remembered[T]]
}

type remembered[T any] struct {
	value *T
	json  []byte
}

func newMemo[T any]() *memo[T] { return &memo[T]{seed: maphash.MakeSeed()} }

func (m *memo[T]) line(v *T, members func(*object, *T)) []byte {
	slot := &m.slots[maphash.Comparable(m.seed, v)%uint64(len(m.slots))]
	if r := slot.Load(); r != nil && r.value == v {
		return r.json
	}
	o := object{b: []byte{'{'}}
	members(&o, v)
	o.close()
	slot.Store(&remembered[T]{v, o.b})
	return o.b
}
