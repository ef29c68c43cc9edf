package upstream

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"toolward/gateway"
)

// pinKey names what a pin is for.
type pinKey struct {
	server string
	kind   gateway.Kind
	name   string

	template bool // a resource and a template of one URI are two things
}

func keyOf(p gateway.Pin) pinKey { return pinKey{p.Server, p.Kind, p.Name, p.Template()} }

// pinned is the store's content in memory. It is guarded by Catalog.mu.
type pinned struct {
	store Pins
	byKey map[pinKey]gateway.Pin
	first map[string]int // by server: those that no person accepted
}

func loadPins(ctx context.Context, store Pins) (*pinned, error) {
	all, err := store.Pins(ctx)
	if err != nil {
		return nil, err
	}
	p := &pinned{store: store, byKey: make(map[pinKey]gateway.Pin, len(all)), first: map[string]int{}}
	for _, pin := range all {
		p.set(pin)
	}
	return p, nil
}

func (p *pinned) set(pin gateway.Pin) {
	if old, ok := p.byKey[keyOf(pin)]; ok && old.By.None() {
		p.first[pin.Server]--
	}
	if pin.By.None() {
		p.first[pin.Server]++
	}
	p.byKey[keyOf(pin)] = pin
}

// put stores pins, and remembers them only once they are stored.
func (p *pinned) put(ctx context.Context, pins []gateway.Pin) error {
	if len(pins) == 0 {
		return nil
	}
	if err := p.store.PutPins(ctx, pins...); err != nil {
		return err
	}
	for _, pin := range pins {
		p.set(pin)
	}
	return nil
}

// Diff lists what a person has not accepted: definitions that changed, that
// guard objects to, or that were pinned on first use only (the latter if all
// is set). Those that only narrow what was accepted are among them, though they are
// in use. Servers that are not up have nothing to show.
func (c *Catalog) Diff(all bool) []gateway.Change {
	c.mu.Lock()
	defer c.mu.Unlock()
	var changes []gateway.Change
	for _, s := range c.fleet.Load().order {
		for _, e := range s.entries {
			t := c.judge(e)
			if t.Quarantined == "" && !t.Narrower && (t.Pinned || !all || e.unpinned && !e.listed) {
				continue
			}
			changes = append(changes, c.change(e, t))
		}
	}
	return changes
}

// change is an entry, judged, beside what was accepted. The caller holds c.mu.
func (c *Catalog) change(e *entry, t *gateway.Tool) gateway.Change {
	ch := gateway.Change{Server: t.Server, Kind: t.Kind, Name: t.Name, Wire: t.Wire, Current: t.Definition, Fingerprint: t.Fingerprint, Findings: e.objection(), Quarantined: t.Quarantined, Narrower: t.Narrower}
	if pin, ok := c.pins.byKey[e.key()]; ok {
		ch.Pinned, ch.Members = pin.Definition, changedMembers(pin.Definition, t.Definition)
	}
	return ch
}

