package server

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"toolward/gateway"
	"toolward/mcp"
)

// listing describes a list method.
type listing struct {
	array    string // the member that holds the entries
	name     string // the member of an entry that names it
	kind     gateway.Kind
	template bool
}

var listings = map[string]listing{
	mcp.MethodToolsList:     {array: "tools", name: "name", kind: gateway.KindTool},
	mcp.MethodPromptsList:   {array: "prompts", name: "name", kind: gateway.KindPrompt},
	mcp.MethodResourcesList: {array: "resources", name: "uri", kind: gateway.KindResource},
	mcp.MethodTemplatesList: {array: "resourceTemplates", name: "uriTemplate", kind: gateway.KindResource, template: true},
}

// cursorTTL bounds how long an agent may take from one page to the next.
const cursorTTL = time.Hour

// list answers a list method with what the agent may see.
func (x *exchange) list(ctx context.Context) outcome {
	l := listings[x.msg.Method]
	if x.server != "" {
		// Without its only upstream an endpoint has no list; an empty one would
		// say that there is nothing to call.
		if about, _ := x.srv.opt.Upstreams.About(x.server); !about.Up {
			return x.refuse(ctx, gateway.Refuse("catalog", gateway.UpstreamDown, "upstream "+x.server+" is not available now"))
		}
	}
	c := x.newCallOf(gateway.KindList, x.msg.Method)
	seen, refusal := x.srv.road.List(ctx, c, l.kind)
	if refusal != nil {
		return outcome{refusal: refusal, call: c.ID}
	}
	if l.kind == gateway.KindResource {
		seen = slices.DeleteFunc(slices.Clone(seen), func(t *gateway.Tool) bool { return t.Template != l.template })
	}
	from := 0
	if cursor, ok, err := x.params.String("cursor"); err != nil {
		return x.refuseParams(ctx, `"cursor" must be a string`)
	} else if ok {
		if from = x.position(cursor, seen); from < 0 {
			return x.refuseParams(ctx, "the cursor is not valid: begin again without one")
		}
	}
	if len(seen) == 0 && !x.offers(l.array) {
		return x.unknownMethod(ctx)
	}
	var members []gateway.Member
	if x.server != "" {
		members = x.srv.opt.Upstreams.ListMembers(x.server, x.msg.Method)
	}
	return outcome{result: x.era.complete(x.msg.Method, x.srv.lists.page(x, l, seen, members, from))}
}

// offers reports whether the endpoint has a kind of list. A server that says
// which lists it has does not know the methods of the others; one that names
// none may have been silent only, and an empty list does no harm.
func (x *exchange) offers(array string) bool {
	if x.server == "" {
		return true
	}
	about, _ := x.srv.opt.Upstreams.About(x.server)
	said, err := gateway.Split(about.Capabilities)
	if err != nil {
		return true
	}
	if array == "resourceTemplates" {
		array = "resources"
	}
	named := false
	for _, kind := range []string{"tools", "prompts", "resources"} {
		if _, ok := said.Get(kind); ok {
			if named = true; kind == array {
				return true
			}
		}
	}
	return !named
}

// position is the index of the first entry after the one that a cursor names,
// -1 if the cursor is not this agent's, for this list, or the entry is gone.
func (x *exchange) position(cursor string, seen []*gateway.Tool) int {
	wire, err := x.srv.seal.open(cursor, time.Now(), x.cursorPurpose()...)
	if err != nil {
		return -1
	}
	i := slices.IndexFunc(seen, func(t *gateway.Tool) bool { return t.Wire == wire })
	if i < 0 {
		return -1
	}
	return i + 1
}

func (x *exchange) cursorPurpose() []string {
	return []string{"cursor", x.agent.Principal(), x.server, x.msg.Method}
}

