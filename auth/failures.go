package auth

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"toolward/gateway"
)

// Reasons are what failed authentications are counted as, see [Reason].
var Reasons = []string{
	"none", "malformed", "issuer", "type", "algorithm", "key", "signature", "expired", "revoked", "time", "audience", "claims", // of the token
	"scope", "keys", "repeated", "limited", "credential", "other",
}

// failed is an error with what it is counted as.
type failed struct {
	reason string
	error
}

func (f failed) Unwrap() error { return f.error }

func because(reason string, err error) error {
	if err == nil || errors.As(err, new(failed)) {
		return err
	}
	return failed{reason, err}
}

// Reason is what a refused authentication is counted as, one of [Reasons]: what
// was wrong with the token, "scope" if it may not come in here, "keys" while its
// issuer's cannot be had, "repeated" if it was refused a moment ago, "limited" if
// its peer is over the allowance, "credential" for a guess at the operator's, "other" for what is no fault of a token.
func Reason(r *gateway.Refusal) string {
	var f failed
	switch {
	case errors.As(r, &f):
		return f.reason
	case errors.Is(r, gateway.ErrCredential):
		return "credential"
	case r.Code == gateway.RateLimited:
		return "limited"
	case r.Code == gateway.Overloaded:
		return "keys"
	case r.Code == gateway.InsufficientScope:
		return "scope"
	case r.Code == gateway.Malformed:
		return "malformed"
	}
	return "other"
}

// FailuresOptions configure [Failures]. All are required but Log.
type FailuresOptions struct {
	Count func(reason string)                                           // every failure; must not block
	Note  func(ctx context.Context, eventType string, detail any) error // appends to the record
	Key   []byte                                                        // of token digests
	Log   *slog.Logger                                                  // where refused tokens are told, and a record that cannot be written; nil: nowhere
}

// Bounds of what is remembered of failures.
const (
	failuresWindow = time.Minute
	failuresKept   = 10 * time.Minute // how long a peer that was over its allowance is remembered
	maxPeers       = 4096             // further ones are counted together, without an address
	maxTokens      = 64               // tokens told apart, of each peer: one that is more than a 64th of its failures is among them
	mostTokens     = 8                // of these, those in the event
)

// The events about failures.
const (
	EventFailures = "auth.failures"               // of a peer within a minute, some of which have no event of their own
	EventSuccess  = "auth.success_after_failures" // of a peer that was over its allowance in the last minutes
)

// Failures counts failed authentications, also those that have no event of their
// own because strangers must not fill the record: what comes of a peer within a
// minute becomes one event, EventFailures, once some of it was not recorded.
//
//	{"peer": "203.0.113.9", "n": 60, "recorded": 2, "reasons": {"expired": 2, "repeated": 58},
//	 "tokens": {"5f0c1a…": 60}, "first": "2026-11-29T01:00:00Z", "last": "2026-11-29T01:00:59Z"}
//
// Tokens are keyed digests: that one bad token is used again and again is seen,
// and what it is is not. Memory is bounded: at most 4 KiB for each of 4,096 peers.
// It is safe for concurrent use.
type Failures struct {
	opts FailuresOptions
	stop chan struct{}
	done sync.WaitGroup

	mu    sync.Mutex
	lines int       // that were logged since
	since time.Time // the window of lines
	peers map[string]*peerFailures
}

// peerFailures is what came of a peer within a window.
type peerFailures struct {
	n, recorded int
	reasons     map[string]int
	tokens      []used
	first, last time.Time
	over        time.Time // when a window ended last in which not all was recorded
}

// NewFailures starts to count. Close ends it.
func NewFailures(o FailuresOptions) *Failures {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	f := &Failures{opts: o, stop: make(chan struct{}), peers: map[string]*peerFailures{}}
	f.done.Go(gateway.Contain(o.Log, "failed authentications", f.run))
	return f
}

// Close records what has not been yet.
func (f *Failures) Close() error {
	close(f.stop)
	f.done.Wait()
	return f.flush(time.Time{})
}

func (f *Failures) run() {
	tick := time.NewTicker(failuresWindow / 12)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			if err := f.flush(now); err != nil {
				f.opts.Log.Error("failed authentications could not be recorded", "error", err)
			}
		case <-f.stop:
			return
		}
	}
}

// Tried is told how an attempt to be let in went.
func (f *Failures) Tried(a gateway.Attempt) {
	if a.Refusal == nil {
		f.succeeded(a)
		return
	}
	reason := Reason(a.Refusal)
	if a.Repeated {
		reason = "repeated"
	}
	f.opts.Count(reason)
	if a.Peer == "" {
		return // standard input: who started us is no stranger
	}
	now := time.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.peer(a.Peer)
	if p.n == 0 {
		p.first, p.reasons, p.tokens = now, map[string]int{}, p.tokens[:0]
	}
	p.n, p.last = p.n+1, now
	p.reasons[reason]++
	if p.reasons[reason] == 1 {
		f.tell(reason, a, now)
	}
	if a.Recorded {
		p.recorded++
	}
	if digest := f.digest(a.Token); digest != "" {
		p.use(digest)
	}
}

