package server

import (
	"context"
	"encoding/json"

	"toolward/gateway"
	"toolward/mcp"
)

// call takes a request down the road.
func (x *exchange) call(ctx context.Context) outcome {
	c, reason := x.newCall()
	if reason != "" {
		return x.refuseParams(ctx, reason)
	}
	if err := x.checkParamHeaders(c); err != nil {
		return x.mismatch(ctx, clip(err.Error()))
	}
	form, err := x.restore(c)
	if err != nil {
		return x.refuse(ctx, gateway.AsRefusal("surface", err))
	}
	parked, reason := x.unsealState(c)
	switch {
	case reason != "":
		return x.refuseParams(ctx, reason)
	case parked != "":
		return x.resume(ctx, parked)
	}
	if c.Method == mcp.MethodSubscribe && x.session != nil && !x.session.mayWatch() {
		return x.refuse(ctx, gateway.Refuse("surface", gateway.Overloaded, "the session has subscribed to as many resources as it may"))
	}
	result, refusal := x.srv.road.Do(ctx, c)
	if refusal != nil {
		return outcome{refusal: gateway.InNames(form, refusal), call: c.ID}
	}
	x.watched(c)
	if result.Error != nil {
		return outcome{failure: result.Error}
	}
	return outcome{result: x.complete(x.sealState(c, x.project(c, x.mapResult(c, result.Raw))))}
}

// newCall makes the Call of a request. The reason says what is missing.
func (x *exchange) newCall() (c *gateway.Call, reason string) {
	c = gateway.NewCall(x.surface, gateway.KindTool, x.msg.Method)
	c.Protocol, c.Peer, c.Agent, c.Server = x.revision, x.peer, x.agent, x.server
	c.Origin = x.srv.road.Judge(x.agent, &origin{x: x})
	var err error
	switch x.msg.Method {
	case mcp.MethodToolsCall, mcp.MethodPromptsGet:
		if x.msg.Method == mcp.MethodPromptsGet {
			c.Kind = gateway.KindPrompt
		}
		if c.Name, _, err = x.params.String("name"); err != nil || c.Name == "" {
			return nil, `"name" must be a string that is not empty`
		}
		if c.Args, err = x.params.Args("arguments"); err != nil {
			return nil, `"arguments" must be an object`
		}
		c.Extra = x.extra("name", "arguments")
		return c, ""
	case mcp.MethodResourcesRead, mcp.MethodSubscribe, mcp.MethodUnsubscribe:
		c.Kind = gateway.KindResource
		if c.Name, _, err = x.params.String("uri"); err != nil || c.Name == "" {
			return nil, `"uri" must be a string that is not empty`
		}
		reason = x.ownArgs(c, "/uri", ownURI(x.server, c.Name))
	case mcp.MethodComplete:
		c.Kind = gateway.KindCompletion
		reason = x.completion(c)
	default:
		c.Kind = gateway.KindTask
		if c.Name, _, err = x.params.String("taskId"); err != nil || c.Name == "" && x.msg.Method != mcp.MethodTasksList {
			return nil, `"taskId" must be a string that is not empty`
		}
		c.Args = x.params.ArgsWithout(besideArgs...)
	}
	c.Extra = nil
	for _, m := range x.extra() {
		if isBeside(m.Name) {
			c.Extra = append(c.Extra, m)
		}
	}
	return c, reason
}

// besideArgs are the members of params that are about the request, not about
// what it asks for.
var besideArgs = []string{"_meta", "inputResponses", "requestState", "task"}

func isBeside(name string) bool {
	for _, b := range besideArgs {
		if b == name {
			return true
		}
	}
	return false
}

// completion reads the reference of completion/complete: a prompt's name or a
// template's URI.
func (x *exchange) completion(c *gateway.Call) (reason string) {
	ref, err := x.params.Object("ref")
	if err != nil {
		return `"ref" must be an object`
	}
	if err := ref.RefuseFolded("type", "name", "uri"); err != nil {
		return `"ref" is ambiguous`
	}
	member := "name"
	if kind, _, _ := ref.String("type"); kind == "ref/resource" {
		member = "uri"
	}
	if c.Name, _, err = ref.String(member); err != nil || c.Name == "" {
		return `"ref" must have a "type", and a "name" or "uri" with it`
	}
	own := c.Name
	if member == "uri" {
		own = ownURI(x.server, c.Name)
	} else if x.server == "" {
		if tool, err := x.srv.road.Catalog.Find(gateway.KindPrompt, "", c.Name); err == nil {
			own = tool.Name
		}
	}
	return x.ownArgs(c, "/ref/"+member, own)
}