// Pin accepts, as a person's decision, what a server offers now under a name of a
// kind. It returns once that is stored and in force. Accept what [Catalog.Diff]
// showed: fingerprint is that of the definition the person saw, and Pin fails
// if the upstream has changed it since. Note is what they say about it.
func (c *Catalog) Pin(ctx context.Context, server string, kind gateway.Kind, name, fingerprint string, by gateway.Operator, note string) error {
	if by.None() {
		return fmt.Errorf("pin %s of %s: who accepts it is not given", name, server)
	}
	s := c.fleet.Load().byName[server]
	if s == nil {
		return fmt.Errorf("%w: there is no upstream %q", gateway.ErrNoDefinition, server)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	named := func(e *entry) bool { return e.tool.Kind == kind && e.tool.Name == name && !e.repeated }
	i := slices.IndexFunc(s.entries, func(e *entry) bool { return named(e) && e.tool.Fingerprint == fingerprint })
	if i < 0 {
		i = slices.IndexFunc(s.entries, named)
	}
	if i < 0 {
		return fmt.Errorf("%w: no %s %q of upstream %s", gateway.ErrNoDefinition, kind, name, server)
	}
	e := s.entries[i]
	switch {
	case e.invalid != "":
		return fmt.Errorf("%w: %s: %s", gateway.ErrUnfit, e.tool.Wire, e.invalid)
	case e.tool.Fingerprint != fingerprint:
		return fmt.Errorf("%w: the fingerprint of %s is %s now", gateway.ErrUnseen, e.tool.Wire, e.tool.Fingerprint)
	}
	if err := c.pins.put(ctx, []gateway.Pin{e.accepted(by, note)}); err != nil {
		return fmt.Errorf("store the pin of %s: %w", e.tool.Wire, err)
	}
	c.log.Info("definition accepted", "tool", e.tool.Wire, "fingerprint", fingerprint, "by", by.String())
	c.rebuild()
	return nil
}

// changedMembers names the members that differ between two definitions.
func changedMembers(before, after json.RawMessage) []string {
	a, errA := gateway.Split(before)
	b, errB := gateway.Split(after)
	if errA != nil || errB != nil {
		return []string{"all of it"}
	}
	var names []string
	for _, m := range a.Members() {
		if other, ok := b.Get(m.Name); !ok || !sameJSON(m.Value, other) {
			names = append(names, m.Name)
		}
	}
	for _, m := range b.Members() {
		if _, ok := a.Get(m.Name); !ok {
			names = append(names, m.Name)
		}
	}
	slices.Sort(names)
	return names
}

func sameJSON(a, b json.RawMessage) bool {
	fa, errA := Fingerprint(a)
	fb, errB := Fingerprint(b)
	return errA == nil && errB == nil && fa == fb
}

// changedReason says why a changed definition is quarantined.
func changedReason(pin gateway.Pin, now json.RawMessage) string {
	const few = 6
	names := changedMembers(pin.Definition, now)
	more := ""
	if len(names) > few {
		names, more = names[:few], " and more"
	}
	for i, n := range names {
		if len(n) > 40 || !allNameBytes(n) {
			names[i] = "an odd member"
		}
	}
	return "its definition changed since it was pinned: " + strings.Join(names, ", ") + more
}

// MemoryPins keeps pins until the process ends.
type MemoryPins struct {
	mu    sync.Mutex
	byKey map[pinKey]gateway.Pin
}

// NewMemoryPins returns an empty store.
func NewMemoryPins() *MemoryPins { return &MemoryPins{byKey: map[pinKey]gateway.Pin{}} }

// Pins returns all pins, sorted by server, kind and name.
func (m *MemoryPins) Pins(context.Context) ([]gateway.Pin, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return sortedPins(m.byKey), nil
}

// PutPins adds or replaces pins.
func (m *MemoryPins) PutPins(_ context.Context, pins ...gateway.Pin) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range pins {
		m.byKey[keyOf(p)] = p
	}
	return nil
}

func sortedPins(byKey map[pinKey]gateway.Pin) []gateway.Pin {
	pins := make([]gateway.Pin, 0, len(byKey))
	for _, p := range byKey {
		pins = append(pins, p)
	}
	slices.SortFunc(pins, func(a, b gateway.Pin) int {
		if n := strings.Compare(a.Server, b.Server); n != 0 {
			return n
		}
		if n := strings.Compare(string(a.Kind), string(b.Kind)); n != 0 {
			return n
		}
		if n := strings.Compare(a.Name, b.Name); n != 0 {
			return n
		}
		return strings.Compare(a.Fingerprint, b.Fingerprint)
	})
	return pins
}

// accepted is the pin of a definition that a person accepted.
func (e *entry) accepted(by gateway.Operator, note string) gateway.Pin {
	p := e.pin()
	p.By, p.Note = by, note
	return p
}

// pin is the pin of a definition on first use.
func (e *entry) pin() gateway.Pin {
	return gateway.Pin{
		Server: e.tool.Server, Kind: e.tool.Kind, Name: e.tool.Name,
		Fingerprint: e.tool.Fingerprint, Definition: e.tool.Definition, Time: time.Now(),
	}
}
