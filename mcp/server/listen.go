package server

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"

	"toolward/gateway"
	"toolward/mcp"
)

// maxWatched bounds the resources that one session or listener subscribes to.
const maxWatched = 1024

// covers reports whether a resource, or one that it is part of, is subscribed
// to: an update may name a sub-resource (MCP server/resources, subscriptions).
func covers(watched map[resource]bool, r resource) bool {
	if watched[r] {
		return true
	}
	for w := range watched {
		if w.server == r.server && strings.HasPrefix(r.uri, w.uri) {
			return true
		}
	}
	return false
}

// listener is one subscriptions/listen of a stateless agent.
type listener struct {
	x       *exchange
	methods map[string]bool // list_changed notifications it asked for
	watched map[resource]bool
	end     context.CancelFunc // ends it in good order

	mu    sync.Mutex
	ready bool // the acknowledgement is on its way: events may follow
}

// listens are the open listeners, bounded like sessions: who has as many as it
// may ends its oldest, and when there are as many as there may be, the principal
// with the most ends its oldest for one that has fewer.
type listens struct {
	mu                 sync.Mutex
	most, perPrincipal int
	open               int
	principal          map[string][]*listener // oldest first
}

func newListens() *listens { return &listens{principal: map[string][]*listener{}} }

// bound sets how many there may be. The oldest of what is beyond end.
func (l *listens) bound(perPrincipal, most int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.perPrincipal, l.most = perPrincipal, most
	end := func(owner string) {
		oldest := l.principal[owner][0]
		l.drop(owner, oldest)
		oldest.end()
	}
	for owner := range l.principal {
		for len(l.principal[owner]) > perPrincipal {
			end(owner)
		}
	}
	for l.open > most {
		fullest := ""
		for owner, all := range l.principal {
			if len(all) > len(l.principal[fullest]) {
				fullest = owner
			}
		}
		end(fullest)
	}
}

// add opens a listener; false if there is no room.
func (l *listens) add(one *listener) bool {
	owner := one.x.agent.Principal()
	l.mu.Lock()
	defer l.mu.Unlock()
	gives, has := "", len(l.principal[owner])
	if has >= l.perPrincipal {
		gives = owner
	} else if l.open >= l.most {
		most := has + 1
		for other, all := range l.principal {
			if len(all) > most {
				gives, most = other, len(all)
			}
		}
		if gives == "" {
			return false
		}
	}
	if gives != "" {
		oldest := l.principal[gives][0]
		l.drop(gives, oldest)
		oldest.end()
	}
	l.principal[owner] = append(l.principal[owner], one)
	l.open++
	return true
}

func (l *listens) remove(one *listener) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.drop(one.x.agent.Principal(), one)
}

// drop takes a listener out, if it is there; the caller holds the lock.
func (l *listens) drop(owner string, one *listener) {
	all := l.principal[owner]
	i := slices.Index(all, one)
	if i < 0 {
		return
	}
	l.open--
	if all = slices.Delete(all, i, i+1); len(all) == 0 {
		delete(l.principal, owner)
	} else {
		l.principal[owner] = all
	}
}

// wanted reports whether another listener of the principal subscribes to a
// resource: upstreams count the subscriptions of stateless agents by principal.
func (l *listens) wanted(owner string, r resource) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.principal[owner], func(one *listener) bool { return one.watched[r] })
}

func (l *listens) list() []*listener {
	l.mu.Lock()
	defer l.mu.Unlock()
	open := make([]*listener, 0, l.open)
	for _, all := range l.principal {
		open = append(open, all...)
	}
	return open
}

// Members of a subscription filter, with the notification that each asks for.
var filters = []struct{ member, method string }{
	{"toolsListChanged", mcp.NoteToolsChanged},
	{"promptsListChanged", mcp.NotePromptsChanged},
	{"resourcesListChanged", mcp.NoteResourcesChanged},
}