// ownArgs makes Args of params, with the upstream's own name at a place.
func (x *exchange) ownArgs(c *gateway.Call, place, own string) (reason string) {
	c.Args = x.params.ArgsWithout(besideArgs...)
	if own == c.Name {
		return ""
	}
	var err error
	if c.Args, err = gateway.ParseArgs(edit(c.Args.Raw(), gateway.Edit{Where: place, With: own})); err != nil {
		return "the arguments are not valid with the upstream's own name in them"
	}
	return ""
}

// ownURI is an upstream's own URI for what the agent wrote; the same on
// /mcp/{server}. What is no URI of /mcp stays, and the catalog refuses it.
func ownURI(server, uri string) string {
	if server != "" {
		return uri
	}
	if _, own, ok := gateway.SplitURI(uri); ok {
		return own
	}
	return uri
}

// extra is params without the named members, with _meta cleaned.
func (x *exchange) extra(without ...string) []gateway.Member {
	rest := x.params.Without(without...)
	for i, m := range rest {
		if m.Name == "_meta" {
			rest[i].Value = cleanMeta(x.meta)
		}
	}
	return rest
}

// checkParamHeaders compares Mcp-Param-* fields with the arguments, as
// 2026-07-28 wants of whoever reads the body, and keeps them in the call.
func (x *exchange) checkParamHeaders(c *gateway.Call) error {
	if !x.modern || x.header == nil || c.Kind != gateway.KindTool {
		return nil
	}
	tool, err := x.srv.road.Catalog.Find(c.Kind, c.Server, c.Name)
	if err != nil || tool.Form != nil {
		return nil // the road refuses it, and records that; or the agent was shown no bindings
	}
	return x.srv.bindings.Of(tool).Validate(x.header, c.Args.Raw())
}

// restore puts the upstream's names into arguments that were written in those of
// another form, nil if there is none.
func (x *exchange) restore(c *gateway.Call) (gateway.Form, error) {
	if c.Kind != gateway.KindTool {
		return nil, nil
	}
	tool, err := x.srv.road.Catalog.Find(c.Kind, c.Server, c.Name)
	if err != nil || tool.Form == nil {
		return nil, nil // the road refuses it, and records that
	}
	c.Args, err = tool.Form.Restore(c.Args)
	return tool.Form, err
}

// watched keeps the session's list of subscriptions.
func (x *exchange) watched(c *gateway.Call) {
	if x.session == nil || c.Kind != gateway.KindResource || c.Result.IsError {
		return
	}
	r := resource{server: c.Tool.Server, uri: ownURI(x.server, c.Name)}
	switch c.Method {
	case mcp.MethodSubscribe:
		x.session.watch(r, true)
	case mcp.MethodUnsubscribe:
		x.session.watch(r, false)
	}
}

// complete adds what 2026-07-28 requires of every result, where an upstream of
// an older revision, or the gateway, did not write it.
func (x *exchange) complete(result json.RawMessage) json.RawMessage {
	if !x.modern {
		return result
	}
	add := []gateway.Member{{Name: "resultType", Value: json.RawMessage(`"complete"`)}}
	if cacheable[x.msg.Method] {
		add = append(add, gateway.Member{Name: "ttlMs", Value: json.RawMessage("0")},
			gateway.Member{Name: "cacheScope", Value: json.RawMessage(`"private"`)})
	}
	return addMissing(result, add)
}

// cacheable are the methods whose results say how long they hold.
var cacheable = map[string]bool{
	mcp.MethodToolsList: true, mcp.MethodPromptsList: true, mcp.MethodResourcesList: true, mcp.MethodTemplatesList: true,
	mcp.MethodResourcesRead: true, mcp.MethodDiscover: true,
}
