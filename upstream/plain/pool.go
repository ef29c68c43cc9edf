package plain

import (
	"context"
	"net"
	"net/url"
	"slices"
	"sync"
	"time"
)

// pool keeps idle connections. A connection is not locked while it is looked
// at, dialled or closed.
type pool struct {
	mu    sync.Mutex
	idle  map[string][]*conn // by host and port as the URL has them, the newest last
	count int
	shut  bool        // CloseIdleConnections was called, and no exchange has begun since
	timer *time.Timer // for the oldest; nil if none is idle
}

// get is the newest idle connection, as it is least likely to be closed soon, or
// a new one.
func (t *transport) get(ctx context.Context, u *url.URL) (c *conn, reused bool, err error) {
	for c := t.pop(u.Host); c != nil; c = t.pop(u.Host) {
		if c.idle() {
			return c, true, nil
		}
		c.Close()
	}
	port := u.Port()
	if port == "" {
		port = "80"
	}
	nc, err := t.next.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return nil, false, causeOr(ctx, err)
	}
	return newConn(u.Host, nc), false, nil
}

func (p *pool) pop(host string) *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.shut = false
	list := p.idle[host]
	if len(list) == 0 {
		return nil
	}
	c := list[len(list)-1]
	list[len(list)-1] = nil
	p.idle[host] = list[:len(list)-1]
	p.count--
	return c
}

// put takes a connection back, or closes it.
func (t *transport) put(c *conn) {
	c.since = time.Now()
	if c.raw == nil || c.in.Buffered() > 0 || !t.keep(c) {
		c.Close()
	}
}

func (t *transport) keep(c *conn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.shut || t.count >= t.next.MaxIdleConns || len(t.idle[c.host]) >= t.next.MaxIdleConnsPerHost {
		return false
	}
	t.idle[c.host] = append(t.idle[c.host], c)
	t.count++
	if t.timer == nil {
		t.timer = time.AfterFunc(t.next.IdleConnTimeout, t.expire)
	}
	return true
}

// expire closes what has been idle for too long.
func (t *transport) expire() {
	now := time.Now()
	var old []*conn
	t.mu.Lock()
	oldest := now
	for host, list := range t.idle {
		n := slices.IndexFunc(list, func(c *conn) bool { return now.Sub(c.since) < t.next.IdleConnTimeout })
		if n < 0 {
			n = len(list)
		} else if list[n].since.Before(oldest) {
			oldest = list[n].since
		}
		old = append(old, list[:n]...)
		if t.idle[host] = slices.Delete(list, 0, n); n == len(list) {
			delete(t.idle, host)
		}
	}
	t.count -= len(old)
	t.timer = nil
	if t.count > 0 {
		t.timer = time.AfterFunc(oldest.Add(t.next.IdleConnTimeout).Sub(now), t.expire)
	}
	t.mu.Unlock()
	for _, c := range old {
		c.Close()
	}
}

// CloseIdleConnections is called by [http.Client.CloseIdleConnections].
// Connections that are in use are closed when they are given back, unless
// another exchange begins before.
func (t *transport) CloseIdleConnections() {
	t.mu.Lock()
	all := t.idle
	t.idle, t.count, t.shut = map[string][]*conn{}, 0, true
	if t.timer != nil {
		t.timer.Stop()
		t.timer = nil
	}
	t.mu.Unlock()
	for _, list := range all {
		for _, c := range list {
			c.Close()
		}
	}
	t.next.CloseIdleConnections()
}
