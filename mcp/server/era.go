package server

import (
	"context"
	"encoding/json"
	"net/http"

	"toolward/gateway"
	"toolward/mcp"
)

// era is what the revision of an exchange decides: what the agent may send, how
// it is told and asked things, and the form of what it gets. It has two types,
// [legacy] for revisions until 2025-11-25 and [modern] for 2026-07-28. They hold
// nothing: what an agent said is in its session, or in the request.
type era interface {
	// has reports whether the era has a method, of those that are answered here.
	has(method string) bool
	// said is what the agent told of itself, and logLevel what it wants to be
	// told of at least, "" if it did not say.
	said(x *exchange) hello
	logLevel(x *exchange) string
	// unasked reports whether log messages and changes of lists come to an agent
	// that did not ask for them.
	unasked() bool
	// parkable reports whether the request is one in which the agent is asked by
	// an input_required result.
	parkable(x *exchange) bool
	// ask asks the agent something during its request. It returns a
	// *gateway.Refusal if that cannot be, and ctx.Err() if ctx ends first.
	ask(ctx context.Context, x *exchange, method string, params json.RawMessage) (*gateway.Result, error)
	// checkParamHeaders compares header fields that mirror arguments with these.
	checkParamHeaders(x *exchange, c *gateway.Call) error

	// offer is what a list has of a definition.
	offer(t *gateway.Tool) json.RawMessage
	// complete adds what the era requires of a result and an upstream, or the
	// gateway, did not write.
	complete(method string, result json.RawMessage) json.RawMessage
	// project gives a call's result the form that the era's clients take.
	project(c *gateway.Call, result json.RawMessage) json.RawMessage
	// errorCode is the code that the era has for what an upstream's error says.
	errorCode(upstream int) int
	// statusOf is the HTTP status of a JSON-RPC error where the table of refusals
	// has none of its own.
	statusOf(code int) int
	// answersRequest reports whether a refusal is a JSON-RPC answer with status
	// 200, for whoever waits for the request.
	answersRequest(x *exchange) bool
}

// legacy is the era of sessions, 2024-11-05 to 2025-11-25.
type legacy struct{}

func (legacy) has(method string) bool                               { return method != mcp.MethodListen }
func (legacy) said(x *exchange) hello                               { return x.bond.said() }
func (legacy) logLevel(x *exchange) string                          { return x.bond.logLevel() }
func (legacy) unasked() bool                                        { return true }
func (legacy) parkable(*exchange) bool                              { return false }
func (legacy) checkParamHeaders(*exchange, *gateway.Call) error     { return nil }
func (legacy) offer(t *gateway.Tool) json.RawMessage                { return t.Offer(true) }
func (legacy) complete(_ string, r json.RawMessage) json.RawMessage { return r }
func (legacy) statusOf(int) int                                     { return http.StatusOK }

// ask sends the agent a request, on the stream of its own.
func (legacy) ask(ctx context.Context, x *exchange, method string, params json.RawMessage) (*gateway.Result, error) {
	return x.bond.ask(ctx, x, method, params)
}

// project: until 2026-07-28 structuredContent is an object. As official servers
// do, what is none becomes {"result": …}.
func (legacy) project(c *gateway.Call, result json.RawMessage) json.RawMessage {
	if c.Kind != gateway.KindTool && c.Kind != gateway.KindTask {
		return result
	}
	v, ok := c.Result.Member("structuredContent")
	if !ok || v[0] == '{' {
		return result
	}
	o, err := gateway.Split(result)
	switch {
	case err != nil:
		return result
	case v[0] == 'n':
		return gateway.JoinMembers(o.Without("structuredContent"))
	default:
		return replaceMember(result, "structuredContent", gateway.JoinMembers([]gateway.Member{{Name: "result", Value: v}}))
	}
}

func (legacy) errorCode(upstream int) int {
	switch upstream {
	case mcp.CodeHeaderMismatch, mcp.CodeCapability, mcp.CodeRevision:
		return mcp.CodeInvalidParams
	}
	return upstream
}

