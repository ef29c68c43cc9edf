package state

import (
	"hash/maphash"
	"slices"
	"sync"
	"time"

	"toolward/gateway"
)

// MaxLabels is how many labels a session can hold. The road's labels come from
// configuration and policy, so only a policy that computes them without bound
// meets it.
const MaxLabels = 64

// Overflow is the label that stands for those beyond [MaxLabels].
const Overflow = "toolward:too-many-labels"

const (
	recent = 16 // calls that a session remembers
	shards = 16
)

// sessions are what principals have seen and done, by [gateway.Session.ID].
// They are forgotten after idle without a call. A full table drops sessions
// without labels first, and when there are none, the labels of the one that goes
// are held against everybody who is not in the table: an agent cannot lose its
// labels by making sessions.
type sessions struct {
	seed   maphash.Seed
	shards [shards]shard
}

// session is one principal's, or one token session's. Its shard's lock guards it.
type session struct {
	id         string
	agent      string // whose it was last, for people
	issuer     string
	calls      int                     // attempts that are on record
	pending    map[string]*reservation // calls that may become attempts, by ID
	turns      uint64                  // that were given to them
	live       int                     // reservations that are not finished: it is not dropped meanwhile
	labels     []string                // sorted; replaced, never changed
	since      []gateway.Since         // what brought them; replaced, never changed
	recent     []gateway.Recent        // appended to only: snapshots share it
	seen       time.Time
	prev, next *session // in the shard's list, latest first
}

func (s *sessions) init(most int, idle time.Duration) {
	s.seed = maphash.MakeSeed()
	for i := range s.shards {
		s.shards[i].init(max(1, most/shards), idle)
	}
}

func (s *sessions) shard(id string) *shard {
	return &s.shards[maphash.String(s.seed, id)%shards]
}

// answer is what a session says to a call, besides what that call reserves.
func (st *session) answer() gateway.Session {
	return gateway.Session{ID: st.id, Calls: st.calls + len(st.pending), Labels: st.labels, Since: st.since, Recent: st.last()}
}

// behind is how many of the calls that may become attempts are this one, or came
// after it and have counted it.
func (st *session) behind(v *reservation) (n int) {
	if st.pending[v.call] != v {
		return 0
	}
	for _, other := range st.pending {
		if other.turn >= v.turn {
			n++
		}
	}
	return n
}

// note appends to the recent calls. The buffer is only ever appended to, and
// replaced when full, so snapshots keep what they saw without a copy.
func (st *session) note(r gateway.Recent) {
	if len(st.recent) == cap(st.recent) {
		st.recent = append(make([]gateway.Recent, 0, 3*recent), st.last()...)
	}
	st.recent = append(st.recent, r)
}

func (st *session) last() []gateway.Recent {
	n := len(st.recent)
	return st.recent[max(0, n-recent):n:n]
}

// merge returns the union, sorted. It allocates only if there is news.
func merge(have, more []string) []string {
	if !slices.ContainsFunc(more, func(l string) bool { _, known := slices.BinarySearch(have, l); return !known }) {
		return have
	}
	all := slices.Concat(have, more)
	slices.Sort(all)
	all = slices.Compact(all)
	if len(all) <= MaxLabels {
		return all
	}
	kept := append(slices.Clone(have), Overflow)
	slices.Sort(kept)
	return slices.Compact(kept)
}

// shard is a part of the table with its own lock.
type shard struct {
	mu       sync.Mutex
	idle     time.Duration
	most     int
	sessions map[string]*session
	live     map[*reservation]struct{} // calls under way
	list     session                   // ring; list.next is the latest
	shed     []string                  // labels of sessions that had to go
	shedAt   time.Time                 // when the last of them went
}

func (sh *shard) init(most int, idle time.Duration) {
	sh.most, sh.idle = most, idle
	sh.sessions, sh.live = make(map[string]*session), make(map[*reservation]struct{})
	sh.list.prev, sh.list.next = &sh.list, &sh.list
}

// touch returns a session, made if there is none, and makes it the latest. It
// drops those that have been idle for too long, this one too.
func (sh *shard) touch(now time.Time, id string) *session {
	sh.expire(now)
	st := sh.sessions[id]
	if st == nil {
		return sh.add(now, id)
	}
	st.unlink()
	sh.push(now, st)
	return st
}

// look is what a session says to who asks for no call. It is not touched.
func (sh *shard) look(now time.Time, id string) gateway.Session {
	sh.expire(now)
	if st := sh.sessions[id]; st != nil {
		return st.answer()
	}
	return gateway.Session{ID: id, Labels: sh.residue(now)}
}

func (sh *shard) expire(now time.Time) {
	for st := sh.list.prev; st != &sh.list && now.Sub(st.seen) >= sh.idle; st = sh.list.prev {
		if st.live > 0 { // a call is under way: it is not idle
			st.unlink()
			sh.push(now, st)
			continue
		}
		sh.drop(st)
	}
}

func (sh *shard) add(now time.Time, id string) *session {
	if len(sh.sessions) >= sh.most {
		sh.makeRoom(now)
	}
	st := &session{id: id, labels: sh.residue(now)}
	sh.sessions[id] = st
	sh.push(now, st)
	return st
}

// makeRoom drops the session that was unused for longest among those without
// labels. Only the oldest few are looked at: a full table of labelled sessions
// must not cost a walk per call. Sessions with calls under way stay: the table
// may grow by as many.
func (sh *shard) makeRoom(now time.Time) {
	const look = 32
	var oldest *session
	for i, st := 0, sh.list.prev; i < look && st != &sh.list; i, st = i+1, st.prev {
		if st.live > 0 {
			continue
		}
		if len(st.labels) == 0 {
			sh.drop(st)
			return
		}
		if oldest == nil {
			oldest = st
		}
	}
	if oldest == nil {
		return
	}
	sh.shed = merge(sh.residue(now), oldest.labels)
	sh.shedAt = now
	sh.drop(oldest)
}

// residue is what is held against those who are not in the table.
func (sh *shard) residue(now time.Time) []string {
	if sh.shed != nil && now.Sub(sh.shedAt) >= sh.idle {
		sh.shed = nil
	}
	return sh.shed
}

func (sh *shard) push(now time.Time, st *session) {
	st.seen = now
	st.prev, st.next = &sh.list, sh.list.next
	st.prev.next, st.next.prev = st, st
}

func (sh *shard) drop(st *session) {
	st.unlink()
	delete(sh.sessions, st.id)
}

func (st *session) unlink() { st.prev.next, st.next.prev = st.next, st.prev }
