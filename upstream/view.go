package upstream

import (
	"errors"
	"strings"

	"toolward/gateway"
)

// view is what the catalog offers at one moment. It is immutable.
type view struct {
	revision uint64
	servers  map[string]*serverView
	lists    map[gateway.Kind][]*gateway.Tool          // all servers, without quarantined entries
	byWire   map[gateway.Kind]map[string]*gateway.Tool // quarantined entries included
}

// matcher leads from a URI to the template that makes such.
type matcher struct {
	*template
	tool *gateway.Tool
}

type serverView struct {
	server  *server
	up      bool
	about   gateway.About
	lists   map[gateway.Kind][]*gateway.Tool
	byName  map[gateway.Kind]map[string]*gateway.Tool
	all     []*gateway.Tool // quarantined entries included
	members map[string][]gateway.Member
	byTmpl  []matcher
	any     *gateway.Tool // stands for resources that the server does not list
	tasks   *gateway.Tool // stands for tasks/list
}

// Find implements [gateway.Catalog]. A resource that is not listed is looked
// for among the templates, and else handed to the server named by its URI or
// by the endpoint: servers may serve what they do not list. For KindCompletion
// the name is that of the prompt or the URI of the template that the reference
// names; for KindTask it is "" for all tasks of a server, and [Catalog.Task] finds
// a single one.
func (c *Catalog) Find(kind gateway.Kind, server, name string) (*gateway.Tool, error) {
	v := c.view.Load()
	switch kind {
	case gateway.KindTask:
		if s := v.servers[server]; s != nil && name == "" {
			return s.tasks, v.reachable(server)
		}
		return nil, unknown(kind)
	case gateway.KindCompletion:
		// A name that is neither is a prompt's unless it can be a URI.
		t, missing := c.find(v, gateway.KindPrompt, server, name)
		if missing == nil {
			return t, nil
		}
		t, err := c.find(v, gateway.KindResource, server, name)
		if !strings.Contains(name, ":") && (err != nil || t.Name != name) {
			return nil, missing
		}
		return t, err
	}
	return c.find(v, kind, server, name)
}

func (c *Catalog) find(v *view, kind gateway.Kind, server, name string) (*gateway.Tool, error) {
	if server == "" && kind == gateway.KindResource {
		var ok bool
		if server, name, ok = gateway.SplitURI(name); !ok {
			return nil, unknown(kind)
		}
	}
	if server == "" {
		if t := v.byWire[kind][name]; t != nil {
			return t, v.reachable(t.Server)
		}
		if server, _, ok := strings.Cut(name, "__"); ok && v.servers[server] != nil { // one that was never up has no names
			if err := v.reachable(server); err != nil {
				return nil, err
			}
		}
		return nil, unknown(kind)
	}
	s := v.servers[server]
	if s == nil {
		return nil, unknown(kind)
	}
	if t := s.byName[kind][name]; t != nil {
		return t, v.reachable(server)
	}
	if err := v.reachable(server); err != nil {
		return nil, err
	}
	if kind == gateway.KindResource {
		return s.unlisted(name), nil
	}
	return nil, unknown(kind)
}

// reachable says why a server's tools cannot be called now.
func (v *view) reachable(server string) error {
	s := v.servers[server]
	if s.up {
		return nil
	}
	r := down(server, "`toolward tools list` and the gateway's log say why")
	return r.Because(errors.New(s.about.Reason)) // it may hold the upstream's own words, which are not for agents
}

// unlisted is the entry for a URI that is in no list. A template in quarantine
// keeps its URIs with it, unless another makes them too.
func (s *serverView) unlisted(uri string) *gateway.Tool {
	found := s.any
	for _, m := range s.byTmpl {
		if !m.matches(uri) {
			continue
		}
		if m.tool.Quarantined == "" {
			return m.tool
		}
		found = m.tool
	}
	return found
}

