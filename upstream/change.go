package upstream

import (
	"context"
	"fmt"
	"time"

	"toolward/gateway"
)

// fleet is the servers of a catalog. It is immutable: a change makes another.
type fleet struct {
	byName map[string]*server
	order  []*server
}

// newFleet makes the servers of a configuration. One that have has, by the same name
// and digest, stays as it is; the others are made, and returned apart.
func (c *Catalog) newFleet(configured []Server, have *fleet) (f *fleet, made []*server, err error) {
	f = &fleet{byName: map[string]*server{}}
	for _, cfg := range configured {
		if err := checkServer(cfg); err != nil {
			return nil, nil, err
		}
		if f.byName[cfg.Name] != nil {
			return nil, nil, fmt.Errorf("upstream %q is configured twice", cfg.Name)
		}
		s := have.byName[cfg.Name]
		if s == nil || cfg.Digest == "" || s.cfg.Digest != cfg.Digest {
			before := s
			if s = newServer(c, cfg); before != nil {
				s.subscriptions = before.subscriptions // what agents want to hear of outlives a connection
			}
			made = append(made, s)
		}
		f.byName[cfg.Name] = s
		f.order = append(f.order, s)
	}
	return f, made, nil
}

// start starts supervisors.
func (c *Catalog) start(servers []*server) {
	for _, s := range servers {
		run, stop := context.WithCancel(c.run)
		s.stop = stop
		c.done.Go(func() {
			defer close(s.ended)
			s.supervise(run)
		})
	}
}

// Change is servers that may take the place of those that are in force. A catalog has
// one at a time.
//
//	ch, err := c.Prepare(ctx, servers)   // new ones run beside the old
//	road.Change(ch.Apply)                // calls see the new ones
//	ch.Finish(grace)                     // the old ones end
type Change struct {
	cat    *Catalog
	fleet  *fleet
	made   []*server
	gone   []*server
	others []*server // whose definitions are judged otherwise now
	events []gateway.Event
}

// Prepare starts the servers that are new, or another than those of the same name
// ([Server.Digest]), beside those in force, and waits until each was tried once, or
// ctx ends. Calls and lists see nothing of them. It fails on an invalid or repeated
// name, and has then started nothing.
func (c *Catalog) Prepare(ctx context.Context, servers []Server) (*Change, error) {
	old := c.fleet.Load()
	next, made, err := c.newFleet(servers, old)
	if err != nil {
		return nil, err
	}
	ch := &Change{cat: c, fleet: next, made: made}
	for _, s := range old.order {
		if next.byName[s.cfg.Name] != s {
			ch.gone = append(ch.gone, s)
		}
	}
	c.start(made)
	_ = (&fleet{order: made}).tried(ctx) // one that is not up by then joins when it is
	return ch, nil
}

// Apply puts the servers in force. It does no I/O; no call may look up a tool
// meanwhile.
func (ch *Change) Apply() {
	c := ch.cat
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.prints()
	for _, s := range ch.gone {
		s.gone.Store(true)
		c.tasks.forget(s.cfg.Name)
	}
	c.fleet.Store(ch.fleet)
	ch.others = c.shadows()
	c.rebuild()
	ch.events = c.changedLists(before)
}

// Finish tells agents whose lists changed, and ends the servers that are not in force
// any more: each when the calls that found it are over, or after grace. It does not
// wait for that.
func (ch *Change) Finish(grace time.Duration) {
	c := ch.cat
	c.announce(ch.events)
	c.tell(c.run, ch.others)
	for _, s := range ch.made {
		if conn := s.shared.Load(); conn != nil { // for subscriptions that were made while it was prepared
			s.subscriptions.restore(c.run, s, *conn)
		}
	}
	for _, s := range ch.gone {
		c.done.Go(gateway.Contain(s.log, "end of an upstream", func() { s.end(grace) }))
	}
}

// Wait returns when the servers that Finish ends are gone.
func (ch *Change) Wait() {
	for _, s := range ch.gone {
		<-s.ended
	}
}

// Abandon ends what Prepare started, instead of Apply.
func (ch *Change) Abandon() {
	for _, s := range ch.made {
		s.stop()
	}
	for _, s := range ch.made {
		<-s.ended
	}
}

// end stops a server once no call holds it.
func (s *server) end(grace time.Duration) {
	idle := make(chan struct{})
	go func() {
		s.users.Wait()
		close(idle)
	}()
	late := time.NewTimer(grace)
	defer late.Stop()
	select {
	case <-idle:
	case <-late.C:
		s.log.Warn("calls are cut: their upstream is not in the configuration any more, or another", "waited", grace)
	case <-s.cat.run.Done():
	}
	s.cut.Store(true)
	s.stop()
}

// Inspect has guard look at every definition once more, as it is configured now, and
// waits until that is done, for as long as ctx lets it.
func (c *Catalog) Inspect(ctx context.Context) {
	c.inspection.Add(1)
	c.Refresh(ctx, "")
	c.compare(ctx)
}

// Hold implements [gateway.Holder].
func (s *server) Hold() { s.users.Add(1) }

// Release implements [gateway.Holder].
func (s *server) Release() { s.users.Done() }

// cutShort is why a call failed whose upstream was ended during it.
func (s *server) cutShort(err error) error {
	return gateway.Refuse("upstream", gateway.Cancelled, "upstream "+s.cfg.Name+" was taken out of the configuration, or changed there, during the call; it may have done what was asked").Because(err)
}

// prints are the fingerprints of the lists of all servers, by name. The caller holds
// c.mu.
func (c *Catalog) prints() map[string]map[string][]string {
	all := map[string]map[string][]string{}
	for _, s := range c.fleet.Load().order {
		all[s.cfg.Name] = s.prints()
	}
	return all
}

// tried waits until each server was tried once, or ctx ends.
func (f *fleet) tried(ctx context.Context) error {
	for _, s := range f.order {
		select {
		case <-s.tried:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// isGone reports whether a tool is of a server that is not in force any more.
func isGone(t *gateway.Tool) bool {
	s, ok := t.Upstream.(*server)
	return ok && s.gone.Load()
}
