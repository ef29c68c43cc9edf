package upstream

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"time"

	"toolward/gateway"
)

const (
	methodSubscribe   = "resources/subscribe"
	methodUnsubscribe = "resources/unsubscribe"
)

// subscriptions counts who subscribed to what on a server's shared connection.
// The server knows one client there: it must not lose a subscription because
// one of several agents gave it up, and must be told again after a restart.
type subscriptions struct {
	mu     sync.Mutex
	byURI  map[string]map[string]bool // URI, then who
	unsent sync.WaitGroup
}

func newSubscriptions() *subscriptions { return &subscriptions{byURI: map[string]map[string]bool{}} }

// subscriber is who a subscription belongs to: the agent's session, and for
// requests without one the principal.
func subscriber(c *gateway.Call) string {
	if c.Origin != nil && c.Origin.Session() != "" {
		return c.Origin.Session()
	}
	return c.Agent.Principal()
}

// uriOf is the upstream's own URI that a resource call names.
func uriOf(c *gateway.Call) string {
	if c.Server == "" {
		if _, uri, ok := gateway.SplitURI(c.Name); ok {
			return uri
		}
	}
	return c.Name
}

// before answers an unsubscribe itself while others still want the updates.
func (s *subscriptions) before(c *gateway.Call) *gateway.Result {
	if c.Method != methodUnsubscribe {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	who := s.byURI[uriOf(c)]
	if len(who) == 0 || len(who) == 1 && who[subscriber(c)] {
		return nil
	}
	delete(who, subscriber(c))
	return &gateway.Result{Raw: json.RawMessage("{}")}
}

// after notes what the server accepted.
func (s *subscriptions) after(c *gateway.Call, r *gateway.Result) {
	if c.Method != methodSubscribe && c.Method != methodUnsubscribe || r == nil || r.Error != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	uri := uriOf(c)
	if c.Method == methodUnsubscribe {
		delete(s.byURI, uri)
		return
	}
	if s.byURI[uri] == nil {
		s.byURI[uri] = map[string]bool{}
	}
	s.byURI[uri][subscriber(c)] = true
}

// forget drops what a session subscribed to and tells the server, in the
// background, what nobody wants any more.
func (s *subscriptions) forget(who string, conn *Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for uri, all := range s.byURI {
		if !all[who] {
			continue
		}
		if delete(all, who); len(all) > 0 {
			continue
		}
		delete(s.byURI, uri)
		if conn != nil {
			s.unsent.Go(func() {
				_, _ = gateway.Survive(func() (*gateway.Result, error) {
					return resubscribe(context.Background(), *conn, methodUnsubscribe, uri)
				})
			})
		}
	}
}

// restore subscribes again on a new connection.
func (s *subscriptions) restore(ctx context.Context, srv *server, conn Conn) {
	s.mu.Lock()
	uris := slices.Sorted(maps.Keys(s.byURI))
	s.mu.Unlock()
	for _, uri := range uris {
		if r, err := resubscribe(ctx, conn, methodSubscribe, uri); err != nil || r.Error != nil {
			srv.log.Warn("subscription could not be restored", "uri", clip(uri, 200), "err", err)
		}
	}
}

// resubscribe repeats, or ends, what a judged call established.
func resubscribe(ctx context.Context, conn Conn, method, uri string) (*gateway.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	c := gateway.NewCall("", gateway.KindResource, method)
	c.Server, c.Name = "-", uri
	args, err := gateway.ParseArgs(gateway.JoinMembers([]gateway.Member{{Name: "uri", Value: quote(uri)}}))
	if err != nil {
		return nil, err
	}
	c.Args, c.Sent = args, args
	return conn.Do(ctx, c)
}
