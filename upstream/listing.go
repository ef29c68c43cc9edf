package upstream

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"toolward/gateway"
	"toolward/upstream/shape"
)

// What one server may list. A longer list is cut there, and the log says so.
const (
	maxEntries   = 10_000
	maxListBytes = 64 << 20
	maxPages     = 1_000
	maxBarren    = 10 // pages in a row that bring nothing new
)

// listed is what was read from a server in one go.
type listed struct {
	about   gateway.About
	entries []*entry
	members map[string][]gateway.Member // by list method
	ttl     time.Duration               // the shortest ttlMs; 0 if none was given
}

// read fetches all lists. It fails if the server cannot be reached, or if all
// that it answers is that it has no tools to list. A list that it answers with an
// error, or with what is no list, takes no other with it: what was read of it
// before stays, else what its first pages held.
func (s *server) read(ctx context.Context, conn Conn) (*listed, error) {
	l := &listed{about: s.fitAbout(conn.About()), members: map[string][]gateway.Member{}}
	budget := maxListBytes
	next := parsed{}
	var toolsFailed error
	for _, spec := range lists {
		before := len(l.entries)
		err := s.readList(ctx, conn, spec, l, next, &budget)
		if err == nil {
			continue
		}
		var refusal *gateway.Refusal
		if errors.As(err, &refusal) || ctx.Err() != nil {
			return nil, fmt.Errorf("%s: %w", spec.method, err)
		}
		if spec.kind == gateway.KindTool {
			toolsFailed = fmt.Errorf("%s: %w", spec.method, err)
			l.shorten(retryLists)
		}
		if kept := s.held(spec); kept != nil {
			l.entries = append(l.entries[:before], kept...)
		}
		s.log.Warn("list could not be read", "method", spec.method, "err", err, "entries", len(l.entries)-before)
	}
	if toolsFailed != nil && len(l.entries) == 0 {
		return nil, toolsFailed
	}
	if f, ok := conn.(Faulty); ok {
		for _, fault := range f.Faults() {
			l.entries = append(l.entries, s.faultEntry(fault))
		}
	}
	l.entries = append(l.entries, s.saidEntries(l)...)
	s.parsed = next
	markRepeated(l.entries)
	s.inspect(ctx, l.entries)
	return l, nil
}

// retryLists is how soon lists are read again after tools could not be.
const retryLists = time.Minute

// held is what the catalog holds of a list now; nil if the server was not up.
func (s *server) held(spec listing) (entries []*entry) {
	s.cat.mu.Lock()
	defer s.cat.mu.Unlock()
	if !s.up {
		return nil
	}
	for _, e := range s.entries {
		if e.listed && e.tool.Kind == spec.kind && e.tool.Template == (spec.method == templatesList) {
			again := *e
			entries = append(entries, &again)
		}
	}
	return entries
}

// fitAbout makes what a server says of itself fit what clients check when they
// connect to its endpoint.
func (s *server) fitAbout(about gateway.About) gateway.About {
	for name, raw := range map[string]*json.RawMessage{"Server": &about.Info, "Capabilities": &about.Capabilities} {
		if *raw == nil {
			continue
		}
		fitting, changed, err := shape.Legacy.Fit(name, *raw)
		if err != nil {
			s.log.Warn("what the server says of itself does not fit MCP and is left out", "what", name, "err", err)
		} else if len(changed) > 0 {
			s.log.Info("what the server says of itself is made to fit MCP", "what", name, "at", changed)
		}
		*raw = fitting
	}
	return about
}