// listen serves subscriptions/listen until the agent closes it or its token
// expires. Each resource is subscribed to by a call on the road; the
// acknowledgement names those that were allowed.
func (x *exchange) listen(ctx context.Context) outcome {
	// On a connection of lines there was no door, nor anywhere one that knows the server.
	if err := x.srv.road.State.Admit(x.agent, x.server); err != nil {
		return x.refuse(ctx, gateway.AsRefusal("state", err))
	}
	until, end := untilExpiry(ctx, x.agent)
	defer end()
	defer x.srv.barriers.watch(x.agent, x.server, end)()
	one := &listener{x: x, methods: map[string]bool{}, watched: map[resource]bool{}, end: end}
	agreed, uris, reason := one.filter()
	if reason != "" {
		return x.refuseParams(ctx, reason)
	}
	var subscribed []json.RawMessage
	for _, uri := range uris {
		if r, ok := x.subscription(ctx, mcp.MethodSubscribe, uri); ok {
			one.watched[r] = true
			subscribed = append(subscribed, mcp.Quote(uri))
			defer x.unsubscribe(context.WithoutCancel(ctx), uri, r)
		}
	}
	if subscribed != nil {
		raw, _ := json.Marshal(subscribed) // quoted strings: cannot fail
		agreed = append(agreed, gateway.Member{Name: "resourceSubscriptions", Value: raw})
	}
	if agreed != nil {
		if !x.srv.listens.add(one) {
			return x.refuse(ctx, gateway.Refuse("surface", gateway.Overloaded, "too many subscriptions/listen are open"))
		}
		defer x.srv.listens.remove(one)
	}
	if err := one.acknowledge(agreed); err != nil {
		return x.refuse(ctx, gateway.Refuse("surface", gateway.Unsupported, "subscriptions/listen needs a client that accepts text/event-stream").Because(err))
	}
	if agreed != nil {
		select {
		case <-until.Done():
		case <-x.srv.draining.Done():
		}
	}
	return outcome{result: x.era.complete(x.msg.Method, gateway.JoinMembers([]gateway.Member{{Name: "_meta", Value: one.tag()}}))}
}

// filter reads what the agent wants to hear of. agreed has the members of the
// acknowledgement, but for the resources.
func (one *listener) filter() (agreed []gateway.Member, uris []string, reason string) {
	wants, err := one.x.params.Object("notifications")
	if err != nil {
		return nil, nil, `"notifications" must be an object`
	}
	for _, f := range filters {
		if on, _ := wants.Get(f.member); string(on) == "true" {
			one.methods[f.method] = true
			agreed = append(agreed, gateway.Member{Name: f.member, Value: on})
		}
	}
	uris, reason = subscriptions(wants)
	return agreed, uris, reason
}

// unsubscribe runs after the listener is gone from the list.
func (x *exchange) unsubscribe(ctx context.Context, uri string, r resource) {
	if !x.srv.listens.wanted(x.agent.Principal(), r) {
		_, _ = x.subscription(ctx, mcp.MethodUnsubscribe, uri) // a refusal is on record, and nobody is left to tell
	}
}

func subscriptions(wants gateway.Object) (uris []string, reason string) {
	raw, has := wants.Get("resourceSubscriptions")
	if !has {
		return nil, ""
	}
	if json.Unmarshal(raw, &uris) != nil {
		return nil, `"resourceSubscriptions" must be an array of strings`
	}
	if len(uris) > maxWatched {
		return nil, "too many resource subscriptions in one request"
	}
	return uris, ""
}

// subscription subscribes to a resource, or ends that, for a listener.
func (x *exchange) subscription(ctx context.Context, method, uri string) (resource, bool) {
	c := x.newCallOf(gateway.KindResource, method)
	c.Name = uri
	c.Origin = x.srv.road.Judge(x.agent, &origin{x: x})
	own := ownURI(x.server, uri)
	args, err := gateway.ParseArgs(gateway.JoinMembers([]gateway.Member{{Name: "uri", Value: mcp.Quote(own)}}))
	if err != nil {
		return resource{}, false
	}
	c.Args = args
	result, refusal := x.srv.road.Do(ctx, c)
	if refusal != nil || result.IsError {
		return resource{}, false
	}
	return resource{c.Tool.Server, own}, true
}

// tag is the _meta that marks messages of this subscription.
func (one *listener) tag() json.RawMessage {
	return gateway.JoinMembers([]gateway.Member{{Name: mcp.MetaSubscriptionID, Value: one.x.msg.ID}})
}

// acknowledge sends what was agreed on. It comes first: no event is sent before it, and
// each one that comes after it is.
func (one *listener) acknowledge(agreed []gateway.Member) error {
	one.mu.Lock()
	defer one.mu.Unlock()
	one.ready = true
	return one.send(mcp.NoteAcknowledged, []gateway.Member{{Name: "notifications", Value: gateway.JoinMembers(agreed)}}, true)
}

// tell sends an event, if it is time for that.
func (one *listener) tell(method string, members []gateway.Member) {
	one.mu.Lock()
	defer one.mu.Unlock()
	if one.ready {
		_ = one.send(method, members, false) // a full queue already holds a reason to read on
	}
}

