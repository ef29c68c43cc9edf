package upstream

import (
	"context"

	"toolward/gateway"
)

// shadows has guard hold the definitions of all servers against each other, and returns
// the servers of which something is judged otherwise now. A verdict is about what there is
// at the moment, so it does not depend on who came first, and one whose reason is gone is
// gone with it: a server that was taken out of the configuration, or does not list a tool
// any more, has none that another could reach for. One that is down still has. The
// caller holds c.mu.
func (c *Catalog) shadows() (others []*server) {
	if c.opts.Shadows == nil {
		return nil
	}
	var entries []*entry
	var tools []*gateway.Tool
	var of []*server
	for _, s := range c.fleet.Load().order {
		for _, e := range s.entries {
			if e.invalid == "" {
				entries, tools, of = append(entries, e), append(tools, &e.tool), append(of, s)
			}
		}
	}
	for i, reason := range c.opts.Shadows(tools) {
		if entries[i].shadow == reason {
			continue
		}
		entries[i].shadow = reason
		if len(others) == 0 || others[len(others)-1] != of[i] {
			others = append(others, of[i])
		}
	}
	return others
}

// compare is shadows when it is guard that changed.
func (c *Catalog) compare(ctx context.Context) {
	c.mu.Lock()
	before := c.prints()
	others := c.shadows()
	if len(others) > 0 {
		c.rebuild()
	}
	events := c.changedLists(before)
	c.mu.Unlock()
	c.announce(events)
	c.tell(ctx, others)
}

// tell has servers say what is out of their lists now.
func (c *Catalog) tell(ctx context.Context, servers []*server) {
	for _, s := range servers {
		s.tell(ctx)
	}
}
