// Package vault keeps what was taken out of results, in memory, so that it can be put
// back: behind each placeholder that an agent was shown is a value of one server, and
// one session of one agent to whom it means something ([gateway.Agent.LabelKey]).
//
//	[redacted secret.password k3f9qm27xw4t]
//
// # What it promises
//
//   - An ID is random (60 bits), or with [gateway.Kept.Steady] a keyed hash of agent,
//     server and value. To any other session it means nothing.
//   - The same value of the same server has one placeholder in a session, whatever
//     rule found it.
//   - A value that is kept is found again in later results ([Vault.Find]), also where
//     no detector would see it: "s00pers3cretPw!" alone in a line.
//   - Nothing is written to disk. Values are gone after a restart, after [TTL]
//     without use, and when there are too many: the longest unused go first, those of
//     the same session before those of others.
//
// # What it does not do
//
// It does not decide where a value may go: that is the road's. Values that are too
// large, and the gateway's own credentials, are not kept: their placeholders lead
// nowhere.
package vault

import (
	"container/list"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"slices"
	"sync"
	"time"

	"toolward/gateway"
)

// Bounds of what is kept. Sizes are bytes of the values and so much for each of them.
const (
	PerSession = 4 << 20
	Total      = 64 << 20
	TTL        = 8 * time.Hour // since a session last used any of it
	MaxValue   = 256 << 10
	overhead   = 512
)

// RuleOwn is the rule of the gateway's own credentials, which never go back.
const RuleOwn = "secret.own"

// Vault is a [gateway.Vault].
type Vault struct {
	key []byte // of steady IDs

	mu       sync.Mutex
	sessions map[string]*session // by [gateway.Agent.LabelKey]
	used     *list.List          // of *session, last used first
	size     int
}

var _ gateway.Vault = (*Vault)(nil)

// New makes an empty vault. IDs that are steady are the same under the same key; an
// empty key is a random one.
func New(key []byte) *Vault {
	if len(key) == 0 {
		key = []byte(rand.Text())
	}
	return &Vault{key: key, sessions: map[string]*session{}, used: list.New()}
}

// session is what is kept for one. It is used under the vault's lock.
type session struct {
	key     string
	at      *list.Element // in used
	last    time.Time
	size    int
	byID    map[string]*entry
	byValue map[value]*entry
	order   *list.List        // of *entry, last used first
	masked  map[string]bool   // servers of which something is gone for good
	find    *gateway.Scrubber // nil until it is needed, and after each change
	change  int               // counts them
}

// value is what makes two values the same.
type value struct {
	server string
	origin gateway.Upstream
	text   string
	json   bool
}

type entry struct {
	id   string
	kept gateway.Kept
	at   *list.Element // in its session's order
}

func (e *entry) value() value { return value{e.kept.Server, e.kept.Origin, e.kept.Text, e.kept.JSON} }
func (e *entry) size() int    { return len(e.kept.Text) + overhead }

// Keep implements [gateway.Vault].
func (v *Vault) Keep(a *gateway.Agent, kept gateway.Kept) string {
	if kept.Rule == RuleOwn {
		return gateway.Placeholder(kept.Rule, "")
	}
	id := v.id(a, &kept)
	if len(kept.Text) > MaxValue {
		return gateway.Placeholder(kept.Rule, id)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	s := v.open(a)
	e := &entry{id: id, kept: kept}
	if known := s.byValue[e.value()]; known != nil {
		s.order.MoveToFront(known.at)
		return gateway.Placeholder(known.kept.Rule, known.id)
	}
	e.at = s.order.PushFront(e)
	s.byID[e.id], s.byValue[e.value()] = e, e
	s.find, s.change = nil, s.change+1
	s.size += e.size()
	v.size += e.size()
	v.bound(s)
	return gateway.Placeholder(kept.Rule, e.id)
}

// Mask implements [gateway.Vault].
func (v *Vault) Mask(a *gateway.Agent, server string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if s := v.open(a); !s.masked[server] {
		s.masked[server] = true
		s.size += overhead
		v.size += overhead
		v.bound(s)
	}
}

// Masked implements [gateway.Vault].
func (v *Vault) Masked(a *gateway.Agent, server string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	s := v.session(a)
	return s != nil && s.masked[server]
}

// Holds implements [gateway.Vault].
func (v *Vault) Holds(a *gateway.Agent) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.session(a) != nil
}

