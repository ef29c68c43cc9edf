// Package session remembers what a principal has seen and done: the labels of
// the results it got, how many calls reached an upstream, and the latest of
// them. Policy reads it to decide where data may go.
//
// State is kept by [gateway.Agent.LabelKey]: per token session if the token
// names one, else per principal. Reconnecting sheds nothing.
//
// Labels are forgotten only when the principal made no call for [Options.Idle].
// Memory is bounded by [Options.Max] without shedding labels: when the table is
// full, sessions without labels go first, and when there are none, the labels
// of the one that goes are held against everybody who is not in the table. An
// agent cannot lose its labels by making sessions; it can only make newcomers
// be treated with more suspicion, for [Options.Idle] at most.
//
// State lives in memory: a restart forgets labels. Runs of one agent across a
// restart are visible in the audit record.
package session

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

const recent = 16 // calls that a session remembers

// Options configures [Sessions].
type Options struct {
	Idle time.Duration // forget a session that made no call for this long; 0: one hour
	Max  int           // sessions held, about 2 KiB each; 0: 16,384
}

// Sessions implements [gateway.Sessions]. It is safe for concurrent use.
type Sessions struct {
	idle   time.Duration
	seed   maphash.Seed
	shards [shards]shard
}

var _ gateway.Sessions = (*Sessions)(nil)

const shards = 16

type key struct{ issuer, id, session string }

type state struct {
	key        key
	id         string
	calls      int
	labels     []string         // sorted; replaced, never changed
	recent     []gateway.Recent // appended to only: snapshots share it
	seen       time.Time
	prev, next *state // in the shard's list, latest first
}

// New returns an empty Sessions.
func New(opts Options) *Sessions {
	if opts.Idle <= 0 {
		opts.Idle = time.Hour
	}
	if opts.Max <= 0 {
		opts.Max = 1 << 14
	}
	s := &Sessions{idle: opts.Idle, seed: maphash.MakeSeed()}
	for i := range s.shards {
		s.shards[i].init(max(1, opts.Max/shards), opts.Idle)
	}
	return s
}

func (s *Sessions) shard(k key) *shard { return &s.shards[maphash.Comparable(s.seed, k)%shards] }

func keyOf(a *gateway.Agent) key { return key{a.Issuer, a.ID, a.Session} }

// Snapshot implements [gateway.Sessions]. The slices of what it returns are
// shared and must not be modified. Asking counts as activity: an agent whose
// calls are all refused is not idle.
func (s *Sessions) Snapshot(a *gateway.Agent) gateway.Session {
	k := keyOf(a)
	sh := s.shard(k)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	now := time.Now()
	st := sh.find(now, k)
	if st == nil {
		return gateway.Session{ID: a.SessionID(), Labels: sh.residue(now)}
	}
	return gateway.Session{ID: st.id, Calls: st.calls, Labels: st.labels, Recent: st.last()}
}

// Note implements [gateway.Sessions]. The road calls it after the upstream
// answered and before the agent is, so that a call made after an answer is
// always judged with that answer's labels.
func (s *Sessions) Note(c *gateway.Call) {
	if c.Agent == nil {
		return
	}
	k := keyOf(c.Agent)
	sh := s.shard(k)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	now := time.Now()
	st := sh.find(now, k)
	if st == nil {
		st = sh.add(now, k, c.Agent.SessionID())
	}
	st.calls++
	st.note(gateway.Recent{Tool: c.ToolName(), Effect: c.Decision.Effect})
	if c.Result != nil {
		st.labels = merge(st.labels, c.Result.Labels)
	}
}

// Label implements [gateway.Sessions]. It is cheap when there is no news: an
// upstream may speak a thousand times in one call.
func (s *Sessions) Label(a *gateway.Agent, labels []string) {
	if a == nil || len(labels) == 0 {
		return
	}
	k := keyOf(a)
	sh := s.shard(k)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	now := time.Now()
	st := sh.find(now, k)
	if st == nil {
		st = sh.add(now, k, a.SessionID())
	}
	st.labels = merge(st.labels, labels)
}

// note appends to the recent calls. The buffer is only ever appended to, and
// replaced when full, so snapshots keep what they saw without a copy.
func (st *state) note(r gateway.Recent) {
	if len(st.recent) == cap(st.recent) {
		st.recent = append(make([]gateway.Recent, 0, 3*recent), st.last()...)
	}
	st.recent = append(st.recent, r)
}

func (st *state) last() []gateway.Recent {
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
	sessions map[key]*state
	list     state     // ring; list.next is the latest
	shed     []string  // labels of sessions that had to go
	shedAt   time.Time // when the last of them went
}

func (sh *shard) init(most int, idle time.Duration) {
	sh.most, sh.idle = most, idle
	sh.sessions = make(map[key]*state)
	sh.list.prev, sh.list.next = &sh.list, &sh.list
}

// find returns a session and makes it the latest. It drops those that have
// been idle for too long, this one too.
func (sh *shard) find(now time.Time, k key) *state {
	for st := sh.list.prev; st != &sh.list && now.Sub(st.seen) >= sh.idle; st = sh.list.prev {
		sh.drop(st)
	}
	st := sh.sessions[k]
	if st != nil {
		st.unlink()
		sh.push(now, st)
	}
	return st
}

func (sh *shard) add(now time.Time, k key, id string) *state {
	if len(sh.sessions) >= sh.most {
		sh.makeRoom(now)
	}
	st := &state{key: k, id: id, labels: sh.residue(now)}
	sh.sessions[k] = st
	sh.push(now, st)
	return st
}

// makeRoom drops the session that was unused for longest among those without
// labels. Only the oldest few are looked at: a full table of labelled sessions
// must not cost a walk per call.
func (sh *shard) makeRoom(now time.Time) {
	const look = 32
	st := sh.list.prev
	for i := 0; i < look && st != &sh.list; i, st = i+1, st.prev {
		if len(st.labels) == 0 {
			sh.drop(st)
			return
		}
	}
	oldest := sh.list.prev
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

func (sh *shard) push(now time.Time, st *state) {
	st.seen = now
	st.prev, st.next = &sh.list, sh.list.next
	st.prev.next, st.next.prev = st, st
}

func (sh *shard) drop(st *state) {
	st.unlink()
	delete(sh.sessions, st.key)
}

func (st *state) unlink() { st.prev.next, st.next.prev = st.next, st.prev }
