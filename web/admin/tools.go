package admin

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"toolward/gateway"
)

// ToolList is what upstreams offer.
type ToolList struct {
	Tools []Tool            `json:"tools"`
	Down  map[string]string `json:"down,omitempty"` // upstreams that are not up, and why
}

// Tool is what an upstream offers under a name.
type Tool struct {
	Name        string       `json:"name"` // on /mcp
	Kind        gateway.Kind `json:"kind"`
	Server      string       `json:"server"`
	Labels      []string     `json:"labels,omitempty"`
	Fingerprint string       `json:"fingerprint"`
	Pinned      bool         `json:"pinned"`                // a person accepted it
	Narrower    bool         `json:"narrower,omitempty"`    // nobody accepted it, and it is in use: it is no more than what was accepted
	Quarantined string       `json:"quarantined,omitempty"` // why nobody gets it

	Definition json.RawMessage `json:"definition,omitempty"` // as its upstream wrote it, if it was asked for
}

// Definition is a tool's or prompt's as its upstream wrote it.
type Definition struct {
	Name       string          `json:"name"`
	Definition json.RawMessage `json:"definition"`
}

// ChangeList is what a person has not accepted, in use or not.
type ChangeList struct {
	Changes []gateway.Change `json:"changes"`
}

// Accept names a definition as it was shown.
type Accept struct {
	Name        string `json:"name"`           // on /mcp
	Fingerprint string `json:"fingerprint"`    // at least its first 32 digits
	Note        string `json:"note,omitempty"` // for the record
}

// Accepted is what was accepted, and in whose name.
type Accepted struct {
	Name        string `json:"name"`
	Fingerprint string `json:"fingerprint"`
	By          string `json:"by"`
}

// ShownDigits of a SHA-256 in hex are enough that nobody makes another
// definition with the same.
const ShownDigits = 32

// patience is how long a look at upstreams may take.
const patience = 10 * time.Second

func (h *Handler) listTools(r *request) (any, error) {
	server := r.URL.Query().Get("server")
	whole, err := r.flag("definitions")
	if err != nil {
		return nil, err
	}
	list := ToolList{Tools: []Tool{}, Down: map[string]string{}}
	add := func(t Tool, definition json.RawMessage) {
		if whole {
			t.Definition = definition
		}
		list.Tools = append(list.Tools, t)
	}
	for _, kind := range []gateway.Kind{gateway.KindTool, gateway.KindPrompt, gateway.KindResource} {
		for _, t := range h.opt.Tools.List(kind, server) {
			add(Tool{Name: t.Wire, Kind: kind, Server: t.Server, Labels: t.Labels, Fingerprint: t.Fingerprint, Pinned: t.Pinned, Narrower: t.Narrower}, t.Definition)
		}
	}
	for _, ch := range h.changes(server, false) {
		if ch.Narrower { // it is in the list of its kind
			continue
		}
		add(Tool{Name: ch.Wire, Kind: ch.Kind, Server: ch.Server, Fingerprint: ch.Fingerprint, Quarantined: ch.Quarantined}, ch.Current)
	}
	for _, name := range h.opt.Tools.Servers() {
		if about, _ := h.opt.Tools.About(name); !about.Up {
			list.Down[name] = cmp.Or(about.Reason, "not up yet")
		}
	}
	return list, nil
}

func (h *Handler) changes(server string, all bool) []gateway.Change {
	list := []gateway.Change{}
	for _, ch := range h.opt.Tools.Diff(all) {
		if server == "" || ch.Server == server {
			list = append(list, ch)
		}
	}
	return list
}

func (h *Handler) listChanges(r *request) (any, error) {
	all, err := r.flag("all")
	if err != nil {
		return nil, err
	}
	fresh, err := r.flag("fresh")
	if err != nil {
		return nil, err
	}
	server := r.URL.Query().Get("server")
	if fresh {
		h.look(r, server)
	}
	return ChangeList{h.changes(server, all)}, nil
}

// look asks what upstreams offer now.
func (h *Handler) look(r *request, server string) {
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	h.opt.Tools.Refresh(ctx, server)
}

func (h *Handler) showTool(r *request) (any, error) {
	name := r.PathValue("name")
	for _, kind := range []gateway.Kind{gateway.KindTool, gateway.KindPrompt} {
		for _, t := range h.opt.Tools.List(kind, "") {
			if t.Wire == name {
				return Definition{name, t.Definition}, nil
			}
		}
	}
	for _, ch := range h.changes("", false) {
		if ch.Wire == name {
			return Definition{name, ch.Current}, nil
		}
	}
	return nil, fmt.Errorf("%w: %q", gateway.ErrNoDefinition, name)
}

// accept pins what the operator was shown, if it is what the upstream offers now.
// The catalog compares once more, under its lock, so that what changes in this
// instant is not accepted either.
func (h *Handler) accept(r *request) (any, error) {
	shown := r.body.(*Accept)
	if len(shown.Fingerprint) < ShownDigits {
		return nil, malformed(fmt.Sprintf("a fingerprint has at least %d digits", ShownDigits))
	}
	if len(shown.Note) > mostNote {
		return nil, malformed("a note is at most 2000 bytes")
	}
	ch, ok := h.change(shown)
	if ok {
		h.look(r, ch.Server)
		ch, ok = h.change(shown)
	}
	switch {
	case !ok:
		return nil, fmt.Errorf("%s: %w", shown.Name, gateway.ErrNoDefinition)
	case !strings.HasPrefix(ch.Fingerprint, shown.Fingerprint):
		return nil, fmt.Errorf("%s: %w", shown.Name, gateway.ErrUnseen)
	}
	if err := h.opt.Tools.Pin(r.Context(), ch.Server, ch.Kind, ch.Name, ch.Fingerprint, r.who.Operator, shown.Note); err != nil {
		return nil, err
	}
	return Accepted{shown.Name, ch.Fingerprint, r.who.String()}, nil
}

// change is what is offered under a name: of a resource and a template of one URI, the
// one that was shown.
func (h *Handler) change(shown *Accept) (gateway.Change, bool) {
	all := h.changes("", true)
	named := func(ch gateway.Change) bool { return ch.Wire == shown.Name }
	i := slices.IndexFunc(all, func(ch gateway.Change) bool { return named(ch) && strings.HasPrefix(ch.Fingerprint, shown.Fingerprint) })
	if i < 0 {
		i = slices.IndexFunc(all, named)
	}
	if i < 0 {
		return gateway.Change{}, false
	}
	return all[i], true
}