// readList follows the pages of one list.
func (s *server) readList(ctx context.Context, conn Conn, spec listing, l *listed, next parsed, budget *int) error {
	cursor, count, barren := "", 0, 0
	seen := map[string]bool{}
	for page := range maxPages {
		raw, err := conn.List(ctx, spec.method, cursor)
		if err != nil || raw == nil {
			return err
		}
		if *budget -= len(raw); *budget < 0 {
			s.log.Warn("list is cut", "method", spec.method, "entries", count, "limit", "bytes")
			return nil
		}
		o, err := gateway.Split(raw)
		if err != nil {
			return errors.New("the answer is not an object")
		}
		if page == 0 {
			l.members[spec.method] = slices.DeleteFunc(s.fitMembers(o).Without(spec.array, "nextCursor"), func(m gateway.Member) bool {
				return gateway.CheckJSON(m.Value) != nil // what is wrong inside of it
			})
			l.noteTTL(o)
		}
		before := count
		array, _ := o.Get(spec.array)
		definitions, err := elements(array)
		if err != nil {
			return fmt.Errorf("%q: %w", spec.array, err)
		}
		for _, d := range definitions {
			if _, again := next[parsedKey(spec, d)]; again {
				continue // the very same twice; a server that does not know cursors sends its first page again
			}
			if count++; count > maxEntries {
				s.log.Warn("list is cut", "method", spec.method, "entries", maxEntries, "limit", "entries")
				return nil
			}
			l.entries = append(l.entries, s.entryOf(spec, d, count-1, next))
		}
		if barren++; count > before {
			barren = 0
		}
		if barren == maxBarren {
			s.log.Warn("list is cut: its pages bring nothing new", "method", spec.method, "entries", count)
			return nil
		}
		after, more, err := o.String("nextCursor")
		if err != nil || !more || after == "" {
			return nil
		}
		if seen[after] {
			s.log.Warn("list is cut: its pages go round in a circle", "method", spec.method, "entries", count)
			return nil
		}
		seen[after] = true
		cursor = after
	}
	s.log.Warn("list is cut", "method", spec.method, "entries", count, "limit", "pages")
	return nil
}

// noteTTL reads the caching hint of MCP 2026-07-28.
func (l *listed) noteTTL(o gateway.Object) {
	raw, ok := o.Get("ttlMs")
	if !ok {
		return
	}
	ms, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil || ms <= 0 {
		return
	}
	l.shorten(min(time.Duration(min(ms, 1<<40))*time.Millisecond, 24*time.Hour))
}

func (l *listed) shorten(ttl time.Duration) {
	if l.ttl == 0 || ttl < l.ttl {
		l.ttl = ttl
	}
}

// fitMembers makes what a list has beside its entries fit what clients check.
func (s *server) fitMembers(o gateway.Object) gateway.Object {
	fitting, _, err := shape.Modern.Fit("List", o.Raw())
	if err != nil {
		return gateway.Object{} // every member of the shape may go, so none is an error
	}
	fitted, _ := gateway.Split(fitting)
	return fitted
}

// elements splits a JSON array that passed gateway.CheckJSON.
func elements(array json.RawMessage) ([]json.RawMessage, error) {
	all, ok := gateway.Elements(array)
	if !ok && array != nil && string(array) != "null" {
		return nil, errors.New("is not an array")
	}
	return all, nil
}

// publish puts what was read into the catalog and tells agents which lists
// changed. What is the same as before stays as it is, down to the pointers, so
// that caches made from it hold.
func (s *server) publish(ctx context.Context, l *listed) {
	c := s.cat
	c.mu.Lock()
	if s.gone.Load() || s.up && s.same(l) {
		c.mu.Unlock()
		return
	}
	before := c.prints()
	c.pinNew(ctx, s.cfg.Name, l.entries)
	s.up, s.reason, s.about, s.entries, s.members = true, "", l.about, l.entries, l.members
	others := c.shadows()
	c.rebuild()
	events := c.changedLists(before)
	c.mu.Unlock()
	c.announce(events)
	s.tell(ctx)
	c.tell(ctx, others)
}

// toTell are the entries that agents do not get, and those that they get though
// others were accepted. The caller holds c.mu.
func (c *Catalog) toTell(entries []*entry) (out []gateway.Change) {
	for _, e := range entries {
		if t := c.judge(e); t.Quarantined != "" || t.Narrower {
			out = append(out, c.change(e, t))
		}
	}
	return out
}