// List implements [gateway.Catalog]. Resources and templates come in one list;
// [gateway.Tool.Template] tells them apart.
func (c *Catalog) List(kind gateway.Kind, server string) []*gateway.Tool {
	v := c.view.Load()
	if server == "" {
		return v.lists[kind]
	}
	s := v.servers[server]
	if s == nil || !s.up {
		return nil
	}
	return s.lists[kind]
}

// ListMembers returns what a server's list result held beside the entries and
// the cursor (_meta, ttlMs, members of later revisions), in order. Method is
// that of the list, "tools/list".
func (c *Catalog) ListMembers(server, method string) []gateway.Member {
	s := c.view.Load().servers[server]
	if s == nil || !s.up {
		return nil
	}
	return s.members[method]
}

// rebuild makes a new view from what each server holds. The caller holds c.mu,
// or is New.
func (c *Catalog) rebuild() {
	old := c.view.Load()
	v := &view{servers: map[string]*serverView{}, lists: map[gateway.Kind][]*gateway.Tool{}, byWire: map[gateway.Kind]map[string]*gateway.Tool{}}
	for _, s := range c.fleet.Load().order {
		sv := c.viewOf(s, v)
		v.servers[s.cfg.Name] = sv
		for _, t := range sv.all {
			if v.byWire[t.Kind] == nil {
				v.byWire[t.Kind] = map[string]*gateway.Tool{}
			}
			if v.byWire[t.Kind][t.Wire] == nil {
				v.byWire[t.Kind][t.Wire] = t
			}
		}
		if !sv.up {
			continue
		}
		for kind, tools := range sv.lists {
			v.lists[kind] = append(v.lists[kind], tools...)
		}
	}
	if old != nil {
		v.revision = old.revision + 1
	}
	c.view.Store(v)
}

func (c *Catalog) viewOf(s *server, before *view) *serverView {
	sv := &serverView{
		server: s, up: s.up, about: s.about, members: s.members,
		lists:  map[gateway.Kind][]*gateway.Tool{},
		byName: map[gateway.Kind]map[string]*gateway.Tool{},
		any:    &gateway.Tool{Kind: gateway.KindResource, Server: s.cfg.Name, Name: "*", Wire: gateway.WireURI(s.cfg.Name, "*"), Labels: s.cfg.Labels, Scopes: s.cfg.Scopes, Upstream: s},
		tasks:  &gateway.Tool{Kind: gateway.KindTask, Server: s.cfg.Name, Name: "*", Wire: s.cfg.Name + "__*", Labels: s.cfg.Labels, Scopes: s.cfg.Scopes, Upstream: s},
	}
	sv.about.Server, sv.about.Up, sv.about.Reason = s.cfg.Name, s.up, s.reason
	for _, e := range s.entries {
		t := c.judge(e)
		if !e.listed {
			if t.Quarantined != "" {
				sv.withhold(t.Name)
			}
			continue
		}
		if t.Name == "" {
			continue
		}
		if before.byWire[t.Kind][t.Wire] != nil {
			t.Quarantined = "its name on /mcp is that of another upstream's"
		}
		sv.all = append(sv.all, t)
		if t.Quarantined == "" {
			sv.lists[t.Kind] = append(sv.lists[t.Kind], t)
		}
		if sv.byName[t.Kind] == nil {
			sv.byName[t.Kind] = map[string]*gateway.Tool{}
		}
		if sv.byName[t.Kind][t.Name] == nil {
			sv.byName[t.Kind][t.Name] = t
		}
		if e.template != nil {
			sv.byTmpl = append(sv.byTmpl, matcher{e.template, t})
		}
	}
	return sv
}

func unknown(kind gateway.Kind) *gateway.Refusal {
	what := map[gateway.Kind]string{gateway.KindPrompt: "prompt", gateway.KindResource: "resource", gateway.KindTask: "task"}[kind]
	if what == "" {
		what = "tool"
	}
	return gateway.Refuse("catalog", gateway.UnknownTool, "there is no "+what+" of this name")
}

func down(server, reason string) *gateway.Refusal {
	r := gateway.Refuse("upstream", gateway.UpstreamDown, "upstream "+server+" is not available")
	r.Remedy = "upstream " + server + ": " + reason
	return r
}