// Value implements [gateway.Vault].
func (v *Vault) Value(a *gateway.Agent, id string) (gateway.Kept, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	s := v.session(a)
	if s == nil || s.byID[id] == nil {
		return gateway.Kept{}, false
	}
	e := s.byID[id]
	v.touch(s)
	s.order.MoveToFront(e.at)
	return e.kept, true
}

// Forget forgets what came from servers that are gone: it cannot be put back any more.
func (v *Vault) Forget(servers ...string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, s := range v.sessions {
		for at := s.order.Front(); at != nil; {
			e := at.Value.(*entry)
			at = at.Next()
			if slices.Contains(servers, e.kept.Server) {
				v.remove(s, e)
			}
		}
		if s.order.Len() == 0 && len(s.masked) == 0 {
			v.close(s)
		}
	}
}

// session is what is kept for an agent's session; nil if nothing is.
func (v *Vault) session(a *gateway.Agent) *session {
	if a == nil {
		return nil
	}
	s := v.sessions[a.LabelKey()]
	if s != nil && time.Since(s.last) > TTL {
		v.close(s)
		return nil
	}
	return s
}

// open is [Vault.session], and begins one.
func (v *Vault) open(a *gateway.Agent) *session {
	s := v.session(a)
	if s == nil {
		s = &session{key: a.LabelKey(), byID: map[string]*entry{}, byValue: map[value]*entry{}, masked: map[string]bool{}, order: list.New()}
		s.at = v.used.PushFront(s)
		v.sessions[s.key] = s
	}
	v.touch(s)
	return s
}

// touch notes that a session is in use, and forgets those that no longer are.
func (v *Vault) touch(s *session) {
	s.last = time.Now()
	v.used.MoveToFront(s.at)
	for {
		oldest := v.used.Back().Value.(*session)
		if time.Since(oldest.last) <= TTL {
			return
		}
		v.close(oldest)
	}
}

func (v *Vault) close(s *session) {
	v.size -= s.size
	v.used.Remove(s.at)
	delete(v.sessions, s.key)
}

// bound makes room.
func (v *Vault) bound(s *session) {
	for s.size > PerSession {
		v.drop(s)
	}
	for v.size > Total {
		v.drop(v.used.Back().Value.(*session))
	}
}

// drop forgets a session's longest unused value, or what is left of it.
func (v *Vault) drop(s *session) {
	if s.order.Len() == 0 {
		v.close(s)
		return
	}
	v.remove(s, s.order.Back().Value.(*entry))
}

func (v *Vault) remove(s *session, e *entry) {
	s.order.Remove(e.at)
	delete(s.byID, e.id)
	delete(s.byValue, e.value())
	s.find, s.change = nil, s.change+1
	s.size -= e.size()
	v.size -= e.size()
}

// id makes the ID of a value. 256 is a multiple of the alphabet's 32 letters.
func (v *Vault) id(a *gateway.Agent, kept *gateway.Kept) string {
	var b [gateway.PlaceholderID]byte
	if kept.Steady {
		m := hmac.New(sha256.New, v.key)
		for _, part := range []string{a.Principal(), kept.Server, kept.Text} {
			m.Write([]byte(part))
			m.Write([]byte{0})
		}
		copy(b[:], m.Sum(nil))
	} else {
		rand.Read(b[:])
	}
	for i := range b {
		b[i] = gateway.PlaceholderAlphabet[b[i]%byte(len(gateway.PlaceholderAlphabet))]
	}
	return string(b[:])
}