// tell logs and hands on what is quarantined now and was not before, or for
// another reason, and what is narrower now.
func (s *server) tell(ctx context.Context) {
	s.telling.Lock()
	defer s.telling.Unlock()
	s.cat.mu.Lock()
	out := s.cat.toTell(s.entries)
	s.cat.mu.Unlock()
	told := make(map[string]bool, len(out))
	for _, ch := range out {
		key := string(ch.Kind) + " " + ch.Wire + " " + ch.Fingerprint + " " + ch.Quarantined
		switch {
		case s.told[key] || told[key]:
		case ch.Narrower:
			s.log.Info("definition is narrower than what was accepted, and in use", "tool", ch.Wire)
			s.cat.opts.Narrower(ctx, ch)
		default:
			s.log.Warn("definition is quarantined", "kind", ch.Kind, "tool", ch.Wire, "reason", ch.Quarantined)
			s.cat.opts.Quarantined(ctx, ch)
		}
		told[key] = true
	}
	s.told = told
}

// same reports whether what was read is what the catalog holds. The caller
// holds c.mu.
func (s *server) same(l *listed) bool {
	return slices.EqualFunc(s.entries, l.entries, func(a, b *entry) bool {
		return a.tool.Kind == b.tool.Kind && a.invalid == b.invalid && a.suspect == b.suspect && bytes.Equal(a.tool.Definition, b.tool.Definition)
	}) && maps.EqualFunc(s.members, l.members, func(a, b []gateway.Member) bool {
		return slices.EqualFunc(a, b, func(x, y gateway.Member) bool { return x.Name == y.Name && bytes.Equal(x.Value, y.Value) })
	}) && s.about.Revision == l.about.Revision && bytes.Equal(s.about.Info, l.about.Info) &&
		bytes.Equal(s.about.Capabilities, l.about.Capabilities) && s.about.Instructions == l.about.Instructions
}

// setDown takes the server out of the lists.
func (s *server) setDown(reason string) {
	c := s.cat
	c.mu.Lock()
	before := c.prints()
	s.up, s.reason = false, reason
	c.rebuild()
	events := c.changedLists(before)
	c.mu.Unlock()
	c.announce(events)
}

// prints is the fingerprint of each list as agents see it. The caller holds c.mu.
func (s *server) prints() map[string][]string {
	if !s.up {
		return nil
	}
	prints := map[string][]string{}
	for _, e := range s.entries {
		if t := s.cat.judge(e); e.listed && t.Quarantined == "" {
			event := eventOf(t)
			prints[event] = append(prints[event], t.Fingerprint)
		}
	}
	return prints
}

func eventOf(t *gateway.Tool) string {
	i := slices.IndexFunc(lists, func(l listing) bool { return l.kind == t.Kind })
	return lists[i].event
}

// announce tells agents what changed.
func (c *Catalog) announce(events []gateway.Event) {
	for _, e := range events {
		c.opts.Events(e)
	}
}

// changedLists are the notifications about all servers in force, and those that were when
// the lists had the prints before. The caller holds c.mu.
func (c *Catalog) changedLists(before map[string]map[string][]string) (events []gateway.Event) {
	after := c.prints()
	servers := map[string]bool{}
	for _, lists := range []map[string]map[string][]string{before, after} {
		for name := range lists {
			servers[name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(servers)) {
		events = append(events, changedLists(name, before[name], after[name])...)
	}
	return events
}

// changedLists are the notifications about lists of a server that are others than
// before.
func changedLists(server string, before, after map[string][]string) (events []gateway.Event) {
	told := map[string]bool{}
	for _, l := range lists {
		if !told[l.event] && !slices.Equal(before[l.event], after[l.event]) {
			told[l.event] = true
			events = append(events, gateway.Event{Server: server, Method: l.event})
		}
	}
	return events
}
