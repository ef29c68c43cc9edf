package limit

import (
	"net/netip"
	"time"

	"toolward/gateway"
)

// Strangers refuses a peer whose failures
// used up its allowance. Requests that are being verified meanwhile still
// finish, so a peer can exceed the allowance by what it has in progress.
func (l *Limiter) Strangers(peer string) error {
	if peer == "" {
		return nil // standard input: there is one peer, and it started us
	}
	now := time.Now()
	e := l.peers.find(now, network(peer))
	if e == nil {
		return nil
	}
	wait := e.wait(now)
	if wait == 0 {
		return nil
	}
	refusal := gateway.Refuse("limit", gateway.RateLimited, "too many failed authentications from this address; try again in "+wait.Round(time.Millisecond).String())
	refusal.RetryAfter = wait
	return refusal
}

// Failed counts a failure of a peer.
func (l *Limiter) Failed(peer string) {
	if peer == "" {
		return
	}
	now := time.Now()
	e := l.peers.hold(now, network(peer))
	e.take(now, owner{})
	e.users.Add(-1)
}

// network is what counts as one peer: an IPv4 address, or an IPv6 /64, which is
// what one customer is given (RFC 6177) and can pick addresses from at will.
func network(peer string) string {
	addr, err := netip.ParseAddr(peer)
	if err != nil {
		return peer
	}
	addr = addr.Unmap().WithZone("")
	if addr.Is4() {
		return addr.String()
	}
	p, err := addr.Prefix(64)
	if err != nil {
		return peer
	}
	return p.Addr().String()
}
