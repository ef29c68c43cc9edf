package state

import (
	"cmp"
	"context"
	"slices"

	"toolward/gateway"
)

// pins are the definitions that were accepted last.
type pins struct{ byKey map[pinKey]gateway.Pin }

type pinKey struct {
	server string
	kind   gateway.Kind
	name   string

	template bool
}

func keyOf(p *gateway.Pin) pinKey { return pinKey{p.Server, p.Kind, p.Name, p.Template()} }

func (p *pins) init() { p.byKey = map[pinKey]gateway.Pin{} }

func (p *pins) put(pin gateway.Pin) {
	pin.Was = nil
	p.byKey[keyOf(&pin)] = pin
}

// Pins returns every accepted definition, ordered by server, kind and name.
func (r *Room) Pins(context.Context) ([]gateway.Pin, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]gateway.Pin, 0, len(r.pins.byKey))
	for _, p := range r.pins.byKey {
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b gateway.Pin) int {
		return cmp.Or(cmp.Compare(a.Server, b.Server), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Fingerprint, b.Fingerprint))
	})
	return all, nil
}

// PutPins accepts definitions, each on record with the one that it replaces.
// Where it fails, those before are accepted.
func (r *Room) PutPins(ctx context.Context, all ...gateway.Pin) error {
	r.deciding.Lock()
	defer r.deciding.Unlock()
	for _, p := range all {
		r.mu.Lock()
		if old, ok := r.pins.byKey[keyOf(&p)]; ok {
			p.Was = old.Definition
		}
		r.mu.Unlock()
		if err := r.opts.Journal.Note(ctx, EventPinned, p); err != nil {
			return err
		}
	}
	return nil
}
