package upstream

import (
	"context"
	"slices"
	"time"

	"toolward/gateway"
)

// pinsPoll is how often the store is looked at while something is quarantined:
// a person may accept it from another process.
const pinsPoll = 2 * time.Second

// followPins notices definitions that were accepted elsewhere, until ctx ends.
func (c *Catalog) followPins(ctx context.Context) {
	tick := time.NewTicker(pinsPoll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if !slices.ContainsFunc(c.Diff(false), func(ch gateway.Change) bool { return ch.Quarantined != "" }) {
			continue
		}
		if err := c.rereadPins(ctx); err != nil && ctx.Err() == nil {
			c.log.Warn("accepted definitions cannot be read", "error", err)
		}
	}
}

// rereadPins takes over what the store holds now. The store is read without
// holding the catalog: it may be slow.
func (c *Catalog) rereadPins(ctx context.Context) error {
	all, err := c.opts.Pins.Pins(ctx)
	if err != nil {
		return err
	}
	for _, e := range c.adopt(all) {
		if e.Method != "" {
			c.opts.Events(e)
		}
	}
	return nil
}

// adopt puts pins in force and returns what agents should hear of it.
func (c *Catalog) adopt(all []gateway.Pin) (events []gateway.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, pin := range all {
		k := keyOf(pin)
		if old, ok := c.pins.byKey[k]; ok && old.Fingerprint == pin.Fingerprint && old.By.String() == pin.By.String() {
			continue
		}
		c.pins.set(pin)
		e := gateway.Event{Server: pin.Server, Method: listChanged(pin.Kind)}
		if !slices.ContainsFunc(events, func(o gateway.Event) bool { return o.Server == e.Server && o.Method == e.Method }) {
			events = append(events, e)
		}
	}
	if len(events) > 0 {
		c.rebuild()
	}
	return events
}

// listChanged is the notification that belongs to a kind of entry, "" for
// instructions, which are in no list: agents meet them when they connect.
func listChanged(k gateway.Kind) string {
	for _, l := range lists {
		if l.kind == k {
			return l.event
		}
	}
	return ""
}