// answersRequest: initialize is the first request of a session.
func (legacy) answersRequest(x *exchange) bool {
	return x.msg.ID != nil && (x.bond.sessionID() != "" || x.msg.Method == mcp.MethodInitialize)
}

// modern is the era without sessions, 2026-07-28: each request says of the
// agent what has to be known.
type modern struct{}

// removed are the methods that 2026-07-28 no longer has.
var removed = map[string]bool{
	mcp.MethodInitialize: true, mcp.MethodPing: true, mcp.MethodSetLevel: true,
	mcp.MethodSubscribe: true, mcp.MethodUnsubscribe: true,
}

func (modern) has(method string) bool                                     { return !removed[method] }
func (modern) unasked() bool                                              { return false }
func (modern) offer(t *gateway.Tool) json.RawMessage                      { return t.Offer(false) }
func (modern) project(_ *gateway.Call, r json.RawMessage) json.RawMessage { return r }
func (modern) answersRequest(*exchange) bool                              { return false }
func (modern) logLevel(x *exchange) string                                { return x.speaker().metaString(mcp.MetaLogLevel) }

func (modern) said(x *exchange) hello {
	var h hello
	h.client, _ = x.meta.Get(mcp.MetaClientInfo)
	h.caps, _ = x.meta.Get(mcp.MetaCapabilities)
	return h
}

func (modern) parkable(x *exchange) bool {
	switch x.msg.Method {
	case mcp.MethodToolsCall, mcp.MethodPromptsGet, mcp.MethodResourcesRead:
	default:
		return false
	}
	caps, err := x.meta.Object(mcp.MetaCapabilities)
	if err != nil {
		return false
	}
	for _, m := range caps.Members() {
		switch m.Name {
		case "elicitation", "sampling", "roots":
			return true
		}
	}
	return false
}

// ask parks the call: its result asks, and a retry answers.
func (modern) ask(ctx context.Context, x *exchange, method string, params json.RawMessage) (*gateway.Result, error) {
	if x.park == nil {
		return nil, gateway.Refuse("surface", gateway.Unsupported, "the agent cannot be asked during "+x.msg.Method)
	}
	return x.park.request(ctx, method, params)
}

// checkParamHeaders compares Mcp-Param-* fields with the arguments, as
// 2026-07-28 wants of whoever reads the body. A connection of lines has none.
func (modern) checkParamHeaders(x *exchange, c *gateway.Call) error {
	if x.header == nil || c.Kind != gateway.KindTool {
		return nil
	}
	tool, err := x.srv.road.Catalog.Find(c.Kind, c.Server, c.Name)
	if err != nil || tool.Form != nil {
		return nil // the road refuses it, and records that; or the agent was shown no bindings
	}
	return x.srv.bindings.Of(tool).Validate(x.header, c.Args.Raw())
}

// cacheable are the methods whose results say how long they hold.
var cacheable = map[string]bool{
	mcp.MethodToolsList: true, mcp.MethodPromptsList: true, mcp.MethodResourcesList: true, mcp.MethodTemplatesList: true,
	mcp.MethodResourcesRead: true, mcp.MethodDiscover: true,
}

func (modern) complete(method string, result json.RawMessage) json.RawMessage {
	add := []gateway.Member{{Name: "resultType", Value: json.RawMessage(`"complete"`)}}
	if cacheable[method] {
		add = append(add, gateway.Member{Name: "ttlMs", Value: json.RawMessage("0")},
			gateway.Member{Name: "cacheScope", Value: json.RawMessage(`"private"`)})
	}
	return addMissing(result, add)
}

func (modern) errorCode(upstream int) int {
	if upstream == mcp.CodeResourceMissing {
		return mcp.CodeInvalidParams
	}
	return upstream
}

func (modern) statusOf(code int) int {
	switch code {
	case mcp.CodeMethodNotFound:
		return http.StatusNotFound
	case mcp.CodeHeaderMismatch, mcp.CodeCapability, mcp.CodeRevision, mcp.CodeInvalidRequest, mcp.CodeInvalidParams, mcp.CodeParse:
		return http.StatusBadRequest
	}
	return http.StatusOK
}