// maxLines bounds what strangers can have logged in a window.
const maxLines = 30

// tell logs the first failure of a kind that a peer has within a window, with why:
// who set a client up wrongly looks there. That no token was sent is how clients
// find out that they need one. The cause holds nothing of the token.
func (f *Failures) tell(reason string, a gateway.Attempt, now time.Time) {
	if reason == "none" || reason == "repeated" || reason == "limited" {
		return
	}
	if now.Sub(f.since) >= failuresWindow {
		f.lines, f.since = 0, now
	}
	if f.lines++; f.lines <= maxLines {
		f.opts.Log.Warn("a token was refused", "peer", a.Peer, "reason", reason, "cause", errors.Unwrap(a.Refusal))
	}
}

// used is how often a token was tried: at least n - over times, at most n times.
type used struct {
	digest  string
	n, over int
}

// use counts a token. Once there is no place, a new one takes that of the one that was
// used least, with its number (the Space-Saving algorithm, Metwally and others, 2005,
// §3.1): whatever number of guesses comes before and between, a token that is used
// again and again stays.
func (p *peerFailures) use(digest string) {
	least := 0
	for i := range p.tokens {
		if p.tokens[i].digest == digest {
			p.tokens[i].n++
			return
		}
		if p.tokens[i].n < p.tokens[least].n {
			least = i
		}
	}
	if len(p.tokens) < maxTokens {
		p.tokens = append(p.tokens, used{digest, 1, 0})
		return
	}
	n := p.tokens[least].n
	p.tokens[least] = used{digest, n + 1, n}
}

// most are the tokens that were used most, and how often at least.
func (p *peerFailures) most() map[string]int {
	slices.SortFunc(p.tokens, func(a, b used) int {
		return cmp.Or(cmp.Compare(b.n-b.over, a.n-a.over), cmp.Compare(a.digest, b.digest))
	})
	all := map[string]int{}
	for _, u := range p.tokens[:min(mostTokens, len(p.tokens))] {
		all[u.digest] = u.n - u.over
	}
	return all
}

// peer is what is remembered of a peer; of one too many, of all those together.
func (f *Failures) peer(address string) *peerFailures {
	address = network(address)
	p := f.peers[address]
	if p == nil && len(f.peers) >= maxPeers {
		address = ""
		p = f.peers[address]
	}
	if p == nil {
		p = &peerFailures{}
		f.peers[address] = p
	}
	return p
}

// network is what one stranger can pick addresses from at will: of IPv6 a /64.
func network(peer string) string {
	addr, err := netip.ParseAddr(peer)
	if err != nil || addr.Unmap().Is4() {
		return peer
	}
	p, err := addr.WithZone("").Prefix(64)
	if err != nil {
		return peer
	}
	return p.String()
}

func (f *Failures) digest(token string) string {
	if token == "" {
		return ""
	}
	h := hmac.New(sha256.New, f.opts.Key)
	h.Write([]byte(token))
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// succeeded notes that a peer got in which was over its allowance a moment ago:
// it may have found what it tried for.
func (f *Failures) succeeded(a gateway.Attempt) {
	f.mu.Lock()
	p := f.peers[network(a.Peer)]
	suspect := p != nil && (p.n > p.recorded || !p.over.IsZero())
	var since time.Time
	var n int
	if suspect {
		since, n, p.over = p.first, p.n, time.Time{}
	}
	f.mu.Unlock()
	if !suspect {
		return
	}
	detail := map[string]any{"peer": network(a.Peer), "agent": a.Agent.ID, "issuer": a.Agent.Issuer, "n": n, "since": since.UTC().Format(time.RFC3339)}
	if err := f.opts.Note(context.Background(), EventSuccess, detail); err != nil {
		f.opts.Log.Error("a success after failed authentications could not be recorded", "error", err)
	}
}

// flush records the windows that have ended by now; all of them for the zero time.
func (f *Failures) flush(now time.Time) error {
	var events []map[string]any
	f.mu.Lock()
	for _, address := range slices.Sorted(maps.Keys(f.peers)) {
		p := f.peers[address]
		switch {
		case p.n > 0 && (now.IsZero() || now.Sub(p.first) >= failuresWindow):
			if p.n > p.recorded {
				events = append(events, p.event(address))
				p.over = now
			}
			p.n, p.recorded = 0, 0
		case p.n == 0 && now.Sub(p.over) >= failuresKept:
			delete(f.peers, address)
		}
	}
	f.mu.Unlock()
	var errs []error
	for _, e := range events {
		errs = append(errs, f.opts.Note(context.Background(), EventFailures, e))
	}
	return errors.Join(errs...)
}

func (p *peerFailures) event(address string) map[string]any {
	if address == "" {
		address = "others"
	}
	e := map[string]any{"peer": address, "n": p.n, "recorded": p.recorded, "reasons": p.reasons,
		"first": p.first.UTC().Format(time.RFC3339), "last": p.last.UTC().Format(time.RFC3339)}
	if len(p.tokens) > 0 {
		e["tokens"] = p.most()
	}
	return e
}
