package server

import (
	"context"

	"toolward/gateway"
	"toolward/mcp"
)

// call takes a request down the road.
func (x *exchange) call(ctx context.Context) outcome {
	c, err := x.newCall()
	if err != nil {
		return x.refuseAs(ctx, gateway.AsRefusal("surface", err), mcp.CodeInvalidParams, 0)
	}
	if err := x.era.checkParamHeaders(x, c); err != nil {
		return x.mismatch(ctx, clip(err.Error()))
	}
	form, err := x.restore(c)
	if err != nil {
		return x.refuse(ctx, gateway.AsRefusal("surface", err))
	}
	parked, err := x.unsealState(c)
	switch {
	case err != nil:
		return x.refuseAs(ctx, gateway.AsRefusal("surface", err), mcp.CodeInvalidParams, 0)
	case parked != "":
		return x.resume(ctx, parked)
	}
	if c.Method == mcp.MethodSubscribe && !x.bond.mayWatch() {
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
	return outcome{result: x.era.complete(x.msg.Method, x.sealState(c, x.era.project(c, x.mapResult(c, result))))}
}

// newCall makes the Call of a request, without what the request answers. The
// error says what is missing.
func (x *exchange) newCall() (c *gateway.Call, err error) {
	c = x.newCallOf(gateway.KindTool, x.msg.Method)
	c.Origin = x.srv.road.Judge(x.agent, &origin{x: x})
	args, err := x.split(c)
	if err != nil {
		return nil, err
	}
	switch x.msg.Method {
	case mcp.MethodToolsCall, mcp.MethodPromptsGet:
		if x.msg.Method == mcp.MethodPromptsGet {
			c.Kind = gateway.KindPrompt
		}
		if c.Name, _, err = args.String("name"); err != nil || c.Name == "" {
			return nil, malformed(`"name" must be a string that is not empty`)
		}
		c.Args, err = args.Args("arguments")
		return c, err
	case mcp.MethodResourcesRead, mcp.MethodSubscribe, mcp.MethodUnsubscribe:
		c.Kind = gateway.KindResource
		if c.Name, _, err = args.String("uri"); err != nil || c.Name == "" {
			return nil, malformed(`"uri" must be a string that is not empty`)
		}
		return c, ownArgs(c, args, "/uri", ownURI(x.server, c.Name))
	case mcp.MethodComplete:
		c.Kind = gateway.KindCompletion
		return c, x.completion(c, args)
	}
	c.Kind = gateway.KindTask
	if c.Name, _, err = args.String("taskId"); err != nil || c.Name == "" && x.msg.Method != mcp.MethodTasksList {
		return nil, malformed(`"taskId" must be a string that is not empty`)
	}
	c.Args = args.ArgsWithout()
	return c, nil
}

func malformed(reason string) error { return gateway.Refuse("surface", gateway.Malformed, reason) }

// completion reads the reference of completion/complete: a prompt's name or a
// template's URI.
func (x *exchange) completion(c *gateway.Call, args gateway.Object) error {
	ref, err := args.Object("ref")
	if err != nil {
		return err
	}
	if err := ref.RefuseFolded("type", "name", "uri"); err != nil {
		return malformed(`"ref" is ambiguous`)
	}
	member := "name"
	if kind, _, _ := ref.String("type"); kind == "ref/resource" {
		member = "uri"
	}
	if c.Name, _, err = ref.String(member); err != nil || c.Name == "" {
		return malformed(`"ref" must have a "type", and a "name" or "uri" with it`)
	}
	own := c.Name
	if member == "uri" {
		own = ownURI(x.server, c.Name)
	} else if x.server == "" {
		if tool, err := x.srv.road.Catalog.Find(gateway.KindPrompt, "", c.Name); err == nil {
			own = tool.Name
		}
	}
	return ownArgs(c, args, "/ref/"+member, own)
}

// ownArgs makes the call's arguments, with the upstream's own name at a place.
func ownArgs(c *gateway.Call, args gateway.Object, place, own string) (err error) {
	c.Args = args.ArgsWithout()
	if own == c.Name {
		return nil
	}
	c.Args, err = gateway.ParseArgs(edit(c.Args.Raw(), gateway.Edit{Where: place, With: own}))
	return err
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
	if c.Kind != gateway.KindResource || c.Result.IsError {
		return
	}
	r := resource{server: c.Tool.Server, uri: ownURI(x.server, c.Name)}
	switch c.Method {
	case mcp.MethodSubscribe:
		x.bond.watch(r, true)
	case mcp.MethodUnsubscribe:
		x.bond.watch(r, false)
	}
}