// listCache keeps written pages. A page depends on the definitions that the
// agent sees and on nothing else of the agent: an entry is used again for
// whoever sees the very same tools. Only cursors are made anew, since they are
// bound to the principal.
type listCache struct {
	mu    sync.Mutex
	pages map[pageKey][]page // the views of different agents, oldest first
	bytes int
}

type pageKey struct {
	server, method string
	era            era // which offer of each tool
	from           int
}

type page struct {
	tools   []*gateway.Tool
	members json.RawMessage
	body    json.RawMessage // without its closing brace
	next    string          // wire name of the last entry if others follow
}

// Bounds of the cache. When it is full it starts again: pages are cheap to
// make, and a clock of uses is not.
const (
	maxViews     = 16
	maxListBytes = 64 << 20
)

func (lc *listCache) page(x *exchange, l listing, seen []*gateway.Tool, members []gateway.Member, from int) json.RawMessage {
	key := pageKey{x.server, x.msg.Method, x.era, from}
	extra := gateway.JoinMembers(members)
	p, ok := lc.find(key, seen, extra)
	if !ok {
		p = writePage(x, l, seen, members, from)
		p.members = extra
		lc.keep(key, p)
	}
	body := make([]byte, 0, len(p.body)+256)
	body = append(body, p.body...)
	if p.next != "" {
		body = append(body, `,"nextCursor":`...)
		body = mcp.AppendString(body, x.srv.seal.close(p.next, time.Now().Add(cursorTTL), x.cursorPurpose()...))
	}
	return append(body, '}')
}

func (lc *listCache) find(key pageKey, seen []*gateway.Tool, members json.RawMessage) (page, bool) {
	lc.mu.Lock()
	defer lc.mu.Unlock()
	for _, p := range lc.pages[key] {
		if slices.Equal(p.tools, seen) && bytes.Equal(p.members, members) {
			return p, true
		}
	}
	return page{}, false
}

func (lc *listCache) keep(key pageKey, p page) {
	lc.mu.Lock()
	defer lc.mu.Unlock()
	if lc.pages == nil || lc.bytes+len(p.body) > maxListBytes {
		lc.pages, lc.bytes = map[pageKey][]page{}, 0
	}
	views := lc.pages[key]
	if len(views) == maxViews {
		lc.bytes -= len(views[0].body)
		views = slices.Delete(views, 0, 1)
	}
	lc.pages[key] = append(views, p)
	lc.bytes += len(p.body)
}

func writePage(x *exchange, l listing, seen []*gateway.Tool, members []gateway.Member, from int) page {
	p := page{tools: slices.Clone(seen)}
	to := min(from+x.srv.opt.PageSize, len(seen))
	if to < len(seen) {
		p.next = seen[to-1].Wire
	}
	entries := []byte{'['}
	for i, t := range seen[from:to] {
		if i > 0 {
			entries = append(entries, ',')
		}
		entries = append(entries, x.entry(l, t)...)
	}
	entries = append(entries, ']')
	all := []gateway.Member{{Name: l.array, Value: entries}}
	for _, m := range members {
		// What an upstream offers to everyone is here what one agent may see.
		if m.Name == "cacheScope" {
			m.Value = json.RawMessage(`"private"`)
		}
		if m.Name != l.array && m.Name != "nextCursor" {
			all = append(all, m)
		}
	}
	body := gateway.JoinMembers(all)
	p.body = body[:len(body)-1]
	return p
}

// entry is what agents get of a definition, but for the names on /mcp: its own,
// and that of the view which shows a tool's results. An agent reads that
// resource at the same endpoint.
func (x *exchange) entry(l listing, t *gateway.Tool) json.RawMessage {
	offer := x.era.offer(t)
	if x.server != "" {
		return offer
	}
	edits := []gateway.Edit{{Where: "/" + l.name, With: t.Wire}}
	if mayNameView(offer) {
		definition, _ := gateway.Split(offer) // the catalog read it before
		edits = append(edits, viewURIs(definition, t.Server)...)
	}
	return edit(offer, edits...)
}
