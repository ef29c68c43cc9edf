package auth

import (
	"hash/maphash"
	"math/bits"
	"strings"
	"sync/atomic"

	"toolward/gateway"
)

// ways is how many entries compete for one place of the cache.
const ways = 4

// cache remembers verified tokens. It is a table of fixed size without locks:
// a token and its resource hash to a group of [ways] slots, and a new entry
// takes an empty slot, else the one that expires first. Losing an entry only
// costs another verification. The seed is random, so nobody can aim at a group.
type cache struct {
	seed  maphash.Seed
	mask  uint64
	slots []atomic.Pointer[entry]
}

// entry is immutable. The token is compared in full: the hash only finds it.
type entry struct {
	token, resource   string
	agent             *gateway.Agent
	keys              *keyring
	set               *keySet // the keys that verified it
	notBefore, expire int64   // Unix nanoseconds, leeway included
}

func newCache(n int) *cache {
	if n <= 0 {
		n = DefaultCache
	}
	groups := uint64(1) << bits.Len(uint((n-1)/ways))
	return &cache{seed: maphash.MakeSeed(), mask: groups - 1, slots: make([]atomic.Pointer[entry], groups*ways)}
}

func (c *cache) group(token, resource string) []atomic.Pointer[entry] {
	h := maphash.String(c.seed, token)
	if resource != "" {
		h ^= bits.RotateLeft64(maphash.String(c.seed, resource), 32)
	}
	i := (h & c.mask) * ways
	return c.slots[i : i+ways]
}

func (c *cache) find(token, resource string) *entry {
	group := c.group(token, resource)
	for i := range group {
		if e := group[i].Load(); e != nil && e.token == token && e.resource == resource {
			return e
		}
	}
	return nil
}

func (c *cache) add(e *entry) {
	// The strings are cut from the request's header; a copy lets go of the rest.
	e.token, e.resource = strings.Clone(e.token), strings.Clone(e.resource)
	group := c.group(e.token, e.resource)
	oldest := 0
	for i := range group {
		old := group[i].Load()
		if old == nil || old.token == e.token && old.resource == e.resource {
			oldest = i
			break
		}
		if first := group[oldest].Load(); first != nil && old.expire < first.expire {
			oldest = i
		}
	}
	group[oldest].Store(e)
}

// valid reports whether the entry still holds at a time.
func (e *entry) valid(now int64) bool {
	return e.notBefore <= now && now < e.expire && e.keys.usable(now) == e.set
}
