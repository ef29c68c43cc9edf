package server

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	"toolward/gateway"
	"toolward/mcp"
)

// ownCapabilities are offered on /mcp, and for an upstream that has not told
// its own.
const ownCapabilities = `{"completions":{},"logging":{},"prompts":{"listChanged":true},"resources":{"listChanged":true,"subscribe":true},"tools":{"listChanged":true}}`

// about is what the endpoint says of itself: the gateway on /mcp, the upstream
// on /mcp/{server}.
func (x *exchange) about(ctx context.Context) (info, caps json.RawMessage, instructions string) {
	info = gateway.JoinMembers([]gateway.Member{
		{Name: "name", Value: mcp.Quote(x.srv.opt.Name)},
		{Name: "version", Value: mcp.Quote(x.srv.opt.Version)},
	})
	caps = json.RawMessage(ownCapabilities)
	if x.server == "" {
		seen := x.seen(ctx)
		return info, x.capabilities(seen), instructionsOf(seen)
	}
	about, _ := x.srv.opt.Upstreams.About(x.server)
	if about.Info != nil {
		info = about.Info
	}
	if about.Capabilities != nil {
		caps = about.Capabilities
	}
	if x.srv.road.State.Admit(x.agent, x.server) != nil {
		about.Instructions = "" // text of who is blocked
	}
	return info, caps, about.Instructions
}

// seen are the upstreams that the agent may use something of, in the order of
// the lists. What the others say is nothing to it.
func (x *exchange) seen(ctx context.Context) (seen []gateway.About) {
	servers := map[string]bool{}
	for _, kind := range []gateway.Kind{gateway.KindTool, gateway.KindPrompt, gateway.KindResource} {
		visible, err := x.srv.road.Policy.Visible(ctx, x.agent, x.srv.road.State.Offer(x.agent, x.srv.road.Catalog.List(kind, "")))
		if err != nil {
			x.srv.log.Error("what an agent may see is not known", "kind", kind, "error", err)
			return nil
		}
		for _, t := range visible {
			servers[t.Server] = true
		}
	}
	for _, name := range x.srv.opt.Upstreams.Servers() {
		if about, ok := x.srv.opt.Upstreams.About(name); ok && about.Up && servers[name] {
			seen = append(seen, about)
		}
	}
	return seen
}

// capabilities are the gateway's own, with what upstreams alone can do: tasks
// of tools (MCP 2025-11-25), and extensions. Tasks cannot be listed across
// upstreams.
func (x *exchange) capabilities(seen []gateway.About) json.RawMessage {
	own, _ := gateway.Split(json.RawMessage(ownCapabilities)) // a constant
	members := slices.Clone(own.Members())
	tasks := map[string]json.RawMessage{}
	extensions := map[string]json.RawMessage{}
	for _, about := range seen {
		said, err := gateway.Split(about.Capabilities)
		if err != nil {
			continue // it told none
		}
		gather(tasks, said, "tasks", "cancel", "requests")
		gather(extensions, said, "extensions")
	}
	for name, all := range map[string]map[string]json.RawMessage{"tasks": tasks, "extensions": extensions} {
		if len(all) > 0 {
			raw, _ := json.Marshal(all) // JSON that was checked before
			members = append(members, gateway.Member{Name: name, Value: raw})
		}
	}
	slices.SortFunc(members, func(a, b gateway.Member) int { return strings.Compare(a.Name, b.Name) })
	return gateway.JoinMembers(members)
}

// gather adds the members of an object within what an upstream said, only those
// that are named if any are. Of several that differ the first one stays.
func gather(all map[string]json.RawMessage, said gateway.Object, within string, only ...string) {
	o, err := said.Object(within)
	if err != nil {
		return
	}
	for _, m := range o.Members() {
		if _, has := all[m.Name]; !has && (len(only) == 0 || slices.Contains(only, m.Name)) {
			all[m.Name] = m.Value
		}
	}
}

// Bounds of what upstreams' instructions add to an agent's prompt, in bytes: of
// one, and of all.
const (
	maxInstructions    = 4 << 10
	maxAllInstructions = 32 << 10
)

// instructionsOf are the upstreams' instructions (those that guard and pins let
// pass), each under its server's name. An upstream cannot write another's
// heading.
func instructionsOf(seen []gateway.About) string {
	var b strings.Builder
	for _, about := range seen {
		if about.Instructions == "" {
			continue
		}
		text := strings.ReplaceAll("\n"+about.Instructions, "\n"+heading, "\n "+heading)
		if b.Len() == 0 {
			b.WriteString("Several servers are offered here. The names of a server's tools and prompts begin with its own.\n")
		}
		section := "\n" + heading + about.Server + cut(text, maxInstructions) + "\n"
		if b.Len()+len(section) > maxAllInstructions {
			b.WriteString("\n(The instructions of further servers are left out.)\n")
			break
		}
		b.WriteString(section)
	}
	return b.String()
}

const heading = "## Server "

// cut is at most so many bytes of text, and says so if that is not all.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most] + "…\n(The rest is left out.)"
}