func (one *listener) send(method string, members []gateway.Member, must bool) error {
	if one.x.out == nil {
		return errNoStream
	}
	params := gateway.JoinMembers(append(members, gateway.Member{Name: "_meta", Value: one.tag()}))
	return one.x.out.send(mcp.AppendNotification(nil, method, params), must, true)
}

// Event takes what an upstream sent that no call caused, and passes it to the
// agents that it concerns: list changes to everyone on the endpoints that show
// the upstream, updates to subscribers, and anything with text in it only to
// the session whose own connection it came from, judged. It does not block.
func (s *Server) Event(e gateway.Event) {
	switch e.Method {
	case mcp.NoteToolsChanged, mcp.NotePromptsChanged, mcp.NoteResourcesChanged:
		s.listChanged(e.Method, func(a *gateway.Agent, endpoint string) bool {
			return shows(endpoint, e.Server) && s.road.State.Admit(a, e.Server) == nil
		})
	case mcp.NoteResourceUpdated:
		s.resourceUpdated(e)
	default:
		if e.Session != "" {
			s.sessionEvent(e)
		}
	}
}

// ListsChanged tells agents to ask for their lists again: what they may see has
// changed, not what upstreams offer.
func (s *Server) ListsChanged() {
	for _, f := range filters {
		s.listChanged(f.method, func(a *gateway.Agent, endpoint string) bool { return s.road.State.Admit(a, endpoint) == nil })
	}
}

// listChanged tells agents whom it concerns.
func (s *Server) listChanged(method string, concerns func(a *gateway.Agent, endpoint string) bool) {
	msg := mcp.AppendNotification(nil, method, nil)
	for _, ss := range s.sessions.list() {
		if ss.greeted() && ss.main.live() && concerns(ss.currentAgent(), ss.server) {
			_ = ss.main.send(msg, false, true) // a full queue already holds a reason to read on
		}
	}
	for _, one := range s.listens.list() {
		if one.methods[method] && concerns(one.x.agent, one.x.server) {
			one.tell(method, nil)
		}
	}
}

func (s *Server) resourceUpdated(e gateway.Event) {
	params, err := gateway.Split(e.Params)
	if err != nil {
		return
	}
	uri, _, err := params.String("uri")
	if err != nil {
		return
	}
	r := resource{e.Server, uri}
	for _, ss := range s.sessions.list() {
		if meant(e, ss.id, "") && ss.watches(r) && ss.main.live() && s.road.State.Admit(ss.currentAgent(), e.Server) == nil {
			_ = ss.main.send(mcp.AppendNotification(nil, e.Method, gateway.JoinMembers(wireUpdate(ss.server, r))), false, true)
		}
	}
	for _, one := range s.listens.list() {
		if meant(e, "", one.x.agent.Principal()) && covers(one.watched, r) && s.road.State.Admit(one.x.agent, e.Server) == nil {
			one.tell(e.Method, wireUpdate(one.x.server, r))
		}
	}
}

// meant reports whether an event can be for a session, or for a principal
// without one: for who has the connection that it came on, and for everyone if
// that is shared. Who has a connection of its own subscribed there, and hears of
// it there.
func meant(e gateway.Event, session, principal string) bool {
	return e.Session == session && e.Principal == principal || e.Session == "" && e.Principal == ""
}

func wireUpdate(endpoint string, r resource) []gateway.Member {
	uri := r.uri
	if endpoint == "" {
		uri = gateway.WireURI(r.server, uri)
	}
	return []gateway.Member{{Name: "uri", Value: mcp.Quote(uri)}}
}

func (s *Server) sessionEvent(e gateway.Event) {
	ss := s.sessions.byOwnID(e.Session)
	if ss == nil || !ss.greeted() || !ss.main.live() {
		return
	}
	a := ss.currentAgent()
	x := s.exchange(a, ss.surface, "", ss.server)
	x.join(ss)
	// An error is a refusal, which Judge recorded, or a full queue.
	_ = gateway.Outside(s.road.Judge(a, &origin{x: x}), e.Server).Notify(s.base, nil, e.Method, e.Params)
}

// shows reports whether an endpoint offers an upstream.
func shows(endpoint, server string) bool { return endpoint == "" || endpoint == server }

// untilExpiry ends with the agent's token.
func untilExpiry(ctx context.Context, a *gateway.Agent) (context.Context, context.CancelFunc) {
	if a.Expires.IsZero() {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, a.Expires)
}
